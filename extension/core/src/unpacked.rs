//! Bodies that were compressed for the way (`Content-Encoding: gzip`).
//!
//! What such a sender says is the text before: it is what is read, redacted, stored and given to handlers, as it would be where a server or a proxy
//! in front unpacks bodies. What is signed is that text with the senders known to compress (Stream, Quicknode); some sign the bytes of the
//! way, so both are looked at. The header is not signed, but can move no meaning: it counts only where the bytes are gzip, which no text begins with.

use std::io::Read;

use flate2::bufread::MultiGzDecoder;

use crate::request::Request;

const HEADER: &str = "content-encoding";

/// What every gzip stream begins with: its mark, and the one method that there is.
const MARK: &[u8] = &[0x1f, 0x8b, 0x08];

/// The text of a packed body, or its beginning of one byte more than `limit`; `None` where the body is not packed, or cannot be unpacked.
pub(crate) fn unpacked(request: &Request<'_>, limit: i64) -> Option<Vec<u8>> {
    if request.truncated || !request.body.starts_with(MARK) || !is_gzip(request) {
        return None;
    }
    let mut text = Vec::new();
    let most = u64::try_from(limit).unwrap_or(0).saturating_add(1);
    MultiGzDecoder::new(request.body).take(most).read_to_end(&mut text).ok()?;
    Some(text)
}

fn is_gzip(request: &Request<'_>) -> bool {
    let mut codings = request.headers.all(HEADER).flat_map(|value| value.split(',')).map(str::trim);
    let is_gzip = |coding: &str| coding.eq_ignore_ascii_case("gzip") || coding.eq_ignore_ascii_case("x-gzip");
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
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn packed(text: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
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
    fn no_more_is_unpacked_than_the_limit_and_a_byte() {
        let bomb = packed(&vec![b'x'; 10_000_000]);
        let text = text_of(r#"{"content-encoding": "gzip"}"#, &bomb).unwrap();
        assert_eq!(text.len(), 101);
        let request = Request::parse("{}", &bomb).unwrap();
        assert!(as_if_plain(&request, &text, 100).truncated);
    }
}
