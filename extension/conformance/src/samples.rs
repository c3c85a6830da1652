//! The samples of an exposition: what a monitoring system reads of it.

use std::collections::HashSet;

use serde_json::{Map, Value};

/// Each sample as it is written, `name{label="value"}`, with its number. `openmetrics` is the same exposition in the other format, which must say the same.
///
/// # Errors
/// A line that neither format has, a sample without help and type before it, one that is there twice, and formats that differ.
pub fn read(prometheus: &str, openmetrics: &str) -> Result<Value, String> {
    let rest = openmetrics.strip_suffix("# EOF\n").ok_or("OpenMetrics ends with # EOF")?;
    let (samples, others) = (parse(prometheus)?, parse(rest)?);
    if samples != others {
        return Err(format!("the formats differ:\n{prometheus}\n{openmetrics}"));
    }
    Ok(Value::Object(samples))
}

fn parse(text: &str) -> Result<Map<String, Value>, String> {
    let mut samples = Map::new();
    let (mut helped, mut typed) = (HashSet::new(), HashSet::new());
    for line in text.lines() {
        let wrong = |why: &str| format!("{why}: {line:?}");
        if let Some(about) = line.strip_prefix("# HELP ") {
            let (name, _) = about.split_once(' ').ok_or_else(|| wrong("no help"))?;
            helped.insert(name);
            continue;
        }
        if let Some(about) = line.strip_prefix("# TYPE ") {
            let (name, _) = about.split_once(' ').ok_or_else(|| wrong("no type"))?;
            typed.insert(name);
            continue;
        }
        let (sample, number) = line.rsplit_once(' ').ok_or_else(|| wrong("no sample"))?;
        let number: f64 = number.parse().map_err(|_| wrong("no number"))?;
        let name = sample.split('{').next().unwrap_or_default();
        let families = ["", "_total", "_bucket", "_sum", "_count"].map(|suffix| name.strip_suffix(suffix).unwrap_or(name));
        if !families.iter().any(|family| helped.contains(family) && typed.contains(family)) {
            return Err(wrong("no help or no type stands before it"));
        }
        if samples.insert(sample.to_owned(), number.into()).is_some() {
            return Err(wrong("there twice"));
        }
    }
    Ok(samples)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "# HELP a_total Things.\n# TYPE a_total counter\n";
    const OTHER_HEAD: &str = "# HELP a Things.\n# TYPE a counter\n";

    fn both(samples: &str, others: &str) -> Result<Value, String> {
        read(&format!("{HEAD}{samples}"), &format!("{OTHER_HEAD}{others}# EOF\n"))
    }

    #[test]
    fn samples_have_the_names_that_they_are_written_with() {
        let samples = both("a_total{of=\"x y\"} 2\n", "a_total{of=\"x y\"} 2\n").unwrap();
        assert_eq!(samples, serde_json::json!({"a_total{of=\"x y\"}": 2.0}));
    }

    #[test]
    fn what_no_monitoring_system_would_take_is_refused() {
        let one = "a_total 1\n";
        for (samples, why) in [("a_total 1\na_total 2\n", "there twice"), ("b_total 1\n", "no help"), ("a_total one\n", "no number")] {
            assert!(both(samples, one).unwrap_err().contains(why));
        }
        assert!(both(one, "a_total 2\n").unwrap_err().contains("differ"));
        assert!(read(one, one).unwrap_err().contains("EOF"));
    }
}
