//! `tidings-testnet validate`: the same manifest simulated and launched, side by side.
//!
//! Places, links of fixed overlays, payloads, origins and times of submission are the same in both. What is
//! left to differ is what the simulator leaves out: the operating system, cryptography, the driver around
//! the core, and the core's own random choices. When figures differ by more than a tolerance, the
//! simulator's model or the driver is wrong, or the machine too small, and the command fails.
//!
//! All nodes of a launch share the machine's cores, which those of a simulation don't. What an item costs
//! all nodes, divided by the cores, is how long the machine is busy with it: times of that order are the
//! machine's, not the network's. So launches run in slow motion ([`tidings::lab::slow_motion`]), in which the machine
//! is [`SLOW_MOTION`] times as fast. `--real-time` launches everything once more without it, which shows what
//! kept the two apart. How long the network finds the machine busy with an item is told beside the times.
//!
//! t50 is the median over items of when half of the nodes had one, and Europe has about half of the nodes.
//! Where it has a few more, as with seed 1, that is 8 ms for each item of Europe and 70 ms for each other one,
//! and the median lies on the edge between the two: chance decides. With [`SEED`] it has a few less.

use std::path::PathBuf;
use std::process::ExitCode;
use tidings_tools::figures::summary::Summary;

use clap::Args;
use serde_json::{Value, json};
use tidings::lab::slow_motion::SlowMotion;
use tidings_sim::overlay::Shape;
use tidings_sim::workload::Transfers;
use tidings_sim::workload::sizes::Sizes;
use tidings_tools::run;
use tidings_tools::show::format::{measured, percent};
use tidings_tools::show::table::grid;

use super::compare::variant::{self, Variant};
use crate::exit::usage;
use crate::launch;
use crate::launch::settings::{Options, Settings};
use crate::manifest::args::SettingArgs;
use crate::manifest::{Manifest, Workload};
use crate::output;
use crate::simulate;

/// Figures that are compared: key and name.
const FIGURES: [(&str, &str); 5] = [
    ("t50_ms", "t50 ms"),
    ("t99_ms", "t99 ms"),
    ("bytes_per_payload_byte", "bytes/payload"),
    ("redundancy", "redundancy"),
    ("messages_per_delivery", "msgs/delivery"),
];

/// Those that have to agree.
const JUDGED: [&str; 2] = ["t50_ms", "t99_ms"];

/// How slow launches are where nothing else is asked for. A second of real time is then for half of the way of
/// an item, of which flood, the dearest strategy, keeps two cores busy for less than half.
pub const SLOW_MOTION: u32 = 20;

/// The seed where no other is asked for: one that keeps the median off the edge.
pub const SEED: u64 = 3;

/// Transactions a second of the network's time, and how many: one a second of real time, and enough for
/// adaptive to have learned before half of them are through.
const RATE: f64 = 20.0;
const TXS: usize = 160;

