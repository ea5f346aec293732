//! All that a node keeps of the chain of blocks. Under rules without a root there is none of it.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::blocks::activation::Activation;
use crate::blocks::download::Download;
use crate::blocks::header_sync::HeaderSync;
use crate::blocks::tree::Tree;
use crate::ground::item::{Hash256, Item, ItemId};
use crate::ground::link::Link;
use crate::ground::map::Salt;
use crate::ground::time::Time;
use crate::machine::{Cx, Part};
use crate::params::Params;

/// Most blocks that the driver reads at a time for peers who ask for them. A guess: as many as one peer asks for.
const READ_MAX: usize = 16;

/// Most blocks that were read for peers and are kept for the next who asks. A guess.
const LENT_MAX: usize = 32;

/// Most bytes of them, but for the last one. A guess: four blocks of 4 MB.
const LENT_BYTES_MAX: usize = 16_000_000;

/// Most blocks that are read for a peer ahead of the one that it gets next, so that a disk and a checksum cost it no wait of its own for
/// each block. A guess: what a link takes while one is read.
pub const AHEAD_MAX: usize = 8;

/// Most bytes of blocks that were read ahead, or are being read, and that nobody took yet, of all peers; half as many blocks as are kept.
/// So what one peer has read ahead doesn't drive out what another one waits for.
const AHEAD_BYTES_MAX: usize = LENT_BYTES_MAX / 4;

/// Of so many blocks it is remembered that the driver doesn't keep them. A guess.
const GONE_MAX: usize = 256;

/// The chain, as far as this node knows it.
#[derive(Clone, Debug)]
pub struct Blockchain {
    /// The headers, and which blocks are connected.
    pub tree: Tree,
    /// Who is asked for headers.
    pub headers: HeaderSync,
    /// Who is asked for blocks.
    pub download: Download,
    /// How far the active chain is on its way.
    pub activation: Activation,
    /// The last block that was told to all.
    pub told: Option<Hash256>,
    /// Blocks that are read for peers.
    pub lending: Lending,
}

impl Blockchain {
    /// Nothing but the root.
    #[must_use]
    pub fn new(root: Hash256, salt: Salt) -> Self {
        Self {
            tree: Tree::new(root, salt),
            headers: HeaderSync::default(),
            download: Download::default(),
            activation: Activation::default(),
            told: None,
            lending: Lending::default(),
        }
    }

    /// Whether transactions that left the chain are to be pooled again: the chain is settled.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.activation.is_free() && self.tree.next_step().is_none()
    }
}

impl Part for Option<Box<Blockchain>> {
    fn on_link_down(&mut self, link: Link, _cx: &mut Cx<'_>) {
        if let Some(chain) = self {
            chain.headers.on_link_down(link);
            chain.download.on_link_down(link);
        }
    }

    fn deadline(&self) -> Time {
        let Some(chain) = self else { return Time::NEVER };
        let returns = !chain.activation.limbo.is_empty() && chain.is_settled();
        if chain.activation.is_leaving() || returns {
            return Time::ZERO;
        }
        chain.headers.deadline().min(chain.download.deadline())
    }

    fn keeps(&self, link: Link) -> bool {
        self.as_ref().is_some_and(|it| it.headers.contains(link) || it.download.keeps(link))
    }

    fn check(&self, params: &Params) {
        if let Some(chain) = self {
            chain.headers.check();
            chain.download.check();
            chain.activation.check();
            chain.lending.check();
            chain.tree.check_bound(params.blocks.headers_max);
        }
    }
}

/// Blocks that aren't in memory, and are read for peers who ask for them.
#[derive(Clone, Debug, Default)]
pub struct Lending {
    reading: Vec<ItemId>,
    lent: VecDeque<Lent>,
    bytes: usize,
    /// The largest that was read lately, bytes: what one that is being read may have.
    largest: usize,
    gone: VecDeque<ItemId>,
}

/// A block that was read.
#[derive(Clone, Debug)]
struct Lent {
    block: Arc<Item>,
    /// A peer got it.
    is_taken: bool,
}

