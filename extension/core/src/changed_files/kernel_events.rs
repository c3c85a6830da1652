//! What Linux tells of a folder (inotify), read without waiting.
//!
//! Opening and closing a file tell nothing here, or who looks into a file because of it would look for ever: so neither the making and removing
//! of a log count, nor what a checkpoint writes into the file.

use std::collections::{BTreeSet, HashMap};
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::inotify::{self, CreateFlags, ReadFlags, Reader, WatchFlags};
use rustix::io::{Errno, Result};

use super::pattern::Pattern;

/// Of the folder that the pattern names.
const OF_FOLDER: WatchFlags = WatchFlags::CREATE
    .union(WatchFlags::MOVED_TO)
    .union(WatchFlags::MOVED_FROM)
    .union(WatchFlags::DELETE_SELF)
    .union(WatchFlags::MOVE_SELF)
    .union(WatchFlags::ONLYDIR);
/// Of a folder with files.
const OF_FILES: WatchFlags = OF_FOLDER.union(WatchFlags::MODIFY).union(WatchFlags::CLOSE_WRITE).union(WatchFlags::DELETE);
/// Some hundred events.
const BUFFER_BYTES: usize = 32 * 1024;
/// Reads of one call, so that it ends while others write as fast as they can.
const READS_A_CALL: usize = 64;

/// The kernel's events of a pattern.
pub(super) struct KernelEvents {
    queue: OwnedFd,
    buffer: Box<[MaybeUninit<u8>]>,
    /// The folders that are watched, each with the name that its files have; nothing for the pattern's own folder.
    folders: HashMap<i32, Option<String>>,
    /// Files that somebody has begun to write and not closed yet.
    unfinished: BTreeSet<String>,
}

/// What was read.
#[derive(Default)]
pub(super) struct News {
    /// Names of files that appeared or were written to.
    pub changed: BTreeSet<String>,
    /// Names of files that something at all happened to.
    pub touched: BTreeSet<String>,
    /// Events are missing, or the folder is another one: all must be looked at, and the watch be set anew.
    pub is_broken: bool,
}

impl KernelEvents {
    /// Begins to listen. What is in the folders now, the caller finds out afterwards.
    ///
    /// # Errors
    /// Of a folder that is not there, and where the system has no more watches to give.
    pub fn of(pattern: &Pattern) -> Result<Self> {
        let queue = inotify::init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC)?;
        let buffer = vec![MaybeUninit::uninit(); BUFFER_BYTES].into_boxed_slice();
        let mut events = Self { queue, buffer, folders: HashMap::new(), unfinished: BTreeSet::new() };
        let flags = if pattern.file_in_folder().is_some() { OF_FOLDER } else { OF_FILES };
        let watch = inotify::add_watch(&events.queue, pattern.folder(), flags)?;
        events.folders.insert(watch, None);
        if pattern.file_in_folder().is_some() {
            for name in pattern.names() {
                events.watch(&name, &pattern.entry(&name))?;
            }
        }
        Ok(events)
    }

    /// Watches a folder of a name, if it is one.
    fn watch(&mut self, name: &str, folder: &Path) -> Result<()> {
        match inotify::add_watch(&self.queue, folder, OF_FILES) {
            Ok(watch) => {
                self.folders.insert(watch, Some(name.to_owned()));
                Ok(())
            }
            // A file, or gone again, or somebody else's.
            Err(Errno::NOTDIR | Errno::NOENT | Errno::ACCESS | Errno::LOOP) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// What happened since the last time.
    pub fn read(&mut self, pattern: &Pattern) -> News {
        let mut news = News::default();
        let mut folders = Vec::new();
        let mut reader = Reader::new(&self.queue, &mut self.buffer);
        let mut reads = 0;
        loop {
            if reader.is_buffer_empty() {
                if reads == READS_A_CALL {
                    break;
                }
                reads += 1;
            }
            let event = match reader.next() {
                Ok(event) => event,
                Err(Errno::INTR) => continue,
                Err(Errno::AGAIN) => break,
                Err(_) => {
                    news.is_broken = true;
                    break;
                }
            };
            let what = event.events();
            if what.contains(ReadFlags::QUEUE_OVERFLOW) {
                news.is_broken = true;
                continue;
            }
            let Some(folder) = self.folders.get(&event.wd()) else { continue };
            let entry = event.file_name().and_then(|name| name.to_str().ok());
            match (folder, entry) {
                (None, None) => {
                    news.is_broken |=
                        what.intersects(ReadFlags::DELETE_SELF | ReadFlags::MOVE_SELF | ReadFlags::IGNORED | ReadFlags::UNMOUNT)
                }
                (Some(_), None) => {
                    if what.contains(ReadFlags::IGNORED) {
                        self.folders.remove(&event.wd());
                    }
                }
                (None, Some(entry)) if pattern.file_in_folder().is_some() => {
                    if let Some(name) = pattern.name_of(entry) {
                        folders.push((name.to_owned(), what));
                    }
                }
                (None, Some(entry)) => note(&mut news, &mut self.unfinished, entry, what, |file| pattern.name_of(file)),
                (Some(name), Some(entry)) => {
                    let wanted = pattern.file_in_folder();
                    note(&mut news, &mut self.unfinished, entry, what, |file| (Some(file) == wanted).then_some(name.as_str()));
                }
            }
        }
        for (name, what) in folders {
            news.is_broken |= self.note_folder(pattern, &name, what).is_err();
            // What is in it already came before the watch.
            news.changed.insert(name);
        }
        news
    }

    /// A folder that came or went. One that was moved away is watched under the new name, if it has one, and not under its former.
    fn note_folder(&mut self, pattern: &Pattern, name: &str, what: ReadFlags) -> Result<()> {
        if what.contains(ReadFlags::MOVED_FROM) {
            let former: Vec<i32> =
                self.folders.iter().filter(|(_, known)| known.as_deref() == Some(name)).map(|(watch, _)| *watch).collect();
            for watch in former {
                self.folders.remove(&watch);
                // It is gone with its folder, where that was removed since.
                let _ = inotify::remove_watch(&self.queue, watch);
            }
            return Ok(());
        }
        self.watch(name, &pattern.entry(name))
    }
}

/// One event of a folder with files.
fn note<'n>(
    news: &mut News,
    unfinished: &mut BTreeSet<String>,
    entry: &'n str,
    what: ReadFlags,
    name_of: impl Fn(&'n str) -> Option<&'n str>,
) {
    if what.contains(ReadFlags::ISDIR) {
        return;
    }
    let (name, is_news) = if let Some(name) = name_of(entry) {
        let appeared = what.intersects(ReadFlags::CREATE | ReadFlags::MOVED_TO);
        if what.contains(ReadFlags::CREATE) {
            unfinished.insert(name.to_owned());
        }
        // A file that is copied there is whole at last.
        (name, appeared || what.contains(ReadFlags::CLOSE_WRITE) && unfinished.remove(name))
    } else if let Some(name) = entry.strip_suffix("-wal").and_then(&name_of) {
        (name, what.intersects(ReadFlags::MODIFY | ReadFlags::MOVED_TO))
    } else if let Some(name) = entry.strip_suffix("-journal").and_then(&name_of) {
        // Without a log, a transaction is committed when its journal goes.
        (name, what.intersects(ReadFlags::MODIFY | ReadFlags::DELETE))
    } else {
        return;
    };
    news.touched.insert(name.to_owned());
    if is_news {
        news.changed.insert(name.to_owned());
    }
}
