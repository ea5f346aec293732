//! What rides on the pings besides who lives: each part can be switched off.

use super::super::phi::PhiSettings;
use super::super::{queries, state, user_events};

/// Who suspects members that fall silent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FailureDetector {
    /// Pings that nobody answers (SWIM).
    #[default]
    Pings,
    /// Heartbeats that stay away ([`crate::membership::phi`]): a member is suspected when its phi passes the threshold, and not for
    /// pings. It refutes that as it would any accusation. A liar who counts up the heartbeat of a dead member keeps it alive so.
    Phi,
}

/// What rides on the pings.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Riding {
    /// What members say of themselves ([`crate::membership::state`]). `None` switches it off, and with it heartbeats and phi.
    pub state: Option<state::Settings>,
    /// Most bytes of what a ping says that is known. A guess: some thirty members. A quiet fleet of 20 then costs 560 bytes a second and
    /// member, and one of 200 870 (simulated; Serf's 320).
    pub digest_bytes: usize,
    /// Most bytes of the latest changes that a ping and its answer bring unasked. A guess: five to ten keys. Zero switches that off.
    pub push_bytes: usize,
    /// How phi is made of heartbeats.
    pub phi: PhiSettings,
    /// For how many members: each takes 64 bytes and 4 for each interval that is remembered. Others have none. Zero switches it off.
    pub phi_max: usize,
    /// Who suspects others.
    pub detector: FailureDetector,
    /// Whether it is spread who leads ([`crate::membership::leader`]).
    pub leaders: bool,
    /// Events ([`crate::membership::user_events`]).
    pub events: Option<user_events::Settings>,
    /// Queries ([`crate::membership::queries`]).
    pub queries: Option<queries::Settings>,
    /// Of how many members coordinates are remembered, 100 bytes each. Of more, others give way. Zero switches coordinates off.
    pub coordinates_max: usize,
    /// In how many trees a rumor is told on at once (`trees`). None: it is gossiped as all news.
    pub trees: usize,
    /// How many each member tells in a tree. A guess: twenty members are two hops away.
    pub arity: usize,
    /// A rumor rides on `mult * ceil(log10(n + 1))` packets of each member. With trees that only repairs: two pings and two answers among twenty, a
    /// guess. Without, memberlist's `RetransmitMult`.
    pub rumor_mult: u32,
    /// Most rumors that wait to be told, and most bytes of them; what was told most often goes first. Guesses.
    pub rumors_max: (usize, usize),
}

impl Riding {
    /// All of it.
    pub const FLEET: Self = Self {
        state: Some(state::Settings::USUAL),
        digest_bytes: 512,
        push_bytes: 400,
        phi: PhiSettings::gossip(),
        phi_max: 512,
        detector: FailureDetector::Pings,
        leaders: true,
        events: Some(user_events::Settings::USUAL),
        queries: Some(queries::Settings::USUAL),
        coordinates_max: 512,
        trees: 2,
        arity: 4,
        rumor_mult: 2,
        rumors_max: (1_024, 512 << 10),
    };

    /// What Serf adds to memberlist: events, queries and coordinates, gossiped as news.
    pub const SERF: Self =
        Self { state: None, phi_max: 0, leaders: false, trees: 0, rumor_mult: 4, ..Self::FLEET };

    /// Nothing.
    pub const OFF: Self = Self { events: None, queries: None, coordinates_max: 0, ..Self::SERF };

    /// What is possible of it: so that a ping has room for each part, and phi for heartbeats.
    pub(super) fn checked(mut self) -> Self {
        self.digest_bytes = self.digest_bytes.clamp(64, 700);
        self.push_bytes = self.push_bytes.min(500);
        self.trees = self.trees.min(4);
        self.arity = self.arity.clamp(1, 16);
        if self.state.is_none() {
            (self.phi_max, self.detector) = (0, FailureDetector::Pings);
        }
        self
    }
}
