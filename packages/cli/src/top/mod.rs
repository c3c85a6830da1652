//! `knocker top`.

mod look;
mod many;
mod screen;
mod snapshot;
mod terminal;
#[cfg(test)]
mod tests;
mod view;

use std::io::{self, IsTerminal};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use anstream::ColorChoice;
use knocker_core::operate::{Action, ActionOptions};
use knocker_core::store::system_now;
use ratatui::crossterm::event::{Event as Input, KeyEventKind};

use crate::context::Context;
use crate::failure::{Failure, Result};
use crate::live::{Live, Look};
use crate::stop::Stop;

use snapshot::{Choice, Reader, Snapshot};
use terminal::Screen;
use view::{View, Wish};

/// How long to wait for a key before looking whether anything else has come.
const GLANCE: Duration = Duration::from_millis(250);
/// The shortest time between two reads, and how many times as long as a read it is at least: a hundredth of a core goes into reading, whatever the file.
const PACE: Duration = Duration::from_secs(1);
const REST: u32 = 100;

/// Shows the screen until somebody leaves it; with `--json`, what it would show now.
pub fn run(context: &Context) -> Result {
    let terminal = io::stdin().is_terminal() && io::stdout().is_terminal();
    if let Some(pattern) = context.db_pattern()? {
        return match context.out.json() {
            true => many::document(context, &pattern.files()?),
            false if terminal => many::show(context, &pattern),
            false => Err(no_terminal()),
        };
    }
    let path = context.db_path()?;
    let name = path.display().to_string();
    let mut live = Live::open(&path)?;
    let mut reader = Reader::default();
    if context.out.json() {
        let snapshot = live.read(|store| reader.read(store, &name, &Choice::default(), context.now))?;
        let busy = || Failure::new(crate::failure::Exit::Retry, "the database is locked", "The same command may succeed later.");
        return context.out.document(&snapshot.ok_or_else(busy)?);
    }
    if !terminal {
        return Err(no_terminal());
    }
    // Looked into before the terminal is taken, and again behind it.
    drop(live);
    let stop = Stop::on_signals_or(terminal::give_back)?;
    let mut screen = Screen::enter()?;
    let result = one_file(context, &mut screen, &terminal::inputs(), &stop);
    // The terminal comes back before anything is told on it.
    drop(screen);
    result
}

fn no_terminal() -> Failure {
    Failure::usage("top wants a terminal", "`knocker stats` and `knocker --json top` tell the same once.")
}

/// Shows one file until somebody leaves it.
fn one_file(context: &Context, screen: &mut Screen, inputs: &Receiver<Input>, stop: &Stop) -> Result {
    let path = context.db_path()?;
    let (live, name) = (Live::open(&path)?, path.display().to_string());
    let mut top = Top { context, live, reader: Reader::default(), name, view: View { plain: plain(context), ..View::default() } };
    top.show(screen, inputs, stop)
}

fn plain(context: &Context) -> bool {
    let unwanted = || std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    match context.color {
        ColorChoice::Never => true,
        ColorChoice::Auto => unwanted(),
        _ => false,
    }
}

struct Top<'a> {
    context: &'a Context,
    live: Live,
    reader: Reader,
    name: String,
    view: View,
}

impl Top<'_> {
    fn show(&mut self, screen: &mut Screen, inputs: &Receiver<Input>, stop: &Stop) -> Result {
        let mut snapshot = self.first(stop)?;
        let (mut read_at, mut rest, mut changed) = (Instant::now(), PACE, false);
        // What is on the screen changes with the second, with a key and with what was read.
        let mut shown_s = None;
        while !stop.asked() {
            if shown_s.replace(snapshot.now / 1000) != Some(snapshot.now / 1000) {
                screen.draw(|frame| screen::draw(frame, &snapshot, &self.view))?;
            }
            if screen.is_asked_to_stop() {
                screen.suspend()?;
                shown_s = None;
            }
            let mut wish = None;
            let input = inputs.recv_timeout(GLANCE);
            if input.is_ok() {
                shown_s = None;
            }
            match input {
                Ok(Input::Key(key)) if key.kind != KeyEventKind::Release => wish = self.view.key(key, &snapshot),
                Ok(_) | Err(RecvTimeoutError::Timeout) => {}
                // Nobody can type any more.
                Err(RecvTimeoutError::Disconnected) => break,
            }
            let at_once = matches!(wish, Some(Wish::Refresh | Wish::Operate(..)));
            match wish {
                Some(Wish::Quit) => break,
                Some(Wish::Suspend) => screen.suspend()?,
                Some(Wish::Look(event)) => {
                    let text = self.live.read(|store| look::text(store, event.id, system_now()))?;
                    self.view.look(event, &text.unwrap_or_default());
                }
                Some(Wish::Operate(action, event)) => self.operate(action, event),
                Some(Wish::Refresh) | None => {}
            }
            match self.live.look() {
                Look::Same => {}
                Look::Changed => changed = true,
                Look::Gone => self.view.message = "the file is gone: waiting for another one at its path".into(),
                Look::Replaced => {
                    self.reader.forget();
                    self.view.message = "another file is at the path: this is that one".into();
                    changed = true;
                }
            }
            // Ages grow also where nothing is written, so it is read anew a few times a minute.
            let due = if changed { rest } else { rest * 10 };
            if at_once || read_at.elapsed() >= due {
                let started = Instant::now();
                if let Some(new) = self.read()? {
                    (snapshot, changed, shown_s) = (new, false, None);
                }
                read_at = Instant::now();
                rest = PACE.max(started.elapsed() * REST);
            } else {
                snapshot.now = system_now();
            }
        }
        Ok(())
    }

    fn first(&mut self, stop: &Stop) -> Result<Snapshot> {
        loop {
            self.live.look();
            if let Some(snapshot) = self.read()? {
                return Ok(snapshot);
            }
            if !stop.pause(GLANCE) {
                return Err(Failure::new(crate::failure::Exit::Interrupted, "the database was locked", "Run it again."));
            }
        }
    }

    fn read(&mut self) -> Result<Option<Snapshot>> {
        let (reader, name, choice) = (&mut self.reader, &self.name, &self.view.choice);
        self.live.read(|store| reader.read(store, name, choice, system_now()))
    }

    /// What an operator asked for and confirmed. A connection of its own writes; the one that reads never does.
    fn operate(&mut self, action: Action, event: i64) {
        let operated = self.context.store().and_then(|store| {
            let options = ActionOptions::default();
            Ok(store.operate(action, event, None, &options, system_now())?)
        });
        self.view.message = match operated {
            Ok(operated) => format!("event {event} is now {}", operated.status.name()),
            Err(failure) => failure.message().to_owned(),
        };
    }
}
