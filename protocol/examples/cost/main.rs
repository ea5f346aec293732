//! What each kind of message costs a node, for what its sender is charged; and what the dearest single inputs take.
//!
//! ```text
//! cargo run --release -p tidings-protocol --example cost                      # both tables
//! cargo run --release -p tidings-protocol --example cost -- kinds             # or inputs
//! cargo run --release -p tidings-protocol --example cost -- inputs "an hour"  # those that are called so
//! ```
//!
//! A link's budgets are in bytes, messages, ids and addresses a second. To compare them, what a message is charged is
//! told as the time in which the budget that it strains most gives that back; a microsecond of it is called a byte,
//! since the budget of control bytes gives one in that time. So a nanosecond of CPU for a charged byte
//! means that a peer who uses up his budgets takes a thousandth of a core.
//!
//! The time is that of the core alone: decoding, the input, what it makes due later, and encoding of all that it has sent.
//! Signatures aren't in it, since the driver bounds those. Each state has 8 peers that we dialled and 107 that dialled
//! us, a full pool and a full address book. It is CPU time of the thread, and of each input the median of several lives.

mod bench;
mod blocks;
mod case;
mod inputs;
mod kinds;
mod scenes;
mod views;

use std::process::ExitCode;
use std::time::Duration;

use tidings_protocol::params::Rate;
use tidings_protocol::wire::kinds::{Budget, MessageKind};

use bench::{Bench, medians};
use case::{Case, Scene};

/// So many times the median of all kinds, and no more, may a kind cost for what is charged.
const FACTOR_MAX: f64 = 100.0;

/// How often each is measured.
const LIVES: usize = 5;

fn main() -> ExitCode {
    let wanted = std::env::args().nth(1);
    let wants = |what: &str| wanted.as_deref().is_none_or(|wanted| wanted == what);
    let mut fine = true;
    if wants("kinds") {
        fine &= kinds();
    }
    if wants("inputs") {
        inputs::measure();
    }
    if fine { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// A row of the table.
struct Row {
    kind: MessageKind,
    name: &'static str,
    bytes: f64,
    charged: f64,
    ns: f64,
    longest: Duration,
}

impl Row {
    fn per_byte(&self) -> f64 {
        self.ns / self.charged
    }
}

/// Prints what the kinds cost. False if one costs too much.
fn kinds() -> bool {
    let mut rows = Vec::new();
    for scene in Scene::ALL {
        let begin = scene.build();
        for kind in MessageKind::ALL {
            let cases = kinds::of(kind).into_iter().filter(|case| case.scene == scene);
            rows.extend(cases.map(|case| measure(kind, &case, &begin)));
        }
    }
    rows.sort_by_key(|row| row.kind);
    let dearest = |kind| {
        let of_kind = rows.iter().filter(|row| row.kind == kind);
        of_kind.max_by(|a, b| a.per_byte().total_cmp(&b.per_byte())).expect("each kind has a case")
    };
    let mut all: Vec<_> = MessageKind::ALL.map(dearest).iter().map(|row| row.per_byte()).collect();
    all.sort_by(f64::total_cmp);
    let median = all[all.len() / 2];
    println!(
        "{:12} {:40} {:>9} {:>10} {:>10} {:>9} {:>9} {:>10}",
        "kind", "", "bytes", "charged", "ns", "ns/charged", "x median", "longest us"
    );
    for Row { kind, name, bytes, charged, ns, longest } in &rows {
        let per_byte = ns / charged;
        println!(
            "{:12} {name:40} {bytes:9.0} {charged:10.0} {ns:10.0} {per_byte:9.2} {:9.1} {:10.0}",
            kind.name(),
            per_byte / median,
            longest.as_secs_f64() * 1e6
        );
    }
    println!("median of the kinds, the dearest case of each: {median:.2} ns for a charged byte");
    let dear = MessageKind::ALL.map(dearest);
    let dear: Vec<_> = dear.iter().filter(|row| row.per_byte() > FACTOR_MAX * median).collect();
    for row in &dear {
        println!(
            "{} ({}) costs {:.0} times the median for what is charged, and may cost {FACTOR_MAX} times",
            row.kind.name(),
            row.name,
            row.per_byte() / median
        );
    }
    dear.is_empty()
}

fn measure(kind: MessageKind, case: &Case, begin: &Bench) -> Row {
    let messages = case.says.len() as f64;
    let (before, wait) =
        (|bench: &mut Bench| prepare(bench, case), |bench: &mut Bench| bench.pass(case.horizon));
    let idle: Duration = medians(LIVES, begin, before, wait).0.iter().sum();
    let (took, decoding) = medians(LIVES, begin, before, |bench| live(bench, case));
    let total = (took.iter().sum::<Duration>() + decoding).saturating_sub(idle);
    Row {
        kind,
        name: case.name,
        bytes: case.says.iter().map(|(_, bytes)| bytes.len()).sum::<usize>() as f64 / messages,
        charged: charged(kind, case, begin) * 1e6 / messages,
        ns: total.as_secs_f64() * 1e9 / messages,
        longest: took.into_iter().max().unwrap_or_default(),
    }
}

fn prepare(bench: &mut Bench, case: &Case) {
    for (link, bytes) in &case.before {
        bench.hear(*link, bytes);
        bench.settle();
    }
    bench.pass(Duration::from_millis(20));
}

fn live(bench: &mut Bench, case: &Case) {
    for (link, bytes) in &case.says {
        bench.hear(*link, bytes);
        bench.settle();
    }
    bench.pass(case.horizon);
}

/// For how long what is said strains the budgets of those who say it, in seconds.
fn charged(kind: MessageKind, case: &Case, begin: &Bench) -> f64 {
    let mut bench = begin.clone();
    prepare(&mut bench, case);
    bench.slowed.clear();
    let per_s = |budgets: &tidings_protocol::params::BudgetParams| match kind.budget_of_elements() {
        Some(Budget::Addresses) => budgets.addresses.per_s,
        _ => budgets.announcements.per_s,
    };
    let granted = case.granted as f64 / per_s(&bench.params.budgets);
    // Whatever is charged makes a debt where nothing may be spent at once, and the debt tells how much.
    let budgets = &mut bench.params.budgets;
    for rate in [
        &mut budgets.messages,
        &mut budgets.txs,
        &mut budgets.requests,
        &mut budgets.tx_bytes,
        &mut budgets.block_bytes,
        &mut budgets.control_bytes,
    ] {
        *rate = Rate::new(rate.per_s, rate.per_s * 1e-9);
    }
    let now = bench.now;
    for (link, bytes) in &case.says {
        bench.hear(*link, bytes);
    }
    let debts: f64 = bench.slowed.values().map(|until| until.since(now).as_secs_f64()).sum();
    // What can't be decoded isn't charged: it costs the link. It counts as one message.
    debts.max(granted).max(
        case.says.len() as f64
            / bench.params.budgets.messages.per_s.max(bench.params.budgets.txs.per_s),
    )
}
