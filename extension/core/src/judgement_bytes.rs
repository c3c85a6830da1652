//! The bytes that stand for a judgement: one line of JSON, a newline, and the body as far as it is kept.

use std::borrow::Cow;

use serde::Deserialize;

use crate::error::{Error, Result};
use crate::judgement::{FORMAT, Judged, Judgement, stale};
use crate::providers::Reason;

impl<'r> Judgement<'r> {
    /// The bytes that stand for it.
    pub fn to_bytes(&mut self) -> Vec<u8> {
        self.kept = self.body.as_ref().map(|body| body.len());
        let body = self.body.as_deref().unwrap_or_default();
        let mut bytes = Vec::with_capacity(1024 + self.headers.len() + body.len());
        serde_json::to_writer(&mut bytes, self).expect("a judgement is plain JSON");
        // Headers are JSON already, and are not written as a text that holds JSON: they become the last member.
        bytes.pop();
        bytes.extend_from_slice(br#","headers":"#);
        bytes.extend_from_slice(self.headers.as_bytes());
        bytes.extend_from_slice(b"}\n");
        bytes.extend_from_slice(body);
        bytes
    }

    /// Reads what [`Judgement::to_bytes`] wrote.
    ///
    /// # Errors
    /// `stale_judgement` for the bytes of another version, `invalid_argument` for anything else. Neither repeats what was given.
    pub fn from_bytes(bytes: &'r [u8]) -> Result<Self> {
        let malformed = || Error::invalid("judgement: is not what knocker_judge or knocker_attest gives");
        let end = bytes.iter().position(|&byte| byte == b'\n').ok_or_else(malformed)?;
        let (head, body) = (&bytes[..end], &bytes[end + 1..]);
        let mut judgement: Self = serde_json::from_slice(head).map_err(|_| match serde_json::from_slice::<Format>(head) {
            Ok(Format { format }) if format != FORMAT => stale("it was made by another version of Knocker"),
            _ => malformed(),
        })?;
        if judgement.format != FORMAT {
            return Err(stale("it was made by another version of Knocker"));
        }
        judgement.body = judgement.kept.map(|_| Cow::Borrowed(body));
        if judgement.kept.unwrap_or(0) != body.len() || !judgement.is_sound() {
            return Err(malformed());
        }
        // Whoever made it, what is stored has its bounds.
        Ok(if judgement.outcome == Judged::Accepted { judgement.with_short_texts() } else { judgement.within_limits() })
    }

    /// Whether it says nothing that no request could have led to, and that readers of the rows would stumble over.
    fn is_sound(&self) -> bool {
        let kept = self.kept.unwrap_or(0);
        self.items.iter().all(|item| item.span.as_ref().is_none_or(|span| span.end <= kept))
            && (self.items.is_empty() || self.outcome == Judged::Accepted)
            && self.reason.as_deref().is_none_or(|given| Reason::ALL.iter().any(|reason| reason.name() == given))
            && self.body_sha256.as_ref().is_none_or(|digest| digest.len() == 64)
            && i64::try_from(self.body_size).is_ok()
            && self.headers.starts_with('{')
    }
}

#[derive(Deserialize)]
struct Format {
    format: u32,
}
