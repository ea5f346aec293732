//! What is said of each kind of message, and in which state that is dearest.
//!
//! [`of`] matches every kind, so that a new one doesn't compile before it has its cases here.

use tidings_protocol::chain::Chain as _;
use tidings_protocol::ground::fee::FeeRate;
use tidings_protocol::ground::item::{Hash256, ItemId, ItemKind, Name, ShortId};
use tidings_protocol::merkle::Tree;
use tidings_protocol::params::StrategyKind;
use tidings_protocol::reconcile::sketch::Sketch;
use tidings_protocol::replica::{self, Key};
use tidings_protocol::wire::digest::{
    Digest, FAN, LIST_MAX, LISTED_MAX, LISTS_MAX, List, Span, Split,
};
use tidings_protocol::wire::kinds::MessageKind;
use tidings_protocol::wire::message::{
    ADDRESSES_MAX, ANNOUNCE_MAX, Accepts, GETDATA_MAX, Items, KNOWN_MAX, Message, Names,
    PeerExchange, Reconcile, Replica, Session, Signal,
};
use tidings_protocol::wire::sketch::{CELLS_MAX, Cell, Cells, Want};

use crate::bench::{Rules, frame, map};
use crate::case::{Case, Scene, case, junk, raw};
use crate::scenes::{
    HOSTILE, NOON, OUTBOUND, READY, SILENT, announce, at, block_of, count, entry, fresh, hello,
    item, nowhere, orphans_of, others, pooled, world,
};

const ADAPTIVE: Scene = Scene::Calm(StrategyKind::Adaptive);
const INVENTORY: Scene = Scene::Calm(StrategyKind::Inventory);
const NEWS: Scene = Scene::Busy(StrategyKind::Adaptive);

/// The cases of a kind.
pub(crate) fn of(kind: MessageKind) -> Vec<Case> {
    match kind {
        MessageKind::Hello => hellos(),
        MessageKind::Ping => pings(|nonce| Session::Ping { nonce }),
        MessageKind::Pong => pings(|nonce| Session::Pong { nonce }),
        MessageKind::GetAddresses => get_addresses(),
        MessageKind::Addresses => addresses(),
        MessageKind::Announce => announcements(),
        MessageKind::GetData => requests(),
        MessageKind::NotFound => denials(),
        MessageKind::Tx => transactions(),
        MessageKind::Block => blocks(),
        MessageKind::Compact
        | MessageKind::GetParts
        | MessageKind::Parts
        | MessageKind::Prefer
        | MessageKind::GetHeaders
        | MessageKind::Headers
        | MessageKind::ByTemplate
        | MessageKind::Template
        | MessageKind::GetListed
        | MessageKind::Listed
        | MessageKind::Offer
        | MessageKind::Classes
        | MessageKind::GetSymbols
        | MessageKind::Symbol => crate::blocks::of(kind),
        MessageKind::Prune => signals(&Signal::Prune),
        MessageKind::Graft => signals(&Signal::Graft),
        MessageKind::Poll => polls(),
        MessageKind::Known => feedback(Signal::Known),
        MessageKind::First => feedback(Signal::First),
        MessageKind::Digest => digests(),
        MessageKind::Held => lists(),
        MessageKind::Cells => cells(),
        MessageKind::Want => wants(),
        MessageKind::Lacked => lacked(),
        MessageKind::Unknown => unknown(),
        MessageKind::FeeFilter => filters(),
        MessageKind::Credit => credits(),
        MessageKind::Replica => replicas(),
        MessageKind::Join
        | MessageKind::ForwardJoin
        | MessageKind::Neighbour
        | MessageKind::Disconnect
        | MessageKind::Shuffle => crate::views::of(kind),
    }
}

fn hellos() -> Vec<Case> {
    let bytes = frame(&hello(Accepts::default()));
    let says = (READY..READY + SILENT).map(|slot| (at(slot), bytes.clone())).collect();
    vec![
        raw("the first, after much news", NEWS, says),
        case("again", ADAPTIVE, vec![hello(Accepts::default()); 100]),
        raw("malformed", ADAPTIVE, junk(1, &[0; 3])),
    ]
}

