//! A captured HTTP request: the raw text of HTTP/1.1, as `nc`, a proxy or a packet dump leaves it.

use knocker_core::request::{Headers, Request};

use crate::failure::{Exit, Failure, Result};

const MOST_HEADERS: usize = 512;
const FORM: &str =
    "It starts with a line such as `POST /stripe HTTP/1.1`, then one header a line, an empty line, and the body as it was sent.";

/// A request that owns its body.
#[derive(Debug)]
pub struct Captured {
    method: String,
    url: String,
    headers: Headers,
    body: Vec<u8>,
}

impl Captured {
    /// Reads the text. Lines may end with CR LF or with LF alone; a chunked body is joined; what follows a body of known length, such as
    /// the line end of an editor, is left out.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        let mut slots = vec![httparse::EMPTY_HEADER; MOST_HEADERS];
        let mut parsed = httparse::Request::new(&mut slots);
        let head = match parsed.parse(bytes) {
            Ok(httparse::Status::Complete(head)) => head,
            Ok(httparse::Status::Partial) => return Err(malformed("it ends before the empty line that follows the headers")),
            Err(error) => return Err(malformed(&format!("it is not HTTP/1.1: {error}"))),
        };
        let headers: Headers = parsed.headers.iter().map(|header| (header.name, String::from_utf8_lossy(header.value))).collect();
        let body = if headers.all("transfer-encoding").any(|coding| coding.trim().eq_ignore_ascii_case("chunked")) {
            join_chunks(&bytes[head..])?
        } else {
            cut_body(&bytes[head..], headers.first("content-length"))?
        };
        let method = parsed.method.unwrap_or_default().to_owned();
        Ok(Self { method, url: parsed.path.unwrap_or_default().to_owned(), headers, body })
    }

    /// The request for the core.
    pub fn request(&self) -> Request<'_> {
        Request { method: self.method.clone(), url: self.url.clone(), headers: self.headers.clone(), body: &self.body, truncated: false }
    }
}

fn cut_body(rest: &[u8], announced: Option<&str>) -> Result<Vec<u8>> {
    let Some(announced) = announced else { return Ok(rest.to_vec()) };
    let length: usize = announced.trim().parse().map_err(|_| malformed(&format!("its Content-Length is {announced:?}")))?;
    match rest.get(..length) {
        Some(body) => Ok(body.to_vec()),
        None => Err(malformed(&format!("its body has {} bytes where Content-Length says {length}", rest.len()))),
    }
}

fn join_chunks(mut rest: &[u8]) -> Result<Vec<u8>> {
    let cut_short = || malformed("its chunked body is cut short");
    let mut body = Vec::new();
    loop {
        let (start, length) = match httparse::parse_chunk_size(rest) {
            Ok(httparse::Status::Complete((start, length))) => (start, usize::try_from(length).map_err(|_| cut_short())?),
            Ok(httparse::Status::Partial) => return Err(cut_short()),
            Err(_) => return Err(malformed("its chunked body has a wrong chunk size")),
        };
        if length == 0 {
            return Ok(body);
        }
        let chunk = rest.get(start..).and_then(|rest| rest.get(..length)).ok_or_else(cut_short)?;
        body.extend_from_slice(chunk);
        rest = rest[start + length..].strip_prefix(b"\r\n").ok_or_else(cut_short)?;
    }
}

fn malformed(what: &str) -> Failure {
    Failure::new(Exit::Failed, format!("the captured request cannot be read: {what}"), FORM)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(raw: &[u8]) -> Vec<u8> {
        Captured::parse(raw).unwrap().request().body.to_vec()
    }

    #[test]
    fn head_and_body_are_told_apart() {
        let captured = Captured::parse(b"PUT /a?b=c HTTP/1.1\r\nX-One: 1\r\nx-one: 2\r\n\r\n\xff\r\n").unwrap();
        let request = captured.request();
        assert_eq!((request.method.as_str(), request.url.as_str()), ("PUT", "/a?b=c"));
        assert_eq!(request.headers.all("x-one").collect::<Vec<_>>(), ["1", "2"]);
        assert_eq!(request.body, b"\xff\r\n");
    }

    #[test]
    fn a_file_from_an_editor_may_end_its_lines_with_lf() {
        assert_eq!(body(b"POST / HTTP/1.1\nContent-Length: 2\n\n{}\n"), b"{}");
        assert_eq!(body(b"POST / HTTP/1.1\nHost: a\n\n{}\n"), b"{}\n");
    }

    #[test]
    fn chunks_are_joined() {
        let raw = b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n";
        assert_eq!(body(raw), b"abcde");
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        let message = |raw: &[u8]| format!("{:?}", Captured::parse(raw).unwrap_err());
        assert!(message(b"").contains("empty line"));
        assert!(message(b"{\"a\": 1}\n").contains("not HTTP/1.1"));
        assert!(message(b"POST / HTTP/1.1\r\nHost: a\r\n").contains("empty line"));
        assert!(message(b"POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\nabc").contains("3 bytes where Content-Length says 5"));
        assert!(message(b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc").contains("cut short"));
        assert!(message(b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffff0\r\nabc").contains("cut short"));
    }
}
