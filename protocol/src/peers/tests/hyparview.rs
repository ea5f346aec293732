//! HyParView over links, one node and its hostile peers; whole networks of it stand in `views.rs`.

use super::*;
use crate::params::OverlayKind;
use crate::peers::hyparview::{NEWCOMERS, PATIENCE, ROOM, SHUFFLES_BURST};
use crate::wire::message::PeerExchange;
use crate::wire::message::PeerExchange::{
    Disconnect, ForwardJoin, Join, Neighbour, NeighbourReply, Shuffle, ShuffleReply,
};

const URGENT: PeerExchange = Neighbour { is_urgent: true };
const POLITE: PeerExchange = Neighbour { is_urgent: false };

impl World {
    fn with_views() -> Self {
        let mut world = Self::new();
        world.params.peers.overlay = OverlayKind::Hyparview;
        world.peers =
            Peers::new(OWN, Some(addr(0)), Vec::new(), Salt::new(1)).over(OverlayKind::Hyparview);
        world
    }

    /// A peer says something about views. Returns how many addresses were dropped.
    fn say(&mut self, link: Link, message: PeerExchange) -> usize {
        let many = message.addresses();
        let params = self.params.clone();
        let dropped = self.run(|peers, cx| peers.on_views(link, &message, many, cx));
        self.peers.check(&params);
        self.close_surplus();
        dropped
    }

    /// Closes what is to be closed, as the node does after each input.
    fn close_surplus(&mut self) {
        while let Some(link) = self.run(Peers::take_surplus) {
            self.surplus.push(link);
        }
    }

    /// A peer dials us and asks for something.
    fn asked(&mut self, n: u32, what: PeerExchange) -> Link {
        let link = self.inbound(n);
        self.say(link, what);
        link
    }

    /// A peer that we dialled takes us.
    fn taken(&mut self, n: u32) -> Link {
        let link = self.outbound(n);
        self.say(link, NeighbourReply { is_taken: true });
        link
    }

    /// What was said about views since last asked; other actions are forgotten.
    fn said(&mut self) -> Vec<(Link, PeerExchange)> {
        let about = |(link, message)| match message {
            Message::Peers(message) => Some((link, message)),
            _ => None,
        };
        self.sent().into_iter().filter_map(about).collect()
    }

    fn neighbours(&self) -> usize {
        self.peers.views().unwrap().0
    }

    fn candidates(&self) -> usize {
        self.peers.views().unwrap().1
    }

    /// Tells addresses, in a shuffle that ends here.
    fn shuffle(&mut self, link: Link, addrs: impl IntoIterator<Item = u32>) -> usize {
        let addrs = addrs.into_iter().map(addr).collect();
        self.say(link, Shuffle { number: 7, steps: 0, addrs })
    }
}

fn news(steps: u8, n: u32) -> PeerExchange {
    ForwardJoin { steps, addr: Some(addr(n)) }
}

#[test]
fn a_newcomer_joins_by_a_contact_that_its_operator_named() {
    let mut world = World::with_views();
    world.learn([1, 2, 3]);
    let dialled = world.dials();
    assert_eq!(dialled.len(), 2, "one may be dead");
    let contact = world.outbound(dialled[0]);
    assert_eq!(world.said(), [(contact, Join)]);
    assert_eq!(world.neighbours(), 0);
    world.say(contact, NeighbourReply { is_taken: true });
    assert_eq!(world.neighbours(), 1);
    assert!(world.peers.is_neighbour(contact));
    let second = world.outbound(dialled[1]);
    assert_eq!(world.said(), [(second, POLITE)], "it is in already");
}

#[test]
fn a_contact_takes_the_newcomer_and_spreads_the_news() {
    let mut world = World::with_views();
    let others = [1, 2].map(|n| world.asked(n, POLITE));
    world.actions.clear();
    let link = world.asked(9, Join);
    let mut said = world.said();
    said.sort_by_key(|(link, _)| *link);
    assert_eq!(
        said,
        [
            (others[0], news(6, 9)),
            (others[1], news(6, 9)),
            (link, NeighbourReply { is_taken: true })
        ]
    );
}

