//! What each key does: it changes what is looked at, or wants something of the node.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::view::{Cursor, Mode, Pane, Question, Sort, Story, View, short_peer};

/// Longest filter, letters. A guess: longer ones fit no pane.
const FILTER_MAX: usize = 64;

/// What is wanted of the world.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Wish {
    /// To end.
    Quit,
    /// The story of an item, by its id.
    ItemStory(String),
    /// The dealings with a peer, by its link.
    PeerStory(String),
    /// To keep a peer out, by its id.
    Ban(String),
    /// To close a link, by its handle.
    Disconnect(String),
}

/// What the keys are, for the help.
pub(super) const HELP: &[(&str, &str)] = &[
    ("Tab, Shift-Tab, 1 to 5", "go to another pane"),
    ("Up, Down, PgUp, PgDn, Home, End", "go through the rows of the pane (j and k, too)"),
    ("Enter", "the story of the item, or the dealings with the peer"),
    ("Left, Right or s", "sort peers by something else; S turns the order around"),
    ("/", "show only rows that contain something; Esc takes that back"),
    ("b", "ban the peer for a day, after a question"),
    ("d", "disconnect the peer, after a question; it may come again"),
    ("z", "show the pane alone, or all again"),
    ("p or Space", "stop to look closer, and go on"),
    ("?", "this help"),
    ("q or Ctrl-C", "end"),
];

impl View {
    /// Does what a key is for.
    pub(super) fn press(&mut self, key: KeyEvent) -> Option<Wish> {
        let with_control = key.modifiers.contains(KeyModifiers::CONTROL);
        if with_control && matches!(key.code, KeyCode::Char('c' | 'C')) {
            return Some(Wish::Quit);
        }
        if with_control || key.modifiers.contains(KeyModifiers::ALT) {
            return None;
        }
        self.said = None;
        match &mut self.mode {
            Mode::Usual => return self.press_usual(key.code),
            Mode::Filtering => self.press_filter(key.code),
            Mode::Asking(question) => {
                let question = question.clone();
                self.mode = Mode::Usual;
                if let KeyCode::Char('y' | 'Y') = key.code {
                    return Some(match question {
                        Question::Ban(peer) => Wish::Ban(peer),
                        Question::Disconnect { link, .. } => Wish::Disconnect(link),
                    });
                }
                self.said = Some("nothing was done".to_owned());
            }
            Mode::Help => match key.code {
                KeyCode::Char('q') => return Some(Wish::Quit),
                _ => self.mode = Mode::Usual,
            },
            Mode::Reading(story) => match key.code {
                KeyCode::Esc | KeyCode::Enter | KeyCode::Char('q') => self.mode = Mode::Usual,
                code => {
                    let last = story.lines.len().saturating_sub(self.page.max(1));
                    story.at = moved(story.at, code, self.page, last).unwrap_or(story.at);
                }
            },
        }
        None
    }

    fn press_usual(&mut self, code: KeyCode) -> Option<Wish> {
        let at = Pane::ALL.iter().position(|pane| *pane == self.focus).unwrap_or_default();
        let count = Pane::ALL.len();
        match code {
            KeyCode::Char('q') => return Some(Wish::Quit),
            KeyCode::Tab => self.focus = Pane::ALL[(at + 1) % count],
            KeyCode::BackTab => self.focus = Pane::ALL[(at + count - 1) % count],
            KeyCode::Char(digit @ '1'..='5') => {
                let number = digit.to_digit(10).map_or(0, |digit| digit as usize);
                self.focus = Pane::ALL[number - 1];
            }
            KeyCode::Char('s') | KeyCode::Right => self.sort_by(1),
            KeyCode::Left => self.sort_by(Sort::ALL.len() - 1),
            KeyCode::Char('S') => self.reversed = !self.reversed,
            KeyCode::Char('/') => self.mode = Mode::Filtering,
            KeyCode::Esc => drop(self.filters.remove(&self.focus)),
            KeyCode::Char('z') => self.zoomed = !self.zoomed,
            KeyCode::Char('p' | ' ') => self.paused = !self.paused,
            KeyCode::Char('?' | 'h') | KeyCode::F(1) => self.mode = Mode::Help,
            KeyCode::Char('b') => self.ask(|_, peer| Question::Ban(peer)),
            KeyCode::Char('d') => self.ask(|link, peer| Question::Disconnect { link, peer }),
            KeyCode::Enter => return self.read(),
            code => self.go(code),
        }
        None
    }

