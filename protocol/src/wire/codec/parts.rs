//! A long message on its way, part by part.

use bytes::{BufMut, Bytes, BytesMut};

use super::{Head, PART_MAX, put_body};
use crate::wire::kinds::Class;
use crate::wire::message::{Items, Message};

/// A message longer than [`PART_MAX`] and how much of it is written. An item's bytes are shared, not
/// copied; a list's are encoded once, when its first part is due.
#[derive(Clone, Debug)]
pub(crate) struct Parts {
    class: Class,
    kind: u8,
    body: Bytes,
    written: usize,
}

impl Parts {
    /// A message of which nothing is written yet.
    pub(crate) fn of(message: &Message) -> Self {
        let body = match message {
            Message::Items(Items::Item(item)) => item.bytes().clone(),
            list => {
                let mut body = BytesMut::new();
                put_body(list, &mut body);
                body.freeze()
            }
        };
        debug_assert!(body.len() > PART_MAX, "short messages travel whole");
        Self { class: message.class(), kind: message.byte(), body, written: 0 }
    }

    /// The whole body.
    pub(crate) const fn body(&self) -> &Bytes {
        &self.body
    }

    /// Bytes of the body that aren't written yet.
    pub(crate) const fn left(&self) -> usize {
        self.body.len() - self.written
    }

    /// Whether all parts are written.
    pub(crate) const fn is_done(&self) -> bool {
        self.written == self.body.len()
    }

    /// Appends the next part.
    pub(crate) fn put_next(&mut self, out: &mut BytesMut) {
        let rest = &self.body[self.written..];
        let data = &rest[..rest.len().min(PART_MAX)];
        let class = self.class;
        let head = if self.written == 0 {
            Head::First { class, kind: self.kind, total: self.body.len() }
        } else {
            Head::Next { class }
        };
        head.put(data.len(), out);
        out.put_slice(data);
        self.written += data.len();
    }
}
