//! The attacks, each by its name, and the protections that can be switched off.

use tidings_protocol::params::Params;
use tidings_sim::gym::internet::Grouping;
use tidings_sim::gym::{self, Aftermath, Setup};

/// One attack.
#[derive(Debug)]
pub(crate) struct Attack {
    pub(crate) name: &'static str,
    /// What is done.
    pub(crate) what: &'static str,
    /// What of it counts as success.
    pub(crate) success: &'static str,
    /// With so many addresses.
    pub(crate) setup: fn(usize) -> Setup,
    pub(crate) succeeds: fn(&Aftermath) -> bool,
    /// What is left out for comparison, if anything: then the attacker's share without it is known, too.
    pub(crate) own: Option<fn(&mut Setup)>,
    /// What must hold of an attacker with [`STANDARD`] addresses.
    pub(crate) goal: Option<Goal>,
}

/// What must hold.
#[derive(Debug)]
pub(crate) struct Goal {
    pub(crate) text: &'static str,
    /// Of a run, and of the same run without the attack's `own` part.
    pub(crate) holds: fn(&Aftermath, &Aftermath) -> bool,
}

/// A protection that the gym can switch off, or one that can be had besides.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Protection {
    pub(crate) name: &'static str,
    pub(crate) switch_off: fn(&mut Setup),
}

/// Addresses, and the networks in which they are, of the attacker that all attacks are tried with.
pub(crate) const STANDARD: (usize, usize) = (500, 64);

/// Honest hosts, and in how many networks: as spread as Bitcoin's reachable nodes, of whom most are alone in their /16.
const HONEST: (usize, usize) = (1_000, 800);

/// What is switched off, one at a time.
pub(crate) const PROTECTIONS: &[Protection] = &[
    Protection { name: "no groups", switch_off: |setup| setup.grouping = Grouping::Nothing },
    Protection { name: "no anchors", switch_off: |setup| setup.has_anchors = false },
    Protection { name: "no feelers", switch_off: |setup| setup.params.peers.feeler_s = 0 },
    Protection {
        name: "and a map of systems",
        switch_off: |setup| setup.grouping = Grouping::Systems,
    },
];

/// The share of the set that hijacked slots may be, beside the links that the attacker is drawn for.
const HIJACKED_MAX: f64 = 0.05;

/// A node of a network of a thousand, which has been there for a while, and whom nobody attacks yet.
fn quiet() -> Setup {
    let mut params = Params::default();
    // Pings are most of what happens in six weeks, and decide nothing here.
    params.health.ping_interval_s = 1_200;
    params.peers.address_trickle_ms = 30_000;
    Setup {
        seed: 0,
        days: 1.0,
        params,
        honest: HONEST.0,
        honest_groups: HONEST.1,
        session_h: 24.0,
        known: HONEST.0,
        dialled_every_s: 300.0,
        attack: gym::Attack::NONE,
        poisoned: 0.0,
        restarts: Vec::new(),
        is_bootstrapped: false,
        grouping: Grouping::Networks,
        has_anchors: true,
    }
}

/// So many addresses in at most so many networks, and links to tell them by.
fn attacker(addresses: usize, groups: usize, links: usize) -> gym::Attack {
    let groups = groups.clamp(1, addresses);
    gym::Attack { addresses, groups, links: links.min(addresses), ..gym::Attack::NONE }
}

/// An attacker who tells for so many days, until the node starts again.
fn poisoned(addresses: usize, groups: usize, days: f64) -> Setup {
    let attack = attacker(addresses, groups, 32);
    Setup { attack, days: days + 0.05, restarts: vec![days], ..quiet() }
}

/// A node that starts for the first time, with three bootstrap addresses of which some are the attacker's.
fn newcomer(addresses: usize, seeds: usize, poisoned: f64) -> Setup {
    let attack = gym::Attack { seeds, ..attacker(addresses, STANDARD.1, 32) };
    let is_bootstrapped = true;
    Setup { attack, known: 0, poisoned, is_bootstrapped, dialled_every_s: f64::INFINITY, ..quiet() }
}

const RESTARTED: &str = "all outbound links ten minutes after a restart";
const EVER: &str = "all outbound links at any time";

