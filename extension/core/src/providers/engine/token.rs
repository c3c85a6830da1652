//! A secret that is sent as it is, in a header.

use super::context::Context;
use super::digest::Digest;
use super::refusal::{Checked, Refusal};
use crate::providers::{Reason, Secrets, Signed};

/// Where the token stands.
#[derive(Debug, Clone, Copy)]
pub struct TokenScheme<'a> {
    /// The header.
    pub header: &'a str,
    /// What stands before the token. A word such as `Bearer ` is compared without regard to case.
    pub prefix: &'a str,
}

impl<'a> TokenScheme<'a> {
    /// The secret that the request carries.
    pub fn verify<'s>(&self, context: &Context<'a>, secrets: &'s Secrets) -> Checked<&'s str> {
        self.verify_among(context, secrets.usable())
    }

    /// The same with some of an endpoint's secrets.
    pub fn verify_among<'s>(&self, context: &Context<'a>, secrets: impl IntoIterator<Item = &'s str>) -> Checked<&'s str> {
        let value = context.required_header(self.header)?;
        let given = self.strip(value).ok_or_else(|| Refusal::malformed(self.header, &format!("{}<token>", self.prefix)))?;
        let mut found = None;
        for secret in secrets {
            if Digest::of_token(secret).matches_token(given) {
                found = found.or(Some(secret));
            }
        }
        found.ok_or_else(|| Refusal::new(Reason::BadSignature, "the token is not one of the secrets"))
    }

    /// The header that carries `secret`.
    pub fn sign(&self, secret: &str) -> Signed {
        Signed { headers: vec![(self.header.to_owned(), format!("{}{secret}", self.prefix))], ..Signed::default() }
    }

    fn strip<'v>(&self, value: &'v str) -> Option<&'v str> {
        let (prefix, rest) = value.split_at_checked(self.prefix.len())?;
        prefix.eq_ignore_ascii_case(self.prefix).then_some(rest)
    }
}
