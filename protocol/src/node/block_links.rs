//! Links for blocks alone: nothing else is said on them, either way. Why there are such is told in `peers/roles.rs`.

use super::Node;
use crate::ground::item::{Item, ItemId, ItemKind};
use crate::ground::link::Link;
use crate::machine::Cx;
use crate::record::Manner;
use crate::wire::message::{Items, Message};

impl Node {
    /// A link for blocks alone is ready: its peer is told of the latest.
    pub(super) fn begin_blocks(&mut self, link: Link, cx: &mut Cx<'_>) {
        self.block_links.push(link);
        if let Some(state) = self.links.get_mut(link) {
            state.only_blocks = true;
        }
        self.tell_latest_blocks(link, cx);
    }

    /// Whether a link is for blocks alone.
    pub(super) fn is_for_blocks(&self, link: Link) -> bool {
        self.links.get(link).is_some_and(|state| state.only_blocks)
    }

    /// A new block is told on the links for blocks; the strategy doesn't see them.
    pub(super) fn tell_block_links(&mut self, block: &Item, cx: &mut Cx<'_>) {
        let id: ItemId = block.id();
        for place in 0..self.block_links.len() {
            let link = self.block_links[place];
            if !self.seen.knows(id, link) {
                self.announce(link, ItemKind::Block, &[id], Manner::Now, cx);
            }
        }
    }
}

/// Whether a message may come on a link for blocks alone.
pub(super) fn is_of_blocks(message: &Message) -> bool {
    match message {
        Message::Items(Items::Announce(names) | Items::GetData(names) | Items::NotFound(names)) => {
            names.kind() == ItemKind::Block
        }
        Message::Items(Items::Item(item)) => item.kind() == ItemKind::Block,
        Message::Session(_)
        | Message::Blocks(_)
        | Message::Symbols(_)
        | Message::Unknown { .. }
        | Message::Items(Items::FeeFilter(_) | Items::Credit(_)) => true,
        Message::Peers(_) | Message::Relay(_) | Message::Reconcile(_) | Message::Replica(_) => {
            false
        }
    }
}