/// Arguments of `validate`. Without a manifest, 200 nodes of the regions relay 160 opaque transactions, twenty a
/// second, in slow motion. Takes about four minutes for each strategy.
#[derive(Clone, Debug, Args)]
pub struct ValidateArgs {
    /// What to simulate and launch.
    #[command(flatten)]
    pub settings: SettingArgs,
    /// Contestants, as for `compare`
    #[arg(long, default_value = "inventory,flood,adaptive")]
    pub strategies: String,
    /// How far t50 and t99 may lie apart, per cent of the simulated
    #[arg(long, value_name = "PERCENT", default_value = "15", value_parser = parse_percent)]
    pub tolerance: f64,
    /// Launch everything in real time too, and show that below; whether it agrees doesn't matter
    #[arg(long)]
    pub real_time: bool,
    /// Folder for the launches' run folders, which must not exist [default: runs/TIME for each]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// What one contestant came to in both worlds.
#[derive(Debug)]
struct Pair {
    name: String,
    /// Of the launch.
    slow_motion: SlowMotion,
    /// Whether the two have to agree.
    judged: bool,
    simulated: Summary,
    launched: Summary,
}

/// Runs the command.
#[must_use]
pub fn main(args: &ValidateArgs) -> ExitCode {
    let contestants = match contestants(args) {
        Ok(contestants) => contestants,
        Err(problem) => return usage(&problem),
    };
    if let Some(out) = &args.out
        && let Err(error) = std::fs::create_dir_all(out)
    {
        return usage(&format!("--out {}: {error}", out.display()));
    }
    let mut pairs = Vec::new();
    for (name, settings) in contestants {
        match launches(name, &settings, args) {
            Ok(launches) => pairs.extend(launches),
            Err(code) => return code,
        }
    }
    // Those that are judged come first.
    pairs.sort_by_key(|pair| !pair.judged);
    let text = if args.json {
        let rows: Vec<Value> = pairs.iter().map(Pair::to_json).collect();
        format!("{:#}\n", json!({ "tolerance_percent": args.tolerance, "rows": rows }))
    } else {
        text(&pairs, args.tolerance)
    };
    let judged = pairs.iter().filter(|pair| pair.judged);
    let apart: Vec<String> = judged.flat_map(|pair| pair.apart(args.tolerance)).collect();
    apart.iter().for_each(output::complain);
    let code = if apart.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    output::print(&text, false, code)
}

/// Where `validate` starts from where no manifest is given.
fn default() -> Manifest {
    let mut manifest = Manifest::launched_by_default();
    manifest.network.topology = Shape::Outbound;
    manifest.network.rules = tidings_protocol::chain::Rules::Opaque;
    manifest.workload =
        Workload::Transfers(Transfers { txs: TXS, rate: RATE, sizes: Sizes::Fixed(300) });
    manifest.seed = SEED;
    manifest.slow_motion = SlowMotion::try_from(SLOW_MOTION).ok();
    manifest
}

/// By name, what each contestant is launched with.
fn contestants(args: &ValidateArgs) -> Result<Vec<(String, Settings)>, String> {
    let base = args.settings.lay_over(default())?;
    let contestant = |text: &String| {
        let variant = Variant::parse(text)?;
        let params = variant.lay_over(&base.params)?;
        let manifest = Manifest { params, ..base.clone() };
        manifest.validate()?;
        Ok((variant.name, Settings::of(manifest, None)?))
    };
    variant::split(&args.strategies).iter().map(contestant).collect()
}

/// Simulates, then launches, in slow motion and perhaps in real time.
fn launches(name: String, settings: &Settings, args: &ValidateArgs) -> Result<Vec<Pair>, ExitCode> {
    output::tell(&format!("{name}: simulating"));
    let manifest = &settings.manifest;
    let (_, simulated) = simulate::simulate(manifest, run::Manifest::default())
        .map_err(|problem| usage(&problem))?;
    let slow_motion = manifest.slow_motion.unwrap_or(SlowMotion::NONE);
    let mut pairs = vec![pair(name.clone(), simulated.clone(), settings, args)?];
    if args.real_time && slow_motion > SlowMotion::NONE {
        let manifest = Manifest { slow_motion: None, ..manifest.clone() };
        let settings = Settings { manifest, ..settings.clone() };
        let real = pair(format!("{name}, real time"), simulated, &settings, args)?;
        pairs.push(Pair { judged: false, ..real });
    }
    Ok(pairs)
}

/// Launches.
fn pair(
    name: String,
    simulated: Summary,
    settings: &Settings,
    args: &ValidateArgs,
) -> Result<Pair, ExitCode> {
    output::tell(&format!("{name}: launching"));
    let folder = |out: &PathBuf| out.join(name.replace(|c: char| !c.is_alphanumeric(), "-"));
    let options = Options { out: args.out.as_ref().map(folder), ..Options::default() };
    let launched = launch::run(settings, &options)?.summary;
    let slow_motion = settings.manifest.slow_motion.unwrap_or(SlowMotion::NONE);
    Ok(Pair { name, slow_motion, judged: true, simulated, launched })
}

impl Pair {
    /// A figure simulated, launched, and the latter over the former.
    fn figure(&self, key: &str) -> [Option<f64>; 3] {
        let [simulated, launched] =
            [&self.simulated, &self.launched].map(|summary| summary.to_value().get(key)?.as_f64());
        let ratio = simulated.zip(launched).map(|(simulated, launched)| launched / simulated);
        [simulated, launched, ratio.filter(|ratio| ratio.is_finite())]
    }