fn pings(ping: fn(u64) -> Session) -> Vec<Case> {
    vec![case("100", ADAPTIVE, (0..100).map(|nonce| Message::Session(ping(nonce))))]
}

fn get_addresses() -> Vec<Case> {
    let ask = Message::Peers(PeerExchange::GetAddresses);
    let says = (OUTBOUND..READY).map(|slot| (at(slot), frame(&ask))).collect();
    vec![
        raw("the first, of a full book", ADAPTIVE, says),
        case("again", ADAPTIVE, vec![ask.clone(); 100]).after([(HOSTILE, ask)]),
    ]
}

fn addresses() -> Vec<Case> {
    let say = |first: u32, many: usize| {
        Message::Peers(PeerExchange::Addresses(world(first, count(many)).into()))
    };
    let foreign = [9_u8, 6, 1, 2, 3, 4, 5, 6].repeat(ADDRESSES_MAX);
    vec![
        case("250 new ones", ADAPTIVE, [say(50_000, 250)]).granted(250),
        case("1 new one, 100 times", ADAPTIVE, (0..100).map(|n| say(50_000 + n, 1))).granted(100),
        case("over what is taken", ADAPTIVE, (0..10).map(|n| say(60_000 + n * 1_000, 1_000)))
            .granted(250),
        raw("of kinds that aren't known", ADAPTIVE, junk(5, &foreign)),
    ]
}

fn announcements() -> Vec<Case> {
    let many = u32::try_from(ANNOUNCE_MAX).unwrap_or(u32::MAX);
    let known = |first: u32| announce((first..first + many).map(|n| pooled(n).item().id().into()));
    let unknown = || announce((0..many).map(nowhere));
    let blocks = |first: u32| {
        let id = |n: u32| ItemId::block(Hash256::of(&n.to_le_bytes()));
        Message::Items(Items::Announce(Names::of(
            ItemKind::Block,
            (0..ANNOUNCE_MAX).map(|n| Name::Whole(id(first + count(n)))),
        )))
    };
    let orphans = orphans_of(&parents(24).iter().collect::<Vec<_>>(), 100);
    let of_orphans = announce(orphans.iter().map(|orphan| orphan.id().into()));
    let waiting = orphans.iter().map(|orphan| (at(0), item(orphan)));
    vec![
        case("all that may be, known", ADAPTIVE, [known(0)]).granted(ANNOUNCE_MAX),
        case("all that may be, of what nobody has", ADAPTIVE, [unknown()]).granted(ANNOUNCE_MAX),
        case("the same, after all others", ADAPTIVE, [unknown()])
            .after(others().map(|link| (link, unknown())))
            .granted(ANNOUNCE_MAX)
            .at_once(),
        case("one, known, 100 times", ADAPTIVE, {
            (0..100).map(|n| announce([pooled(n).item().id().into()].into_iter()))
        })
        .granted(100),
        case("over the credit", ADAPTIVE, (0..20).map(|n| known(n * many))).granted(5_000),
        case("blocks that nobody has", ADAPTIVE, (0..10).map(|n| blocks(n * many))),
        case("100 that wait for 24 parents", ADAPTIVE, [of_orphans]).after(waiting).granted(100),
        case("none, 100 times", ADAPTIVE, vec![announce([].into_iter()); 100]),
        raw("malformed", ADAPTIVE, junk(17, &[7; 2_047])),
    ]
}

fn get_data(ids: impl Iterator<Item = ItemId>) -> Message {
    let names: Vec<_> = ids.map(|id| Name::Short(id.into())).collect();
    Message::Items(Items::GetData(Names::of(ItemKind::Tx, names.into_iter())))
}

