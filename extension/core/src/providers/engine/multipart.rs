//! Bodies of the kind `multipart/form-data` (RFC 7578).

use std::borrow::Cow;

use super::limits::FORM_FIELDS;

/// The fields of a form, in order; none where the content type names no boundary. What stands behind as many fields as are looked at is not read.
pub fn fields<'a>(content_type: &str, body: &'a [u8]) -> Vec<(Cow<'a, str>, &'a [u8])> {
    let Some(boundary) = boundary(content_type) else { return Vec::new() };
    let delimiter = [b"\r\n--", boundary.as_bytes()].concat();
    // The first delimiter has no line end before it where nothing precedes it.
    let first = &delimiter[2..];
    let mut rest = match body.strip_prefix(first).filter(|rest| ends_line(rest)) {
        Some(rest) => rest,
        None => match find_delimiter(body, &delimiter) {
            Some(at) => &body[at + delimiter.len()..],
            None => return Vec::new(),
        },
    };
    let mut fields = Vec::new();
    while fields.len() < FORM_FIELDS && !rest.starts_with(b"--") {
        let part = without_padding(rest);
        let Some(end) = find_delimiter(part, &delimiter) else { break };
        fields.extend(field(&part[..end]));
        rest = &part[end + delimiter.len()..];
    }
    fields
}

/// Whether a delimiter ends here: two hyphens end the form, and white space may pad the line. More characters make it another text.
fn ends_line(rest: &[u8]) -> bool {
    rest.starts_with(b"--") || without_padding(rest).starts_with(b"\r\n")
}

fn without_padding(rest: &[u8]) -> &[u8] {
    let padding = rest.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
    &rest[padding..]
}

/// Where the next delimiter begins.
fn find_delimiter(text: &[u8], delimiter: &[u8]) -> Option<usize> {
    let mut from = 0;
    while let Some(at) = find(&text[from..], delimiter).map(|at| from + at) {
        if ends_line(&text[at + delimiter.len()..]) {
            return Some(at);
        }
        from = at + delimiter.len();
    }
    None
}

/// Whether the content type is that of such a form.
pub fn is_multipart(content_type: &str) -> bool {
    let kind = content_type.split(';').next().unwrap_or_default();
    kind.trim().eq_ignore_ascii_case("multipart/form-data")
}

/// The boundary that the content type names.
fn boundary(content_type: &str) -> Option<&str> {
    if !is_multipart(content_type) {
        return None;
    }
    let value = content_type.split(';').skip(1).find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim().eq_ignore_ascii_case("boundary").then_some(value.trim())
    })?;
    let value = value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap_or(value);
    let is_plain = (1..=70).contains(&value.len()) && value.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ');
    is_plain.then_some(value)
}

/// Name and value of a part, which begins with the line end before its first header.
fn field(part: &[u8]) -> Option<(Cow<'_, str>, &[u8])> {
    let headers_end = find(part, b"\r\n\r\n")?;
    let headers = std::str::from_utf8(&part[..headers_end]).ok()?;
    let disposition = headers.split("\r\n").find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.trim().eq_ignore_ascii_case("content-disposition").then_some(value)
    })?;
    Some((name(disposition)?, &part[headers_end + 4..]))
}

/// The parameter `name` of a disposition such as `form-data; name="a"; filename="b"`.
fn name(disposition: &str) -> Option<Cow<'_, str>> {
    let mut rest = disposition;
    loop {
        // A file name may hold a semicolon or the word `name` itself, so quoted texts are passed over whole.
        let (_, parameters) = rest.split_once(';')?;
        let (key, value) = parameters.split_once('=')?;
        let value = value.trim_start();
        let (text, after) = match value.strip_prefix('"') {
            Some(quoted) => {
                let end = quoted.char_indices().scan(false, |escaped, (at, character)| {
                    let ends = character == '"' && !*escaped;
                    *escaped = character == '\\' && !*escaped;
                    Some((at, ends))
                });
                let end = end.into_iter().find(|(_, ends)| *ends)?.0;
                (&quoted[..end], &quoted[end + 1..])
            }
            None => value.split_at(value.find(';').unwrap_or(value.len())),
        };
        if key.trim().eq_ignore_ascii_case("name") {
            let text = text.trim();
            return Some(if text.contains('\\') { text.replace("\\\"", "\"").replace("\\\\", "\\").into() } else { text.into() });
        }
        rest = after;
    }
}

/// Where `needle` begins. Needles begin with a line end or hold one, and no boundary does: what matched a part of one is never looked at twice.
fn find(text: &[u8], needle: &[u8]) -> Option<usize> {
    let mut from = 0;
    while let Some(at) = text[from..].iter().position(|byte| *byte == needle[0]).map(|at| from + at) {
        if text[at..].starts_with(needle) {
            return Some(at);
        }
        from = at + 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(content_type: &str, body: &str) -> Vec<(String, String)> {
        let found = fields(content_type, body.as_bytes()).into_iter();
        found.map(|(name, value)| (name.into_owned(), String::from_utf8(value.to_vec()).unwrap())).collect()
    }

    fn pair(name: &str, value: &str) -> (String, String) {
        (name.into(), value.into())
    }

    #[test]
    fn fields_and_files_are_read_in_order() {
        let body = "preamble\r\n--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n--b  \r\nContent-Type: text/plain\r\n\
                    content-disposition: form-data; filename=\"x; name=\\\"no\\\".txt\"; name=\"f\"\r\n\r\nline\r\n\r\n--c\r\n--bc\r\n\
                    --b\r\nContent-Disposition: form-data; name=plain\r\n\r\n\r\n--b--\r\nepilogue";
        let expected = [pair("a", "1"), pair("f", "line\r\n\r\n--c\r\n--bc"), pair("plain", "")];
        assert_eq!(read("Multipart/Form-Data; charset=utf-8; boundary=b", body), expected);
        assert_eq!(read("multipart/form-data; boundary=\"b\"", &body["preamble\r\n".len()..]), expected);
    }

    #[test]
    fn what_is_no_such_form_has_no_fields() {
        let body = "--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n--b--";
        assert_eq!(read("multipart/form-data; boundary=b", body), [pair("a", "1")]);
        for content_type in
            ["", "text/plain; boundary=b", "multipart/form-data", "multipart/form-data; boundary=", "multipart/mixed; boundary=b"]
        {
            assert_eq!(read(content_type, body), [], "{content_type}");
        }
        for broken in
            ["", "--b", "--b\r\n", "--b\r\n\r\n1\r\n--b--", "--b\r\nContent-Disposition: form-data; name=\"a\r\n\r\n1\r\n--b--", "--b--"]
        {
            assert_eq!(read("multipart/form-data; boundary=b", broken), [], "{broken}");
        }
        // The last part was cut off: nobody knows where its value ends.
        assert_eq!(read("multipart/form-data; boundary=b", &body[..body.len() - 6]), []);
    }

    #[test]
    fn a_form_has_an_end() {
        let part = "--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n";
        assert_eq!(read("multipart/form-data; boundary=b", &(part.repeat(FORM_FIELDS + 5) + "--b--")).len(), FORM_FIELDS);
    }
}