pub(crate) const ATTACKS: &[Attack] = &[
    Attack {
        name: "poison",
        what: "for a day, 32 links from 64 networks tell the attacker's addresses, which are in those networks; then the node starts again \
               (Heilman et al., USENIX Security 2015)",
        success: RESTARTED,
        setup: |addresses| poisoned(addresses, STANDARD.1, 1.0),
        succeeds: |aftermath| aftermath.eclipsed_after_restart,
        own: None,
        goal: Some(Goal {
            text: "no run is eclipsed by 500 addresses in 64 networks",
            holds: |aftermath, _| !aftermath.eclipsed_after_restart,
        }),
    },
    Attack {
        name: "botnet",
        what: "the same, with each address in a network of its own, up to 4,000",
        success: RESTARTED,
        setup: |addresses| poisoned(addresses, 4_000, 1.0),
        succeeds: |aftermath| aftermath.eclipsed_after_restart,
        own: None,
        goal: None,
    },
    Attack {
        name: "erebus",
        what: "six weeks of it, from one autonomous system with addresses in up to 4,000 networks, and a restart at the end (Tran et al., IEEE S&P 2020)",
        success: RESTARTED,
        setup: |addresses| Setup {
            attack: attacker(addresses, 4_000, 8),
            ..poisoned(addresses, 4_000, 42.0)
        },
        succeeds: |aftermath| aftermath.eclipsed_after_restart,
        own: None,
        goal: Some(Goal {
            text: "no run is eclipsed by 500 addresses after six weeks",
            holds: |aftermath, _| aftermath.eclipsed_after.is_none(),
        }),
    },
    Attack {
        name: "seeds",
        what: "a new node has three bootstrap addresses, of which two are the attacker's, and of what honest peers tell a third is (arXiv 2601.16560)",
        success: EVER,
        setup: |addresses| newcomer(addresses, 2, 1.0 / 3.0),
        succeeds: |aftermath| aftermath.eclipsed_after.is_some(),
        own: None,
        goal: None,
    },
    Attack {
        name: "one-seed",
        what: "a new node has three bootstrap addresses, of which one knows none but the attacker",
        success: EVER,
        setup: |addresses| newcomer(addresses, 1, 0.0),
        succeeds: |aftermath| aftermath.eclipsed_after.is_some(),
        own: None,
        goal: Some(Goal {
            text: "one bad seed of three owns at most a quarter of the set",
            holds: |aftermath, _| aftermath.share <= 0.25,
        }),
    },
    Attack {
        name: "hijack",
        what: "for a day the attacker holds inbound links, and breaks one of the node's honest outbound links every minute, so that its slot is free",
        success: EVER,
        setup: |addresses| Setup {
            attack: gym::Attack { breaks_every_s: 60.0, ..attacker(addresses, STANDARD.1, 64) },
            ..quiet()
        },
        succeeds: |aftermath| aftermath.eclipsed_after.is_some(),
        own: Some(|setup| setup.attack.breaks_every_s = f64::INFINITY),
        goal: Some(Goal {
            text: "no more than 5 % of the set are his beyond those that he has without breaking any",
            holds: |aftermath, without| aftermath.share <= without.share + HIJACKED_MAX,
        }),
    },
    Attack {
        name: "crowd",
        what: "for a day the attacker takes as many inbound places as it is let, one for each of its networks and more, and honest hosts of other \
               networks come every two minutes and stay for an hour: thirty at a time, for whom there is room beside one of each of its networks",
        success: "nine of ten newcomers turned away",
        setup: |addresses| Setup {
            attack: attacker(addresses, STANDARD.1, 200),
            dialled_every_s: 120.0,
            ..quiet()
        },
        succeeds: |aftermath| aftermath.let_in < 0.1,
        own: None,
        goal: Some(Goal {
            text: "nine of ten newcomers are let in",
            holds: |aftermath, _| aftermath.let_in >= 0.9,
        }),
    },
    Attack {
        name: "churn",
        what: "a tenth of the honest hosts goes each minute, and the attacker's never do, for a day of telling",
        success: EVER,
        setup: |addresses| Setup { session_h: 1.0 / 6.0, ..poisoned(addresses, STANDARD.1, 1.0) },
        succeeds: |aftermath| aftermath.eclipsed_after.is_some(),
        own: None,
        goal: None,
    },
];
