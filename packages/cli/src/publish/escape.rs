//! Names for other systems: the id by which a stream knows a message again, and the subject that it stands under.
//!
//! An endpoint's name holds letters, digits, `_`, `.` and `-`; a key and a type hold anything.

/// What an id holds as it is. Everything else is `=` and two hexadecimal digits for each byte, so that no two keys give one id, and so that the
/// id can be a header which is signed, or a token of any system.
fn plain_in_id(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-')
}

/// The id of the occurrence `key` at an endpoint: the same for each retry of the provider, on whichever machine it arrives.
pub fn id_of_key(endpoint: &str, key: &str) -> String {
    format!("{}/{}", escaped(endpoint, b'=', plain_in_id), escaped(key, b'=', plain_in_id))
}

/// The id of an event that nothing identifies: the same each time it is published. What is hashed tells it from an event of another file that
/// has the same number.
pub fn id_of_event(endpoint: &str, event_id: i64, received_at: i64, digest: &str) -> String {
    format!("{}+{event_id}.{received_at}.{digest}", escaped(endpoint, b'=', plain_in_id))
}

/// `prefix.endpoint.type`. The endpoint is one token; dots in a type part tokens, so that `order.*` can be subscribed to. No token is empty,
/// a wildcard, or begins as those of the server do.
pub fn subject(prefix: &str, endpoint: &str, event_type: Option<&str>) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'/' | b':' | b'+' | b'=');
    let endpoint = escaped(endpoint, b'%', plain);
    let Some(event_type) = event_type.filter(|name| !name.is_empty()) else { return format!("{prefix}.{endpoint}._") };
    let tokens: Vec<String> = event_type.split('.').map(|token| escaped(token, b'%', plain)).collect();
    // An empty token would be refused: its dots are no separators then.
    let joined = if tokens.iter().any(String::is_empty) { tokens.join("%2E") } else { tokens.join(".") };
    format!("{prefix}.{endpoint}.{joined}")
}

/// The pattern of every subject of an endpoint.
pub fn subjects(prefix: &str, endpoint: &str) -> String {
    let one = subject(prefix, endpoint, None);
    one.strip_suffix('_').unwrap_or(&one).to_owned() + ">"
}

/// Whether a pattern of subjects takes in everything that another one does.
pub fn covers(pattern: &str, subjects: &str) -> bool {
    let (mut pattern, mut subjects) = (pattern.split('.'), subjects.split('.'));
    loop {
        match (pattern.next(), subjects.next()) {
            (Some(">"), Some(_)) | (None, None) => return true,
            (Some("*"), Some(token)) if token != ">" => {}
            (Some(wanted), Some(token)) if wanted == token => {}
            _ => return false,
        }
    }
}

fn escaped(text: &str, sign: u8, plain: impl Fn(u8) -> bool) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if plain(byte) && byte != sign {
            out.push(byte.into());
        } else {
            out.push_str(&format!("{}{byte:02X}", char::from(sign)));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    #[test]
    fn no_two_occurrences_have_one_id() {
        let endpoints = ["a", "a.b", "b", "a-b", "A", "a+1.2"];
        let keys = ["", "b", "b/c", "/b", "b=2Fc", "b=", "b c", "b\nc", "é", "=", "2F", "a.b", "1.2"];
        let mut seen = HashMap::new();
        for endpoint in endpoints {
            for key in keys {
                let id = id_of_key(endpoint, key);
                assert!(id.bytes().all(|byte| byte.is_ascii_graphic()), "{id:?}");
                if let Some(other) = seen.insert(id.clone(), (endpoint, key)) {
                    panic!("{:?} and {other:?} are both {id}", (endpoint, key));
                }
            }
            assert!(!seen.contains_key(&id_of_event(endpoint, 1, 2, "ab")), "an event without a key has the id of one with");
        }
        assert_eq!(id_of_key("stripe", "evt_1"), "stripe/evt_1");
        assert_eq!(id_of_event("shop", 7, 1000, "ab"), "shop+7.1000.ab");
    }

    #[test]
    fn a_subject_is_one_that_every_server_takes() {
        for (endpoint, event_type, expected) in [
            ("stripe", Some("invoice.paid"), "HOOKS.stripe.invoice.paid"),
            ("shop.eu", Some("orders/create"), "HOOKS.shop%2Eeu.orders/create"),
            ("in", None, "HOOKS.in._"),
            ("in", Some(""), "HOOKS.in._"),
            ("in", Some("a..b"), "HOOKS.in.a%2E%2Eb"),
            ("in", Some(".a."), "HOOKS.in.%2Ea%2E"),
            ("in", Some("*.>"), "HOOKS.in.%2A.%3E"),
            ("in", Some("$JS two\twords\r\n"), "HOOKS.in.%24JS%20two%09words%0D%0A"),
            ("in", Some("100%"), "HOOKS.in.100%25"),
            ("in", Some("bestellt.ü"), "HOOKS.in.bestellt.%C3%BC"),
        ] {
            assert_eq!(subject("HOOKS", endpoint, event_type), expected);
        }
    }

    #[test]
    fn the_subjects_of_an_endpoint_are_one_pattern() {
        assert_eq!(subjects("HOOKS", "shop.eu"), "HOOKS.shop%2Eeu.>");
        assert!(covers(&subjects("HOOKS", "in"), &subject("HOOKS", "in", Some("order.paid"))));
        assert!(!covers(&subjects("HOOKS", "in"), &subject("HOOKS", "out", None)));
    }

    #[test]
    fn what_a_pattern_covers() {
        for (pattern, subjects, covered) in [
            (">", "HOOKS.>", true),
            ("HOOKS.>", "HOOKS.>", true),
            ("HOOKS.*", "HOOKS.>", false),
            ("HOOKS.*.>", "HOOKS.>", false),
            ("HOOKS.*.>", "HOOKS.orders.>", true),
            ("HOOKS.orders.>", "HOOKS.orders.>", true),
            ("HOOKS.orders.>", "HOOKS.>", false),
            ("HOOKS", "HOOKS.>", false),
            ("HOOKS.>", "HOOKS", false),
        ] {
            assert_eq!(covers(pattern, subjects), covered, "{pattern} {subjects}");
        }
    }
}
