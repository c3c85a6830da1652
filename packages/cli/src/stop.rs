//! Being asked to end: by Ctrl-C, by a supervisor, or by a reader of the output that has gone.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use crate::failure::{Exit, Failure, Result};

/// The longest sleep between two looks at the flag.
const GLANCE: Duration = Duration::from_millis(100);

/// Whether somebody asked the command to end. Clones share the answer.
#[derive(Clone)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    /// Listens for SIGINT, SIGTERM and SIGHUP. A second one ends the process at once.
    pub fn on_signals() -> Result<Self> {
        Self::on_signals_or(|| {})
    }

    /// The same with what is done before the process ends at once.
    pub fn on_signals_or(at_once: impl Fn() + Send + 'static) -> Result<Self> {
        let stop = Self(Arc::default());
        let flag = stop.0.clone();
        let handler = move || {
            if flag.swap(true, Ordering::Relaxed) {
                at_once();
                std::process::exit(Exit::Interrupted as i32);
            }
        };
        ctrlc::set_handler(handler).map_err(|error| {
            Failure::new(Exit::Failed, format!("signals cannot be listened for: {error}"), "Run it in an ordinary process.")
        })?;
        Ok(stop)
    }

    /// Whether it was asked.
    pub fn asked(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// Does the work in a thread of its own; none where it is asked before the work is done, which is then left to itself.
    pub fn unless_asked<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
        let (tell, done) = mpsc::channel();
        std::thread::spawn(move || tell.send(work()));
        loop {
            match done.recv_timeout(GLANCE) {
                Ok(result) => return Some(result),
                Err(RecvTimeoutError::Timeout) if !self.asked() => {}
                Err(_) => return None,
            }
        }
    }

    /// Waits this long, or until it is asked; whether to go on.
    pub fn pause(&self, length: Duration) -> bool {
        let mut left = length;
        while !self.asked() && !left.is_zero() {
            let nap = left.min(GLANCE);
            std::thread::sleep(nap);
            left -= nap;
        }
        !self.asked()
    }
}

/// Whether whoever read standard output has closed it. A command that has nothing to write would not notice.
pub fn reader_gone() -> bool {
    #[cfg(unix)]
    {
        use rustix::event::{PollFd, PollFlags, poll};
        let stdout = std::io::stdout();
        let mut watched = [PollFd::new(&stdout, PollFlags::empty())];
        let now = rustix::event::Timespec { tv_sec: 0, tv_nsec: 0 };
        poll(&mut watched, Some(&now)).is_ok() && watched[0].revents().intersects(PollFlags::ERR | PollFlags::NVAL)
    }
    #[cfg(not(unix))]
    false
}
