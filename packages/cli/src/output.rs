//! Standard output: text and tables for people, JSON for programs.

use std::fmt::Display;
use std::io::{self, IsTerminal, Write};

use anstream::{AutoStream, ColorChoice};
use serde::Serialize;

use crate::failure::Result;
use crate::printable;
use crate::rows::Row;
use crate::table::Table;

/// A terminal narrower than this gets long lines, which it breaks itself.
const NARROWEST: u16 = 40;

/// Where a command writes what it has to say.
#[derive(Clone, Copy)]
pub struct Output {
    json: bool,
    color: ColorChoice,
    /// The width of the terminal; none where the output goes to a file or a pipe, which get lines of any length.
    width: Option<u16>,
}

impl Output {
    pub fn new(json: bool, color: ColorChoice) -> Self {
        // A terminal that does not know its size says 0.
        let width = comfy_table::Table::new().width().filter(|_| io::stdout().is_terminal()).filter(|&width| width >= NARROWEST);
        Self { json, color, width }
    }

    /// Whether a program reads it.
    pub fn json(&self) -> bool {
        self.json
    }

    /// One line of text. Style codes in it are taken out where no colour is wanted.
    pub fn line(&self, text: impl Display) -> Result {
        Ok(writeln!(self.stdout(), "{text}")?)
    }

    /// A table; `nothing` in its place where it has no rows.
    pub fn table(&self, table: Table, nothing: &str) -> Result {
        if table.is_empty() { self.line(nothing) } else { self.line(table.render(self.width, "")) }
    }

    /// A table that stands in a text, each line of it after `indent`.
    pub fn indented_table(&self, table: Table, indent: &str) -> Result {
        self.line(table.render(self.width, indent))
    }

    /// One JSON document, as plain on a terminal as text is.
    pub fn document(&self, value: &impl Serialize) -> Result {
        let text = printable::json(serde_json::to_string(value).map_err(io::Error::from)?);
        Ok(writeln!(self.stdout(), "{text}")?)
    }

    /// A list, one JSON object a line.
    pub fn documents(&self, rows: &[Row]) -> Result {
        rows.iter().try_for_each(|row| self.document(row))
    }

    /// Whether people see it as it is written, and not a file or another program.
    pub fn is_terminal(&self) -> bool {
        io::stdout().is_terminal()
    }

    /// Bytes as they are.
    pub fn raw(&self, bytes: &[u8]) -> Result {
        let mut stdout = io::stdout().lock();
        stdout.write_all(bytes)?;
        Ok(stdout.flush()?)
    }

    fn stdout(&self) -> AutoStream<io::StdoutLock<'static>> {
        AutoStream::new(io::stdout().lock(), self.color)
    }
}
