//! Reads single fields out of a JSON body without building a tree of it.
//!
//! A webhook's body has been signed by its sender, so this reader looks for what it wants, skips the rest and stops at the last field it
//! needs: it does not judge the parts that nobody asked for. Nesting is counted, not recursed into, so depth costs no stack.

use std::borrow::Cow;
use std::ops::Range;

/// One value, as it stands in the document, without the white space around it.
#[derive(Debug, Clone, Copy)]
pub struct Json<'a>(&'a [u8]);

impl<'a> Json<'a> {
    /// The first value in `text`; `None` where there is none.
    pub fn parse(text: &'a [u8]) -> Option<Self> {
        Scanner { text, at: 0 }.value().map(Json)
    }

    /// The bytes as given.
    pub fn bytes(self) -> &'a [u8] {
        self.0
    }

    /// Where it stands in `body`, which it must have been read from.
    pub fn span_in(self, body: &[u8]) -> Range<usize> {
        let start = (self.0.as_ptr() as usize).saturating_sub(body.as_ptr() as usize);
        start..start + self.0.len()
    }

    /// The value at a dotted path; a number counts into an array.
    pub fn get(self, path: &str) -> Option<Json<'a>> {
        find(self.0, &[path]).pop().flatten()
    }

    /// A string's characters; `None` for anything else.
    pub fn string(self) -> Option<Cow<'a, str>> {
        let raw = self.0.strip_prefix(b"\"")?.strip_suffix(b"\"")?;
        unescape(raw, self.0)
    }

    /// A string's characters, or a number, `true` or `false` as written; `None` for null, objects and arrays.
    pub fn text(self) -> Option<Cow<'a, str>> {
        match self.0.first()? {
            b'"' => self.string(),
            b'{' | b'[' | b'n' => None,
            _ => std::str::from_utf8(self.0).ok().map(Cow::Borrowed),
        }
    }

    /// A whole number; `None` for anything else, also for a number in quotes.
    pub fn integer(self) -> Option<i64> {
        std::str::from_utf8(self.0).ok()?.parse().ok()
    }

    /// Whether it is `{…}`.
    pub fn is_object(self) -> bool {
        self.0.first() == Some(&b'{')
    }

    /// The elements of an array; `None` where it is none, or not a complete one.
    pub fn elements(self) -> Option<Vec<Json<'a>>> {
        let mut scanner = Scanner { text: self.0, at: 0 };
        let mut elements = Vec::new();
        scanner.take(b'[')?;
        if scanner.take(b']').is_some() {
            return Some(elements);
        }
        loop {
            elements.push(Json(scanner.value()?));
            if scanner.take(b']').is_some() {
                return Some(elements);
            }
            scanner.take(b',')?;
        }
    }
}

/// The values at several dotted paths, in one pass that ends once all are found.
pub fn find<'a>(body: &'a [u8], paths: &[&str]) -> Vec<Option<Json<'a>>> {
    let mut found = vec![None; paths.len()];
    let wanted: Vec<(usize, &str)> = paths.iter().copied().enumerate().collect();
    let mut missing = paths.len();
    // Nothing is to be done about a document that ends early: what was found before that counts.
    let _ = Scanner { text: body, at: 0 }.descend(&wanted, &mut found, &mut missing);
    found
}

/// The characters of a string whose content is `raw` and which stands as `quoted`.
fn unescape<'a>(raw: &'a [u8], quoted: &'a [u8]) -> Option<Cow<'a, str>> {
    if raw.contains(&b'\\') {
        return serde_json::from_slice::<String>(quoted).ok().map(Cow::Owned);
    }
    std::str::from_utf8(raw).ok().map(Cow::Borrowed)
}

struct Scanner<'a> {
    text: &'a [u8],
    at: usize,
}

impl<'a> Scanner<'a> {
    fn peek(&mut self) -> Option<u8> {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.text.get(self.at) {
            self.at += 1;
        }
        self.text.get(self.at).copied()
    }

    fn take(&mut self, byte: u8) -> Option<()> {
        (self.peek()? == byte).then(|| self.at += 1)
    }

