//! Tables for people: no borders, columns two spaces apart, the words that matter in colour.

use comfy_table::{Attribute, Cell, CellAlignment, Color, ColumnConstraint, ContentArrangement, Width, presets};

use crate::printable;

/// The columns that wrap where the terminal is too narrow. Numbers, words and times never do.
const WRAPPING: &[&str] = &["type", "note", "scheme", "session", "options"];
/// Where not even this is left for them the lines become longer than the terminal.
const NARROWEST: u16 = 12;

/// A table under construction.
pub struct Table {
    table: comfy_table::Table,
    titles: Vec<String>,
}

impl Table {
    /// A table with these column titles. Without any it has no title line, and its last column wraps.
    pub fn new(titles: &[&str]) -> Self {
        let mut table = comfy_table::Table::new();
        table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
        // Colour is decided by the stream, which takes the codes out where none is wanted; and the width is set when it is rendered.
        table.force_no_tty().enforce_styling().style_text_only();
        if !titles.is_empty() {
            table.set_header(titles.iter().map(|title| Cell::new(title.to_uppercase()).add_attribute(Attribute::Dim)));
        }
        Self { table, titles: titles.iter().map(|&title| title.to_owned()).collect() }
    }

    /// Adds a row.
    pub fn row(&mut self, cells: impl IntoIterator<Item = Cell>) {
        self.table.add_row(cells.into_iter().collect::<Vec<_>>());
    }

    /// Whether it has no rows.
    pub fn is_empty(&self) -> bool {
        self.table.is_empty()
    }

    /// The table as text without a line end. `width` is that of the terminal, where there is one.
    pub fn render(mut self, width: Option<u16>, indent: &str) -> String {
        let last = self.table.column_count().saturating_sub(1);
        for (index, column) in self.table.column_iter_mut().enumerate() {
            column.set_padding((0, 2));
            let wraps = self.titles.get(index).map_or(index == last, |title| WRAPPING.contains(&title.as_str()));
            let constraint = if wraps { ColumnConstraint::LowerBoundary(Width::Fixed(NARROWEST)) } else { ColumnConstraint::ContentWidth };
            column.set_constraint(constraint);
        }
        if let Some(width) = width {
            self.table.set_width(width.saturating_sub(indent.len() as u16));
        }
        let lines: Vec<String> = self.table.lines().map(|line| format!("{indent}{}", line.trim_end())).collect();
        lines.join("\n")
    }
}

/// Text of any origin: control characters are made visible.
pub fn text(text: impl AsRef<str>) -> Cell {
    Cell::new(printable::text(text.as_ref()))
}

/// Text that may be absent.
pub fn optional(value: Option<impl AsRef<str>>) -> Cell {
    value.map_or_else(|| faint("-"), text)
}

/// A number, right-aligned.
pub fn number(value: i64) -> Cell {
    Cell::new(value).set_alignment(CellAlignment::Right)
}

/// A number that is worth a look where it is not zero.
pub fn alarming(value: i64) -> Cell {
    if value == 0 { number(value) } else { number(value).fg(Color::DarkRed) }
}

/// Text of little weight.
pub fn faint(text: &str) -> Cell {
    Cell::new(text).add_attribute(Attribute::Dim)
}

/// The status of an event, the outcome of a delivery, or the result of an attempt.
pub fn status(name: &str) -> Cell {
    let cell = text(name);
    match name {
        "handled" | "accepted" => cell.fg(Color::DarkGreen),
        "received" | "processing" | "handshake" => cell.fg(Color::DarkCyan),
        "failed" | "lease_expired" | "too_large" | "disabled" => cell.fg(Color::DarkYellow),
        "dead" | "invalid" => cell.fg(Color::DarkRed),
        _ => cell.add_attribute(Attribute::Dim),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_one_line_where_there_is_no_terminal() {
        let mut table = Table::new(&["id", "reason"]);
        table.row([number(7), text("a".repeat(300))]);
        let rendered = table.render(None, "");
        assert_eq!(rendered.lines().count(), 2);
    }

    #[test]
    fn long_text_wraps_on_a_terminal_and_controls_never_reach_it() {
        let mut table = Table::new(&["received (utc)", "note"]);
        table.row([text("2026-01-31 12:00:05"), text("\x1b[31mred ".repeat(20))]);
        let rendered = table.render(Some(60), "  ");
        assert!(rendered.lines().count() > 3);
        assert!(rendered.contains("2026-01-31 12:00:05"));
        let plain = anstream::adapter::strip_str(&rendered).to_string();
        assert!(plain.lines().all(|line| line.starts_with("  ") && line.chars().count() <= 60), "{plain}");
        assert!(!rendered.contains("\x1b[31m"));
    }
}
