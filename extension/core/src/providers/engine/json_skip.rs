//! Passes over JSON values: where one ends is all that is found out.
//!
//! Only for bodies whose signature has held. What is passed over is not judged: of an object or an array brackets are counted and strings are told
//! from what stands around them, in blocks of 64 bytes; a bracket of either kind closes one of either. Nothing here reads outside of the body,
//! whatever it holds.

use wide::i8x16;

const BLOCK: usize = 64;

/// Which bytes of a block are what, the first byte in the lowest bit.
struct Marks {
    quotes: u64,
    backslashes: u64,
    /// Brackets of either kind, opening and closing.
    brackets: u64,
}

impl Marks {
    fn of(block: &[u8; BLOCK]) -> Self {
        let mut marks = Self { quotes: 0, backslashes: 0, brackets: 0 };
        for (at, part) in block.as_chunks::<16>().0.iter().enumerate() {
            let bytes = i8x16::from(part.map(|byte| byte as i8));
            // Square brackets differ from the others in this bit, as capitals do from small letters.
            let small = bytes | i8x16::splat(0x20);
            let equal = |bytes: i8x16, byte: u8| bytes.simd_eq(i8x16::splat(byte as i8));
            let bits = |hits: i8x16| u64::from(hits.to_bitmask() as u16) << (16 * at);
            marks.quotes |= bits(equal(bytes, b'"'));
            marks.backslashes |= bits(equal(bytes, b'\\'));
            marks.brackets |= bits(equal(small, b'{') | equal(small, b'}'));
        }
        marks
    }
}

/// For each bit whether the number of bits up to it, itself included, is odd: between an opening quote and its closing one.
fn between(quotes: u64) -> u64 {
    [1, 2, 4, 8, 16, 32].into_iter().fold(quotes, |bits, by| bits ^ (bits << by))
}

/// Which bytes an odd number of backslashes stands before. `escaping` says that of the first byte as the block before ended, and then of the first
/// byte behind this one.
fn escaped(backslashes: u64, escaping: &mut bool) -> u64 {
    const EVEN: u64 = 0x5555_5555_5555_5555;
    let first = u64::from(*escaping);
    // One that is escaped escapes nothing.
    let backslashes = backslashes & !first;
    let starts = backslashes & !(backslashes << 1);
    // A start that is added to its run carries on to the byte behind it: the run is odd where one of the two places is and the other is not.
    let behind_even = backslashes.wrapping_add(starts & EVEN);
    let (behind_odd, is_open) = backslashes.overflowing_add(starts & !EVEN);
    *escaping = is_open;
    first | (behind_even & !EVEN | behind_odd & EVEN) & !backslashes
}

/// How long the object or array is that the text begins with; `None` where it has no end.
fn container_length(text: &[u8]) -> Option<usize> {
    let mut depth = 0i64;
    // All ones inside a string that began in an earlier block.
    let mut string = 0;
    // Whether the last block ended with a backslash that escapes the first byte of this one.
    let mut escaping = false;
    let mut at = 0;
    while at < text.len() {
        let mut padded = [0; BLOCK];
        let block = text[at..].first_chunk().unwrap_or_else(|| {
            padded[..text.len() - at].copy_from_slice(&text[at..]);
            &padded
        });
        let mut marks = Marks::of(block);
        if escaping || marks.backslashes != 0 {
            marks.quotes &= !escaped(marks.backslashes, &mut escaping);
        }
        let strings = between(marks.quotes) ^ string;
        string = if strings >> 63 == 1 { u64::MAX } else { 0 };
        let mut brackets = marks.brackets & !strings;
        while brackets != 0 {
            let next = brackets.trailing_zeros() as usize % BLOCK;
            // Counted without a branch on the kind, which nothing foretells: closing brackets have this bit, opening ones do not.
            depth += 1 - i64::from(block[next] & 4) / 2;
            if depth == 0 {
                return Some(at + next + 1);
            }
            brackets &= brackets - 1;
        }
        at += BLOCK;
    }
    None
}

/// Whether the text is one object or one array from its first byte to its last.
pub(super) fn is_container(text: &[u8]) -> bool {
    (text.starts_with(b"{") || text.starts_with(b"[")) && container_length(text) == Some(text.len())
}

/// How long the string is that the text begins with, its quotes included.
fn string_length(text: &[u8]) -> Option<usize> {
    let mut at = 1;
    loop {
        at += memchr::memchr2(b'"', b'\\', text.get(at..)?)?;
        if text[at] == b'"' {
            return Some(at + 1);
        }
        at += 2;
    }
}