    /// What keeps the two from agreeing.
    fn apart(&self, tolerance: f64) -> Vec<String> {
        let Self { name, simulated, launched, .. } = self;
        let mut problems = Vec::new();
        for (what, summary) in [("simulation", simulated), ("launch", launched)] {
            for reason in &summary.inputs.invalid_reasons {
                problems.push(format!("{name}: the {what} proves nothing: {reason}"));
            }
            if !summary.complete() {
                let coverage = percent(summary.coverage.unwrap_or(0.0));
                problems.push(format!("{name}: the {what} covered only {coverage} %"));
            }
        }
        for key in JUDGED {
            let [.., ratio] = self.figure(key);
            match ratio.map(|ratio| (ratio - 1.0) * 100.0) {
                Some(percent) if percent.abs() <= tolerance => {}
                Some(percent) => problems.push(format!(
                    "{name}: {key} launched is {percent:+.1} % off the simulated, more than {tolerance} %{}",
                    self.excuse(key)
                )),
                None => problems.push(format!("{name}: {key} is not known of both")),
            }
        }
        problems
    }

    /// How long all cores of the machine were busy with one item of the launch, milliseconds of the network's
    /// time.
    fn busy_ms(&self) -> Option<f64> {
        let per_delivery = self.launched.inputs.more.get("cpu_us_per_delivery_nodes")?.as_f64()?;
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let real = per_delivery / 1e3 * self.launched.nodes as f64 / cores as f64;
        Some(real / f64::from(self.slow_motion.times()))
    }

    /// What a time says less about than about the machine.
    fn excuse(&self, key: &str) -> String {
        let [simulated, ..] = self.figure(key);
        match simulated.zip(self.busy_ms()) {
            Some((simulated, busy)) if busy > simulated => format!(
                ": the machine is busy with each item for {} ms; take a slower motion, fewer nodes, or more \
                 cores",
                measured(busy)
            ),
            _ => String::new(),
        }
    }

