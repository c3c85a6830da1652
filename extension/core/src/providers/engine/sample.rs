//! Headers that a provider adds beside the signature, for requests that are signed here.

use super::context::Context;
use super::digest::Hash;

/// One such header, made from the body and the clock alone, so that signing twice gives the same.
#[derive(Debug, Clone, Copy)]
pub enum Sample {
    /// An identity in the form of a UUID.
    Uuid(&'static str),
    /// An identity with a prefix such as `msg_`.
    Id(&'static str, &'static str),
    /// This value.
    Text(&'static str, &'static str),
}

impl Sample {
    /// Those of `samples` that the request lacks.
    pub fn missing(samples: &[Sample], context: &Context) -> Vec<(String, String)> {
        let lacking = samples.iter().filter(|sample| context.headers(sample.header()).next().is_none());
        lacking.map(|sample| (sample.header().to_owned(), sample.value(context))).collect()
    }

    /// Header and value, where the value is the same for every request.
    pub fn text(&self) -> Option<(&'static str, &'static str)> {
        match self {
            Sample::Text(header, text) => Some((header, text)),
            Sample::Uuid(_) | Sample::Id(..) => None,
        }
    }

    fn header(&self) -> &'static str {
        match self {
            Sample::Uuid(header) | Sample::Id(header, _) | Sample::Text(header, _) => header,
        }
    }

    fn value(&self, context: &Context) -> String {
        match self {
            Sample::Text(_, text) => (*text).to_owned(),
            Sample::Id(_, prefix) => format!("{prefix}{}", &identity(context)[..24]),
            Sample::Uuid(_) => {
                let id = identity(context);
                format!("{}-{}-4{}-8{}-{}", &id[..8], &id[8..12], &id[13..16], &id[17..20], &id[20..32])
            }
        }
    }
}

/// Hex that differs between two bodies and between two moments.
fn identity(context: &Context) -> String {
    hex::encode(Hash::Sha256.digest(&[context.now_ms.to_string().as_bytes(), b".", context.body()]).bytes())
}
