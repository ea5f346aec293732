//! Messages received and not dealt with: those that wait, those that the driver has, and those of a class that is held.
//!
//! While a class is held, what comes of it is laid aside, and everything else goes on: there may be too many transactions
//! on a link, and its pings, blocks and announcements are none of them. What is laid aside has a bound of its own, and
//! beyond it nothing is read from the link: all classes come by one stream, and nobody else can stop this peer. An honest one
//! doesn't get there, since it was told what it may send.

use tidings_protocol::wire::kinds::Class;
use tidings_protocol::wire::message::Message;
use tokio::time::Instant;

/// Bytes of memory received and not yet dealt with by the driver at which a connection stops reading; and bytes laid aside of
/// one class, besides the first message. A guess: enough that a driver that is busy for a few milliseconds doesn't stall a
/// fast link.
pub(crate) const INBOX_MAX: usize = 256 << 10;

/// The messages of one connection.
#[derive(Debug, Default)]
pub(super) struct Inbox {
    pub(super) waiting: Messages,
    /// What those hold that the driver has, until it says that it is done with them.
    lent: usize,
    /// Nothing is handed in before, nor read.
    all_until: Option<Instant>,
    /// By class.
    pub(super) aside: [Aside; Class::ALL.len()],
}

/// Messages of a class that is held.
#[derive(Debug, Default)]
pub(super) struct Aside {
    /// Until when, if it is.
    until: Option<Instant>,
    pub(super) messages: Messages,
}

/// Messages, and what they hold.
#[derive(Debug, Default)]
pub(super) struct Messages {
    pub(super) list: Vec<Message>,
    /// What they hold, but for the room in the vector.
    bytes: usize,
}

impl Inbox {
    /// A message arrived.
    pub(super) fn push(&mut self, message: Message) {
        let Self { waiting, aside, .. } = self;
        let aside = &mut aside[message.class() as usize];
        if aside.until.is_some() { aside.messages.push(message) } else { waiting.push(message) }
    }

    /// Whether messages wait for the driver.
    pub(super) fn has_input(&self) -> bool {
        !self.waiting.list.is_empty()
    }

    /// Whether anything may be handed in.
    pub(super) const fn is_open(&self) -> bool {
        self.all_until.is_none()
    }

    /// Whether one of these mustn't be handed in now.
    pub(super) fn must_hold(&self, messages: &[Message]) -> bool {
        let is_held = |message: &Message| self.aside[message.class() as usize].until.is_some();
        let holds_some = self.aside.iter().any(|aside| aside.until.is_some());
        !self.is_open() || holds_some && messages.iter().any(is_held)
    }

    /// Hands nothing in before a moment, or nothing of a class.
    pub(super) fn hold(&mut self, class: Option<Class>, until: Instant) {
        let Some(class) = class else {
            self.all_until = self.all_until.max(Some(until));
            return;
        };
        let Self { waiting, aside, .. } = self;
        let aside = &mut aside[class as usize];
        aside.until = aside.until.max(Some(until));
        for message in waiting.take_class(class) {
            aside.messages.push(message);
        }
    }

    /// When something that is held may go on.
    pub(super) fn next_release(&self) -> Option<Instant> {
        self.all_until.into_iter().chain(self.aside.iter().filter_map(|aside| aside.until)).min()
    }

    /// Lets go on what was held until a moment.
    pub(super) fn release(&mut self, now: Instant) {
        self.all_until.take_if(|until| *until <= now);
        for aside in &mut self.aside {
            if aside.until.take_if(|until| *until <= now).is_some() {
                self.waiting.append(std::mem::take(&mut aside.messages));
            }
        }
    }

    /// What all of it holds.
    pub(super) fn held(&self) -> usize {
        let aside: usize = self.aside.iter().map(|aside| aside.messages.held()).sum();
        self.waiting.held() + self.lent + aside
    }

    /// Whether no more is to be read.
    pub(super) fn is_full(&self) -> bool {
        self.waiting.used() + self.lent >= INBOX_MAX
            || self
                .aside
                .iter()
                .any(|aside| aside.messages.used_by_others_than_the_first() >= INBOX_MAX)
    }

    /// Hands over what waits; `None` if there is nothing, if nothing is to be handed in now, or if the driver still has
    /// what it took before. Leaves an empty vector.
    pub(super) fn lend(&mut self, spare: &mut Vec<Message>) -> Option<Vec<Message>> {
        if !self.is_open() || self.lent > 0 || !self.has_input() {
            return None;
        }
        self.waiting.bytes = 0;
        let messages = std::mem::replace(&mut self.waiting.list, std::mem::take(spare));
        self.keep_lent(&messages);
        Some(messages)
    }

    /// The driver still has these.
    pub(super) fn keep_lent(&mut self, messages: &Vec<Message>) {
        let places = messages.capacity() * size_of::<Message>();
        self.lent = places + messages.iter().map(allocated_by).sum::<usize>();
    }

    /// The driver is done with what it had, but for the rest, which comes before what arrived since.
    pub(super) fn settle(&mut self, rest: Vec<Message>) {
        self.lent = 0;
        if rest.is_empty() {
            return;
        }
        let mut rest = Messages::of(rest);
        for class in Class::ALL {
            let aside = &mut self.aside[class as usize];
            if aside.until.is_some() {
                let mut first = Messages::of(rest.take_class(class));
                first.append(std::mem::take(&mut aside.messages));
                aside.messages = first;
            }
        }
        rest.append(std::mem::take(&mut self.waiting));
        self.waiting = rest;
    }
}

impl Messages {
    fn of(list: Vec<Message>) -> Self {
        let bytes = list.iter().map(allocated_by).sum();
        Self { list, bytes }
    }

    fn push(&mut self, message: Message) {
        self.bytes += allocated_by(&message);
        self.list.push(message);
    }

    fn append(&mut self, mut more: Self) {
        if self.list.is_empty() {
            *self = more;
        } else {
            self.bytes += more.bytes;
            self.list.append(&mut more.list);
        }
    }

    /// Takes out those of a class.
    fn take_class(&mut self, class: Class) -> Vec<Message> {
        let taken: Vec<_> = self.list.extract_if(.., |message| message.class() == class).collect();
        self.bytes -= taken.iter().map(allocated_by).sum::<usize>();
        taken
    }

    /// What they hold.
    const fn held(&self) -> usize {
        self.list.capacity() * size_of::<Message>() + self.bytes
    }

    /// The same without the room that isn't used.
    const fn used(&self) -> usize {
        self.list.len() * size_of::<Message>() + self.bytes
    }

    fn used_by_others_than_the_first(&self) -> usize {
        self.used() - self.list.first().map_or(0, Message::held_bytes)
    }
}

/// What a message holds besides its place in a vector.
fn allocated_by(message: &Message) -> usize {
    message.held_bytes() - size_of::<Message>()
}
