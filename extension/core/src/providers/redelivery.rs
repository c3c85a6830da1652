//! What is known of how a provider sends one occurrence again, and how well its identity tells two of them apart.
//!
//! Losing an occurrence is worse than handling it twice. So an identity that cannot tell two occurrences of one second apart also takes
//! the digest of the signed bytes, and where nothing tells two occurrences apart each receipt is an event of its own. The tests hold
//! every page to these rules.

use super::engine::event::Source;

/// The facts behind an identity.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Redelivery {
    /// Whether the sender tries again by itself, and for how long.
    pub retries: Retries,
    /// The body of a further attempt. One that only counts the attempts is [`Repeat::Renewed`]; the page names the counter in
    /// [`renewed`](super::engine::event::Event::renewed).
    pub body: Repeat,
    /// The id of the occurrence in a further attempt.
    pub id: Repeat,
    /// The signed timestamp of a further attempt.
    pub timestamp: Repeat,
    /// What vouches for the identity.
    pub proof: Proof,
    /// What the identity tells apart.
    pub grain: Grain,
    /// What a reader should know beyond that, as a sentence or two; may be empty.
    pub note: &'static str,
}

/// Whether a sender tries again by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Retries {
    /// It does not.
    Never,
    /// It does; the last attempt comes this many seconds after the first.
    For(u32),
    /// It does, and does not say for how long.
    Somehow,
    /// It does not say.
    Unknown,
}

/// How a part of a further attempt compares to the first one's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Repeat {
    /// It is the same.
    Same,
    /// It is another.
    Renewed,
    /// Nobody says.
    Unknown,
    /// There is no such part.
    Absent,
}

/// What vouches for an identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Proof {
    /// It stands in what is signed.
    Signed,
    /// It stands in a header that the signature does not cover.
    UnsignedHeader,
    /// Nothing is signed: whoever has the shared secret can write any identity.
    SharedSecret,
    /// There is no identity.
    None,
}

/// What an identity tells apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Grain {
    /// Each occurrence has an id of its own.
    Occurrence,
    /// Occurrences of different seconds: the digest of the signed bytes tells those of one second apart.
    Second,
    /// Versions of an object, such as the time of its last change: the digest tells those of one version apart.
    Version,
    /// The digest of the signed bytes is all there is.
    Digest,
    /// What the endpoint's options name.
    Options,
    /// Nothing tells occurrences apart, so each receipt is a new one.
    Nothing,
    /// The page does not say yet.
    Unstated,
}

pub(crate) const MINUTE: u32 = 60;
pub(crate) const HOUR: u32 = 60 * MINUTE;
pub(crate) const DAY: u32 = 24 * HOUR;

impl Redelivery {
    /// Nothing is stated: each page must state its own.
    pub const UNSTATED: Redelivery = Redelivery {
        retries: Retries::Unknown,
        body: Repeat::Unknown,
        id: Repeat::Unknown,
        timestamp: Repeat::Unknown,
        proof: Proof::None,
        grain: Grain::Unstated,
        note: "",
    };

    /// What of a further attempt is the same and what is not, in words.
    pub fn repeats(&self) -> String {
        if self.retries == Retries::Never && self.id != Repeat::Same {
            return String::new();
        }
        let parts = [("body", self.body), ("id", self.id), ("timestamp", self.timestamp)];
        let listed = |wanted: Repeat, title: &str| {
            let names: Vec<_> = parts.iter().filter(|(_, repeat)| *repeat == wanted).map(|(name, _)| *name).collect();
            (!names.is_empty()).then(|| format!("{title} {}", names.join(", ")))
        };
        let phrases = [listed(Repeat::Same, "same"), listed(Repeat::Renewed, "new"), listed(Repeat::Unknown, "unknown")];
        phrases.into_iter().flatten().collect::<Vec<_>>().join("; ")
    }
}

impl Retries {
    /// In words.
    pub fn describe(self) -> String {
        match self {
            Retries::Never => "never".into(),
            Retries::For(seconds) => format!("for {}", duration(seconds)),
            Retries::Somehow => "yes, no schedule documented".into(),
            Retries::Unknown => "unknown".into(),
        }
    }
}

impl Proof {
    /// In words.
    pub fn describe(self) -> &'static str {
        match self {
            Proof::Signed => "signed",
            Proof::UnsignedHeader => "unsigned header",
            Proof::SharedSecret => "shared secret",
            Proof::None => "none",
        }
    }
}

impl Grain {
    /// In words.
    pub fn describe(self) -> &'static str {
        match self {
            Grain::Occurrence => "occurrence",
            Grain::Second => "second + digest",
            Grain::Version => "object version + digest",
            Grain::Digest => "digest",
            Grain::Options => "as configured",
            Grain::Nothing => "none",
            Grain::Unstated => "not stated",
        }
    }
}

/// In the largest unit that leaves at most one decimal.
fn duration(seconds: u32) -> String {
    let (unit, name) = match seconds {
        DAY.. if seconds.is_multiple_of(DAY) => (DAY, "d"),
        HOUR.. => (HOUR, "h"),
        MINUTE.. => (MINUTE, "min"),
        _ => (1, "s"),
    };
    let tenths = (f64::from(seconds) / f64::from(unit) * 10.0).round() / 10.0;
    format!("{tenths} {name}")
}

