//! What is told of the publishing: when it begins, when the target is away and back, what was refused, and the sum.

use knocker_core::store::system_now;
use serde_json::json;

use super::target::{Published, Target};
use crate::context::Context;
use crate::failure::{Failure, Result};
use crate::{moment, printable};

/// Tells, and counts.
pub struct Report<'a> {
    context: &'a Context,
    taken: i64,
    known_before: i64,
    refused: i64,
    rounds: i64,
    reason: String,
}

impl<'a> Report<'a> {
    pub fn new(context: &'a Context) -> Self {
        Self { context, taken: 0, known_before: 0, refused: 0, rounds: 0, reason: String::new() }
    }

    /// The target is there for the first time.
    pub fn begins(&self, target: &dyn Target, endpoints: &[String]) -> Result {
        let about = target.about();
        if self.context.out.json() {
            return self
                .tell(&json!({"kind": "begins", "at": system_now(), "target": target.name(), "endpoints": endpoints, "about": about}));
        }
        let what = if endpoints.is_empty() { "every endpoint".to_owned() } else { endpoints.join(", ") };
        let about = if about.is_empty() { about } else { format!(": {about}") };
        self.line(&format!("publishing events of {what} to {}{about}", target.name()))
    }

    /// Whether nothing but the first round is over.
    pub fn is_first(&self) -> bool {
        self.rounds == 1
    }

    /// A round is over.
    pub fn published(&mut self, events: &[(i64, i64)], published: &[Published], took_ms: i64) -> Result {
        let (mut taken, mut known) = (0, 0);
        for (&(_, event), published) in events.iter().zip(published) {
            match published {
                Published::Taken { known_before } => {
                    taken += 1;
                    known += i64::from(*known_before);
                }
                Published::Refused(why) => {
                    self.refused += 1;
                    if !self.context.out.json() {
                        self.line(&format!("event {event} was refused: {why}"))?;
                    } else {
                        self.tell(&json!({"kind": "refused", "at": system_now(), "event_id": event, "error": why}))?;
                    }
                }
                Published::Away(_) => {}
            }
        }
        self.rounds += 1;
        self.taken += taken;
        self.known_before += known;
        if self.context.out.json() && taken > 0 {
            self.tell(&json!({"kind": "published", "at": system_now(), "events": taken, "known_before": known, "duration_ms": took_ms}))?;
        }
        Ok(())
    }

    /// The target takes nothing. Told at first, and where the reason is another one; whether it was.
    pub fn is_away(&mut self, target: &str, reason: &str, first: bool) -> Result<bool> {
        if !first && self.reason == reason {
            return Ok(false);
        }
        reason.clone_into(&mut self.reason);
        if self.context.out.json() {
            self.tell(&json!({"kind": "away", "at": system_now(), "target": target, "reason": reason}))?;
        } else {
            self.line(&format!("{target} takes nothing: {reason}; the events wait in the file"))?;
        }
        Ok(true)
    }

    /// The target is back, where it was away.
    pub fn is_back(&mut self, target: &str, since: Option<i64>) -> Result {
        let Some(since) = since else { return Ok(()) };
        let (at, away_ms) = (system_now(), system_now() - since);
        if self.context.out.json() {
            return self.tell(&json!({"kind": "back", "at": at, "target": target, "away_ms": away_ms}));
        }
        self.line(&format!("{target} is back after {}", moment::duration(away_ms)))
    }

    /// Something of the file did not work, and is tried again.
    pub fn trouble(&self, failure: &Failure) -> Result {
        if self.context.out.json() {
            return self.tell(&json!({"kind": "trouble", "at": system_now(), "error": failure.message()}));
        }
        self.line(&format!("{}: it is tried again", failure.message()))
    }

    /// How it went.
    pub fn conclude(&self) -> Result {
        let (taken, known, refused) = (self.taken, self.known_before, self.refused);
        if self.context.out.json() {
            let sum = json!({"kind": "ends", "at": system_now(), "published": taken, "known_before": known, "refused": refused});
            return self.tell(&sum);
        }
        let known = if known > 0 { format!(" ({known} of them were there already)") } else { String::new() };
        let refused = if refused > 0 { format!(", {refused} refused") } else { String::new() };
        self.context.out.line(format_args!("published {}{known}{refused}", printable::count(taken, "event")))
    }

    fn line(&self, text: &str) -> Result {
        self.context.out.line(format_args!("{}  {}", moment::clock(system_now()), printable::text(text)))
    }

    fn tell(&self, document: &serde_json::Value) -> Result {
        self.context.out.document(document)
    }
}
