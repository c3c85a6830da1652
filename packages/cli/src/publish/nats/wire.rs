//! The protocol of NATS as far as a publisher needs it: lines of text, and messages with headers of their own.

use std::io::{self, Read, Write};
use std::time::{Duration, Instant};

use serde::Deserialize;
use serde_json::Value;

/// No line of a server is longer; the first one, which tells of the server, is the longest.
const LONGEST_LINE: usize = 64 * 1024;
/// Nor is any answer of JetStream.
const LARGEST_MESSAGE: usize = 8 << 20;
/// How long what has come is looked at where there is no more time: a server may send without an end.
pub const LOOK: Duration = Duration::from_millis(100);

/// A connection's bytes, plain or through TLS.
pub trait Stream: Read + Write + Send {
    /// How long a read waits at most.
    fn set_patience(&mut self, patience: Duration) -> io::Result<()>;
}

/// What a server tells of itself.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct ServerInfo {
    /// Bytes that a message has at most, its headers among them.
    pub max_payload: Option<usize>,
    pub tls_required: bool,
    /// To be signed by who has an NKey.
    pub nonce: Option<String>,
}

/// What a server sends.
#[derive(Debug, PartialEq, Eq)]
pub enum Sent {
    Info(String),
    Message(Received),
    Ping,
    Pong,
    Error(String),
}

/// A message that came.
#[derive(Debug, PartialEq, Eq)]
pub struct Received {
    pub subject: String,
    /// 503 where nobody listens on the subject that was sent to.
    pub status: Option<u16>,
    pub payload: Vec<u8>,
}

/// The frames of a stream.
pub struct Wire<S> {
    stream: S,
    buffer: Vec<u8>,
    start: usize,
}

impl<S: Stream> Wire<S> {
    pub fn new(stream: S) -> Self {
        Self { stream, buffer: Vec::new(), start: 0 }
    }

