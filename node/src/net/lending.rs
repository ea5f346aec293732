//! What the driver is lent of a link and gives back, and what it has held up.

use tidings_protocol::ground::link::Link;
use tidings_protocol::wire::kinds::Class;
use tidings_protocol::wire::message::Message;
use tokio::time::Instant;

use super::{Net, NetEvent, SPARE_MAX};

impl Net {
    /// Hands nothing more in from a link before a moment, nor reads it; or nothing of a class.
    pub fn throttle(&mut self, link: Link, class: Option<Class>, until: Instant) {
        let Some(pipe) = self.links.get(link) else { return };
        self.counters.throttled += 1;
        pipe.state().hold(class, until);
    }

    /// Takes back messages of a [`NetEvent::Received`] that a throttling came in between. Those that it is about are handed
    /// in again when it is over, the others at once.
    pub fn hold(&self, link: Link, messages: Vec<Message>) {
        self.settle(link, messages);
    }

    /// Takes back messages of a [`NetEvent::Received`] that there was no time for: they are the next event,
    /// unless there are none.
    pub fn give_back(&mut self, link: Link, messages: Vec<Message>) {
        if messages.is_empty() {
            return self.recycle(link, messages);
        }
        if let Some(pipe) = self.links.get(link) {
            pipe.state().keep_lent(&messages);
        }
        self.events.push_front(NetEvent::Received { link, messages });
    }

    /// Takes back an emptied vector of messages.
    pub fn recycle(&mut self, link: Link, mut messages: Vec<Message>) {
        let is_used = messages.len() >= messages.capacity() / 4;
        messages.clear();
        if is_used || messages.capacity() <= SPARE_MAX {
            self.spare = messages;
        }
        self.settle(link, Vec::new());
    }

    /// The driver is done with what it had of a link, but for the rest.
    fn settle(&self, link: Link, rest: Vec<Message>) {
        let Some(pipe) = self.links.get(link) else { return };
        let mut state = pipe.state();
        state.settle(rest);
        // What came meanwhile waited for that; while it is throttled, it waits for the end of that.
        if state.is_open() && (state.has_input() || state.closed) {
            pipe.list(&mut state);
        }
    }

    /// Whether a link is throttled, all of it.
    #[must_use]
    pub fn is_throttled(&self, link: Link) -> bool {
        self.links.get(link).is_some_and(|pipe| !pipe.state().is_open())
    }

    /// Whether one of these messages mustn't be handed in now: then all of them are to be [held](Self::hold).
    #[must_use]
    pub fn must_hold(&self, link: Link, messages: &[Message]) -> bool {
        self.links.get(link).is_some_and(|pipe| pipe.state().must_hold(messages))
    }
}
