//! Where other peers are.

use std::sync::Arc;

use bytes::{BufMut as _, BytesMut};

use super::{Body, address, allocated_by};
use crate::ground::peer::PeerAddr;
use crate::wire::cursor::Cursor;
use crate::wire::error::{DecodeError, Field};

/// Most addresses in one message (`MAX_ADDR_TO_SEND` in Bitcoin Core's `net_processing.cpp`).
pub const ADDRESSES_MAX: usize = 1_000;

/// Most bytes of so many addresses.
pub(in crate::wire) const ADDRESSES_BODY_MAX: usize = ADDRESSES_MAX * (1 + address::RECORD_MAX);

/// Most addresses in one shuffle. A guess: four times what HyParView's paper has.
pub const SHUFFLED_MAX: usize = 32;

/// Most bytes of a shuffle: its number, the steps that it still goes, and its addresses.
pub(in crate::wire) const SHUFFLE_BODY_MAX: usize =
    4 + 1 + SHUFFLED_MAX * (1 + address::RECORD_MAX);

/// Most bytes of the news of a newcomer.
pub(in crate::wire) const FORWARD_JOIN_BODY_MAX: usize = 1 + 1 + address::RECORD_MAX;

/// How peers learn of peers; and what HyParView's views say to one another, all but the first two.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PeerExchange {
    /// Tell me addresses of peers. Answered once per link. Body: none.
    GetAddresses,
    /// Addresses of peers, at most [`ADDRESSES_MAX`]. Body: address records; one with an unknown tag is
    /// passed over and counts towards the maximum.
    Addresses(Arc<[PeerAddr]>),
    /// I am new: be my neighbour, and have others be. From whoever dialled. Body: none.
    Join,
    /// Somebody is new. Body: steps that it still goes u8, address record.
    ForwardJoin {
        /// Steps that it still goes.
        steps: u8,
        /// Where the newcomer can be dialled; `None` if we can't read it.
        addr: Option<PeerAddr>,
    },
    /// Be my neighbour. From whoever dialled. Body: 1 if I have no other, else 0.
    Neighbour {
        /// Whether it is to be made room for.
        is_urgent: bool,
    },
    /// The answer to a join, or to whoever asked to be a neighbour. Body: 1 if we are neighbours now, else 0.
    NeighbourReply {
        /// Whether it is one now.
        is_taken: bool,
    },
    /// You are no neighbour of mine any more, and did nothing wrong. Body: none.
    Disconnect,
    /// Addresses that I know: pass them on, or answer with as many. Body: number u32, steps that it still goes u8, address
    /// records as above, at most [`SHUFFLED_MAX`].
    Shuffle {
        /// By what its answer is known on this link.
        number: u32,
        /// Steps that it still goes.
        steps: u8,
        /// Addresses that the peer where it began knows, its own among them.
        addrs: Arc<[PeerAddr]>,
    },
    /// The answer to a shuffle, which goes back by the links that it came by. Body: number u32, address records.
    ShuffleReply {
        /// That of the shuffle.
        number: u32,
        /// Addresses that the peer where it ended knows.
        addrs: Arc<[PeerAddr]>,
    },
}

impl PeerExchange {
    /// How many addresses it has.
    pub(crate) fn addresses(&self) -> usize {
        match self {
            Self::ForwardJoin { .. } => 1,
            _ => self.addrs().len(),
        }
    }

    fn addrs(&self) -> &[PeerAddr] {
        match self {
            Self::Addresses(addrs)
            | Self::Shuffle { addrs, .. }
            | Self::ShuffleReply { addrs, .. } => addrs,
            Self::GetAddresses
            | Self::Join
            | Self::ForwardJoin { .. }
            | Self::Neighbour { .. }
            | Self::NeighbourReply { .. }
            | Self::Disconnect => &[],
        }
    }
}

/// Length of a record of an address that may be missing.
fn optional_len(addr: Option<PeerAddr>) -> usize {
    addr.as_ref().map_or(1, address::record_len)
}

