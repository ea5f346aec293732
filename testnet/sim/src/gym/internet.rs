//! The hosts around the node: honest ones, which come and go, and the attacker's.
//!
//! Each host has an IPv4 address of its own. Hosts of one group share the first sixteen bits, and no group has hosts of both kinds: honest groups
//! begin at 1.0.0.0, the attacker's at 128.0.0.0.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use rand::RngExt as _;
use rand::seq::IteratorRandom as _;
use tidings_protocol::ground::peer::{PeerAddr, PeerKey};
use tidings_protocol::peers::book::groups::{AsMap, Groups};
use tidings_protocol::wire::message::ADDRESSES_MAX;

use super::{Attack, Setup, exponential};
use crate::random::{SplitMix64, Use, mix, shared, stream};

/// Most groups of either kind: what lies between the two beginnings, without the ranges that aren't the world's.
pub const GROUPS_MAX: usize = 8_000;

/// Where honest groups and the attacker's begin.
const BEGINS: [u32; 2] = [1 << 24, 128 << 24];

/// Most hosts in a group.
const HOSTS_MAX: usize = 1 << 16;

/// The port of all.
const PORT: u16 = 4000;

/// Bootstrap addresses that a node is given.
const SEEDS: usize = 3;

/// How much of its book a peer tells (Bitcoin Core's `MAX_PCT_ADDR_TO_SEND`), of those that it knows.
const TOLD_PERCENT: usize = 23;

/// Who is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Host {
    /// An honest host, by its number.
    Honest(u32),
    /// One of the attacker's.
    Attacker(u32),
}

/// By what the node groups addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grouping {
    /// By network, as it does without a map.
    Networks,
    /// By nothing: each address is a group of its own.
    Nothing,
    /// By autonomous system, of a map that knows the attacker to be one.
    Systems,
}

impl Grouping {
    /// The rule.
    #[must_use]
    pub fn groups(self) -> Groups {
        match self {
            Self::Networks => Groups::default(),
            Self::Nothing | Self::Systems => Groups::by_system(Arc::new(self)),
        }
    }
}

impl AsMap for Grouping {
    fn system_of(&self, ip: IpAddr) -> Option<u32> {
        let IpAddr::V4(ip) = ip else { return None };
        let [honest, attackers] = BEGINS;
        match self {
            Self::Networks => None,
            // The attacker's begin where half of all do, which a system's number has no bit for.
            Self::Nothing => {
                let ip = ip.to_bits();
                Some(if ip >= attackers { ip - attackers + (1 << 30) } else { ip })
            }
            Self::Systems => (ip.to_bits() >= attackers).then_some(honest),
        }
    }
}

/// All hosts.
#[derive(Clone, Debug)]
pub struct Internet {
    honest: Vec<bool>,
    honest_groups: u32,
    attackers: u32,
    attacker_groups: u32,
    session_s: f64,
}

impl Internet {
    /// The hosts of a setup: nine honest ones of ten are up.
    ///
    /// # Panics
    /// If there are more groups than [`GROUPS_MAX`], or more than 65,536 hosts in one.
    #[must_use]
    pub fn new(setup: &Setup) -> Self {
        let Attack { addresses, groups, .. } = setup.attack;
        for (hosts, groups) in [(setup.honest, setup.honest_groups), (addresses, groups)] {
            assert!(
                groups <= GROUPS_MAX && hosts <= groups * HOSTS_MAX,
                "{hosts} hosts in {groups} groups"
            );
        }
        let rng = &mut stream(setup.seed, Use::Gym, 1);
        Self {
            honest: (0..setup.honest).map(|_| rng.random_bool(0.9)).collect(),
            honest_groups: narrow(setup.honest_groups),
            attackers: narrow(addresses),
            attacker_groups: narrow(groups),
            session_s: setup.session_h * 3_600.0,
        }
    }

    /// How many honest hosts there are.
    #[must_use]
    pub fn honest(&self) -> u32 {
        narrow(self.honest.len())
    }

    /// Where a host can be dialled.
    #[must_use]
    pub const fn addr(&self, host: Host) -> PeerAddr {
        let (begin, number, groups) = match host {
            Host::Honest(number) => (BEGINS[0], number, self.honest_groups),
            Host::Attacker(number) => (BEGINS[1], number, self.attacker_groups),
        };
        let ip = begin + ((number % groups) << 16) + number / groups;
        PeerAddr::tcp(SocketAddr::new(IpAddr::V4(Ipv4Addr::from_bits(ip)), PORT))
    }

