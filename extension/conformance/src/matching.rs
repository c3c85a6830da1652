//! Comparing what came back with what a data file expects.

use serde_json::Value;

/// Compares by the rules of the README: an object names the members that matter, an array has exactly as many elements, anything else is
/// equal; `{"$range": [low, high]}`, `{"$not_null": true}` and `{"$contains": "text"}` match by their meaning.
///
/// # Errors
/// One sentence that says where the two differ.
pub fn matches(expected: &Value, actual: &Value) -> Result<(), String> {
    compare(expected, actual, "result")
}

fn compare(expected: &Value, actual: &Value, at: &str) -> Result<(), String> {
    match (expected, actual) {
        (Value::Object(rule), _) if rule.len() == 1 && rule.keys().all(|key| key.starts_with('$') && key != "$base64") => {
            let (name, operand) = rule.iter().next().expect("one member");
            if rule_holds(name, operand, actual) { Ok(()) } else { differ(at, expected, actual) }
        }
        (Value::Object(members), Value::Object(found)) => {
            for (name, member) in members {
                let Some(value) = found.get(name) else { return Err(format!("{at} has no {name:?}: {actual}")) };
                compare(member, value, &format!("{at}.{name}"))?;
            }
            Ok(())
        }
        (Value::Array(elements), Value::Array(found)) => {
            if elements.len() != found.len() {
                return Err(format!("{at} has {} elements, expected {}: {actual}", found.len(), elements.len()));
            }
            for (index, (element, value)) in elements.iter().zip(found).enumerate() {
                compare(element, value, &format!("{at}[{index}]"))?;
            }
            Ok(())
        }
        (Value::Number(one), Value::Number(other)) if one.as_f64() == other.as_f64() => Ok(()),
        _ if expected == actual => Ok(()),
        _ => differ(at, expected, actual),
    }
}

fn rule_holds(name: &str, operand: &Value, actual: &Value) -> bool {
    match (name, operand, actual) {
        ("$not_null", Value::Bool(true), actual) => !actual.is_null(),
        ("$range", Value::Array(bounds), Value::Number(number)) => {
            let number = number.as_i64().expect("a range is of whole numbers");
            let bounds: Vec<i64> = bounds.iter().map(|bound| bound.as_i64().expect("a bound is a whole number")).collect();
            bounds.len() == 2 && (bounds[0]..=bounds[1]).contains(&number)
        }
        ("$contains", Value::String(part), Value::String(text)) => text.contains(part.as_str()),
        ("$range" | "$contains", ..) => false,
        _ => panic!("the data files know no rule {name}: {operand}"),
    }
}

fn differ(at: &str, expected: &Value, actual: &Value) -> Result<(), String> {
    Err(format!("{at} is {actual}, expected {expected}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_object_names_what_matters_and_an_array_is_complete() {
        assert_eq!(matches(&json!({"a": [{"b": 1}]}), &json!({"a": [{"b": 1, "c": 2}], "d": 3})), Ok(()));
        assert_eq!(matches(&json!([1]), &json!([1, 2])).unwrap_err(), "result has 2 elements, expected 1: [1,2]");
        assert_eq!(matches(&json!({"a": {"b": 2}}), &json!({"a": {"b": 1}})).unwrap_err(), "result.a.b is 1, expected 2");
        assert_eq!(matches(&json!({"a": null}), &json!({})).unwrap_err(), "result has no \"a\": {}");
    }

    #[test]
    fn rules_match_by_their_meaning() {
        assert_eq!(matches(&json!({"$range": [1, 3]}), &json!(3)), Ok(()));
        assert!(matches(&json!({"$range": [1, 3]}), &json!(4)).is_err());
        assert!(matches(&json!({"$range": [1, 3]}), &json!(null)).is_err());
        assert!(matches(&json!({"$not_null": true}), &json!(null)).is_err());
        assert_eq!(matches(&json!({"$contains": "old"}), &json!("too old")), Ok(()));
        assert!(matches(&json!({"$base64": "AA=="}), &json!({"$base64": "AQ=="})).is_err());
    }
}
