//! What the descriptors of this process stand for.

use std::sync::atomic::{AtomicU32, Ordering};

const DESCRIPTORS: usize = 1 << 16;

/// The folder itself.
pub const FOLDER: u32 = u32::MAX;
/// The file of marks.
pub const MARKS: u32 = u32::MAX - 1;

/// What a file is to SQLite, by its name.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub enum Role {
    /// The database.
    Main = 1,
    /// Its write-ahead log.
    Wal,
    /// The folder, the index of the log, rollback journals, and what is none of SQLite's.
    Other,
}

impl Role {
    /// By SQLite's endings.
    pub fn of(name: &str) -> Self {
        match name {
            name if name.ends_with("-wal") => Self::Wal,
            name if name.ends_with("-shm") || name.ends_with("-journal") => Self::Other,
            name if name.ends_with(".db") => Self::Main,
            _ => Self::Other,
        }
    }
}

struct Slot {
    file: AtomicU32,
    role: AtomicU32,
    /// How many failed syncs of the file this descriptor knows of.
    errors: AtomicU32,
}

static TABLE: [Slot; DESCRIPTORS] =
    [const { Slot { file: AtomicU32::new(0), role: AtomicU32::new(0), errors: AtomicU32::new(0) } }; DESCRIPTORS];

/// A descriptor that is recorded.
#[derive(Clone, Copy)]
pub struct Open {
    /// Its file, [`FOLDER`] or [`MARKS`].
    pub file: u32,
    /// What that is.
    pub role: Role,
}

fn slot(descriptor: i32) -> Option<&'static Slot> {
    TABLE.get(usize::try_from(descriptor).ok()?)
}

/// `None` for what is not recorded.
pub fn get(descriptor: i32) -> Option<Open> {
    let slot = slot(descriptor)?;
    let role = match slot.role.load(Ordering::Relaxed) {
        1 => Role::Main,
        2 => Role::Wal,
        _ => Role::Other,
    };
    match slot.file.load(Ordering::Relaxed) {
        0 => None,
        file => Some(Open { file, role }),
    }
}

/// Notes what was opened.
pub fn set(descriptor: i32, open: Open, errors: u32) {
    if let Some(slot) = slot(descriptor) {
        slot.role.store(open.role as u32, Ordering::Relaxed);
        slot.errors.store(errors, Ordering::Relaxed);
        slot.file.store(open.file, Ordering::Relaxed);
    }
}

/// Forgets it.
pub fn clear(descriptor: i32) {
    if let Some(slot) = slot(descriptor) {
        slot.file.store(0, Ordering::Relaxed);
    }
}

/// Whether the file has failed a sync that this descriptor was not told of; it is now.
pub fn learns_of(descriptor: i32, errors: u32) -> bool {
    slot(descriptor).is_some_and(|slot| slot.errors.swap(errors, Ordering::Relaxed) < errors)
}
