//! What the app said to each parcel.

use knocker_core::store::system_now;
use serde_json::json;

use super::{Forwarded, Parcel};
use crate::context::Context;
use crate::failure::{Exit, Failure, Result};
use crate::{moment, post, printable, tint};

/// Tells each answer, and counts.
pub struct Report<'a> {
    context: &'a Context,
    sent: i64,
    refused: Vec<String>,
    waits: bool,
}

impl<'a> Report<'a> {
    pub fn new(context: &'a Context) -> Self {
        Self { context, sent: 0, refused: Vec::new(), waits: false }
    }

    /// One was answered.
    pub fn add(&mut self, parcel: &Parcel, forwarded: Forwarded) -> Result {
        let Forwarded { answer, signed_anew, redacted } = forwarded;
        self.waits = false;
        self.sent += 1;
        let taken = (200..300).contains(&answer.status);
        if !taken {
            self.refused.push(parcel.delivery_id.map_or_else(|| "-".into(), |id| id.to_string()));
        }
        if self.context.out.json() {
            return self.context.out.document(&json!({
                "kind": "forward", "at": system_now(), "delivery_id": parcel.delivery_id, "endpoint": parcel.endpoint, "type": parcel.event_type,
                "status": answer.status, "duration_ms": answer.duration_ms, "signed_anew": signed_anew, "redacted": redacted,
            }));
        }
        let style = tint::of(if taken { "handled" } else { "dead" });
        let mut line = parcel.delivery_id.map(|id| format!("delivery {id} ")).unwrap_or_default() + &parcel.endpoint;
        line.extend(parcel.event_type.iter().map(|name| format!(" {name}")));
        let mut notes = String::new();
        if signed_anew {
            notes += ", signed anew";
        }
        if !redacted.is_empty() {
            notes += &format!(", without what was stored redacted ({})", redacted.join(", "));
        }
        if !taken && !answer.body.is_empty() {
            notes += &format!(": {}", printable::shortened(&String::from_utf8_lossy(&answer.body), 200));
        }
        let (line, notes, time) = (printable::text(&line), printable::text(&notes), moment::clock(system_now()));
        self.context.out.line(format_args!("{time}  {line} -> {style}{}{style:#} in {} ms{notes}", answer.status, answer.duration_ms))
    }

    /// One cannot be sent at all.
    pub fn unsendable(&mut self, parcel: &Parcel, failure: &Failure) -> Result {
        self.sent += 1;
        self.refused.push(parcel.delivery_id.map_or_else(|| "-".into(), |id| id.to_string()));
        if self.context.out.json() {
            return self.context.out.document(&json!({
                "kind": "forward", "at": system_now(), "delivery_id": parcel.delivery_id, "endpoint": parcel.endpoint, "type": parcel.event_type,
                "error": failure.message(),
            }));
        }
        let delivery = parcel.delivery_id.map(|id| format!("delivery {id} ")).unwrap_or_default();
        let (line, why) = (format!("{delivery}{}", parcel.endpoint), failure.message());
        let (line, why, style) = (printable::text(&line), printable::text(why), tint::of("dead"));
        self.context.out.line(format_args!("{}  {line} -> {style}not sent{style:#}: {why}", moment::clock(system_now())))
    }

    /// The app does not listen, and is waited for. Told once.
    pub fn waiting(&mut self, failure: &Failure) -> Result {
        if std::mem::replace(&mut self.waits, true) || self.context.out.json() {
            return Ok(());
        }
        self.context.out.line(format_args!("{}  {}: waiting for it", moment::clock(system_now()), printable::text(failure.message())))
    }

    /// How it went.
    pub fn conclude(self, url: &str) -> Result {
        if self.sent == 0 && !self.context.out.json() {
            return self.context.out.line("no delivery was forwarded");
        }
        if self.refused.is_empty() {
            return Ok(());
        }
        let (refused, ids) = (self.refused.len(), self.refused.join(", "));
        let message = format!("{refused} of {} were not answered 2xx by {}: deliveries {ids}", self.sent, post::shown(url));
        let hint = "401 is mostly a signature that is too old, or made for another secret: name the app's with --secret-env, so that it is made anew.";
        Err(Failure::new(Exit::Failed, message, hint))
    }
}