impl Source {
    /// Whether it takes the digest of what is signed.
    #[cfg(test)]
    fn has_digest(&self) -> bool {
        match self {
            Source::Digest | Source::DigestWith(_) | Source::DigestOption(_) => true,
            Source::AnyOf(sources) | Source::All(sources) | Source::Dotted(sources) => sources.iter().any(Source::has_digest),
            Source::Header(_)
            | Source::Form(_)
            | Source::JsonInForm(..)
            | Source::HeaderOption(_)
            | Source::Json(_)
            | Source::JsonOption(_)
            | Source::Literal(_) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Provider, all};
    use super::*;

    fn pages() -> impl Iterator<Item = &'static Provider> {
        all().iter().copied()
    }

    #[test]
    fn every_page_states_its_facts() {
        for provider in pages() {
            assert_ne!(provider.redelivery.grain, Grain::Unstated, "{}", provider.name);
        }
    }

    #[test]
    fn a_grain_that_is_no_occurrence_takes_the_digest() {
        for provider in pages().filter(|provider| matches!(provider.redelivery.grain, Grain::Second | Grain::Version | Grain::Digest)) {
            let coarse = provider.event.keys.iter().find(|source| !source.has_digest());
            assert!(coarse.is_none(), "{}: {coarse:?} cannot tell two occurrences of one second apart", provider.name);
        }
    }

    #[test]
    fn a_digest_alone_has_its_reason() {
        for provider in pages() {
            for source in provider.event.keys {
                let is_justified = match source {
                    Source::Digest => false,
                    Source::DigestWith(sources) => !sources.is_empty(),
                    _ => true,
                };
                assert!(is_justified, "{}: {source:?} makes one event of two occurrences with equal bytes", provider.name);
            }
        }
    }

    #[test]
    fn a_digest_of_a_body_that_does_not_say_its_type_stands_beside_a_header() {
        for provider in pages().filter(|provider| matches!(provider.event.types.first(), Some(Source::Header(_)))) {
            let bare = provider.event.keys.iter().find(|source| source.has_digest() && source.headers().is_empty());
            assert!(bare.is_none(), "{}: {bare:?} makes one event of two types with equal bytes", provider.name);
        }
    }

    #[test]
    fn a_body_that_counts_its_attempts_is_hashed_without_the_count() {
        for provider in pages().filter(|provider| provider.redelivery.body == Repeat::Renewed) {
            let takes_digest = provider.event.keys.iter().any(Source::has_digest);
            assert!(!takes_digest || !provider.event.renewed.is_empty(), "{}: a retry would be a new event", provider.name);
        }
    }

    #[test]
    fn what_vouches_for_the_identity_is_said_as_it_is() {
        for provider in pages() {
            let (name, proof) = (provider.name, provider.redelivery.proof);
            let unsigned: Vec<_> =
                provider.event.keys.iter().flat_map(Source::headers).filter(|header| !provider.signs_header(header)).collect();
            // Whether what is signed names the occurrence is not the sender's of a captured request to say, so a header may stand in behind it.
            let leading = provider.event.keys.first().is_some_and(|first| first.headers().iter().any(|header| unsigned.contains(header)));
            assert!(proof != Proof::Signed || !leading, "{name}: {unsigned:?} is not signed");
            assert!(
                proof != Proof::UnsignedHeader || !unsigned.is_empty() || provider.redelivery.grain == Grain::Options,
                "{name}: no header"
            );
            assert_eq!(proof == Proof::None, provider.redelivery.grain == Grain::Nothing, "{name}");
        }
    }

    /// Otherwise the attempts that come when the receiver was down are refused, or, where the identity is not signed, a captured
    /// request could be sent as a new event for all that time. A timestamp of which nobody says whether it is repeated counts as one that
    /// is; where the sender does not say how long it retries either, its own advice stands.
    #[test]
    fn a_timestamp_that_retries_may_repeat_is_tolerated_for_as_long_as_they_come() {
        for provider in pages() {
            let Redelivery { retries, timestamp, proof, .. } = provider.redelivery;
            let tolerance = provider.option_defaults()["tolerance_s"].as_i64().unwrap_or(0);
            let outlasts = match retries {
                Retries::Never => true,
                Retries::For(seconds) => tolerance == 0 || tolerance > i64::from(seconds),
                Retries::Somehow | Retries::Unknown => tolerance == 0 || timestamp == Repeat::Unknown,
            };
            let is_signed = proof == Proof::Signed || retries == Retries::Never;
            match timestamp {
                Repeat::Absent | Repeat::Renewed => {}
                Repeat::Same => assert!(outlasts && is_signed, "{}: {tolerance} s, {retries:?}, {proof:?}", provider.name),
                Repeat::Unknown if matches!(retries, Retries::For(_)) => {
                    assert!(outlasts && is_signed, "{}: {tolerance} s, {retries:?}, {proof:?}", provider.name);
                }
                Repeat::Unknown => assert!(outlasts, "{}: {tolerance} s", provider.name),
            }
        }
    }

    #[test]
    fn what_is_known_reads_as_a_phrase() {
        let known = Redelivery { retries: Retries::For(90 * MINUTE), body: Repeat::Same, id: Repeat::Renewed, ..Redelivery::UNSTATED };
        assert_eq!(known.retries.describe(), "for 1.5 h");
        assert_eq!(known.repeats(), "same body; new id; unknown timestamp");
        assert_eq!(Retries::For(3 * DAY).describe(), "for 3 d");
        assert_eq!(Retries::For(155).describe(), "for 2.6 min");
        assert_eq!(Redelivery { retries: Retries::Never, ..known }.repeats(), "");
    }
}