#[test]
fn news_of_a_newcomer_goes_on_is_noted_half_way_and_ends_in_a_dial() {
    let mut world = World::with_views();
    let [from, to] = [1, 2].map(|n| world.asked(n, POLITE));
    world.actions.clear();
    world.say(from, news(5, 9));
    assert_eq!((world.said(), world.candidates()), (vec![(to, news(4, 9))], 0));
    world.say(from, news(3, 8));
    assert_eq!((world.said(), world.candidates()), (vec![(to, news(2, 8))], 1));
    world.say(from, news(0, 9));
    assert_eq!(world.dials(), [9]);
    let link = world.outbound(9);
    assert_eq!(world.said(), [(link, POLITE)]);
    assert_eq!((world.neighbours(), world.candidates()), (2, 1));
    world.say(link, NeighbourReply { is_taken: true });
    assert_eq!(world.neighbours(), 3);
    // A walk that has nowhere to go ends, however long it was to be.
    let mut lone = World::with_views();
    let only = lone.asked(1, POLITE);
    lone.say(only, news(200, 9));
    assert_eq!(lone.dials(), [9]);
}

#[test]
fn who_is_asked_urgently_makes_room_and_tells_who_has_to_go() {
    let mut world = World::with_views();
    (1..=5).for_each(|n| _ = world.asked(n, POLITE));
    world.actions.clear();
    let refused = world.asked(6, POLITE);
    assert_eq!(world.said(), [(refused, NeighbourReply { is_taken: false })]);
    let taken = world.asked(7, URGENT);
    let said = world.said();
    let [(gone, Disconnect), (_, NeighbourReply { is_taken: true })] = said[..] else {
        panic!("{said:?}")
    };
    assert!(world.peers.is_neighbour(taken) && !world.peers.is_neighbour(gone));
    assert_eq!((world.neighbours(), world.candidates()), (5, 1));
    // It is to hang up. If it doesn't, we do, and so it is with the one that was told no.
    assert_eq!(world.surplus, []);
    world.wait(PATIENCE);
    world.close_surplus();
    world.surplus.sort_unstable();
    let mut left = [refused, gone];
    left.sort_unstable();
    assert_eq!(world.surplus, left);
}

#[test]
fn who_is_told_to_go_hangs_up_and_keeps_the_address() {
    let mut world = World::with_views();
    let link = world.asked(1, POLITE);
    world.say(link, Disconnect);
    assert_eq!(world.surplus, [link]);
    assert_eq!((world.neighbours(), world.candidates()), (0, 1));
    world.wait(Duration::from_secs(1));
    assert_eq!(world.dials(), [1], "it is asked again, since there is nobody else");
}

#[test]
fn a_neighbour_that_is_gone_is_replaced_by_a_candidate_and_dead_ones_are_forgotten() {
    let mut world = World::with_views();
    let [first, second] = [1, 2].map(|n| world.asked(n, POLITE));
    world.shuffle(first, 10..18);
    let dialled = world.dials();
    assert_eq!((dialled.len(), world.candidates()), (3, 8), "as many as are missing");
    world.dial_failed(dialled[0], DialError::Unreachable);
    assert_eq!(world.candidates(), 7);
    assert_eq!(world.dials().len(), 1, "the next");
    world.disconnect(first);
    world.disconnect(second);
    let link = world.outbound(dialled[1]);
    let urgent = |(to, message): &(Link, PeerExchange)| *to == link && *message == URGENT;
    assert!(world.said().iter().any(urgent), "nobody else is left");
    let link = world.outbound(dialled[2]);
    assert_eq!(world.said(), [(link, POLITE)], "one was asked already");
}

#[test]
fn a_node_whose_own_network_is_down_forgets_no_candidate() {
    let mut world = World::with_views();
    let link = world.asked(1, POLITE);
    world.shuffle(link, 10..18);
    world.disconnect(link);
    for _ in 0..20 {
        world.wait(Duration::from_secs(40));
        for n in world.dials() {
            world.dial_failed(n, DialError::Unreachable);
        }
    }
    assert_eq!(world.candidates(), 8);
}

