//! Items: the transactions and blocks that are relayed, and their ids.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;
use std::sync::Arc;

use bytes::Bytes;
use hashbrown::Equivalent;
use sha2::{Digest, Sha256};

/// Length of a [`Hash256`], bytes.
pub const HASH_LEN: usize = 32;

/// 32 bytes that stand for others: double SHA-256. What a kind's rules hash to name an item: a transaction's
/// canonical bytes, a block's header (which commits to the rest). Shown as hexadecimal in byte order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Hash256(pub [u8; HASH_LEN]);

impl Hash256 {
    /// The hash of bytes: SHA-256 of their SHA-256.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(Sha256::digest(bytes)).into())
    }

    /// Whether its text begins with these digits, in lower case.
    #[must_use]
    pub fn begins_with(&self, digits: &str) -> bool {
        let nibbles = self.0.iter().flat_map(|byte| [byte >> 4, byte & 15]);
        digits.len() <= 2 * HASH_LEN
            && nibbles
                .zip(digits.bytes())
                .all(|(nibble, digit)| b"0123456789abcdef"[usize::from(nibble)] == digit)
    }

    /// Its four words, little-endian.
    pub(crate) fn words(&self) -> [u64; 4] {
        let (words, _) = self.0.as_chunks();
        std::array::from_fn(|index| u64::from_le_bytes(words[index]))
    }
}

impl Hash for Hash256 {
    /// All of it: whoever chooses these bytes freely, as the names of parents are, can't know where they lie.
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.words().into_iter().for_each(|word| state.write_u64(word));
    }
}

/// What an item is.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
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

/// Which item: its kind, and the hash that names it among its kind.
///
/// *Attack*: bytes can be a transaction and the header of a block at once, and then both have one hash. Whatever is
/// remembered of items is kept by both, so that neither hides the other.
///
/// The hash lies first, so that its words lie as a copy's do: the processor reads a word at once that was just written as
/// part of one piece, and waits for memory where it has to be put together of two.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub struct ItemId {
    hash: Hash256,
    kind: ItemKind,
}

impl ItemId {
    /// An item of a kind.
    #[must_use]
    pub const fn new(kind: ItemKind, hash: Hash256) -> Self {
        Self { hash, kind }
    }

    /// A transaction.
    #[must_use]
    pub const fn tx(hash: Hash256) -> Self {
        Self::new(ItemKind::Tx, hash)
    }

    /// A block.
    #[must_use]
    pub const fn block(hash: Hash256) -> Self {
        Self::new(ItemKind::Block, hash)
    }

    /// Transaction or block.
    #[must_use]
    pub const fn kind(&self) -> ItemKind {
        self.kind
    }

    /// What names it among its kind.
    #[must_use]
    pub const fn hash(&self) -> Hash256 {
        self.hash
    }
}

impl Ord for ItemId {
    /// In byte order of the hash, most often by its first word alone.
    fn cmp(&self, other: &Self) -> Ordering {
        let first = |id: &Self| id.hash.words()[0].swap_bytes();
        first(self)
            .cmp(&first(other))
            .then_with(|| (self.hash, self.kind).cmp(&(other.hash, other.kind)))
    }
}

impl PartialOrd for ItemId {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Hash for ItemId {
    /// As its short id, so that a map of items finds them by either name. Two that share one take 2^32 hashes to make,
    /// and many that do take far more.
    fn hash<H: Hasher>(&self, state: &mut H) {
        ShortId::from(self).hash(state);
    }
}

/// Length of a [`ShortId`], bytes.
pub const SHORT_ID_LEN: usize = 8;

/// A name of eight bytes, where a whole hash would cost too much: the words of the hash, mixed.
///
/// All of the hash counts, since a chain's proof of work fixes many of its bits, and which ones is the chain's affair.
/// A block's is the complement, so that kinds don't share any either.
///
/// *Attack*: two items of one author can be made to share a short id with 2^32 hashes. A node that has one of them and
/// is told of the other by its short id takes it for known, until both are compared; nobody else's items are
/// touched, since matching a given one costs 2^64. Announcing a whole id that shares the short one of another costs
/// nothing: therefore nothing that merely was announced says what an item is (see [`crate::relay::request`]).
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
        let sum = id.hash.words().into_iter().fold(0, mix);
        Self(match id.kind {
            ItemKind::Tx => sum.to_le_bytes(),
            ItemKind::Block => (!sum).to_le_bytes(),
        })
    }
}

