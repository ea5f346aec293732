//! `tidings-testnet outage`: takes the network away from one of many real nodes, and gives it back.
//!
//! All nodes but one are in a network namespace of this program's own; the one is in another, at the end of a cable that is pulled, or
//! goes deaf, while everybody stays where they are. Asked before and after is the node's address book, with what it holds against
//! each address; and how soon its outbound links stand again once the cable is back. An hour of it is the same as minutes, by the
//! clock of a simulation: `peers::tests::outage` of the core.

mod report;

use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, ValueEnum};
use tidings::api::{AddressStatus, Status};
use tidings_sim::latency::LinkSpec;
use tidings_sim::workload::Transfers;
use tidings_sim::workload::sizes::Sizes;
use tokio::time::{Instant, sleep, sleep_until};

use self::report::{BACK_MAX_S, Difference, Report};
use crate::launch;
use crate::launch::connect::{self, Goal};
use crate::launch::fleet::Fleet;
use crate::launch::items::Planned;
use crate::launch::local::{Common, Node};
use crate::launch::plan;
use crate::launch::run_folder::RunFolder;
use crate::launch::settings::Settings;
use crate::manifest::{Manifest, Workload};
use crate::namespace::{self, Other};
use crate::ui::Ui;
use crate::{exit, output, usage};

/// Fewest nodes: as many as a node has outbound links, and then some to choose from. A guess.
const NODES_MIN: usize = 12;

/// Most nodes: each has an address of a block of 256. A guess.
const NODES_MAX: usize = 250;

/// How long overlays may take to stand.
const CONNECT: Duration = Duration::from_secs(120);

/// How often the node is asked for its links.
const POLL: Duration = Duration::from_millis(100);

/// How much longer than allowed it is waited for.
const PATIENCE: f64 = 4.0;

/// How long a transaction may take afterwards.
const RELAY: Duration = Duration::from_secs(30);

/// Our end of the cable and the node's, with the length of their prefix.
const CABLE: [&str; 2] = ["10.78.0.1/24", "10.78.0.2/24"];

/// The node's address.
const APART: Ipv4Addr = Ipv4Addr::new(10, 78, 0, 2);

/// Arguments of `outage`.
#[derive(Clone, Debug, Args)]
pub struct OutageArgs {
    /// How many nodes, the one among them
    #[arg(long, value_name = "N", default_value_t = 30)]
    pub nodes: usize,
    /// For how long its network is away, seconds
    #[arg(long, value_name = "S", default_value_t = 600.0)]
    pub away: f64,
    /// How it goes
    #[arg(long, value_enum, default_value_t = How::Down)]
    pub how: How,
    /// How long the nodes have to learn of one another before that, seconds
    #[arg(long, value_name = "S", default_value_t = 30.0)]
    pub settle: f64,
    /// Program to start as a node, instead of this one's own node mode
    #[arg(long, value_name = "PATH")]
    pub node_binary: Option<PathBuf>,
    /// Seed of everything random but the nodes' own draws
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Run folder, which must not exist [default: runs/TIME]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Keep the nodes' data folders and logs where all held, too
    #[arg(long)]
    pub keep_logs: bool,
    /// Print the result as JSON on stdout, all else on stderr
    #[arg(long)]
    pub json: bool,
    /// Print nothing but the result and what went wrong
    #[arg(long)]
    pub quiet: bool,
    #[arg(long = namespace::INSIDE, hide = true)]
    inside: bool,
}

/// How a network goes away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum How {
    /// The link is down: the system says at once that there is no way.
    Down,
    /// Nobody answers: what is sent gets lost, and the system doesn't know.
    Deaf,
}

impl How {
    const fn name(self) -> &'static str {
        match self {
            Self::Down => "link down",
            Self::Deaf => "nobody answers",
        }
    }

    fn switch(self, cable: &Other, on: bool) -> Result<(), String> {
        match self {
            Self::Down => cable.switch(on),
            Self::Deaf => cable.lose(!on),
        }
    }
}

