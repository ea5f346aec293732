//! Nodes of a fleet that share a map, and those who would like to.

use bytes::Bytes;

use super::*;
use crate::limits::misbehavior::Offence;
use crate::member::{Fleet, Membership};
use crate::replica::stamp::Tick;
use crate::replica::state::Pen;
use crate::replica::{
    self, ClockKind, Entry, Key, Kind, Millis, Model, Refused, ReplicaId, Settings, State, Write,
};
use crate::testkit::Mesh;
use crate::wire::kinds::MessageKind;
use crate::wire::message::{MapTerms, Replica};

const NOON: Millis = 1_800_000_000_000;
const LAST_WRITER: Model = Model::LastWriter(ClockKind::Hybrid);
const SECOND: Duration = Duration::from_secs(1);

fn settings(model: Model) -> Settings {
    Settings { compare: 5 * SECOND, ..Settings::new(model, 7) }
}

/// Takes part with the nodes of these indices.
fn membership(index: usize, fellows: &[usize], settings: Settings) -> Option<Box<Membership>> {
    let fleet = Fleet::of(fellows.iter().map(|fellow| PeerKey(*fellow as u64 + 1)));
    Some(Box::new(Membership { id: ReplicaId(index as u64 + 1), fleet, settings }))
}

/// Nodes that know what time it is. Those of which something is told take part in a map.
fn mesh(nodes: usize, seed: u64, of: impl Fn(usize) -> Option<Box<Membership>>) -> Mesh {
    let chain = Arc::new(Opaque::default());
    let mut mesh = Mesh::of(nodes, (seed, seed), at_once(), chain, |index, identity| {
        identity.member = of(index);
    });
    (0..nodes).for_each(|index| mesh.hand(index, Input::Clock { wall: NOON }));
    mesh
}

fn key(kind: Kind, name: &str) -> Key {
    Key::new(kind, name.as_bytes()).unwrap()
}

fn put(value: &'static str) -> Write {
    Write::Put(Bytes::from_static(value.as_bytes()))
}

/// What a node holds of a key.
fn held<'a>(mesh: &'a Mesh, index: usize, key: &Key) -> Option<&'a State> {
    mesh.node(index).replica().and_then(|replica| replica.get(key))
}

fn value(mesh: &Mesh, index: usize, key: &Key) -> Option<Bytes> {
    match held(mesh, index, key) {
        Some(State::Register(register)) => register.value().cloned(),
        _ => None,
    }
}

fn said(mesh: &Mesh, index: usize) -> u64 {
    mesh.node(index).counters().traffic.sent(MessageKind::Replica).messages
}

fn check(mesh: &Mesh) {
    (0..mesh.len()).for_each(|index| mesh.node(index).check_invariants(&mesh.params));
}

fn say(message: &replica::Message) -> Message {
    Message::Replica(Replica::Said(message.encode().into()))
}

fn entry(name: &str, writer: u64, millis: Millis, value: &'static str) -> Entry {
    let key = key(Kind::Register, name);
    let tick = Tick { millis, count: 0 };
    let pen = Pen { writer: ReplicaId(writer), tick, limit: Millis::MAX };
    let (state, _) = State::written(None, &key, put(value), pen).unwrap();
    Entry { key, state }
}

#[test]
fn what_is_written_at_one_is_at_the_others_within_seconds_and_outlives_a_partition() {
    for seed in 0..5 {
        let all = [0, 1, 2];
        let mut mesh = mesh(3, seed, |index| membership(index, &all, settings(Model::Convergent)));
        [(0, 1), (1, 2)].into_iter().for_each(|(from, to)| mesh.connect(from, to));
        mesh.run_for(SECOND);
        let (sum, hosts) = (key(Kind::Counter, "sum"), key(Kind::Set, "hosts"));
        mesh.write(0, &sum, &Write::Add(5)).unwrap();
        mesh.run_for(10 * SECOND);
        assert!(held(&mesh, 2, &sum).is_some(), "seed {seed}: through the one between");
        mesh.split(Some(2));
        mesh.write(0, &sum, &Write::Add(1)).unwrap();
        mesh.write(2, &sum, &Write::Add(-3)).unwrap();
        mesh.write(2, &hosts, &Write::Insert(Bytes::from_static(b"c"))).unwrap();
        mesh.write(1, &hosts, &Write::Insert(Bytes::from_static(b"b"))).unwrap();
        mesh.run_for(30 * SECOND);
        mesh.split(None);
        mesh.run_for(30 * SECOND);
        for index in all {
            let Some(State::Counter(counter)) = held(&mesh, index, &sum) else { panic!("{seed}") };
            assert_eq!(counter.value(), 3, "seed {seed}, node {index}");
            let Some(State::Set(set)) = held(&mesh, index, &hosts) else { panic!("{seed}") };
            assert_eq!(set.elements(), [&b"b"[..], b"c"], "seed {seed}, node {index}");
        }
        check(&mesh);
    }
}

