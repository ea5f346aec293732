//! Bytes of what the machines beside the node say and keep: one encoding each, and every length bounded before it is read.
//!
//! Numbers are little-endian in their whole width, but for counts and lengths, which are [varints](crate::ground::varint).
//! What has an order is written in it, without repetitions, and read only so: what is equal has equal bytes, and so an
//! equal hash.

use bytes::Bytes;

use crate::ground::varint::{self, VarintError};
use crate::wire::error::DecodeError;

/// Why bytes are nothing that is said or kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// They end too early.
    #[error("it ends too early")]
    Truncated,
    /// Others follow the end.
    #[error("bytes follow its end")]
    Trailing,
    /// A count or length isn't in its shortest form.
    #[error("a number is not in its shortest form")]
    Varint,
    /// A version of the format that isn't known here.
    #[error("its version is {0}")]
    Version(u8),
    /// A tag that means nothing, or a value that can't be.
    #[error("its {0} means nothing")]
    Meaningless(&'static str),
    /// More, or longer, than allowed; or empty where that isn't allowed.
    #[error("its {0} has a length that isn't allowed")]
    Length(&'static str),
    /// What is compared of two maps isn't told as it should be.
    #[error("it compares nothing: {0}")]
    Comparison(#[from] DecodeError),
    /// Not in the order that they are written in, or one twice.
    #[error("its {0} are not in order")]
    Order(&'static str),
}

impl From<VarintError> for Malformed {
    fn from(error: VarintError) -> Self {
        match error {
            VarintError::Truncated => Self::Truncated,
            VarintError::Malformed => Self::Varint,
        }
    }
}

/// What has an encoding.
pub(crate) trait Encode: Sized {
    /// Appends it.
    fn put(&self, out: &mut Vec<u8>);

    /// Takes it off the front.
    ///
    /// # Errors
    /// Everything that its documentation doesn't allow.
    fn take(input: &mut Reader<'_>) -> Result<Self, Malformed>;

    /// How many bytes it takes.
    fn encoded_len(&self) -> usize {
        self.encoded().len()
    }

    /// All its bytes.
    fn encoded(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(64);
        self.put(&mut out);
        out
    }
}

/// Bytes while they are read, front to back.
#[derive(Debug)]
pub(crate) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn u64(&mut self) -> Result<u64, Malformed> {
        self.array().map(u64::from_le_bytes)
    }

    /// Takes all that is left.
    pub(crate) fn all(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.0)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let (taken, rest) = self.0.split_first_chunk().ok_or(Malformed::Truncated)?;
        self.0 = rest;
        Ok(*taken)
    }

    pub(crate) fn u8(&mut self) -> Result<u8, Malformed> {
        self.array().map(u8::from_le_bytes)
    }

    pub(crate) fn u32(&mut self) -> Result<u32, Malformed> {
        self.array().map(u32::from_le_bytes)
    }

    /// A count or length of at most `max`.
    pub(crate) fn count(&mut self, what: &'static str, max: usize) -> Result<usize, Malformed> {
        let count = varint::take(&mut self.0)? as usize;
        if count > max { Err(Malformed::Length(what)) } else { Ok(count) }
    }

    /// A length of at most `max`, and so many bytes, to be read by themselves.
    pub(crate) fn section(&mut self, what: &'static str, max: usize) -> Result<Self, Malformed> {
        let len = self.count(what, max)?;
        let (taken, rest) = self.0.split_at_checked(len).ok_or(Malformed::Truncated)?;
        self.0 = rest;
        Ok(Self(taken))
    }

    /// Text of at most `max` bytes.
    pub(crate) fn text(&mut self, what: &'static str, max: usize) -> Result<&'a str, Malformed> {
        let bytes = self.section(what, max)?.0;
        std::str::from_utf8(bytes).map_err(|_| Malformed::Meaningless(what))
    }

    /// Bytes of at most `max`, copied: what is kept holds no message.
    pub(crate) fn string(&mut self, what: &'static str, max: usize) -> Result<Bytes, Malformed> {
        Ok(Bytes::copy_from_slice(self.section(what, max)?.0))
    }

    /// A list of at most `max` elements, each above the one before it by `key`.
    pub(crate) fn list<T, K: Ord>(
        &mut self,
        what: &'static str,
        max: usize,
        mut element: impl FnMut(&mut Self) -> Result<T, Malformed>,
        key: impl Fn(&T) -> K,
    ) -> Result<Vec<T>, Malformed> {
        let count = self.count(what, max)?;
        // What is announced needn't be there: room is made for what came.
        let mut list: Vec<T> = Vec::with_capacity(count.min(self.0.len()));
        for _ in 0..count {
            let next = element(self)?;
            if list.last().is_some_and(|last| key(last) >= key(&next)) {
                return Err(Malformed::Order(what));
            }
            list.push(next);
        }
        Ok(list)
    }

    /// The end: nothing may be left over.
    pub(crate) const fn finish(&self) -> Result<(), Malformed> {
        if self.0.is_empty() { Ok(()) } else { Err(Malformed::Trailing) }
    }
}

/// Appends a count or length. All are bounded far below four billion.
pub(crate) fn put_count(count: usize, out: &mut Vec<u8>) {
    varint::put(u32::try_from(count).unwrap_or(u32::MAX), out);
}

/// Appends bytes and their length.
pub(crate) fn put_string(bytes: &[u8], out: &mut Vec<u8>) {
    put_count(bytes.len(), out);
    out.extend_from_slice(bytes);
}

/// Appends text and its length.
pub(crate) fn put_text(text: &str, out: &mut Vec<u8>) {
    put_string(text.as_bytes(), out);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_out_of_order_or_beyond_its_bound_is_refused() {
        let read = |bytes: &[u8]| Reader::new(bytes).list("bytes", 3, Reader::u8, |byte| *byte);
        assert_eq!(read(&[3, 1, 5, 9]), Ok(vec![1, 5, 9]));
        assert_eq!(read(&[2, 5, 5]), Err(Malformed::Order("bytes")));
        assert_eq!(read(&[2, 5, 1]), Err(Malformed::Order("bytes")));
        assert_eq!(read(&[4, 1, 2, 3, 4]), Err(Malformed::Length("bytes")));
        assert_eq!(read(&[3, 1]), Err(Malformed::Truncated));
        assert_eq!(read(&[0x81, 0x00]), Err(Malformed::Varint));
    }

    #[test]
    fn a_section_is_bounded_before_it_is_read() {
        assert_eq!(Reader::new(&[5, 1]).section("x", 4).err(), Some(Malformed::Length("x")));
        assert_eq!(Reader::new(&[3, 1]).section("x", 4).err(), Some(Malformed::Truncated));
        assert_eq!(Reader::new(&[1, 0xff]).text("x", 4), Err(Malformed::Meaningless("x")));
    }
}
