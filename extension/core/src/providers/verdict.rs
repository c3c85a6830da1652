//! What verification says about a request.

use std::borrow::Cow;
use std::ops::Range;

use crate::request::Response;

/// Why a request was refused: a closed list, stored with the delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reason {
    /// A header that the provider always sends is absent.
    MissingHeader,
    /// A header is there but not in the provider's form, or occurs with different values.
    MalformedHeader,
    /// No secret produces this signature.
    BadSignature,
    /// The signed timestamp is too old, or too far in the future.
    TimestampOutOfTolerance,
    /// The body is not what the provider sends.
    MalformedBody,
    /// No usable secret was given, so nothing can be verified.
    NoSecret,
    /// The request proved itself but asks for something that is not allowed (method, algorithm, subscription).
    NotAllowed,
}

impl Reason {
    /// Every reason.
    pub const ALL: [Reason; 7] = [
        Reason::MissingHeader,
        Reason::MalformedHeader,
        Reason::BadSignature,
        Reason::TimestampOutOfTolerance,
        Reason::MalformedBody,
        Reason::NoSecret,
        Reason::NotAllowed,
    ];

    /// The name in rows and results.
    pub fn name(self) -> &'static str {
        match self {
            Reason::MissingHeader => "missing_header",
            Reason::MalformedHeader => "malformed_header",
            Reason::BadSignature => "bad_signature",
            Reason::TimestampOutOfTolerance => "timestamp_out_of_tolerance",
            Reason::MalformedBody => "malformed_body",
            Reason::NoSecret => "no_secret",
            Reason::NotAllowed => "not_allowed",
        }
    }
}

/// One occurrence in a request: the whole of it, or one item of a batch.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Item {
    /// The type in the provider's own spelling.
    pub event_type: Option<String>,
    /// What stays the same when the sender retries and differs between two occurrences.
    pub key: Option<String>,
    /// Where the item stands in the body; `None` for the whole body.
    pub span: Option<Range<usize>>,
}

/// What the request turned out to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It proved itself; one item for a single event, several for a batch, none for an empty batch.
    Delivery(Vec<Item>),
    /// A valid handshake: there is a response and no event.
    Handshake,
    /// It did not prove itself.
    Refused {
        /// The stable reason.
        reason: Reason,
        /// One sentence for a person; never a secret or an expected signature.
        detail: String,
    },
}

/// The outcome and what to answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// What the request turned out to be.
    pub outcome: Outcome,
    /// What the provider expects as the answer.
    pub response: Response,
}

/// A request as a provider would send it. `None` means: as it was given.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Signed {
    /// Headers to add, in the provider's own spelling.
    pub headers: Vec<(String, String)>,
    /// The URL, where the provider signs inside it.
    pub url: Option<String>,
    /// The body, where the provider signs inside it.
    pub body: Option<String>,
}

/// The parts of a request that are stored, credentials removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redacted<'a> {
    /// The headers as a JSON object.
    pub headers: String,
    /// The URL without credentials.
    pub url: Cow<'a, str>,
    /// The body; owned only where something in it had to go. Same length and offsets are not promised then: item spans are
    /// computed on this one.
    pub body: Cow<'a, [u8]>,
}
