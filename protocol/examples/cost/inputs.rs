//! The dearest single inputs: all that can fall due in one moment, and the largest messages.

use std::sync::Arc;
use std::time::Duration;

use tidings_protocol::ground::item::Item;
use tidings_protocol::ground::link::{Direction, Link};
use tidings_protocol::machine::{Input, RestoredAs};
use tidings_protocol::params::StrategyKind;
use tidings_protocol::testkit::ties::Draft;
use tidings_protocol::wire::message::{
    ANNOUNCE_MAX, Accepts, GETDATA_MAX, Items, KNOWN_MAX, Message, Names, Signal,
};

use crate::bench::{Bench, medians};
use crate::scenes::{
    HOSTILE, POOLED, READY, SILENT, announce, at, block_of, block_of_unknown, bring, bring_from,
    calm, count, fresh, hello, item, nowhere, orphans_of, others, params, pooled, promise, restore,
};

/// No input takes longer.
const LONGEST: Duration = Duration::from_millis(2);

/// How often each is measured.
const LIVES: usize = 3;

/// Prints what the dearest inputs take.
pub(crate) fn measure() {
    println!(
        "{:58} {:>9} {:>10} {:>6} {:>10}",
        "input, and what it causes at once", "inputs", "longest us", "which", "all us"
    );
    waking();
    closing();
    asking();
    packages();
    large();
    starting();
    rounds();
}

fn row(what: &str, begin: &Bench, live: impl Fn(&mut Bench)) {
    row_after(what, begin, |_| (), live);
}

/// A row, after something that isn't measured.
fn row_after(what: &str, begin: &Bench, before: impl Fn(&mut Bench), live: impl Fn(&mut Bench)) {
    if std::env::args().nth(2).is_some_and(|wanted| !what.contains(&wanted)) {
        return;
    }
    let (took, _) = medians(LIVES, begin, before, live);
    let (which, longest) =
        took.iter().copied().enumerate().max_by_key(|(_, took)| *took).unwrap_or_default();
    let us = |time: Duration| time.as_secs_f64() * 1e6;
    println!(
        "{what:58} {:9} {:10.0} {which:6} {:10.0} {}",
        took.len(),
        us(longest),
        us(took.iter().sum()),
        if longest > LONGEST { "over 2 ms" } else { "" }
    );
}

/// Everything falls due in one moment.
fn waking() {
    hour();
    {
        let mut bench = calm(StrategyKind::Adaptive, POOLED);
        promise(&mut bench, 5_000);
        bench.settle();
        bench.now = bench.now + Duration::from_secs(60);
        row("115 peers announced 5,000 ids, all requests run out", &bench, Bench::settle);
        row("one of these links closes", &bench, |bench| {
            bench.hand(Input::Disconnected { link: HOSTILE });
            bench.settle();
        });
        row("all of these links close", &bench, |bench| {
            (0..READY).for_each(|slot| bench.hand(Input::Disconnected { link: at(slot) }));
            bench.settle();
        });
    }
    for strategy in [StrategyKind::Adaptive, StrategyKind::Inventory] {
        let mut bench = calm(strategy, 0);
        // Whoever says that it had everything before is told lazily from then on.
        bring(&mut bench, 500);
        let had = |n| Draft { filler: 284, ..fresh(n, 10_000_000) }.item().id().into();
        let known = Message::Relay(Signal::Known((0..500).map(had).collect()));
        (0..READY).for_each(|slot| bench.say(at(slot), &known));
        bench.pass(Duration::from_secs(300));
        bring_from(&mut bench, 500, 5_000);
        bench.now = bench.now + Duration::from_secs(60);
        row(&format!("5,000 ids are announced to 114 peers, {strategy}"), &bench, Bench::settle);
    }
    row("20,000 come, and wait for all peers", &calm(StrategyKind::Inventory, 0), |bench| {
        let now = bench.now;
        for number in 0..20_000 {
            bench.say(at(number % 8), &item(&Draft { filler: 284, ..fresh(number, 1_000) }.item()));
        }
        assert_eq!(bench.now, now);
    });
    {
        let mut bench = calm(StrategyKind::Inventory, 0);
        for slot in READY..READY + SILENT {
            bench.say(at(slot), &hello(Accepts { credit: 0, ..Accepts::default() }));
        }
        bring(&mut bench, 25_000);
        bench.pass(Duration::from_secs(200));
        let credit = Message::Items(Items::Credit(10));
        row("10 peers for whom 20,000 wait take 10 each", &bench, |bench| {
            (READY..READY + SILENT).for_each(|slot| bench.say(at(slot), &credit));
            bench.settle();
        });
        let credit = Message::Items(Items::Credit(100_000));
        row("10 peers that fell behind take all", &bench, |bench| {
            (READY..READY + SILENT).for_each(|slot| bench.say(at(slot), &credit));
            bench.pass(Duration::from_secs(1));
        });
    }
}

