//! Numbers, addresses, ids and items as bytes: what inputs are made of. Byte by byte in `node/CAPTURE.md`.
//!
//! Whoever reads has bytes that anybody may have written: each length is compared with what is left before anything is
//! taken, and whatever fits nothing is [`Malformed`].

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::{BufMut as _, Bytes, BytesMut};
use tidings_protocol::chain::Chain;
use tidings_protocol::ground::item::{HASH_LEN, Hash256, Item, ItemId, ItemKind};
use tidings_protocol::ground::link::Link;
use tidings_protocol::ground::peer::{PeerAddr, Transport};

/// Bytes that a capture of this version doesn't have there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} means nothing")]
pub struct Malformed(pub &'static str);

/// Appends a number: seven bits a byte, the least first (LEB128).
pub(super) fn put_number(mut number: u64, out: &mut BytesMut) {
    while number >= 0x80 {
        out.put_u8(number.to_le_bytes()[0] | 0x80);
        number >>= 7;
    }
    out.put_u8(number.to_le_bytes()[0]);
}

/// Appends a length or a count.
pub(super) fn put_len(len: usize, out: &mut BytesMut) {
    put_number(len as u64, out);
}

/// Appends bytes behind their length.
pub(super) fn put_bytes(bytes: &[u8], out: &mut BytesMut) {
    put_len(bytes.len(), out);
    out.put_slice(bytes);
}

/// Appends a choice between having a number and having none.
pub(super) fn put_option(number: Option<u64>, out: &mut BytesMut) {
    out.put_u8(u8::from(number.is_some()));
    if let Some(number) = number {
        put_number(number, out);
    }
}

pub(super) fn put_link(link: Link, out: &mut BytesMut) {
    put_len(link.slot(), out);
    put_number(link.generation().into(), out);
}

pub(super) fn put_ip(ip: IpAddr, out: &mut BytesMut) {
    match ip {
        IpAddr::V4(ip) => {
            out.put_u8(4);
            out.put_slice(&ip.octets());
        }
        IpAddr::V6(ip) => {
            out.put_u8(6);
            out.put_slice(&ip.octets());
        }
    }
}

pub(super) fn put_addr(addr: PeerAddr, out: &mut BytesMut) {
    put_ip(addr.ip, out);
    out.put_u16_le(addr.port);
    out.put_u8(match addr.transport {
        Transport::Tcp => 0,
        Transport::Quic => 1,
    });
}

pub(super) fn put_addrs(addrs: &[PeerAddr], out: &mut BytesMut) {
    put_len(addrs.len(), out);
    addrs.iter().for_each(|addr| put_addr(*addr, out));
}

pub(super) fn put_kind(kind: ItemKind, out: &mut BytesMut) {
    out.put_u8(match kind {
        ItemKind::Tx => 0,
        ItemKind::Block => 1,
    });
}

pub(super) fn put_id(id: ItemId, out: &mut BytesMut) {
    put_kind(id.kind(), out);
    out.put_slice(&id.hash().0);
}

/// An item by its kind and bytes: its rules tell its id.
pub(super) fn put_item(item: &Item, out: &mut BytesMut) {
    put_kind(item.kind(), out);
    put_bytes(item.bytes(), out);
}

pub(super) fn put_span(span: Duration, out: &mut BytesMut) {
    put_number(span.as_secs(), out);
    put_number(span.subsec_nanos().into(), out);
}

/// What is left of a record.
#[derive(Debug)]
pub(super) struct Cursor<'a> {
    left: &'a [u8],
    /// What is taken of it, to tell where in a block something stands.
    len: usize,
}

