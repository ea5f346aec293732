//! Why an item is refused, and what that says of whoever relayed it.

/// Why an item was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{rule}")]
pub struct Rejection {
    /// Name of the broken rule, in `kebab-case`.
    pub rule: &'static str,
    /// What it says of who relayed the item.
    pub blame: Blame,
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
        Self { rule, blame: Blame::Nobody }
    }

    /// A rule that no honest peer breaks.
    #[must_use]
    pub const fn invalid(rule: &'static str) -> Self {
        Self { rule, blame: Blame::Peer }
    }

    /// A body that doesn't belong to its header.
    #[must_use]
    pub const fn mutated(rule: &'static str) -> Self {
        Self { rule, blame: Blame::Mutated }
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