#[test]
fn who_was_told_no_waits_ever_longer_before_it_asks_again() {
    let mut world = World::with_views();
    let link = world.asked(1, POLITE);
    world.shuffle(link, 10..18);
    let mut asked = 0;
    for _ in 0..1_200 {
        for n in world.dials() {
            asked += 1;
            let link = world.outbound(n);
            world.say(link, NeighbourReply { is_taken: false });
            world.disconnect(link);
        }
        world.wait(Duration::from_millis(500));
    }
    assert!((15..60).contains(&asked), "{asked} in ten minutes");
    assert_eq!(world.neighbours(), 1);
}

#[test]
fn a_shuffle_goes_on_and_its_answer_goes_back_the_same_way() {
    let mut world = World::with_views();
    let [from, to] = [1, 2].map(|n| world.asked(n, POLITE));
    world.actions.clear();
    let addrs: Arc<[_]> = [addr(10), addr(11)].into();
    world.say(from, Shuffle { number: 7, steps: 6, addrs: addrs.clone() });
    let on = Shuffle { number: 7, steps: 5, addrs: addrs.clone() };
    assert_eq!((world.said(), world.candidates()), (vec![(to, on)], 0));
    world.say(to, ShuffleReply { number: 7, addrs: addrs.clone() });
    let back = ShuffleReply { number: 7, addrs: addrs.clone() };
    assert_eq!((world.said(), world.candidates()), (vec![(from, back)], 0));
    // Where it ends it is answered with as many, of those that are not the answer to themselves.
    world.say(from, Shuffle { number: 8, steps: 1, addrs });
    assert_eq!(world.candidates(), 2);
    let [(_, ShuffleReply { number: 8, addrs: told })] = &world.said()[..] else { panic!() };
    assert!(told.is_empty());
    world.say(to, Shuffle { number: 9, steps: 1, addrs: [addr(12)].into() });
    let [(_, ShuffleReply { addrs: told, .. })] = &world.said()[..] else { panic!() };
    assert_eq!(told.len(), 1);
}

#[test]
fn now_and_then_a_node_shuffles_and_takes_what_comes_back() {
    let mut world = World::with_views();
    let link = world.asked(1, POLITE);
    world.actions.clear();
    world.wait(Duration::from_secs(60));
    let said = world.said();
    let [(_, Shuffle { number, steps: 6, addrs })] = &said[..] else { panic!("{said:?}") };
    assert_eq!(**addrs, [addr(0)], "it knows nobody else");
    let answer = ShuffleReply { number: *number, addrs: (10..16).map(addr).collect() };
    world.say(link, answer);
    assert_eq!(world.candidates(), 6);
    world.say(link, ShuffleReply { number: *number, addrs: (20..26).map(addr).collect() });
    assert_eq!(world.candidates(), 6, "an answer comes once");
}

#[test]
fn gossip_of_addresses_and_questions_for_them_are_off() {
    let mut world = World::with_views();
    let link = world.asked(1, POLITE);
    assert_eq!(world.tell(link, 10..20), 10);
    assert_eq!((world.peers.book().len(), world.candidates()), (0, 0));
    world.wait(Duration::from_secs(3_600));
    let asked = world.sent().into_iter().any(|(_, message)| {
        matches!(message, Message::Peers(PeerExchange::GetAddresses | PeerExchange::Addresses(_)))
    });
    assert!(!asked);
}

#[test]
fn addresses_that_mean_something_else_here_are_taken_from_nobody() {
    let mut world = World::with_views();
    world.params.peers.local_addresses = false;
    let link = world.asked(1, POLITE); // from nowhere in particular
    assert_eq!(world.shuffle(link, 10..13), 3);
    assert_eq!(world.say(link, news(0, 9)), 1);
    assert_eq!((world.candidates(), world.dials()), (0, vec![]));
}

#[test]
fn what_is_said_by_others_than_neighbours_is_ignored() {
    let mut world = World::with_views();
    let stranger = world.inbound(1);
    assert_eq!(world.shuffle(stranger, 10..13), 3);
    assert_eq!(world.say(stranger, news(0, 9)), 1);
    world.say(stranger, NeighbourReply { is_taken: true });
    assert_eq!((world.neighbours(), world.candidates()), (0, 0));
    assert!(world.dials().is_empty());
    world.wait(PATIENCE);
    world.close_surplus();
    assert_eq!(world.surplus, [stranger], "who asks for nothing is left");
}