    /// Skips one value and returns its bytes.
    fn value(&mut self) -> Option<&'a [u8]> {
        let first = self.peek()?;
        let start = self.at;
        match first {
            b'"' => self.skip_string()?,
            b'{' | b'[' => self.skip_nested()?,
            b'0'..=b'9' | b'-' | b't' | b'f' | b'n' => self.skip_word(),
            _ => return None,
        }
        Some(&self.text[start..self.at])
    }

    fn skip_word(&mut self) {
        while let Some(b'0'..=b'9' | b'a'..=b'z' | b'E' | b'+' | b'-' | b'.') = self.text.get(self.at) {
            self.at += 1;
        }
    }

    fn skip_string(&mut self) -> Option<()> {
        self.at += 1;
        loop {
            match self.text.get(self.at)? {
                b'"' => {
                    self.at += 1;
                    return Some(());
                }
                b'\\' => self.at += 2,
                _ => self.at += 1,
            }
        }
    }

    fn skip_nested(&mut self) -> Option<()> {
        let mut depth = 0usize;
        loop {
            match self.text.get(self.at)? {
                b'"' => {
                    self.skip_string()?;
                    continue;
                }
                b'{' | b'[' => depth += 1,
                b'}' | b']' => depth -= 1,
                _ => {}
            }
            self.at += 1;
            if depth == 0 {
                return Some(());
            }
        }
    }

    /// Looks for `wanted` (index into `found`, rest of the path) in the value that begins here. `None` ends the search.
    fn descend(&mut self, wanted: &[(usize, &str)], found: &mut [Option<Json<'a>>], missing: &mut usize) -> Option<()> {
        let (open, close) = match self.peek()? {
            b'{' => (b'{', b'}'),
            b'[' => (b'[', b']'),
            _ => return self.value().map(|_| ()),
        };
        self.take(open)?;
        if self.take(close).is_some() {
            return Some(());
        }
        let mut index = 0usize;
        loop {
            let mut deeper = Vec::new();
            let mut here = Vec::new();
            {
                let key = if open == b'{' { self.key()? } else { Cow::Owned(index.to_string()) };
                for &(slot, path) in wanted.iter().filter(|(slot, _)| found[*slot].is_none()) {
                    match path.split_once('.') {
                        _ if path == key => here.push(slot),
                        Some((head, rest)) if head == key => deeper.push((slot, rest)),
                        _ => {}
                    }
                }
            }
            let start = self.at;
            if deeper.is_empty() {
                let value = Json(self.value()?);
                for slot in here {
                    found[slot] = Some(value);
                    *missing -= 1;
                }
            } else {
                if !here.is_empty() {
                    let value = Json(self.value()?);
                    self.at = start;
                    for slot in here {
                        found[slot] = Some(value);
                        *missing -= 1;
                    }
                }
                self.descend(&deeper, found, missing)?;
            }
            if *missing == 0 {
                return None;
            }
            if self.take(close).is_some() {
                return Some(());
            }
            self.take(b',')?;
            index += 1;
        }
    }

    fn key(&mut self) -> Option<Cow<'a, str>> {
        if self.peek()? != b'"' {
            return None;
        }
        let start = self.at;
        self.skip_string()?;
        let quoted = &self.text[start..self.at];
        let key = unescape(&quoted[1..quoted.len() - 1], quoted).unwrap_or(Cow::Borrowed("\0"));
        self.take(b':')?;
        Some(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &[u8] =
        br#" {"id": "evt_1", "data": {"object": {"id": "x", "list": [1, {"id": 22}]}}, "t\u0079pe": "a\"b\u00e9", "n": 17, "z": null} "#;

    fn text(path: &str) -> Option<String> {
        Json::parse(BODY)?.get(path)?.text().map(Cow::into_owned)
    }

    #[test]
    fn fields_are_found_by_dotted_paths() {
        assert_eq!(text("id").as_deref(), Some("evt_1"));
        assert_eq!(text("data.object.id").as_deref(), Some("x"));
        assert_eq!(text("data.object.list.1.id").as_deref(), Some("22"));
        assert_eq!(text("type").as_deref(), Some("a\"bé"));
        assert_eq!(text("n").as_deref(), Some("17"));
        for nothing in ["z", "data", "id.x", "data.object.list.2", "nope", ""] {
            assert_eq!(text(nothing), None, "{nothing}");
        }
    }

    #[test]
    fn several_fields_take_one_pass_and_the_rest_is_not_read() {
        let found = find(br#"{"a":{"b":1,"c":2},"a2":3, then garbage"#, &["a2", "a.c", "a"]);
        let found: Vec<_> = found.into_iter().map(|json| json.map(|json| json.bytes().to_vec())).collect();
        assert_eq!(found, [Some(b"3".to_vec()), Some(b"2".to_vec()), Some(br#"{"b":1,"c":2}"#.to_vec())]);
    }

    #[test]
    fn elements_know_where_they_stand() {
        let body = br#" [{"a": "]"} , 2,"x"] "#;
        let elements = Json::parse(body).unwrap().elements().unwrap();
        let spans: Vec<_> = elements.iter().map(|element| element.span_in(body)).collect();
        assert_eq!(spans, [2..12, 15..16, 17..20]);
        assert!(Json::parse(b"[1,2").and_then(Json::elements).is_none());
        assert!(Json::parse(b"{}").unwrap().elements().is_none());
    }

    #[test]
    fn depth_and_broken_documents_are_harmless() {
        let deep = "[".repeat(1_000_000);
        assert!(Json::parse(deep.as_bytes()).is_none());
        for broken in ["", "{", "{\"", "{\"a", "{\"a\"", "{\"a\":", "{\"a\":\"\\", "{a:1}", "]", "}", "[}", "nul", "\"\\"] {
            if let Some(json) = Json::parse(broken.as_bytes()) {
                assert!(json.get("a").is_none());
            }
        }
    }
}
