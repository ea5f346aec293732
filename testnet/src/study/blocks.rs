//! `tidings-testnet blocks`: how soon blocks are everywhere, and at what cost, when nodes have most of what is in them.
//!
//! Each way of sending them in a row: whole; as names when asked for; as names unasked, by three peers; by templates that were told
//! beforehand, whose bytes stand in a column of their own; in symbols of a code, of several peers. The bound beside them is
//! what no way passes: a message of a header's size that every node sends on to all its peers, over the same overlay and links.

use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use serde_json::{Value, json};
use tidings_protocol::chain::Limits;
use tidings_protocol::params::{BlockParams, StrategyKind};
use tidings_sim::blocks::{KINDS, Outcome, Setup, measure};
use tidings_sim::scenario::Scenario;
use tidings_tools::show::table::grid;

use super::jobs;
use super::progress::Progress;
use super::world::{WorldArgs, write_files};
use crate::exit::usage;
use crate::output;

/// Arguments of `blocks`. Without any: 200 nodes between regions, blocks of 1,000 transactions of 300 bytes.
#[derive(Clone, Debug, Args)]
pub struct BlocksArgs {
    /// Blocks that are measured, after three in which nodes learn who is fast
    #[arg(long, default_value_t = 10)]
    pub blocks: usize,
    /// Transactions of each block
    #[arg(long, value_name = "N", default_value_t = 1_000)]
    pub block_txs: usize,
    /// Bytes of each transaction
    #[arg(long, value_name = "BYTES", default_value_t = 300)]
    pub tx_bytes: usize,
    /// Share of a block's transactions that some nodes lack, 0 to 1
    #[arg(long, value_name = "SHARE", default_value_t = 0.0)]
    pub unknown: f64,
    /// Share of the nodes that lacks each of those, 0 to 1: with both 1, nobody knows anything
    #[arg(long, value_name = "SHARE", default_value_t = 0.5)]
    pub lackers: f64,
    /// How many symbols more than should do are asked for, percent, three rows for each
    #[arg(long, value_name = "PERCENT,…", value_delimiter = ',', default_value = "10")]
    pub spare: Vec<usize>,
    /// Whether a block has its transactions in the order in which nodes got them, instead of any
    #[arg(long)]
    pub in_order: bool,
    /// Seconds from when nodes have a block's transactions until the block: enough for templates to be told
    #[arg(long, value_name = "S", default_value_t = 5.0)]
    pub pause: f64,
    /// Seconds from a block until nodes have the transactions of the next
    #[arg(long, value_name = "S", default_value_t = 10.0)]
    pub every: f64,
    /// The seed
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// The network.
    #[command(flatten)]
    pub world: WorldArgs,
}

/// Blocks before those that are measured.
const WARMUP: usize = 3;

/// How often templates are told, seconds: what comes is told after two to four. A node's own is slower (`blocks.templates_s`), and what is
/// told of a block is the same.
const TEMPLATES_S: u64 = 2;

/// Bytes of a transaction in the bound's blocks: with one, a block is as large as a header.
const BOUND_TX_BYTES: usize = 16;

/// One way of sending blocks.
#[derive(Clone)]
struct Way {
    name: String,
    blocks: BlockParams,
    /// A block as small as a header, sent to everybody at once.
    is_bound: bool,
}

