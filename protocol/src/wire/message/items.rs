//! Items: who has them, who wants them, and the items themselves.

use std::sync::Arc;

use bytes::{BufMut, BytesMut};

use super::{ALLOCATION, Body, allocated_by};
use crate::ground::fee::FeeRate;
use crate::ground::item::{HASH_LEN, Hash256, Item, ItemId, ItemKind, Name, SHORT_ID_LEN, ShortId};
use crate::wire::cursor::Cursor;
use crate::wire::error::{DecodeError, Field};

/// Most ids in one announcement: a millisecond's work for whoever reads it. Bitcoin Core's `MAX_INV_SZ` is 50,000
/// (`net_processing.cpp`); batches here are smaller because they leave more often.
pub const ANNOUNCE_MAX: usize = 1_024;

/// Most ids in one getdata or notfound (`MAX_GETDATA_SZ` in Bitcoin Core's `net_processing.cpp`).
pub const GETDATA_MAX: usize = 1_000;

/// How items spread.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Items {
    /// I have these (inv), at most [`ANNOUNCE_MAX`]. Body: names.
    Announce(Names),
    /// Send me these, at most [`GETDATA_MAX`]. Body: names.
    GetData(Names),
    /// I can't send you these that you asked for, at most [`GETDATA_MAX`]. Body: names.
    NotFound(Names),
    /// Here is one. Its size is bounded by the chain's limits. Body: its bytes.
    Item(Arc<Item>),
    /// Don't announce transactions to me that pay less: I would refuse them. Body: fee rate u64.
    FeeFilter(FeeRate),
    /// So many more transactions may be announced to me, besides those that my hello allowed. Body: ids u32.
    Credit(u32),
}

/// Items that are all named in the same way. Which it is, the kind byte of the message tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Names {
    /// By their ids. Body: item kind (0 tx, 1 block), ids.
    Whole {
        /// Kind of all of them.
        kind: ItemKind,
        /// Their ids.
        ids: Arc<[ItemId]>,
    },
    /// Transactions, by their short ids. Body: short ids.
    Short(Arc<[ShortId]>),
}

impl Names {
    /// Names of items of a kind. They must be all whole or all short, and blocks are never named short.
    pub fn of(kind: ItemKind, names: impl ExactSizeIterator<Item = Name>) -> Self {
        let mut names = names.peekable();
        if !matches!(names.peek(), Some(Name::Whole(_))) {
            return Self::Short(names.map(Name::short).collect());
        }
        let (mut whole, count) = (Vec::with_capacity(names.len()), names.len());
        whole.extend(names.filter_map(|name| match name {
            Name::Whole(id) => Some(id),
            Name::Short(_) => None,
        }));
        debug_assert_eq!(whole.len(), count, "the names are mixed");
        Self::Whole { kind, ids: whole.into() }
    }

    /// Kind of all of them.
    #[must_use]
    pub const fn kind(&self) -> ItemKind {
        match self {
            Self::Whole { kind, .. } => *kind,
            Self::Short(_) => ItemKind::Tx,
        }
    }

    /// How many.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Whole { ids, .. } => ids.len(),
            Self::Short(ids) => ids.len(),
        }
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All of them.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Name> + Clone {
        (0..self.len()).map(|index| match self {
            Self::Whole { ids, .. } => Name::Whole(ids[index]),
            Self::Short(ids) => Name::Short(ids[index]),
        })
    }

    /// Reads names by ids.
    pub(in crate::wire) fn read_whole(body: &mut Cursor<'_>) -> Result<Self, DecodeError> {
        let kind = match body.u8()? {
            0 => ItemKind::Tx,
            1 => ItemKind::Block,
            _ => return Err(DecodeError::BadValue(Field::ItemKind)),
        };
        Ok(Self::Whole { kind, ids: body.list(|hash| ItemId::new(kind, Hash256(hash))) })
    }

    /// Reads names by short ids.
    pub(in crate::wire) fn read_short(body: &mut Cursor<'_>) -> Result<Self, DecodeError> {
        Ok(Self::Short(body.list(ShortId)))
    }

    fn body_len(&self) -> usize {
        match self {
            Self::Whole { ids, .. } => whole_len(ids.len()),
            Self::Short(ids) => short_len(ids.len()),
        }
    }

    fn allocated(&self) -> usize {
        match self {
            Self::Whole { ids, .. } => allocated_by(ids),
            Self::Short(ids) => allocated_by(ids),
        }
    }

    fn put(&self, out: &mut BytesMut) {
        match self {
            Self::Whole { kind, ids } => {
                out.put_u8(match kind {
                    ItemKind::Tx => 0,
                    ItemKind::Block => 1,
                });
                ids.iter().for_each(|id| out.put_slice(&id.hash().0));
            }
            Self::Short(ids) => ids.iter().for_each(|id| out.put_slice(&id.0)),
        }
    }
}

/// Length of a body that names `count` items by their ids.
pub(in crate::wire) const fn whole_len(count: usize) -> usize {
    1 + count * HASH_LEN
}

/// Length of a body that names `count` transactions by their short ids.
pub(in crate::wire) const fn short_len(count: usize) -> usize {
    count * SHORT_ID_LEN
}

impl Body for Items {
    fn len(&self) -> usize {
        match self {
            Self::Announce(names) | Self::GetData(names) | Self::NotFound(names) => {
                names.body_len()
            }
            Self::Item(item) => item.size(),
            Self::FeeFilter(_) => 8,
            Self::Credit(_) => 4,
        }
    }

    fn allocated(&self) -> usize {
        match self {
            Self::Announce(names) | Self::GetData(names) | Self::NotFound(names) => {
                names.allocated()
            }
            // The item, and its bytes.
            Self::Item(item) => {
                ALLOCATION + size_of::<Item>() + allocated_by(item.bytes().as_ref())
            }
            Self::FeeFilter(_) | Self::Credit(_) => 0,
        }
    }

    fn put(&self, out: &mut BytesMut) {
        match self {
            Self::Announce(names) | Self::GetData(names) | Self::NotFound(names) => names.put(out),
            Self::Item(item) => out.put_slice(item.bytes()),
            Self::FeeFilter(rate) => out.put_u64_le(rate.0),
            Self::Credit(ids) => out.put_u32_le(*ids),
        }
    }

    fn elements(&self) -> usize {
        match self {
            Self::Announce(names) | Self::GetData(names) | Self::NotFound(names) => names.len(),
            Self::Item(_) => 1,
            Self::FeeFilter(_) | Self::Credit(_) => 0,
        }
    }
}
