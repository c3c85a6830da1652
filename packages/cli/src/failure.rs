//! How a command ends when it does not succeed: an exit code, what was wrong, and what to do next.

use std::borrow::Cow;
use std::io::{self, Write};
use std::path::Path;

use anstream::{AutoStream, ColorChoice};
use anstyle::{AnsiColor, Style};
use knocker_core::{Code, Error};

/// The exit codes. They are documented in `--help` and in the README.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Whoever read the output has gone, as in `knocker events | head`: nothing is wrong.
    ReaderGone = 0,
    /// The operation failed or was refused.
    Failed = 1,
    /// The command line is wrong, or a destructive call was not confirmed.
    Usage = 2,
    /// The database, the endpoint, the event, the delivery or the file is not there.
    NotFound = 3,
    /// The same command may succeed later.
    Retry = 4,
    /// The doctor found warnings, and told them.
    FoundWarnings = 10,
    /// The doctor found errors, and told them.
    FoundErrors = 11,
    /// Long work was interrupted between two chunks.
    Interrupted = 130,
}

/// Why a command did not succeed.
#[derive(Debug)]
pub struct Failure {
    /// The exit code.
    pub exit: Exit,
    message: String,
    hint: Cow<'static, str>,
    code: Option<Code>,
}

/// The result of a command.
pub type Result<T = (), E = Failure> = std::result::Result<T, E>;

impl Failure {
    /// A failure with this exit code. Neither text may hold a secret.
    pub fn new(exit: Exit, message: impl Into<String>, hint: impl Into<Cow<'static, str>>) -> Self {
        Self { exit, message: message.into(), hint: hint.into(), code: None }
    }

    /// An exit code of which the output has told the reason.
    pub fn told(exit: Exit) -> Self {
        Self::new(exit, "", "")
    }

    /// The same, as it is told where it happened with one file of many.
    pub fn of_file(&self, file: &Path) -> Self {
        Self::new(self.exit, format!("{}: {}", file.display(), self.message), self.hint.clone())
    }

    /// The same with another exit code.
    pub fn with_exit(self, exit: Exit) -> Self {
        Self { exit, ..self }
    }

    /// Whether the endpoint that was named is not there.
    pub fn is_unknown_endpoint(&self) -> bool {
        self.code == Some(Code::UnknownEndpoint)
    }

    /// Whether the disk has no room left.
    pub fn is_full_disk(&self) -> bool {
        self.code == Some(Code::DiskFull)
    }

    /// The same with another hint.
    pub fn with_hint(self, hint: impl Into<Cow<'static, str>>) -> Self {
        Self { hint: hint.into(), ..self }
    }

    /// What was wrong.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// A wrong command line.
    pub fn usage(message: impl Into<String>, hint: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Exit::Usage, message, hint)
    }

    /// A file that cannot be read. `what` names it, as in "the secret file \"x\"".
    pub fn unreadable(what: &str, error: &io::Error) -> Self {
        let exit = if error.kind() == io::ErrorKind::NotFound { Exit::NotFound } else { Exit::Failed };
        Self::new(exit, format!("cannot read {what}: {error}"), "Check the path and the permissions.")
    }

    /// Writes `error: …` and `hint: …` to stderr.
    pub fn report(&self, color: ColorChoice) {
        if self.exit == Exit::ReaderGone || self.message.is_empty() {
            return;
        }
        let mut stderr = AutoStream::new(io::stderr().lock(), color);
        let error = Style::new().bold().fg_color(Some(AnsiColor::Red.into()));
        let hint = Style::new().bold().fg_color(Some(AnsiColor::Cyan.into()));
        // With stderr gone there is nobody left to tell.
        let _ = writeln!(stderr, "{error}error:{error:#} {}", crate::printable::text(&self.message));
        let _ = writeln!(stderr, "{hint}hint:{hint:#} {}", crate::printable::text(&self.hint));
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let code = error.code();
        let exit = match code {
            Code::InvalidArgument | Code::UnknownProvider => Exit::Usage,
            Code::UnknownEndpoint | Code::UnknownEvent | Code::UnknownDelivery | Code::NotBootstrapped => Exit::NotFound,
            code if code.retryable() => Exit::Retry,
            _ => Exit::Failed,
        };
        // The table speaks to those who write SQL; where this command has its own word for it, that one helps more.
        let hint = match code {
            Code::UnknownEndpoint => "`knocker endpoint list` shows the names; `knocker endpoint add` creates one.",
            Code::UnknownProvider => "`knocker providers` lists the names.",
            Code::UnknownEvent => "`knocker events` lists the ids; a pruned event is gone.",
            Code::UnknownDelivery => "`knocker deliveries` lists the ids; a pruned delivery is gone.",
            Code::NotBootstrapped => "`knocker init` creates or migrates the schema.",
            Code::SchemaTooNew => "Upgrade this command; the file was migrated by a newer version.",
            Code::Corrupt => {
                "Look at the path. `knocker doctor --integrity` tells what is damaged, `knocker restore` puts a backup in its place."
            }
            code => code.hint(),
        };
        Self { code: Some(code), ..Self::new(exit, error.message(), hint) }
    }
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        Error::from(error).into()
    }
}

/// A failure to write the output.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        let exit = if error.kind() == io::ErrorKind::BrokenPipe { Exit::ReaderGone } else { Exit::Failed };
        Self::new(exit, format!("cannot write the output: {error}"), "Check where the output goes.")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_become_exit_codes() {
        let exit = |code| Failure::from(Error::new(code, "")).exit;
        assert_eq!(exit(Code::InvalidArgument), Exit::Usage);
        assert_eq!(exit(Code::UnknownEvent), Exit::NotFound);
        assert_eq!(exit(Code::BadState), Exit::Failed);
        for &code in Code::ALL.iter().filter(|code| code.retryable()) {
            assert_eq!(exit(code), Exit::Retry, "{}", code.name());
        }
    }

    #[test]
    fn a_closed_pipe_is_no_failure() {
        assert_eq!(Failure::from(io::Error::from(io::ErrorKind::BrokenPipe)).exit as u8, 0);
    }
}
