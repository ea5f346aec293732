//! `tidings-tools probe`.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::{Args, Subcommand};
use rand::{RngExt as _, SeedableRng as _, rngs::SysRng};
use rand_chacha::ChaCha8Rng;
use serde_json::json;
use tidings::config::links::{LinkModelName, LinksConfig};
use tidings::links::{NodeType, Place, Position, Region};
use tidings_protocol::ground::peer::PeerAddr;
use tidings_tools::figures::summary::Summary;
use tidings_tools::probe::estimate::{
    self, ANNOUNCED_LATE_MS, Estimate, Figure, Reading, Samples, Since,
};
use tidings_tools::probe::listen::{self, Ended, PLACES_MAX, Progress, Setup};
use tidings_tools::probe::record::{Bounds, Record};
use tidings_tools::probe::submissions::Submissions;
use tidings_tools::probe::wait::{self, Joinable};
use tidings_tools::probe::{columns, folder, merge};

use super::joining::{self, Which, interrupted, on_one_thread, seconds};
use super::trouble::Trouble;

const EXAMPLES: &str = "\
Examples:
  tidings-tools probe --run runs/now --links 8 --round 5 --out probes/a
      joins a launch that is being made, asks other nodes every 5 seconds, ends with the network
  tidings-tools probe --network network.toml --peer 198.51.100.7:4000 --links 16 --seconds 3600 --out probes/a
      joins any network, and learns of further nodes from its peers
  tidings-tools probe compare probes/a runs/now
      sets its estimates beside what the launch recorded of all nodes
  tidings-tools probe merge probes/a probes/b -o probes/both
      makes one record of two, with the offset of their clocks estimated and told

What is recorded, in which units, and in what it is biased: tools/PROBE.md.

Exit codes: 0 done, 1 failure or (compare) not within the bound, 64 wrong arguments, 66 input missing, 69 no node could be
reached, 78 the network's file can't be used.";

/// Joins a live network as a listener that relays nothing, and records who announced and sent what when.
///
/// Says before it starts what it will do to the network. Ends after `--seconds`, when it is interrupted, or when no peer is left
/// for ten seconds; and writes what it has then, as Parquet and as a run folder with a report.
#[derive(Debug, Args)]
#[command(
    after_help = EXAMPLES,
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true
)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    then: Option<Then>,
    #[command(flatten)]
    listen: Listen,
}

#[derive(Debug, Args)]
struct Listen {
    #[command(flatten)]
    which: Which,
    /// The folder to write to, which must not be there.
    #[arg(long, value_name = "DIR", required = true)]
    out: Option<PathBuf>,
    /// A node to begin with, besides those that the network's file names; again for more.
    #[arg(long = "peer", value_name = "ADDR", conflicts_with = "run")]
    peers: Vec<PeerAddr>,
    /// How many links at a time: a place that peers dial at each of as many nodes.
    #[arg(long, default_value_t = 8, value_name = "N")]
    links: usize,
    /// Ask other nodes after so many seconds, all at once. Without it the same ones are asked for good: what few nodes tell of many is
    /// off by who they are.
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    round: Option<Duration>,
    /// How many links are with nodes that all probes of the network choose, so that clocks can be compared.
    #[arg(long, default_value_t = 1, value_name = "N")]
    shared: usize,
    /// End after so many seconds.
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    seconds: Option<Duration>,
    /// Ask no peer for addresses of further nodes. With --run that is so anyway.
    #[arg(long)]
    no_learning: bool,
    /// RELAY transactions: announce what is valid to all other peers, and give it to those who ask. The probe is a hop then, and changes
    /// what it measures; its record says so.
    #[arg(long)]
    relay: bool,
    /// Where in an emulated world the probe is, for networks with `links.model`; with --run europe if unset.
    #[arg(long, value_name = "REGION")]
    region: Option<Region>,
    /// Be as far from all nodes as node N of the run is, where nodes have latencies of their own (`links.model = "rows"`) [default: 0]
    #[arg(long, value_name = "N", conflicts_with = "region", requires = "run")]
    beside: Option<usize>,
    /// How long to wait for a run's nodes, seconds.
    #[arg(long, value_name = "SECONDS", default_value = "60", value_parser = seconds)]
    wait: Duration,
    /// Name of the probe in its record; the folder's if unset.
    #[arg(long)]
    name: Option<String>,
    /// Most sightings that are recorded, 24 bytes of memory each; further ones are counted.
    #[arg(long, value_name = "N", default_value_t = Bounds::default().sightings)]
    max_sightings: usize,
    #[command(flatten)]
    estimating: Estimating,
}