#[test]
fn a_node_with_fixed_addresses_keeps_no_views() {
    let mut world = World::with_views();
    world.peers = Peers::new(OWN, None, vec![addr(1)], Salt::new(1)).over(OverlayKind::Hyparview);
    world.wake();
    assert_eq!((world.peers.views(), world.dials()), (None, vec![1]));
}

#[test]
fn a_join_storm_gets_no_more_than_its_room_and_leaves_us_the_neighbours_that_we_chose() {
    let mut world = World::with_views();
    world.learn([1, 2]);
    world.actions.clear();
    let chosen = [1, 2].map(|n| world.taken(n));
    let (mut spread, mut told_no) = (0.0, 0.0);
    for n in 0..1_000 {
        let link = world.asked(2_000 + n, Join);
        for (to, message) in world.said() {
            match message {
                ForwardJoin { .. } if to == chosen[0] => spread += 1.0,
                NeighbourReply { is_taken: false } => told_no += 1.0,
                Disconnect => world.disconnect(to),
                _ => {}
            }
        }
        if !world.peers.is_neighbour(link) {
            world.disconnect(link);
        }
    }
    assert!(chosen.iter().all(|link| world.peers.is_neighbour(*link)));
    assert_eq!((spread, told_no), (ROOM.burst, 1_000.0 - ROOM.burst));
    assert!(world.peers.views.as_ref().unwrap().views().passive().by_askers() <= 15);
}

#[test]
fn forged_news_of_newcomers_makes_no_more_dials_than_its_sender_may() {
    let mut world = World::with_views();
    let liar = world.asked(1, POLITE);
    let mut dials = 0.0;
    for n in 0..1_000 {
        world.say(liar, news(0, 2_000 + n));
        for n in world.dials() {
            dials += 1.0;
            world.dial_failed(n, DialError::Unreachable);
        }
    }
    assert!(dials <= NEWCOMERS.burst, "{dials} dials");
    assert_eq!((world.neighbours(), world.candidates()), (1, 0));
}

#[test]
fn shuffles_without_end_are_dropped_and_fill_no_more_than_a_share() {
    let mut world = World::with_views();
    let [liar, other] = [1, 2].map(|n| world.asked(n, POLITE));
    world.actions.clear();
    for n in 0..100 {
        let first = 1_000 + 10 * n;
        world.shuffle(liar, first..first + 8);
        let addrs = (first..first + 8).map(addr).collect();
        world.say(liar, Shuffle { number: n, steps: 6, addrs });
    }
    let said = world.said();
    let on = said.iter().filter(|(to, _)| *to == other).count();
    let answers = said.iter().filter(|(to, _)| *to == liar).count();
    assert_eq!((on + answers) as f64, SHUFFLES_BURST);
    assert!(world.candidates() <= 10);
    // Nor do answers, even those that were asked for.
    for _ in 0..50 {
        world.wait(Duration::from_secs(30));
        for (to, message) in world.said() {
            let Shuffle { number, .. } = message else { continue };
            let addrs = (0..32).map(|n| addr(5_000 + number % 1_000 * 32 + n)).collect();
            world.say(to, ShuffleReply { number, addrs });
        }
    }
    assert!(world.candidates() <= 15, "two that came by themselves: {}", world.candidates());
}

#[test]
fn one_that_always_says_it_is_urgent_gets_half_of_the_places_at_most() {
    let mut world = World::with_views();
    world.learn([1]);
    world.taken(1);
    world.shuffle(Link::new(0, 1), 2..6);
    (2..6).for_each(|n| _ = world.taken(n));
    assert_eq!(world.neighbours(), 5);
    let chosen =
        |world: &World| (0..5).filter(|slot| world.peers.is_neighbour(Link::new(*slot, 1))).count();
    assert_eq!(chosen(&world), 5);
    for n in 0..1_000 {
        let link = world.asked(2_000 + n, URGENT);
        world.wait(Duration::from_secs(1));
        let is_in = world.peers.is_neighbour(link);
        if n % 10 > 0 || !is_in {
            world.disconnect(link);
        }
        world.actions.clear();
    }
    assert!(chosen(&world) >= 2, "{}", chosen(&world));
}
