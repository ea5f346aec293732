//! What it costs to tell a peer which transactions a block has: short ids (BIP 152) beside sketches and filters:
//! `cargo run --release -p tidings-protocol --example block_sketch`. No times: it prints the same everywhere.
//!
//! Counted is what names the transactions, to the peer and back; the bytes of unknown transactions travel in any case. The
//! peer's pool holds so many times what the block has, and lacks a share of the block.
//! - **ids**: 6 bytes each and a nonce; missing ones are asked for by the gaps between their places (`getblocktxn`). One
//!   trip, two if any miss.
//! - **sketch**: cells against the whole pool, so that all of it that isn't in the block differs.
//! - **filter**: a Bloom filter that most of the pool doesn't pass, and cells for what passes by mistake or is unknown:
//!   Graphene (Ozisik et al., SIGCOMM 2019, §3.1: the size of the filter that makes both together smallest), with a rateless
//!   sketch in the place of its table, which therefore needs no allowance for bad luck.
//! - **template**: cells against the block that the peer would have made of its pool, of which a share is alike.
//!
//! Ids come in the order of the block. A set has none: where rules don't give it, naming one of n! takes log2(n!) bits, which
//! all but the ids are charged. So cells are as cheap as can be, and take one trip only where the difference was guessed.

use tidings_protocol::ground::item::{Hash256, ItemId};
use tidings_protocol::reconcile::sketch::Sketch;
use tidings_protocol::reconcile::sketch::decoder::decode;
use tidings_protocol::wire::sketch::Cell;

/// Bytes of a short id of a compact block (BIP 152, "Short transaction IDs"), and of the nonce and counts beside them.
const ID: f64 = 6.0;
const HEAD: f64 = 8.0 + 3.0;

/// Bytes of `getblocktxn` besides the gaps: a block's hash and a count.
const ASK: f64 = 32.0 + 3.0;

/// So many differences are counted, and none between: the two next to a number decide by its logarithm. From the last one on
/// as many cells each are enough.
const COUNTED: [usize; 12] = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000];

/// How many cells of 12 bytes are enough on average, for each id of so many that differ: as many as it took to take sketches
/// apart, of which more are made where there is more chance in them.
struct Cells(Vec<(f64, f64)>);

impl Cells {
    fn counted() -> Self {
        let each = COUNTED.map(|count| {
            let sketches = (2_000 / count).max(4);
            let cells: usize = (0..sketches).map(|seed| cells_of(count, seed)).sum();
            (count as f64, cells as f64 / (count * sketches) as f64)
        });
        Self(each.into())
    }

    /// Bytes of the cells for so many differences.
    fn bytes(&self, differences: f64) -> f64 {
        let next = self.0.partition_point(|(count, _)| *count < differences);
        let each = match (next.checked_sub(1).map(|at| self.0[at]), self.0.get(next)) {
            (Some((low, a)), Some((high, b))) => {
                (b - a).mul_add((differences / low).ln() / (high / low).ln(), a)
            }
            (Some((_, each)), None) => each,
            (None, _) => return Cell::LEN as f64,
        };
        Cell::LEN as f64 * differences * each
    }
}

/// How many cells it takes to tell some ids apart.
fn cells_of(count: usize, seed: usize) -> usize {
    let id = |n: usize| ItemId::tx(Hash256::of(format!("{seed} {n}").as_bytes())).into();
    let cells = Sketch::of((0..count).map(id), 2 * count + 30).told();
    let is_enough = |cells: &[Cell]| decode(cells.into()).is_whole;
    let (mut least, mut most) = (count, cells.len());
    while least < most {
        let half = usize::midpoint(least, most);
        if is_enough(&cells[..half]) { most = half } else { least = half + 1 }
    }
    most
}

/// What a pool has of a block.
#[derive(Clone, Copy)]
struct Case<'a> {
    cells: &'a Cells,
    /// Transactions of the block.
    block: f64,
    /// Transactions of the pool.
    pool: f64,
    /// Share of the block that isn't in the pool.
    unknown: f64,
}

