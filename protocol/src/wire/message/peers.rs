//! Where other peers are.

use std::sync::Arc;

use bytes::BytesMut;

use super::{Body, address, allocated_by};
use crate::ground::peer::PeerAddr;
use crate::wire::cursor::Cursor;
use crate::wire::error::DecodeError;

/// Most addresses in one message (`MAX_ADDR_TO_SEND` in Bitcoin Core's `net_processing.cpp`).
pub const ADDRESSES_MAX: usize = 1_000;

/// Most bytes of so many addresses.
pub(in crate::wire) const ADDRESSES_BODY_MAX: usize = ADDRESSES_MAX * (1 + address::RECORD_MAX);

/// How peers learn of peers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PeerExchange {
    /// Tell me addresses of peers. Answered once per link. Body: none.
    GetAddresses,
    /// Addresses of peers, at most [`ADDRESSES_MAX`]. Body: address records; one with an unknown tag is
    /// passed over and counts towards the maximum.
    Addresses(Arc<[PeerAddr]>),
}

impl Body for PeerExchange {
    fn len(&self) -> usize {
        match self {
            Self::GetAddresses => 0,
            Self::Addresses(addrs) => addrs.iter().map(address::record_len).sum(),
        }
    }

    fn allocated(&self) -> usize {
        match self {
            Self::GetAddresses => 0,
            Self::Addresses(addrs) => allocated_by(addrs),
        }
    }

    fn put(&self, out: &mut BytesMut) {
        if let Self::Addresses(addrs) = self {
            debug_assert!(addrs.len() <= ADDRESSES_MAX, "the peer would refuse it");
            addrs.iter().for_each(|addr| address::put_record(addr, out));
        }
    }

    fn elements(&self) -> usize {
        match self {
            Self::GetAddresses => 0,
            Self::Addresses(addrs) => addrs.len(),
        }
    }
}

/// Reads addresses.
pub(in crate::wire) fn read_addresses(body: &mut Cursor<'_>) -> Result<PeerExchange, DecodeError> {
    // Those that we know take 8 bytes or more.
    let mut addrs = Vec::with_capacity((body.rest().len() / 8).min(ADDRESSES_MAX));
    let mut count = 0;
    while !body.rest().is_empty() {
        count += 1;
        if count > ADDRESSES_MAX {
            return Err(DecodeError::TooMany { count, max: ADDRESSES_MAX });
        }
        addrs.extend(address::take_record(body)?);
    }
    Ok(PeerExchange::Addresses(addrs.into()))
}