impl Body for PeerExchange {
    fn len(&self) -> usize {
        let head = match self {
            Self::GetAddresses | Self::Addresses(_) | Self::Join | Self::Disconnect => 0,
            Self::ForwardJoin { addr, .. } => 1 + optional_len(*addr),
            Self::Neighbour { .. } | Self::NeighbourReply { .. } => 1,
            Self::Shuffle { .. } => 4 + 1,
            Self::ShuffleReply { .. } => 4,
        };
        head + self.addrs().iter().map(address::record_len).sum::<usize>()
    }

    fn allocated(&self) -> usize {
        match self {
            Self::Addresses(addrs)
            | Self::Shuffle { addrs, .. }
            | Self::ShuffleReply { addrs, .. } => allocated_by(addrs),
            Self::GetAddresses
            | Self::Join
            | Self::ForwardJoin { .. }
            | Self::Neighbour { .. }
            | Self::NeighbourReply { .. }
            | Self::Disconnect => 0,
        }
    }

    fn put(&self, out: &mut BytesMut) {
        match self {
            Self::GetAddresses | Self::Join | Self::Disconnect => {}
            Self::Addresses(addrs) => {
                debug_assert!(addrs.len() <= ADDRESSES_MAX, "the peer would refuse it");
            }
            Self::ForwardJoin { steps, addr } => {
                out.put_u8(*steps);
                match addr {
                    Some(addr) => address::put_record(addr, out),
                    None => out.put_u8(0),
                }
            }
            Self::Neighbour { is_urgent: yes } | Self::NeighbourReply { is_taken: yes } => {
                out.put_u8(u8::from(*yes));
            }
            Self::Shuffle { number, steps, addrs } => {
                debug_assert!(addrs.len() <= SHUFFLED_MAX, "the peer would refuse it");
                out.put_u32_le(*number);
                out.put_u8(*steps);
            }
            Self::ShuffleReply { number, addrs } => {
                debug_assert!(addrs.len() <= SHUFFLED_MAX, "the peer would refuse it");
                out.put_u32_le(*number);
            }
        }
        self.addrs().iter().for_each(|addr| address::put_record(addr, out));
    }

    fn elements(&self) -> usize {
        self.addresses()
    }
}

/// Reads addresses.
pub(in crate::wire) fn read_addresses(body: &mut Cursor<'_>) -> Result<PeerExchange, DecodeError> {
    take_addresses(body, ADDRESSES_MAX).map(PeerExchange::Addresses)
}

/// Reads the news of a newcomer.
pub(in crate::wire) fn read_forward_join(
    body: &mut Cursor<'_>,
) -> Result<PeerExchange, DecodeError> {
    Ok(PeerExchange::ForwardJoin { steps: body.u8()?, addr: address::take_record(body)? })
}

/// Reads yes or no.
pub(in crate::wire) fn read_choice(body: &mut Cursor<'_>) -> Result<bool, DecodeError> {
    match body.u8()? {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(DecodeError::BadValue(Field::Choice)),
    }
}

/// Reads a shuffle.
pub(in crate::wire) fn read_shuffle(body: &mut Cursor<'_>) -> Result<PeerExchange, DecodeError> {
    let (number, steps) = (body.u32()?, body.u8()?);
    let addrs = take_addresses(body, SHUFFLED_MAX)?;
    Ok(PeerExchange::Shuffle { number, steps, addrs })
}

/// Reads the answer to a shuffle.
pub(in crate::wire) fn read_shuffle_reply(
    body: &mut Cursor<'_>,
) -> Result<PeerExchange, DecodeError> {
    let number = body.u32()?;
    Ok(PeerExchange::ShuffleReply { number, addrs: take_addresses(body, SHUFFLED_MAX)? })
}

/// Takes all records that are left, at most `max`.
fn take_addresses(body: &mut Cursor<'_>, max: usize) -> Result<Arc<[PeerAddr]>, DecodeError> {
    // Those that we know take 8 bytes or more.
    let mut addrs = Vec::with_capacity((body.rest().len() / 8).min(max));
    let mut count = 0;
    while !body.rest().is_empty() {
        count += 1;
        if count > max {
            return Err(DecodeError::TooMany { count, max });
        }
        addrs.extend(address::take_record(body)?);
    }
    Ok(addrs.into())
}
