//! Reads single fields out of a JSON body without building a tree of it.
//!
//! serde_json does the reading; nothing that is not asked for is kept.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

use serde::Deserializer as _;
use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::json_search::is_long;
pub use super::json_search::{find, find_at_the_ends, find_between};
use super::json_skip::{Reader, is_container};
use super::json_unique::names_are_unique;

/// One value, as it stands in the document, without the white space around it.
#[derive(Debug, Clone, Copy)]
pub struct Json<'a>(&'a str);

impl<'a> Json<'a> {
    /// The value that `text` holds. It is judged as it is read; `None` where it cannot be JSON at all.
    pub fn parse(text: &'a [u8]) -> Option<Self> {
        let text = std::str::from_utf8(text).ok()?.trim_matches([' ', '\t', '\n', '\r']);
        (!text.is_empty()).then_some(Json(text))
    }

    pub(super) fn of(raw: &'a RawValue) -> Self {
        Json(raw.get())
    }

    /// The bytes as given.
    pub fn bytes(self) -> &'a [u8] {
        self.0.as_bytes()
    }

    /// Where it stands in `body`, which it must have been read from.
    pub fn span_in(self, body: &[u8]) -> Range<usize> {
        let start = (self.0.as_ptr() as usize).saturating_sub(body.as_ptr() as usize);
        start..start + self.0.len()
    }

    /// The value at a dotted path; a number counts into an array.
    pub fn get(self, path: &str) -> Option<Json<'a>> {
        find(self.bytes(), &[path]).pop().flatten()
    }

    /// The values at several dotted paths, in one pass.
    pub fn get_each<const N: usize>(self, paths: [&str; N]) -> [Option<Json<'a>>; N] {
        let mut found = find(self.bytes(), &paths).into_iter();
        std::array::from_fn(|_| found.next().flatten())
    }

    /// A string's characters; `None` for anything else.
    pub fn string(self) -> Option<Cow<'a, str>> {
        let raw = self.0.strip_prefix('"')?.strip_suffix('"')?;
        if raw.contains('\\') { serde_json::from_str::<String>(self.0).ok().map(Cow::Owned) } else { Some(Cow::Borrowed(raw)) }
    }

    /// A string's characters, or a number, `true` or `false` as written; `None` for null, objects and arrays.
    pub fn text(self) -> Option<Cow<'a, str>> {
        match self.bytes().first()? {
            b'"' => self.string(),
            b'{' | b'[' | b'n' => None,
            _ => Some(Cow::Borrowed(self.0)),
        }
    }

    /// A whole number; `None` for anything else, also for a number in quotes.
    pub fn integer(self) -> Option<i64> {
        self.0.parse().ok()
    }

    /// Whether it is `{…}`.
    pub fn is_object(self) -> bool {
        self.0.starts_with('{')
    }

    /// Whether it is a whole object or a whole array, and nothing else. In a long one brackets and quotes are all that is seen: of a document that has
    /// lost or gained bytes at either end they tell it as well. Behind a cut inside of a string, or where quotes were put in front, every string is
    /// taken for what stands between two, the last bracket among it; elsewhere the first bracket closes before the end or never.
    pub fn is_document(self) -> bool {
        if is_long(self.bytes()) {
            return is_container(self.bytes());
        }
        self.0.starts_with(['{', '[']) && serde_json::from_str::<IgnoredAny>(self.0).is_ok()
    }

    /// The fields of an object, in order; `None` where it is none.
    pub fn fields(self) -> Option<Vec<(String, Json<'a>)>> {
        serde_json::Deserializer::from_str(self.0).deserialize_map(Fields).ok()
    }

    /// Whether no object in it has two fields of one name, and it nests no deeper than any provider's.
    pub fn is_unambiguous(self) -> bool {
        names_are_unique(self.0)
    }

    /// The values that stand one after the other in `text`, on lines of their own or not; `None` where something else stands there too.
    pub fn sequence(text: &'a [u8]) -> Option<Vec<Json<'a>>> {
        let values: Result<Vec<&RawValue>, _> = serde_json::Deserializer::from_slice(text).into_iter().collect();
        Some(values.ok()?.into_iter().map(Self::of).collect())
    }

    /// The elements of an array; `None` where it is none. Of a long one objects and arrays are passed over: what looks into them judges them.
    pub fn elements(self) -> Option<Vec<Json<'a>>> {
        if is_long(self.bytes()) {
            return self.elements_unread();
        }
        let elements: Vec<&RawValue> = serde_json::from_str(self.0).ok()?;
        Some(elements.into_iter().map(Self::of).collect())
    }

    fn elements_unread(self) -> Option<Vec<Json<'a>>> {
        let mut reader = Reader::new(self.bytes());
        reader.next().filter(|next| *next == b'[')?;
        reader.open()?;
        let mut elements = Vec::new();
        while !reader.closes(b']')? {
            let is_container = matches!(reader.next()?, b'{' | b'[');
            let value = reader.value()?;
            elements.push(if is_container {
                let end = self.0.len() - reader.left();
                Json(self.0.get(end - value.len()..end)?)
            } else {
                Self::of(serde_json::from_slice(value).ok()?)
            });
        }
        reader.is_over().then_some(elements)
    }
}