/// How long the number or word is.
fn word_length(text: &[u8]) -> Option<usize> {
    let end = text.iter().position(|byte| !(byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.')));
    Some(end.unwrap_or(text.len())).filter(|length| *length > 0)
}

/// Goes through a document from entry to entry. `None` everywhere means that it is broken.
pub(super) struct Reader<'a> {
    rest: &'a [u8],
    /// Whether an object or an array has just begun, so that no comma stands before its first entry.
    first: bool,
}

impl<'a> Reader<'a> {
    pub fn new(body: &'a [u8]) -> Self {
        Self { rest: body, first: false }
    }

    /// The byte that stands next, white space aside.
    pub fn next(&mut self) -> Option<u8> {
        let space = self.rest.iter().position(|byte| !matches!(byte, b' ' | b'\t' | b'\n' | b'\r'))?;
        self.rest = &self.rest[space..];
        self.rest.first().copied()
    }

    /// Passes over this byte.
    pub fn expect(&mut self, byte: u8) -> Option<()> {
        self.next().filter(|next| *next == byte)?;
        self.rest = &self.rest[1..];
        Some(())
    }

    /// Goes into the object or array that stands next.
    pub fn open(&mut self) -> Option<()> {
        self.rest = &self.rest[1..];
        self.first = true;
        Some(())
    }

    /// Whether there is no further entry; passes over the bracket, or the comma in front of the next one.
    pub fn closes(&mut self, bracket: u8) -> Option<bool> {
        let first = std::mem::take(&mut self.first);
        let closes = self.next()? == bracket;
        if closes {
            self.expect(bracket)?;
        } else if !first {
            self.expect(b',')?;
        }
        Some(closes)
    }

    /// How many bytes are not passed over yet.
    pub fn left(&self) -> usize {
        self.rest.len()
    }

    /// Whether nothing stands behind what was passed over but white space.
    pub fn is_over(&mut self) -> bool {
        self.next().is_none()
    }

    /// Passes over the value that stands next, and gives it.
    pub fn value(&mut self) -> Option<&'a [u8]> {
        let length = match self.next()? {
            b'"' => string_length(self.rest),
            b'{' | b'[' => container_length(self.rest),
            _ => word_length(self.rest),
        }?;
        let (value, rest) = self.rest.split_at(length);
        self.rest = rest;
        Some(value)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::test_runner::RngSeed;
    use serde_json::value::RawValue;

    use super::*;

    /// By serde_json, of one value and whatever follows it.
    fn read(text: &str) -> Option<&str> {
        let value = serde_json::Deserializer::from_str(text).into_iter::<&RawValue>().next()?.ok()?;
        Some(value.get())
    }

    /// Documents with runs of backslashes, quotes and brackets, of every length around the edges of blocks.
    fn documents() -> impl Strategy<Value = serde_json::Value> {
        let text = prop_oneof![
            prop::collection::vec(prop::sample::select(vec!["\\", "\"", "{", "}", "[", "]", "x", "é", "\u{1}"]), 0..200)
                .prop_map(|parts| parts.concat()),
            "[a-z]{0,130}",
        ];
        let leaf =
            prop_oneof![text.clone().prop_map(serde_json::Value::from), any::<i64>().prop_map(serde_json::Value::from), Just(true.into())];
        leaf.prop_recursive(4, 40, 6, move |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(serde_json::Value::from),
                prop::collection::vec((text.clone(), inner), 0..6)
                    .prop_map(|fields| serde_json::Value::Object(fields.into_iter().collect())),
            ]
        })
    }

    /// The same cases in each run.
    fn cases(cases: u32) -> ProptestConfig {
        ProptestConfig { cases, rng_seed: RngSeed::Fixed(1), failure_persistence: None, ..ProptestConfig::default() }
    }

    fn written(value: &serde_json::Value, pretty: bool) -> String {
        if pretty { serde_json::to_string_pretty(value) } else { serde_json::to_string(value) }.unwrap()
    }

    #[test]
    fn values_end_where_serde_json_ends_them() {
        proptest!(cases(500), |(value in documents(), pretty: bool, behind in prop::sample::select(vec![",", "}", " ]", "\n"]))| {
            let text = written(&value, pretty) + behind;
            let passed = Reader::new(text.as_bytes()).value().map(<[u8]>::to_vec);
            prop_assert_eq!(passed.as_deref(), read(&text).map(str::as_bytes));
        });
    }

    #[test]
    fn no_other_cut_of_what_is_signed_is_a_container() {
        let url = prop::collection::vec(prop::sample::select(vec!["\\", "\"", "{", "}", "[", "]", ":", ",", "a", "/"]), 0..12);
        proptest!(cases(60), |(value in documents(), pretty: bool, url in url, time in "[0-9]{0,4}")| {
            prop_assume!(value.is_array() || value.is_object());
            let (url, body) = (url.concat(), written(&value, pretty));
            let signed = [url.as_bytes(), body.as_bytes(), time.as_bytes()].concat();
            // What a body leaves behind it must be a time.
            for end in url.len() + body.len()..=signed.len() {
                for start in 0..end {
                    let cut = signed[start..end].trim_ascii();
                    prop_assert_eq!(is_container(cut), cut == body.as_bytes(), "{}", String::from_utf8_lossy(cut));
                }
            }
        });
    }

    #[test]
    fn bytes_are_escaped_behind_an_odd_number_of_backslashes() {
        proptest!(cases(500), |(text in prop::collection::vec(prop::sample::select(b"\\\\\\x".to_vec()), 3 * BLOCK))| {
            let (mut escaping, mut is_escaped) = (false, false);
            for block in text.chunks(BLOCK) {
                let marks = |is: &dyn Fn(&u8) -> bool| block.iter().rev().fold(0u64, |bits, byte| bits << 1 | u64::from(is(byte)));
                let backslashes = marks(&|byte| *byte == b'\\');
                let found = escaped(backslashes, &mut escaping);
                for (at, byte) in block.iter().enumerate() {
                    // Whether a backslash is escaped is not asked.
                    prop_assert!(*byte == b'\\' || (found >> at & 1 == 1) == is_escaped, "{:?}", text);
                    is_escaped = !is_escaped && *byte == b'\\';
                }
                prop_assert_eq!(escaping, is_escaped);
            }
        });
    }

    #[test]
    fn what_has_no_end_gives_nothing() {
        for broken in
            ["", " ", "\"", "\"\\", "\"\\\"", "{", "[[]", "[\"]", ",", "{\"a\": \"}\"", &"[".repeat(1_000_000), &"\"\\".repeat(100)]
        {
            assert_eq!(Reader::new(broken.as_bytes()).value(), None, "{}", &broken[..broken.len().min(40)]);
        }
        // More ends than beginnings, and bytes that are no text.
        for text in [&b"]]]]"[..], b"}", b"\xff\xfe{", &[0xff; 200]] {
            assert_eq!(Reader::new(text).value(), None);
        }
    }
}