fn requests() -> Vec<Case> {
    let of = |range: std::ops::Range<u32>| range.map(|number| pooled(number).item().id());
    let many = u32::try_from(GETDATA_MAX).unwrap_or(u32::MAX);
    let told = |range| (HOSTILE, announce(of(range).map(ShortId::from)));
    let large = fresh(7, 100_000_000);
    let large = tidings_protocol::testkit::ties::Draft { filler: 99_000, ..large }.item();
    let block = crate::scenes::large_block();
    let ask = |id| {
        Message::Items(Items::GetData(Names::of(ItemKind::Block, [Name::Whole(id)].into_iter())))
    };
    vec![
        case("1,000 that it was told of", ADAPTIVE, [get_data(of(0..many))]).after([told(0..many)]),
        case("1,000 that it wasn't told of", ADAPTIVE, [get_data(of(0..many))]),
        case("one, 100 times", ADAPTIVE, (0..100).map(|n| get_data(of(n..n + 1))))
            .after([told(0..many)]),
        case("one of 100 kB, 10 times", ADAPTIVE, vec![get_data([large.id()].into_iter()); 10])
            .after([(HOSTILE, item(&large))]),
        case("a block of 4 MB, 3 times", ADAPTIVE, vec![ask(block.id()); 3]),
        case("4,000 that nobody has", ADAPTIVE, {
            (0..4).map(|n| {
                Message::Items(Items::GetData(Names::Short(
                    (n * many..(n + 1) * many).map(nowhere).collect(),
                )))
            })
        }),
    ]
}

fn denials() -> Vec<Case> {
    let deny = |range: std::ops::Range<u32>| {
        Message::Items(Items::NotFound(Names::Short(range.map(nowhere).collect())))
    };
    let promise = announce((0..256).map(nowhere));
    let first = std::iter::once(HOSTILE).chain(others());
    vec![
        case("256 that all others announced", INVENTORY, [deny(0..256)])
            .after(first.map(|link| (link, promise.clone())))
            .at_once(),
        case("of what it wasn't asked for", ADAPTIVE, (0..100).map(|n| deny(n..n + 1_000))),
    ]
}

/// Transactions that nobody has, to be parents of others.
fn parents(count: u32) -> Vec<std::sync::Arc<tidings_protocol::ground::item::Item>> {
    (0..count).map(|number| fresh(500_000 + number, 1).item()).collect()
}

fn transactions() -> Vec<Case> {
    use tidings_protocol::testkit::ties::Draft;
    let rich = 1_000_000_000;
    let paying = |count: u32| (0..count).map(move |number| fresh(number, rich));
    let say = |draft: Draft| item(&draft.item());
    let all = parents(24);
    let refs: Vec<_> = all.iter().collect();
    let orphan = orphans_of(&refs, 1).remove(0);
    let told: Vec<_> =
        others().map(|link| (link, announce([orphan.id().into()].into_iter()))).collect();
    let cheap = fresh(600_000, 0);
    let cheap = cheap.item();
    let children = orphans_of(&[&cheap], 1_300);
    let rich_parent = fresh(600_001, rich).item();
    let waiting = orphans_of(&[&rich_parent], 1_300);
    let mut line = vec![fresh(700_000, rich).item()];
    while line.len() < 25 {
        let last = &line[line.len() - 1];
        let next = fresh(700_000 + count(line.len()), rich).after(&[last]).item();
        line.push(next);
    }
    let keys: Vec<u8> = (0..100).collect();
    let holders = keys.iter().map(|key| fresh(800_000 + u32::from(*key), rich).claiming(&[*key]));
    let holders: Vec<_> = holders.map(|draft| (at(0), say(draft))).collect();
    let replacing = Draft { filler: 1_000, ..fresh(900_000, 200 * rich).claiming(&keys) };
    vec![
        case("smallest, new, 100 times", ADAPTIVE, paying(100).map(say)),
        case("100 kB, new, 10 times", ADAPTIVE, {
            paying(10).map(|draft| say(Draft { filler: 99_000, fee: rich * 100, ..draft }))
        }),
        case("known, 100 times", ADAPTIVE, (0..100).map(|number| say(pooled(number)))),
        case(
            "pays too little, 100 times",
            ADAPTIVE,
            (0..100).map(|number| say(Draft { filler: 100, ..fresh(number, 0) })),
        ),
        case("the 25th of a family", ADAPTIVE, [item(&line[24])])
            .after(line[..24].iter().map(|one| (at(0), item(one)))),
        case("replaces 100", ADAPTIVE, [say(replacing)]).after(holders),
        case("24 parents missing, announced by all", ADAPTIVE, [item(&orphan)])
            .after(told)
            .at_once(),
        case(
            "more parents missing than may be",
            ADAPTIVE,
            [item(&orphans_of(&parents(200).iter().collect::<Vec<_>>(), 1).remove(0))],
        ),
        case("pays too little, 1,300 children wait", ADAPTIVE, [item(&cheap)])
            .after(children.iter().map(|child| (HOSTILE, item(child)))),
        case("1,300 children wait for it", ADAPTIVE, [item(&rich_parent)])
            .after(waiting.iter().map(|child| (HOSTILE, item(child)))),
        raw("malformed", ADAPTIVE, junk(9, &[7; 10])),
    ]
}

