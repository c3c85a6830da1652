//! One pattern and what is known of its files.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::time::{Duration, Instant, SystemTime};

use super::comparison::Look;
#[cfg(target_os = "linux")]
use super::kernel_events::KernelEvents;
use super::pattern::Pattern;

/// The looks at all files cost one in so many parts of the time.
const PART_OF_TIME: u32 = 60;
/// Where nobody tells of what happens.
const SHORTEST_PAUSE: Duration = Duration::from_millis(5);
/// Where the kernel does: for file systems that others write to, of which it hears nothing.
#[cfg(target_os = "linux")]
const PAUSE_BESIDE_EVENTS: Duration = Duration::from_secs(5);

/// The files of a pattern as they were last seen.
pub(super) struct Watched {
    pattern: Pattern,
    /// Whether the kernel is asked at all; tests do without.
    #[cfg(target_os = "linux")]
    listens: bool,
    #[cfg(target_os = "linux")]
    events: Option<KernelEvents>,
    /// The folder that the events are of.
    #[cfg(target_os = "linux")]
    folder: Option<(u64, u64)>,
    seen: BTreeMap<String, Seen>,
    /// Files that events told of since all were looked at: that they look otherwise now is no news.
    told: BTreeSet<String>,
    next_look: Option<Instant>,
}

struct Seen {
    look: Look,
    is_fresh: bool,
}

impl Watched {
    /// Nothing is seen yet.
    pub fn new(pattern: Pattern) -> Self {
        Self {
            pattern,
            #[cfg(target_os = "linux")]
            listens: true,
            #[cfg(target_os = "linux")]
            events: None,
            #[cfg(target_os = "linux")]
            folder: None,
            seen: BTreeMap::new(),
            told: BTreeSet::new(),
            next_look: None,
        }
    }

