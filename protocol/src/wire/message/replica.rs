//! What replicas of a fleet's map say to one another. The wire carries it as bytes, which [`crate::replica::message`] reads: only
//! between two who told in their hellos that they have a map, and behind all else.

use std::sync::Arc;

use bytes::{BufMut as _, BytesMut};

use super::{Body, allocated_by};

/// Most bytes of what one replica says to another. Two entries of 64 KiB, and what stands before them: the room that reads them
/// holds its own bound to this one.
pub const SAID_MAX: usize = 2 * 64 * 1024 + 16;

/// What replicas say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Replica {
    /// One message of theirs. Body: as it is.
    Said(Arc<[u8]>),
}

impl Body for Replica {
    fn len(&self) -> usize {
        let Self::Said(bytes) = self;
        bytes.len()
    }

    fn allocated(&self) -> usize {
        let Self::Said(bytes) = self;
        allocated_by(bytes)
    }

    fn put(&self, out: &mut BytesMut) {
        let Self::Said(bytes) = self;
        out.put_slice(bytes);
    }
}
