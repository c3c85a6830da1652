//! Looks for a few fields in a JSON body, in one pass that keeps nothing else.
//!
//! A webhook's body has been signed by its sender, so the search stops at the last field that is wanted: the rest is not judged. What is
//! skipped costs no stack however deep it nests. In a long body the wanted fields mostly stand at the beginning and at the end, around the
//! data, so these places are looked at first, and what stands between is passed over without being read: `json_skip.rs`.

use std::fmt;

use serde::Deserializer as _;
use serde::de::{Deserialize, DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::json::Json;
use super::json_skip::Reader;
use super::json_walk::{Key, leaves_hold_nothing};

/// The values at several dotted paths, in one pass that ends once all are found. Of a key that occurs twice the first counts.
pub fn find<'a>(body: &'a [u8], paths: &[&str]) -> Vec<Option<Json<'a>>> {
    let mut found = find_at_the_ends(body, paths);
    find_between(body, paths, &mut found);
    found
}

/// The same of a long body as far as they stand near either end, and of another one as a whole. [`find_between`] finds the others.
pub fn find_at_the_ends<'a>(body: &'a [u8], paths: &[&str]) -> Vec<Option<Json<'a>>> {
    let mut found = vec![None; paths.len()];
    if !has_fields(body) {
        return found;
    }
    let wanted: Vec<Wanted> = paths.iter().copied().enumerate().collect();
    if !is_long(body) {
        walk(body, &wanted, &mut found);
        return found;
    }
    walk(&body[..WINDOW], &wanted, &mut found);
    // What touches the edge of the window may go on behind it.
    let edge = body[WINDOW..].as_ptr();
    for value in found.iter_mut() {
        *value = value.filter(|value| value.bytes().as_ptr_range().end != edge);
    }
    find_near_the_end(body, &wanted, &mut found);
    found
}

/// Adds what of a long body [`find_at_the_ends`] has not found.
pub fn find_between<'a>(body: &'a [u8], paths: &[&str], found: &mut [Option<Json<'a>>]) {
    if is_long(body) && has_fields(body) && found.iter().any(Option::is_none) {
        let wanted: Vec<Wanted> = paths.iter().copied().enumerate().collect();
        walk_fast(body, &wanted, found);
    }
}

/// A number or a text has no fields: of a long list of them each would cost a reader of its own.
fn has_fields(body: &[u8]) -> bool {
    matches!(body.trim_ascii_start().first(), Some(b'{' | b'['))
}

/// Whether a body is so long that what stands between its ends is passed over without being read.
pub(super) fn is_long(body: &[u8]) -> bool {
    body.len() > 4 * WINDOW
}

/// How far from either end of a long body is looked first, in bytes.
pub(super) const WINDOW: usize = 1024;

fn walk<'a>(body: &'a [u8], wanted: &[Wanted], found: &mut [Option<Json<'a>>]) {
    let mut search = Search::new(found);
    let mut document = serde_json::Deserializer::from_slice(body);
    // An error is a document that ends early or the end of the search: either way, what was found before it counts.
    let _ = document.deserialize_any(Walk { wanted, search: &mut search });
}

/// The same for a long body: brackets and quotes are all that is seen of what is not wanted.
fn walk_fast<'a>(body: &'a [u8], wanted: &[Wanted], found: &mut [Option<Json<'a>>]) {
    let mut search = Search::new(found);
    // As above, what was found before an error counts.
    let _ = search.enter(&mut Reader::new(body), wanted);
}

/// Adds what stands in fields of the outermost object that stand near its end.
fn find_near_the_end<'a>(body: &'a [u8], wanted: &[Wanted], found: &mut [Option<Json<'a>>]) {
    let mut search = Search::new(found);
    let tail = &body[body.len() - WINDOW..];
    // Most of what is quoted there is none of these, and that is told without a look at each path.
    let names: Vec<&[u8]> =
        wanted.iter().flat_map(|&(_, path)| [path, path.split('.').next().unwrap_or(path)]).map(str::as_bytes).collect();
    // From the end, so that the quote that was seen last is the one behind.
    let (mut end, mut tries) = (tail.len(), 0);
    for start in memchr::memrchr_iter(b'"', tail) {
        let end = std::mem::replace(&mut end, start);
        // An escaped quote is part of a longer string.
        if search.missing == 0 || tries == 32 || start == 0 || tail[start - 1] == b'\\' || !names.contains(&&tail[start + 1..end]) {
            continue;
        }
        let Some(value) = tail.get(end + 1..).and_then(|behind| behind.trim_ascii_start().strip_prefix(b":")) else { continue };
        let Ok(key) = std::str::from_utf8(&tail[start + 1..end]) else { continue };
        let (here, deeper) = search.wanted_at(wanted, key);
        if here.is_empty() && deeper.is_empty() {
            continue;
        }
        tries += 1;
        if let Some(value) = ends_the_document(&tail[start..]).then(|| raw_value(value)).flatten() {
            search.keep_all(&here, &deeper, value);
        }
    }
}

/// Whether it is the rest of the outermost object from a quoted name on: behind the name of a field the rest of the body makes a whole object, once
/// a brace is put before it. Further inside there would be a brace too many at the end.
fn ends_the_document(rest: &[u8]) -> bool {
    serde_json::from_slice::<IgnoredAny>(&[b"{", rest].concat()).is_ok()
}

/// The value that the text begins with.
fn raw_value(text: &[u8]) -> Option<Json<'_>> {
    serde_json::Deserializer::from_slice(text).into_iter::<&RawValue>().next()?.ok().map(Json::of)
}

/// Which slot of the result, and the rest of its path.
type Wanted<'p> = (usize, &'p str);

