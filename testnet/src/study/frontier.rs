//! `tidings-testnet frontier`: every strategy in the plane of bytes against time.
//!
//! All spread as many transactions over the same nodes and links, after a warm-up in which those that
//! learn have learned. A third cost, privacy, stands in the table.

use std::process::ExitCode;

use clap::Args;
use maud::html;
use tidings_protocol::params::StrategyKind;
use tidings_tools::show::chart::{
    self, AxisKind, AxisSpec, Caption, Colour, Expected, Mark, Plane,
};
use tidings_tools::show::format::measured;
use tidings_tools::show::page::{document, figure, section};

use super::compare::matrix::{self, Case, Row};
use super::compare::variant::{Variant, split};
use super::compare::{prepared, show, to_json};
use super::mean_field::{MeanField, Trips};
use super::progress::Progress;
use super::world::{WorldArgs, link_name, write_files, write_manifests};
use crate::exit::usage;
use crate::manifest::Manifest;
use crate::output;

/// The contestants unless others are asked for.
const CONTESTANTS: &str = "flood,direct-mail,\
    inventory (no trickle)@inventory:relay.trickle_outbound_ms=0,relay.trickle_inbound_ms=0,\
    inventory,inventory (Bitcoin)@inventory:relay.trickle_outbound_ms=2000,relay.trickle_inbound_ms=5000,\
    push,pull,push-pull,rumor,plumtree,\
    dog,dog at 0.5@dog:relay.dog.target_percent=50,eth68,cat,gossipsub,\
    gossipsub (Ethereum)@gossipsub:relay.gossipsub.mesh_n=8,relay.gossipsub.mesh_n_low=6,\
    relay.gossipsub.mesh_n_high=12,relay.gossipsub.heartbeat_ms=700,relay.gossipsub.idontwant_bytes=0,\
    reconcile,reconcile (2 told)@reconcile:relay.reconcile.flood=2,reconcile (8 told)@reconcile:relay.reconcile.flood=8,\
    adaptive telling lazily@adaptive:relay.adaptive.compare_ms=0,\
    adaptive fast@adaptive:relay.adaptive.preset=fast,\
    adaptive balanced@adaptive:relay.adaptive.preset=balanced,\
    adaptive lean@adaptive:relay.adaptive.preset=lean,\
    adaptive lean telling lazily@adaptive:relay.adaptive.preset=lean,relay.adaptive.compare_ms=0";

/// Link models unless others are asked for.
const MODELS: [&str; 2] = ["planar", "regions"];

/// Transactions that are measured.
const TXS: usize = 2_000;

/// Their size, bytes: that of a workload which doesn't say.
const SIZE: usize = 300;

/// The curve of `reconcile` ends where as many neighbours are told at once.
const TOLD_MAX: u32 = 8;

/// Transactions before those: odds settle within a few hundred, but DOG closes one of some 240 routes a second.
const fn warmup(strategy: StrategyKind) -> usize {
    match strategy {
        StrategyKind::Dog => 6_000,
        _ => 1_000,
    }
}

/// Arguments of `frontier`.
#[derive(Clone, Debug, Args)]
pub struct FrontierArgs {
    /// Contestants, as for `compare` [default: all strategies, with adaptive's presets, trickles, and settings of
    /// other projects]
    #[arg(long)]
    pub strategies: Option<String>,
    /// Link models [default: planar and regions, or that of the manifest]
    #[arg(long = "models", value_delimiter = ',')]
    pub models: Vec<String>,
    /// Seeds, as for `compare`
    #[arg(long, default_value = "1")]
    pub seeds: String,
    /// The network.
    #[command(flatten)]
    pub world: WorldArgs,
}

