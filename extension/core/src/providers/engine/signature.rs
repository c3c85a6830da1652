//! Signatures in a header: the scheme of most providers, with what differs between them as data.

use std::borrow::Cow;

use super::algorithm::Algorithm;
use super::context::Context;
use super::digest::Hash;
use super::encoding::{Encoding, KeyForm};
use super::limits::{PUBLIC_KEY_SIGNATURES, PUBLIC_KEY_TRIALS, SIGNATURES, check_signatures};
use super::refusal::{Checked, Refusal};
use super::template::{self, Part};
use super::timestamp::{Place, Timestamp};
use crate::error::{Error, Result};
use crate::providers::{Reason, Secrets, Signed};

/// One provider's scheme.
#[derive(Debug, Clone, Copy)]
pub struct SignatureScheme<'a> {
    /// The header that holds the signature.
    pub header: &'a str,
    /// How signatures stand in it.
    pub form: Form<'a>,
    /// How a signature is made.
    pub algorithm: Algorithm,
    /// How a signature is written.
    pub encoding: Encoding,
    /// What is signed.
    pub signed: &'a [Part<'a>],
    /// How a secret becomes the key.
    pub key: KeyForm,
    /// The signed timestamp, where there is one.
    pub timestamp: Option<Timestamp<'a>>,
}

/// How signatures stand in their header.
#[derive(Debug, Clone, Copy)]
pub enum Form<'a> {
    /// One signature after a fixed text, which may be empty.
    Prefixed(&'a str),
    /// `name=value` pairs such as `t=1,v1=ab,v1=cd`. Pairs with other names are skipped.
    Pairs {
        /// What separates the pairs; a space after the first character may be left out.
        separator: &'a str,
        /// The name of the signatures.
        signature: &'a str,
        /// The name of the timestamp; empty where it is not in this header.
        timestamp: &'a str,
    },
    /// `version,signature` items separated by spaces. Other versions are skipped.
    Versions(&'a str),
    /// One signature each in headers that end in `-1`, `-2` and so on.
    Numbered,
}

/// What a request claims.
struct Claim<'a> {
    signatures: Vec<Vec<u8>>,
    timestamp: &'a str,
}

impl<'a> SignatureScheme<'a> {
    /// HMAC-SHA256 in lower-case hex of the body, in a header without anything else: the most common scheme.
    pub const fn hex_of_body(header: &'a str) -> Self {
        Self {
            header,
            form: Form::Prefixed(""),
            algorithm: Algorithm::Hmac(Hash::Sha256),
            encoding: Encoding::Hex,
            signed: &[Part::Body],
            key: KeyForm::Text,
            timestamp: None,
        }
    }

    /// The first secret that produces one of the request's signatures, where the timestamp is near enough as well.
    pub fn verify<'s>(&self, context: &Context<'a>, secrets: &'s Secrets) -> Checked<&'s str> {
        let claim = self.read(context)?;
        self.check_trials(&claim, secrets)?;
        let signed = template::resolve_each(self.signed, context, claim.timestamp)?;
        let mut any_key = false;
        let matching = secrets.usable().find(|secret| {
            signed.iter().any(|parts| {
                let parts: Vec<&[u8]> = parts.iter().map(AsRef::as_ref).collect();
                let Some(expected) = self.algorithm.expect(self.key, secret, &parts) else { return false };
                any_key = true;
                claim.signatures.iter().any(|signature| expected.accepts(signature))
            })
        });
        let secret = match matching {
            Some(secret) => secret,
            None if !any_key => return Err(Refusal::new(Reason::NoSecret, "no secret is in the form that this provider uses")),
            None => return Err(Refusal::signature()),
        };
        // After the signature, so that this reason always means a genuine request.
        if let Some(timestamp) = self.timestamp {
            let joint = template::timestamp_joint(self.signed);
            timestamp.check(context, claim.timestamp, joint, self.timestamp_header().unwrap_or_default())?;
        }
        template::check_joints(self.signed, context)?;
        Ok(secret)
    }

    /// Refuses a request that asks for more public-key work than any sender's does.
    fn check_trials(&self, claim: &Claim, secrets: &Secrets) -> Checked<()> {
        if matches!(self.algorithm, Algorithm::Hmac(_)) {
            return Ok(());
        }
        let keys = secrets.usable().count().max(1);
        check_signatures(self.header, claim.signatures.len(), PUBLIC_KEY_SIGNATURES.min(PUBLIC_KEY_TRIALS / keys).max(1))
    }

    /// The headers that carry the signature of the request.
    pub fn sign(&self, context: &Context<'a>, secret: &str) -> Result<Signed> {
        let joint = template::timestamp_joint(self.signed);
        let timestamp = self.timestamp.map(|timestamp| timestamp.unit.format_at(joint, context.now_ms)).unwrap_or_default();
        let parts = template::resolve(self.signed, context, &timestamp).map_err(|refusal| Error::invalid(refusal.detail))?;
        let parts: Vec<&[u8]> = parts.iter().map(AsRef::as_ref).collect();
        let signature = self.encoding.encode(&self.algorithm.sign(self.key, secret, &parts)?);
        let mut headers = Vec::new();
        if let Some(Timestamp { place: Place::Header(name), .. }) = self.timestamp {
            headers.push((name.to_owned(), timestamp.clone()));
        }
        let (header, value) = match self.form {
            Form::Prefixed(prefix) => (self.header.to_owned(), format!("{prefix}{signature}")),
            Form::Pairs { signature: name, timestamp: "", .. } => (self.header.to_owned(), format!("{name}={signature}")),
            Form::Pairs { separator, signature: name, timestamp: time } => {
                (self.header.to_owned(), format!("{time}={timestamp}{separator}{name}={signature}"))
            }
            Form::Versions(version) => (self.header.to_owned(), format!("{version},{signature}")),
            Form::Numbered => (format!("{}-1", self.header), signature),
        };
        headers.push((header, value));
        Ok(Signed { headers, ..Signed::default() })
    }