/// Nothing is heard of the driver for an hour, in which everything expires.
fn hour() {
    let mut begin = Bench::new({
        let mut params = params(StrategyKind::Adaptive);
        params.memory.pool_expiry_s = 3_000;
        params.health.ping_interval_s = 60;
        params.health.ping_timeout_s = 60;
        params
    });
    for slot in 0..READY {
        let direction = if slot < 8 { Direction::Outbound } else { Direction::Inbound };
        begin.join(at(slot), direction);
    }
    let before = |bench: &mut Bench| {
        // Families of 25, our own, and such as wait for a parent.
        for family in 0..1_000 {
            let mut last = fresh(family * 25, 1_000).item();
            for number in 1..25 {
                bench.hand(Input::Submitted(last.clone()));
                last = fresh(family * 25 + number, 1_000).after(&[&last]).item();
            }
            bench.hand(Input::Submitted(last));
        }
        let parent = fresh(900_000, 1).item();
        for item in orphans_of(&[&parent], 1_300) {
            bench.restore(item, RestoredAs::Orphan);
        }
        promise(bench, 1_000);
        bench.now = bench.now + Duration::from_secs(3_600);
    };
    let what = "an hour is slept through, and everything expires";
    row_after(what, &begin, before, Bench::settle);
}

/// A link closes with everything in flight.
fn closing() {
    let mut begin = calm(StrategyKind::Adaptive, 50_000);
    let parents: Vec<_> = (0..24).map(|number| fresh(500_000 + number, 1).item()).collect();
    for orphan in orphans_of(&parents.iter().collect::<Vec<_>>(), 100) {
        begin.say(HOSTILE, &item(&orphan));
    }
    (0..2).for_each(|n| begin.say(HOSTILE, &announce((n * 2_000..(n + 1) * 2_000).map(nowhere))));
    begin.say(
        HOSTILE,
        &Message::Items(Items::GetData(Names::Short((0..1_000).map(nowhere).collect()))),
    );
    bring(&mut begin, 4_096);
    row("a link with everything in flight closes", &begin, |bench| {
        bench.hand(Input::Disconnected { link: HOSTILE });
        bench.settle();
    });
    let parent = fresh(500_000, 1).item();
    let mut begin = calm(StrategyKind::Adaptive, 0);
    for orphan in orphans_of(&[&parent], 1_300) {
        begin.say(HOSTILE, &item(&orphan));
    }
    row("a link with 1,300 orphans of one parent closes", &begin, |bench| {
        bench.hand(Input::Disconnected { link: HOSTILE });
        bench.settle();
    });
}

/// The longest lists.
fn asking() {
    let begin = calm(StrategyKind::Adaptive, POOLED);
    let most = count(ANNOUNCE_MAX);
    let known = announce((0..most).map(|number| pooled(number).item().id().into()));
    let unknown = announce((0..most).map(nowhere));
    row("1,024 known ids are announced", &begin, |bench| {
        bench.say(HOSTILE, &known);
        bench.settle();
    });
    row("1,024 unknown ids are announced", &begin, |bench| {
        bench.say(HOSTILE, &unknown);
        bench.settle();
    });
    row("the same by all peers, one after the other", &begin, |bench| {
        (0..READY).for_each(|slot| bench.say(at(slot), &unknown));
    });
    let ask = |first: u32| {
        let names = (first..first + count(GETDATA_MAX)).map(|n| pooled(n).item().id().into());
        Message::Items(Items::GetData(Names::Short(names.collect())))
    };
    let mut told = calm(StrategyKind::Adaptive, 0);
    restore(&mut told, (0..4_000).map(|number| fresh(number, 1).item()));
    let smallest = |first: u32, last: u32| (first..last).map(|n| fresh(n, 1).item().id().into());
    told.say(HOSTILE, &announce(smallest(0, 4_000)));
    told.hand(Input::Congested { link: HOSTILE });
    for first in (0..4_000).step_by(1_000) {
        let names = Names::Short(smallest(first, first + 1_000).collect());
        told.say(HOSTILE, &Message::Items(Items::GetData(names)));
    }
    row("1,000 are asked for that may not be given", &begin, |bench| {
        bench.say(HOSTILE, &ask(0));
        bench.settle();
    });
    row("4,000 of the smallest that were asked for leave", &told, |bench| {
        bench.hand(Input::Drained { link: HOSTILE });
        bench.settle();
    });
    let mut promised = begin.clone();
    let few = announce((0..256).map(nowhere));
    std::iter::once(HOSTILE).chain(others()).for_each(|link| promised.say(link, &few));
    promised.settle();
    let deny = Message::Items(Items::NotFound(Names::Short((0..256).map(nowhere).collect())));
    row("256 that all announced are denied", &promised, |bench| bench.say(HOSTILE, &deny));
    let digest = crate::scenes::wrong_sums();
    let mut changed = begin.clone();
    bring(&mut changed, 1);
    changed.pass(Duration::from_secs(2));
    row("a question about a full pool", &begin, |bench| bench.say(HOSTILE, &digest));
    row("the same, after a change", &changed, |bench| bench.say(HOSTILE, &digest));
    let mut busy = calm(StrategyKind::Adaptive, 50_000);
    bring(&mut busy, 4_096);
    busy.pass(Duration::from_secs(3));
    row("a peer says hello, after 4,096 new transactions", &busy, |bench| {
        bench.say(at(READY), &hello(Accepts::default()));
        bench.settle();
    });
    row("we dial a peer, with a pool of 50,000", &busy, |bench| {
        bench.join(Link::new(READY + SILENT, 1), Direction::Outbound);
        bench.settle();
    });
}

