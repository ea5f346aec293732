//! The pure core of Tidings: gossip relay of transactions and blocks as a state machine.
//!
//! One [`Node`](node::Node) is one relay node. It has no clock, no I/O, no threads and no entropy:
//! a driver hands it one [`Input`](machine::Input) at a time and carries out the
//! [`Action`](machine::Action)s that it appends. The same value runs behind libp2p in `tidings`, in
//! memory in the tests, and in the simulator. The whole contract stands at [`machine`].
//!
//! This file is the plan of the house, from the ground up: a room uses only rooms that stand before it here.

/// The gossip family by name. A strategy is a file in the room `relay` below and a line here; of these lines,
/// [`params`] makes the names and [`relay`] the enum.
macro_rules! for_each_strategy {
    ($define:ident) => {
        $define! {
            /// [`crate::relay::Adaptive`].
            #[default]
            Adaptive = "adaptive",
            /// [`crate::relay::DirectMail`].
            DirectMail = "direct-mail",
            /// [`crate::relay::Flood`].
            Flood = "flood",
            /// [`crate::relay::Inventory`].
            Inventory = "inventory",
            /// [`crate::relay::Push`].
            Push = "push",
            /// [`crate::relay::Pull`].
            Pull = "pull",
            /// [`crate::relay::PushPull`].
            PushPull = "push-pull",
            /// [`crate::relay::Rumor`].
            Rumor = "rumor",
            /// [`crate::relay::Plumtree`].
            Plumtree = "plumtree",
            /// [`crate::relay::Dog`].
            Dog = "dog",
            /// [`crate::relay::Eth68`].
            Eth68 = "eth68",
            /// [`crate::relay::Cat`].
            Cat = "cat",
            /// [`crate::relay::Gossipsub`].
            Gossipsub = "gossipsub",
            /// [`crate::relay::Reconcile`].
            Reconcile = "reconcile",
        }
    };
}

/// Words that everybody uses: time, links, peers, items and their ids, salted maps, fees.
pub mod ground {
    pub(crate) mod backlog;
    pub mod bringer;
    pub mod fee;
    pub mod item;
    pub mod link;
    pub mod map;
    pub mod peer;
    pub mod reach;
    pub mod subnet;
    pub mod time;
    pub(crate) mod varint;
}

pub mod chain;

/// What peers say, and how it looks in bytes.
pub mod wire {
    pub(crate) mod cursor;
    pub mod digest;
    pub mod error;

    pub(crate) mod bytes;

    pub mod merkle;
    pub mod message;
    pub mod sketch;

    pub mod kinds;

    pub mod codec;
    pub mod frame;
}

pub mod merkle;

pub mod replica;

pub mod membership;

pub mod params;

/// What one peer may cost us, and when that is misbehavior.
pub mod limits {
    pub mod allowance;
    pub mod bucket;
    pub mod budget;
    pub mod misbehavior;
}

/// What a machine reports and counts.
pub mod report {
    pub mod counters;
    pub mod event;
}

pub mod machine;

pub mod member;

/// What is known of items, and which of them are kept.
pub mod items {
    pub mod blocks;
    pub mod coding;
    pub mod confirming;
    pub mod orphanage;
    pub mod orphans;
    pub mod pool;
    pub mod recent;
    pub mod restoring;
    pub mod seen;
    pub mod unbroadcast;
    pub mod verification;

    pub mod templates;

    pub mod rebuilding;
}

/// The chain of blocks: which there are, which of them count, and how they are fetched.
pub mod blocks {
    pub mod tree;

    pub mod download;
    pub mod header_sync;
    pub mod limbo;

    pub mod activation;

    pub mod blockchain;
}

pub mod record;

/// What lets nothing be missed for good.
pub mod reconcile {
    pub mod sketch;

    pub mod kept;
    pub mod telling;
    pub mod vain;

    pub mod by_sketch;

    pub mod anti_entropy;
}

/// Who gets what, when: the strategies, and what all of them share.
pub mod relay {
    pub mod announce;
    pub mod announce_blocks;
    pub mod block_pushers;
    pub mod coded;
    pub mod credit;
    pub mod embargo;
    pub mod fee_filter;
    pub mod push_blocks;
    pub mod rate_limiter;
    pub mod request;
    pub mod serve;
    pub mod strategy;
    pub mod symbol_streams;
    pub mod topology;
    pub mod upload;

    pub mod found;
    pub mod reconcile_links;
    pub mod round;
    pub mod turns;

    pub mod adaptive;
    pub mod cat;
    pub mod direct_mail;
    pub mod dog;
    pub mod eth68;
    pub mod flood;
    pub mod gossipsub;
    pub mod inventory;
    pub mod plumtree;
    pub mod pull;
    pub mod push;
    pub mod push_pull;
    pub mod reconcile;
    pub mod rumor;

    mod any;
    #[cfg(test)]
    mod fake;

    pub use adaptive::Adaptive;
    pub use any::AnyStrategy;
    pub use cat::Cat;
    pub use direct_mail::DirectMail;
    pub use dog::Dog;
    pub use eth68::Eth68;
    pub use flood::Flood;
    pub use gossipsub::Gossipsub;
    pub use inventory::Inventory;
    pub use plumtree::Plumtree;
    pub use pull::Pull;
    pub use push::Push;
    pub use push_pull::PushPull;
    pub use reconcile::Reconcile;
    pub use rumor::Rumor;
    pub use strategy::{Neighbour, Overlay, RelayCx, Step, Strategy};
}

pub mod peers;

pub mod node;

/// An in-memory network of nodes, and the rigs that stand beside it: for tests, here and of whoever embeds the core.
#[cfg(feature = "testkit")]
pub mod testkit {
    pub mod chaos;
    pub mod coins;
    pub mod fleet;
    pub mod hostile;
    pub mod members;
    mod mesh;
    mod queue;
    pub mod rounds;
    pub mod siege;
    pub mod ties;

    pub use mesh::{Closing, Mesh};
}
