//! SQL arguments: what SQLite passes, read with errors that name the argument.

use knocker_core::signatures::Signature;
use knocker_core::store::system_now;
use knocker_core::{Code, Error, Result};
use rusqlite::functions::Context;
use rusqlite::types::ValueRef;

/// The last millisecond of the year 9999. What is far from it in a BIGINT would overflow when a lease or a delay is added.
const LATEST: i64 = 253_402_300_799_999;

/// The arguments of one call.
pub(crate) struct Arguments<'c> {
    ctx: &'c Context<'c>,
    signature: &'static Signature,
    /// Whether the system clock may not be read.
    strict: bool,
}

impl<'c> Arguments<'c> {
    pub fn new(ctx: &'c Context<'c>, signature: &'static Signature, strict: bool) -> Self {
        Self { ctx, signature, strict }
    }

    pub fn text(&self, index: usize) -> Result<&str> {
        self.optional_text(index)?.ok_or_else(|| Error::invalid(format!("{}: must be text, not NULL", self.name(index))))
    }

    pub fn optional_text(&self, index: usize) -> Result<Option<&str>> {
        match self.get(index) {
            ValueRef::Null => Ok(None),
            ValueRef::Text(bytes) => match std::str::from_utf8(bytes) {
                Ok(text) => Ok(Some(text)),
                Err(_) => Err(Error::invalid(format!("{}: is not valid UTF-8", self.name(index)))),
            },
            other => Err(Error::invalid(format!("{}: must be text, not {}", self.name(index), kind(&other)))),
        }
    }

    /// JavaScript drivers send every number as REAL: a whole one is taken, a fraction is refused.
    pub fn whole(&self, index: usize) -> Result<i64> {
        let name = self.name(index);
        self.optional_whole(index, name)?.ok_or_else(|| Error::invalid(format!("{name}: must be a whole number, not NULL")))
    }

    pub fn optional_whole(&self, index: usize, name: &str) -> Result<Option<i64>> {
        match self.get(index) {
            ValueRef::Null => Ok(None),
            ValueRef::Integer(value) => Ok(Some(value)),
            ValueRef::Real(value) if value.fract() == 0.0 && value.abs() < 9.0e15 => Ok(Some(value as i64)),
            ValueRef::Real(value) => Err(Error::invalid(format!("{name}: must be a whole number, not {value}"))),
            other => Err(Error::invalid(format!("{name}: must be a whole number, not {}", kind(&other)))),
        }
    }

    /// Bytes as they are, from a BLOB or from TEXT.
    pub fn bytes(&self, index: usize) -> Result<&[u8]> {
        match self.get(index) {
            ValueRef::Null => Ok(b""),
            ValueRef::Blob(bytes) | ValueRef::Text(bytes) => Ok(bytes),
            other => Err(Error::invalid(format!("{}: must be a BLOB or text, not {}", self.name(index), kind(&other)))),
        }
    }

    /// The optional last argument, or the system clock.
    pub fn now(&self, index: usize) -> Result<i64> {
        match self.optional_whole(index, "now")? {
            None if self.strict => {
                let message = format!("{} was called without now on a strict connection", self.signature.name);
                Err(Error::new(Code::NowRequired, message))
            }
            None => Ok(system_now()),
            Some(now) if (0..=LATEST).contains(&now) => Ok(now),
            Some(now) => Err(Error::invalid(format!("now: {now} is not a time in Unix milliseconds from 1970 to 9999"))),
        }
    }

    /// An optional text followed by the optional `now`. A number in the first place is `now`.
    pub fn option_and_now(&self, index: usize) -> Result<(Option<&str>, i64)> {
        if self.ctx.len() == index + 1 && matches!(self.get(index), ValueRef::Integer(_) | ValueRef::Real(_)) {
            return Ok((None, self.now(index)?));
        }
        Ok((self.optional_text(index)?, self.now(index + 1)?))
    }

    /// Two optional texts followed by the optional `now`. A number in the place of either is `now`.
    pub fn options_and_now(&self, index: usize) -> Result<(Option<&str>, Option<&str>, i64)> {
        if self.ctx.len() == index + 1 {
            let (first, now) = self.option_and_now(index)?;
            return Ok((first, None, now));
        }
        let (second, now) = self.option_and_now(index + 1)?;
        Ok((self.optional_text(index)?, second, now))
    }

    fn name(&self, index: usize) -> &'static str {
        self.signature.parameter(index).name
    }

    fn get(&self, index: usize) -> ValueRef<'_> {
        if index < self.ctx.len() { self.ctx.get_raw(index) } else { ValueRef::Null }
    }
}

fn kind(value: &ValueRef) -> &'static str {
    match value {
        ValueRef::Null => "NULL",
        ValueRef::Integer(_) | ValueRef::Real(_) => "a number",
        ValueRef::Text(_) => "text",
        ValueRef::Blob(_) => "a BLOB",
    }
}