#[derive(Clone, Copy, Debug, Args)]
struct ReadingArgs {
    /// How long after its submission an item may come to count; links must stand as long.
    #[arg(long, value_name = "SECONDS", default_value = "2", value_parser = seconds)]
    window: Duration,
    /// How long an id waits at a peer for company before it is announced, on average, milliseconds: items that were announced and not
    /// sent count so much earlier. The default is that of `adaptive` peers; with `inventory` it is the trickle.
    #[arg(long, value_name = "MS", default_value_t = ANNOUNCED_LATE_MS)]
    announced_late: u32,
}

impl From<ReadingArgs> for Reading {
    fn from(ReadingArgs { window, announced_late }: ReadingArgs) -> Self {
        Self { window, announced_late: Duration::from_millis(announced_late.into()) }
    }
}

#[derive(Debug, Args)]
struct Estimating {
    /// Who submitted the items, and when: the folder of a load, or of a launch that is over. Without it times count since the first
    /// sight, and are too short.
    #[arg(long, value_name = "DIR")]
    submitted: Option<PathBuf>,
    #[command(flatten)]
    reading: ReadingArgs,
    /// Print JSON instead of a table.
    #[arg(long)]
    json: bool,
    /// Print nothing while it runs.
    #[arg(long)]
    quiet: bool,
}

#[derive(Debug, Subcommand)]
enum Then {
    /// Makes one record of several that listened at the same time, by the clock of the first.
    Merge {
        /// The folders of the probes.
        #[arg(required = true, num_args = 2.., value_name = "PROBE")]
        probes: Vec<PathBuf>,
        /// The folder to write to, which must not be there.
        #[arg(short, long, value_name = "DIR")]
        out: PathBuf,
        #[command(flatten)]
        estimating: Estimating,
    },
    /// Estimates anew from a record, and rewrites its run folder and report.
    Report {
        /// The folder of a probe.
        probe: PathBuf,
        #[command(flatten)]
        estimating: Estimating,
    },
    /// Sets the estimates of a probe beside what a launch recorded of all its nodes.
    Compare {
        /// The folder of a probe.
        probe: PathBuf,
        /// The run folder of the launch, which is over.
        run: PathBuf,
        /// Exit with 1 if a time is off by more, per cent.
        #[arg(long, value_name = "PERCENT", default_value_t = 10.0)]
        within: f64,
        #[command(flatten)]
        reading: ReadingArgs,
        /// Print JSON instead of a table.
        #[arg(long)]
        json: bool,
    },
}

/// Runs the command; returns what to print, and whether all was well.
pub(crate) fn run(arguments: Arguments) -> Result<(String, bool), Trouble> {
    match arguments.then {
        Some(Then::Merge { probes, out, estimating }) => merge_all(&probes, &out, &estimating),
        Some(Then::Report { probe, estimating }) => {
            let record = read(&probe)?;
            Ok((tell(&probe, &record, &estimating)?, true))
        }
        Some(Then::Compare { probe, run, within, reading, json }) => {
            compare(&probe, &run, within, reading.into(), json)
        }
        None => match &arguments.listen.out {
            Some(out) => record(&arguments.listen, out),
            None => Err(Trouble::usage("say where to write to: --out DIR")),
        },
    }
}

fn read(dir: &Path) -> Result<Record, Trouble> {
    columns::read(dir).map_err(|error| Trouble::of_input(&error, error.is_missing_input()))
}

fn submissions(dir: &Path) -> Result<Submissions, Trouble> {
    Submissions::read(dir).map_err(|error| Trouble::of_input(&error, error.is_missing_input()))
}

