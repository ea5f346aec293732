//! Bytes that aren't what was sent.

use std::time::Duration;

use bytes::BytesMut;
use rand::{Rng as _, RngExt as _};

use super::{Act, Deed, Hostile, say};
use crate::chain::Chain;
use crate::ground::time::Time;
use crate::wire::codec;
use crate::wire::error::DecodeError;
use crate::wire::frame::Reader;
use crate::wire::message::{Items, Message};

/// How long a frame that is overtaken is held back at most.
const OVERTAKEN: Duration = Duration::from_secs(1);

impl Hostile {
    /// An item's bytes are changed, in a frame that is sound; the true ones may follow.
    pub(super) fn change_bytes(
        &mut self,
        now: Time,
        message: Message,
        chain: &dyn Chain,
        acts: &mut Vec<Act>,
    ) {
        let Message::Items(Items::Item(item)) = &message else { return acts.push(say(message)) };
        if !self.may_forge(now) {
            return acts.push(say(message));
        }
        let mut bytes = item.bytes().to_vec();
        self.change(&mut bytes);
        let deed = match codec::decode(message.byte(), bytes.into(), chain) {
            Ok(message) => Deed::Say(message),
            Err(error) => Deed::Garble(error),
        };
        acts.push(Act { after: Duration::ZERO, deed });
        if self.rng.random() {
            acts.push(say(message));
        }
    }

    /// A message's frame is lost, doubled, held back or changed. Half of them pass.
    pub(super) fn disturb(
        &mut self,
        now: Time,
        message: &Message,
        chain: &dyn Chain,
        acts: &mut Vec<Act>,
    ) {
        match self.rng.random_range(0..32) {
            0..4 => {}
            4..8 => acts.extend([(); 2].map(|()| say(message.clone()))),
            8..14 => acts.push(Act { after: self.within(OVERTAKEN), ..say(message.clone()) }),
            14..16 if self.may_forge(now) => {
                let mut frame = BytesMut::new();
                codec::encode(message, &mut frame);
                let mut bytes = frame.to_vec();
                self.change(&mut bytes);
                acts.extend(read(&bytes, chain));
            }
            _ => acts.push(say(message.clone())),
        }
    }

    /// Changes some bytes in one place: a bit, at an end or anywhere; some less, or some more; all of them.
    fn change(&mut self, bytes: &mut Vec<u8>) {
        let len = bytes.len();
        let place = self.rng.random_range(0..=len);
        match self.rng.random_range(0..8) {
            0..3 if len > 0 => bytes[place.min(len - 1)] ^= 1 << self.rng.random_range(0..8),
            3 if len > 0 => bytes[0] ^= 1,
            4 if len > 0 => bytes[len - 1] ^= 1,
            5 => bytes.truncate(place),
            6 => bytes.insert(place, self.rng.random()),
            _ => self.rng.fill_bytes(bytes),
        }
    }
}

/// What a peer reads out of some bytes. A frame that doesn't end is garbage: what comes next would be taken for the
/// rest of it.
fn read(mut bytes: &[u8], chain: &dyn Chain) -> Vec<Act> {
    let (mut reader, mut acts) = (Reader::default(), Vec::new());
    let error = loop {
        match reader.read(&mut bytes, chain) {
            Ok(Some(message)) => acts.push(say(message)),
            Ok(None) => {
                break (acts.is_empty() || reader.held_bytes() > 0)
                    .then_some(DecodeError::Truncated);
            }
            Err(error) => break Some(error),
        }
    };
    acts.extend(error.map(|error| Act { after: Duration::ZERO, deed: Deed::Garble(error) }));
    acts
}
