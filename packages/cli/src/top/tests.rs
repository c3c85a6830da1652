//! The screen at the sizes of terminals, from one made-up moment, and what keys do.

use knocker_core::minutes::Tally;
use knocker_core::operate::Action;
use knocker_core::refusals::RefusedKept;
use knocker_core::stats::{EndpointStats, EventCounts, Stats};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::style::Color;

use super::screen;
use super::snapshot::{Choice, Event, Handler, Lease, Snapshot};
use super::view::{Mode, View, Wish};

const NOW: i64 = 1_767_225_600_000; // 2026-01-01T00:00:00Z

fn tally(receipts: i64, refused: i64, failures: i64) -> Tally {
    let mut tally = Tally::default();
    (tally.receipts, tally.refused, tally.failures) = (receipts, refused, failures);
    tally
}

fn endpoint(name: &str, enabled: bool, counts: [i64; 6], oldest_waiting_ms: Option<i64>, last_hour: Tally) -> EndpointStats {
    let [received, processing, failed, handled, dead, ignored] = counts;
    EndpointStats {
        endpoint: name.into(),
        provider: Some(name.into()),
        enabled,
        events: EventCounts { received, processing, failed, handled, dead, ignored },
        oldest_waiting_ms,
        last_hour,
        refused: RefusedKept::default(),
    }
}

fn snapshot() -> Snapshot {
    let event = |id: i64, event_type: &str, status: &str, reason: Option<&str>| Event {
        id,
        endpoint: "stripe".into(),
        event_type: Some(event_type.into()),
        status: status.into(),
        attempts: 1,
        received_at: NOW - 60_000 * (20 - id),
        next_attempt_at: (status == "failed").then_some(NOW + 90_000),
        reason: reason.map(str::to_owned),
    };
    let handler = |event_type: &str, failed, p95_ms| Handler {
        endpoint: "stripe".into(),
        event_type: Some(event_type.into()),
        attempts: 40,
        failed,
        p50_ms: p95_ms / 10,
        p95_ms,
    };
    Snapshot {
        database: "shop.db".into(),
        now: NOW,
        stats: Stats {
            endpoints: vec![
                endpoint("github", true, [0, 0, 0, 120, 0, 0], None, tally(12, 0, 0)),
                endpoint("old", false, [0, 0, 0, 0, 0, 0], None, tally(0, 0, 0)),
                endpoint("stripe", true, [5, 2, 1, 4000, 7, 0], Some(180_000), tally(340, 3, 9)),
            ],
            events: EventCounts { received: 5, processing: 2, failed: 1, handled: 4120, dead: 7, ignored: 0 },
            oldest_waiting_ms: Some(180_000),
            last_hour: tally(352, 3, 9),
            database_bytes: 12_900_000,
        },
        minutes: (0..60).map(|minute| tally(minute % 9, i64::from(minute == 58), minute / 50)).collect(),
        handlers: vec![handler("invoice.paid", 3, 12_500), handler("customer.created", 0, 320)],
        leases: vec![Lease {
            worker: "web-1".into(),
            event_id: 19,
            endpoint: "stripe".into(),
            event_type: Some("invoice.paid".into()),
            attempt: 1,
            lease_expires_at: NOW + 42_000,
        }],
        events: vec![
            event(19, "invoice.paid", "processing", None),
            event(18, "invoice.paid\u{1b}[2J", "failed", Some("no answer")),
            event(17, "customer.created", "dead", Some("no such customer")),
            event(16, "customer.created", "handled", None),
        ],
    }
}

fn drawn(width: u16, height: u16, view: &View) -> (Vec<String>, Terminal<TestBackend>) {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(|frame| screen::draw(frame, &snapshot(), view)).unwrap();
    let buffer = terminal.backend().buffer().clone();
    let line = |y| (0..width).map(|x| buffer[(x, y)].symbol()).collect::<String>().trim_end().to_owned();
    ((0..height).map(line).collect(), terminal)
}

fn key(code: KeyCode) -> KeyEvent {
    KeyEvent::new(code, KeyModifiers::NONE)
}

#[test]
fn all_of_it_has_room_on_80_by_24() {
    let (lines, _) = drawn(80, 24, &View::default());
    assert_eq!(lines.join("\n"), include_str!("screens/80x24.txt").trim_end());
}

#[test]
fn a_larger_terminal_shows_more() {
    let (lines, _) = drawn(160, 50, &View::default());
    assert_eq!(lines.join("\n"), include_str!("screens/160x50.txt").trim_end());
}

#[test]
fn without_colour_there_is_none_and_the_words_say_the_same() {
    let colours = |plain: bool| {
        let (lines, terminal) = drawn(80, 24, &View { plain, ..View::default() });
        let coloured = terminal.backend().buffer().content().iter().any(|cell| cell.fg != Color::Reset || cell.bg != Color::Reset);
        (lines, coloured)
    };
    let ((with, is_coloured), (without, still)) = (colours(false), colours(true));
    assert!(is_coloured && !still);
    assert_eq!(with, without);
}

