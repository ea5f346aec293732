//! What lets two peers find out what one of them missed.

use bytes::{BufMut, BytesMut};

use super::Body;
use crate::wire::cursor::Cursor;
use crate::wire::digest::{Digest, FILTER_MAX};
use crate::wire::error::{DecodeError, Field};

/// Bytes of a digest before its filter.
const DIGEST_HEAD: usize = 1 + 4 + 8;

/// Most bytes of a digest.
pub(in crate::wire) const DIGEST_MAX: usize = DIGEST_HEAD + FILTER_MAX;

/// How peers compare what they have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reconcile {
    /// I accepted these lately: announce what you have besides, and ask if you have less.
    ///
    /// Body: is answer (0, 1), count u32, salt u64, filter, of at most [`FILTER_MAX`] bytes. Boxed, since it
    /// would be the largest message, and is rare.
    Digest(Box<Digest>),
}

impl Body for Reconcile {
    fn len(&self) -> usize {
        let Self::Digest(digest) = self;
        DIGEST_HEAD + digest.filter.len()
    }

    fn put(&self, out: &mut BytesMut) {
        let Self::Digest(digest) = self;
        out.put_u8(u8::from(digest.is_answer));
        out.put_u32_le(digest.count);
        out.put_u64_le(digest.salt);
        out.put_slice(&digest.filter);
    }
}

/// Reads a digest.
pub(in crate::wire) fn read_digest(body: &mut Cursor<'_>) -> Result<Reconcile, DecodeError> {
    let is_answer = match body.u8()? {
        0 => false,
        1 => true,
        _ => return Err(DecodeError::BadValue(Field::IsAnswer)),
    };
    let (count, salt) = (body.u32()?, body.u64()?);
    let filter = body.all().into();
    Ok(Reconcile::Digest(Box::new(Digest { is_answer, count, salt, filter })))
}