/// Mixes one more word into a short id, as Firefox and `rustc-hash` 1 do (`FxHasher`). Every word of a hash is
/// random, but for what work was spent on; so mixing has only to lose nothing.
const fn mix(sum: u64, word: u64) -> u64 {
    (sum.rotate_left(5) ^ word).wrapping_mul(0x517c_c1b7_2722_0a95)
}

/// Another id of its kind that has the same short id, as a liar would announce it. (No bytes are known that it names.)
#[must_use]
pub fn twin(id: ItemId) -> ItemId {
    let [a, b, c, d] = id.hash.words();
    let before = [a, b, c].into_iter().fold(0, mix);
    let after = [a, b, !c].into_iter().fold(0, mix);
    let words = [a, b, !c, d ^ before.rotate_left(5) ^ after.rotate_left(5)];
    let mut hash = Hash256([0; HASH_LEN]);
    for (bytes, word) in hash.0.as_chunks_mut().0.iter_mut().zip(words) {
        *bytes = word.to_le_bytes();
    }
    ItemId::new(id.kind, hash)
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

/// How a peer names an item to us, and we to it: whole, or short to save bytes. A name that is short is made an id as
/// soon as an item that it fits is here; until then it is all that is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Name {
    /// By its whole id.
    Whole(ItemId),
    /// By its short id: a transaction.
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

    /// Kind of the item, as the name has it.
    #[must_use]
    pub const fn kind(&self) -> ItemKind {
        match self {
            Self::Whole(id) => id.kind,
            Self::Short(_) => ItemKind::Tx,
        }
    }

    /// Whether both may be names of one item.
    #[must_use]
    pub fn may_be(self, other: Self) -> bool {
        match (self, other) {
            (Self::Whole(own), other) => other.fits(&own),
            (Self::Short(_), Self::Whole(id)) => self.fits(&id),
            (Self::Short(own), Self::Short(other)) => own == other,
        }
    }

    /// Whether it is a name of the item with this id.
    #[must_use]
    pub fn fits(&self, id: &ItemId) -> bool {
        match self {
            Self::Whole(own) => own == id,
            Self::Short(own) => id.kind == ItemKind::Tx && *own == id.into(),
        }
    }
}

impl Hash for Name {
    /// As the item that it fits.
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.short().hash(state);
    }
}

impl Equivalent<ItemId> for Name {
    fn equivalent(&self, id: &ItemId) -> bool {
        self.fits(id)
    }
}

impl From<ItemId> for Name {
    fn from(id: ItemId) -> Self {
        Self::Whole(id)
    }
}

impl From<&ItemId> for Name {
    fn from(id: &ItemId) -> Self {
        Self::Whole(*id)
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

impl fmt::Display for Hash256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Hash256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0[..4].iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Display for ItemId {
    /// Its hash alone: where it is shown, the kind is clear or stands beside it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.hash.fmt(f)
    }
}

impl fmt::Debug for ItemId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{:?}", self.kind, self.hash)
    }
}

/// Text that isn't the hash of an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an item id is 64 hexadecimal digits")]
pub struct ParseHashError;

impl FromStr for Hash256 {
    type Err = ParseHashError;

    fn from_str(text: &str) -> Result<Self, ParseHashError> {
        let digits = text.as_bytes();
        if digits.len() != 2 * HASH_LEN || !text.is_ascii() {
            return Err(ParseHashError);
        }
        let mut hash = [0; HASH_LEN];
        for (byte, pair) in hash.iter_mut().zip(text.as_bytes().chunks(2)) {
            let pair = std::str::from_utf8(pair).map_err(|_| ParseHashError)?;
            *byte = u8::from_str_radix(pair, 16).map_err(|_| ParseHashError)?;
        }
        Ok(Self(hash))
    }
}

