//! Who may knock: how many connections from one address and from one network are let through to the handshake.
//!
//! A connection that isn't secured costs a descriptor and, once it speaks, a millisecond of CPU. *Attacks:* sockets that
//! never speak, until no newcomer gets in; one host that takes all inbound places; one that connects and hangs up as
//! fast as it can.
//!
//! # Rules
//! 1. At most [`PENDING_MAX`] connections are being secured, [`PENDING_ADDRESS_MAX`] of one address and
//!    [`PENDING_GROUP_MAX`] of one network (/16 of IPv4, /32 of IPv6). Nobody is turned away for that: the oldest of the
//!    same address, of the same network, or of the network that has most gives way. A newcomer from anywhere
//!    else gets its turn whatever a stranger opens, and what a stranger opens drives out its own.
//! 2. Each has [`HANDSHAKE_TIMEOUT`].
//! 3. One address may have an eighth of the inbound places, one network a quarter.
//! 4. One address may come [`STOCK`] times, and then once a second; one network four times as often.
//! 5. While all places are taken, only those come in for whom one would be given up (`peers/eviction.rs` of the core): whose
//!    network has fewer connections than the largest, by two or more. Others are spared the handshake, and so are we.
//!    Whether they are taken is what the core says, which alone knows whose place a connection has.
//! 6. ... and those of a network that has no connection at all, for whom the core has places of trial (`peers/trial.rs`): a few
//!    times, since a handshake may fail for want of luck, and then rarely.
//! 7. ... and one a second of all others, of whom nobody gets a place: else a full node would look like a dead one to whoever
//!    dials it to see whether it is there, and the network's address books would lose it.
//! 8. Whom the operator bans isn't let in (`shell/bans.rs`).
//!
//! 3 to 7 don't hold for addresses of this machine or site where the network's file allows such: test networks
//! are hundreds of nodes on one address.

use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;
use std::net::IpAddr;
use std::num::NonZeroUsize;
use std::time::Duration;

use lru::LruCache;
use tidings_protocol::ground::bringer;
use tidings_protocol::ground::reach::Origin;
use tidings_protocol::ground::subnet::Subnet;
use tokio::time::Instant;

/// Most connections that are being secured, which costs a millisecond of CPU each. A guess.
pub(crate) const PENDING_MAX: usize = 64;

/// Most of one address. A guess: households and their neighbours share some.
const PENDING_ADDRESS_MAX: usize = 4;

/// Most of one network. A guess.
const PENDING_GROUP_MAX: usize = 8;

/// How long securing an inbound connection may take: three round trips over the slowest of lines. A guess.
pub(crate) const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(3);

/// One address may have one part in so many of the inbound places, and a network twice as much. A guess.
const ADDRESS_SHARE: usize = 8;

/// ... but so many always: nodes with few places are for those who know them. A guess.
const SHARE_MIN: usize = 2;

/// How often one address may come at once. A guess: a node that is restarted time and again.
const STOCK: u32 = 10;

const SECOND: Duration = Duration::from_secs(1);

/// How much more often a network may come. A guess: some of a network's nodes start at the same time.
const NETWORK_STOCKS: u32 = 4;

/// How often a network without a connection may come at once while all places are taken, and then once in [`TRIED_EVERY`]. A
/// guess; the core tries it once a day.
const TRIED: u32 = 4;

/// See [`TRIED`]: as often in a day.
const TRIED_EVERY: Duration = Duration::from_secs(6 * 3_600);

/// How many addresses' comings are remembered. A guess; whoever has more addresses has no use for coming often.
const VISITORS_MAX: NonZeroUsize = NonZeroUsize::new(4_096).expect("it isn't zero");

/// Names a connection that is being secured; the lower, the older.
pub(crate) type Ticket = u64;

/// A network: see [`bringer::group`].
type Group = u32;

/// What is counted of an address or a network. Bounded by connections: who has none isn't listed.
#[derive(Clone, Copy, Debug, Default)]
struct Count {
    pending: usize,
    open: usize,
}

