//! A story: what happened, why, what happens next, and what to type.

use serde::Serialize;

use crate::context::Context;
use crate::failure::Result;
use crate::moment;
use crate::shell::quoted;
use crate::table::{Table, faint, text};

/// What is told of one webhook.
#[derive(Debug, Serialize)]
pub struct Story {
    /// `event`, `delivery`, or `nothing` where nothing was found.
    pub subject: &'static str,
    /// Its id.
    pub id: Option<i64>,
    /// The endpoint that it belongs to.
    pub endpoint: Option<String>,
    /// Where it stands, in one sentence.
    pub headline: String,
    /// What happened, in the order of time.
    pub happened: Vec<Moment>,
    /// What is behind it, and what to check: the likeliest first.
    pub causes: Vec<String>,
    /// What happens next by itself.
    pub next: Vec<String>,
    /// What to type.
    pub commands: Vec<Command>,
}

/// Something that happened.
#[derive(Debug, Serialize)]
pub struct Moment {
    /// When, in Unix milliseconds.
    pub at: i64,
    /// What.
    pub text: String,
}

/// A command, and what it is for.
#[derive(Debug, Serialize)]
pub struct Command {
    pub command: String,
    pub purpose: String,
}

impl Story {
    /// One that says nothing yet.
    pub fn of(subject: &'static str, id: Option<i64>, endpoint: Option<&str>) -> Self {
        let endpoint = endpoint.map(str::to_owned);
        Self { subject, id, endpoint, headline: String::new(), happened: vec![], causes: vec![], next: vec![], commands: vec![] }
    }

    /// Something happened.
    pub fn happened(&mut self, at: i64, text: impl Into<String>) {
        self.happened.push(Moment { at, text: text.into() });
    }

    /// Something is behind it, or is to be checked.
    pub fn cause(&mut self, text: impl Into<String>) {
        self.causes.push(text.into());
    }

    /// Something will happen by itself.
    pub fn next(&mut self, text: impl Into<String>) {
        self.next.push(text.into());
    }

    /// A command of this program, on the same database.
    pub fn command(&mut self, context: &Context, arguments: &str, purpose: &str) {
        let db = context.db_on_command_line().map(|path| format!("--db {} ", quoted(&path.display().to_string()))).unwrap_or_default();
        self.commands.push(Command { command: format!("knocker {db}{arguments}"), purpose: purpose.to_owned() });
    }

    /// Adds what another story tells; its headline comes among what is behind this one.
    pub fn append(&mut self, other: Story) {
        self.happened.extend(other.happened);
        self.causes.push(other.headline);
        self.causes.extend(other.causes);
        self.next.extend(other.next);
        self.commands.extend(other.commands);
    }

    /// Prints it.
    pub fn tell(mut self, context: &Context) -> Result {
        // A clock that was set leaves rows out of order; what is read in the order of time shows it.
        self.happened.sort_by_key(|moment| moment.at);
        let out = &context.out;
        if out.json() {
            return out.document(&self);
        }
        let mut headline = Table::new(&[]);
        headline.row([text(&self.headline)]);
        out.indented_table(headline, "")?;
        if !self.happened.is_empty() {
            let mut table = Table::new(&[]);
            for moment in &self.happened {
                table.row([faint(&moment::show(moment.at)), text(&moment.text)]);
            }
            out.line("\nWhat happened (UTC)")?;
            out.indented_table(table, "  ")?;
        }
        for (title, sentences) in [("What is behind it", &self.causes), ("What happens next", &self.next)] {
            if sentences.is_empty() {
                continue;
            }
            let mut table = Table::new(&[]);
            for sentence in sentences {
                table.row([faint("-"), text(sentence)]);
            }
            out.line(format_args!("\n{title}"))?;
            out.indented_table(table, "  ")?;
        }
        if !self.commands.is_empty() {
            out.line("\nWhat to type")?;
        }
        for Command { command, purpose } in &self.commands {
            let mut about = Table::new(&[]);
            about.row([faint(&format!("# {purpose}"))]);
            out.indented_table(about, "  ")?;
            // In one line, so that it can be copied.
            out.line(format_args!("  {}", crate::printable::text(command)))?;
        }
        Ok(())
    }
}
