//! The screen: a function of a snapshot and of what somebody looks at.

use knocker_core::minutes::Tally;
use knocker_core::operate::Action;
use knocker_core::stats::{EndpointStats, EventCounts};
use ratatui::Frame;
use ratatui::layout::{Alignment, Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Cell, Clear, Paragraph, Row, Sparkline, Table, TableState};

use super::snapshot::{Event, Snapshot};
use super::view::{Mode, View};
use crate::{moment, printable};

/// The columns of the words before a sparkline, and of the figures behind it.
const WORD: u16 = 10;
const FIGURES: u16 = 32;

/// Draws everything.
pub fn draw(frame: &mut Frame, snapshot: &Snapshot, view: &View) {
    let tint = Tint { plain: view.plain };
    let [title, sums, receipts, refused, failures, rest, foot] = Layout::vertical([
        Constraint::Length(1),
        Constraint::Length(1),
        Constraint::Length(1),
        Constraint::Length(1),
        Constraint::Length(1),
        Constraint::Fill(1),
        Constraint::Length(1),
    ])
    .areas(frame.area());
    draw_title(frame, title, &snapshot.database, snapshot.stats.database_bytes, snapshot.now);
    draw_sums(frame, sums, &snapshot.stats.events, snapshot.stats.oldest_waiting_ms, tint);
    draw_minutes(frame, receipts, "receipts", &snapshot.minutes, |minute| minute.receipts, tint.of("handled"));
    draw_minutes(frame, refused, "refused", &snapshot.minutes, |minute| minute.refused, tint.of("failed"));
    draw_minutes(frame, failures, "failures", &snapshot.minutes, |minute| minute.failures, tint.of("dead"));
    match &view.mode {
        Mode::Looking { text, from, .. } => draw_text(frame, rest, text, *from),
        _ => {
            let part = (rest.height / 4).max(3);
            let endpoints = (snapshot.stats.endpoints.len() as u16).clamp(1, part) + 1;
            let [top, middle, bottom] =
                Layout::vertical([Constraint::Length(endpoints), Constraint::Length(part + 1), Constraint::Fill(1)]).areas(rest);
            let [left, right] = Layout::horizontal([Constraint::Fill(1), Constraint::Fill(1)]).spacing(2).areas(middle);
            draw_endpoints(frame, top, snapshot, tint);
            draw_handlers(frame, left, snapshot, tint);
            draw_leases(frame, right, snapshot);
            draw_events(frame, bottom, snapshot, view, tint);
        }
    }
    draw_foot(frame, foot, view, tint);
}

/// Colours, where they are wanted: without them the words say the same.
#[derive(Clone, Copy)]
pub struct Tint {
    pub plain: bool,
}

impl Tint {
    pub fn of(self, word: &str) -> Style {
        let colour = match word {
            _ if self.plain => return Style::new(),
            "handled" => Color::Green,
            "received" | "processing" => Color::Cyan,
            "failed" => Color::Yellow,
            "dead" => Color::Red,
            _ => return Style::new(),
        };
        Style::new().fg(colour)
    }

    /// A number that is worth a look where it is not zero.
    pub fn alarming(self, number: i64, word: &str) -> Cell<'static> {
        let style = if number == 0 { Style::new() } else { self.of(word).add_modifier(Modifier::BOLD) };
        Cell::new(right(number)).style(style)
    }
}

/// The first line: what is watched, its size, and the time.
pub fn draw_title(frame: &mut Frame, area: Rect, database: &str, bytes: i64, now: i64) {
    let bold = Style::new().add_modifier(Modifier::BOLD);
    let size = printable::size(bytes);
    frame.render_widget(Line::from(format!("{} UTC  {size}", moment::show(now))).alignment(Alignment::Right), area);
    let title = format!("knocker top  {}", printable::text(database));
    // The name gives way to the clock.
    let room = Rect { width: area.width.saturating_sub(38), ..area };
    frame.render_widget(Span::styled(title, bold), room);
}

/// A line with the events by status.
pub fn draw_sums(frame: &mut Frame, area: Rect, events: &EventCounts, oldest_waiting_ms: Option<i64>, tint: Tint) {
    let oldest = oldest_waiting_ms.map(|ms| format!(" (oldest {})", short(ms))).unwrap_or_default();
    let of = |word: &'static str, number: i64| {
        let style = if number == 0 { Style::new() } else { tint.of(word) };
        Span::styled(format!("{number} {word}  "), style)
    };
    let line = Line::from(vec![
        Span::raw("events    "),
        Span::styled(format!("{} waiting{oldest}  ", events.received), tint.of("received")),
        of("processing", events.processing),
        of("failed", events.failed),
        of("dead", events.dead),
        of("handled", events.handled),
        of("ignored", events.ignored),
    ]);
    frame.render_widget(line, area);
}

