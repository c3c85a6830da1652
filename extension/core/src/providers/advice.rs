//! What usually makes a provider's requests be refused, and what to check: for the person who asks why.
//!
//! What is a provider's own matter stands on its page ([`Provider::trouble`]); this is what follows from the facts there.

use super::engine::template::Part;
use super::provider::{Provider, Scheme};
use super::redelivery::Repeat;
use super::verdict::Reason;

impl Provider {
    /// What usually is behind a refusal for this reason, and what to check: sentences, the likeliest first.
    pub fn advice(&self, reason: Reason) -> Vec<String> {
        let own = self.trouble.iter().filter(|(about, _)| *about == reason).map(|(_, text)| format!("{}: {text}.", self.title));
        own.chain(self.general_advice(reason)).collect()
    }

    fn general_advice(&self, reason: Reason) -> Vec<String> {
        let title = self.title;
        match reason {
            Reason::MissingHeader => {
                let headers = self.headers();
                let always = match headers.as_slice() {
                    [] => format!("{title} sends its proof in the body"),
                    headers => format!("{title} proves its requests with {}", headers.join(", ")),
                };
                vec![
                    format!("{always}: without it the request came from somebody else (a scanner, a health check, a hand-made test), or a proxy or middleware took it out."),
                    "Compare with the headers that `show delivery` lists; let the proxy pass all of them.".into(),
                ]
            }
            Reason::MalformedHeader => vec![
                format!("{title} writes it in one form alone ({}): is this endpoint's provider the right one?", self.scheme()),
                "A proxy that joins, cuts or repeats headers does this too.".into(),
            ],
            Reason::BadSignature => self.advice_on_signatures(),
            Reason::TimestampOutOfTolerance => {
                let renewed = match self.redelivery.timestamp {
                    Repeat::Same => format!("{title} repeats the first timestamp when it tries again: for its late retries raise the option tolerance_s."),
                    Repeat::Renewed => format!("{title} signs each attempt anew: an old one was held back on its way (a queue, a proxy), or is a replay by somebody who recorded it."),
                    Repeat::Unknown | Repeat::Absent => "An old one was held back on its way (a queue, a proxy), or is a replay of a recorded request.".into(),
                };
                vec!["The clock of this machine is wrong: `timedatectl` says whether it is synchronized.".into(), renewed]
            }
            Reason::MalformedBody => vec![
                format!("The body is not what {title} sends: another sender's, cut by a proxy's size limit, or converted on its way."),
                "Look at it with `show delivery ID --body`.".into(),
            ],
            Reason::NoSecret if !self.needs_secret() => {
                vec![format!("{title}'s first request brings the secret: find it with `deliveries --outcome handshake`, and give it to the application.")]
            }
            Reason::NoSecret => vec![
                "The application gave no secret, or a blank one: is the environment variable set in the process that receives, and not only in your shell?".into(),
            ],
            Reason::NotAllowed if !self.handshake().is_empty() => {
                vec![format!("The detail says what was asked for. A handshake of {title}: {}.", self.handshake())]
            }
            Reason::NotAllowed => vec!["The detail says what the request asked for and the endpoint does not allow.".into()],
        }
    }

    fn advice_on_signatures(&self) -> Vec<String> {
        let title = self.title;
        if matches!(self.scheme, Scheme::Token(_)) {
            return vec![format!(
                "The token is not one of the endpoint's secrets: a former one, that of another environment, or somebody's guess. Compare it with the settings at {title}."
            )];
        }
        let mut advice = vec![format!(
            "The secret is another one: of another endpoint or environment at {title}, of test mode, or a former one. While secrets rotate, give both."
        )];
        let parts = self.signed_parts();
        if parts.contains(&Part::Body) {
            let raw = "The body was changed before it was verified: give the raw bytes, before any middleware parses, decompresses or re-encodes them.";
            advice.push(raw.into());
        }
        if parts.contains(&Part::Url) || self.option_defaults().get("public_url").is_some() {
            let url = "The URL is signed: behind a proxy or tunnel the application sees another scheme, host or path. Set the option public_url to the address that the sender has.";
            advice.push(url.into());
        }
        advice.push("Somebody else sent it: a forged request is refused for this reason, and nothing has to be mended.".into());
        advice
    }
}

#[cfg(test)]
mod tests {
    use super::super::{all, find};
    use super::*;

    #[test]
    fn each_reason_of_each_provider_has_a_cause_in_a_sentence() {
        for provider in all() {
            for &reason in Reason::ALL {
                let advice = provider.advice(reason);
                assert!(!advice.is_empty(), "{} {}", provider.name, reason.name());
                for sentence in advice {
                    let ends = sentence.ends_with(['.', '?']);
                    assert!(sentence.chars().next().is_some_and(char::is_uppercase) || sentence.starts_with(provider.title), "{sentence}");
                    assert!(ends && !sentence.ends_with(".."), "{}: {sentence}", provider.name);
                }
            }
        }
    }

    #[test]
    fn every_provider_says_in_its_own_words_which_secret_it_takes() {
        for provider in all() {
            let own = |reason| provider.advice(reason).into_iter().filter(|text| text.starts_with(&format!("{}: ", provider.title)));
            let said: Vec<_> = [Reason::BadSignature, Reason::NoSecret, Reason::MissingHeader].into_iter().flat_map(own).collect();
            assert!(
                said.iter().any(|text| ["secret", "key", "token"].iter().any(|word| text.contains(word))),
                "{}: {said:?}",
                provider.name
            );
        }
    }

    #[test]
    fn what_is_the_provider_s_own_comes_first() {
        let advice = |name: &str, reason| find(name).unwrap().advice(reason);
        assert!(
            advice("stripe", Reason::BadSignature)[0]
                .starts_with("Stripe: the secret is this endpoint's own signing secret, the whole `whsec_…`")
        );
        assert!(advice("twilio", Reason::BadSignature).iter().any(|sentence| sentence.contains("public_url")));
        assert!(!advice("github", Reason::BadSignature).iter().any(|sentence| sentence.contains("public_url")));
        assert!(advice("asana", Reason::NoSecret)[0].contains("first request brings the secret"));
        assert!(advice("slack", Reason::TimestampOutOfTolerance)[0].contains("clock"));
    }
}
