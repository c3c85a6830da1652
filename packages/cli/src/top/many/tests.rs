//! The list of files on a screen, from files that are there, and what keys do.

use std::path::PathBuf;

use knocker_core::Store;
use knocker_core::ingest::IngestFields;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use rusqlite::Connection;

use super::folder::Folder;
use super::screen;
use super::view::{View, Wish};
use crate::pattern::Pattern;

const NOW: i64 = 1_767_225_600_000; // 2026-01-01T00:00:00Z

/// A folder of files with so many events each.
struct Files(tempfile::TempDir);

impl Files {
    fn with(events: &[(&str, usize)]) -> Self {
        let files = Self(tempfile::tempdir().unwrap());
        for &(name, events) in events {
            let store = files.store(name);
            store.bootstrap(NOW).unwrap();
            store.endpoint("orders", r#"{"provider": "token"}"#, NOW).unwrap();
            (0..events).for_each(|event| ingest(&store, &format!("evt_{event}")));
        }
        files
    }

    fn store(&self, name: &str) -> Store {
        let conn = Connection::open(self.path(name)).unwrap();
        conn.pragma_update(None, "journal_mode", "WAL").unwrap();
        Store::new(conn)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn pattern(&self) -> Pattern {
        Pattern::of(&self.path("*.db")).unwrap().unwrap()
    }
}

fn ingest(store: &Store, key: &str) {
    let fields = format!(r#"{{"valid": true, "key": "{key}"}}"#);
    store.ingest("orders", &IngestFields::parse(&fields).unwrap(), b"{}", NOW).unwrap();
}

fn look(folder: &mut Folder, files: &Files, now: i64) -> usize {
    let mut looks = 0;
    folder.list(files.pattern().files().unwrap());
    folder.look(now, || {
        looks += 1;
        true
    });
    looks
}

fn drawn(folder: &Folder, files: &Files, view: &View) -> String {
    let mut terminal = Terminal::new(TestBackend::new(120, 12)).unwrap();
    terminal.draw(|frame| screen::draw(frame, &files.pattern(), folder, view, NOW)).unwrap();
    let buffer = terminal.backend().buffer();
    let line = |y| (0..120).map(|x| buffer[(x, y)].symbol()).collect::<String>().trim_end().to_owned();
    (0..12).map(line).collect::<Vec<_>>().join("\n")
}

fn key(code: KeyCode) -> KeyEvent {
    KeyEvent::new(code, KeyModifiers::NONE)
}

#[test]
fn only_what_was_written_to_is_read_again_and_all_once_a_minute() {
    let files = Files::with(&[("a.db", 1), ("b.db", 0), ("c.db", 2)]);
    let mut folder = Folder::default();
    assert_eq!(look(&mut folder, &files, NOW), 3);
    assert_eq!(look(&mut folder, &files, NOW), 0);
    let store = files.store("b.db");
    ingest(&store, "evt_new");
    assert_eq!(look(&mut folder, &files, NOW), 1);
    let of = |folder: &Folder, name: &str| folder.files[&files.path(name)].figures.as_ref().unwrap().stats.events.received;
    assert_eq!(["a.db", "b.db", "c.db"].map(|name| of(&folder, name)), [1, 1, 2]);
    assert_eq!(look(&mut folder, &files, NOW + 60_000), 3);
    std::fs::remove_file(files.path("c.db")).unwrap();
    look(&mut folder, &files, NOW + 60_000);
    assert_eq!(folder.len(), 2);
}

#[test]
fn where_there_is_no_time_for_all_the_others_come_next() {
    let files = Files::with(&[("a.db", 0), ("b.db", 0), ("c.db", 0)]);
    let mut folder = Folder::default();
    folder.list(files.pattern().files().unwrap());
    for read in 1..=3 {
        let mut once = true;
        folder.look(NOW + read, || std::mem::take(&mut once));
        assert_eq!(folder.read(), read as usize);
    }
}

#[test]
fn a_file_that_cannot_be_read_stands_first_with_the_reason_and_the_sum_is_of_the_others() {
    let files = Files::with(&[("a.db", 1), ("b.db", 4)]);
    std::fs::write(files.path("z.db"), "not a database".repeat(100)).unwrap();
    let mut folder = Folder::default();
    look(&mut folder, &files, NOW);
    let mut view = View::default();
    view.order(&folder);
    assert_eq!(view.order.iter().map(|file| file.file_name().unwrap().to_str().unwrap()).collect::<Vec<_>>(), ["z.db", "b.db", "a.db"]);
    let text = drawn(&folder, &files, &view);
    assert!(text.contains("events    5 waiting"), "{text}");
    assert!(text.contains("5 an hour"), "{text}");
    let broken = text.lines().find(|line| line.contains("z.db")).unwrap();
    assert!(broken.contains("z.db: "), "{text}");
}

#[test]
fn a_file_is_chosen_opened_and_found_by_a_part_of_its_name() {
    let files = Files::with(&[("acme.db", 0), ("globex.db", 1)]);
    let mut folder = Folder::default();
    look(&mut folder, &files, NOW);
    let mut view = View::default();
    view.order(&folder);
    assert_eq!(view.key(key(KeyCode::Enter)), Some(Wish::Open(files.path("globex.db"))));
    view.key(key(KeyCode::Down));
    assert_eq!(view.key(key(KeyCode::Enter)), Some(Wish::Open(files.path("acme.db"))));
    for typed in [KeyCode::Char('/'), KeyCode::Char('g'), KeyCode::Char('l'), KeyCode::Enter] {
        assert_eq!(view.key(key(typed)), None);
    }
    view.order(&folder);
    assert_eq!(view.order, [files.path("globex.db")]);
    assert!(drawn(&folder, &files, &view).contains("only gl"));
    assert_eq!(view.key(key(KeyCode::Char('q'))), Some(Wish::Quit));
}

#[test]
fn a_tiny_terminal_is_no_panic() {
    let files = Files::with(&[("a.db", 1)]);
    let mut folder = Folder::default();
    look(&mut folder, &files, NOW);
    for (width, height) in [(1, 1), (20, 5), (40, 10), (500, 200)] {
        let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
        terminal.draw(|frame| screen::draw(frame, &files.pattern(), &folder, &View::default(), NOW)).unwrap();
    }
}
