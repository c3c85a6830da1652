//! What somebody looks at, and what a key does. Nothing here reads or writes.

use knocker_core::operate::Action;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::snapshot::{Choice, Event, Snapshot};
use crate::filter::STATUSES;

/// What is on the screen beside the figures.
#[derive(Debug, Clone, Default)]
pub struct View {
    pub choice: Choice,
    /// The event that is chosen, by its id: the list moves.
    pub selected: Option<i64>,
    pub mode: Mode,
    /// The answer to what was done last.
    pub message: String,
    /// No colour, for terminals without and for those who want none.
    pub plain: bool,
}

/// What keys mean.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Mode {
    /// The list.
    #[default]
    List,
    /// A name is being typed.
    Typing(String),
    /// One event, from this line on.
    Looking { event: Event, text: Vec<String>, from: usize },
    /// A question.
    Asking(Action, Event),
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wish {
    Quit,
    /// Stop the process until the shell continues it.
    Suspend,
    /// Read anew.
    Refresh,
    /// Look into this event.
    Look(Event),
    /// Do this with it.
    Operate(Action, i64),
}

impl View {
    /// What the key asks for, where more is to be done than to draw again.
    pub fn key(&mut self, key: KeyEvent, snapshot: &Snapshot) -> Option<Wish> {
        if key.modifiers.contains(KeyModifiers::CONTROL) {
            return match key.code {
                KeyCode::Char('c') => Some(Wish::Quit),
                KeyCode::Char('z') => Some(Wish::Suspend),
                _ => None,
            };
        }
        match std::mem::take(&mut self.mode) {
            Mode::List => self.in_list(key.code, snapshot),
            Mode::Typing(text) => self.while_typing(key.code, text),
            Mode::Looking { event, text, from } => self.while_looking(key.code, event, text, from),
            Mode::Asking(action, event) => match key.code {
                KeyCode::Char('y' | 'Y') => Some(Wish::Operate(action, event.id)),
                _ => {
                    self.message = "nothing was changed".into();
                    None
                }
            },
        }
    }

    /// Where the selected event stands in the list; the first one where it is not in it.
    pub fn position(&self, snapshot: &Snapshot) -> usize {
        snapshot.events.iter().position(|event| Some(event.id) == self.selected).unwrap_or(0)
    }

    /// Shows an event in lines.
    pub fn look(&mut self, event: Event, text: &str) {
        self.mode = Mode::Looking { event, text: text.lines().map(str::to_owned).collect(), from: 0 };
    }

    fn in_list(&mut self, key: KeyCode, snapshot: &Snapshot) -> Option<Wish> {
        self.message.clear();
        match key {
            KeyCode::Char('q') | KeyCode::Esc => return Some(Wish::Quit),
            KeyCode::Up | KeyCode::Char('k') => self.step(snapshot, -1),
            KeyCode::Down | KeyCode::Char('j') => self.step(snapshot, 1),
            KeyCode::PageUp => self.step(snapshot, -10),
            KeyCode::PageDown => self.step(snapshot, 10),
            KeyCode::Home => self.step(snapshot, isize::MIN),
            KeyCode::Enter => return self.event(snapshot).cloned().map(Wish::Look),
            KeyCode::Char('s') => {
                let next = self.choice.status.map_or(0, |status| STATUSES.iter().position(|known| *known == status).map_or(0, |at| at + 1));
                self.choice.status = STATUSES.get(next).copied();
                return Some(Wish::Refresh);
            }
            KeyCode::Char('c') => {
                self.choice = Choice::default();
                return Some(Wish::Refresh);
            }
            KeyCode::Char('/') => self.mode = Mode::Typing(self.choice.name.clone()),
            KeyCode::Char('r') => self.ask(Action::Replay, snapshot),
            KeyCode::Char('i') => self.ask(Action::Ignore, snapshot),
            _ => {}
        }
        None
    }

    fn while_typing(&mut self, key: KeyCode, mut text: String) -> Option<Wish> {
        match key {
            KeyCode::Enter => {
                self.choice.name = text;
                return Some(Wish::Refresh);
            }
            KeyCode::Esc => return None,
            KeyCode::Backspace => drop(text.pop()),
            KeyCode::Char(character) => text.push(character),
            _ => {}
        }
        self.mode = Mode::Typing(text);
        None
    }

    fn while_looking(&mut self, key: KeyCode, event: Event, text: Vec<String>, from: usize) -> Option<Wish> {
        let last = text.len().saturating_sub(1);
        let from = match key {
            KeyCode::Char('q') | KeyCode::Esc | KeyCode::Enter => return None,
            KeyCode::Char('r') => {
                self.mode = Mode::Asking(Action::Replay, event);
                return None;
            }
            KeyCode::Char('i') => {
                self.mode = Mode::Asking(Action::Ignore, event);
                return None;
            }
            KeyCode::Up | KeyCode::Char('k') => from.saturating_sub(1),
            KeyCode::Down | KeyCode::Char('j') => (from + 1).min(last),
            KeyCode::PageUp => from.saturating_sub(10),
            KeyCode::PageDown => (from + 10).min(last),
            _ => from,
        };
        self.mode = Mode::Looking { event, text, from };
        None
    }

    fn event<'s>(&self, snapshot: &'s Snapshot) -> Option<&'s Event> {
        snapshot.events.get(self.position(snapshot))
    }

    fn step(&mut self, snapshot: &Snapshot, by: isize) {
        let last = snapshot.events.len().saturating_sub(1);
        let to = self.position(snapshot).saturating_add_signed(by).min(last);
        self.selected = snapshot.events.get(to).map(|event| event.id);
    }

    fn ask(&mut self, action: Action, snapshot: &Snapshot) {
        if let Some(event) = self.event(snapshot) {
            self.mode = Mode::Asking(action, event.clone());
        }
    }
}
