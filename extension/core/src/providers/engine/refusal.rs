//! Why a check failed, on its way to a verdict.

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
    /// A refusal with this reason and sentence.
    pub fn new(reason: Reason, detail: impl Into<String>) -> Self {
        Self { reason, detail: detail.into() }
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