/// Collects the fields of an object.
struct Fields;

impl<'a> Visitor<'a> for Fields {
    type Value = Vec<(String, Json<'a>)>;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<M: MapAccess<'a>>(self, mut map: M) -> Result<Self::Value, M::Error> {
        let mut fields = Vec::new();
        while let Some((name, value)) = map.next_entry::<String, &RawValue>()? {
            fields.push((name, Json::of(value)));
        }
        Ok(fields)
    }
}

#[cfg(test)]
mod tests {
    use super::super::json_search::WINDOW;
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
    fn fields_around_long_data_are_the_outermost_ones() {
        let long = format!(
            r#"{{"id": "e1", "data": {{"type": "x", "list": [{}1]}}, "note": "a \"type\": 5", "type": "t", "n": 7}}"#,
            "{\"id\": 2},".repeat(2000)
        );
        let texts = |body: &str, paths: &[&str]| -> Vec<Option<String>> {
            find(body.as_bytes(), paths).into_iter().map(|value| value.and_then(Json::text).map(Cow::into_owned)).collect()
        };
        assert_eq!(
            texts(&long, &["type", "id", "n", "data.type", "none"]),
            [Some("t"), Some("e1"), Some("7"), Some("x"), None].map(|text| text.map(str::to_owned))
        );
        // At the ends alone: so long a body need not be gone through.
        let two =
            format!(r#"{{"data": [{}1], "o": {{"id": "x", "p": {{"n": 5}}}}, "n": 7, "a.b": 8}} "#, "{\"o\": {\"id\": 2}},".repeat(2000));
        let found = find_at_the_ends(two.as_bytes(), &["o.id", "o.p.n", "n", "a.b", "o.none", "p.n"]);
        let found: Vec<_> = found.into_iter().map(|value| value.and_then(Json::text)).collect();
        assert_eq!(found, [Some("x"), Some("5"), Some("7"), Some("8"), None, None].map(|text| text.map(Cow::from)));
        // Nested at the end, or only looking like a name.
        let nested = format!(r#"{{"type": "t", "data": [{}{{"type": "x"}}]}}"#, "1,".repeat(5000));
        assert_eq!(texts(&nested, &["type"]), [Some("t".to_owned())]);
        let nested = format!(r#"{{"data": [{}1], "o": {{"type": "x"}}, "is": "type"}}"#, "1,".repeat(5000));
        assert_eq!(texts(&nested, &["type"]), [None]);
        // A number that is cut by the edge of the window.
        let cut = format!(r#"{{"pad": "{}", "n": 1234567890, "data": [{}1]}}"#, "x".repeat(WINDOW - 21), "1,".repeat(5000));
        assert_eq!(&cut[WINDOW - 4..WINDOW], "1234");
        assert_eq!(texts(&cut, &["n"]), [Some("1234567890".to_owned())]);
    }

    #[test]
    fn long_bodies_are_read_as_serde_json_reads_them() {
        use proptest::prelude::*;
        use proptest::test_runner::RngSeed;
        let names = ["id", "type", "n", "data", "x\"y"];
        let leaf = prop_oneof![
            prop::sample::select(vec!["t", "a \"type\": 1", "\\", "\\\"id\":", "é", "}"]).prop_map(serde_json::Value::from),
            any::<i32>().prop_map(serde_json::Value::from),
        ];
        let value = prop_oneof![
            leaf.clone(),
            (prop::sample::select(names.to_vec()), leaf).prop_map(|(name, leaf)| serde_json::json!([{ name: { name: leaf } }])),
            (0usize..3000).prop_map(|length| serde_json::Value::from("x".repeat(length))),
        ];
        let order = Just(names.to_vec()).prop_shuffle();
        // The same cases in each run.
        let config = ProptestConfig { cases: 500, rng_seed: RngSeed::Fixed(1), failure_persistence: None, ..ProptestConfig::default() };
        proptest!(config, |(order in order, values in prop::collection::vec(value, 5), pad in 0usize..5)| {
            let field = |(index, name): (usize, &&str)| {
                let value = if index == pad { vec![serde_json::json!({"id": "deep", "type": 5}); 300].into() } else { values[index].clone() };
                format!("{}: {value}", serde_json::Value::from(*name))
            };
            let body = format!("{{{}}}\n", order.iter().enumerate().map(field).collect::<Vec<_>>().join(" , "));
            let whole: serde_json::Value = serde_json::from_str(&body).unwrap();
            for (name, found) in names.iter().zip(find(body.as_bytes(), &names)) {
                let read: serde_json::Value = serde_json::from_slice(found.unwrap().bytes()).unwrap();
                prop_assert_eq!(&read, &whole[*name]);
            }
        });
    }

    #[test]
    fn elements_know_where_they_stand() {
        let body = br#" [{"a": "]"} , 2,"x"] "#;
        let elements = Json::parse(body).unwrap().elements().unwrap();
        let spans: Vec<_> = elements.iter().map(|element| element.span_in(body)).collect();
        assert_eq!(spans, [2..12, 15..16, 17..20]);
        assert!(Json::parse(b"[1,2").and_then(Json::elements).is_none());
        assert!(Json::parse(b"{}").unwrap().elements().is_none());
        let lines = Json::sequence(b"{\"a\": 1}\n[2]\n").unwrap();
        assert_eq!(lines.iter().map(|line| line.bytes().len()).collect::<Vec<_>>(), [8, 3]);
        assert!(Json::sequence(b"{} no").is_none());
        let fields = Json::parse(br#"{"b": 1, "a": {}}"#).unwrap().fields().unwrap();
        assert_eq!(fields.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["b", "a"]);
    }

    #[test]
    fn elements_of_a_long_array_are_the_same() {
        let long = format!(r#"{{"a": "]", "b": [{}[]]}}"#, "\"é\",".repeat(2000));
        let body = format!("\n[ {long}, 2 ,\"x\\n]\",[1], {long}]\n");
        let elements = |body: &str| {
            let elements = Json::parse(body.as_bytes())?.elements()?;
            Some(elements.into_iter().map(|element| body[element.span_in(body.as_bytes())].to_owned()).collect::<Vec<_>>())
        };
        assert_eq!(elements(&body).unwrap(), [long.as_str(), "2", r#""x\n]""#, "[1]", &long]);
        for broken in [format!("{body},"), format!("[{long}"), format!("[{long},]"), format!("[{long}, nul]"), format!("[{long} 1]"), long]
        {
            assert_eq!(elements(&broken), None, "{}", &broken[broken.len() - 10..]);
        }
    }

    #[test]
    fn a_long_document_is_whole_or_not() {
        let long = format!(r#"{{"a": "}}\"", "b": [{}{{}}]}}"#, "\"é\",".repeat(2000));
        let is_document = |body: &str| Json::parse(body.as_bytes()).is_some_and(Json::is_document);
        assert!(is_document(&long) && is_document(&format!(" [{long}]\n")));
        for broken in
            [&long[1..], &long[..long.len() - 1], &format!("{long}1"), &format!("{{{long}"), &format!("\"{long}"), &format!("{long}{long}")]
        {
            assert!(!is_document(broken), "{}", &broken[..10]);
        }
    }

    #[test]
    fn depth_and_broken_documents_are_harmless() {
        let deep = Json::parse("[".repeat(1_000_000).leak().as_bytes()).unwrap();
        assert!(deep.get("a").is_none() && deep.elements().is_none());
        for broken in ["", "{", "{\"", "{\"a", "{\"a\"", "{\"a\":", "{\"a\":\"\\", "{a:1}", "]", "}", "[}", "nul", "\"\\"] {
            if let Some(json) = Json::parse(broken.as_bytes()) {
                assert!(json.get("a").is_none());
            }
        }
    }
}
