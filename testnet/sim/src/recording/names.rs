//! Which items a message names or carries.

use tidings_protocol::chain::Chain;
use tidings_protocol::ground::item::{Hash256, ItemId, ItemKind, Name, ShortId};
use tidings_protocol::wire::message::{Blocks, Items, Message, Reconcile, Signal, Symbols};

/// What an item is called.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Named {
    /// By its short id.
    Short(ShortId),
    /// A block, by its hash.
    Block(Hash256),
}

impl Named {
    /// The block that it is.
    pub(super) fn block(self) -> Option<ItemId> {
        match self {
            Self::Short(_) => None,
            Self::Block(hash) => Some(ItemId::block(hash)),
        }
    }

    /// Its short id.
    pub(super) fn short(self) -> ShortId {
        match self {
            Self::Short(id) => id,
            Self::Block(hash) => ItemId::block(hash).into(),
        }
    }
}

/// Tells each item of a message. Transactions of a block and parts of one are none: what is told is the block, where the
/// message says its hash or begins with its header.
pub(crate) fn items_of(message: &Message, chain: &dyn Chain, mut tell: impl FnMut(Named)) {
    let of = |id: ItemId| match id.kind() {
        ItemKind::Tx => Named::Short(id.into()),
        ItemKind::Block => Named::Block(id.hash()),
    };
    let mut headed = |header: &[u8]| {
        if let Ok(hash) = chain.identify(ItemKind::Block, header) {
            tell(Named::Block(hash));
        }
    };
    match message {
        Message::Blocks(Blocks::Compact(block)) => headed(&block.header),
        Message::Blocks(Blocks::ByTemplate(block)) => headed(&block.header),
        Message::Symbols(Symbols::Offer(offer)) => headed(&offer.header),
        Message::Items(Items::Item(item)) => tell(of(item.id())),
        Message::Items(Items::Announce(names) | Items::GetData(names) | Items::NotFound(names)) => {
            names.iter().for_each(|name| match name {
                Name::Whole(id) => tell(of(id)),
                Name::Short(id) => tell(Named::Short(id)),
            });
        }
        Message::Blocks(Blocks::GetParts(wanted)) => tell(Named::Block(wanted.block)),
        Message::Blocks(Blocks::Parts(parts)) => tell(Named::Block(parts.block)),
        Message::Symbols(Symbols::Get(wanted)) => tell(Named::Block(wanted.block)),
        Message::Blocks(Blocks::GetListed(ids))
        | Message::Relay(Signal::Known(ids) | Signal::First(ids))
        | Message::Reconcile(Reconcile::Lacked(ids)) => {
            ids.iter().for_each(|id| tell(Named::Short(*id)));
        }
        Message::Reconcile(Reconcile::Held(lists)) => {
            let ids = lists.iter().flat_map(|list| list.ids.iter());
            ids.for_each(|id| tell(Named::Short(*id)));
        }
        _ => {}
    }
}
