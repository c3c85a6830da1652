//! What one request may ask for. A stranger's request is judged before anybody knows that it is one, so each list in it has an end; genuine
//! requests stay far below.

use super::refusal::{Checked, Refusal};
use crate::providers::Reason;
use crate::request::Request;

/// Signatures that are looked at in one request, and parts of the list that they stand in. Senders write one for each active key.
pub const SIGNATURES: usize = 32;

/// Signatures of a public-key algorithm: each one costs a pass over the body, where one pass serves every HMAC.
pub const PUBLIC_KEY_SIGNATURES: usize = 8;

/// Public keys times signatures that are tried: each takes 2 ms for a body of 1 MiB. Where the keys alone are more, one signature is.
pub const PUBLIC_KEY_TRIALS: usize = 48;

/// Secrets of one endpoint.
pub const SECRETS: usize = 128;

/// Bytes of the URL and of all headers together.
pub const HEAD_BYTES: usize = 64 * 1024;

/// The same and the body of a handshake that brings a secret: of a larger one it would not all be kept, and the secret would be lost.
pub const HANDSHAKE_BYTES: usize = 8 * 1024;

/// Header lines.
pub const HEADERS: usize = 512;

/// Fields of a form that are read; where all of them are signed, more are refused.
pub const FORM_FIELDS: usize = 1000;

/// Levels that a JSON document may nest where the whole of it is read.
pub const JSON_DEPTH: u8 = 64;

/// Bytes of the sentence about a refusal.
pub const DETAIL_BYTES: usize = 512;

/// Bytes of a value of the request that is repeated in such a sentence.
pub const SHOWN_BYTES: usize = 40;

/// Refuses a request whose head is larger than any sender's.
pub fn check_head(request: &Request) -> Checked<()> {
    let (count, bytes) = head_size(request);
    if bytes > HEAD_BYTES {
        let detail = format!("URL and headers are {bytes} bytes, {HEAD_BYTES} are looked at");
        return Err(Refusal::new(Reason::MalformedHeader, detail));
    }
    if count > HEADERS {
        return Err(Refusal::new(Reason::MalformedHeader, format!("there are {count} headers, {HEADERS} are looked at")));
    }
    Ok(())
}

/// Header lines, and bytes of URL and headers.
fn head_size(request: &Request) -> (usize, usize) {
    request.headers.iter().fold((0, request.url.len()), |(count, bytes), (name, value)| (count + 1, bytes + name.len() + value.len()))
}

/// Refuses a handshake that brings a secret and is too large to be kept whole.
pub fn check_handshake(request: &Request) -> Checked<()> {
    let bytes = head_size(request).1 + request.body.len();
    if bytes > HANDSHAKE_BYTES {
        let detail =
            format!("a handshake of {bytes} bytes, and none of more than {HANDSHAKE_BYTES} is kept with the secret that it brings");
        return Err(Refusal::new(Reason::NotAllowed, detail));
    }
    Ok(())
}

/// Refuses more signatures than are looked at.
pub fn check_signatures(header: &str, count: usize, limit: usize) -> Checked<()> {
    if count > limit {
        let detail = format!("the header {header} has more than {limit} signatures");
        return Err(Refusal::new(Reason::MalformedHeader, detail));
    }
    Ok(())
}

/// The beginning of a value of the request, for a sentence: never longer than [`SHOWN_BYTES`].
pub fn shown(value: &str) -> String {
    format!("{:?}", cut(value, SHOWN_BYTES))
}

/// The text, cut at this many bytes with `…` in place of the rest.
pub fn cut(text: &str, bytes: usize) -> String {
    if text.len() <= bytes {
        return text.to_owned();
    }
    let end = (0..=bytes.saturating_sub('…'.len_utf8())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    format!("{}…", &text[..end])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::Headers;

    #[test]
    fn texts_are_cut_between_characters() {
        assert_eq!(cut("abc", 3), "abc");
        assert_eq!(cut("abcdef", 5), "ab…");
        assert_eq!(cut("äöüäöü", 8), "äö…");
        assert!(cut(&"é".repeat(1000), DETAIL_BYTES).len() <= DETAIL_BYTES);
        assert_eq!(cut("abc", 1), "…");
    }

    #[test]
    fn a_head_beyond_any_senders_is_refused() {
        let request = |headers: Headers| Request { method: "POST".into(), url: "/".into(), headers, body: b"", truncated: false };
        let many = |count: usize, bytes: usize| (0..count).map(|number| (format!("h{number}"), "x".repeat(bytes))).collect();
        assert!(check_head(&request(many(100, 500))).is_ok());
        assert_eq!(check_head(&request(many(1, HEAD_BYTES))).unwrap_err().reason, Reason::MalformedHeader);
        assert_eq!(check_head(&request(many(HEADERS + 1, 1))).unwrap_err().reason, Reason::MalformedHeader);
    }
}
