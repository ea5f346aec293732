//! Rules of a chain in miniature: transactions spend outputs of others, blocks begin with one that spends nothing, and a header says
//! what work it is worth. Without a ledger, as Bitcoin's here. For tests of branches.
//!
//! ```text
//! transaction   number u32 | inputs: count u8, of each the hash 32 and the output u8 | outputs u8
//! header        parent 32 | hash of all ids 32 | work u8 | number u32
//! block         header | of each transaction its length u16 and its bytes
//! ```

use std::sync::Arc;

use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};

use crate::chain::{
    BlockHeader, Chain, Confirmed, ConflictKey, Disconnected, GOOD, Inspection, Rejection, Split,
    Verdict, Verified,
};
use crate::ground::item::{HASH_LEN, Hash256, Item, ItemId, ItemKind};

/// Length of a header, bytes.
pub const HEADER_LEN: usize = 2 * HASH_LEN + 5;

/// The rules. All blocks come after [`Coins::ROOT`].
#[derive(Clone, Copy, Debug, Default)]
pub struct Coins;

/// A transaction in the making.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Coin {
    /// Tells apart transactions that are the same otherwise.
    pub number: u32,
    /// The outputs that it spends.
    pub inputs: Vec<(Hash256, u8)>,
    /// How many it creates.
    pub outputs: u8,
}

impl Coin {
    /// The finished transaction.
    ///
    /// # Panics
    /// When it has more than 255 inputs.
    #[must_use]
    pub fn item(&self) -> Arc<Item> {
        let mut bytes = BytesMut::new();
        bytes.put_u32_le(self.number);
        bytes.put_u8(u8::try_from(self.inputs.len()).expect("a test has few inputs"));
        for (hash, output) in &self.inputs {
            bytes.put_slice(&hash.0);
            bytes.put_u8(*output);
        }
        bytes.put_u8(self.outputs);
        let bytes = bytes.freeze();
        Item::identified(ItemId::tx(Hash256::of(&bytes)), bytes)
    }

    /// Reads a transaction.
    #[must_use]
    pub fn parse(mut bytes: &[u8]) -> Option<Self> {
        let number = bytes.try_get_u32_le().ok()?;
        let count = bytes.try_get_u8().ok()?;
        let mut inputs = Vec::new();
        for _ in 0..count {
            let (hash, rest) = bytes.split_first_chunk()?;
            bytes = rest;
            inputs.push((Hash256(*hash), bytes.try_get_u8().ok()?));
        }
        let outputs = bytes.try_get_u8().ok()?;
        bytes.is_empty().then_some(Self { number, inputs, outputs })
    }

    fn spends(&self) -> Vec<ConflictKey> {
        let key = |(hash, output): &(Hash256, u8)| ConflictKey::output(*hash, (*output).into());
        self.inputs.iter().map(key).collect()
    }
}

impl Coins {
    /// What the first block follows.
    pub const ROOT: Hash256 = Hash256([0; HASH_LEN]);

    /// A block of some transactions, behind one that is made with it and has so many outputs.
    ///
    /// # Panics
    /// When a transaction has more than 65,535 bytes.
    #[must_use]
    pub fn block(
        parent: Hash256,
        work: u8,
        number: u32,
        outputs: u8,
        transactions: &[Arc<Item>],
    ) -> Arc<Item> {
        let coinbase = Coin { number, inputs: Vec::new(), outputs }.item();
        let all: Vec<_> = [coinbase].into_iter().chain(transactions.iter().cloned()).collect();
        let mut header = [parent.0, root(&all).0].concat();
        header.push(work);
        header.extend(number.to_le_bytes());
        let bytes = Self.join(&header, &all).expect("the header commits to them");
        Self.item(ItemKind::Block, bytes).expect("it has a header")
    }

    /// The transactions of a block, the one that was made with it first.
    #[must_use]
    pub fn transactions(block: &Item) -> Vec<Arc<Item>> {
        let mut rest: Bytes = block.bytes().slice(HEADER_LEN.min(block.size())..);
        let mut found = Vec::new();
        while let Ok(len) = rest.try_get_u16_le()
            && rest.len() >= usize::from(len)
        {
            let bytes = rest.split_to(len.into());
            found.push(Item::identified(ItemId::tx(Hash256::of(&bytes)), bytes));
        }
        found
    }
}