fn record(listen: &Listen, out: &Path) -> Result<(String, bool), Trouble> {
    if !(1..=PLACES_MAX).contains(&listen.links) {
        return Err(Trouble::usage(format!(
            "--links is {}, but must be 1 to {PLACES_MAX}",
            listen.links
        )));
    }
    if listen.shared > listen.links {
        return Err(Trouble::usage(format!(
            "--shared is {}, but there are only {} links",
            listen.shared, listen.links
        )));
    }
    if listen.round.is_some_and(|round| round <= listen.estimating.reading.window) {
        return Err(Trouble::usage(
            "--round must be longer than --window: an item counts with links that stand as long",
        ));
    }
    let (record, ended) = on_one_thread(join(listen, out))?;
    columns::write(out, &record).map_err(Trouble::failure)?;
    let why = match &ended {
        Ended::Time => "its time was over".to_owned(),
        Ended::Stopped => "it was stopped".to_owned(),
        Ended::NetworkGone => "no peer was left".to_owned(),
        Ended::Failed(why) => why.clone(),
    };
    note(&listen.estimating, &format!("The probe ended: {why}."));
    let text = tell(out, &record, &listen.estimating)?;
    if record.links.iter().all(|link| link.ready_ns.is_none()) {
        let why = record.links.last().map_or("no address is known", |link| &link.why);
        return Err(Trouble::unavailable(format!(
            "no node could be joined ({} dials; the last: {why})",
            record.links.len()
        )));
    }
    Ok((text, !matches!(ended, Ended::Failed(_))))
}

async fn join(listen: &Listen, out: &Path) -> Result<(Record, Ended), Trouble> {
    let mut stop = std::pin::pin!(interrupted());
    let joinable = match (&listen.which.run, &listen.which.network) {
        (Some(run), _) => tokio::select! {
            joinable = wait::for_run(run, listen.wait) => joinable.map_err(Trouble::unavailable)?,
            () = &mut stop => return Err(Trouble::unavailable("stopped before there was a network")),
        },
        (None, Some(file)) => {
            let network = joining::network(file)?;
            let named = network.bootstrap.iter().filter_map(|seed| seed.to_string().parse().ok());
            let addresses: Vec<PeerAddr> = named.chain(listen.peers.iter().copied()).collect();
            if addresses.is_empty() {
                return Err(Trouble::usage(
                    "no node is known: the network's file names no address; say --peer ADDR",
                ));
            }
            Joinable { network, addresses, positions: Vec::new(), slow_motion: None }
        }
        (None, None) => return Err(Trouble::usage("say --run DIR or --network FILE")),
    };
    joining::new_folder(out)?;
    let name = out.file_name().map(|name| name.to_string_lossy().into_owned());
    let setup = Setup {
        name: listen.name.clone().or(name).unwrap_or_default(),
        network: joinable.network,
        addresses: joinable.addresses,
        learns: listen.which.run.is_none() && !listen.no_learning,
        places: listen.links,
        shared: listen.shared,
        round: listen.round,
        long: listen.seconds,
        position: position(&joinable.positions, listen)?,
        relays: listen.relay,
        slow_motion: joinable.slow_motion.zip(listen.which.run.clone()),
        bounds: Bounds { sightings: listen.max_sightings, ..Bounds::default() },
    };
    note(&listen.estimating, &setup.warning());
    let mut told = Instant::now();
    let on_progress = |Progress { links, items, sightings }| {
        if told.elapsed() >= Duration::from_secs(10) {
            told = Instant::now();
            let text = format!("{links} links, {items} items, {sightings} sightings");
            note(&listen.estimating, &text);
        }
    };
    listen::listen(&setup, stop, on_progress).await.map_err(Trouble::failure)
}

/// Where the probe is in the world of its network, if that is an emulated one; on a line that is no bottleneck.
fn position(nodes: &[LinksConfig], listen: &Listen) -> Result<Option<(Position, String)>, Trouble> {
    let mut rng = ChaCha8Rng::try_from_rng(&mut SysRng)
        .map_err(|error| Trouble::failure(format!("the system gave no random bytes: {error}")))?;
    let seed = rng.random::<u64>() >> 1;
    if nodes.iter().any(|node| node.model == LinkModelName::Rows) {
        if listen.region.is_some() {
            return Err(Trouble::usage(
                "these nodes have latencies of their own and no regions; say --beside N instead of --region",
            ));
        }
        let number = listen.beside.unwrap_or(0);
        let node = nodes.get(number).ok_or_else(|| {
            Trouble::usage(format!("--beside {number}: the run has nodes 0 to {}", nodes.len() - 1))
        })?;
        let position = LinksConfig { seed, ..node.clone() }.position();
        return Ok(position.map(|position| (position, format!("beside node {number}"))));
    }
    if listen.beside.is_some() {
        return Err(Trouble::usage(
            "--beside: these nodes have no latencies of their own; say --region REGION",
        ));
    }
    if nodes.is_empty() && listen.region.is_none() {
        return Ok(None);
    }
    let region = listen.region.unwrap_or(Region::Europe);
    let place = Place { region, node_type: NodeType::Supernode, seed };
    Ok(Some((Position::Place(place), region.to_string())))
}

