use tidings_protocol::chain::opaque::Opaque;
use tidings_protocol::chain::{
    Blame, Confirmed, ConflictKey, Disconnected, GOOD, Rejection, Rival,
};
use tidings_protocol::ground::item::{HASH_LEN, ItemKind};
use tidings_protocol::ground::peer::{AddressRecord, BookSecret};
use tidings_protocol::ground::subnet::Subnet;
use tidings_protocol::replica::stamp::Tick;
use tidings_protocol::replica::state::Pen;
use tidings_protocol::replica::{Kind, ReplicaId, State};
use tidings_protocol::wire::error::{Field, PartFault};
use tidings_protocol::wire::message::{Items, Names, Session};

use super::*;

fn chain() -> Opaque {
    Opaque::default()
}

fn item(bytes: &'static [u8]) -> Arc<Item> {
    chain().item(ItemKind::Tx, bytes.into()).unwrap()
}

fn addr(text: &str) -> PeerAddr {
    text.parse().unwrap()
}

fn confirmed() -> Confirmed {
    let id = item(b"confirmed").id();
    Confirmed { id, referred: Some(id), spends: vec![ConflictKey([3; HASH_LEN])] }
}

/// An input of each kind, and of each shape that some of them have.
#[expect(clippy::too_many_lines, reason = "a list of all that there is")]
fn every(each: &mut dyn FnMut(&Input<'_>)) {
    let link = Link::new(70_000, 9);
    let (v4, v6) = (addr("203.0.113.5:4000"), addr("[2001:db8::1]:9/quic"));
    let block = chain().item(ItemKind::Block, vec![9; 100].into()).unwrap();
    for (direction, addr) in [(Direction::Inbound, None), (Direction::Outbound, Some(v6))] {
        each(&Input::Connected { link, peer: PeerKey(u64::MAX), direction, addr });
    }
    each(&Input::Disconnected { link });
    for why in DIAL_ERRORS {
        each(&Input::DialFailed { addr: v4, why });
    }
    let ids = vec![item(b"a").id(), item(b"b").id()];
    for message in [
        Message::from(Session::Ping { nonce: 7 }),
        Items::Item(item(b"a transaction")).into(),
        Items::Item(chain().item(ItemKind::Block, vec![7; 100_000].into()).unwrap()).into(),
        Items::Announce(Names::Whole { kind: ItemKind::Tx, ids: ids.into() }).into(),
        Message::Unknown { kind: 250, len: 3 },
    ] {
        each(&Input::Received { link, message: &message });
    }
    for error in [
        DecodeError::Empty,
        DecodeError::TooLong { len: 1 << 40, max: 3 },
        DecodeError::TooMany { count: 7, max: 3 },
        DecodeError::BadValue(Field::Span),
        DecodeError::BadPart(PartFault::WrongClass),
        DecodeError::BadItem(Rejection::invalid("too-short")),
    ] {
        each(&Input::Malformed { link, error });
    }
    each(&Input::Submitted(item(b"mine")));
    each(&Input::Clock { wall: 1_800_000_000_000 });
    let key = Key::new(Kind::Counter, b"hits").unwrap();
    for write in [
        Write::Put("v".into()),
        Write::Delete,
        Write::Add(-7),
        Write::Insert("e".into()),
        Write::Remove("e".into()),
        Write::PutField("f".into(), "v".into()),
        Write::DeleteField("f".into()),
    ] {
        each(&Input::Write { ticket: 3, key: &key, write: &write });
    }
    let tick = Tick { millis: 7, count: 1 };
    let pen = Pen { writer: ReplicaId(9), tick, limit: u64::MAX };
    let (state, _) = State::written(None, &key, Write::Add(3), pen).unwrap();
    each(&Input::Recalled(&Entry { key: key.clone(), state }));
    let verified = Verified { fee: Some(5), confirms: vec![confirmed()] };
    for was in RESTORED {
        let (age, verified) = (Duration::new(3, 999_999_999), verified.clone());
        each(&Input::Restored { item: item(b"old"), was, age, verified });
    }
    each(&Input::Headers(&[Bytes::from_static(b"one"), Bytes::new()]));
    for (what, loaded) in [
        (Load::Block, None),
        (Load::Block, Some(Loaded::Block(Arc::clone(&block)))),
        (Load::Confirms, Some(Loaded::Confirms(vec![confirmed()]))),
        (
            Load::Returns,
            Some(Loaded::Returns(Disconnected {
                returns: vec![item(b"back")],
                void: vec![ConflictKey([4; HASH_LEN])],
            })),
        ),
    ] {
        each(&Input::Loaded { id: block.id(), what, loaded });
    }
    let rival = Some(Rival { id: item(b"first").id(), least_fee: None });
    let refused = Rejection { rule: "conflicts", blame: Blame::Mutated, rival };
    for verdict in [GOOD, Ok(verified), Err(refused)] {
        each(&Input::Verdict { item: &item(b"judged"), verdict });
    }
    each(&Input::Congested { link });
    each(&Input::Drained { link });
    each(&Input::Learned(&[v4, v6]));
    for from in [Source::Peer(PeerKey(1)), Source::Network(2), Source::Lookup(u64::MAX)] {
        each(&Input::Heard { from, addrs: &[v6] });
    }
    each(&Input::Reachable(true));
    let known = AddressRecord {
        failures: 9,
        source: Some(Source::Network(7)),
        age_s: 70_000,
        ..AddressRecord::reached(v4)
    };
    each(&Input::Remembered(&BookRecord::default()));
    each(&Input::Remembered(&BookRecord {
        secret: Some(BookSecret(u64::MAX)),
        anchors: vec![v6],
        addresses: vec![known, AddressRecord::heard(v6)],
    }));
    let subnet = Subnet::new([192, 0, 2, 0].into(), 24).unwrap();
    for whom in [Banned::Peer(PeerKey(7)), Banned::Subnet(subnet)] {
        each(&Input::Ban { whom, span: Duration::from_secs(60) });
        each(&Input::Unban(whom));
    }
    each(&Input::Wake);
}

/// The item of a verdict that stands by itself.
fn judged(recorded: &Recorded) -> Option<&Arc<Item>> {
    match recorded {
        Recorded::Verdict { item: Judged::Item(item), .. } => Some(item),
        _ => None,
    }
}

#[test]
fn every_input_reads_back_as_it_was_and_to_the_last_byte() {
    let mut kinds = std::collections::BTreeSet::new();
    every(&mut |input| {
        let mut bytes = BytesMut::new();
        put(input, |_| false, &mut bytes);
        kinds.insert(number(input));
        let mut cursor = Cursor::new(&bytes);
        let read = take(&mut cursor, &chain()).unwrap_or_else(|error| panic!("{input:?}: {error}"));
        assert!(cursor.is_empty(), "{input:?}");
        let again = read.input(judged(&read)).unwrap();
        // What an item is is its bytes, which `Debug` leaves out.
        let mut twice = BytesMut::new();
        put(&again, |_| false, &mut twice);
        assert_eq!((format!("{again:?}"), twice), (format!("{input:?}"), bytes));
    });
    assert_eq!(kinds.len(), 22, "an input of each kind");
}

#[test]
fn bytes_that_end_early_or_are_others_never_panic() {
    every(&mut |input| {
        let mut bytes = BytesMut::new();
        put(input, |_| false, &mut bytes);
        let step = (bytes.len() / 64).max(1);
        for place in (0..bytes.len()).step_by(step) {
            assert!(
                take(&mut Cursor::new(&bytes[..place]), &chain()).is_err(),
                "{input:?} at {place}"
            );
            let mut other = bytes.clone();
            other[place] = !other[place];
            let _ = take(&mut Cursor::new(&other), &chain());
        }
    });
}

#[test]
fn a_verdict_on_an_item_that_was_asked_for_has_its_id_alone() {
    let item = item(&[7; 1_000]);
    let mut bytes = BytesMut::new();
    put(&Input::Verdict { item: &item, verdict: GOOD }, |_| true, &mut bytes);
    assert!(bytes.len() < 50, "{}", bytes.len());
    let read = take(&mut Cursor::new(&bytes), &chain()).unwrap();
    let Recorded::Verdict { item: Judged::Asked(id), .. } = read else { panic!("{read:?}") };
    assert_eq!(id, item.id());
}
