//! Items: the transactions and blocks that are relayed, and their ids.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;
use std::sync::Arc;

use bytes::Bytes;
use sha2::{Digest, Sha256};

/// Length of an [`ItemId`], bytes.
pub const ITEM_ID_LEN: usize = 32;

/// Id of an item: double SHA-256 of its canonical bytes (for a block: of its header, which commits
/// to the rest). Shown as hexadecimal in byte order.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct ItemId(pub [u8; ITEM_ID_LEN]);

impl Ord for ItemId {
    /// In byte order, most often by the first word alone.
    fn cmp(&self, other: &Self) -> Ordering {
        let first = |id: &Self| u64::from_be_bytes(ShortId::from(id).0);
        first(self).cmp(&first(other)).then_with(|| self.0.cmp(&other.0))
    }
}

impl PartialOrd for ItemId {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Hash for ItemId {
    /// Half of the id is enough to spread: making two that agree in it takes 2^64 tries, and where they
    /// then lie depends on the salt all the same.
    fn hash<H: Hasher>(&self, state: &mut H) {
        let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, ..] = self.0;
        state.write_u64(u64::from_le_bytes([a, b, c, d, e, f, g, h]));
        state.write_u64(u64::from_le_bytes([i, j, k, l, m, n, o, p]));
    }
}

impl ItemId {
    /// The id of canonical bytes: SHA-256 of their SHA-256.
    #[must_use]
    pub fn of(canonical: &[u8]) -> Self {
        Self(Sha256::digest(Sha256::digest(canonical)).into())
    }
}

/// Length of a [`ShortId`], bytes.
pub const SHORT_ID_LEN: usize = 8;

/// The first bytes of an id, where a whole one would cost too much.
///
/// *Attack*: two items of one author can be made to share a short id with 2^32 hashes. Where ids are
/// short, a node that has one of them then takes the other for known, as if they were in conflict;
/// nobody else's items are touched, since matching a given id costs 2^64.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ShortId(pub [u8; SHORT_ID_LEN]);

impl Hash for ShortId {
    /// One word instead of a slice and its length.
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(u64::from_le_bytes(self.0));
    }
}

impl From<ItemId> for ShortId {
    fn from(id: ItemId) -> Self {
        Self(*id.0.first_chunk().expect("an id is longer than a short id"))
    }
}

impl From<&ItemId> for ShortId {
    fn from(id: &ItemId) -> Self {
        (*id).into()
    }
}

impl From<&Self> for ShortId {
    fn from(id: &Self) -> Self {
        *id
    }
}

/// How a peer names an item to us, and we to it: whole, or short to save bytes. What we remember is kept
/// by short id, so that either name finds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Name {
    /// By its whole id.
    Whole(ItemId),
    /// By its short id.
    Short(ShortId),
}

impl Name {
    /// The short id.
    #[must_use]
    pub fn short(self) -> ShortId {
        match self {
            Self::Whole(id) => id.into(),
            Self::Short(id) => id,
        }
    }

    /// Whether it is a name of the item with this id.
    #[must_use]
    pub fn fits(self, id: ItemId) -> bool {
        match self {
            Self::Whole(own) => own == id,
            Self::Short(own) => own == id.into(),
        }
    }
}

impl From<ItemId> for Name {
    fn from(id: ItemId) -> Self {
        Self::Whole(id)
    }
}

impl From<ShortId> for Name {
    fn from(id: ShortId) -> Self {
        Self::Short(id)
    }
}

impl From<Name> for ShortId {
    fn from(name: Name) -> Self {
        name.short()
    }
}

impl fmt::Debug for ShortId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0[..4].iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Display for ItemId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for ItemId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0[..4].iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// Text that isn't an item id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an item id is 64 hexadecimal digits")]
pub struct ParseItemIdError;

impl FromStr for ItemId {
    type Err = ParseItemIdError;

    fn from_str(text: &str) -> Result<Self, ParseItemIdError> {
        let digits = text.as_bytes();
        if digits.len() != 2 * ITEM_ID_LEN || !text.is_ascii() {
            return Err(ParseItemIdError);
        }
        let mut id = [0; ITEM_ID_LEN];
        for (byte, pair) in id.iter_mut().zip(text.as_bytes().chunks(2)) {
            let pair = std::str::from_utf8(pair).map_err(|_| ParseItemIdError)?;
            *byte = u8::from_str_radix(pair, 16).map_err(|_| ParseItemIdError)?;
        }
        Ok(Self(id))
    }
}

impl serde::Serialize for ItemId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for ItemId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// What an item is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ItemKind {
    /// A transaction.
    Tx,
    /// A block.
    Block,
}

impl fmt::Display for ItemKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tx => "tx",
            Self::Block => "block",
        })
    }
}

/// A transaction or a block: canonical bytes, hashed once, shared by all who hold it.
#[derive(Clone, PartialEq, Eq)]
pub struct Item {
    kind: ItemKind,
    id: ItemId,
    bytes: Bytes,
}

impl Item {
    /// An item whose id is known already: made by [`Chain::item`](crate::chain::Chain), which identifies the bytes.
    #[must_use]
    pub fn identified(kind: ItemKind, id: ItemId, bytes: Bytes) -> Arc<Self> {
        Arc::new(Self { kind, id, bytes })
    }

    /// Transaction or block.
    #[must_use]
    pub const fn kind(&self) -> ItemKind {
        self.kind
    }

    /// Its id.
    #[must_use]
    pub const fn id(&self) -> ItemId {
        self.id
    }

    /// Its canonical bytes.
    #[must_use]
    pub const fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// Its size, bytes.
    #[must_use]
    pub fn size(&self) -> usize {
        self.bytes.len()
    }
}

impl fmt::Debug for Item {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{:?}+{}B", self.kind, self.id, self.size())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_the_double_sha256() {
        // SHA-256d of "hello", a vector given all over Bitcoin's documentation.
        let id = ItemId::of(b"hello");
        assert_eq!(
            id.to_string(),
            "9595c9df90075148eb06860365df33584b75bff782a510c6cd4883a419833d50"
        );
    }

    #[test]
    fn ids_are_in_byte_order() {
        let id = |place: usize, byte: u8| {
            let mut id = ItemId([7; ITEM_ID_LEN]);
            id.0[place] = byte;
            id
        };
        for place in [0, 7, 8, 31] {
            let ordered = [id(place, 0), id(place, 7), id(place, 255)];
            assert!(ordered.is_sorted() && ordered[1] < ordered[2], "{place}");
        }
    }

    #[test]
    fn an_id_reads_back_from_its_text() {
        let id = ItemId::of(b"x");
        assert_eq!(id.to_string().parse(), Ok(id));
        for bad in ["", "00", "zz", &"g".repeat(64), &"é".repeat(32), &"0".repeat(65)] {
            assert_eq!(bad.parse::<ItemId>(), Err(ParseItemIdError), "{bad}");
        }
    }
}