impl serde::Serialize for Hash256 {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for Hash256 {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// A transaction or a block: canonical bytes, hashed once, shared by all who hold it.
#[derive(Clone, PartialEq, Eq)]
pub struct Item {
    id: ItemId,
    bytes: Bytes,
}

impl Item {
    /// An item whose id is known already: made by [`Chain::item`](crate::chain::Chain), which identifies the bytes.
    #[must_use]
    pub fn identified(id: ItemId, bytes: Bytes) -> Arc<Self> {
        Arc::new(Self { id, bytes })
    }

    /// Transaction or block.
    #[must_use]
    pub const fn kind(&self) -> ItemKind {
        self.id.kind
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
        write!(f, "{:?}+{}B", self.id, self.size())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ground::map::{Map, Salt};

    fn hash(place: usize, byte: u8) -> Hash256 {
        let mut hash = Hash256([7; HASH_LEN]);
        hash.0[place] = byte;
        hash
    }

    #[test]
    fn a_hash_is_the_double_sha256() {
        // SHA-256d of "hello", a vector given all over Bitcoin's documentation.
        let hash = Hash256::of(b"hello");
        assert_eq!(
            hash.to_string(),
            "9595c9df90075148eb06860365df33584b75bff782a510c6cd4883a419833d50"
        );
    }

    #[test]
    fn ids_are_in_byte_order() {
        for place in [0, 7, 8, 31] {
            let ordered = [0, 7, 255].map(|byte| ItemId::tx(hash(place, byte)));
            assert!(ordered.is_sorted() && ordered[1] < ordered[2], "{place}");
        }
    }

    #[test]
    fn a_hash_reads_back_from_its_text() {
        let hash = Hash256::of(b"x");
        assert_eq!(hash.to_string().parse(), Ok(hash));
        for bad in ["", "00", "zz", &"g".repeat(64), &"é".repeat(32), &"0".repeat(65)] {
            assert_eq!(bad.parse::<Hash256>(), Err(ParseHashError), "{bad}");
        }
    }

    #[test]
    fn a_hash_begins_with_its_first_digits_and_no_others() {
        let hash = Hash256::of(b"hello");
        let text = hash.to_string();
        assert!(hash.begins_with("") && hash.begins_with("9595c") && hash.begins_with(&text));
        assert!(!hash.begins_with("9595d") && !hash.begins_with("9595C"));
        assert!(!hash.begins_with(&(text + "0")));
    }

    #[test]
    fn a_transaction_and_a_block_with_one_hash_are_two_items() {
        let hash = Hash256::of(b"a header");
        let (tx, block) = (ItemId::tx(hash), ItemId::block(hash));
        assert_ne!(tx, block);
        assert_ne!(ShortId::from(tx), ShortId::from(block));
        let mut map = Map::new(Salt::new(1));
        map.insert(tx, "tx");
        assert!(!map.contains(&block) && !map.contains(&Name::Whole(block)));
        assert_eq!(map.get(&Name::Short(tx.into())), Some(&"tx"));
        assert!(!Name::Short(block.into()).fits(&block), "blocks have no short names");
    }

    #[test]
    fn proof_of_work_leaves_short_ids_as_many_bits_as_before() {
        for zeros in [0..8, 24..32] {
            let mut shorts = Vec::new();
            for n in 0..1_000_u32 {
                let mut hash = Hash256::of(&n.to_le_bytes());
                hash.0[zeros.clone()].fill(0);
                shorts.push(ShortId::from(ItemId::tx(hash)));
            }
            let differing = |byte: usize| shorts.iter().any(|id| id.0[byte] != shorts[0].0[byte]);
            assert!((0..SHORT_ID_LEN).all(differing), "a byte of the short id is always the same");
            shorts.sort_unstable();
            shorts.dedup();
            assert_eq!(shorts.len(), 1_000);
        }
    }
}