fn blocks() -> Vec<Case> {
    let unknown = crate::scenes::block_of_unknown;
    vec![
        case("1 MB of what is pooled", ADAPTIVE, [item(&block_of(0, 3_300))]),
        case("1 MB of what isn't", ADAPTIVE, [item(&unknown(3_300, 300))]),
        case("4 MB of the smallest", ADAPTIVE, [item(&unknown(190_000, 16))]),
        case(
            "smallest, 10 times",
            ADAPTIVE,
            (0..10).map(|n| {
                item(&Rules.item(ItemKind::Block, vec![n; 33].into()).expect("any bytes"))
            }),
        ),
        raw("malformed", ADAPTIVE, junk(10, &[7; 10])),
    ]
}

fn signals(signal: &Signal) -> Vec<Case> {
    let said = || vec![Message::Relay(signal.clone()); 100];
    vec![
        case("100, to plumtree", Scene::Calm(StrategyKind::Plumtree), said()),
        case("100, to gossipsub", Scene::Calm(StrategyKind::Gossipsub), said()),
    ]
}

fn polls() -> Vec<Case> {
    let (poll, pull) = (Message::Relay(Signal::Poll), Scene::Busy(StrategyKind::Pull));
    vec![
        case("the first, after much news", pull, [poll.clone()]).at_once(),
        case("again, 20 times", pull, vec![poll.clone(); 20]).after([(HOSTILE, poll)]).at_once(),
    ]
}

fn feedback(signal: fn(std::sync::Arc<[ShortId]>) -> Signal) -> Vec<Case> {
    let about = |number| ShortId::from(fresh(number, 10_000_000).item().id());
    let ids = || (0..count(KNOWN_MAX)).map(about).collect();
    vec![
        case("1,000 ids, to adaptive", NEWS, vec![Message::Relay(signal(ids())); 10]).at_once(),
        case(
            "1,000 ids, to rumor",
            Scene::Busy(StrategyKind::Rumor),
            vec![Message::Relay(signal(ids())); 10],
        )
        .at_once(),
        case("one, 100 times, to dog", Scene::Busy(StrategyKind::Dog), {
            (0..100).map(|number| Message::Relay(signal([about(number)].into())))
        })
        .at_once(),
        case(
            "1,000 ids, to gossipsub",
            Scene::Busy(StrategyKind::Gossipsub),
            vec![Message::Relay(signal(ids())); 10],
        )
        .at_once(),
        case("none, 100 times", ADAPTIVE, vec![Message::Relay(signal([].into())); 100]),
    ]
}

