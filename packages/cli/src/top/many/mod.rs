//! `knocker top` of many files: a list of them, those in trouble first; each opens as the screen of one file.

mod folder;
mod screen;
#[cfg(test)]
mod tests;
mod view;

use std::path::PathBuf;
use std::sync::mpsc::RecvTimeoutError;
use std::time::{Duration, Instant};

use knocker_core::store::system_now;
use ratatui::crossterm::event::{Event as Input, KeyEventKind};
use serde_json::json;

use super::terminal::{self, Screen};
use super::{GLANCE, PACE, one_file, plain};
use crate::context::Context;
use crate::failure::{Failure, Result};
use crate::many::{self, Done};
use crate::pattern::Pattern;
use crate::stop::Stop;
use folder::{Figures, Folder, sum};
use view::{View, Wish};

/// How long a look takes at most: once a second a tenth of a core goes into reading, whatever the number of files; at first one look follows the other,
/// until each file was read once.
const LOOK: Duration = Duration::from_millis(100);

/// Tells each file and the sum once, as a document.
pub fn document(context: &Context, files: &[PathBuf]) -> Result {
    let done: Done<Figures> = many::each(context, files, |context| Figures::read(&context.db_path()?, context.now))?;
    let (total, minutes) = sum(done.done.iter().map(|(_, figures)| figures), context.now);
    let mut total = serde_json::to_value(total).expect("figures are JSON");
    total["minutes"] = json!(minutes);
    done.document(context, total)?;
    done.end(context)
}

/// Shows the list until somebody leaves it.
pub fn show(context: &Context, pattern: &Pattern) -> Result {
    let mut folder = Folder::default();
    folder.list(pattern.files()?);
    let stop = Stop::on_signals_or(terminal::give_back)?;
    let mut screen = Screen::enter()?;
    let inputs = terminal::inputs();
    let mut view = View { plain: plain(context), ..View::default() };
    let mut looked_at: Option<Instant> = None;
    while !stop.asked() {
        let unread = folder.read() < folder.len();
        if unread || looked_at.is_none_or(|at| at.elapsed() >= PACE) {
            // A folder that is away for a moment keeps what was told of it.
            match pattern.files() {
                Ok(files) => folder.list(files),
                Err(failure) => view.message = failure.message().to_owned(),
            }
            let until = Instant::now() + LOOK;
            folder.look(system_now(), || Instant::now() < until && !stop.asked());
            looked_at = Some(Instant::now());
        }
        view.order(&folder);
        screen.draw(|frame| screen::draw(frame, pattern, &folder, &view, system_now()))?;
        if screen.is_asked_to_stop() {
            screen.suspend()?;
        }
        let wait = if folder.read() < folder.len() { Duration::ZERO } else { GLANCE };
        let wish = match inputs.recv_timeout(wait) {
            Ok(Input::Key(key)) if key.kind != KeyEventKind::Release => view.key(key),
            Ok(_) | Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => break,
        };
        match wish {
            Some(Wish::Quit) => break,
            Some(Wish::Suspend) => screen.suspend()?,
            Some(Wish::Open(file)) => {
                let shown = one_file(&context.of(&file), &mut screen, &inputs, &stop);
                view.message = shown.err().map(|failure: Failure| failure.message().to_owned()).unwrap_or_default();
                looked_at = None;
            }
            None => {}
        }
    }
    Ok(())
}