fn root(transactions: &[Arc<Item>]) -> Hash256 {
    let ids: Vec<u8> = transactions.iter().flat_map(|item| item.id().hash().0).collect();
    Hash256::of(&ids)
}

impl Chain for Coins {
    fn name(&self) -> &'static str {
        "coins"
    }

    fn max_size(&self, _: ItemKind) -> usize {
        100_000
    }

    fn identify(&self, kind: ItemKind, bytes: &[u8]) -> Result<Hash256, Rejection> {
        match kind {
            ItemKind::Tx => Ok(Hash256::of(bytes)),
            ItemKind::Block => {
                bytes.get(..HEADER_LEN).map(Hash256::of).ok_or(Rejection::invalid("truncated"))
            }
        }
    }

    fn inspect(&self, item: &Item) -> Result<Inspection, Rejection> {
        if item.kind() == ItemKind::Block {
            let header = self.header(item.bytes())?;
            return Ok(Inspection {
                parents: vec![ItemId::block(header.parent)],
                needs_verification: true,
                ..Inspection::default()
            });
        }
        let coin = Coin::parse(item.bytes()).ok_or(Rejection::invalid("truncated"))?;
        let mut parents: Vec<_> = coin.inputs.iter().map(|(hash, _)| ItemId::tx(*hash)).collect();
        parents.sort_unstable();
        parents.dedup();
        Ok(Inspection {
            spends: coin.spends(),
            creates: coin.outputs.into(),
            parents,
            takes_absent_for_confirmed: true,
            fee: Some(0),
            ..Inspection::default()
        })
    }

    /// A block whose header says work 255 breaks a rule that shows in its body alone.
    fn has_fees(&self) -> bool {
        false
    }

    fn verify(&self, item: &Item) -> Verdict {
        if item.kind() == ItemKind::Tx {
            return GOOD;
        }
        let parts = Self::transactions(item);
        if item.bytes()[HASH_LEN..2 * HASH_LEN] != root(&parts).0 {
            return Err(Rejection::mutated("wrong-root"));
        }
        if item.bytes()[2 * HASH_LEN] == u8::MAX {
            return Err(Rejection::invalid("bad-work"));
        }
        let confirmed = |part: &Arc<Item>| {
            let spends = Coin::parse(part.bytes()).map(|coin| coin.spends()).unwrap_or_default();
            Confirmed { id: part.id(), referred: None, spends }
        };
        Ok(Verified { confirms: parts.iter().map(confirmed).collect(), ..Verified::default() })
    }

    fn split(&self, block: &Item) -> Option<Split> {
        let header = block.bytes().slice(..HEADER_LEN.min(block.size()));
        Some(Split { header, transactions: Self::transactions(block), made_with: 1 })
    }

    fn join(&self, header: &[u8], transactions: &[Arc<Item>]) -> Option<Bytes> {
        if header.len() != HEADER_LEN || header[HASH_LEN..2 * HASH_LEN] != root(transactions).0 {
            return None;
        }
        let mut bytes = BytesMut::from(header);
        for item in transactions {
            bytes.put_u16_le(u16::try_from(item.size()).ok()?);
            bytes.put_slice(item.bytes());
        }
        Some(bytes.freeze())
    }

    fn root(&self) -> Option<Hash256> {
        Some(Self::ROOT)
    }

    /// No work is no proof.
    fn header(&self, bytes: &[u8]) -> Result<BlockHeader, Rejection> {
        let truncated = Rejection::invalid("truncated");
        let header: &[u8; HEADER_LEN] = bytes.first_chunk().ok_or(truncated)?;
        let parent = Hash256(*header.first_chunk().ok_or(truncated)?);
        let work = u128::from(header[2 * HASH_LEN]);
        if work == 0 {
            return Err(Rejection::invalid("no-proof-of-work"));
        }
        let id = Hash256::of(header);
        Ok(BlockHeader { id, parent, work, time_s: 0, len: HEADER_LEN })
    }

    fn disconnect(&self, block: &Item) -> Disconnected {
        let mut returns = Self::transactions(block);
        if returns.is_empty() {
            return Disconnected::default();
        }
        let coinbase = returns.remove(0);
        let outputs = Coin::parse(coinbase.bytes()).map_or(0, |coin| coin.outputs);
        let id = coinbase.id().hash();
        let void = (0..outputs.into()).map(|number| ConflictKey::output(id, number)).collect();
        Disconnected { returns, void }
    }
}
