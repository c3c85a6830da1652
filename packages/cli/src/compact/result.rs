//! What compacting came to, for people and for programs.

use serde::Serialize;

use super::rewrite::Plan;
use super::space::Space;
use crate::many::change::Outcome;
use crate::moment;
use crate::printable::{size, text};

/// What was given back, or would be.
#[derive(Debug, Clone, Serialize)]
pub struct Compacted {
    /// Bytes that the file is smaller.
    pub given_back: i64,
    /// Its size before.
    pub bytes_before: i64,
    /// Whether all of it was written anew.
    pub rewritten: bool,
    /// For how long writers would wait for a rewrite, about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub writers_wait_s: Option<i64>,
    /// The room that a rewrite takes on the disk while it runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub room: Option<i64>,
    /// Tables without an INTEGER PRIMARY KEY: SQLite may give their rows other rowids in a rewrite.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rowids_may_change: Option<Vec<String>>,
    pub dry_run: bool,
}

impl Compacted {
    /// So many pages are given back, and what was cut off before that a reader kept the file from showing.
    pub fn of(space: &Space, pages: i64) -> Self {
        let bytes = space.pages * space.page_size;
        let bytes_before = bytes.max(space.file);
        Self {
            given_back: bytes_before - bytes + pages * space.page_size,
            bytes_before,
            rewritten: false,
            writers_wait_s: None,
            room: None,
            rowids_may_change: None,
            dry_run: false,
        }
    }

    pub fn foreseen(self) -> Self {
        Self { dry_run: true, ..self }
    }

    pub fn rewritten(self, plan: &Plan) -> Self {
        let foreseen = |figure| self.dry_run.then_some(figure);
        Self {
            rewritten: true,
            writers_wait_s: foreseen(plan.seconds),
            room: foreseen(plan.room),
            rowids_may_change: Some(plan.renumbered.clone()),
            ..self
        }
    }

    /// What is asked before a rewrite.
    pub fn question(&self, files: &str) -> String {
        let trap = self.trap().map_or_else(String::new, |trap| format!("{trap}\n"));
        let wait = moment::duration(self.writers_wait_s.unwrap_or_default() * 1000);
        let room = size(self.room.unwrap_or_default());
        format!(
            "{trap}Rewrite {files}? Writers wait for about {wait}, {room} on the disk are taken meanwhile, and {} given back.",
            size(self.given_back)
        )
    }

    /// What a rewrite may do to the application's own tables.
    pub fn trap(&self) -> Option<String> {
        let tables = self.rowids_may_change.as_ref().filter(|tables| !tables.is_empty())?;
        let names: Vec<_> = tables.iter().map(|name| text(name)).collect();
        let verb = if self.dry_run { "may get" } else { "may have" };
        Some(format!("rows of {} {verb} other rowids: they have no INTEGER PRIMARY KEY, and SQLite numbers them anew", names.join(", ")))
    }
}

impl Outcome for Compacted {
    fn add(&mut self, other: &Self) {
        self.given_back += other.given_back;
        self.bytes_before += other.bytes_before;
        self.rewritten |= other.rewritten;
        let longest = |one: Option<i64>, other: Option<i64>| one.max(other);
        self.writers_wait_s = longest(self.writers_wait_s, other.writers_wait_s);
        // One file is rewritten after the other.
        self.room = longest(self.room, other.room);
        for table in other.rowids_may_change.iter().flatten() {
            let tables = self.rowids_may_change.get_or_insert_default();
            if !tables.contains(table) {
                tables.push(table.clone());
            }
        }
    }

    fn is_nothing(&self) -> bool {
        self.given_back <= 0 && !self.rewritten
    }

    fn told(&self) -> String {
        let (given, before) = (size(self.given_back.max(0)), size(self.bytes_before));
        let of = format!("{given} of {before}");
        match (self.dry_run, self.writers_wait_s.zip(self.room)) {
            (true, Some((seconds, room))) => {
                let wait = moment::duration(seconds * 1000);
                format!(
                    "dry run: {of} would be given back; writers would wait for about {wait}, and {} on the disk be taken meanwhile",
                    size(room)
                )
            }
            (true, None) => format!("dry run: {of} would be given back, while others write"),
            (false, _) if self.rewritten => format!("gave back {of}; from now on `knocker compact` does so while others write"),
            (false, _) => format!("gave back {of}"),
        }
    }

    fn nothing(&self) -> &'static str {
        "nothing is free; nothing was given back"
    }

    fn more(&self) -> Option<&'static str> {
        None
    }
}
