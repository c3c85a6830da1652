//! How Twilio may have spelled the URL that it signed. It is not consistent about ports and escapes, and runtimes rewrite what they hand over,
//! so the signature is tried over each spelling that Twilio's own library tries.

use std::borrow::Cow;

use super::engine::form;
use super::engine::limits::FORM_FIELDS;

/// Each URL with and without its port, as it came, as browsers' rules escape it, and with its query encoded anew.
pub(super) fn spellings(urls: &[Cow<'_, str>]) -> Vec<String> {
    let mut candidates: Vec<String> = Vec::new();
    for url in urls {
        let normalised = normalised(url);
        let written = [Some(url.to_string()), Some(apostrophes(url)), encoded_anew(&normalised), Some(normalised)];
        for url in written.into_iter().flatten() {
            for candidate in [other_port(&url), url] {
                if !candidates.contains(&candidate) {
                    candidates.push(candidate);
                }
            }
        }
    }
    candidates
}

/// Each URL with and without its port alone.
pub(super) fn ports(urls: &[Cow<'_, str>]) -> Vec<String> {
    urls.iter().flat_map(|url| [other_port(url), url.to_string()]).collect()
}

/// Without the port, or with the usual one where there is none.
fn other_port(url: &str) -> String {
    let start = url.find("://").map_or(0, |at| at + 3);
    let end = url[start..].find(['/', '?']).map_or(url.len(), |at| start + at);
    let host = url[start..end].rfind('@').map_or(start, |at| start + at + 1);
    // A colon inside the brackets of an IPv6 address begins no port.
    let host = url[host..end].rfind(']').map_or(host, |at| host + at);
    match url[host..end].rfind(':').map(|at| host + at) {
        Some(at) => format!("{}{}", &url[..at], &url[end..]),
        None => format!("{}:{}{}", &url[..end], if url.starts_with("https:") { 443 } else { 80 }, &url[end..]),
    }
}

/// Path and query as the URL standard escapes them: what `fetch` makes of an address.
fn normalised(url: &str) -> String {
    let start = url.find("://").map_or(0, |at| at + 3);
    let end = url[start..].find(['/', '?']).map_or(url.len(), |at| start + at);
    let mut written = url[..end].to_owned();
    let mut in_query = false;
    for byte in url[end..].bytes() {
        in_query |= byte == b'?';
        let escaped = match byte {
            0..=b' ' | b'"' | b'<' | b'>' | 0x7f.. => true,
            b'\'' => in_query,
            b'`' | b'{' | b'}' | b'^' => !in_query,
            _ => false,
        };
        push(&mut written, byte, escaped);
    }
    written
}

/// With the apostrophes of the query that those rules escape and Twilio does not.
fn apostrophes(url: &str) -> String {
    match url.split_once('?') {
        Some((path, query)) => format!("{path}?{}", query.replace("%27", "'")),
        None => url.to_owned(),
    }
}

/// A decoded name or value.
type Bytes<'a> = Cow<'a, [u8]>;

/// With the query decoded and encoded anew as Node's `querystring` does: the values of a name together, `!'()*-._~` as they are. `None` for
/// a query that is no text or longer than any.
fn encoded_anew(url: &str) -> Option<String> {
    let (path, query) = url.split_once('?').filter(|(_, query)| !query.is_empty())?;
    let mut names: Vec<(Bytes, Vec<Bytes>)> = Vec::new();
    for (count, (name, value)) in form::pairs(query.as_bytes()).enumerate() {
        if count == FORM_FIELDS || std::str::from_utf8(&name).is_err() || std::str::from_utf8(&value).is_err() {
            return None;
        }
        match names.iter_mut().find(|(known, _)| *known == name) {
            Some((_, values)) => values.push(value),
            None => names.push((name, vec![value])),
        }
    }
    let mut written = format!("{path}?");
    for (index, (name, value)) in names.iter().flat_map(|(name, values)| values.iter().map(move |value| (name, value))).enumerate() {
        if index > 0 {
            written.push('&');
        }
        encode(&mut written, name);
        written.push('=');
        encode(&mut written, value);
    }
    Some(written)
}

fn encode(written: &mut String, text: &[u8]) {
    for &byte in text {
        push(written, byte, !(byte.is_ascii_alphanumeric() || b"!'()*-._~".contains(&byte)));
    }
}

fn push(written: &mut String, byte: u8, escaped: bool) {
    if escaped {
        written.push_str(&format!("%{byte:02X}"));
    } else {
        written.push(byte as char);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(url: &str) -> Vec<String> {
        let mut all = spellings(&[url.into()]);
        all.retain(|url| !url.contains(":443") && !url.contains(":8443"));
        all
    }

    #[test]
    fn a_plain_url_has_two_spellings() {
        assert_eq!(spellings(&["https://a.example/x?b=1".into()]), ["https://a.example:443/x?b=1", "https://a.example/x?b=1"]);
        assert_eq!(spellings(&["http://u:p@a.example:8443/x".into()]), ["http://u:p@a.example/x", "http://u:p@a.example:8443/x"]);
        assert_eq!(spellings(&["http://[::1]/x".into()]), ["http://[::1]:80/x", "http://[::1]/x"]);
    }

    #[test]
    fn apostrophes_and_spaces_have_several() {
        assert_eq!(of("https://a.example/v?To=Forli%27"), ["https://a.example/v?To=Forli%27", "https://a.example/v?To=Forli'"]);
        assert_eq!(of("https://a.example/v?To=Forli'"), ["https://a.example/v?To=Forli'", "https://a.example/v?To=Forli%27"]);
        assert_eq!(
            of("https://a.example/v?a=b+c&d=%27"),
            ["https://a.example/v?a=b+c&d=%27", "https://a.example/v?a=b+c&d='", "https://a.example/v?a=b%20c&d='"]
        );
        assert_eq!(
            of("https://a.example/é\"'?ü=|&b"),
            ["https://a.example/é\"'?ü=|&b", "https://a.example/%C3%A9%22'?%C3%BC=%7C&b=", "https://a.example/%C3%A9%22'?%C3%BC=|&b"]
        );
    }

    #[test]
    fn a_query_is_encoded_as_node_s_querystring_does() {
        assert_eq!(encoded_anew("u?a=1&b=2&a=3&&c"), Some("u?a=1&a=3&b=2&c=".into()));
        assert_eq!(encoded_anew("u?x=%21%27%28%29%2A~-._%2F%3D"), Some("u?x=!'()*~-._%2F%3D".into()));
        assert_eq!(encoded_anew("u?x=%FF"), None);
        assert_eq!(encoded_anew("u"), None);
        assert_eq!(encoded_anew("u?"), None);
    }
}