/// The rules, and all that they need to know.
#[derive(Debug)]
pub(crate) struct Gate {
    /// How many inbound connections there may be.
    places: usize,
    /// Whether many nodes may live at one address of this machine or site.
    local: bool,
    pending: BTreeMap<Ticket, IpAddr>,
    next: Ticket,
    addresses: HashMap<IpAddr, Count>,
    groups: HashMap<Group, Count>,
    visitors: Visitors<IpAddr>,
    networks: Visitors<Group>,
    /// Networks without a connection, while all places are taken.
    newcomers: Visitors<Group>,
    /// All others, while all places are taken: together.
    others: Visitors<()>,
    /// Whether all places are taken, as the core says.
    full: bool,
    /// Whom the operator keeps out, and until when.
    banned: Vec<(Subnet, Instant)>,
}

/// How often whoever came lately may still come, and since when that is so.
#[derive(Debug)]
struct Visitors<K: Eq + Hash> {
    stock: u32,
    /// So often more ...
    more: u32,
    /// ... in each such time.
    every: Duration,
    left: LruCache<K, (u32, Instant)>,
}

impl<K: Eq + Hash> Visitors<K> {
    fn new(stock: u32, more: u32, every: Duration) -> Self {
        Self { stock, more, every, left: LruCache::new(VISITORS_MAX) }
    }

    fn may_come(&mut self, who: K, now: Instant) -> bool {
        let (left, since) = self.left.get_or_insert_mut(who, || (self.stock, now));
        let times = now.saturating_duration_since(*since).as_secs() / self.every.as_secs().max(1);
        if times > 0 {
            let granted = u32::try_from(times).unwrap_or(u32::MAX).saturating_mul(self.more);
            (*left, *since) = (left.saturating_add(granted).min(self.stock), now);
        }
        let may = *left > 0;
        *left = left.saturating_sub(1);
        may
    }
}

impl Gate {
    /// A gate of a node with so many inbound places, of a network in which nodes may share local addresses or not.
    pub(crate) fn new(places: usize, local: bool) -> Self {
        Self {
            places,
            local,
            pending: BTreeMap::new(),
            next: 0,
            addresses: HashMap::new(),
            groups: HashMap::new(),
            visitors: Visitors::new(STOCK, 1, SECOND),
            networks: Visitors::new(NETWORK_STOCKS * STOCK, NETWORK_STOCKS, SECOND),
            newcomers: Visitors::new(TRIED, 1, TRIED_EVERY),
            others: Visitors::new(STOCK, 1, SECOND),
            full: false,
            banned: Vec::new(),
        }
    }

    /// Whom the operator keeps out from now on, and until when: as many as the core has room for.
    pub(crate) fn keep_out(&mut self, banned: Vec<(Subnet, Instant)>) {
        self.banned = banned;
    }

    /// Whether all inbound places are taken from now on, as the core says.
    pub(crate) const fn set_full(&mut self, full: bool) {
        self.full = full;
    }

    fn is_banned(&self, ip: IpAddr, now: Instant) -> bool {
        self.banned.iter().any(|(subnet, until)| *until > now && subnet.contains(ip))
    }

    /// Somebody knocks. A ticket, and whoever gives way for it; `None` if it is turned away.
    pub(crate) fn knock(&mut self, ip: IpAddr, now: Instant) -> Option<(Ticket, Option<Ticket>)> {
        let ip = ip.to_canonical();
        let may = !self.is_banned(ip, now)
            && (self.is_exempt(ip) || (self.is_within_share(ip) && self.may_come(ip, now)));
        if !may {
            return None;
        }
        let gives_way = self.who_gives_way(ip);
        if let Some(ticket) = gives_way {
            self.leave(ticket);
        }
        let ticket = self.next;
        self.next += 1;
        self.pending.insert(ticket, ip);
        self.count(ip, |count| count.pending += 1);
        Some((ticket, gives_way))
    }

    /// A connection is secured, or came to nothing.
    pub(crate) fn leave(&mut self, ticket: Ticket) {
        if let Some(ip) = self.pending.remove(&ticket) {
            self.count(ip, |count| count.pending -= 1);
        }
    }

    /// An inbound connection is open.
    pub(crate) fn opened(&mut self, ip: IpAddr) {
        self.count(ip.to_canonical(), |count| count.open += 1);
    }