impl Case<'_> {
    fn missing(self) -> f64 {
        self.block * self.unknown
    }

    /// Transactions of the pool that aren't in the block.
    fn others(self) -> f64 {
        self.pool - (self.block - self.missing())
    }

    /// Asks for what is missing: each by its gap, of one byte below 253 and three from there on.
    fn question(self) -> f64 {
        if self.missing() < 1.0 {
            return 0.0;
        }
        ASK + self.missing() * 2.0_f64.mul_add((1.0 - self.unknown).powi(253), 1.0)
    }

    /// Bytes that name an order of the block.
    fn order(self) -> f64 {
        // Stirling.
        let n = self.block;
        (n.ln() - 1.0).mul_add(n, 0.5 * (std::f64::consts::TAU * n).ln())
            / std::f64::consts::LN_2
            / 8.0
    }

    fn ids(self) -> f64 {
        HEAD + ID * self.block + self.question()
    }

    fn sketch(self) -> f64 {
        self.cells.bytes(self.others() + self.missing()) + self.order() + self.question()
    }

    /// The smallest over all numbers of others that pass by mistake: Graphene's own optimum, found by trying.
    fn filter(self) -> f64 {
        let cost = |passing: f64| {
            let bits = -(passing / self.others()).ln() / (2.0_f64.ln() * 2.0_f64.ln());
            self.block * bits / 8.0 + self.cells.bytes(passing + self.missing())
        };
        let tried = (0..2_000).map(|step| 1.01_f64.powi(step)).take_while(|a| *a <= self.others());
        tried.map(cost).fold(f64::INFINITY, f64::min) + self.order() + self.question()
    }

    /// `alike`: the share of the block that is in the template; no more than is known.
    fn template(self, alike: f64) -> f64 {
        let alike = alike.min(1.0 - self.unknown);
        self.cells.bytes(2.0 * self.block * (1.0 - alike)) + self.order() + self.question()
    }
}

const NAMES: [&str; 5] = ["ids", "sketch", "filter", "template 95 %", "template 99 %"];

fn main() {
    let cells = Cells::counted();
    println!("| block | pool | unknown | {} | order, of these | smallest |", NAMES.join(" | "));
    println!("|---|---|---|---|---|---|---|---|---|---|");
    for block in [1_000.0, 1_557.0, 4_000.0] {
        for times in [2.0, 10.0, 100.0] {
            for unknown in [0.0, 0.01, 0.05, 0.2] {
                let case = Case { cells: &cells, block, pool: times * block, unknown };
                let costs = [
                    case.ids(),
                    case.sketch(),
                    case.filter(),
                    case.template(0.95),
                    case.template(0.99),
                ];
                let least = (0..costs.len()).min_by(|a, b| costs[*a].total_cmp(&costs[*b]));
                let costs = costs.map(|cost| format!("{cost:.0}")).join(" | ");
                println!(
                    "| {block} | {times}x | {:.0} % | {costs} | {:.0} | {} |",
                    100.0 * unknown,
                    case.order(),
                    least.map_or("", |least| NAMES[least]),
                );
            }
        }
    }
    even(&cells);
    packages(&cells);
}

/// How alike block and template must be for cells to beat ids.
fn even(cells: &Cells) {
    println!("\nA template's cells are as long as ids where the two are alike to");
    for block in [1_000.0, 1_557.0, 4_000.0] {
        let case = Case { cells, block, pool: 10.0 * block, unknown: 0.0 };
        let shares = (0..1_000).rev().map(|share| f64::from(share) / 1_000.0);
        let even = shares.into_iter().find(|share| case.template(*share) > case.ids());
        let free = (0..1_000).rev().map(|share| f64::from(share) / 1_000.0);
        let free = free.into_iter().find(|share| case.template(*share) - case.order() > case.ids());
        println!(
            "  {:.1} % of {block} transactions; {:.1} % if the rules give the order",
            100.0 * even.unwrap_or(0.0),
            100.0 * free.unwrap_or(0.0)
        );
    }
}

/// Parents that an orphan lacks: it names them itself, and each costs a short id to ask for.
fn packages(cells: &Cells) {
    println!("\nMissing parents, by a list of 8-byte ids and by cells of the family's ids, bytes");
    for missing in [1.0, 2.0, 25.0] {
        println!("  {missing}: {} and {:.0}", 8.0 * missing, cells.bytes(missing));
    }
}