fn note(estimating: &Estimating, text: &str) {
    if !estimating.quiet {
        // If standard error is gone, there is nobody left to tell.
        let _ = writeln!(std::io::stderr(), "{text}");
    }
}

fn merge_all(
    probes: &[PathBuf],
    out: &Path,
    estimating: &Estimating,
) -> Result<(String, bool), Trouble> {
    let mut merged: Option<Record> = None;
    for probe in probes {
        let record = read(probe)?;
        merged = Some(match merged {
            None => record,
            Some(first) => merge::merge(first, record).map_err(|error| {
                Trouble::failure(format!("{} can't be merged: {error}", probe.display()))
            })?,
        });
    }
    let merged = merged.unwrap_or_default();
    joining::new_folder(out)?;
    columns::write(out, &merged).map_err(Trouble::failure)?;
    Ok((tell(out, &merged, estimating)?, true))
}

fn estimated(
    record: &Record,
    submitted: Option<&Path>,
    reading: Reading,
) -> Result<(Samples, Estimate), Trouble> {
    let submissions = submitted.map(submissions).transpose()?;
    let samples = estimate::samples(record, submissions.as_ref(), reading);
    let estimate = estimate::estimate(record, &samples);
    Ok((samples, estimate))
}

/// Writes the run folder and says what is in it.
fn tell(dir: &Path, record: &Record, estimating: &Estimating) -> Result<String, Trouble> {
    let submitted = estimating.submitted.as_deref();
    let (samples, estimate) = estimated(record, submitted, estimating.reading.into())?;
    folder::write(dir, record, &samples, &estimate).map_err(Trouble::failure)?;
    if estimating.json {
        let told = json!({ "about": record.about, "estimate": estimate });
        return Ok(format!("{told:#}\n"));
    }
    Ok(format!("{}Report: {}\n", text(record, &estimate), dir.join("report.html").display()))
}

fn text(record: &Record, estimate: &Estimate) -> String {
    let about = &record.about;
    let long_s = about.ended_ns.saturating_sub(about.began_ns) as f64 / 1e9;
    let ready = record.links.iter().filter(|link| link.ready_ns.is_some()).count();
    let mut text = format!(
        "{}: {} places, {ready} links, {} items, {} sightings in {long_s:.1} s\n",
        about.network,
        record.places(),
        record.items.len(),
        record.sightings.len(),
    );
    if record.was_a_hop() {
        let passed_on: u64 = about.probes.iter().map(|probe| probe.passed_on).sum();
        text += &format!("It WAS A HOP, and passed on {passed_on} transactions.\n");
    }
    let lost = about.lost;
    if lost.sightings + lost.items + lost.links > 0 {
        text += &format!(
            "Lost for want of room: {} sightings, {} links.\n",
            lost.sightings, lost.links
        );
    }
    for probe in &about.probes {
        let Some(offset) = &probe.offset else { continue };
        let ms = |ns: f64| ns / 1e6;
        let by = match offset.ways_ns {
            Some(ways) => format!(
                "by {} shared peers; at worst {:.1} ms, if all of a round trip is one way",
                offset.shared_peers,
                ms(ways as f64)
            ),
            None => "by items alone, since no peer is shared: there is no bound".to_owned(),
        };
        text += &format!(
            "Clock of {}: {:+.3} ms ahead, ± {:.3} ms (95 %), of {} items {by}\n",
            probe.name,
            ms(offset.ahead_ns as f64),
            ms(offset.chance_ns as f64),
            offset.items,
        );
    }
    text + &figures(estimate)
}

