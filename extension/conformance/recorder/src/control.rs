//! What the processes share: the lock, the numbers of the files, and the errors that a failed sync left on them.

use std::cell::UnsafeCell;
use std::mem::size_of;
use std::ptr;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

const FILES: usize = 512;

/// In memory that every process maps.
#[repr(C)]
pub struct Control {
    ready: AtomicU32,
    files: AtomicU32,
    /// Calls that could have been made to fail so far.
    pub calls: AtomicU64,
    mutex: UnsafeCell<libc::pthread_mutex_t>,
    entries: [Entry; FILES],
}

/// One file that was opened or created.
#[repr(C)]
struct Entry {
    inode: AtomicU64,
    /// Grows with each sync of the file that fails.
    errors: AtomicU32,
}

// SAFETY: the mutex is made for being shared, and everything else is atomic.
unsafe impl Sync for Control {}

/// Held while a call takes effect and is written to the log.
pub struct Turn<'a>(&'a Control);

impl Control {
    /// Maps the control file, and prepares it where this process is the first one.
    pub fn map(file: i32) -> Option<&'static Self> {
        // SAFETY: plain numbers; the lock keeps others out until this has prepared the memory.
        unsafe {
            if libc::syscall(libc::SYS_flock, file, libc::LOCK_EX) != 0
                || libc::syscall(libc::SYS_ftruncate, file, size_of::<Self>() as libc::off_t) != 0
            {
                return None;
            }
            let access = libc::PROT_READ | libc::PROT_WRITE;
            let mapped = libc::syscall(libc::SYS_mmap, ptr::null::<u8>(), size_of::<Self>(), access, libc::MAP_SHARED, file, 0);
            if mapped == -1 {
                return None;
            }
            let control = &*(mapped as *const Self);
            if control.ready.load(Ordering::Acquire) == 0 {
                let mut kind: libc::pthread_mutexattr_t = std::mem::zeroed();
                libc::pthread_mutexattr_init(&mut kind);
                libc::pthread_mutexattr_setpshared(&mut kind, libc::PTHREAD_PROCESS_SHARED);
                // A process that is killed in its turn leaves it to the next one.
                libc::pthread_mutexattr_setrobust(&mut kind, libc::PTHREAD_MUTEX_ROBUST);
                libc::pthread_mutex_init(control.mutex.get(), &kind);
                control.ready.store(1, Ordering::Release);
            }
            libc::syscall(libc::SYS_flock, file, libc::LOCK_UN);
            Some(control)
        }
    }

    /// Waits for this process' turn.
    pub fn turn(&self) -> Turn<'_> {
        // SAFETY: the mutex was prepared before this memory was handed out.
        unsafe {
            if libc::pthread_mutex_lock(self.mutex.get()) == libc::EOWNERDEAD {
                libc::pthread_mutex_consistent(self.mutex.get());
            }
        }
        Turn(self)
    }
}

impl Turn<'_> {
    /// The number of the file with this inode: a new one where it has just been created or was never seen.
    pub fn file(&self, inode: u64, created: bool) -> u32 {
        let count = self.0.files.load(Ordering::Relaxed);
        if !created {
            // The latest, because inodes are used again.
            if let Some(found) = (0..count).rev().find(|index| self.0.entries[*index as usize].inode.load(Ordering::Relaxed) == inode) {
                return found + 1;
            }
        }
        assert!((count as usize) < FILES, "more files than the recorder has room for");
        self.0.entries[count as usize].inode.store(inode, Ordering::Relaxed);
        self.0.files.store(count + 1, Ordering::Relaxed);
        count + 1
    }

    /// How many syncs of the file have failed.
    pub fn errors(&self, file: u32) -> u32 {
        self.0.entries[file as usize - 1].errors.load(Ordering::Relaxed)
    }

    /// Notes that one has failed: each descriptor that is open now will be told once.
    pub fn add_error(&self, file: u32) -> u32 {
        self.0.entries[file as usize - 1].errors.fetch_add(1, Ordering::Relaxed) + 1
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        // SAFETY: this thread holds it.
        unsafe { libc::pthread_mutex_unlock(self.0.mutex.get()) };
    }
}
