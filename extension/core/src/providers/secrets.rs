//! The secrets of one endpoint, as the caller hands them over.

use std::fmt;

use zeroize::Zeroizing;

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

    /// Whether one of them begins or ends with white space: the usual reason why a pasted secret fails.
    pub(crate) fn has_stray_space(&self) -> bool {
        self.usable().any(|secret| secret.trim() != secret)
    }
}

/// Whether nothing is left of a secret without its white space.
pub(crate) fn is_blank(secret: &str) -> bool {
    secret.trim().is_empty()
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
}
