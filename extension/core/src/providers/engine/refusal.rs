//! Why a check failed, on its way to a verdict.

use super::limits::{DETAIL_BYTES, cut};
use crate::providers::Reason;

/// The stable reason and one sentence for a person. The sentence never holds a secret or an expected signature.
#[derive(Debug, Clone)]
pub struct Refusal {
    /// Which of the closed list.
    pub reason: Reason,
    /// One sentence.
    pub detail: String,
}

/// The result of a check.
pub type Checked<T> = Result<T, Refusal>;

impl Refusal {
    /// A refusal with this reason and sentence, which is cut where a request made it longer than a sentence is.
    pub fn new(reason: Reason, detail: impl Into<String>) -> Self {
        let detail = detail.into();
        let detail = if detail.len() > DETAIL_BYTES { cut(&detail, DETAIL_BYTES) } else { detail };
        Self { reason, detail }
    }

    /// Of two ways to prove a request, both refused: the reason that says more. One that found the right signature and an old time means a
    /// genuine request, whatever the other way made of it; a way that the request did not take says nothing.
    pub fn or(self, other: Self) -> Self {
        let weight = |refusal: &Self| match refusal.reason {
            Reason::TimestampOutOfTolerance => 4,
            Reason::NotAllowed => 3,
            Reason::BadSignature | Reason::MalformedBody => 2,
            Reason::MissingHeader | Reason::MalformedHeader => 1,
            Reason::NoSecret => 0,
        };
        if weight(&other) > weight(&self) { other } else { self }
    }

    /// The header is absent.
    pub fn missing(header: &str) -> Self {
        Self::new(Reason::MissingHeader, format!("the header {header} is missing"))
    }

    /// The header is not in the form that the provider writes.
    pub fn malformed(header: &str, expected: &str) -> Self {
        Self::new(Reason::MalformedHeader, format!("the header {header} is not {expected}"))
    }

    /// No secret produces the signature.
    pub fn signature() -> Self {
        Self::new(Reason::BadSignature, "no secret produces this signature")
    }

    /// The body is not in the form that the provider sends.
    pub fn body(detail: impl Into<String>) -> Self {
        Self::new(Reason::MalformedBody, detail)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sentence_has_an_end() {
        let refusal = Refusal::new(Reason::NotAllowed, "x".repeat(400_000));
        assert!(refusal.detail.len() <= DETAIL_BYTES && refusal.detail.ends_with('…'));
        assert!(Refusal::missing(&"x".repeat(10_000)).detail.len() <= DETAIL_BYTES);
    }

    #[test]
    fn an_old_time_behind_a_right_signature_says_most() {
        let old = || Refusal::new(Reason::TimestampOutOfTolerance, "old");
        for other in [Refusal::signature(), Refusal::missing("x"), Refusal::malformed("x", "y"), Refusal::new(Reason::NoSecret, "z")] {
            assert_eq!(old().or(other.clone()).reason, Reason::TimestampOutOfTolerance);
            assert_eq!(other.or(old()).reason, Reason::TimestampOutOfTolerance);
        }
        assert_eq!(Refusal::missing("x").or(Refusal::signature()).reason, Reason::BadSignature);
        assert_eq!(Refusal::signature().or(Refusal::new(Reason::BadSignature, "second")).detail, Refusal::signature().detail);
    }
}