/// A line with the last hour: as many of its minutes as there is room for.
pub fn draw_minutes(frame: &mut Frame, area: Rect, word: &str, minutes: &[Tally], of: impl Fn(&Tally) -> i64, style: Style) {
    let [name, bars, figures] =
        Layout::horizontal([Constraint::Length(WORD), Constraint::Max(60), Constraint::Length(FIGURES)]).areas(area);
    let minutes: Vec<u64> = minutes.iter().map(|minute| of(minute).max(0) as u64).collect();
    let hour: u64 = minutes.iter().sum();
    // The last one is not over.
    let last = minutes.len().checked_sub(2).map_or(0, |at| minutes[at]);
    let shown = visible(&minutes[minutes.len().saturating_sub(bars.width as usize)..]);
    frame.render_widget(Span::raw(word.to_owned()), name);
    frame.render_widget(Sparkline::default().data(&shown).style(style), bars);
    frame.render_widget(Span::raw(format!("  {last} a minute, {hour} an hour")), figures);
}

/// As bars: a minute in which anything happened has one, also beside a flood.
fn visible(minutes: &[u64]) -> Vec<u64> {
    let least = minutes.iter().max().copied().unwrap_or(0).div_ceil(8);
    minutes.iter().map(|&minute| if minute == 0 { 0 } else { minute.max(least) }).collect()
}

fn draw_endpoints(frame: &mut Frame, area: Rect, snapshot: &Snapshot, tint: Tint) {
    let mut endpoints: Vec<&EndpointStats> = snapshot.stats.endpoints.iter().collect();
    // Those that need somebody come first.
    endpoints.sort_by_key(|figures| {
        let events = figures.events;
        std::cmp::Reverse((
            events.dead + events.failed > 0,
            figures.last_hour.failures,
            events.dead,
            events.failed,
            figures.oldest_waiting_ms,
        ))
    });
    let row = |figures: &&EndpointStats| {
        let (events, hour) = (figures.events, figures.last_hour);
        let name = if figures.enabled { figures.endpoint.clone() } else { format!("{} (off)", figures.endpoint) };
        Row::new([
            Cell::new(shown(&name)),
            Cell::new(right(events.received)),
            Cell::new(right(events.processing)),
            tint.alarming(events.failed, "failed"),
            tint.alarming(events.dead, "dead"),
            Cell::new(right(figures.oldest_waiting_ms.map_or_else(|| "-".into(), moment::duration))),
            Cell::new(right(hour.receipts)),
            tint.alarming(hour.refused, "failed"),
            tint.alarming(hour.failures, "dead"),
        ])
    };
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
    let name = counted("ENDPOINT", endpoints.len(), area, area.width.saturating_sub(67));
    let titles =
        [name, end("WAITING"), end("RUNNING"), end("FAILED"), end("DEAD"), end("OLDEST"), end("RECEIPTS"), end("REFUSED"), end("FAILURES")];
    // What has no room costs nothing, however many there are.
    let rows = endpoints.iter().take(area.height as usize).map(row);
    frame.render_widget(Table::new(rows, widths).header(header(titles)), area);
}

fn draw_handlers(frame: &mut Frame, area: Rect, snapshot: &Snapshot, tint: Tint) {
    let rows = snapshot.handlers.iter().map(|handler| {
        Row::new([
            Cell::new(shown(&named(&handler.endpoint, handler.event_type.as_deref()))),
            tint.alarming(handler.failed as i64, "failed"),
            Cell::new(right(handler.attempts)),
            Cell::new(right(short(handler.p50_ms))),
            Cell::new(right(short(handler.p95_ms))),
        ])
    });
    let widths = [Constraint::Fill(1), Constraint::Length(4), Constraint::Length(4), Constraint::Length(5), Constraint::Length(5)];
    let titles =
        [counted("SLOWEST", snapshot.handlers.len(), area, area.width.saturating_sub(22)), end("BAD"), end("OF"), end("P50"), end("P95")];
    frame.render_widget(Table::new(rows, widths).header(header(titles)), area);
}

fn draw_leases(frame: &mut Frame, area: Rect, snapshot: &Snapshot) {
    let rows = snapshot.leases.iter().map(|lease| {
        let left = lease.lease_expires_at - snapshot.now;
        let left = if left < 0 { "over".into() } else { short(left) };
        Row::new([
            Cell::new(shown(&lease.worker)),
            Cell::new(right(lease.event_id)),
            Cell::new(shown(&named(&lease.endpoint, lease.event_type.as_deref()))),
            Cell::new(right(left)),
        ])
    });
    let widths = [Constraint::Fill(1), Constraint::Length(6), Constraint::Fill(1), Constraint::Length(5)];
    let titles =
        [counted("WORKER", snapshot.leases.len(), area, area.width.saturating_sub(14) / 2), end("EVENT"), Line::from("RUNS"), end("LEASE")];
    frame.render_widget(Table::new(rows, widths).header(header(titles)), area);
}

