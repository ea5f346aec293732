//! Why an item is refused, and what that says of whoever relayed it.

use crate::ground::item::ItemId;

/// Why an item was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{rule}")]
pub struct Rejection {
    /// Name of the broken rule, in `kebab-case`.
    pub rule: &'static str,
    /// What it says of who relayed the item.
    pub blame: Blame,
    /// The pooled transaction that was first, where that is the reason.
    pub rival: Option<Rival>,
}

/// A pooled transaction that stands in the way of another, since both claim the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rival {
    /// Its id. Of several, the one that pays the highest rate.
    pub id: ItemId,
    /// The least fee with which a transaction of the same size and claims would replace it and all others in its way, as
    /// the pool is now. `None` if none would.
    pub least_fee: Option<u64>,
}

/// What a rejection says of the peer that relayed the item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blame {
    /// An honest peer may well have relayed it: its view of the chain differs from ours.
    Nobody,
    /// No honest node relays it: the rule depends on the bytes alone.
    Peer,
    /// No honest node relays it, and the id may yet belong to a good item: the body was swapped under
    /// a good header. The peer is blamed, the id isn't.
    Mutated,
}

impl Rejection {
    /// A rule that an honest peer may have broken.
    #[must_use]
    pub const fn policy(rule: &'static str) -> Self {
        Self { rule, blame: Blame::Nobody, rival: None }
    }

    /// A rule that no honest peer breaks.
    #[must_use]
    pub const fn invalid(rule: &'static str) -> Self {
        Self { rule, blame: Blame::Peer, rival: None }
    }

    /// A body that doesn't belong to its header.
    #[must_use]
    pub const fn mutated(rule: &'static str) -> Self {
        Self { rule, blame: Blame::Mutated, rival: None }
    }

    /// A rule that was broken because of a pooled transaction that was first.
    #[must_use]
    pub const fn against(rule: &'static str, rival: Rival) -> Self {
        Self { rule, blame: Blame::Nobody, rival: Some(rival) }
    }
}

/// Refuses keys of which no two may be the same.
pub(super) fn refuse_duplicates<T: Ord>(
    mut keys: Vec<T>,
    rule: &'static str,
) -> Result<(), Rejection> {
    keys.sort_unstable();
    let repeats = keys.windows(2).any(|pair| pair[0] == pair[1]);
    if repeats { Err(Rejection::invalid(rule)) } else { Ok(()) }
}