    /// The paths of the files that appeared or were written to since the last time.
    pub fn changed(&mut self) -> Vec<String> {
        let mut changed = BTreeSet::new();
        self.hear(&mut changed);
        let now = Instant::now();
        if self.next_look.is_none_or(|next| next <= now) {
            self.look(&mut changed);
            self.next_look = Some(Instant::now() + self.pause().max(now.elapsed() * PART_OF_TIME));
        }
        let paths = changed.into_iter().map(|name| self.pattern.path(&name));
        paths.filter(|path| fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_file())).collect()
    }

    /// Looks at all files, and notes which are other than they were.
    fn look(&mut self, changed: &mut BTreeSet<String>) {
        let has_events = self.listen();
        let told = std::mem::take(&mut self.told);
        let mut seen = BTreeMap::new();
        for name in self.pattern.names() {
            let Some(look) = Look::at(&self.pattern.path(&name)) else { continue };
            let earlier = self.seen.get(&name);
            let other = earlier.is_none_or(|earlier| look.written_since(&earlier.look) || earlier.is_fresh);
            let is_fresh = !has_events && look.is_fresh(SystemTime::now());
            if other && !told.contains(&name) {
                changed.insert(name.clone());
            }
            seen.insert(name, Seen { look, is_fresh });
        }
        self.seen = seen;
    }

    #[cfg(not(target_os = "linux"))]
    fn pause(&self) -> Duration {
        SHORTEST_PAUSE
    }

    #[cfg(target_os = "linux")]
    fn pause(&self) -> Duration {
        if self.events.is_some() { PAUSE_BESIDE_EVENTS } else { SHORTEST_PAUSE }
    }

    /// Takes what the kernel has to tell.
    #[cfg(not(target_os = "linux"))]
    fn hear(&mut self, _: &mut BTreeSet<String>) {}

    #[cfg(target_os = "linux")]
    fn hear(&mut self, changed: &mut BTreeSet<String>) {
        let Some(events) = &mut self.events else { return };
        let news = events.read(&self.pattern);
        if news.is_broken {
            // What was lost may have been about any of them.
            self.events = None;
            self.seen.clear();
            self.told.clear();
            self.next_look = None;
            return;
        }
        self.told.extend(news.touched);
        changed.extend(news.changed);
    }

    /// Whether the kernel tells what happens from here on.
    #[cfg(not(target_os = "linux"))]
    fn listen(&mut self) -> bool {
        false
    }

    #[cfg(target_os = "linux")]
    fn listen(&mut self) -> bool {
        // The path may lead to another folder since, as links do that name a release.
        let folder = fs::metadata(self.pattern.folder()).ok().map(|metadata| super::comparison::identity(&metadata));
        if self.events.is_none() || folder != self.folder {
            self.events = folder.filter(|_| self.listens).and_then(|_| KernelEvents::of(&self.pattern).ok());
            self.folder = folder;
            self.told.clear();
        }
        self.events.is_some()
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use rusqlite::Connection;

    use super::*;

    /// By comparison alone, as on systems whose kernel tells nothing.
    fn watched(folder: &Path) -> Watched {
        let mut watched = Watched::new(Pattern::parse(folder.join("*.db").to_str().unwrap()).unwrap());
        #[cfg(target_os = "linux")]
        {
            watched.listens = false;
        }
        watched
    }

    fn open(folder: &Path, name: &str) -> Connection {
        let conn = Connection::open(folder.join(name)).unwrap();
        conn.execute_batch("PRAGMA journal_mode = WAL; CREATE TABLE IF NOT EXISTS notes (text)").unwrap();
        conn
    }

    /// The names of all that is reported until something is, or until everything has been looked at twice after the clock of files moved on.
    fn reported(watched: &mut Watched) -> Vec<String> {
        let settled = Instant::now() + Duration::from_millis(200);
        loop {
            let before = watched.next_look;
            let changed = watched.changed();
            let name = |path: &String| Path::new(path).file_name().unwrap().to_str().unwrap().to_owned();
            if !changed.is_empty() || (before != watched.next_look && Instant::now() > settled) {
                return changed.iter().map(name).collect();
            }
        }
    }

    /// Until nothing is reported any more: what was written a moment ago is reported once more, since it may have been written to since.
    fn settle(watched: &mut Watched) {
        while !reported(watched).is_empty() {}
    }

    #[test]
    fn without_events_what_was_written_is_found_by_comparison() {
        let folder = tempfile::tempdir().unwrap();
        let (acme, zoe) = (open(folder.path(), "acme.db"), open(folder.path(), "zoe.db"));
        let mut watched = watched(folder.path());
        assert_eq!(watched.changed().len(), 2, "the first call gives all");
        settle(&mut watched);
        acme.execute_batch("INSERT INTO notes VALUES ('new')").unwrap();
        assert_eq!(reported(&mut watched), ["acme.db"]);
        settle(&mut watched);
        // The log is written anew from its beginning and keeps its size.
        zoe.query_row("PRAGMA wal_checkpoint(RESTART)", [], |_| Ok(())).unwrap();
        settle(&mut watched);
        zoe.execute_batch("INSERT INTO notes VALUES ('new')").unwrap();
        assert_eq!(reported(&mut watched), ["zoe.db"]);
        settle(&mut watched);
        open(folder.path(), "max.db").execute_batch("INSERT INTO notes VALUES ('new')").unwrap();
        assert_eq!(reported(&mut watched), ["max.db"]);
    }

    #[test]
    fn without_events_a_look_into_a_file_leads_to_no_other() {
        let folder = tempfile::tempdir().unwrap();
        drop(open(folder.path(), "acme.db"));
        let mut watched = watched(folder.path());
        watched.changed();
        settle(&mut watched);
        for _ in 0..3 {
            open(folder.path(), "acme.db").query_row("SELECT count(*) FROM notes", [], |_| Ok(())).unwrap();
            assert_eq!(reported(&mut watched), [""; 0]);
        }
    }

    #[test]
    fn without_events_what_was_written_between_two_looks_is_found_though_the_log_is_gone() {
        let folder = tempfile::tempdir().unwrap();
        drop(open(folder.path(), "acme.db"));
        let mut watched = watched(folder.path());
        watched.changed();
        settle(&mut watched);
        open(folder.path(), "acme.db").execute_batch("INSERT INTO notes VALUES ('new')").unwrap();
        assert_eq!(reported(&mut watched), ["acme.db"]);
    }
}
