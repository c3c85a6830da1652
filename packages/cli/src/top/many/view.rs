//! Which file somebody looks at, and what a key does. Nothing here reads or writes.

use std::cmp::Reverse;
use std::path::PathBuf;

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::folder::{Figures, Folder, Known};

/// What is on the screen beside the figures.
#[derive(Debug, Default)]
pub struct View {
    /// The files, those that need somebody first; only those whose name has this in it.
    pub order: Vec<PathBuf>,
    pub name: String,
    /// A name that is being typed.
    pub typing: Option<String>,
    /// The file that is chosen: the list moves.
    pub selected: Option<PathBuf>,
    pub message: String,
    pub plain: bool,
}

/// What is to be done.
#[derive(Debug, PartialEq, Eq)]
pub enum Wish {
    Quit,
    /// Stop the process until the shell continues it.
    Suspend,
    /// Show this file alone.
    Open(PathBuf),
}

impl View {
    /// Puts the files in order.
    pub fn order(&mut self, folder: &Folder) {
        let mut files: Vec<(&PathBuf, &Known)> =
            folder.files.iter().filter(|(file, _)| file.to_string_lossy().contains(&self.name)).collect();
        files.sort_by_cached_key(|(file, known)| {
            let need = known.figures.as_ref().map(|Figures { stats, .. }| {
                let events = stats.events;
                (
                    events.dead + events.failed > 0,
                    stats.last_hour.failures,
                    events.dead,
                    events.failed,
                    stats.oldest_waiting_ms,
                    stats.last_hour.receipts,
                )
            });
            (Reverse((known.trouble.is_some(), need)), (*file).clone())
        });
        self.order = files.into_iter().map(|(file, _)| file.clone()).collect();
    }

    /// Where the chosen file stands; the first one where it is not there.
    pub fn position(&self) -> usize {
        self.order.iter().position(|file| Some(file) == self.selected.as_ref()).unwrap_or(0)
    }

    /// What the key asks for.
    pub fn key(&mut self, key: KeyEvent) -> Option<Wish> {
        if key.modifiers.contains(KeyModifiers::CONTROL) {
            return match key.code {
                KeyCode::Char('c') => Some(Wish::Quit),
                KeyCode::Char('z') => Some(Wish::Suspend),
                _ => None,
            };
        }
        if let Some(mut text) = self.typing.take() {
            match key.code {
                KeyCode::Enter => self.name = text,
                KeyCode::Esc => {}
                KeyCode::Backspace => {
                    text.pop();
                    self.typing = Some(text);
                }
                KeyCode::Char(character) => {
                    text.push(character);
                    self.typing = Some(text);
                }
                _ => self.typing = Some(text),
            }
            return None;
        }
        self.message.clear();
        match key.code {
            KeyCode::Char('q') | KeyCode::Esc => return Some(Wish::Quit),
            KeyCode::Enter => return self.order.get(self.position()).cloned().map(Wish::Open),
            KeyCode::Char('/') => self.typing = Some(self.name.clone()),
            KeyCode::Char('c') => self.name.clear(),
            KeyCode::Up | KeyCode::Char('k') => self.step(-1),
            KeyCode::Down | KeyCode::Char('j') => self.step(1),
            KeyCode::PageUp => self.step(-10),
            KeyCode::PageDown => self.step(10),
            KeyCode::Home => self.step(isize::MIN),
            _ => {}
        }
        None
    }

    fn step(&mut self, by: isize) {
        let to = self.position().saturating_add_signed(by).min(self.order.len().saturating_sub(1));
        self.selected = self.order.get(to).cloned();
    }
}