    /// An inbound connection that was open isn't any more.
    pub(crate) fn closed(&mut self, ip: IpAddr) {
        self.count(ip.to_canonical(), |count| count.open = count.open.saturating_sub(1));
    }

    fn count(&mut self, ip: IpAddr, change: impl Fn(&mut Count)) {
        let is_idle = |count: &Count| count.pending + count.open == 0;
        let address = self.addresses.entry(ip).or_default();
        change(address);
        if is_idle(address) {
            self.addresses.remove(&ip);
        }
        let name = self.group(ip);
        let group = self.groups.entry(name).or_default();
        change(group);
        if is_idle(group) {
            self.groups.remove(&name);
        }
    }

    fn is_exempt(&self, ip: IpAddr) -> bool {
        self.local && Origin::of(ip).network().is_none()
    }

    fn group(&self, ip: IpAddr) -> Group {
        bringer::group(ip, self.local)
    }

    /// Whether there is a place for one more of an address and its network. Those that are being secured don't count: they
    /// are few, and none of them has a place yet.
    fn is_within_share(&self, ip: IpAddr) -> bool {
        let share = (self.places / ADDRESS_SHARE).max(SHARE_MIN);
        let open = |count: Option<&Count>| count.map_or(0, |count| count.open);
        open(self.addresses.get(&ip)) < share && open(self.groups.get(&self.group(ip))) < 2 * share
    }

    /// Whether somebody of a network might get a place though all are taken.
    fn might_get_a_place(&mut self, group: Group, now: Instant) -> bool {
        let of_network = self.groups.get(&group).map_or(0, |count| count.open);
        self.groups.values().any(|count| count.open >= of_network + 2)
            || (of_network == 0 && self.newcomers.may_come(group, now))
    }

    /// An address that comes too often takes nothing from its network, and a network that does nothing of its turns as a newcomer.
    fn may_come(&mut self, ip: IpAddr, now: Instant) -> bool {
        let group = self.group(ip);
        self.visitors.may_come(ip, now)
            && self.networks.may_come(group, now)
            && (!self.full || self.might_get_a_place(group, now) || self.others.may_come((), now))
    }

