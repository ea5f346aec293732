//! Bytes in, messages out.

mod body;

use crate::chain::Chain;
use crate::wire::codec::{HEAD_MAX, Head, PART_MAX};
use crate::wire::error::{DecodeError, PartFault};
use crate::wire::kinds::{Class, MessageKind};
use crate::wire::message::Message;
use body::Body;

/// Makes messages of a stream of bytes, however they are cut up.
///
/// Holds what has arrived of incomplete messages: at most one per class and one frame, so at most
/// the longest transaction, block, list and message of a replica and [`PART_MAX`] bytes. Memory is taken as bytes arrive
/// (`reader/body.rs`), not as lengths are announced. Between messages it holds none. Items get
/// exactly their own allocation, since they may be kept for days.
#[derive(Clone, Debug, Default)]
pub struct Reader {
    head: [u8; HEAD_MAX],
    head_len: usize,
    frame: Option<Frame>,
    /// Messages that wait for their next part, by class: seldom any.
    parted: [Option<Box<Body>>; Class::ALL.len()],
    /// How many messages have begun.
    begun: u64,
    failed: Option<DecodeError>,
}

/// A frame whose head has been read.
#[derive(Clone, Debug)]
struct Frame {
    /// The message that its data belongs to.
    body: Body,
    /// How much data is still to come, bytes.
    left: usize,
    /// Where the message waits for its next part; `None` if it is whole.
    class: Option<usize>,
}

impl Reader {
    /// Takes bytes off the front of `input` up to the end of a message and returns it; `None` once
    /// the input is used up. Call it until then.
    ///
    /// # Errors
    /// The bytes are no message. The stream can't be trusted from there on: the reader drops what it
    /// holds, and every further call returns the same error.
    pub fn read(
        &mut self,
        input: &mut &[u8],
        chain: &dyn Chain,
    ) -> Result<Option<Message>, DecodeError> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        let result = self.read_frames(input, chain);
        if let Err(error) = result {
            *self = Self { failed: Some(error), ..Self::default() };
        }
        result
    }

    /// Bytes held of incomplete messages.
    #[must_use]
    pub fn held_bytes(&self) -> usize {
        self.bodies().map(Body::held_bytes).sum()
    }

    /// The message that has been incomplete for longest: its number, and how many bytes of it have arrived. Whoever reads
    /// slowly brings some; whoever brings none means to have us wait.
    #[must_use]
    pub fn oldest_unfinished(&self) -> Option<(u64, usize)> {
        let oldest = self.bodies().map(|body| (body.number(), body.arrived())).min();
        oldest.or_else(|| (self.head_len > 0).then_some((self.begun, 0)))
    }

    fn bodies(&self) -> impl Iterator<Item = &Body> {
        let frame = self.frame.as_ref().map(|frame| &frame.body);
        frame.into_iter().chain(self.parted.iter().flatten().map(Box::as_ref))
    }

    /// Frames up to the one that completes a message.
    fn read_frames(
        &mut self,
        input: &mut &[u8],
        chain: &dyn Chain,
    ) -> Result<Option<Message>, DecodeError> {
        loop {
            let mut frame = match self.frame.take() {
                Some(frame) => frame,
                None => match self.read_head(input, chain)? {
                    Some((head, data)) => self.begin(head, data)?,
                    None => return Ok(None),
                },
            };
            frame.left -= frame.body.take(input, frame.left);
            if frame.left > 0 {
                self.frame = Some(frame);
                return Ok(None);
            }
            match frame.class {
                Some(class) if !frame.body.is_complete() => {
                    self.parted[class] = Some(Box::new(frame.body));
                }
                _ => return frame.body.decode(chain).map(Some),
            }
        }
    }

    /// A head, byte by byte, since it may be cut anywhere.
    fn read_head(
        &mut self,
        input: &mut &[u8],
        chain: &dyn Chain,
    ) -> Result<Option<(Head, usize)>, DecodeError> {
        while let Some((&byte, rest)) = input.split_first() {
            *input = rest;
            self.head[self.head_len] = byte;
            self.head_len += 1;
            if let Some(head) = Head::read(&self.head[..self.head_len], chain)? {
                self.head_len = 0;
                return Ok(Some(head));
            }
        }
        Ok(None)
    }

    /// Finds the message that a frame's data belongs to.
    fn begin(&mut self, head: Head, data: usize) -> Result<Frame, DecodeError> {
        let (body, class) = match head {
            Head::Whole { kind } => {
                let class = MessageKind::of_byte(kind).map(MessageKind::class);
                if class.is_some_and(|class| self.parted[class as usize].is_some()) {
                    return Err(DecodeError::BadPart(PartFault::Interrupts));
                }
                (self.body(kind, data), None)
            }
            Head::First { class, kind, total } => {
                if self.parted[class as usize].is_some() {
                    return Err(DecodeError::BadPart(PartFault::Interrupts));
                }
                (self.body(kind, total), Some(class as usize))
            }
            Head::Next { class } => {
                let body = self.parted[class as usize].take();
                let body = *body.ok_or(DecodeError::BadPart(PartFault::Orphan))?;
                if data != PART_MAX.min(body.missing()) {
                    return Err(DecodeError::BadPart(PartFault::Length));
                }
                (body, Some(class as usize))
            }
        };
        Ok(Frame { body, left: data, class })
    }

    /// The next message begins.
    const fn body(&mut self, kind: u8, total: usize) -> Body {
        let number = self.begun;
        self.begun += 1;
        Body::new(number, kind, total)
    }
}

#[cfg(test)]
mod tests;