    /// The next frame, if one comes before the deadline.
    ///
    /// # Errors
    /// Those of the connection, its end among them, and bytes that are no frame.
    pub fn next(&mut self, deadline: Instant) -> io::Result<Option<Sent>> {
        let end = deadline.max(Instant::now() + LOOK);
        loop {
            if let Some((sent, length)) = frame(&self.buffer[self.start..])? {
                self.start += length;
                return Ok(Some(sent));
            }
            self.buffer.drain(..std::mem::take(&mut self.start));
            if Instant::now() >= end {
                return Ok(None);
            }
            let patience = deadline.saturating_duration_since(Instant::now());
            // A read without patience would wait for ever.
            self.stream.set_patience(patience.max(Duration::from_millis(1)))?;
            let mut bytes = [0; 16 * 1024];
            match self.stream.read(&mut bytes) {
                Ok(0) => return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the server closed the connection")),
                Ok(read) => self.buffer.extend_from_slice(&bytes[..read]),
                Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {
                    if Instant::now() >= deadline {
                        return Ok(None);
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Writes bytes as they are.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes)
    }

    pub fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

/// A message to be sent: its head and its end; the payload stands between them.
pub fn head(subject: &str, reply: &str, headers: &[(String, String)], payload: usize) -> Vec<u8> {
    let mut lines = String::from("NATS/1.0\r\n");
    for (name, value) in headers {
        lines.push_str(&format!("{name}: {value}\r\n"));
    }
    lines.push_str("\r\n");
    format!("HPUB {subject} {reply} {} {}\r\n{lines}", lines.len(), lines.len() + payload).into_bytes()
}

/// How many bytes of headers there are, which the server counts with the payload.
pub fn headers_length(headers: &[(String, String)]) -> usize {
    12 + headers.iter().map(|(name, value)| name.len() + value.len() + 4).sum::<usize>()
}

/// The first frame of these bytes, and its length; none where it is not whole.
fn frame(bytes: &[u8]) -> io::Result<Option<(Sent, usize)>> {
    let Some(end) = bytes.windows(2).position(|pair| pair == b"\r\n") else {
        return if bytes.len() > LONGEST_LINE { Err(malformed()) } else { Ok(None) };
    };
    let line = std::str::from_utf8(&bytes[..end]).map_err(|_| malformed())?;
    let after = end + 2;
    let (word, rest) = line.split_once([' ', '\t']).unwrap_or((line, ""));
    let sent = match word.to_ascii_uppercase().as_str() {
        "MSG" | "HMSG" => {
            return message(word.len() == 4, rest, &bytes[after..]).map(|found| found.map(|(sent, length)| (sent, after + length)));
        }
        "INFO" => Sent::Info(rest.trim().to_owned()),
        "PING" => Sent::Ping,
        "PONG" | "+OK" => Sent::Pong,
        "-ERR" => Sent::Error(rest.trim().trim_matches('\'').to_owned()),
        _ => return Err(malformed()),
    };
    Ok(Some((sent, after)))
}

/// `subject sid [reply] [bytes of headers] bytes`, and what follows it.
fn message(with_headers: bool, line: &str, bytes: &[u8]) -> io::Result<Option<(Sent, usize)>> {
    let words: Vec<&str> = line.split_ascii_whitespace().collect();
    let number = |index: usize| words.get(index).and_then(|word| word.parse::<usize>().ok()).ok_or_else(malformed);
    let subject = (*words.first().ok_or_else(malformed)?).to_owned();
    let total = number(words.len() - 1)?;
    let headers = if with_headers { number(words.len().saturating_sub(2))? } else { 0 };
    if headers > total || total > LARGEST_MESSAGE {
        return Err(malformed());
    }
    if bytes.len() < total + 2 {
        return Ok(None);
    }
    let status = std::str::from_utf8(&bytes[..headers]).ok().and_then(|text| text.strip_prefix("NATS/1.0")?.get(..4)?.trim().parse().ok());
    Ok(Some((Sent::Message(Received { subject, status, payload: bytes[headers..total].to_vec() }), total + 2)))
}

fn malformed() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, "the server does not speak NATS")
}

/// What JetStream answers: the JSON, or why it was not done. None where the answer is somebody else's.
pub fn answer(received: &Received) -> Option<Result<Value, JetStreamError>> {
    if received.status == Some(503) {
        return Some(Err(JetStreamError { code: NO_RESPONDERS, description: "no server answers for it".into() }));
    }
    let answer: Value = serde_json::from_slice(&received.payload).ok()?;
    let Some(error) = answer.get("error") else { return answer.is_object().then_some(Ok(answer)) };
    // An error of JetStream has a code of HTTP, and mostly one of its own.
    error["code"].as_i64()?;
    Some(Err(JetStreamError {
        code: error["err_code"].as_i64().unwrap_or_default(),
        description: error["description"].as_str().unwrap_or("no reason was given").to_owned(),
    }))
}

/// Whether this is the stream's own acknowledgement: whoever else listens on the subject may answer as well.
pub fn acknowledges(answer: &Value, stream: &str) -> bool {
    answer["stream"].as_str() == Some(stream) && answer["seq"].as_u64().is_some_and(|number| number > 0)
}

/// Nobody listens on the subject: the stream has no leader, or there is none.
pub const NO_RESPONDERS: i64 = 503;

/// Why JetStream did not do it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JetStreamError {
    pub code: i64,
    pub description: String,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn frames_are_read_however_they_are_cut() {
        let whole = b"INFO {\"max_payload\":5}\r\nPING\r\nMSG a.b 1 2\r\nhi\r\nHMSG a.c 1 16 18\r\nNATS/1.0 503\r\n\r\nok\r\n-ERR 'Slow Consumer'\r\nPONG\r\n";
        let of =
            |subject: &str, status, payload: &[u8]| Sent::Message(Received { subject: subject.into(), status, payload: payload.to_vec() });
        let expected = [
            Sent::Info("{\"max_payload\":5}".into()),
            Sent::Ping,
            of("a.b", None, b"hi"),
            of("a.c", Some(503), b"ok"),
            Sent::Error("Slow Consumer".into()),
            Sent::Pong,
        ];
        let mut at = 0;
        for expected in expected {
            let mut length = 1;
            let (sent, taken) = loop {
                match frame(&whole[at..at + length]).unwrap() {
                    Some(found) => break found,
                    None => length += 1,
                }
            };
            assert_eq!((sent, taken), (expected, length));
            at += taken;
        }
        assert_eq!(at, whole.len());
    }

    #[test]
    fn what_is_no_frame_is_refused() {
        for wrong in [
            &b"HTTP/1.1 400 Bad Request\r\n"[..],
            b"MSG\r\n",
            b"MSG a 1 x\r\n",
            b"HMSG a 1 9 3\r\nabc\r\n",
            b"MSG a 1 18446744073709551615\r\nabc\r\n",
            b"MSG a 1 99999999999\r\nabc\r\n",
            b"\xff\r\n",
            &[b'a'; LONGEST_LINE + 1],
        ] {
            assert!(frame(wrong).is_err(), "{:?}", &wrong[..wrong.len().min(40)]);
        }
    }

    #[test]
    fn only_the_stream_acknowledges() {
        for (answer, acknowledges) in [
            (json!({"stream": "HOOKS", "seq": 7}), true),
            (json!({"stream": "HOOKS", "seq": 7, "duplicate": true, "domain": "hub"}), true),
            (json!({"stream": "OTHER", "seq": 7}), false),
            (json!({"stream": "HOOKS", "seq": 0}), false),
            (json!({"stream": "HOOKS"}), false),
            (json!({"ok": true}), false),
            (json!(["thanks"]), false),
            (json!("thanks"), false),
        ] {
            assert_eq!(super::acknowledges(&answer, "HOOKS"), acknowledges, "{answer}");
        }
    }

    #[test]
    fn what_others_say_is_no_answer_of_jetstream() {
        let answer = |status, payload: &str| super::answer(&Received { subject: "a".into(), status, payload: payload.into() });
        for foreign in ["", "thanks", "\"thanks\"", "[1]", "7", r#"{"error": "boom"}"#, r#"{"error": {"description": "no code"}}"#] {
            assert_eq!(answer(None, foreign), None, "{foreign}");
        }
        let code = |answered: Option<Result<Value, JetStreamError>>| answered.unwrap().unwrap_err().code;
        assert_eq!(code(answer(None, r#"{"error": {"code": 400, "err_code": 10060, "description": "another stream"}}"#)), 10060);
        assert_eq!(code(answer(None, r#"{"error": {"code": 503}}"#)), 0);
        assert_eq!(code(answer(Some(503), "")), NO_RESPONDERS);
        assert_eq!(answer(None, r#"{"stream": "HOOKS", "seq": 1}"#), Some(Ok(json!({"stream": "HOOKS", "seq": 1}))));
    }

    #[test]
    fn a_head_counts_its_headers() {
        let headers = [("A".to_owned(), "b".to_owned()), ("Name".to_owned(), "value ü".to_owned())];
        let head = String::from_utf8(head("s.t", "r", &headers, 5)).unwrap();
        let (line, rest) = head.split_once("\r\n").unwrap();
        assert_eq!(rest.len(), headers_length(&headers));
        assert_eq!(line, format!("HPUB s.t r {} {}", rest.len(), rest.len() + 5));
    }
}