/// Runs the command.
#[must_use]
pub fn main(args: &FrontierArgs) -> ExitCode {
    let (planned, seeds) = match prepared(planes(args), &args.seeds, &args.world) {
        Ok(prepared) => prepared,
        Err(problem) => return usage(&problem),
    };
    let (mut summaries, mut planes) = (Vec::new(), Vec::new());
    let runs = planned.iter().map(|plane| plane.cases.len() * seeds.len()).sum();
    let progress = Progress::new(runs);
    for Planned { model, base, cases } in &planned {
        output::tell(&format!("{model} links:"));
        match matrix::run_all(cases, &seeds, args.world.jobs, &progress) {
            Ok((more, rows)) => {
                summaries.extend(more);
                planes.push(Done { model: model.clone(), base, rows });
            }
            Err(problem) => return usage(&problem),
        }
    }
    let all: Vec<Row> = planes.iter().flat_map(|plane| named(&plane.model, &plane.rows)).collect();
    let json = to_json(&summaries, &all);
    if let Some(out) = &args.world.out {
        let mut files = vec![
            ("summary.json".to_owned(), json.clone()),
            ("report.html".to_owned(), page(&planes)),
        ];
        for plane in &planes {
            files.push((format!("frontier-{}.svg", word(&plane.model)), plane.svg()));
        }
        let files: Vec<(&str, String)> =
            files.iter().map(|(name, text)| (name.as_str(), text.clone())).collect();
        let manifests = planned.iter().flat_map(|plane| {
            plane
                .cases
                .iter()
                .map(|case| (format!("{} {}", plane.model, case.name()), &case.manifest))
        });
        if let Err(code) = write_files(out, &files).and_then(|()| write_manifests(out, manifests)) {
            return code;
        }
    }
    let text = |Done { model, rows, .. }: &Done<'_>| {
        format!("{model} links\n\n{}\n{}\n", show::text(rows), ratios(rows).join("\n"))
    };
    let text = if args.world.json { json } else { planes.iter().map(text).collect() };
    output::print(&(text + "\n"), args.world.out.is_some(), ExitCode::SUCCESS)
}

/// What is to be run for one plane.
struct Planned {
    /// Its links.
    model: String,
    /// What all contestants share.
    base: Manifest,
    cases: Vec<Case>,
}

/// A plane and what came of it.
struct Done<'a> {
    model: String,
    base: &'a Manifest,
    rows: Vec<Row>,
}

fn planes(args: &FrontierArgs) -> Result<Vec<Planned>, String> {
    if args.world.links.is_some() {
        return Err("frontier takes --models instead of --links: one plane for each".to_owned());
    }
    let list = args.strategies.as_deref().unwrap_or(CONTESTANTS);
    let variants: Vec<Variant> =
        split(list).iter().map(|text| Variant::parse(text.trim())).collect::<Result<_, _>>()?;
    let models = match (&args.models[..], &args.world.manifest) {
        ([], Some(_)) => vec![None],
        ([], None) => MODELS.map(|model| Some(model.to_owned())).to_vec(),
        (models, _) => models.iter().cloned().map(Some).collect(),
    };
    let plane = |model: Option<String>| {
        let world = WorldArgs { links: model.clone(), ..args.world.clone() };
        let case = |variant: &Variant| {
            let mut manifest = world.manifest(TXS, warmup(variant.strategy))?;
            manifest.params = variant.lay_over(&manifest.params)?;
            manifest.validate()?;
            Ok(Case { variant: variant.clone(), circumstances: String::new(), manifest })
        };
        let cases = variants.iter().map(case).collect::<Result<_, String>>()?;
        let base = world.manifest(TXS, 0)?;
        Ok(Planned { model: model.unwrap_or_else(|| link_name(&base.link)), base, cases })
    };
    models.into_iter().map(plane).collect()
}

/// Rows with the model in their names.
fn named(model: &str, rows: &[Row]) -> Vec<Row> {
    rows.iter().map(|row| Row { name: format!("{} · {model}", row.name), ..row.clone() }).collect()
}

/// The model without its settings, for names of files.
fn word(model: &str) -> &str {
    model.split(':').next().unwrap_or(model)
}

/// Bytes and time of every contestant against flood and inventory without trickle.
#[must_use]
pub fn ratios(rows: &[Row]) -> Vec<String> {
    let mean = |row: &Row, key| row.get(key).mean;
    let find = |name: &str| rows.iter().find(|row| row.name == name);
    let base = |name: &str| find(name).and_then(|row| mean(row, "t99_ms"));
    let (flood, inventory) = (base("flood"), base("inventory (no trickle)"));
    let line = |row: &Row| {
        let (t99, bytes) = (mean(row, "t99_ms")?, mean(row, "bytes_per_payload_byte")?);
        let against = |name: &str, base: Option<f64>| {
            base.map_or_else(String::new, |base| format!(", t99 {:.2} x {name}", t99 / base))
        };
        Some(format!(
            "{}: {} bytes per payload byte{}{}",
            row.name,
            measured(bytes),
            against("flood", flood),
            against("inventory without trickle", inventory),
        ))
    };
    rows.iter().filter_map(line).collect()
}

