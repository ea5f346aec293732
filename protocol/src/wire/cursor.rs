//! The body of a message while it is read, front to back.

use std::mem;
use std::sync::Arc;

use bytes::Bytes;

use crate::chain::Chain;
use crate::ground::item::{Item, ItemKind};
use crate::ground::varint;
use crate::wire::error::DecodeError;

/// A body, and how far it is read. The message is complete only if nothing is left.
pub(crate) struct Cursor<'a> {
    body: Bytes,
    read: usize,
    chain: &'a dyn Chain,
}

impl<'a> Cursor<'a> {
    /// A body of which nothing is read yet. The chain names the items.
    pub(crate) const fn new(body: Bytes, chain: &'a dyn Chain) -> Self {
        Self { body, read: 0, chain }
    }

    /// What isn't read yet.
    pub(crate) fn rest(&self) -> &[u8] {
        &self.body[self.read..]
    }

    /// Takes `N` bytes.
    pub(crate) fn take<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let taken = take(&mut self.rest())?;
        self.read += N;
        Ok(taken)
    }

    /// Takes one byte.
    pub(crate) fn u8(&mut self) -> Result<u8, DecodeError> {
        self.take().map(u8::from_le_bytes)
    }

    /// Takes a number of two bytes.
    pub(crate) fn u16(&mut self) -> Result<u16, DecodeError> {
        self.take().map(u16::from_le_bytes)
    }

    /// Takes a number of four bytes.
    pub(crate) fn u32(&mut self) -> Result<u32, DecodeError> {
        self.take().map(u32::from_le_bytes)
    }

    /// Takes a number of eight bytes.
    pub(crate) fn u64(&mut self) -> Result<u64, DecodeError> {
        self.take().map(u64::from_le_bytes)
    }

    /// Takes `len` bytes.
    pub(crate) fn slice(&mut self, len: usize) -> Result<&[u8], DecodeError> {
        let start = self.read;
        if len > self.rest().len() {
            return Err(DecodeError::Truncated);
        }
        self.read += len;
        Ok(&self.body[start..self.read])
    }

    /// The same, without copying: they share the body.
    pub(crate) fn bytes(&mut self, len: usize) -> Result<Bytes, DecodeError> {
        let start = self.read;
        self.slice(len)?;
        Ok(self.body.slice(start..self.read))
    }

    /// Takes all that is left.
    pub(crate) fn all(&mut self) -> &[u8] {
        let start = mem::replace(&mut self.read, self.body.len());
        &self.body[start..]
    }

    /// Takes as many elements of `N` bytes as there are; what is no whole one stays.
    pub(crate) fn list<const N: usize, T>(&mut self, element: impl Fn([u8; N]) -> T) -> Arc<[T]> {
        self.elements(element)
    }

    /// The same, as whatever collects them.
    pub(crate) fn elements<const N: usize, T, L>(&mut self, element: impl Fn([u8; N]) -> T) -> L
    where
        L: FromIterator<T>,
    {
        let (elements, left) = self.rest().as_chunks();
        let (list, left) = (elements.iter().copied().map(element).collect(), left.len());
        self.read = self.body.len() - left;
        list
    }

    /// Takes a number of one to five bytes.
    pub(crate) fn varint(&mut self) -> Result<u32, DecodeError> {
        let mut rest = self.rest();
        let number = varint::take(&mut rest)?;
        self.read = self.body.len() - rest.len();
        Ok(number)
    }

    /// Takes the whole body as an item. It keeps the bytes themselves: nothing is copied.
    pub(crate) fn item(&mut self, kind: ItemKind) -> Result<Arc<Item>, DecodeError> {
        debug_assert_eq!(self.read, 0, "an item is all of its message");
        self.chain.item(kind, mem::take(&mut self.body)).map_err(DecodeError::BadItem)
    }

    /// The end: nothing may be left over.
    pub(crate) fn finish(&self) -> Result<(), DecodeError> {
        if self.rest().is_empty() { Ok(()) } else { Err(DecodeError::TrailingBytes) }
    }
}

/// Takes `N` bytes off the front.
pub(crate) fn take<const N: usize>(input: &mut &[u8]) -> Result<[u8; N], DecodeError> {
    let (taken, rest) = input.split_first_chunk().ok_or(DecodeError::Truncated)?;
    *input = rest;
    Ok(*taken)
}