/// Runs the command.
#[must_use]
pub fn main(args: &OutageArgs) -> ExitCode {
    if let Err(problem) = check(args) {
        return exit::usage(&problem);
    }
    if !args.inside {
        let why = namespace::enter(std::env::args_os());
        output::complain(format_args!("a network can't be had that could be taken away: {why}"));
        return ExitCode::from(exit::NOT_VALID);
    }
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            output::complain(format_args!("cannot start: {error}"));
            return ExitCode::FAILURE;
        }
    };
    let ended = runtime.block_on(async {
        tokio::select! {
            ended = run(args) => ended.map_err(|problem| {
                output::complain(problem);
                ExitCode::from(exit::NOT_VALID)
            }),
            // The run is dropped here, and all its processes with it.
            signal = launch::interrupted() => {
                output::tell(&format!("{signal}: all nodes were ended"));
                Err(ExitCode::from(exit::INTERRUPTED))
            }
        }
    });
    match ended {
        Err(code) => code,
        Ok(report) => {
            let holds = report.broken.is_empty();
            let code = if holds { ExitCode::SUCCESS } else { ExitCode::FAILURE };
            output::print(&if args.json { report.json() } else { report.text() }, false, code)
        }
    }
}

fn check(args: &OutageArgs) -> Result<(), String> {
    let OutageArgs { nodes, away, settle, .. } = args;
    if !(NODES_MIN..=NODES_MAX).contains(nodes) {
        return Err(format!("--nodes is {nodes}, but must be {NODES_MIN} to {NODES_MAX}"));
    }
    for (name, value) in [("--away", away), ("--settle", settle)] {
        if !(*value > 0.0 && *value <= 86_400.0) {
            return Err(format!("{name} is {value}, but must be more than 0 and at most 86400"));
        }
    }
    Ok(())
}

fn settings(args: &OutageArgs) -> Result<Settings, String> {
    let mut manifest = Manifest::launched_by_default();
    (manifest.seed, manifest.network.nodes) = (args.seed, args.nodes);
    manifest.link = LinkSpec::None;
    // One, for the end.
    let transfers = Transfers { txs: 1, rate: 1.0, sizes: Sizes::Fixed(300) };
    manifest.workload = Workload::Transfers(transfers);
    manifest.validate()?;
    Settings::of(manifest, args.node_binary.clone())
}

/// The story.
async fn run(args: &OutageArgs) -> Result<Report, String> {
    let ui = Ui::new(args.quiet);
    let settings = settings(args)?;
    usage::raise_open_files().map_err(|error| format!("cannot raise open files: {error}"))?;
    let plan = plan::draw(&settings).map_err(|error| error.to_string())?;
    let (mut nodes, items, last) = (plan.nodes, plan.items, args.nodes - 1);
    plan::place_at(&mut nodes, |index| if index == last { APART } else { address(index) });
    for index in 0..last {
        namespace::ip(&format!("addr add {}/32 dev lo", address(index)))?;
    }
    let cable = Other::at(CABLE[0], CABLE[1])?;
    let folder = RunFolder::create(args.out.as_deref(), &settings, &plan.network);
    let folder = folder.map_err(|error| error.to_string())?;
    let common = Common {
        folder: folder.nodes(),
        network: folder.network(),
        params: settings.manifest.params.clone(),
        slow_motion: None,
        keeps: false,
        captures: false,
        trouble: false,
        node_binary: settings.node_binary.clone(),
        node_arguments: &[],
    };
    let apart = nodes.split_off(last);
    ui.say(&format!("starting {last} nodes, and one in a network namespace of its own"));
    let others = Fleet::start(nodes, &common, None, || {}).await;
    let others = others.map_err(|error| error.to_string())?;
    let standing = connect::wait(&others, Goal::Outbound, CONNECT, |_| {}).await;
    standing.map_err(|error| format!("the overlay didn't come up: {error}"))?;
    // Nothing else of this program runs meanwhile.
    cable.go()?;
    let apart = Fleet::start(apart, &common, None, || {}).await;
    cable.come_back()?;
    let apart = apart.map_err(|error| error.to_string())?;
    let node = &apart.nodes()[0];
    let stands = |status: &Status| status.outbound >= status.outbound_target;
    let stood = seen(node, CONNECT, stands).await;
    stood.ok_or("the node doesn't get its links while all is well")?;
    sleep(Duration::from_secs_f64(args.settle)).await;

    let mut report = measure(args, (&others, node), &cable, &items, &ui).await?;
    let deaths: Vec<_> = others.new_deaths().into_iter().chain(apart.new_deaths()).collect();
    report.judge();
    report.broken.extend(deaths.iter().map(|death| format!("a node ended: {death}")));
    apart.stop().await;
    others.stop().await;
    if report.broken.is_empty() && !args.keep_logs {
        folder.tidy();
    }
    Ok(report)
}

