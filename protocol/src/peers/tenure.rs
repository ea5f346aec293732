//! Whether a link keeps its place, and why: for whoever looks at a node.

use super::Peers;
use super::eviction::{self, Candidate, Shield, Standing};
use super::table::{Peer, Place};
use super::useless;
use crate::ground::link::Link;
use crate::ground::time::Time;
use crate::limits::misbehavior::Fault;

/// What of a link's place is to be said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tenure {
    /// It keeps it, whoever comes.
    Protected(Shield),
    /// It was chosen by us; if it is of the set, it may be exchanged at random.
    Ordinary,
    /// It was chosen by us, and is exchanged first: it is of no use.
    Useless(Fault),
    /// It was never to stay: it leads to a seed, or it is a feeler.
    Passing,
    /// Once all inbound places are taken it may give way to a newcomer whose network has two links fewer than its own.
    Loose {
        /// How many links its network has.
        links: usize,
        /// Whether it is the first to go.
        is_first: bool,
    },
}

impl Peers {
    /// Of each link whether it keeps its place. `standing` tells of any link. Sorts all links some times.
    #[must_use]
    pub fn tenures(&self, standing: &dyn Fn(Link) -> Standing, now: Time) -> Vec<(Link, Tenure)> {
        let (set, inbound) = (self.set(standing), self.may_give_way(standing));
        let shields: Vec<_> = useless::protected(&set).collect();
        let shields = (shields, eviction::protected(inbound.clone(), self.secret));
        let first = eviction::first_of_largest(inbound.clone(), self.secret);
        let tenure = |link, peer: &Peer| match peer.place {
            Place::Inbound => of_guest(link, &inbound, &shields.1, first),
            Place::Seed => Tenure::Passing,
            Place::Outbound if self.feeler.is(link) => Tenure::Passing,
            _ if self.is_kept(link, peer) => Tenure::Protected(Shield::Named),
            Place::Compared | Place::Blocks => Tenure::Ordinary,
            Place::Outbound => of_chosen(link, &set, &shields.0, now),
        };
        self.table.iter().map(|(link, peer)| (link, tenure(link, peer))).collect()
    }

    /// Whether a link is to stay whatever happens: our operator named it, or views decide.
    fn is_kept(&self, link: Link, peer: &Peer) -> bool {
        self.outbound.is_fixed_mode()
            && peer.dialled.is_some_and(|addr| self.outbound.is_fixed(addr))
            || self.is_neighbour(link)
    }
}

fn shield_of(link: Link, shields: &[(Link, Shield)]) -> Option<Tenure> {
    let found = shields.iter().find(|(other, _)| *other == link);
    found.map(|(_, shield)| Tenure::Protected(*shield))
}

fn of_chosen(link: Link, set: &[Candidate], shields: &[(Link, Shield)], now: Time) -> Tenure {
    let fault = set.iter().find(|one| one.link == link);
    let fault = fault.and_then(|one| useless::fault_of(one, set, now));
    let tenure = fault.map_or(Tenure::Ordinary, Tenure::Useless);
    shield_of(link, shields).unwrap_or(tenure)
}

fn of_guest(
    link: Link,
    inbound: &[Candidate],
    shields: &[(Link, Shield)],
    first: Option<Link>,
) -> Tenure {
    let Some(one) = inbound.iter().find(|one| one.link == link) else {
        return Tenure::Protected(Shield::Named);
    };
    let alike = inbound.iter().filter(|other| other.standing.group == one.standing.group);
    let loose = Tenure::Loose { links: alike.count(), is_first: first == Some(link) };
    shield_of(link, shields).unwrap_or(match loose {
        Tenure::Loose { links: 1, .. } => Tenure::Protected(Shield::Alone),
        _ => loose,
    })
}