impl Lending {
    /// A block that was read.
    #[must_use]
    pub fn get(&self, id: ItemId) -> Option<&Arc<Item>> {
        self.lent.iter().map(|lent| &lent.block).find(|block| block.id() == id)
    }

    /// A peer gets a block, if it is one of these.
    pub fn on_taken(&mut self, id: ItemId) {
        let lent = self.lent.iter_mut().find(|lent| lent.block.id() == id);
        lent.into_iter().for_each(|lent| lent.is_taken = true);
    }

    /// Whether a block is to be read now.
    pub fn begin(&mut self, id: ItemId) -> bool {
        let begins = self.reading.len() < READ_MAX && !self.reading.contains(&id);
        if begins {
            self.reading.push(id);
        }
        begins
    }

    /// Whether there is room to read a block before it is its turn.
    #[must_use]
    pub fn has_room_ahead(&self) -> bool {
        let untaken = self.lent.iter().filter(|lent| !lent.is_taken);
        let (blocks, bytes) = untaken.fold((self.reading.len(), 0), |(blocks, bytes), lent| {
            (blocks + 1, bytes + lent.block.size())
        });
        let coming = (self.reading.len() + 1) * self.largest;
        // Of the first nobody knows how large it is; and what is next for somebody is read at any rate.
        self.largest > 0
            && self.reading.len() < READ_MAX / 2
            && blocks < LENT_MAX / 2
            && bytes + coming <= AHEAD_BYTES_MAX
    }

    /// Whether the driver doesn't keep a block, as far as is remembered.
    #[must_use]
    pub fn is_gone(&self, id: ItemId) -> bool {
        self.gone.contains(&id)
    }

    /// A block was read, or couldn't be.
    pub fn on_read(&mut self, id: ItemId, block: Option<Arc<Item>>) {
        self.reading.retain(|other| *other != id);
        let Some(block) = block else {
            self.gone.truncate(GONE_MAX - 1);
            return self.gone.push_front(id);
        };
        // A few large blocks among small ones are forgotten after some hundred.
        self.largest = block.size().max(self.largest - self.largest / 256);
        if self.get(id).is_none() {
            self.bytes += block.size();
            self.lent.push_back(Lent { block, is_taken: false });
        }
        while self.lent.len() > LENT_MAX || self.bytes > LENT_BYTES_MAX && self.lent.len() > 1 {
            let oldest = self.lent.pop_front().map_or(0, |lent| lent.block.size());
            self.bytes -= oldest;
        }
    }

    fn check(&self) {
        let bytes: usize = self.lent.iter().map(|lent| lent.block.size()).sum();
        assert!(bytes == self.bytes && self.lent.len() <= LENT_MAX, "blocks read: {bytes} bytes");
        assert!(self.reading.len() <= READ_MAX && self.gone.len() <= GONE_MAX, "blocks read");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(n: u8) -> ItemId {
        ItemId::block(Hash256([n; 32]))
    }

    fn read(lending: &mut Lending, n: u8, size: usize) {
        assert!(lending.begin(id(n)));
        lending.on_read(id(n), Some(Item::identified(id(n), vec![n; size].into())));
        lending.check();
    }

    #[test]
    fn blocks_are_read_ahead_until_half_of_the_room_waits_for_peers_to_take_it() {
        let mut lending = Lending::default();
        assert!(!lending.has_room_ahead(), "nobody knows how large one is");
        for n in 0..16 {
            read(&mut lending, n, 1_000);
            assert_eq!(lending.has_room_ahead(), n < 15, "{n}");
        }
        lending.on_taken(id(3));
        assert!(lending.has_room_ahead());
        (20..28).for_each(|n| assert!(lending.begin(id(n))));
        (0..16).for_each(|n| lending.on_taken(id(n)));
        assert!(!lending.has_room_ahead(), "what is next for somebody can be read, too");
    }

    #[test]
    fn large_blocks_are_read_one_by_one() {
        let mut lending = Lending::default();
        read(&mut lending, 0, AHEAD_BYTES_MAX);
        assert!(!lending.has_room_ahead(), "nobody took it");
        lending.on_taken(id(0));
        assert!(lending.has_room_ahead());
        assert!(lending.begin(id(1)));
        assert!(!lending.has_room_ahead());
    }
}