fn digests() -> Vec<Case> {
    let sums = |spans: Vec<Span>, sum| {
        let splits = spans.into_iter().map(|span| Split { span, sums: [sum; FAN] }).collect();
        Message::Reconcile(Reconcile::Digest(Box::new(Digest { salt: 7, splits })))
    };
    let second = || Span::ALL.children().flat_map(Span::children).collect::<Vec<_>>();
    let third = || second().into_iter().flat_map(Span::children);
    let deep = |span: Span| Span::new(u64::from_be_bytes(span.first().0), 15);
    let news = (at(0), item(&fresh(1, 1_000_000_000).item()));
    vec![
        case("sums of all, wrong", ADAPTIVE, [sums(vec![Span::ALL], 1)]),
        case("the same, after a change", ADAPTIVE, [sums(vec![Span::ALL], 1)])
            .after([news.clone()]),
        case("the same, while there is news", NEWS, [sums(vec![Span::ALL], 1)]).at_once(),
        case("256 splits, wrong", ADAPTIVE, [sums(second(), 1)]),
        case(
            "256 splits of single ids",
            ADAPTIVE,
            [sums(third().filter_map(deep).take(256).collect(), 1)],
        ),
        case(
            "one split of a single id, after a change",
            ADAPTIVE,
            [sums(third().filter_map(deep).take(1).collect(), 1)],
        )
        .after([news]),
        case("none, 100 times", ADAPTIVE, vec![sums(Vec::new(), 0); 100]),
    ]
}

fn lists() -> Vec<Case> {
    let held = |lists: Vec<List>| Message::Reconcile(Reconcile::Held(lists.into()));
    let none = |span| List { span, ids: [].into() };
    let third = || Span::ALL.children().flat_map(Span::children).flat_map(Span::children);
    let deep = |span: Span| Span::new(u64::from_be_bytes(span.first().0), 16);
    let full = |span: Span| {
        let ids = span.children().map(Span::first).take(LIST_MAX).collect();
        List { span, ids }
    };
    let all = held(vec![none(Span::ALL)]);
    vec![
        case("I have nothing", ADAPTIVE, [all.clone()]),
        case("the same, 10 times", ADAPTIVE, vec![all; 10]),
        case("1,024 empty lists", ADAPTIVE, [held(third().take(LISTS_MAX).map(none).collect())]),
        case(
            "1,024 empty lists of single ids",
            ADAPTIVE,
            [held(third().filter_map(deep).take(LISTS_MAX).map(none).collect())],
        ),
        case(
            "128 full lists of what isn't here",
            ADAPTIVE,
            [held(third().take(LISTED_MAX / LIST_MAX).map(full).collect())],
        )
        .granted(LISTED_MAX),
        case("none, 100 times", ADAPTIVE, vec![held(Vec::new()); 100]),
    ]
}

fn cells() -> Vec<Case> {
    let told = |of, cells: Vec<Cell>| {
        Message::Reconcile(Reconcile::Cells(Box::new(Cells { of, cells: cells.into() })))
    };
    let garbage = |count: u64| (0..count).map(|sum| Cell { sum, check: 1 }).collect::<Vec<_>>();
    let ids = |count: u64| {
        let ids = (0..count).map(|n| ShortId((n << 32 | n).to_be_bytes()));
        Sketch::of(ids, CELLS_MAX).told().into_vec()
    };
    vec![
        case("four, of which nothing can be seen", ADAPTIVE, [told(20_000, garbage(4))]),
        case("4,096 of which nothing can be seen", ADAPTIVE, [told(20_000, garbage(4_096))]),
        case("4,096 of 2,900 ids", ADAPTIVE, [told(2_900, ids(2_900))]),
        case("four of nothing, 10 times", ADAPTIVE, vec![told(0, ids(0)[..4].to_vec()); 10]),
        case("none, 100 times", ADAPTIVE, vec![told(0, Vec::new()); 100]),
    ]
}

