//! What a check found: a code that stays the same from release to release, how bad it is, what it is about, and what to do.

use serde::{Serialize, Serializer};

/// How bad a finding is. It decides the exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Worth knowing.
    Note,
    /// It will hurt, or hurts a little.
    Warning,
    /// Webhooks are lost, refused or not handled, or soon will be.
    Error,
}

impl Severity {
    /// The word in the output.
    pub fn name(self) -> &'static str {
        match self {
            Severity::Note => "note",
            Severity::Warning => "warning",
            Severity::Error => "error",
        }
    }
}

/// A kind of finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Code {
    /// Its name, for monitoring.
    pub name: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// Whether `--repair` does something about it.
    pub repairable: bool,
}

impl Code {
    /// A code that a person has to act on.
    pub const fn new(name: &'static str, severity: Severity) -> Self {
        Self { name, severity, repairable: false }
    }

    /// The same code, which `--repair` takes care of.
    pub const fn repairable(self) -> Self {
        Self { repairable: true, ..self }
    }

    /// A finding of this kind.
    pub fn found(self, what: impl Into<String>, cure: impl Into<String>) -> Finding {
        Finding { code: self, severity: self.severity, what: what.into(), cure: cure.into() }
    }
}

impl Serialize for Code {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name)
    }
}

/// One thing that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Its kind.
    pub code: Code,
    /// How bad it is.
    pub severity: Severity,
    /// What was found.
    pub what: String,
    /// What to do: commands to type where there are some.
    pub cure: String,
}