#[test]
fn concurrent_writes_stand_side_by_side_or_lose_as_the_model_says() {
    for model in [LAST_WRITER, Model::Versions] {
        let kind = if model == Model::Versions { Kind::Siblings } else { Kind::Register };
        let mut mesh = mesh(2, 3, |index| membership(index, &[0, 1], settings(model)));
        mesh.connect(0, 1);
        mesh.run_for(SECOND);
        mesh.split(Some(1));
        let key = key(kind, "colour");
        mesh.write(0, &key, &put("red")).unwrap();
        mesh.write(1, &key, &put("blue")).unwrap();
        mesh.split(None);
        mesh.run_for(20 * SECOND);
        assert!(held(&mesh, 0, &key).is_some());
        assert_eq!(held(&mesh, 0, &key), held(&mesh, 1, &key));
        let replica = mesh.node(0).replica().unwrap();
        let lost: u64 = (0..2)
            .map(|index| mesh.node(index).replica().unwrap().lost().counts().concurrent)
            .sum();
        match model {
            Model::Versions => assert_eq!((replica.contested().count(), lost), (1, 0)),
            _ => assert!(lost >= 1, "somebody saw it lost"),
        }
    }
}

#[test]
fn a_stranger_is_told_nothing_of_the_map_and_thrown_out_if_it_speaks_of_one() {
    let mut mesh = mesh(3, 1, |index| match index {
        // The third takes all for its fleet, and nobody takes it for theirs.
        2 => {
            let mut membership = membership(2, &[], settings(LAST_WRITER)).unwrap();
            membership.fleet = Fleet::Anybody;
            Some(membership)
        }
        _ => membership(index, &[0, 1], settings(LAST_WRITER)),
    });
    [(0, 1), (0, 2), (1, 2)].into_iter().for_each(|(from, to)| mesh.connect(from, to));
    let key = key(Kind::Register, "secret");
    mesh.write(0, &key, &put("1")).unwrap();
    mesh.write(2, &key, &put("2")).unwrap();
    mesh.run_for(60 * SECOND);
    assert_eq!([0, 1, 2].map(|index| value(&mesh, index, &key).unwrap()), ["1", "1", "2"]);
    assert_eq!(said(&mesh, 2), 0, "it knows that nobody takes part with it");
    let (link, _) = mesh.links(0).into_iter().find(|(_, peer)| *peer == 2).unwrap();
    let lie = say(&replica::Message::Entries([entry("secret", 9, NOON + 1, "3")].into()));
    mesh.hand(0, Input::Received { link, message: &lie });
    assert_eq!(value(&mesh, 0, &key).unwrap(), "1");
    let why = mesh.closings().last().unwrap().why;
    assert!(matches!(why, Reason::Misbehaved(Offence::Replica(_))), "{why:?}");
}

#[test]
fn a_hello_tells_of_the_map_to_the_fleet_alone() {
    let mut solo = Solo::new(at_once());
    let member = membership(999, &[0], settings(LAST_WRITER));
    solo.node = Node::new(Identity { member, ..Identity::for_tests(1_000) }, &solo.params);
    for (slot, told) in [(0, Some(settings(LAST_WRITER).terms())), (1, None)] {
        let link = Link::new(slot, 1);
        let (peer, direction) = (PeerKey(u64::from(slot) + 1), Direction::Inbound);
        let sent = sends(&solo.hand(Input::Connected { link, peer, direction, addr: None }));
        let hello = sent.iter().find_map(|(_, message)| match message {
            Message::Session(Session::Hello(hello)) => Some(hello.map),
            _ => None,
        });
        assert_eq!(hello, Some(told));
    }
}