impl Done<'_> {
    /// Where `reconcile` is expected to stand, as it tells more and more neighbours at once.
    fn expected(&self, colour: Colour) -> Expected {
        let base = self.base;
        let (nodes, outbound) = (base.network.nodes, base.params.peers.outbound);
        let trips = Trips::of(&base.link, nodes, base.seed);
        let point = |half: u32| {
            let field = MeanField {
                nodes: nodes as f64,
                told: f64::from(half) / 2.0,
                neighbours: 2.0 * outbound as f64,
                round_ms: base.params.relay.reconcile.round_ms as f64,
            };
            let t99 = field.time_of(0.99, &trips)?;
            Some((field.bytes_per_payload_byte(SIZE, base.workload.rate(), &trips), t99))
        };
        let most = u32::try_from(outbound).unwrap_or(u32::MAX).min(TOLD_MAX);
        let points = (2..=2 * most).filter_map(point).collect();
        Expected { name: "reconcile, expected".to_owned(), points, colour }
    }

    fn svg(&self) -> String {
        let Self { model, base, rows } = self;
        let mark = |row: &Row| {
            let (x, y) = (row.get("bytes_per_payload_byte").mean?, row.get("t99_ms").mean?);
            Some(Mark { name: row.name.clone(), x, y, colour: show::colour(&row.strategy) })
        };
        let entry = |colour, name: &str| (colour, name.to_owned());
        let (nodes, outbound) = (base.network.nodes, base.params.peers.outbound);
        let (txs, size) = (base.txs() - base.warmup_txs, base.size_named());
        let reconcile = StrategyKind::Reconcile.name();
        chart::plane(
            &format!("frontier-{}", word(model)),
            &Plane {
                caption: Caption {
                    title: format!("Bytes against time: {model} links"),
                    subtitle: format!(
                        "{nodes} nodes, {outbound} outbound links each, {txs} transactions of {size} after a \
                         warm-up; left and below is better"
                    ),
                    description: ratios(rows).join("; "),
                },
                x: AxisSpec::new("bytes sent per payload byte", AxisKind::Log),
                y: AxisSpec::new("time until 99 % of the nodes have it, t99 (ms)", AxisKind::Log),
                marks: rows.iter().filter_map(mark).collect(),
                expected: rows
                    .iter()
                    .find(|row| row.strategy == reconcile)
                    .map(|row| self.expected(show::colour(&row.strategy)))
                    .into_iter()
                    .collect(),
                legend: vec![
                    entry(Colour::Vermilion, "adaptive"),
                    entry(Colour::Orange, "inventory"),
                    entry(Colour::Green, "as in other projects"),
                    entry(Colour::Purple, "rounds"),
                    entry(Colour::Blue, "others"),
                ],
            },
        )
    }
}

fn page(planes: &[Done<'_>]) -> String {
    let plane = |plane: &Done<'_>| {
        let Done { model, rows, .. } = plane;
        let missing = rows.iter().filter(|row| row.get("t99_ms").mean.is_none());
        let missing: Vec<&str> = missing.map(|row| row.name.as_str()).collect();
        let content = html! {
            (figure(&plane.svg()))
            @if !missing.is_empty() {
                p { "Never reached 99 % of the nodes, so not drawn: " (missing.join(", ")) "." }
            }
            (show::html_table("One row for each contestant", rows))
            @for line in ratios(rows) { p { (line) } }
        };
        section(word(model), &format!("{model} links"), &content)
    };
    let main = html! { @for model in planes { (plane(model)) } };
    let subtitle = "Every strategy on the same nodes and links, once it has learned them. origin@N%: how often the first-spy \
                    guess is right when N % of the nodes spy.";
    document("Tidings comparison", "Bytes against time", subtitle, &main)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Debug, Parser)]
    struct Cli {
        #[command(flatten)]
        args: FrontierArgs,
    }

    fn args(words: &str) -> FrontierArgs {
        Cli::parse_from(["frontier"].into_iter().chain(words.split_whitespace())).args
    }

    #[test]
    fn all_strategies_take_part() {
        let planes = planes(&args("")).unwrap();
        assert_eq!(planes.len(), 2);
        for kind in StrategyKind::ALL {
            assert!(planes[0].cases.iter().any(|case| case.variant.strategy == *kind), "{kind}");
        }
        assert_eq!(
            planes[0].cases.iter().filter(|case| case.name().starts_with("adaptive ")).count(),
            5
        );
    }

    #[test]
    fn a_small_frontier_names_its_ratios_and_draws_its_marks() {
        let args =
            args("--nodes 40 --txs 10 --warmup 5 --models planar --strategies flood,adaptive");
        let [Planned { model, base, cases }] =
            <[_; 1]>::try_from(planes(&args).unwrap_or_default())
                .unwrap_or_else(|planes| panic!("{} planes", planes.len()));
        let (_, rows) = matrix::run_all(&cases, &[1], 2, &Progress::silent()).unwrap();
        let lines = ratios(&rows);
        assert!(
            lines[0].starts_with("flood: ") && lines[0].ends_with("t99 1.00 x flood"),
            "{lines:?}"
        );
        let svg = Done { model, base: &base, rows }.svg();
        assert!(svg.contains(">flood<") && svg.contains(">adaptive<"));
    }
}