/// Address of a node that stays on the network.
fn address(index: usize) -> Ipv4Addr {
    Ipv4Addr::new(10, 77, 0, u8::try_from(index + 1).unwrap_or(u8::MAX))
}

/// Takes the network away and gives it back.
async fn measure(
    args: &OutageArgs,
    (others, node): (&Fleet, &Node),
    cable: &Other,
    items: &[Planned],
    ui: &Ui,
) -> Result<Report, String> {
    let before = status(node).await?;
    let book = book(node).await?;
    args.how.switch(cable, false)?;
    let cut = Instant::now();
    ui.say(&format!("its network is away ({}) for {:.0} s", args.how.name(), args.away));
    let away = Duration::from_secs_f64(args.away);
    let is_alone = |status: &Status| status.outbound + status.inbound == 0;
    let alone = seen(node, away, is_alone).await;
    let alone_s = alone.map(|at| (at - cut).as_secs_f64());
    sleep_until(cut + away).await;

    let (late, late_book) = (status(node).await?, self::book(node).await?);
    args.how.switch(cable, true)?;
    let (back, away_s) = (Instant::now(), cut.elapsed().as_secs_f64());
    ui.say("its network is back");
    let patience = Duration::from_secs_f64(BACK_MAX_S * PATIENCE);
    let since = |at: Instant| (at - back).as_secs_f64();
    let first = seen(node, patience, |status| !is_alone(status)).await.map(since);
    let stands = |status: &Status| status.outbound >= status.outbound_target;
    let all = seen(node, patience, stands).await.map(since);
    let relayed_s = relay(&others.nodes()[0], node, items).await;
    let dials = |status: &Status| status.counters.get("net_dials").copied().unwrap_or_default();
    let reached = book.iter().filter(|record| record.successes > 0).count();
    Ok(Report {
        how: args.how.name(),
        others: others.nodes().len(),
        away_s,
        wanted: before.outbound_target,
        links_before: [before.outbound, before.inbound],
        alone_s,
        dials: dials(&late) - dials(&before),
        addresses: [book.len(), reached],
        meanwhile: Difference::between(&book, &late_book),
        in_the_end: Difference::between(&book, &self::book(node).await?),
        first_s: first,
        back_s: all,
        relayed_s,
        broken: Vec::new(),
    })
}

async fn status(node: &Node) -> Result<Status, String> {
    node.client.status().await.map_err(|error| error.to_string())
}

async fn book(node: &Node) -> Result<Vec<AddressStatus>, String> {
    let page = node.client.addresses().await.map_err(|error| error.to_string())?;
    Ok(page.addresses)
}

/// When a node was first seen to be in a state, if it is within so long.
async fn seen(node: &Node, patience: Duration, is_so: impl Fn(&Status) -> bool) -> Option<Instant> {
    let deadline = Instant::now() + patience;
    loop {
        if node.client.status().await.is_ok_and(|status| is_so(&status)) {
            return Some(Instant::now());
        }
        if Instant::now() > deadline {
            return None;
        }
        sleep(POLL).await;
    }
}

/// Gives a transaction to a node, and tells how long it took to another, seconds; `None` if too long.
async fn relay(from: &Node, to: &Node, items: &[Planned]) -> Option<f64> {
    let (item, began) = (items.first()?, Instant::now());
    from.client.submit(item.id.kind(), item.bytes.clone()).await.ok()?;
    while began.elapsed() < RELAY {
        if to.client.item(item.id.hash()).await.is_ok_and(|found| found.is_some()) {
            return Some(began.elapsed().as_secs_f64());
        }
        sleep(POLL).await;
    }
    None
}
