//! The secrets of one endpoint, as the caller hands them over.

use std::fmt;

use zeroize::Zeroizing;

use super::engine::limits;
use super::engine::refusal::{Checked, Refusal};
use super::verdict::Reason;
use crate::error::{Error, Result};

/// A list of secrets: each one is tried. The values are wiped from memory when the list goes, and never shown.
#[derive(Clone, Default)]
pub struct Secrets(Vec<Zeroizing<String>>);

impl Secrets {
    /// Reads a JSON array of strings. The error does not repeat the text, which may hold secrets.
    pub fn parse(json: &str) -> Result<Self> {
        let list: Vec<Zeroizing<String>> = serde_json::from_str::<Vec<String>>(json)
            .map_err(|_| Error::invalid("secrets must be a JSON array of strings, such as [\"…\"]"))?
            .into_iter()
            .map(Zeroizing::new)
            .collect();
        if list.len() > limits::SECRETS {
            let (given, most) = (list.len(), limits::SECRETS);
            let detail = format!("secrets: {given} were given, at most {most} are tried; choose those of the request's own tenant");
            return Err(Error::invalid(detail));
        }
        Ok(Self(list))
    }

    /// The list of these strings.
    pub fn from_strings<S: Into<String>>(secrets: impl IntoIterator<Item = S>) -> Self {
        Self(secrets.into_iter().map(|secret| Zeroizing::new(secret.into())).collect())
    }

    /// Those that are not blank.
    pub(crate) fn usable(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|secret| secret.as_str()).filter(|secret| !is_blank(secret))
    }

    /// Refuses where there is nothing to verify with.
    pub(crate) fn require(&self) -> Checked<()> {
        if self.usable().next().is_some() {
            return Ok(());
        }
        let detail = if self.0.is_empty() { "no secret was given" } else { "every secret is blank" };
        Err(Refusal::new(Reason::NoSecret, detail))
    }

    /// Whether one of them begins or ends with what nobody sees: the usual reason why a pasted secret fails.
    pub(crate) fn has_stray_space(&self) -> bool {
        self.usable().any(|secret| secret.trim_matches(is_invisible) != secret)
    }
}

/// Whether nothing is left of a secret without what nobody sees.
pub(crate) fn is_blank(secret: &str) -> bool {
    secret.chars().all(is_invisible)
}

/// White space, control characters with NUL among them, and what Unicode says to show as nothing.
fn is_invisible(character: char) -> bool {
    character.is_whitespace()
        || character.is_control()
        || matches!(character,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secrets({} hidden)", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neither_errors_nor_debug_show_a_value() {
        let error = Secrets::parse(r#"["test-secret", 5]"#).unwrap_err();
        assert!(!error.to_string().contains("test-secret"));
        assert_eq!(format!("{:?}", Secrets::from_strings(["test-secret"])), "Secrets(1 hidden)");
    }

    #[test]
    fn blank_secrets_are_not_usable() {
        let secrets = Secrets::parse(r#"["", " \t", "x"]"#).unwrap();
        assert_eq!(secrets.usable().collect::<Vec<_>>(), ["x"]);
        assert!(Secrets::parse(r#"["", " "]"#).unwrap().require().is_err());
        assert!(Secrets::parse("[]").unwrap().require().is_err());
    }

    #[test]
    fn what_nobody_sees_is_blank() {
        for blank in ["\0", "\0\0", "\u{200b}", "\u{feff}\u{2060}", "\u{ad}", "\u{3164}", "\u{1}\u{7f}\r\n", "\u{e0041}", "\u{a0}"] {
            assert!(is_blank(blank), "{blank:?}");
        }
        assert!(!is_blank("\0x") && !is_blank("\u{200b}é"));
        assert!(Secrets::from_strings(["\u{feff}secret"]).has_stray_space());
    }

    #[test]
    fn a_list_has_an_end() {
        let list = |count: usize| serde_json::to_string(&vec!["x"; count]).unwrap();
        assert!(Secrets::parse(&list(limits::SECRETS)).is_ok());
        let error = Secrets::parse(&list(limits::SECRETS + 1)).unwrap_err();
        assert!(error.message().starts_with("secrets: 129 were given, at most 128 are tried"));
    }
}
