//! `tidings-testnet heal`: a network falls in two, both sides go on, and it heals; what that costs each way of comparing.
//!
//! For each contestant: when all nodes had all items, and the bytes that nodes received from the moment at which the partition
//! ended, for each byte of the items that they lacked then. One is what can't be saved.

use std::process::ExitCode;

use clap::Args;
use serde_json::{Value, json};
use tidings_protocol::wire::kinds::MessageKind;
use tidings_sim::fault::{Cut, FaultSpec};
use tidings_sim::healing::Healed;
use tidings_sim::simulation::simulate;
use tidings_tools::show::table::grid;

use super::compare::variant::{Variant, split};
use super::jobs;
use super::progress::Progress;
use super::world::{WorldArgs, write_files};
use crate::exit::usage;
use crate::manifest::Manifest;
use crate::output;
use crate::usage::{cpu_between, own_usage};

/// Arguments of `heal`. Without any, two halves of 500 nodes have 5,000 transactions each in ten minutes, and then meet.
#[derive(Clone, Debug, Args)]
pub struct HealArgs {
    /// Contestants, as for `compare`
    #[arg(
        long,
        default_value = "sketches@adaptive,digests@adaptive:relay.sketches=false,reconcile"
    )]
    pub strategies: String,
    /// How long the sides are apart, seconds from the first submission [default: until half a minute after the last]
    #[arg(long, value_name = "S")]
    pub apart: Option<f64>,
    /// Which share of the nodes is on the smaller side
    #[arg(long, default_value_t = 0.5)]
    pub share: f64,
    /// The seed
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// The network.
    #[command(flatten)]
    pub world: WorldArgs,
}

/// Transactions that are submitted if nothing else is asked for.
const TXS: usize = 10_000;

/// How long a side has for the last of them, seconds: longer than they are news, which is told to whoever comes
/// (twenty seconds with the default trickle).
const REST_S: f64 = 30.0;

/// What came of one contestant.
struct Row {
    name: String,
    healed: Healed,
    cpu_s: f64,
}

/// Runs the command.
#[must_use]
pub fn main(args: &HealArgs) -> ExitCode {
    let manifests = match manifests(args).and_then(|all| args.world.make_folder().map(|()| all)) {
        Ok(manifests) => manifests,
        Err(problem) => return usage(&problem),
    };
    let progress = Progress::new(manifests.len());
    let rows = jobs::map(args.world.jobs, &manifests, |(name, manifest)| {
        let row = row(name, manifest);
        progress.ended(name);
        row
    });
    let rows: Vec<Row> = match rows.into_iter().collect::<Result<_, _>>() {
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
    let is_whole = rows.iter().all(|row| row.healed.complete);
    let code = if is_whole { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    output::print(&text, args.world.out.is_some(), code)
}

/// The settings of each contestant.
fn manifests(args: &HealArgs) -> Result<Vec<(String, Manifest)>, String> {
    let mut base = args.world.manifest(TXS, 0)?;
    base.seed = args.seed;
    base.spies = 0.0;
    let lasts_s = base.txs() as f64 / base.workload.rate();
    base.fault.push(FaultSpec::Partition {
        share: args.share,
        at_s: 0.0,
        for_s: args.apart.unwrap_or(lasts_s + REST_S),
        mode: Cut::Drop,
    });
    let settled = split(&args.strategies).into_iter().map(|text| {
        let variant = Variant::parse(&text)?;
        let mut manifest = base.clone();
        manifest.params = variant.lay_over(&base.params)?;
        manifest.validate()?;
        Ok((variant.name, manifest))
    });
    settled.collect()
}

fn row(name: &str, manifest: &Manifest) -> Result<Row, String> {
    let begun = own_usage();
    let finished = simulate(&manifest.scenario()?)?;
    let cpu_s = cpu_between(begun, own_usage());
    let healed = finished.world.healed();
    let healed = healed.ok_or_else(|| format!("{name} ended before the partition did"))?;
    Ok(Row { name: name.to_owned(), healed, cpu_s })
}

/// What is received, in a few words.
const GROUPS: [(&str, &[MessageKind]); 4] = [
    ("items", &[MessageKind::Tx]),
    ("announced", &[MessageKind::Announce, MessageKind::Known, MessageKind::First]),
    ("asked", &[MessageKind::GetData, MessageKind::NotFound]),
    (
        "compared",
        &[
            MessageKind::Cells,
            MessageKind::Want,
            MessageKind::Digest,
            MessageKind::Held,
            MessageKind::Lacked,
        ],
    ),
];

/// Bytes of a group for each byte that was lacked.
fn share(healed: &Healed, kinds: &[MessageKind]) -> f64 {
    let all = MessageKind::ALL.iter().zip(healed.received);
    let bytes: u64 = all.filter(|(kind, _)| kinds.contains(kind)).map(|(_, bytes)| bytes).sum();
    bytes as f64 / healed.lacked as f64
}

fn render(rows: &[Row]) -> String {
    let mut names = vec!["", "all equal", "bytes per lacked", "worst node"];
    names.extend(GROUPS.map(|(name, _)| name));
    names.push("CPU s");
    let rows = rows.iter().map(|Row { name, healed, cpu_s }| {
        let when = if healed.complete { format!("{:.1} s", healed.took_s) } else { "never".into() };
        let mut fields = vec![
            name.clone(),
            when,
            format!("{:.3}", healed.ratio()),
            format!("{:.3}", healed.worst),
        ];
        fields.extend(GROUPS.map(|(_, kinds)| format!("{:.3}", share(healed, kinds))));
        fields.push(format!("{cpu_s:.0}"));
        fields
    });
    grid(&names, &rows.collect::<Vec<_>>())
}

fn to_json(Row { name, healed, cpu_s }: &Row) -> Value {
    let kinds = MessageKind::ALL.iter().filter(|kind| share(healed, &[**kind]) > 0.0);
    let kinds = kinds.map(|kind| (kind.name().to_owned(), json!(share(healed, &[*kind]))));
    json!({
        "name": name,
        "complete": healed.complete,
        "healed_s": healed.took_s,
        "lacked_bytes": healed.lacked,
        "bytes_per_lacked_byte": healed.ratio(),
        "bytes_per_lacked_byte_worst_node": healed.worst,
        "of_which": Value::Object(kinds.collect()),
        "cpu_s": cpu_s,
    })
}
