//! The terminal: taken when the screen begins, and given back however it ends.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver};
use std::thread;

use ratatui::DefaultTerminal;
use ratatui::crossterm::cursor::Show;
use ratatui::crossterm::event::{self, Event};
use ratatui::crossterm::execute;

use crate::failure::Result;

/// The terminal while the screen is on it.
pub struct Screen {
    terminal: DefaultTerminal,
    suspended: Arc<AtomicBool>,
}

impl Screen {
    /// Takes the terminal. A panic gives it back before it is told.
    pub fn enter() -> Result<Self> {
        let suspended = Arc::<AtomicBool>::default();
        #[cfg(unix)]
        signal_hook::flag::register(signal_hook::consts::SIGTSTP, suspended.clone())?;
        Ok(Self { terminal: ratatui::try_init()?, suspended })
    }

    /// Draws.
    pub fn draw(&mut self, draw: impl FnOnce(&mut ratatui::Frame)) -> Result {
        self.terminal.draw(draw)?;
        Ok(())
    }

    /// Whether a shell, or somebody by SIGTSTP, wants the process to stop for a while.
    pub fn is_asked_to_stop(&self) -> bool {
        self.suspended.swap(false, Ordering::Relaxed)
    }

    /// Gives the terminal back, stops until the shell continues the process, and takes it again.
    pub fn suspend(&mut self) -> Result {
        ratatui::try_restore()?;
        #[cfg(unix)]
        signal_hook::low_level::emulate_default_handler(signal_hook::consts::SIGTSTP)?;
        // It is blank then, as what is drawn takes it to be. To clear it would ask where the cursor is, and whoever reads the keys has the answer.
        self.terminal = ratatui::try_init()?;
        Ok(())
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        give_back();
    }
}

/// What somebody types, from a thread of its own: waiting for input on a terminal that is gone never ends, and whoever waits for it would never see that
/// somebody wants the command to end.
pub fn inputs() -> Receiver<Event> {
    let (tell, inputs) = mpsc::channel();
    thread::spawn(move || {
        while let Ok(input) = event::read() {
            if tell.send(input).is_err() {
                return;
            }
        }
    });
    inputs
}

/// Leaves the terminal as a shell wants it.
pub fn give_back() {
    // One that is gone needs nothing.
    let _ = ratatui::try_restore();
    let _ = execute!(io::stdout(), Show);
}