fn figures(estimate: &Estimate) -> String {
    let since = match estimate.since {
        Since::Submission => "Times since submission",
        Since::FirstSight => "Times since FIRST SIGHT, which are too short (see --submitted)",
    };
    let mut text = format!(
        "{since}, of {} items by {:.1} of {} peers each; left out: {} without submission, {} without links that stood\n",
        estimate.items,
        estimate.links_per_item,
        estimate.peers,
        estimate.without_submission,
        estimate.without_links,
    );
    for (name, figure) in [("t50", estimate.t50), ("t90", estimate.t90)] {
        let Figure { ms, low_ms, high_ms } = figure;
        text +=
            &format!("  {name} {} ms (95 %: {} to {})\n", shown(ms), shown(low_ms), shown(high_ms));
    }
    let curve: Vec<String> =
        estimate.curve.iter().map(|(share, ms)| format!("{share} % {}", shown(*ms))).collect();
    text + &format!("  {} ms\n", curve.join(", "))
}

fn shown(ms: Option<f64>) -> String {
    ms.map_or_else(|| "later".to_owned(), |ms| format!("{ms:.1}"))
}

fn compare(
    probe: &Path,
    run: &Path,
    within: f64,
    reading: Reading,
    json: bool,
) -> Result<(String, bool), Trouble> {
    let record = read(probe)?;
    let (_, estimate) = estimated(&record, Some(run), reading)?;
    let summary =
        Summary::read(run).map_err(|error| Trouble::of_input(&error, error.is_missing_input()))?;
    let rows = [("t50_ms", estimate.t50, summary.t50_ms), ("t90_ms", estimate.t90, summary.t90_ms)];
    let off = |figure: Figure, truth: Option<f64>| Some((figure.ms? / truth? - 1.0) * 100.0);
    let is_within = rows
        .iter()
        .all(|(_, figure, truth)| off(*figure, *truth).is_some_and(|off| off.abs() <= within));
    if json {
        let row = |(name, figure, truth): &(&str, Figure, Option<f64>)| json!({ "figure": name, "probe": figure, "run": truth, "off_percent": off(*figure, *truth) });
        let rows: Vec<_> = rows.iter().map(row).collect();
        let told = json!({
            "rows": rows, "within_percent": within, "is_within": is_within, "estimate": estimate,
        });
        return Ok((format!("{told:#}\n"), is_within));
    }
    let mut text = figures(&estimate);
    text += "            probe        run      off\n";
    for (name, figure, truth) in rows {
        let off = off(figure, truth).map_or_else(|| "-".to_owned(), |off| format!("{off:+.1} %"));
        text += &format!("{name:<8} {:>8} {:>10} {off:>8}\n", shown(figure.ms), shown(truth));
    }
    let verdict = if is_within { "within" } else { "NOT within" };
    text += &format!(
        "Both are {verdict} {within} % of the run's own record of {} nodes.\n",
        summary.nodes
    );
    Ok((text, is_within))
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    #[derive(clap::Parser)]
    struct Line {
        #[command(flatten)]
        listen: Listen,
    }

    fn listen(args: &[&str]) -> Listen {
        let fixed = ["probe", "--run", "runs/now", "--out", "probes/a"];
        Line::try_parse_from(fixed.iter().chain(args)).unwrap().listen
    }

    fn said(nodes: &[LinksConfig], args: &[&str]) -> String {
        position(nodes, &listen(args)).unwrap_err().what
    }

    #[test]
    fn a_probe_stands_in_a_region_or_beside_a_node_as_the_network_has_it() {
        let region = LinksConfig { model: LinkModelName::Regions, ..LinksConfig::default() };
        let row = |number| LinksConfig {
            model: LinkModelName::Rows,
            number,
            latency_us: vec![10, 20],
            ..LinksConfig::default()
        };
        let (regions, rows) = ([region], [row(0), row(1)]);
        assert!(position(&[], &listen(&[])).unwrap().is_none());
        let (_, name) = position(&regions, &listen(&[])).unwrap().unwrap();
        assert_eq!(name, "europe");
        let (at, name) = position(&rows, &listen(&["--beside", "1"])).unwrap().unwrap();
        let Position::Row(at) = at else { panic!("it is no row") };
        assert_eq!((at.number, &*at.from_us, &*name), (1, &[10, 20][..], "beside node 1"));
        assert!(said(&rows, &["--beside", "2"]).contains("the run has nodes 0 to 1"));
        assert!(said(&rows, &["--region", "europe"]).contains("say --beside N"));
        assert!(said(&regions, &["--beside", "0"]).contains("say --region REGION"));
    }
}