/// What hangs together.
fn packages() {
    let begin = calm(StrategyKind::Adaptive, 50_000);
    let waiting = |parent: &Arc<Item>| {
        let mut bench = begin.clone();
        orphans_of(&[parent], 1_300).iter().for_each(|orphan| bench.say(HOSTILE, &item(orphan)));
        bench
    };
    let rich = fresh(500_000, 1_000_000_000).item();
    row("the parent comes for which 1,300 wait", &waiting(&rich), |bench| {
        bench.say(at(0), &item(&rich));
        bench.settle();
    });
    let cheap = fresh(500_000, 0);
    let cheap = Draft { filler: 100, ..cheap }.item();
    let mut params = begin.clone();
    params.params.pool.min_fee_rate = tidings_protocol::ground::fee::FeeRate(1_000);
    orphans_of(&[&cheap], 1_300).iter().for_each(|orphan| params.say(HOSTILE, &item(orphan)));
    row("one comes that 1,300 children could pay for", &params, |bench| {
        bench.say(HOSTILE, &item(&cheap));
        bench.settle();
    });
    let forged = Draft { is_forged: true, ..fresh(500_000, 1_000_000_000) }.item();
    row("1,300 wait for one that is refused", &waiting(&forged), |bench| {
        bench.say(at(0), &item(&forged));
        bench.settle();
    });
    let mut chain = begin.clone();
    let mut last = fresh(600_000, 1).item();
    for number in 1..1_000 {
        last = fresh(600_000 + number, 1).after(&[&last]).item();
        chain.say(HOSTILE, &item(&last));
    }
    row("a line of 1,000 of which each waits for the last", &chain, |bench| {
        bench.say(at(0), &item(&fresh(600_000, 1).item()));
        bench.settle();
    });
}

/// Blocks.
fn large() {
    let begin = calm(StrategyKind::Adaptive, POOLED);
    let block = |what: &str, block: Arc<Item>| {
        row(what, &begin, |bench| {
            bench.say(at(0), &item(&block));
            bench.settle();
        });
    };
    block("a block of 1 MB, 3,300 transactions that are pooled", block_of(0, 3_300));
    block("a block of 4 MB, 13,000 transactions that are pooled", block_of(0, 13_000));
    block("a block of 4 MB, 190,000 transactions that aren't", block_of_unknown(190_000, 16));
    let mut orphans = begin.clone();
    for link in others().take(24) {
        let parents: Vec<_> = (0..8).map(|number| fresh(500_000 + number, 1).item()).collect();
        let first = count(link.slot()) * 1_000;
        for number in first..first + 120 {
            let orphan = fresh(3_000_000 + number, 1).after(&parents.iter().collect::<Vec<_>>());
            orphans.say(link, &item(&orphan.item()));
        }
    }
    let confirming = block_of(0, 3_300);
    row("the same of 1 MB, while 3,000 orphans wait", &orphans, |bench| {
        bench.say(at(0), &item(&confirming));
        bench.settle();
    });
}

/// A node starts.
fn starting() {
    let begin = Bench::new(params(StrategyKind::Adaptive));
    let items: Vec<_> = (0..POOLED).map(|number| pooled(number).item()).collect();
    row("a full pool comes back, and a link asks about it", &begin, |bench| {
        restore(bench, items.iter().cloned());
        bench.join(HOSTILE, Direction::Inbound);
        bench.say(HOSTILE, &crate::scenes::wrong_sums());
        bench.settle();
    });
    let addresses = crate::scenes::addresses(20_000).into();
    row("20,000 addresses come back", &begin, |bench| {
        bench.hand(Input::Remembered(&addresses));
        bench.settle();
    });
    let full = calm(StrategyKind::Adaptive, POOLED);
    let large = Draft { filler: 99_000, ..fresh(1, 1_000_000_000_000) }.item();
    row("one of 100 kB comes into a full pool", &full, |bench| {
        bench.say(at(0), &item(&large));
        bench.settle();
    });
}

/// The rounds of those strategies that have some, and what all of them do with much news.
fn rounds() {
    for strategy in StrategyKind::ALL.iter().copied() {
        let mut bench = calm(strategy, 0);
        bring(&mut bench, 4_096);
        row(&format!("4,096 came, two minutes: {strategy}"), &bench, |bench| {
            bench.pass(Duration::from_secs(120));
        });
        let known = Signal::Known((0..count(KNOWN_MAX)).map(nowhere).collect());
        row(&format!("1,000 are told to be known: {strategy}"), &bench, |bench| {
            bench.say(HOSTILE, &Message::Relay(known.clone()));
        });
    }
}