impl<'a> Cursor<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self { left: bytes, len: bytes.len() }
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.left.is_empty()
    }

    /// How many bytes were taken so far.
    pub(super) const fn at(&self) -> usize {
        self.len - self.left.len()
    }

    pub(super) fn take(&mut self, count: usize) -> Result<&'a [u8], Malformed> {
        let (taken, left) = self.left.split_at_checked(count).ok_or(Malformed("a length"))?;
        self.left = left;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let (taken, left) = self.left.split_first_chunk().ok_or(Malformed("a length"))?;
        self.left = left;
        Ok(*taken)
    }

    pub(super) fn byte(&mut self) -> Result<u8, Malformed> {
        self.array().map(|[byte]| byte)
    }

    pub(super) fn u32_le(&mut self) -> Result<u32, Malformed> {
        self.array().map(u32::from_le_bytes)
    }

    pub(super) fn u64_le(&mut self) -> Result<u64, Malformed> {
        self.array().map(u64::from_le_bytes)
    }

    pub(super) fn number(&mut self) -> Result<u64, Malformed> {
        let mut number = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7F);
            if shift == 63 && bits > 1 {
                break;
            }
            number |= bits << shift;
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err(Malformed("a number"))
    }

    /// A number of a narrower type.
    pub(super) fn narrow<T: TryFrom<u64>>(&mut self) -> Result<T, Malformed> {
        T::try_from(self.number()?).map_err(|_| Malformed("a number"))
    }

    /// How many things follow, each of which takes a byte at least.
    pub(super) fn count(&mut self) -> Result<usize, Malformed> {
        let count: usize = self.narrow()?;
        if count > self.left.len() { Err(Malformed("a count")) } else { Ok(count) }
    }

    pub(super) fn bytes(&mut self) -> Result<&'a [u8], Malformed> {
        let len = self.narrow()?;
        self.take(len)
    }

    pub(super) fn owned(&mut self) -> Result<Bytes, Malformed> {
        self.bytes().map(Bytes::copy_from_slice)
    }

    /// One of so many choices.
    pub(super) fn choice<T: Copy>(&mut self, of: &[T], what: &'static str) -> Result<T, Malformed> {
        of.get(usize::from(self.byte()?)).copied().ok_or(Malformed(what))
    }

    pub(super) fn truth(&mut self) -> Result<bool, Malformed> {
        self.choice(&[false, true], "a yes or no")
    }

    pub(super) fn option(&mut self) -> Result<Option<u64>, Malformed> {
        if self.truth()? { self.number().map(Some) } else { Ok(None) }
    }

    pub(super) fn link(&mut self) -> Result<Link, Malformed> {
        Ok(Link::new(self.narrow()?, self.narrow()?))
    }

    pub(super) fn ip(&mut self) -> Result<IpAddr, Malformed> {
        match self.byte()? {
            4 => self.array::<4>().map(IpAddr::from),
            6 => self.array::<16>().map(IpAddr::from),
            _ => Err(Malformed("an address")),
        }
    }

    pub(super) fn addr(&mut self) -> Result<PeerAddr, Malformed> {
        let ip = self.ip()?;
        let port = self.array().map(u16::from_le_bytes)?;
        let transport = self.choice(&[Transport::Tcp, Transport::Quic], "a transport")?;
        Ok(PeerAddr { ip, port, transport })
    }

    pub(super) fn addrs(&mut self) -> Result<Vec<PeerAddr>, Malformed> {
        let count = self.count()?;
        (0..count).map(|_| self.addr()).collect()
    }

    pub(super) fn kind(&mut self) -> Result<ItemKind, Malformed> {
        self.choice(&[ItemKind::Tx, ItemKind::Block], "a kind of item")
    }

    pub(super) fn id(&mut self) -> Result<ItemId, Malformed> {
        let kind = self.kind()?;
        Ok(ItemId::new(kind, Hash256(self.array::<HASH_LEN>()?)))
    }

    pub(super) fn item(&mut self, chain: &dyn Chain) -> Result<Arc<Item>, Malformed> {
        let kind = self.kind()?;
        chain.item(kind, self.owned()?).map_err(|_| Malformed("an item"))
    }

    pub(super) fn span(&mut self) -> Result<Duration, Malformed> {
        let (seconds, nanos) = (self.number()?, self.narrow()?);
        if nanos < 1_000_000_000 {
            Ok(Duration::new(seconds, nanos))
        } else {
            Err(Malformed("a span"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_back_at_every_length() {
        for shift in 0..64 {
            for number in [(1_u64 << shift) - 1, 1 << shift, u64::MAX >> shift] {
                let mut out = BytesMut::new();
                put_number(number, &mut out);
                let mut cursor = Cursor::new(&out);
                assert_eq!(cursor.number(), Ok(number));
                assert!(cursor.is_empty() && cursor.at() == out.len());
                assert!(Cursor::new(&out[..out.len() - 1]).number().is_err());
            }
        }
        assert!(Cursor::new(&[0xFF; 10]).number().is_err());
        assert!(Cursor::new(&[0xFF; 3]).narrow::<u8>().is_err());
    }

    #[test]
    fn what_is_longer_than_what_is_left_is_refused_before_it_is_taken() {
        let mut out = BytesMut::new();
        put_number(u64::MAX, &mut out);
        assert!(Cursor::new(&out).bytes().is_err());
        assert!(Cursor::new(&out).count().is_err());
        assert_eq!(Cursor::new(&out).addrs(), Err(Malformed("a count")));
    }
}
