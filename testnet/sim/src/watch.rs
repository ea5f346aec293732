//! Notes about one item: what was said of it, by whom to whom, and what became of that.
//!
//! A world has a watch if somebody asks why an item came late; runs are the same with and without. It is bounded: after
//! [`NOTES_MAX`] notes it keeps no more, and says so.

use serde::{Deserialize, Serialize};
use tidings_protocol::ground::item::{ItemId, Name};
use tidings_protocol::ground::time::Time;
use tidings_protocol::wire::message::{Items, Message, Signal};

/// Most notes: an item that is announced on each of 16,000 links both ways, asked for and sent. A guess; 64 bytes each.
pub const NOTES_MAX: usize = 1 << 17;

/// What a message says of an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Word {
    /// "I have it."
    Announcement,
    /// "Give it to me."
    Request,
    /// The item itself.
    Item,
    /// "I haven't."
    NotFound,
    /// How its copies came.
    Feedback,
}

impl Word {
    /// As sentences have it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Announcement => "announcement",
            Self::Request => "request",
            Self::Item => "item",
            Self::NotFound => "notfound",
            Self::Feedback => "feedback",
        }
    }
}

/// What a message says of an item, if anything.
#[must_use]
pub fn names(message: &Message, id: ItemId) -> Option<Word> {
    let has = |mut names: Box<dyn Iterator<Item = Name> + '_>| {
        names.any(|name| match name {
            Name::Whole(whole) => whole == id,
            Name::Short(short) => short == id.into(),
        })
    };
    match message {
        Message::Items(Items::Announce(names)) => {
            has(Box::new(names.iter())).then_some(Word::Announcement)
        }
        Message::Items(Items::GetData(names)) => {
            has(Box::new(names.iter())).then_some(Word::Request)
        }
        Message::Items(Items::NotFound(names)) => {
            has(Box::new(names.iter())).then_some(Word::NotFound)
        }
        Message::Items(Items::Item(item)) => (item.id() == id).then_some(Word::Item),
        Message::Relay(Signal::Known(ids) | Signal::First(ids)) => {
            ids.iter().any(|short| *short == id.into()).then_some(Word::Feedback)
        }
        _ => None,
    }
}

/// One note.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Note {
    /// When.
    pub at: Time,
    /// In which step of the world since the watch began, from 1.
    pub step: u64,
    /// What.
    pub what: What,
}

/// What happened to the item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// A message left.
    Sent {
        /// Who sent it.
        from: u32,
        /// To whom.
        to: u32,
        /// What it said.
        word: Word,
        /// When its last byte left the sender's line.
        leaves: Time,
        /// When it reaches the receiver's line; [`Time::NEVER`] if it never does.
        arrives: Time,
        /// The fault, by number, that lost it or held it up.
        by: Option<usize>,
    },
    /// Who lies didn't say what an honest node would have.
    Withheld {
        /// Who.
        from: u32,
        /// To whom.
        to: u32,
        /// What.
        word: Word,
    },
    /// A message was handed to a node.
    Came {
        /// Who sent it.
        from: u32,
        /// To whom.
        to: u32,
        /// What it said.
        word: Word,
    },
    /// A message waits at a node that doesn't read the link.
    Held {
        /// Who sent it.
        from: u32,
        /// Who doesn't read.
        to: u32,
        /// What it says.
        word: Word,
    },
    /// A node accepted the item.
    Accepted {
        /// Who.
        node: u32,
        /// From whom, unless its operator submitted it.
        from: Option<u32>,
    },
}

/// The notes about one item.
#[derive(Clone, Debug)]
pub struct Watch {
    item: ItemId,
    step: u64,
    notes: Vec<Note>,
    is_full: bool,
}

impl Watch {
    /// No notes yet.
    #[must_use]
    pub const fn new(item: ItemId) -> Self {
        Self { item, step: 0, notes: Vec::new(), is_full: false }
    }

    /// The item.
    #[must_use]
    pub const fn item(&self) -> ItemId {
        self.item
    }

    /// A step of the world begins.
    pub const fn step(&mut self) {
        self.step += 1;
    }

    /// Steps since the watch began.
    #[must_use]
    pub const fn steps(&self) -> u64 {
        self.step
    }

    /// The notes, in order.
    #[must_use]
    pub fn notes(&self) -> &[Note] {
        &self.notes
    }

    /// Whether some are missing.
    #[must_use]
    pub const fn is_full(&self) -> bool {
        self.is_full
    }

    /// Keeps a note.
    pub fn note(&mut self, at: Time, what: What) {
        if self.notes.len() >= NOTES_MAX {
            self.is_full = true;
            return;
        }
        self.notes.push(Note { at, step: self.step, what });
    }

    /// Keeps a note about a message, if it names the item.
    pub fn note_message(&mut self, at: Time, message: &Message, what: impl FnOnce(Word) -> What) {
        if let Some(word) = names(message, self.item) {
            self.note(at, what(word));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tidings_protocol::ground::item::{Hash256, ItemKind};
    use tidings_protocol::wire::message::Names;

    #[test]
    fn messages_say_what_they_say_of_an_item_and_nothing_of_others() {
        let id = |n: u8| ItemId::tx(Hash256([n; 32]));
        let whole = Names::Whole { kind: ItemKind::Tx, ids: vec![id(1), id(2)].into() };
        let short = Names::Short(vec![id(2).into()].into());
        let cases = [
            (Items::Announce(whole.clone()), Word::Announcement),
            (Items::GetData(short.clone()), Word::Request),
            (Items::NotFound(short), Word::NotFound),
        ];
        for (items, word) in cases {
            let message = Message::Items(items);
            assert_eq!(names(&message, id(2)), Some(word));
            assert_eq!(names(&message, id(3)), None);
        }
        assert_eq!(names(&Message::Items(Items::Announce(whole)), id(1)), Some(Word::Announcement));
    }

    #[test]
    fn a_full_watch_says_so() {
        let mut watch = Watch::new(ItemId::tx(Hash256([1; 32])));
        for node in 0..u32::try_from(NOTES_MAX).unwrap() + 5 {
            watch.note(Time::ZERO, What::Accepted { node, from: None });
        }
        assert!(watch.is_full() && watch.notes().len() == NOTES_MAX);
    }
}