    fn press_filter(&mut self, code: KeyCode) {
        let filter = self.filters.entry(self.focus).or_default();
        match code {
            KeyCode::Char(letter) if filter.chars().count() < FILTER_MAX => filter.push(letter),
            KeyCode::Backspace => drop(filter.pop()),
            KeyCode::Enter => self.mode = Mode::Usual,
            KeyCode::Esc => {
                filter.clear();
                self.mode = Mode::Usual;
            }
            _ => {}
        }
        self.filters.retain(|_, filter| !filter.is_empty());
    }

    /// Sorts by what comes so many places later.
    fn sort_by(&mut self, places: usize) {
        let at = Sort::ALL.iter().position(|sort| *sort == self.sort).unwrap_or_default();
        self.sort = Sort::ALL[(at + places) % Sort::ALL.len()];
        self.focus = Pane::Peers;
    }

    /// Asks about the peer that is looked at, before anything is done to it.
    fn ask(&mut self, question: impl FnOnce(String, String) -> Question) {
        let link = self.chosen_key(Pane::Peers).filter(|_| self.focus == Pane::Peers);
        let found = link.and_then(|link| {
            let peer = self.peer(&link)?.peer_id.clone();
            Some((link, peer))
        });
        match found {
            Some((link, peer)) => self.mode = Mode::Asking(question(link, peer)),
            None => self.said = Some("go to a peer first: Tab, then the arrows".to_owned()),
        }
    }

    /// Begins to read the story of what is looked at.
    fn read(&mut self) -> Option<Wish> {
        let of = self.chosen_key(self.focus)?;
        let wish = match self.focus {
            Pane::Peers => Wish::PeerStory(of.clone()),
            Pane::Pool | Pane::Items => Wish::ItemStory(of.clone()),
            Pane::Flows | Pane::Log => {
                self.said = Some("items and peers have stories: go to one first".to_owned());
                return None;
            }
        };
        self.mode = Mode::Reading(Story { of, lines: Vec::new(), at: 0 });
        Some(wish)
    }

    /// Goes through the rows of the pane in focus. At the first one it stays with whatever comes there.
    fn go(&mut self, code: KeyCode) {
        let rows = self.rows(self.focus);
        let Some(at) = self.chosen(self.focus, &rows) else { return };
        let Some(at) = moved(at, code, self.page, rows.len() - 1) else { return };
        let key = (at > 0).then(|| rows[at].key.clone());
        self.cursors.insert(self.focus, Cursor { key, at });
    }
}

impl Question {
    /// As it is asked.
    pub(super) fn words(&self) -> String {
        match self {
            Self::Ban(peer) => format!("ban {} for a day? (y/n)", short_peer(peer)),
            Self::Disconnect { link, peer } => {
                format!("close link {link} with {}? (y/n)", short_peer(peer))
            }
        }
    }
}

/// Where a key leads to from a row or a line; nothing if it is another key.
fn moved(at: usize, code: KeyCode, page: usize, last: usize) -> Option<usize> {
    let page = page.max(1);
    Some(match code {
        KeyCode::Up | KeyCode::Char('k') => at.saturating_sub(1),
        KeyCode::Down | KeyCode::Char('j') => (at + 1).min(last),
        KeyCode::PageUp => at.saturating_sub(page),
        KeyCode::PageDown => (at + page).min(last),
        KeyCode::Home | KeyCode::Char('g') => 0,
        KeyCode::End | KeyCode::Char('G') => last,
        _ => return None,
    })
}