fn ways(base: &BlockParams, spares: &[usize]) -> Vec<Way> {
    let way = |name: &str, change: fn(&mut BlockParams)| {
        let mut blocks = BlockParams { templates_s: 0, ..base.clone() };
        change(&mut blocks);
        Way { name: name.to_owned(), blocks, is_bound: false }
    };
    let coded = |spare: usize| {
        let others =
            [("", false, 0), ("names, or ", true, 0), ("templates, or ", true, TEMPLATES_S)];
        others.map(|(others, compact, templates_s)| {
            let mut way = way(&format!("{others}symbols, {spare} % to spare"), |_| {});
            let blocks = &mut way.blocks;
            (blocks.coded_above, blocks.coded_spare) = (1, spare);
            (blocks.compact, blocks.templates_s) = (compact, templates_s);
            way
        })
    };
    let mut ways = vec![
        way("whole", |blocks| blocks.compact = false),
        way("names, asked for", |blocks| blocks.pushers = 0),
        way("names, pushed", |blocks| blocks.cut_through = false),
        way("names, cut through", |_| {}),
        way("the same, nothing along", |blocks| blocks.prefilled_max = 0),
        way("templates", |blocks| blocks.templates_s = TEMPLATES_S),
        way("the same, nothing along", |blocks| {
            (blocks.templates_s, blocks.prefilled_max) = (TEMPLATES_S, 0);
        }),
    ];
    ways.extend(spares.iter().flat_map(|spare| coded(*spare)));
    let bound = way("bound: a header, flooded", |blocks| blocks.compact = false);
    ways.push(Way { is_bound: true, ..bound });
    ways
}

