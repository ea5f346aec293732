//! What the strategies at both ends of a link say to one another, besides announcing, asking and sending.

use std::sync::Arc;

use bytes::{BufMut, BytesMut};

use super::{Body, allocated_by};
use crate::ground::item::{SHORT_ID_LEN, ShortId};

/// Most ids in one [`Signal::Known`] or [`Signal::First`]. A guess: as many as arrive in one batch.
pub const KNOWN_MAX: usize = 1_000;

/// Most bytes of so many ids.
pub(in crate::wire) const KNOWN_BODY_MAX: usize = KNOWN_MAX * SHORT_ID_LEN;

/// What one strategy says to another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Signal {
    /// Don't send me whole items unasked any more, announce them (Plumtree's and gossipsub's PRUNE). Body: none.
    Prune,
    /// Send me whole items again, or more of them (gossipsub's GRAFT, DOG's `ResetRoute`, the first half of Plumtree's
    /// GRAFT; the items are asked for by getdata). Body: none.
    Graft,
    /// Tell me what is new since you last told me: pull. Body: none.
    Poll,
    /// I had these already when you sent them, at most [`KNOWN_MAX`]: feedback (DOG's `HaveTx`), or needn't be sent them
    /// (gossipsub's IDONTWANT). Body: short ids.
    Known(Arc<[ShortId]>),
    /// You announced these before anybody sent them to me, and yet I had them from somebody else, at most
    /// [`KNOWN_MAX`]: feedback. Body: short ids.
    First(Arc<[ShortId]>),
}

impl Signal {
    fn ids(&self) -> &[ShortId] {
        match self {
            Self::Prune | Self::Graft | Self::Poll => &[],
            Self::Known(ids) | Self::First(ids) => ids,
        }
    }
}

impl Body for Signal {
    fn len(&self) -> usize {
        self.ids().len() * SHORT_ID_LEN
    }

    fn allocated(&self) -> usize {
        match self {
            Self::Prune | Self::Graft | Self::Poll => 0,
            Self::Known(ids) | Self::First(ids) => allocated_by(ids),
        }
    }

    fn put(&self, out: &mut BytesMut) {
        self.ids().iter().for_each(|id| out.put_slice(&id.0));
    }
}
