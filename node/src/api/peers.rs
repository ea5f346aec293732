//! Each link of a node, and each address that it knows.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tidings_protocol::ground::link::Direction;
use tidings_protocol::ground::peer::PeerAddr;
use utoipa::ToSchema;

use super::schema::{Address, Dialled};

/// State of one link.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct PeerStatus {
    /// Handle of the link, for matching with logs.
    pub link: String,
    /// Identity of the peer.
    pub peer_id: String,
    /// Who dialled.
    #[schema(value_type = Dialled)]
    pub direction: Direction,
    /// Address at the other end as the transport sees it.
    #[schema(value_type = Option<Address>)]
    pub remote: Option<PeerAddr>,
    /// Where the peer says that it can be dialled.
    #[schema(value_type = Option<Address>)]
    pub advertise: Option<PeerAddr>,
    /// Its network group; `None` if its address is by itself.
    #[serde(default)]
    pub group: Option<String>,
    /// Seconds since the link came up.
    pub connected_s: f64,
    /// Last round trip, milliseconds; `None` before the first pong.
    pub rtt_ms: Option<f64>,
    /// Items requested from the peer and not yet answered.
    pub in_flight: usize,
    /// Bytes queued for the peer.
    pub queued_bytes: usize,
    /// Whether nothing is announced there, but for what a comparison found (`relay.reconcile_links`).
    #[serde(default)]
    pub only_compares: bool,
    /// Whether nothing is said there but of blocks (`peers.block_only`).
    #[serde(default)]
    pub only_blocks: bool,
    /// Memory that messages of and for the peer take, bytes.
    #[serde(default)]
    pub held_bytes: usize,
    /// What passed on the link; `None` if the node records nothing.
    #[serde(default)]
    pub passed: Option<PassedStatus>,
    /// What is left of each of its budgets, by name.
    #[serde(default)]
    pub budgets: BTreeMap<String, BudgetStatus>,
    /// Whether it keeps its place, and why; `None` if that isn't known.
    #[serde(default)]
    pub place: Option<PlaceStatus>,
}

/// All links of a node.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
pub struct Peers {
    /// One for each link whose hello arrived.
    pub peers: Vec<PeerStatus>,
}

/// What passed on a link since it came up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PassedStatus {
    /// Ids that the peer announced.
    pub announced: u64,
    /// Items that it was asked for.
    pub requested: u64,
    /// Items that it sent.
    pub received: u64,
    /// Items that it sent though nobody had asked.
    pub unsolicited: u64,
    /// Ids that it was told of.
    pub told: u64,
    /// Items that it was sent.
    pub sent: u64,
    /// Bytes that came, framing included, transport security excluded.
    pub received_bytes: u64,
    /// Bytes that left.
    pub sent_bytes: u64,
}

/// How much of one budget is left.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct BudgetStatus {
    /// So much may come at once: messages, ids, bytes or addresses.
    pub left: usize,
    /// So much it is when it is full.
    pub burst: f64,
    /// How long until its debt is paid, milliseconds; 0 without any.
    pub debt_ms: u64,
}

/// Whether a link keeps its place.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PlaceStatus {
    /// In a word.
    pub keeps: Keeps,
    /// Why: what protects it (`network`, `near`, `tx`, `block`, `age`, `alone`, `named`), or what is held against it
    /// (`idle`, `slow`, `behind`). Nothing, if it is neither protected nor at fault.
    pub why: Option<String>,
    /// How many links of those that may give way are of its network, where that counts.
    pub links_of_network: Option<usize>,
    /// The shortest of its round trips, milliseconds.
    pub least_rtt_ms: Option<f64>,
    /// Seconds since it last brought a transaction that was new here.
    pub brought_tx_s: Option<f64>,
    /// Seconds since it last brought a block that was new here.
    pub brought_block_s: Option<f64>,
    /// For how many rounds of news it told and sent nothing that is here.
    pub idle_rounds: u32,
    /// For how many it asked for nothing either, nor was found to keep the same.
    pub silent_rounds: u32,
}

/// What becomes of a link's place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Keeps {
    /// It stays, whoever comes.
    Protected,
    /// It may be exchanged at random.
    Ordinary,
    /// It is exchanged first.
    Useless,
    /// It was never to stay.
    Passing,
    /// It may give way once all inbound places are taken.
    Loose,
    /// Of these, it is the first.
    First,
}

/// One address that a node knows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AddressStatus {
    /// Which.
    #[schema(value_type = Address)]
    pub addr: PeerAddr,
    /// Whether it stands among those that were reached, and not among those that are only heard of.
    pub tried: bool,
    /// Which bucket of that table it stands in.
    pub bucket: u32,
    /// Its network group; `None` if it is by itself.
    pub group: Option<String>,
    /// Who told it first: the operator, a name that was looked up (or who answered on this link), some peer of a network, or a peer nearby.
    pub source: String,
    /// Whether a link leads there.
    pub connected: bool,
    /// Seconds since it was last dialled in this run.
    pub attempted_s: Option<f64>,
    /// Seconds since a peer last said hello there in this run.
    pub reached_s: Option<f64>,
    /// How often a peer said hello there.
    pub successes: u32,
    /// Failures in a row that are held against it.
    pub failures: u16,
    /// Seconds until it may be dialled again; 0 if it may be now.
    pub retry_s: f64,
}

/// Most addresses that one page has.
pub const ADDRESSES_MAX: usize = 1_000;

/// Some of the addresses that a node knows, in the order of their bytes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AddressPage {
    /// The addresses.
    pub addresses: Vec<AddressStatus>,
    /// How many the node knows in all.
    pub count: usize,
    /// What to ask for the next page with (`after`); `null` if this is the last.
    #[serde(default)]
    pub next: Option<String>,
}

/// An autonomous system as the core numbers it, among networks.
const SYSTEM: u32 = 0x8000_0000;

/// A network group as people know it: `AS15169`, `8.8.0.0/16` or `2001:4860::/32`.
#[must_use]
pub fn group_name(group: u32) -> String {
    let [a, b, c, d] = group.to_be_bytes();
    match group {
        SYSTEM.. => format!("AS{}", group - SYSTEM),
        0..0x1_0000 => format!("{c}.{d}.0.0/16"),
        _ => format!("{:x}:{:x}::/32", u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d])),
    }
}

/// An address that was heard of, with a bit of everything.
#[cfg(test)]
pub(crate) fn example() -> AddressStatus {
    AddressStatus {
        addr: "198.51.100.7:4000".parse().unwrap(),
        tried: false,
        bucket: 3,
        group: Some("198.51.0.0/16".to_owned()),
        source: "203.0.0.0/16".to_owned(),
        connected: false,
        attempted_s: Some(61.0),
        reached_s: None,
        successes: 0,
        failures: 2,
        retry_s: 30.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_are_called_as_people_call_them() {
        let names = [0x0808, 0x2001_4860, SYSTEM | 15_169].map(group_name);
        assert_eq!(names, ["8.8.0.0/16", "2001:4860::/32", "AS15169"]);
    }
}