    fn to_json(&self) -> Value {
        let figures = FIGURES.iter().map(|(key, _)| {
            let [simulated, launched, ratio] = self.figure(key);
            ((*key).to_owned(), json!({ "sim": simulated, "launch": launched, "ratio": ratio }))
        });
        let mut row: serde_json::Map<String, Value> = figures.collect();
        row.insert("name".to_owned(), self.name.clone().into());
        row.insert("slow_motion".to_owned(), self.slow_motion.times().into());
        row.insert("judged".to_owned(), self.judged.into());
        row.insert("busy_ms".to_owned(), self.busy_ms().into());
        row.insert("sim".to_owned(), self.simulated.to_value());
        row.insert("launch".to_owned(), self.launched.to_value());
        row.into()
    }
}

/// One line for each launch: every figure simulated, launched, and their ratio; then how long the machine was
/// busy with an item, and whether the two agree.
fn text(pairs: &[Pair], tolerance: f64) -> String {
    let names =
        FIGURES.map(|(_, name)| [format!("{name} sim"), "launch".to_owned(), "ratio".to_owned()]);
    let names = names.iter().flatten().map(String::as_str);
    let within = format!("within {tolerance} %");
    let first = ["strategy", "slow motion"];
    let names: Vec<&str> =
        first.into_iter().chain(names).chain(["busy ms/item", within.as_str()]).collect();
    let field = |figure: Option<f64>| figure.map_or_else(|| "-".to_owned(), measured);
    let row = |pair: &Pair| -> Vec<String> {
        let figures = FIGURES.iter().flat_map(|(key, _)| pair.figure(key).map(field));
        let agrees = if pair.apart(tolerance).is_empty() { "yes" } else { "no" };
        let first = [pair.name.clone(), pair.slow_motion.to_string()];
        let last = [field(pair.busy_ms()), agrees.to_owned()];
        first.into_iter().chain(figures).chain(last).collect()
    };
    grid(&names, &pairs.iter().map(row).collect::<Vec<_>>())
}

/// A number of per cent, with or without its sign.
fn parse_percent(text: &str) -> Result<f64, String> {
    match text.strip_suffix('%').unwrap_or(text).trim().parse() {
        Ok(percent) if percent > 0.0 && percent < 100.0 => Ok(percent),
        Ok(_) => Err("it must be more than 0 and less than 100".to_owned()),
        Err(_) => Err("write a number of per cent, for instance 15".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Debug, Parser)]
    struct Cli {
        #[command(flatten)]
        args: ValidateArgs,
    }

    fn contestants_of(words: &str) -> Result<Vec<(String, Settings)>, String> {
        let words = ["validate"].into_iter().chain(words.split_whitespace());
        contestants(&Cli::try_parse_from(words).map_err(|error| error.to_string())?.args)
    }

    fn pair(simulated_ms: f64, launched_ms: f64) -> Pair {
        let summary = |ms| Summary {
            valid: true,
            coverage: Some(1.0),
            t50_ms: Some(ms),
            t99_ms: Some(2.0 * ms),
            ..Summary::default()
        };
        let (simulated, launched) = (summary(simulated_ms), summary(launched_ms));
        let (name, slow_motion) = ("flood".to_owned(), SlowMotion::NONE);
        Pair { name, slow_motion, judged: true, simulated, launched }
    }

    #[test]
    fn a_tolerance_is_a_number_of_per_cent() {
        let tolerance = |text: &str| {
            let cli = Cli::try_parse_from(["validate", "--tolerance", text]);
            cli.map(|cli| cli.args.tolerance).map_err(|error| error.to_string())
        };
        assert_eq!(tolerance("15%"), Ok(15.0));
        assert_eq!(tolerance("2.5"), Ok(2.5));
        assert!(tolerance("0").unwrap_err().contains("more than 0"));
        assert!(tolerance("nan").unwrap_err().contains("more than 0"));
        assert!(tolerance("few").unwrap_err().contains("for instance 15"));
    }

    #[test]
    fn contestants_share_all_but_their_strategy() {
        let contestants = contestants_of("--nodes 20 --txs 5").unwrap();
        let names: Vec<&str> = contestants.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["inventory", "flood", "adaptive"]);
        let strategy = |at: usize| contestants[at].1.manifest.params.relay.strategy.name();
        assert_eq!([strategy(0), strategy(1), strategy(2)], ["inventory", "flood", "adaptive"]);
        assert!(contestants.iter().all(|(_, settings)| settings.manifest.network.nodes == 20));
        let slow_motion = contestants[0].1.manifest.slow_motion.map(SlowMotion::times);
        assert_eq!(slow_motion, Some(SLOW_MOTION));
        assert!(contestants_of("--links rounds").unwrap_err().contains("use sim"));
    }

    #[test]
    fn what_lies_too_far_apart_is_named() {
        assert_eq!(pair(100.0, 114.0).apart(15.0), Vec::<String>::new());
        let apart = pair(100.0, 80.0).apart(15.0);
        assert!(apart[0].contains("t50_ms launched is -20.0 % off"), "{apart:?}");
        assert_eq!(apart.len(), 2);
        let mut small = pair(100.0, 180.0);
        small.launched.nodes = 1_000;
        small.launched.inputs.more.insert("cpu_us_per_delivery_nodes".to_owned(), 1_000.0.into());
        assert!(small.apart(15.0)[0].contains("the machine is busy with each item"));
        small.slow_motion = SlowMotion::try_from(1_000).unwrap();
        assert!(!small.apart(15.0)[0].contains("busy"), "a thousand times as fast, it isn't");
        let mut lost = pair(100.0, 100.0);
        lost.launched.coverage = Some(0.5);
        assert_eq!(lost.apart(15.0), ["flood: the launch covered only 50 %"]);
    }

    #[test]
    fn the_table_sets_both_side_by_side() {
        let text = text(&[pair(100.0, 110.0), pair(100.0, 120.0)], 15.0);
        let rows: Vec<Vec<&str>> =
            text.lines().map(|line| line.split_whitespace().collect()).collect();
        let [.., near, far] = &rows[..] else { panic!("{text}") };
        assert_eq!(near[..8], ["flood", "1", "100", "110", "1.10", "200", "220", "1.10"], "{text}");
        assert_eq!([near.last(), far.last()], [Some(&"yes"), Some(&"no")], "{text}");
    }
}