fn lacked() -> Vec<Case> {
    let say = |ids: Vec<ShortId>| Message::Reconcile(Reconcile::Lacked(ids.into()));
    let many = count(ANNOUNCE_MAX);
    vec![
        case(
            "all that may be, known",
            ADAPTIVE,
            [say((0..many).map(|n| pooled(n).item().id().into()).collect())],
        ),
        case(
            "all that may be, of what nobody has",
            ADAPTIVE,
            [say((0..many).map(nowhere).collect())],
        ),
        case("none, 100 times", ADAPTIVE, vec![say(Vec::new()); 100]),
    ]
}

fn wants() -> Vec<Case> {
    let want = |of, counts: Vec<i32>| {
        Message::Reconcile(Reconcile::Want(Box::new(Want { of, counts: counts.into() })))
    };
    let some = (0..256_i32).map(|n| n % 7 - 3).collect::<Vec<_>>();
    vec![
        case("for little", ADAPTIVE, [want(20_000, some.clone())]),
        case("for more than there is", ADAPTIVE, [want(u32::MAX, some)]),
        case("for nothing, 100 times", ADAPTIVE, vec![want(0, Vec::new()); 100]),
    ]
}

fn unknown() -> Vec<Case> {
    let of = |len| Message::Unknown { kind: 99, len };
    vec![
        case("empty, 100 times", ADAPTIVE, vec![of(0); 100]),
        case("64 KiB, 10 times", ADAPTIVE, vec![of(64 * 1_024); 10]),
    ]
}

fn filters() -> Vec<Case> {
    let filter = |rate| Message::Items(Items::FeeFilter(FeeRate(rate)));
    vec![case("100", ADAPTIVE, (0..100).map(|n| filter(n % 2 * 1_000_000_000)))]
}

fn credits() -> Vec<Case> {
    let credit = |ids| frame(&Message::Items(Items::Credit(ids)));
    let says = |ids, times| vec![(at(READY), credit(ids)); times];
    vec![
        raw("of one, 100 times, with 20,000 waiting", Scene::Queued, says(1, 100)),
        raw("of 20,000", Scene::Queued, says(20_000, 1)),
        case("100", ADAPTIVE, (0..100).map(|_| Message::Items(Items::Credit(1)))),
    ]
}

/// Keys of the full map, and what its clock says.
fn replicas() -> Vec<Case> {
    type Said = replica::Message;
    let say = |said: &Said| Message::Replica(Replica::Said(said.encode().into()));
    let entries = |numbers: std::ops::Range<u32>, len, millis| {
        say(&Said::Entries(numbers.map(|number| entry(number, len, millis)).collect()))
    };
    let of_shared = |name, says: Vec<Message>| case(name, Scene::Shared, says);
    let empty = Tree::<Key>::new(map().salt).begin(5, 0);
    let compare = say(&Said::Compare(empty.into()));
    // What lies at places that no key has takes as long to look up.
    let want = |n: u64| say(&Said::Want((n * 256..(n + 1) * 256).collect()));
    vec![
        of_shared("what changed, 20 times", vec![say(&Said::Pull { after: 1 }); 20]),
        of_shared("256 small entries, newer", vec![entries(0..256, 10, NOON + 1)]),
        of_shared("256 small entries, older", vec![entries(0..256, 10, NOON - 1)]),
        of_shared("the same one, 100 times", vec![entries(0..1, 10, NOON - 1); 100]),
        of_shared("15 entries of 4 KiB", vec![entries(0..15, 4_096, NOON + 1)]),
        of_shared("256 entries that don't fit", vec![entries(10_000..10_256, 10, NOON)]),
        of_shared("a map with nothing in it, 20 times", vec![compare; 20]),
        of_shared("256 places, 10 times", (0..10).map(want).collect()),
        of_shared("its clock, 100 times", vec![say(&Said::Clock { wall: NOON }); 100]),
        raw("malformed", Scene::Shared, junk(25, &[0, 0x81, 0])),
        raw("of a stranger", Scene::Shared, vec![(at(0), frame(&say(&Said::Clock { wall: 0 })))]),
    ]
}