fn draw_events(frame: &mut Frame, area: Rect, snapshot: &Snapshot, view: &View, tint: Tint) {
    let row = |event: &Event| {
        let note = match (event.next_attempt_at, &event.reason) {
            (Some(at), _) if event.status == "failed" => format!("again {}", moment::relative(at, snapshot.now)),
            (_, Some(reason)) => reason.clone(),
            _ => String::new(),
        };
        Row::new([
            Cell::new(right(event.id)),
            Cell::new(shown(&named(&event.endpoint, event.event_type.as_deref()))),
            Cell::new(event.status.clone()).style(tint.of(&event.status)),
            Cell::new(right(event.attempts)),
            Cell::new(moment::relative(event.received_at, snapshot.now)),
            Cell::new(shown(&note)),
        ])
    };
    let widths = [
        Constraint::Length(8),
        Constraint::Fill(2),
        Constraint::Length(10),
        Constraint::Length(3),
        Constraint::Length(14),
        Constraint::Fill(1),
    ];
    let chosen = match (view.choice.status, view.choice.name.as_str()) {
        (None, "") => "TYPE".to_owned(),
        (status, name) => format!("ONLY {} {}", status.unwrap_or_default(), printable::text(name)).replace("  ", " "),
    };
    let titles = [end("EVENT"), Line::from(chosen), Line::from("STATUS"), end("TRY"), Line::from("RECEIVED"), Line::from("NOTE")];
    let selected = Style::new().add_modifier(Modifier::REVERSED);
    let table = Table::new(snapshot.events.iter().map(row), widths).header(header(titles)).row_highlight_style(selected);
    let mut state = TableState::new().with_selected((!snapshot.events.is_empty()).then(|| view.position(snapshot)));
    frame.render_stateful_widget(table, area, &mut state);
}

fn draw_text(frame: &mut Frame, area: Rect, text: &[String], from: usize) {
    frame.render_widget(Clear, area);
    let lines: Vec<Line> = text.iter().skip(from).take(area.height as usize).map(|line| Line::from(line.as_str())).collect();
    frame.render_widget(Paragraph::new(lines), area);
}

fn draw_foot(frame: &mut Frame, area: Rect, view: &View, tint: Tint) {
    let line = match &view.mode {
        Mode::List if view.message.is_empty() => {
            "up/down choose  enter look  s status  / name  c all  r replay  i ignore  q quit".to_owned()
        }
        Mode::List => view.message.clone(),
        Mode::Typing(text) => format!("endpoint or type (prefix.* too), enter takes it: {text}_"),
        Mode::Looking { .. } => "up/down move  r replay  i ignore  q back".to_owned(),
        Mode::Asking(action, event) => {
            let verb = if *action == Action::Ignore { "Ignore" } else { "Replay" };
            let named = named(&event.endpoint, event.event_type.as_deref());
            format!("{verb} event {} ({named}, {})? y for yes, any other key for no", event.id, event.status)
        }
    };
    let style = match &view.mode {
        Mode::Asking(..) => tint.of("dead").add_modifier(Modifier::BOLD),
        _ => Style::new().add_modifier(Modifier::DIM),
    };
    frame.render_widget(Span::styled(shown(&line), style), area);
}

/// The titles of columns.
pub fn header<'a, const N: usize>(titles: [Line<'a>; N]) -> Row<'a> {
    Row::new(titles).style(Style::new().add_modifier(Modifier::BOLD))
}

/// A title of a column so wide, with how many there are, where not all have room.
pub fn counted(title: &'static str, number: usize, area: Rect, width: u16) -> Line<'static> {
    let room = area.height.saturating_sub(1) as usize;
    if number <= room {
        return Line::from(title);
    }
    let counted = format!("{title} ({room} of {number})");
    if counted.len() <= width as usize { Line::from(counted) } else { Line::from(format!("{room} of {number}")) }
}

/// A title over numbers.
pub fn end(title: &'static str) -> Line<'static> {
    Line::from(title).alignment(Alignment::Right)
}

/// A number at its place.
pub fn right(text: impl std::fmt::Display) -> Line<'static> {
    Line::from(text.to_string()).alignment(Alignment::Right)
}

/// Text of any origin, with what would move the cursor made visible.
pub fn shown(text: &str) -> String {
    printable::text(text).into_owned()
}

fn named(endpoint: &str, event_type: Option<&str>) -> String {
    event_type.map_or_else(|| endpoint.to_owned(), |event_type| format!("{endpoint} {event_type}"))
}

/// A duration in four letters or five.
fn short(ms: i64) -> String {
    if ms < 1000 {
        return format!("{ms}ms");
    }
    match ms / 1000 {
        ..60 => format!("{:.1}s", ms as f64 / 1000.0),
        60..3600 => format!("{}m", ms / 60_000),
        _ => format!("{}h", ms / 3_600_000),
    }
}