struct Search<'f, 'a> {
    found: &'f mut [Option<Json<'a>>],
    missing: usize,
}

impl<'f, 'a> Search<'f, 'a> {
    fn new(found: &'f mut [Option<Json<'a>>]) -> Self {
        Self { missing: found.iter().filter(|value| value.is_none()).count(), found }
    }

    /// What is wanted of the entry `key`: slots for the value itself, and paths that lead further into it.
    fn wanted_at<'p>(&self, wanted: &[Wanted<'p>], key: &str) -> (Vec<usize>, Vec<Wanted<'p>>) {
        let (mut here, mut deeper) = (Vec::new(), Vec::new());
        for &(slot, path) in wanted.iter().filter(|(slot, _)| self.found[*slot].is_none()) {
            match path.split_once('.') {
                _ if path == key => here.push(slot),
                Some((head, rest)) if head == key => deeper.push((slot, rest)),
                _ => {}
            }
        }
        (here, deeper)
    }

    fn keep(&mut self, slots: &[usize], value: Json<'a>) {
        for &slot in slots {
            self.found[slot] = Some(value);
            self.missing -= 1;
        }
    }

    /// Whether one of these paths may lead into an array, whose keys are numbers.
    fn any_into_array(&self, wanted: &[Wanted]) -> bool {
        let begins_with_digit = |path: &str| path.bytes().next().is_some_and(|byte| byte.is_ascii_digit());
        wanted.iter().any(|(slot, path)| self.found[*slot].is_none() && begins_with_digit(path))
    }

    /// Walks through the entries of the value that stands next. `None` ends the search: everything is found, or the document is broken.
    fn enter(&mut self, reader: &mut Reader<'a>, wanted: &[Wanted]) -> Option<()> {
        match reader.next()? {
            b'{' => {
                reader.open()?;
                while !reader.closes(b'}')? {
                    let key = reader.value()?;
                    reader.expect(b':')?;
                    let Key(key) = serde_json::from_slice(key).ok()?;
                    self.entry(reader, wanted, &key)?;
                }
                Some(())
            }
            b'[' if self.any_into_array(wanted) => {
                reader.open()?;
                let mut index = 0usize;
                while !reader.closes(b']')? {
                    self.entry(reader, wanted, &index.to_string())?;
                    index += 1;
                }
                Some(())
            }
            _ => reader.value().map(drop),
        }
    }

    fn entry(&mut self, reader: &mut Reader<'a>, wanted: &[Wanted], key: &str) -> Option<()> {
        let (here, deeper) = self.wanted_at(wanted, key);
        if here.is_empty() {
            if deeper.is_empty() {
                return reader.value().map(drop);
            }
            self.enter(reader, &deeper)?;
        } else {
            let value = match reader.next()? {
                // What looks into it judges it.
                b'{' | b'[' => Json::parse(reader.value()?)?,
                _ => Json::of(serde_json::from_slice(reader.value()?).ok()?),
            };
            self.keep_all(&here, &deeper, value);
        }
        (self.missing > 0).then_some(())
    }

    /// Keeps a value, and what is wanted of what it holds.
    fn keep_all(&mut self, here: &[usize], deeper: &[Wanted], value: Json<'a>) {
        self.keep(here, value);
        for (slot, rest) in deeper {
            if let Some(inner) = value.get(rest) {
                self.keep(&[*slot], inner);
            }
        }
    }

    /// Ends the search where nothing is missing any more.
    fn go_on<E: serde::de::Error>(&self) -> Result<(), E> {
        if self.missing == 0 { Err(E::custom("everything is found")) } else { Ok(()) }
    }
}

/// Reads one entry of an object or an array: kept, walked into, or skipped.
struct Entry<'s, 'f, 'a, 'p> {
    here: Vec<usize>,
    deeper: Vec<Wanted<'p>>,
    search: &'s mut Search<'f, 'a>,
}

impl<'a> DeserializeSeed<'a> for Entry<'_, '_, 'a, '_> {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'a>>(self, deserializer: D) -> Result<(), D::Error> {
        if self.here.is_empty() {
            if self.deeper.is_empty() {
                return IgnoredAny::deserialize(deserializer).map(drop);
            }
            return deserializer.deserialize_any(Walk { wanted: &self.deeper, search: self.search });
        }
        let value = Json::of(<&RawValue>::deserialize(deserializer)?);
        self.search.keep_all(&self.here, &self.deeper, value);
        Ok(())
    }
}

/// Walks through the entries of one value; a value without entries holds nothing that is wanted.
struct Walk<'s, 'f, 'a, 'p> {
    wanted: &'s [Wanted<'p>],
    search: &'s mut Search<'f, 'a>,
}

impl<'a> Visitor<'a> for Walk<'_, '_, 'a, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_map<M: MapAccess<'a>>(self, mut map: M) -> Result<(), M::Error> {
        while let Some(Key(key)) = map.next_key()? {
            let (here, deeper) = self.search.wanted_at(self.wanted, &key);
            map.next_value_seed(Entry { here, deeper, search: &mut *self.search })?;
            self.search.go_on()?;
        }
        Ok(())
    }

    fn visit_seq<S: SeqAccess<'a>>(self, mut seq: S) -> Result<(), S::Error> {
        // Most paths are names: an array holds none, however long it is.
        if !self.search.any_into_array(self.wanted) {
            while seq.next_element::<IgnoredAny>()?.is_some() {}
            return Ok(());
        }
        for index in 0usize.. {
            let (here, deeper) = self.search.wanted_at(self.wanted, &index.to_string());
            if seq.next_element_seed(Entry { here, deeper, search: &mut *self.search })?.is_none() {
                break;
            }
            self.search.go_on()?;
        }
        Ok(())
    }

    leaves_hold_nothing!();
}
