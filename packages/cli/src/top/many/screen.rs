//! The list: a function of what is known of the files and of what somebody looks at.

use std::path::{Path, PathBuf};

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Cell, Row, Table, TableState};

use super::super::screen::{Tint, counted, draw_minutes, draw_sums, draw_title, end, header, right, shown};
use super::folder::{Figures, Folder, Known, sum};
use super::view::View;
use crate::pattern::Pattern;
use crate::{moment, printable};

/// Draws everything.
pub fn draw(frame: &mut Frame, pattern: &Pattern, folder: &Folder, view: &View, now: i64) {
    let tint = Tint { plain: view.plain };
    let lines = [Constraint::Length(1); 5];
    let [title, sums, receipts, refused, failures, files, foot] =
        Layout::vertical(lines.into_iter().chain([Constraint::Fill(1), Constraint::Length(1)])).areas(frame.area());
    let (all, minutes) = sum(folder.files.values().filter_map(|known| known.figures.as_ref()), now);
    draw_title(frame, title, &pattern.to_string(), all.database_bytes, now);
    draw_sums(frame, sums, &all.events, all.oldest_waiting_ms, tint);
    draw_minutes(frame, receipts, "receipts", &minutes, |minute| minute.receipts, tint.of("handled"));
    draw_minutes(frame, refused, "refused", &minutes, |minute| minute.refused, tint.of("failed"));
    draw_minutes(frame, failures, "failures", &minutes, |minute| minute.failures, tint.of("dead"));
    draw_files(frame, files, folder, view, tint);
    draw_foot(frame, foot, folder, view);
}

fn draw_files(frame: &mut Frame, area: Rect, folder: &Folder, view: &View, tint: Tint) {
    let widths = [
        Constraint::Fill(1),
        Constraint::Length(7),
        Constraint::Length(7),
        Constraint::Length(6),
        Constraint::Length(6),
        Constraint::Length(10),
        Constraint::Length(8),
        Constraint::Length(7),
        Constraint::Length(8),
    ];
    let name = counted("FILE", view.order.len(), area, area.width.saturating_sub(67));
    let titles =
        [name, end("WAITING"), end("RUNNING"), end("FAILED"), end("DEAD"), end("OLDEST"), end("RECEIPTS"), end("REFUSED"), end("FAILURES")];
    // What has no room costs nothing, however many there are: the chosen one is in the middle of what has.
    let room = area.height.saturating_sub(1) as usize;
    let first = view.position().saturating_sub(room / 2).min(view.order.len().saturating_sub(room));
    let shown: Vec<(&PathBuf, &Known)> =
        view.order.iter().skip(first).take(room).filter_map(|file| folder.files.get_key_value(file)).collect();
    let rows = shown.iter().map(|(file, known)| row(file, known, tint));
    let selected = Style::new().add_modifier(Modifier::REVERSED);
    let table = Table::new(rows, widths).header(header(titles)).row_highlight_style(selected);
    let mut state = TableState::new().with_selected((!shown.is_empty()).then(|| view.position() - first));
    frame.render_stateful_widget(table, area, &mut state);
}

fn row<'a>(file: &Path, known: &Known, tint: Tint) -> Row<'a> {
    let name = shown(&file.display().to_string());
    if let Some(trouble) = &known.trouble {
        // It takes the room of the figures, which are not those of now.
        return Row::new([Cell::new(format!("{name}: {}", shown(trouble))).style(tint.of("dead"))]);
    }
    let Some(Figures { stats, .. }) = &known.figures else { return Row::new([Cell::new(name)]) };
    let (events, hour) = (stats.events, stats.last_hour);
    Row::new([
        Cell::new(name),
        Cell::new(right(events.received)),
        Cell::new(right(events.processing)),
        tint.alarming(events.failed, "failed"),
        tint.alarming(events.dead, "dead"),
        Cell::new(right(stats.oldest_waiting_ms.map_or_else(|| "-".into(), moment::duration))),
        Cell::new(right(hour.receipts)),
        tint.alarming(hour.refused, "failed"),
        tint.alarming(hour.failures, "dead"),
    ])
}

fn draw_foot(frame: &mut Frame, area: Rect, folder: &Folder, view: &View) {
    let line = match &view.typing {
        Some(text) => format!("part of a file's name, enter takes it: {text}_"),
        None if !view.message.is_empty() => view.message.clone(),
        None if folder.read() < folder.len() => format!("{} of {} read", folder.read(), printable::count(folder.len() as i64, "file")),
        None => {
            let only = if view.name.is_empty() { String::new() } else { format!("only {}  ", view.name) };
            format!("{only}up/down choose  enter open  / name  c all  q quit")
        }
    };
    frame.render_widget(Line::from(Span::styled(shown(&line), Style::new().add_modifier(Modifier::DIM))), area);
}
