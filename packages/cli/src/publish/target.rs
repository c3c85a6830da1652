//! Where events are published to: what each kind of target can do.

use super::Message;
use crate::failure::Result;

/// The other side.
pub trait Target {
    /// How it is shown. Holds no secret.
    fn name(&self) -> &str;

    /// How many events are sent before any of them has to be acknowledged.
    fn at_once(&self) -> i64;

    /// Whether it can be published to now.
    ///
    /// # Errors
    /// What does not get better by waiting.
    fn ready(&mut self) -> Result<Readiness>;

    /// What is worth to know of it once it is ready.
    fn about(&self) -> String {
        String::new()
    }

    /// Keeps the connection alive while there is nothing to publish.
    fn tend(&mut self) {}

    /// Sends them all, waits for the acknowledgements, and says in the same order what became of each.
    fn publish(&mut self, messages: Vec<Message>) -> Vec<Published>;
}

/// Whether a target can be published to.
pub enum Readiness {
    Ready,
    /// Not now, for this reason.
    Away(String),
}

/// What became of one message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Published {
    /// The other side has it for good.
    Taken { known_before: bool },
    /// The other side will not have this one, whatever it takes of others.
    Refused(String),
    /// Nobody knows: it did not answer, or takes nothing now.
    Away(String),
}
