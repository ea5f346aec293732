//! Messages in, bytes out, the urgent ones first.

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};

use crate::wire::codec::{self, PART_MAX, Parts};
use crate::wire::kinds::Class;
use crate::wire::message::{Items, Message};

/// An emptied queue with room for more messages than this gives its memory back.
const ROOM_KEPT_MAX: usize = 16;

/// Queues messages and writes them out frame by frame.
///
/// Bounded in bytes of memory, as [`Message::held_bytes`] counts them: a million pings are few bytes on the wire. Items
/// are queued as shared references and copied once, into the
/// output. An empty writer holds next to nothing.
#[derive(Clone, Debug)]
pub struct Writer {
    max_bytes: usize,
    queued_bytes: usize,
    held_bytes: usize,
    /// By class.
    lanes: [Lane; Class::ALL.len()],
    /// Whose turn it is, blocks' or transactions', and how many bytes of it are left.
    turn: Class,
    turn_bytes: usize,
}

/// The messages of one class.
#[derive(Clone, Debug, Default)]
struct Lane {
    /// The message under way, with the memory that it holds.
    parts: Option<(Parts, usize)>,
    queue: VecDeque<Message>,
}

/// The queue already holds as much as it may. The message was not queued.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{held_bytes} bytes are held already")]
pub struct QueueFull {
    /// Bytes that are held.
    pub held_bytes: usize,
}

impl Writer {
    /// An empty queue that takes messages until they hold `max_bytes`. The message that reaches the
    /// maximum is still taken, so a queue is never too small for any one message.
    #[must_use]
    pub fn new(max_bytes: usize) -> Self {
        let lanes = Class::ALL.map(|_| Lane::default());
        Self { max_bytes, queued_bytes: 0, held_bytes: 0, lanes, turn: Class::Tx, turn_bytes: 0 }
    }

    /// Queues a message.
    ///
    /// # Errors
    /// When the queue is full. What a link that isn't drained means is for its owner to decide.
    pub fn push(&mut self, message: Message) -> Result<(), QueueFull> {
        if self.held_bytes >= self.max_bytes {
            return Err(QueueFull { held_bytes: self.held_bytes });
        }
        self.held_bytes += message.held_bytes();
        self.queued_bytes += codec::frame_len(&message);
        self.lanes[message.class() as usize].queue.push_back(message);
        Ok(())
    }

    /// Bytes that are queued and not yet written out, framing included.
    #[must_use]
    pub const fn queued_bytes(&self) -> usize {
        self.queued_bytes
    }

    /// Bytes that are queued besides the first block. That one travels beside everything else, so nothing waits for it, and
    /// a queue that is otherwise short is no reason to hold anything back.
    #[must_use]
    pub fn pressing_bytes(&self) -> usize {
        let Lane { parts, queue } = &self.lanes[Class::Block as usize];
        let first = match parts {
            Some((parts, _)) => parts.left(),
            None => queue.front().map_or(0, codec::frame_len),
        };
        self.queued_bytes.saturating_sub(first)
    }

    /// Memory that the queued messages take, bytes. One under way counts until its last part is written.
    #[must_use]
    pub const fn held_bytes(&self) -> usize {
        self.held_bytes
    }

    /// The blocks that are queued, as bytes that are shared with whoever else has them.
    pub fn blocks(&self) -> impl Iterator<Item = &Bytes> {
        let Lane { parts, queue } = &self.lanes[Class::Block as usize];
        let queued = queue.iter().filter_map(|message| match message {
            Message::Items(Items::Item(item)) => Some(item.bytes()),
            _ => None,
        });
        parts.iter().map(|(parts, _)| parts.body()).chain(queued)
    }

    /// Whether nothing is left to write out.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.queued_bytes == 0
    }

    /// Appends frames to `out` until at least `budget` bytes were appended or nothing is left, and
    /// returns how many bytes that was: less than `budget` and one frame ([`PART_MAX`] and its head).
    /// What `out` holds can't be overtaken any more, so a ping queued now waits for at most that.
    pub fn fill(&mut self, out: &mut BytesMut, budget: usize) -> usize {
        let mut filled = 0;
        while filled < budget
            && let Some(class) = self.next_class()
        {
            let before = out.len();
            self.held_bytes -= self.lanes[class as usize].put_frame(out);
            let bytes = out.len() - before;
            filled += bytes;
            self.queued_bytes -= bytes;
            if class == self.turn {
                self.turn_bytes = self.turn_bytes.saturating_sub(bytes);
            }
        }
        filled
    }

    /// Whose frame goes next.
    fn next_class(&mut self) -> Option<Class> {
        let waits = |class: Class| !self.lanes[class as usize].is_empty();
        if waits(Class::Control) {
            return Some(Class::Control);
        }
        match (waits(Class::Block), waits(Class::Tx)) {
            (true, true) => {
                if self.turn_bytes == 0 {
                    self.turn = if self.turn == Class::Tx { Class::Block } else { Class::Tx };
                    self.turn_bytes = PART_MAX;
                }
            }
            // Alone there are no turns; whoever joins goes next.
            (true, false) => (self.turn, self.turn_bytes) = (Class::Block, 0),
            (false, true) => (self.turn, self.turn_bytes) = (Class::Tx, 0),
            // In the way of nothing.
            (false, false) => return waits(Class::Replica).then_some(Class::Replica),
        }
        Some(self.turn)
    }
}

impl Lane {
    fn is_empty(&self) -> bool {
        self.parts.is_none() && self.queue.is_empty()
    }

    /// Appends the next part of the message under way, or the next message or its first part. Returns the memory of the
    /// message that ended with it.
    fn put_frame(&mut self, out: &mut BytesMut) -> usize {
        let mut freed = 0;
        if let Some((mut parts, held)) = self.parts.take().or_else(|| self.next(out, &mut freed)) {
            parts.put_next(out);
            match parts.is_done() {
                true => freed = held,
                false => self.parts = Some((parts, held)),
            }
        }
        if self.queue.is_empty() && self.queue.capacity() > ROOM_KEPT_MAX {
            self.queue = VecDeque::new();
        }
        freed
    }

    /// Appends the next message and says what it held, or returns it if it has to travel in parts.
    fn next(&mut self, out: &mut BytesMut, freed: &mut usize) -> Option<(Parts, usize)> {
        let message = self.queue.pop_front()?;
        let held = message.held_bytes();
        if codec::travels_whole(&message) {
            codec::encode(&message, out);
            *freed = held;
            return None;
        }
        Some((Parts::of(&message), held))
    }
}

#[cfg(test)]
mod tests;
