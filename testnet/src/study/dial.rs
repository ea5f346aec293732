//! `tidings-testnet dial`: whether adaptive keeps its dial, and what that buys, wherever it is.
//!
//! Each place on the dial is simulated over link models, numbers of nodes, rates and sizes, beside flood and
//! inventory without trickle, which are the ends of the plane: the fastest, and the thriftiest that
//! doesn't wait.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use serde_json::{Value, json};
use tidings_protocol::params::Params;
use tidings_tools::show::format::measured;
use tidings_tools::show::table::grid;

use super::compare::matrix::{self, Case, Row};
use super::compare::parse_seeds;
use super::compare::variant::Variant;
use super::progress::Progress;
use super::world::write_files;
use crate::exit::usage;
use crate::manifest::Manifest;
use crate::manifest::args::SettingArgs;
use crate::output;

/// The link models unless others are asked for: latencies that stay, that vary a little, and that are nothing but
/// chance; and none that tells links apart.
const MODELS: [&str; 7] = [
    "regions",
    "planar",
    "regions:jitter=1",
    "planar:jitter=1",
    "lognormal:mean_ms=80,draw=message",
    "exponential:mean_ms=80,draw=message",
    "constant:latency_ms=80",
];

const FLOOD: &str = "flood";

const INVENTORY: &str =
    "inventory@inventory:relay.trickle_outbound_ms=0,relay.trickle_inbound_ms=0";

/// How far from the dial it may be.
const TOLERANCE: f64 = 0.2;

/// Transactions that are measured.
const TXS: usize = 300;

/// Transactions before those, at least, and seconds of them.
const WARMUP: (usize, f64) = (300, 10.0);

/// Arguments of `dial`.
#[derive(Clone, Debug, Args)]
pub struct DialArgs {
    /// Places on the dial: presets, or useless copies for each item
    #[arg(long, value_delimiter = ',', default_value = "fast,balanced,lean")]
    pub dials: Vec<String>,
    /// Link model, as for `sim`; repeatable [default: seven]
    #[arg(long, value_name = "MODEL[:KEY=VALUE,…]")]
    pub links: Vec<String>,
    /// How many nodes
    #[arg(long, value_delimiter = ',', default_value = "100,200,1000")]
    pub nodes: Vec<usize>,
    /// Submissions a second
    #[arg(long, value_delimiter = ',', default_value = "1,20,200")]
    pub rates: Vec<f64>,
    /// Sizes of transactions, bytes
    #[arg(long, value_delimiter = ',', default_value = "100,300,3000")]
    pub sizes: Vec<usize>,
    /// Links that each node dials itself
    #[arg(long, default_value_t = 8)]
    pub outbound: usize,
    /// How many transactions are measured
    #[arg(long, default_value_t = TXS)]
    pub txs: usize,
    /// How many come before those [default: 300, or as many as ten seconds bring]
    #[arg(long)]
    pub warmup: Option<usize>,
    /// Seeds, as for `compare`
    #[arg(long, default_value = "1")]
    pub seeds: String,
    /// Parameter of every node's core; repeatable
    #[arg(long = "param", value_name = "KEY=VALUE")]
    pub params: Vec<String>,
    /// What goes wrong, as for `sim`; repeatable
    #[arg(long = "fault", value_name = "KIND[:KEY=VALUE,…]")]
    pub faults: Vec<String>,
    /// Runs at once
    #[arg(long, default_value_t = 1)]
    pub jobs: usize,
    /// Folder for summary.json and the table, which must not exist
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// Where the dial is tried.
#[derive(Clone, Debug, PartialEq)]
struct Place {
    links: String,
    nodes: usize,
    rate: f64,
    size: usize,
}

/// What came of one place on the dial, somewhere.
#[derive(Clone, Debug, PartialEq)]
struct Line {
    place: Place,
    dial: String,
    /// What the dial says.
    asked: f64,
    redundancy: Option<f64>,
    bytes: Option<f64>,
    messages: Option<f64>,
    t99: Option<f64>,
    flood: Option<f64>,
    inventory: Option<f64>,
}

/// Runs the command.
#[must_use]
pub fn main(args: &DialArgs) -> ExitCode {
    let prepared = parse_seeds(&args.seeds).and_then(|seeds| Ok((seeds, all_cases(args)?)));
    let (seeds, cases) = match prepared {
        Ok(prepared) => prepared,
        Err(problem) => return usage(&problem),
    };
    if let Some(out) = &args.out
        && let Err(error) = std::fs::create_dir(out)
    {
        return usage(&format!("--out {}: {error}", out.display()));
    }
    let flat: Vec<Case> = cases.iter().flat_map(|(_, cases)| cases.iter().cloned()).collect();
    let progress = Progress::new(flat.len() * seeds.len());
    let rows = match matrix::run_all(&flat, &seeds, args.jobs, &progress) {
        Ok((_, rows)) => rows,
        Err(problem) => return usage(&problem),
    };
    let lines: Vec<Line> = cases
        .iter()
        .zip(rows.chunks(args.dials.len() + 2))
        .flat_map(|((place, cases), rows)| lines(place, cases, rows))
        .collect();
    let (json, text) = (to_json(&lines), table(&lines));
    if let Some(out) = &args.out
        && let Err(code) =
            write_files(out, &[("summary.json", json.clone()), ("dial.txt", text.clone())])
    {
        return code;
    }
    output::print(
        &if args.json { json + "\n" } else { text },
        args.out.is_some(),
        ExitCode::SUCCESS,
    )
}

/// Everything to run: at each place flood, inventory, and the places on the dial.
fn all_cases(args: &DialArgs) -> Result<Vec<(Place, Vec<Case>)>, String> {
    let models: Vec<&str> = match &args.links[..] {
        [] => MODELS.to_vec(),
        links => links.iter().map(String::as_str).collect(),
    };
    let dial = |text: &String| {
        let key = if text.parse::<f64>().is_ok() { "redundancy" } else { "preset" };
        format!("{text}@adaptive:relay.adaptive.{key}={text}")
    };
    let texts =
        [FLOOD, INVENTORY].map(str::to_owned).into_iter().chain(args.dials.iter().map(dial));
    let variants: Vec<Variant> =
        texts.map(|text| Variant::parse(&text)).collect::<Result<_, _>>()?;
    let mut all = Vec::new();
    for links in models {
        for &nodes in &args.nodes {
            for &rate in &args.rates {
                for &size in &args.sizes {
                    let place = Place { links: links.to_owned(), nodes, rate, size };
                    let base = place.manifest(args)?;
                    let cases = variants.iter().map(|variant| place.case(variant, &base));
                    let cases = cases.collect::<Result<_, _>>()?;
                    all.push((place, cases));
                }
            }
        }
    }
    Ok(all)
}

impl Place {
    fn manifest(&self, args: &DialArgs) -> Result<Manifest, String> {
        let settings = SettingArgs {
            nodes: Some(self.nodes),
            outbound: Some(args.outbound),
            links: Some(self.links.clone()),
            rate: Some(self.rate),
            size: Some(self.size),
            txs: Some(args.txs),
            warmup: Some(args.warmup.unwrap_or_else(|| warmup(self.rate))),
            params: args.params.clone(),
            faults: args.faults.clone(),
            ..SettingArgs::default()
        };
        let manifest = settings.lay_over(Manifest::default())?;
        manifest.validate()?;
        Ok(manifest)
    }