/// Runs the command.
#[must_use]
pub fn main(args: &BlocksArgs) -> ExitCode {
    let setups = match setups(args).and_then(|all| args.world.make_folder().map(|()| all)) {
        Ok(setups) => setups,
        Err(problem) => return usage(&problem),
    };
    let progress = Progress::new(setups.len());
    let rows = jobs::map(args.world.jobs, &setups, |(name, setup)| {
        let outcome = measure(setup)?;
        progress.ended(name);
        Ok((name.clone(), outcome))
    });
    let rows: Vec<(String, Outcome)> = match rows.into_iter().collect::<Result<_, String>>() {
        Ok(rows) => rows,
        Err(problem) => return usage(&problem),
    };
    let json = json!({ "rows": rows.iter().map(to_json).collect::<Vec<_>>() }).to_string();
    if let Some(out) = &args.world.out
        && let Err(code) = write_files(out, &[("summary.json", json.clone())])
    {
        return code;
    }
    let text = if args.world.json { json + "\n" } else { render(&rows) };
    let is_whole = rows.iter().all(|(_, outcome)| outcome.missing == 0);
    let code = if is_whole { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    output::print(&text, args.world.out.is_some(), code)
}

fn setups(args: &BlocksArgs) -> Result<Vec<(String, Setup)>, String> {
    if !(1..=1_000).contains(&args.blocks) {
        return Err(format!("--blocks is {}, but must be 1 to 1000", args.blocks));
    }
    if !(1..=65_535).contains(&args.block_txs) {
        return Err(format!("--block-txs is {}, but must be 1 to 65535", args.block_txs));
    }
    let most = Limits::default().max_block_bytes;
    let bytes = args.block_txs.saturating_mul(args.tx_bytes.saturating_add(4)).saturating_add(64);
    if !(16..=100_000).contains(&args.tx_bytes) || bytes > most {
        return Err(format!(
            "--tx-bytes is {}, but must be 16 to 100000, and all of a block at most {most} bytes",
            args.tx_bytes
        ));
    }
    if !(0.0..=1.0).contains(&args.unknown) {
        return Err(format!("--unknown is {}, but must be 0 to 1", args.unknown));
    }
    if !(0.0..=1.0).contains(&args.lackers) {
        return Err(format!("--lackers is {}, but must be 0 to 1", args.lackers));
    }
    if !args.spare.iter().all(|spare| *spare <= 100) {
        return Err("--spare must be at most 100 percent each".to_owned());
    }
    for (name, seconds) in [("every", args.every), ("pause", args.pause)] {
        if !(0.1..=3_600.0).contains(&seconds) {
            return Err(format!("--{name} is {seconds}, but must be 0.1 to 3600 seconds"));
        }
    }
    let mut manifest = args.world.manifest(1, 0)?;
    manifest.seed = args.seed;
    let scenario = manifest.scenario()?;
    let ways = ways(&scenario.params.blocks, &args.spare).into_iter();
    Ok(ways.map(|way| (way.name.clone(), setup(args, &scenario, way))).collect())
}

fn setup(args: &BlocksArgs, scenario: &Scenario, way: Way) -> Setup {
    let mut scenario = scenario.clone();
    scenario.params.blocks = way.blocks;
    // What some lack is then found by nothing but what is measured.
    scenario.params.relay.safety_pull_ms = 0;
    let (mut txs, mut tx_bytes) = (args.block_txs, args.tx_bytes);
    if way.is_bound {
        scenario.params.relay.strategy = StrategyKind::Flood;
        (txs, tx_bytes) = (1, BOUND_TX_BYTES);
    }
    let unknown = if way.is_bound { 0.0 } else { args.unknown };
    Setup {
        scenario,
        warmup: WARMUP,
        blocks: args.blocks,
        txs,
        tx_bytes,
        unknown,
        lackers: args.lackers,
        shuffled: !args.in_order,
        pause: Duration::from_secs_f64(args.pause),
        every: Duration::from_secs_f64(args.every),
    }
}

fn render(rows: &[(String, Outcome)]) -> String {
    let names = [
        "",
        "t50 ms",
        "t90 ms",
        "t99 ms",
        "bytes",
        "per block byte",
        "no round trip",
        "missing",
        "templates, bytes",
    ];
    let rows = rows.iter().map(|(name, outcome)| {
        let at = |share| format!("{:.0}", outcome.quantile_ms(share));
        let bytes = outcome.bytes();
        vec![
            name.clone(),
            at(0.5),
            at(0.9),
            at(0.99),
            format!("{bytes:.0}"),
            format!("{:.3}", bytes / outcome.block_bytes),
            format!("{:.1} %", 100.0 * outcome.hit_rate()),
            outcome.missing.to_string(),
            format!("{:.0}", outcome.expected),
        ]
    });
    grid(&names, &rows.collect::<Vec<_>>())
}

fn to_json((name, outcome): &(String, Outcome)) -> Value {
    let kinds = KINDS.iter().zip(outcome.received);
    let received = kinds.map(|(kind, bytes)| (kind.name().to_owned(), json!(bytes)));
    json!({
        "name": name,
        "t50_ms": outcome.quantile_ms(0.5),
        "t90_ms": outcome.quantile_ms(0.9),
        "t99_ms": outcome.quantile_ms(0.99),
        "bytes": outcome.bytes(),
        "received": Value::Object(received.collect()),
        "template_bytes": outcome.expected,
        "block_bytes": outcome.block_bytes,
        "hit_rate": outcome.hit_rate(),
        "missing": outcome.missing,
    })
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Cli {
        #[command(flatten)]
        args: BlocksArgs,
    }

    fn args(words: &str) -> BlocksArgs {
        Cli::parse_from(["blocks"].into_iter().chain(words.split_whitespace())).args
    }

    #[test]
    fn each_way_has_its_row_and_sentence() {
        let words = "--nodes 20 --blocks 1 --block-txs 20 --every 5";
        let setups = setups(&args(words)).unwrap();
        let rows: Vec<_> =
            setups.iter().map(|(name, setup)| (name.clone(), measure(setup).unwrap())).collect();
        assert!(rows.iter().all(|(_, outcome)| outcome.missing == 0));
        let text = render(&rows);
        assert_eq!(text.lines().count(), 2 + rows.len(), "{text}");
        assert!(rows[1].1.bytes() < rows[0].1.bytes() / 2.0, "{text}");
    }

    #[test]
    fn wrong_words_have_their_sentence() {
        let problem = |words| setups(&args(words)).unwrap_err();
        assert!(problem("--blocks 0").starts_with("--blocks is 0"));
        assert!(problem("--block-txs 70000").starts_with("--block-txs is 70000"));
        assert!(problem("--tx-bytes 5000").contains("at most 4000000 bytes"));
        assert!(problem("--unknown 2").starts_with("--unknown is 2"));
        assert!(problem("--every 0").starts_with("--every is 0"));
    }
}