#[test]
fn a_minute_beside_a_flood_is_seen() {
    let mut snapshot = snapshot();
    snapshot.minutes = (0..60).map(|minute| tally(if minute == 30 { 10_000 } else { minute % 2 }, 0, 0)).collect();
    let mut terminal = Terminal::new(TestBackend::new(160, 24)).unwrap();
    terminal.draw(|frame| screen::draw(frame, &snapshot, &View::default())).unwrap();
    let buffer = terminal.backend().buffer();
    let bars: String = (10..70).map(|x| buffer[(x, 2)].symbol()).collect();
    assert_eq!((bars.matches('█').count(), bars.matches(' ').count(), bars.matches('▁').count()), (1, 29, 30), "{bars}");
}

#[test]
fn how_many_there_are_is_never_cut() {
    let mut snapshot = snapshot();
    let many = |index| endpoint(&format!("shop-{index}"), true, [0; 6], None, tally(0, 0, 0));
    snapshot.stats.endpoints = (0..10_000).map(many).collect();
    snapshot.leases = vec![snapshot.leases[0].clone(); 200];
    for (width, height, endpoints, workers) in
        [(80, 24, "4 of 10000", "4 of 200"), (160, 50, "ENDPOINT (11 of 10000)", "WORKER (11 of 200)")]
    {
        let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
        terminal.draw(|frame| screen::draw(frame, &snapshot, &View::default())).unwrap();
        let screen: String = terminal.backend().buffer().content().iter().map(|cell| cell.symbol()).collect();
        assert!(screen.contains(&format!("{endpoints} ")) && screen.contains(&format!("{workers} ")), "{screen}");
    }
}

#[test]
fn a_tiny_terminal_is_no_panic() {
    for (width, height) in [(1, 1), (20, 5), (40, 10), (500, 200)] {
        drawn(width, height, &View::default());
    }
}

#[test]
fn an_event_is_replayed_after_a_yes_and_nothing_else() {
    let snapshot = snapshot();
    let mut view = View::default();
    assert_eq!(view.key(key(KeyCode::Down), &snapshot), None);
    assert_eq!(view.key(key(KeyCode::Down), &snapshot), None);
    assert_eq!(view.key(key(KeyCode::Char('r')), &snapshot), None);
    let (lines, _) = drawn(80, 24, &view);
    assert_eq!(lines[23], "Replay event 17 (stripe customer.created, dead)? y for yes, any other key for no");
    assert_eq!(view.key(key(KeyCode::Enter), &snapshot), None);
    assert_eq!((&view.mode, view.message.as_str()), (&Mode::List, "nothing was changed"));
    view.key(key(KeyCode::Char('i')), &snapshot);
    assert_eq!(view.key(key(KeyCode::Char('y')), &snapshot), Some(Wish::Operate(Action::Ignore, 17)));
}

#[test]
fn the_question_is_about_the_event_that_was_looked_at_whatever_the_list_does() {
    let mut view = View::default();
    let Some(Wish::Look(event)) = view.key(key(KeyCode::Enter), &snapshot()) else { panic!("it looks") };
    view.look(event, "one\ntwo\nthree");
    let (lines, _) = drawn(80, 24, &view);
    assert_eq!((lines[5].as_str(), lines[23].as_str()), ("one", "up/down move  r replay  i ignore  q back"));
    let empty = Snapshot { events: Vec::new(), ..snapshot() };
    view.key(key(KeyCode::Down), &empty);
    assert_eq!(drawn(80, 24, &view).0[5], "two");
    view.key(key(KeyCode::Char('r')), &empty);
    assert_eq!(view.key(key(KeyCode::Char('y')), &empty), Some(Wish::Operate(Action::Replay, 19)));
}

#[test]
fn the_list_is_filtered_by_status_and_name() {
    let snapshot = snapshot();
    let mut view = View::default();
    assert_eq!(view.key(key(KeyCode::Char('s')), &snapshot), Some(Wish::Refresh));
    assert_eq!(view.choice.status, Some("received"));
    view.key(key(KeyCode::Char('/')), &snapshot);
    for letter in "orders".chars() {
        assert_eq!(view.key(key(KeyCode::Char(letter)), &snapshot), None);
    }
    assert!(drawn(80, 24, &view).0[23].ends_with("enter takes it: orders_"));
    assert_eq!(view.key(key(KeyCode::Enter), &snapshot), Some(Wish::Refresh));
    assert!(drawn(80, 24, &view).0.iter().any(|line| line.contains("ONLY received orders")));
    assert_eq!(view.key(key(KeyCode::Char('c')), &snapshot), Some(Wish::Refresh));
    assert_eq!(view.choice, Choice::default());
    assert_eq!(view.key(KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL), &snapshot), Some(Wish::Quit));
}
