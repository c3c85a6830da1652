//! Tells a process of Erlang's that a file is written to, on Linux: what asks all the time instead would cost a virtual machine several percent of a core.

use rustler::{Encoder, Env, LocalPid, NifResult, Resource, ResourceArc, Term};

/// A watched file. It ends when its last reference is gone.
pub struct Watch {
    #[cfg(target_os = "linux")]
    shared: std::sync::Arc<linux::Shared>,
}

#[rustler::resource_impl]
impl Resource for Watch {}

mod atoms {
    rustler::atoms! { ok, none, written }
}

/// Watches a file for that process: `{ok, watch}`, or `none` where the system does not tell.
#[cfg(target_os = "linux")]
#[rustler::nif(schedule = "DirtyIo")]
fn watch<'a>(env: Env<'a>, path: &str, pid: LocalPid) -> NifResult<Term<'a>> {
    Ok(match linux::start(path, pid) {
        Some(shared) => (atoms::ok(), ResourceArc::new(Watch { shared })).encode(env),
        None => atoms::none().encode(env),
    })
}

/// Elsewhere nobody tells.
#[cfg(not(target_os = "linux"))]
#[rustler::nif]
fn watch<'a>(env: Env<'a>, _path: &str, _pid: LocalPid) -> NifResult<Term<'a>> {
    Ok(atoms::none().encode(env))
}

/// Asks for one message `written`, at the next write.
#[rustler::nif]
fn arm(watch: ResourceArc<Watch>) -> rustler::Atom {
    #[cfg(target_os = "linux")]
    watch.shared.armed.store(true, std::sync::atomic::Ordering::SeqCst);
    #[cfg(not(target_os = "linux"))]
    let _ = watch;
    atoms::ok()
}

#[cfg(target_os = "linux")]
impl Drop for Watch {
    fn drop(&mut self) {
        self.shared.ended.store(true, std::sync::atomic::Ordering::SeqCst);
    }
}

#[cfg(target_os = "linux")]
mod linux {
    use std::ffi::CString;
    use std::fs::File;
    use std::io::Read;
    use std::os::fd::{AsRawFd, FromRawFd};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    use rustler::{Encoder, LocalPid, OwnedEnv};

    /// How often a thread looks whether anybody wants it still.
    const PATIENCE_MS: i32 = 250;

    pub struct Shared {
        /// Whether the next write is to be told: a busy file would fill a mailbox.
        pub armed: AtomicBool,
        pub ended: AtomicBool,
    }

    pub fn start(path: &str, pid: LocalPid) -> Option<Arc<Shared>> {
        let path = CString::new(path).ok()?;
        // SAFETY: a call without pointers.
        let descriptor = unsafe { libc::inotify_init1(libc::IN_NONBLOCK | libc::IN_CLOEXEC) };
        if descriptor < 0 {
            return None;
        }
        // SAFETY: the descriptor is new, and nobody else's.
        let notices = unsafe { File::from_raw_fd(descriptor) };
        // SAFETY: the path is a C string that lives for longer than the call.
        if unsafe { libc::inotify_add_watch(descriptor, path.as_ptr(), libc::IN_MODIFY) } < 0 {
            return None;
        }
        let shared = Arc::new(Shared { armed: AtomicBool::new(true), ended: AtomicBool::new(false) });
        let theirs = Arc::clone(&shared);
        std::thread::Builder::new().name("knocker-watch".into()).spawn(move || follow(notices, &theirs, pid)).ok()?;
        Some(shared)
    }

    fn follow(mut notices: File, shared: &Shared, pid: LocalPid) {
        let mut buffer = [0; 4096];
        while !shared.ended.load(Ordering::SeqCst) {
            let mut waits = libc::pollfd { fd: notices.as_raw_fd(), events: libc::POLLIN, revents: 0 };
            // SAFETY: one element, which lives for longer than the call.
            if unsafe { libc::poll(&raw mut waits, 1, PATIENCE_MS) } < 1 {
                continue;
            }
            // All that has come is one notice.
            while notices.read(&mut buffer).is_ok_and(|read| read > 0) {}
            if shared.armed.swap(false, Ordering::SeqCst)
                && OwnedEnv::new().send_and_clear(&pid, |env| super::atoms::written().encode(env)).is_err()
            {
                return;
            }
        }
    }
}