#[test]
fn nodes_whose_maps_do_not_fit_relay_all_the_same_and_say_so_once() {
    let mut mesh = mesh(2, 1, |index| {
        let model = [LAST_WRITER, Model::Versions][index];
        membership(index, &[0, 1], settings(model))
    });
    mesh.connect(0, 1);
    mesh.write(0, &key(Kind::Register, "x"), &put("1")).unwrap();
    let item = mesh_item();
    mesh.submit(0, item.clone());
    mesh.run_for(60 * SECOND);
    assert!(mesh.accepted(1).iter().any(|(_, id)| *id == item.id()));
    for index in 0..2 {
        let theirs = settings([Model::Versions, LAST_WRITER][index]).terms();
        let told = |event: &&Event| matches!(event, Event::OtherMap { .. });
        let told: Vec<_> = mesh.events(index).iter().filter(told).copied().collect();
        let link = mesh.links(index)[0].0;
        assert_eq!(told, [Event::OtherMap { link, theirs }]);
        assert_eq!(said(&mesh, index), 0);
    }
}

fn mesh_item() -> Arc<Item> {
    Opaque::default().item(ItemKind::Tx, vec![9; 100].into()).unwrap()
}

#[test]
fn bounds_that_differ_are_terms_that_differ() {
    let all = settings(LAST_WRITER).terms();
    for other in [
        MapTerms { keys_max: 1, ..all },
        MapTerms { bytes_max: 1, ..all },
        MapTerms { salt: 1, ..all },
        MapTerms { model: 200, ..all },
    ] {
        let (mut solo, link) = fellow(other);
        let actions = solo.say(link, &say(&replica::Message::Pull { after: 0 }));
        assert_eq!(disconnects(&actions).len(), 1);
    }
}

/// A node and a link to a peer of its fleet, which tells these terms.
fn fellow(theirs: MapTerms) -> (Solo, Link) {
    let mut solo = Solo::new(at_once());
    let settings = Settings { keys_max: 20, bytes_max: 20_000, ..settings(LAST_WRITER) };
    let member = membership(999, &[0], settings);
    solo.node = Node::new(Identity { member, ..Identity::for_tests(1_000) }, &solo.params);
    solo.hand(Input::Clock { wall: NOON });
    let (link, direction) = (Link::new(0, 1), Direction::Inbound);
    solo.hand(Input::Connected { link, peer: PeerKey(1), direction, addr: None });
    let hello = Hello { map: Some(theirs), ..Hello::default() };
    solo.say(link, &Message::Session(Session::Hello(Box::new(hello))));
    (solo, link)
}

/// The same, which tells the node's own.
fn hostile() -> (Solo, Link) {
    let terms = Settings { keys_max: 20, bytes_max: 20_000, ..settings(LAST_WRITER) }.terms();
    fellow(terms)
}

#[test]
fn a_member_that_fills_the_map_exceeds_no_bound_and_pays_for_its_work() {
    let (mut solo, link) = hostile();
    solo.node.check_invariants(&solo.params);
    let mut slowed = false;
    for round in 0..200_u64 {
        let names = (0..40).map(|n| entry(&format!("{n}-{round}"), n, NOON + round, "value"));
        let actions = solo.say(link, &say(&replica::Message::Entries(names.collect())));
        slowed |= actions.iter().any(|action| matches!(action, Action::Throttle { .. }));
        assert_eq!(disconnects(&actions), []);
    }
    let replica = solo.node.replica().unwrap();
    assert!(replica.len() <= 20 && replica.bytes() <= 20_000);
    assert!(replica.counts().full > 0);
    assert!(slowed, "merging is work");
}

