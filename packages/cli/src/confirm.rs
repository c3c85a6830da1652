//! Asking before something that cannot be taken back.

use std::io::{self, BufRead, IsTerminal, Write};

use crate::failure::{Exit, Failure, Result};

/// How the consent to a destructive call is had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Consent {
    /// `--yes` was given.
    Given,
    /// Somebody sits at a terminal and can be asked.
    Ask,
}

impl Consent {
    /// Refuses at once where nobody can be asked. `what` is what would happen, as in "replaying many events".
    pub fn require(yes: bool, what: &str) -> Result<Self> {
        if yes {
            return Ok(Consent::Given);
        }
        if io::stdin().is_terminal() && io::stderr().is_terminal() {
            return Ok(Consent::Ask);
        }
        let message = format!("{what} wants a confirmation, and there is no terminal to ask on");
        Err(Failure::usage(message, "Add --yes to go on, or --dry-run to see what would happen."))
    }

    /// Asks, where the consent was not given before.
    pub fn obtain(self, question: &str) -> Result {
        match self {
            Consent::Given => Ok(()),
            Consent::Ask => ask(question, &mut io::stdin().lock(), &mut io::stderr().lock()),
        }
    }
}

fn ask(question: &str, answers: &mut impl BufRead, prompt: &mut impl Write) -> Result {
    write!(prompt, "{question} [y/N] ")?;
    prompt.flush()?;
    let mut answer = String::new();
    answers.read_line(&mut answer).map_err(|error| Failure::unreadable("the answer", &error))?;
    if matches!(answer.trim().to_lowercase().as_str(), "y" | "yes") {
        return Ok(());
    }
    Err(Failure::new(Exit::Failed, "not confirmed; nothing was changed", "Answer y, or add --yes."))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(answer: &str) -> (Result, String) {
        let mut prompt = Vec::new();
        let result = ask("Delete 3 events?", &mut answer.as_bytes(), &mut prompt);
        (result, String::from_utf8(prompt).unwrap())
    }

    #[test]
    fn only_a_clear_yes_goes_on() {
        for yes in ["y\n", "Y\n", "yes\n", " yes \r\n"] {
            let (result, prompt) = answered(yes);
            assert!(result.is_ok(), "{yes:?}");
            assert_eq!(prompt, "Delete 3 events? [y/N] ");
        }
        for no in ["\n", "n\n", "no\n", "", "yup\n"] {
            assert_eq!(answered(no).0.unwrap_err().exit, Exit::Failed, "{no:?}");
        }
    }
}