    /// Who gives way to a newcomer, if it takes one too many.
    fn who_gives_way(&self, ip: IpAddr) -> Option<Ticket> {
        let oldest = |of: &dyn Fn(IpAddr) -> bool| {
            self.pending.iter().find(|(_, ip)| of(**ip)).map(|(ticket, _)| *ticket)
        };
        let group = self.group(ip);
        let pending = |count: Option<&Count>| count.map_or(0, |count| count.pending);
        if !self.is_exempt(ip) {
            if pending(self.addresses.get(&ip)) >= PENDING_ADDRESS_MAX {
                return oldest(&|other| other == ip);
            }
            if pending(self.groups.get(&group)) >= PENDING_GROUP_MAX {
                return oldest(&|other| self.group(other) == group);
            }
        }
        if self.pending.len() < PENDING_MAX {
            return None;
        }
        // Of networks that have as many, the one that came first.
        let of = |ip: &IpAddr| pending(self.groups.get(&self.group(*ip)));
        let most = self.pending.values().map(of).max()?;
        oldest(&|other| of(&other) == most)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn whom_the_operator_bans_is_turned_away_until_the_ban_is_over() {
        let (mut gate, now) = (Gate::new(117, true), Instant::now());
        let hour = Duration::from_secs(3_600);
        let subnet = |text: &str| text.parse().expect("a subnet");
        gate.keep_out(vec![(subnet("8.8.8.0/24"), now + hour), (subnet("127.0.0.1"), now + hour)]);
        for banned in ["8.8.8.8", "::ffff:8.8.8.1", "127.0.0.1"] {
            assert_eq!(gate.knock(ip(banned), now), None, "{banned}");
        }
        assert!(
            gate.knock(ip("8.8.9.8"), now).is_some() && gate.knock(ip("127.0.0.2"), now).is_some()
        );
        assert!(gate.knock(ip("8.8.8.8"), now + hour).is_some());
    }

    #[test]
    fn silent_sockets_do_not_keep_a_newcomer_out() {
        let (mut gate, now) = (Gate::new(117, false), Instant::now());
        let mut silent = Vec::new();
        for index in 0..1_000_u32 {
            // Of one host, of one network, and of many.
            for text in [
                "1.2.3.4".to_owned(),
                format!("5.6.{}.1", index % 250),
                format!("{}.1.1.1", 20 + index % 60),
            ] {
                let now = now + Duration::from_secs(u64::from(index));
                if let Some((ticket, gives_way)) = gate.knock(ip(&text), now) {
                    silent.retain(|other| Some(*other) != gives_way);
                    silent.push(ticket);
                }
                assert!(gate.pending.len() <= PENDING_MAX && silent.len() == gate.pending.len());
            }
        }
        let count = |gate: &Gate, of: &str| gate.groups[&gate.group(ip(of))].pending;
        assert!(count(&gate, "5.6.7.8") <= PENDING_GROUP_MAX);
        assert!(count(&gate, "1.2.3.4") <= PENDING_ADDRESS_MAX);
        let later = now + Duration::from_secs(2_000);
        let (newcomer, gives_way) = gate.knock(ip("99.1.1.1"), later).unwrap();
        assert!(gives_way.is_some_and(|ticket| silent.contains(&ticket)));
        assert!(gate.pending.contains_key(&newcomer));
    }

    #[test]
    fn the_oldest_of_the_largest_network_gives_way() {
        let (mut gate, now) = (Gate::new(1_000, false), Instant::now());
        let mut first_of_largest = None;
        for index in 0..PENDING_MAX - 8 {
            gate.knock(ip(&format!("{}.1.1.1", 20 + index)), now).unwrap();
        }
        for index in 0..8 {
            let (ticket, _) = gate.knock(ip(&format!("9.9.{index}.1")), now).unwrap();
            first_of_largest = first_of_largest.or(Some(ticket));
        }
        let (_, gives_way) = gate.knock(ip("2600::1"), now).unwrap();
        assert_eq!(gives_way, first_of_largest);
    }

    #[test]
    fn no_address_and_no_network_holds_all_inbound_places() {
        let (mut gate, now) = (Gate::new(117, false), Instant::now());
        let mut open = 0;
        for second in 0..1_000 {
            let host = ip(&format!("7.7.0.{}", second % 100));
            let at = now + Duration::from_secs(second);
            for ip in [ip("1.2.3.4"), host] {
                if let Some((ticket, _)) = gate.knock(ip, at) {
                    gate.leave(ticket);
                    gate.opened(ip);
                    open += 1;
                }
            }
        }
        assert_eq!(open, 14 + 28, "an eighth and a quarter");
        assert!(gate.knock(ip("8.8.8.8"), now).is_some());
        gate.closed(ip("1.2.3.4"));
        assert!(gate.knock(ip("1.2.3.4"), now + Duration::from_secs(2_000)).is_some());
    }

    #[test]
    fn an_address_that_comes_and_goes_is_turned_away_and_later_let_in_again() {
        let (mut gate, now) = (Gate::new(117, false), Instant::now());
        let come = |gate: &mut Gate, at| {
            let ticket = gate.knock(ip("1.2.3.4"), at).map(|(ticket, _)| ticket);
            ticket.into_iter().for_each(|ticket| gate.leave(ticket));
            ticket.is_some()
        };
        assert_eq!((0..1_000).filter(|_| come(&mut gate, now)).count(), STOCK as usize);
        assert!(come(&mut gate, now + Duration::from_secs(1)));
        assert!(!come(&mut gate, now + Duration::from_secs(1)));
        assert!(gate.knock(ip("1.2.3.5"), now).is_some(), "its neighbour is another");
        assert!(gate.visitors.left.len() <= VISITORS_MAX.get());
    }

    #[test]
    fn a_network_that_comes_and_goes_is_turned_away_whatever_its_addresses() {
        let (mut gate, now) = (Gate::new(117, false), Instant::now());
        let come = |gate: &mut Gate, text: String| {
            let ticket = gate.knock(ip(&text), now).map(|(ticket, _)| ticket);
            ticket.into_iter().for_each(|ticket| gate.leave(ticket));
            ticket.is_some()
        };
        let came = (0..1_000).filter(|n| come(&mut gate, format!("1.2.{}.{}", n / 250, n % 250)));
        assert_eq!(came.count(), (NETWORK_STOCKS * STOCK) as usize);
        assert!(come(&mut gate, "1.3.0.1".to_owned()), "another network is another");
    }

    #[test]
    fn while_all_places_are_taken_only_those_come_in_for_whom_one_would_be_given_up() {
        let (mut gate, now) = (Gate::new(40, false), Instant::now());
        for n in 0..40 {
            gate.opened(ip(&format!("{}.1.1.{n}", 20 + n % 8)));
        }
        gate.set_full(true);
        for n in 0..STOCK {
            let (ticket, _) = gate.knock(ip(&format!("20.1.3.{n}")), now).expect("of the others");
            gate.leave(ticket);
        }
        assert!(gate.knock(ip("20.1.2.2"), now).is_none(), "each has five places");
        let (ticket, _) = gate.knock(ip("99.1.1.1"), now).expect("it has none");
        gate.leave(ticket);
        gate.closed(ip("20.1.1.0"));
        gate.set_full(false);
        assert!(gate.knock(ip("21.1.2.2"), now).is_some(), "a place is free");
    }

    #[test]
    fn at_a_full_node_of_many_networks_each_other_one_costs_a_few_handshakes_and_no_more() {
        let (mut gate, now) = (Gate::new(117, false), Instant::now());
        for n in 0..117 {
            gate.opened(ip(&format!("20.{n}.1.1")));
        }
        gate.set_full(true);
        let mut come = |text: &str, at| {
            let ticket = gate.knock(ip(text), at).map(|(ticket, _)| ticket);
            ticket.into_iter().for_each(|ticket| gate.leave(ticket));
            ticket.is_some()
        };
        let at = |second| now + Duration::from_secs(second);
        // Those whose networks have places use up what is for the others.
        let mut known = 0;
        for second in 0..1_000_u32 {
            for n in 0..10 {
                let host = format!("20.{n}.{}.{}", second / 250, second % 250);
                known += u32::from(come(&host, at(second.into())));
            }
            let mut other = |n| u32::from(come(&format!("30.{n}.1.1"), at(second.into())));
            let came: u32 = (0..50).map(&mut other).sum();
            assert_eq!(came, if second < TRIED { 50 } else { 0 }, "second {second}");
        }
        assert!((1_000..=1_000 + STOCK).contains(&known), "{known} of ten thousand");
        assert!(come("40.1.1.1", at(1_000)), "one that never came");
        let later = at(1_000) + TRIED_EVERY;
        assert!(come("30.1.1.1", later));
        let others = (0..STOCK).filter(|n| come(&format!("20.1.1.{n}"), later));
        assert_eq!(others.count(), STOCK as usize);
        assert!(!come("30.1.1.1", later), "not twice");
    }

    #[test]
    fn hundreds_of_nodes_of_a_test_network_live_at_one_address() {
        let (mut gate, now) = (Gate::new(117, true), Instant::now());
        for _ in 0..500 {
            let (ticket, gives_way) = gate.knock(ip("127.0.0.1"), now).unwrap();
            assert_eq!(gives_way, None);
            gate.leave(ticket);
            gate.opened(ip("127.0.0.1"));
        }
        let mut strict = Gate::new(117, false);
        let knocks = (0..500).filter(|_| strict.knock(ip("127.0.0.1"), now).is_some());
        assert!(knocks.count() <= STOCK as usize, "other networks have no such exception");
    }

    #[test]
    fn whoever_has_no_connection_is_not_counted() {
        let (mut gate, now) = (Gate::new(10, false), Instant::now());
        let (ticket, _) = gate.knock(ip("1.2.3.4"), now).unwrap();
        gate.leave(ticket);
        gate.leave(ticket);
        gate.opened(ip("::ffff:1.2.3.4"));
        gate.closed(ip("1.2.3.4"));
        gate.closed(ip("1.2.3.4"));
        assert!(gate.pending.is_empty() && gate.addresses.is_empty() && gate.groups.is_empty());
    }
}