    fn case(&self, variant: &Variant, base: &Manifest) -> Result<Case, String> {
        let mut manifest = base.clone();
        manifest.params = variant.lay_over(&manifest.params)?;
        manifest.validate()?;
        let Self { links, nodes, rate, size } = self;
        let circumstances = format!("{links}, {nodes} nodes, {rate}/s, {size} B");
        Ok(Case { variant: variant.clone(), circumstances, manifest })
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "rates are checked with the rest of the manifest, and a cast saturates"
)]
fn warmup(rate: f64) -> usize {
    WARMUP.0.max((WARMUP.1 * rate) as usize)
}

/// The lines of one place, whose first two rows are flood and inventory.
fn lines(place: &Place, cases: &[Case], rows: &[Row]) -> Vec<Line> {
    let mean = |row: &Row, key| row.get(key).mean;
    let t99 = |place: usize| rows.get(place).and_then(|row| mean(row, "t99_ms"));
    let line = |(case, row): (&Case, &Row)| Line {
        place: place.clone(),
        dial: case.variant.name.clone(),
        asked: asked(&case.manifest.params),
        redundancy: mean(row, "redundancy"),
        bytes: mean(row, "bytes_per_payload_byte"),
        messages: mean(row, "messages_per_delivery"),
        t99: mean(row, "t99_ms"),
        flood: t99(0),
        inventory: t99(1),
    };
    cases.iter().zip(rows).skip(2).map(line).collect()
}

fn asked(params: &Params) -> f64 {
    params.relay.adaptive.redundancy().into()
}

impl Line {
    /// Whether redundancy is within the tolerance; `None` if it is below.
    fn is_kept(&self) -> Option<bool> {
        let redundancy = self.redundancy?;
        if redundancy < self.asked * (1.0 - TOLERANCE) {
            return None;
        }
        Some(redundancy <= self.asked * (1.0 + TOLERANCE))
    }