    /// The header that holds the timestamp.
    pub fn timestamp_header(&self) -> Option<&'a str> {
        self.timestamp.map(|timestamp| match timestamp.place {
            Place::SignatureHeader => self.header,
            Place::Header(name) => name,
        })
    }

    /// The scheme in words.
    pub fn describe(&self) -> String {
        let (algorithm, encoding, signed) = (self.algorithm.title(), self.encoding.title(), Part::describe(self.signed));
        let value = match self.form {
            Form::Prefixed("") | Form::Numbered => String::new(),
            Form::Prefixed(prefix) => format!(" as `{prefix}<{encoding}>`"),
            Form::Pairs { signature, timestamp: "", .. } => format!(" as `{signature}=<{encoding}>`"),
            Form::Pairs { separator, signature, timestamp } => format!(" as `{timestamp}=<time>{separator}{signature}=<{encoding}>`"),
            Form::Versions(version) => format!(" as `{version},<{encoding}>`"),
        };
        format!("{algorithm} over `{signed}`, {encoding}{value}")
    }

    fn read(&self, context: &Context<'a>) -> Checked<Claim<'a>> {
        let mut claim = Claim { signatures: Vec::new(), timestamp: "" };
        if let Some(Timestamp { place: Place::Header(name), .. }) = self.timestamp {
            claim.timestamp = context.required_header(name)?;
        }
        let decode = |text: &str| self.encoding.decode(text);
        match self.form {
            Form::Prefixed(prefix) => {
                let value = context.required_header(self.header)?;
                claim.signatures.extend(value.strip_prefix(prefix).and_then(decode));
            }
            Form::Pairs { separator, signature, timestamp } => {
                let value = context.required_header(self.header)?;
                self.check_list(value.split(&separator[..1]).count())?;
                let pairs: Option<Vec<_>> = value.split(&separator[..1]).map(|pair| pair.trim().split_once('=')).collect();
                let pairs = pairs.ok_or_else(|| Refusal::malformed(self.header, &self.expected()))?;
                let named = |wanted| pairs.iter().filter(move |(name, _)| *name == wanted).map(|(_, text)| *text);
                claim.signatures.extend(named(signature).filter_map(decode));
                if !timestamp.is_empty() {
                    let mut times = named(timestamp);
                    claim.timestamp = times.next().ok_or_else(|| Refusal::malformed(self.header, &self.expected()))?;
                    if times.any(|other| other != claim.timestamp) {
                        return Err(Refusal::new(Reason::MalformedHeader, format!("the header {} has two timestamps", self.header)));
                    }
                }
            }
            Form::Versions(version) => {
                let value = context.required_header(self.header)?;
                self.check_list(value.split(' ').count())?;
                let items = value.split(' ').filter_map(|item| item.split_once(','));
                claim.signatures.extend(items.filter(|(name, _)| *name == version).filter_map(|(_, text)| decode(text)));
            }
            Form::Numbered => {
                let values: Vec<_> = self.numbered(context).collect();
                if values.is_empty() {
                    return Err(Refusal::missing(&format!("{}-1", self.header)));
                }
                self.check_list(values.len())?;
                claim.signatures.extend(values.into_iter().filter_map(decode));
            }
        }
        if claim.signatures.is_empty() {
            return Err(Refusal::malformed(self.header, &self.expected()));
        }
        Ok(claim)
    }

    /// Refuses a list with more parts than are looked at, before any is decoded.
    fn check_list(&self, parts: usize) -> Checked<()> {
        check_signatures(self.header, parts, SIGNATURES)
    }

    fn numbered(&self, context: &Context<'a>) -> impl Iterator<Item = &'a str> {
        let header = self.header;
        let is_ours = move |name: &str| {
            let (base, number) = name.split_at_checked(header.len())?;
            let number = number.strip_prefix('-')?;
            (base.eq_ignore_ascii_case(header) && !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())).then_some(())
        };
        let request = context.request;
        request.headers.iter().filter(move |(name, _)| is_ours(name).is_some()).map(|(_, value)| value.trim_matches([' ', '\t']))
    }

    /// The form of the header's value, for a sentence.
    fn expected(&self) -> Cow<'static, str> {
        let encoding = self.encoding.title();
        match self.form {
            Form::Prefixed("") | Form::Numbered => format!("a signature in {encoding}"),
            Form::Prefixed(prefix) => format!("{prefix}<{encoding}>"),
            Form::Pairs { signature, timestamp: "", .. } => format!("{signature}=<{encoding}>"),
            Form::Pairs { separator, signature, timestamp } => format!("{timestamp}=<time>{separator}{signature}=<{encoding}>"),
            Form::Versions(version) => format!("{version},<{encoding}>"),
        }
        .into()
    }
}
