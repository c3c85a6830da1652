//! Bodies that were compressed for the way (`Content-Encoding: gzip`).
//!
//! What such a sender says is the text before: it is what is read, redacted, stored and given to handlers, as it would be where a server or a proxy
//! in front unpacks bodies. What is signed is that text with the senders known to compress (Stream, Quicknode); some sign the bytes of the
//! way, so both are looked at. The header is not signed, but can move no meaning: it counts only where the bytes are gzip, which no text begins with.

use zlib_rs::{Inflate, InflateFlush, Status};

use crate::request::Request;

const HEADER: &str = "content-encoding";

/// What every gzip stream begins with: its mark, and the one method that there is.
const MARK: &[u8] = &[0x1f, 0x8b, 0x08];

/// gzip with the window that there is at most, as zlib counts it.
const GZIP: u8 = 16 + 15;

/// How much is unpacked at once.
const STEP: usize = 16 * 1024;

/// Each block of a stream may have tables of its own, which cost as much as thousands of bytes of text. Senders make a block of tens of
/// thousands; a stranger could make a hundred thousand blocks of nothing. These many are unpacked of any body, and one more for so many bytes
/// of text.
const MOST_BLOCKS: usize = 1024;
const BYTES_A_BLOCK: usize = 512;

/// The text of a packed body, or its beginning of one byte more than `limit`; `None` where the body is not packed, or cannot be unpacked.
pub(crate) fn unpacked(request: &Request<'_>, limit: i64) -> Option<Vec<u8>> {
    if request.truncated || !request.body.starts_with(MARK) || !is_gzip(request) {
        return None;
    }
    let most = usize::try_from(limit).unwrap_or(0).saturating_add(1);
    let mut rest = request.body;
    let mut text = Vec::new();
    let mut room = [0; STEP];
    let mut inflate = Inflate::new(true, GZIP);
    let mut steps = 0;
    while text.len() < most {
        let (taken, given) = (inflate.total_in(), inflate.total_out());
        let room = &mut room[..STEP.min(most - text.len())];
        // A step ends with each block.
        let status = inflate.decompress(rest, room, InflateFlush::Block).ok()?;
        rest = &rest[(inflate.total_in() - taken) as usize..];
        text.extend_from_slice(&room[..(inflate.total_out() - given) as usize]);
        steps += 1;
        match status {
            Status::StreamEnd if rest.is_empty() => break,
            // Another stream may follow, whose text is a continuation.
            Status::StreamEnd => inflate = Inflate::new(true, GZIP),
            Status::BufError => return None,
            Status::Ok => {}
        }
        if steps > MOST_BLOCKS + text.len() / BYTES_A_BLOCK {
            return None;
        }
    }
    Some(text)
}

/// Whether gzip is all that was done to it. `identity` is nothing, and so is an empty element of a list.
fn is_gzip(request: &Request<'_>) -> bool {
    let is_nothing = |coding: &&str| coding.is_empty() || coding.eq_ignore_ascii_case("identity");
    let is_gzip = |coding: &str| coding.eq_ignore_ascii_case("gzip") || coding.eq_ignore_ascii_case("x-gzip");
    let codings = request.headers.all(HEADER).flat_map(|value| value.split(',')).map(str::trim);
    let mut codings = codings.filter(|coding| !is_nothing(coding));
    codings.next().is_some_and(is_gzip) && codings.next().is_none()
}

/// The request as it would be had nobody packed it.
pub(crate) fn as_if_plain<'t>(request: &Request<'_>, text: &'t [u8], limit: i64) -> Request<'t> {
    Request {
        method: request.method.clone(),
        url: request.url.clone(),
        headers: request.headers.iter().filter(|(name, _)| *name != HEADER).collect(),
        body: text,
        truncated: text.len() as i64 > limit,
    }
}

#[cfg(test)]
mod tests {
    use zlib_rs::{Deflate, DeflateFlush};

    use super::*;

    /// Packs the pieces, each as a block of its own.
    fn packed_in(pieces: &[&[u8]]) -> Vec<u8> {
        let mut deflate = Deflate::new(6, true, GZIP);
        let mut packed = vec![0; 1024 + pieces.iter().map(|piece| piece.len() + 64).sum::<usize>()];
        for (piece, flush) in pieces.iter().map(|piece| (*piece, DeflateFlush::SyncFlush)).chain([(&b""[..], DeflateFlush::Finish)]) {
            let room = &mut packed[deflate.total_out() as usize..];
            deflate.compress(piece, room, flush).unwrap();
        }
        packed.truncate(deflate.total_out() as usize);
        packed
    }

    fn packed(text: &[u8]) -> Vec<u8> {
        packed_in(&[text])
    }

    fn text_of(header: &str, body: &[u8]) -> Option<Vec<u8>> {
        let request = Request::parse(&format!(r#"{{"headers": {header}}}"#), body).unwrap();
        unpacked(&request, 100)
    }

    #[test]
    fn gzip_is_unpacked_where_the_header_says_so() {
        let gzip = r#"{"Content-Encoding": "GZip"}"#;
        assert_eq!(text_of(gzip, &packed(b"{}")).unwrap(), b"{}");
        assert_eq!(text_of(gzip, &[packed(b"{"), packed(b"}")].concat()).unwrap(), b"{}");
        for header in [r#"{"content-encoding": "identity, x-gzip"}"#, r#"{"content-encoding": ["", "gzip,"]}"#] {
            assert_eq!(text_of(header, &packed(b"{}")).unwrap(), b"{}", "{header}");
        }
        for header in
            ["{}", r#"{"content-encoding": "br"}"#, r#"{"content-encoding": "gzip, gzip"}"#, r#"{"content-encoding": ["gzip", "br"]}"#]
        {
            assert_eq!(text_of(header, &packed(b"{}")), None, "{header}");
        }
    }

    #[test]
    fn what_is_no_gzip_stays_as_it_is() {
        let gzip = r#"{"content-encoding": "gzip"}"#;
        let whole = packed(b"{}");
        for body in [&b"{}"[..], b"", &whole[..whole.len() - 1], &[&whole[..], b"x"].concat()] {
            assert_eq!(text_of(gzip, body), None, "{body:?}");
        }
    }

    #[test]
    fn what_costs_more_than_its_text_is_worth_stays_as_it_is() {
        let gzip = r#"{"content-encoding": "gzip"}"#;
        let blocks = [b"\x1f\x8b\x08\0\0\0\0\0\0\x03".to_vec(), b"\0\0\0\xff\xff".repeat(10_000), b"\x03\0".to_vec(), vec![0; 8]];
        assert_eq!(text_of(gzip, &blocks.concat()), None);
        assert_eq!(text_of(gzip, &packed(b"").repeat(10_000)), None);
        // Who sends each event of a batch on its way at once makes a block or two of each.
        let events = vec![&[b'x'; 1000][..]; 20_000];
        let request = packed_in(&events);
        let request = Request::parse(r#"{"headers": {"content-encoding": "gzip"}}"#, &request).unwrap();
        assert_eq!(unpacked(&request, 1 << 30).map(|text| text.len()), Some(20_000_000));
    }

    #[test]
    fn no_more_is_unpacked_than_the_limit_and_a_byte() {
        let bomb = packed(&vec![b'x'; 10_000_000]);
        let text = text_of(r#"{"content-encoding": "gzip"}"#, &bomb).unwrap();
        assert_eq!(text.len(), 101);
        let request = Request::parse("{}", &bomb).unwrap();
        assert!(as_if_plain(&request, &text, 100).truncated);
    }
}