    /// Who is at an address.
    #[must_use]
    pub fn at(&self, addr: PeerAddr) -> Option<Host> {
        let IpAddr::V4(ip) = addr.ip else { return None };
        let number = |begin: u32, groups: u32| {
            let place = ip.to_bits().checked_sub(begin)?;
            let (group, host) = (place >> 16, place & 0xFFFF);
            (group < groups).then(|| host * groups + group)
        };
        if let Some(number) = number(BEGINS[1], self.attacker_groups) {
            return (number < self.attackers).then_some(Host::Attacker(number));
        }
        let number = number(BEGINS[0], self.honest_groups)?;
        (number < self.honest()).then_some(Host::Honest(number))
    }

    /// How a host is known to its peers.
    #[must_use]
    pub const fn key(host: Host) -> PeerKey {
        PeerKey(match host {
            Host::Honest(number) => mix(number as u64 + 1),
            Host::Attacker(number) => mix(number as u64 + (1 << 40)),
        })
    }

    /// Whether a host is up. The attacker's always are.
    #[must_use]
    pub fn is_up(&self, host: Host) -> bool {
        match host {
            Host::Honest(number) => self.honest[number as usize],
            Host::Attacker(_) => true,
        }
    }

    /// An honest host goes down, or comes up. Returns whether it is up now.
    pub fn turn(&mut self, host: u32) -> bool {
        let is_up = &mut self.honest[host as usize];
        *is_up = !*is_up;
        *is_up
    }

    /// For how long an honest host stays as it is.
    pub fn spell(&self, host: u32, rng: &mut SplitMix64) -> Duration {
        let share = if self.honest[host as usize] { 1.0 } else { 1.0 / 9.0 };
        exponential(self.session_s * share, rng)
    }

    /// A random honest host that is up.
    pub fn random_honest(&self, rng: &mut SplitMix64) -> Option<u32> {
        (0..self.honest()).filter(|host| self.honest[*host as usize]).choose(rng)
    }

    /// So many honest hosts, up or not.
    pub fn some_honest(&self, count: usize, rng: &mut SplitMix64) -> Vec<u32> {
        shared::sample(self.honest.len(), count, rng).into_iter().map(narrow).collect()
    }

    /// The bootstrap addresses of a node: the attacker's first.
    pub fn seeds(&self, attack: &Attack, rng: &mut SplitMix64) -> Vec<PeerAddr> {
        let owned = (0..self.attackers).take(attack.seeds.min(SEEDS)).map(Host::Attacker);
        let mut seeds: Vec<_> = owned.map(|host| self.addr(host)).collect();
        let honest = self.some_honest(SEEDS.saturating_sub(seeds.len()), rng);
        seeds.extend(honest.into_iter().map(|host| self.addr(Host::Honest(host))));
        seeds
    }

    /// What a host answers who is asked for addresses.
    pub fn sample(&self, host: Host, poisoned: f64, rng: &mut SplitMix64) -> Vec<PeerAddr> {
        match host {
            Host::Honest(_) => {
                let count = (self.honest.len() * TOLD_PERCENT / 100).clamp(1, ADDRESSES_MAX);
                (0..count).map(|_| self.told(poisoned, rng)).collect()
            }
            Host::Attacker(_) => self.attackers(ADDRESSES_MAX, rng),
        }
    }

    /// What an honest peer mentions.
    pub fn mention(&self, poisoned: f64, rng: &mut SplitMix64) -> Vec<PeerAddr> {
        vec![self.told(poisoned, rng)]
    }

    /// So many of the attacker's addresses; all if there are fewer.
    pub fn attackers(&self, count: usize, rng: &mut SplitMix64) -> Vec<PeerAddr> {
        let hosts: Vec<u32> = match count >= self.attackers as usize {
            true => (0..self.attackers).collect(),
            false => (0..count).map(|_| rng.random_range(0..self.attackers)).collect(),
        };
        hosts.into_iter().map(|host| self.addr(Host::Attacker(host))).collect()
    }

    /// An address out of an honest book: up or not, honest or not.
    fn told(&self, poisoned: f64, rng: &mut SplitMix64) -> PeerAddr {
        let host = match self.attackers > 0 && rng.random_bool(poisoned) {
            true => Host::Attacker(rng.random_range(0..self.attackers)),
            false => Host::Honest(rng.random_range(0..self.honest())),
        };
        self.addr(host)
    }
}

fn narrow(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