    /// How far from flood's time to inventory's.
    fn way(&self) -> Option<f64> {
        let (flood, inventory) = (self.flood?, self.inventory?);
        Some((self.t99? - flood) / (inventory - flood))
    }

    fn against_flood(&self) -> Option<f64> {
        Some(self.t99? / self.flood?)
    }

    fn fields(&self) -> Vec<String> {
        let Place { links, nodes, rate, size } = &self.place;
        let figure = |figure: Option<f64>| figure.map_or_else(|| "-".to_owned(), measured);
        let kept = match self.is_kept() {
            Some(true) => "kept",
            Some(false) => "over",
            None => "below",
        };
        vec![
            links.clone(),
            nodes.to_string(),
            rate.to_string(),
            size.to_string(),
            self.dial.clone(),
            measured(self.asked),
            figure(self.redundancy),
            kept.to_owned(),
            figure(self.bytes),
            figure(self.messages),
            figure(self.t99),
            figure(self.flood),
            figure(self.inventory),
            figure(self.against_flood()),
            figure(self.way()),
        ]
    }

    fn to_json(&self) -> Value {
        let Place { links, nodes, rate, size } = &self.place;
        json!({
            "links": links, "nodes": nodes, "rate": rate, "size": size,
            "dial": self.dial, "asked": self.asked, "redundancy": self.redundancy,
            "bytes_per_payload_byte": self.bytes, "messages_per_delivery": self.messages,
            "t99_ms": self.t99, "flood_t99_ms": self.flood, "inventory_t99_ms": self.inventory,
        })
    }
}

fn to_json(lines: &[Line]) -> String {
    let rows: Vec<Value> = lines.iter().map(Line::to_json).collect();
    serde_json::to_string_pretty(&json!({ "rows": rows }))
        .expect("maps with text keys and numbers are always JSON")
}

fn table(lines: &[Line]) -> String {
    let names = [
        "links",
        "nodes",
        "tx/s",
        "bytes",
        "preset",
        "dial",
        "redundancy",
        "",
        "B/B",
        "msgs",
        "t99 ms",
        "flood",
        "inventory",
        "x flood",
        "way to inv.",
    ];
    let rows: Vec<Vec<String>> = lines.iter().map(Line::fields).collect();
    let kept = lines.iter().filter(|line| line.is_kept() == Some(true)).count();
    let over = lines.iter().filter(|line| line.is_kept() == Some(false)).count();
    format!(
        "{}\nwithin a fifth of the dial: {kept} of {}; over it: {over}\n",
        grid(&names, &rows),
        lines.len()
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Debug, Parser)]
    struct Cli {
        #[command(flatten)]
        args: DialArgs,
    }

    fn args(words: &str) -> DialArgs {
        Cli::parse_from(["dial"].into_iter().chain(words.split_whitespace())).args
    }

    #[test]
    fn each_preset_is_tried_over_all_models_sizes_rates_and_numbers_of_nodes() {
        let all = all_cases(&args("")).unwrap();
        assert_eq!(all.len(), MODELS.len() * 3 * 3 * 3);
        assert!(all.iter().all(|(_, cases)| cases.len() == 2 + 3));
        assert!(all_cases(&args("--dials fast,quick")).unwrap_err().contains("quick"));
    }

    #[test]
    fn any_number_is_a_place_on_the_dial() {
        let args = args(
            "--dials lean,0.3 --links planar --nodes 40 --rates 20 --sizes 300 --txs 10 --warmup 5",
        );
        let cases = all_cases(&args).unwrap();
        let (place, cases) = &cases[0];
        let (_, rows) = matrix::run_all(cases, &[1], 2, &Progress::silent()).unwrap();
        let lines = lines(place, cases, &rows);
        let asked: Vec<f64> = lines.iter().map(|line| line.asked).collect();
        assert_eq!(asked, [0.1, 0.3]);
        assert!(lines.iter().all(|line| line.flood < line.inventory && line.way().is_some()));
        assert_eq!(table(&lines).lines().count(), 2 + lines.len() + 2);
    }

    #[test]
    fn a_fifth_above_the_dial_is_kept_and_more_is_not() {
        let args = args("--dials balanced --links planar --nodes 40 --rates 20 --sizes 300");
        let (place, _) = all_cases(&args).unwrap().remove(0);
        let line = |redundancy| Line {
            place: place.clone(),
            dial: "balanced".to_owned(),
            asked: 0.6,
            redundancy: Some(redundancy),
            bytes: None,
            messages: None,
            t99: None,
            flood: None,
            inventory: None,
        };
        let kept: Vec<_> =
            [0.3, 0.5, 0.71, 0.73].map(|redundancy| line(redundancy).is_kept()).into();
        assert_eq!(kept, [None, Some(true), Some(true), Some(false)]);
    }
}