#[test]
fn whatever_is_no_message_of_a_replica_or_not_of_this_map_costs_the_link() {
    let set = key(Kind::Set, "x");
    let pen = Pen { writer: ReplicaId(3), tick: Tick::default(), limit: Millis::MAX };
    let write = Write::Insert(Bytes::from_static(b"1"));
    let (state, _) = State::written(None, &set, write, pen).unwrap();
    let of_another = replica::Message::Entries([Entry { key: set, state }].into()).encode();
    for bytes in [vec![], vec![99], vec![0, 0x81, 0], of_another] {
        let (mut solo, link) = hostile();
        let message = Message::Replica(Replica::Said(bytes.into()));
        let closed = disconnects(&solo.say(link, &message));
        let [(_, Reason::Misbehaved(offence))] = closed[..] else { panic!("{closed:?}") };
        assert!(matches!(offence, Offence::NotOfReplica(_) | Offence::Replica(_)), "{offence:?}");
    }
}

#[test]
fn a_link_whose_queue_is_long_is_sent_no_news_of_the_map_until_it_drains() {
    let (mut solo, link) = hostile();
    solo.hand(Input::Congested { link });
    let key = key(Kind::Register, "x");
    solo.hand(Input::Write { ticket: 0, key: &key, write: &put("1") });
    let news = |actions: &[Action]| {
        let replica = |(_, message): &(Link, Message)| matches!(message, Message::Replica(_));
        sends(actions).iter().any(replica)
    };
    for _ in 0..20 {
        assert!(!news(&solo.wait(500)));
    }
    solo.hand(Input::Drained { link });
    assert!((0..20).any(|_| news(&solo.wait(500))));
}

#[test]
fn a_clock_that_is_wrong_is_told_once_a_minute() {
    let (mut solo, link) = hostile();
    let mut told = 0;
    for _ in 0..90 {
        let actions = solo.say(link, &say(&replica::Message::Ahead { by: 5 }));
        let told_now = Action::Report(Event::MapAhead { link, by: 5 });
        told += actions.iter().filter(|action| **action == told_now).count();
        solo.wait(1_000);
    }
    assert_eq!(told, 2);
}

#[test]
fn a_write_is_answered_and_its_key_told_and_without_a_map_refused() {
    let (mut solo, _) = hostile();
    let (key, missing) = (key(Kind::Register, "x"), key(Kind::Register, "y"));
    let actions = solo.hand(Input::Write { ticket: 4, key: &key, write: &put("1") });
    let written = |ticket, outcome| Action::Written { ticket, outcome };
    assert!(actions.contains(&Action::Changed(key.clone())));
    assert_eq!(actions.last(), Some(&written(4, Ok(()))));
    let actions = solo.hand(Input::Write { ticket: 5, key: &missing, write: &Write::Delete });
    assert_eq!(actions, [written(5, Err(Refused::Absent))]);
    let mut solo = Solo::new(at_once());
    let actions = solo.hand(Input::Write { ticket: 6, key: &key, write: &put("1") });
    assert_eq!(actions, [written(6, Err(Refused::Kind))]);
}

#[test]
fn a_restart_keeps_values_and_deletions() {
    let mut mesh = mesh(2, 2, |index| membership(index, &[0, 1], settings(LAST_WRITER)));
    mesh.connect(0, 1);
    let (kept, deleted) = (key(Kind::Register, "kept"), key(Kind::Register, "deleted"));
    for key in [&kept, &deleted] {
        mesh.write(0, key, &put("1")).unwrap();
    }
    mesh.run_for(10 * SECOND);
    mesh.write(0, &deleted, &Write::Delete).unwrap();
    let replica = mesh.node(0).replica().unwrap();
    let saved = replica.entries().map(|(key, state)| {
        let entry = Entry { key: key.clone(), state: state.clone() };
        Entry::of_bytes(&entry.to_bytes()).unwrap()
    });
    let saved: Vec<_> = saved.collect();
    let mut solo = Solo::new(at_once());
    let member = membership(0, &[0, 1], settings(LAST_WRITER));
    solo.node = Node::new(Identity { member, ..Identity::for_tests(1_000) }, &solo.params);
    solo.hand(Input::Clock { wall: NOON });
    for entry in &saved {
        assert_eq!(solo.hand(Input::Recalled(entry)), [], "it is nothing new");
    }
    let replica = solo.node.replica().unwrap();
    let states: Vec<_> = [&kept, &deleted].map(|key| replica.get(key).unwrap().is_deleted()).into();
    assert_eq!(states, [false, true]);
    assert_eq!(replica.bytes(), mesh.node(0).replica().unwrap().bytes());
}
