//! A probe and a load beside real networks, as whoever studies one has them.

#![expect(clippy::unwrap_used, reason = "a test that can't go on has failed")]

use std::fs;
use std::future::pending;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;
use tidings::files::network::Network;
use tidings_tools::figures::summary::Summary;
use tidings_tools::load::drive::{self, Plan};
use tidings_tools::load::lines::Lines;
use tidings_tools::load::schedule::Arrivals;
use tidings_tools::load::targets::{self, Node};
use tidings_tools::probe::estimate::{self, Reading, Since};
use tidings_tools::probe::listen::{self, Ended, Setup};
use tidings_tools::probe::record::{Bounds, Record};
use tidings_tools::probe::submissions::{SUBMITTED, Submissions};
use tidings_tools::probe::{columns, folder, merge, wait};

/// How long anything here may take before it counts as hanging. Debug builds on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// A network of a process of its own, which ends with this value.
struct Testnet(Child);

impl Testnet {
    fn start(arguments: &str, dir: &Path) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tidings-testnet"));
        command.args(arguments.split_whitespace()).arg(dir);
        let command = command.stdin(Stdio::null()).stdout(Stdio::null());
        Self(command.spawn().unwrap())
    }
}

impl Drop for Testnet {
    fn drop(&mut self) {
        let _ = self.0.kill(); // it may have ended
        let _ = self.0.wait();
    }
}

fn within(seconds: u64) -> Reading {
    Reading { window: Duration::from_secs(seconds), announced_late: Duration::ZERO }
}

async fn listen(name: &str, run: &Path, places: usize) -> (Record, Ended) {
    let joinable = wait::for_run(run, PATIENCE).await.unwrap();
    let setup = Setup {
        name: name.to_owned(),
        network: joinable.network,
        addresses: joinable.addresses,
        learns: false,
        places,
        shared: 2,
        round: None,
        long: Some(PATIENCE),
        position: None,
        relays: false,
        slow_motion: None,
        bounds: Bounds::default(),
    };
    listen::listen(&setup, pending::<()>(), |_| {}).await.unwrap()
}

#[tokio::test]
async fn two_probes_beside_a_launch_see_all_its_items_and_agree_on_the_time() {
    let temp = tempfile::tempdir().unwrap();
    let run = temp.path().join("run");
    let launch = "launch --links none --idle 2 --nodes 8 --txs 60 --rate 30 --json --quiet --out";
    let mut testnet = Testnet::start(launch, &run);
    let probes = tokio::join!(listen("a", &run, 5), listen("b", &run, 5));
    let ((first, ended), (second, _)) = probes;
    assert_eq!(ended, Ended::NetworkGone);
    testnet.0.wait().unwrap();
    let summary = Summary::read(&run).unwrap();
    assert!(summary.complete(), "the probes kept nothing from anybody: {summary:?}");
    assert!(first.first_by_link(0).iter().filter(|firsts| firsts.len() == 5).count() >= 55);

    let submissions = Submissions::read(&run).unwrap();
    assert_eq!(submissions.len(), 60);
    let merged = merge::merge(first, second).unwrap();
    let offset = merged.about.probes[1].offset.clone().unwrap();
    assert!(offset.shared_peers >= 2 && offset.ahead_ns.abs() < 5_000_000, "{offset:?}");

    let out = temp.path().join("merged");
    fs::create_dir(&out).unwrap();
    columns::write(&out, &merged).unwrap();
    let merged = columns::read(&out).unwrap();
    let samples = estimate::samples(&merged, Some(&submissions), within(2));
    let told = estimate::estimate(&merged, &samples);
    assert_eq!((told.since, told.without_submission), (Since::Submission, 0));
    assert!(told.items >= 55 && told.peers <= 8, "{told:?}");
    let (t50, t90) = (told.t50.ms.unwrap(), told.t90.ms.unwrap());
    assert!(0.0 < t50 && t50 <= t90, "{told:?}");
    folder::write(&out, &merged, &samples, &told).unwrap();
    assert!(out.join("report.html").exists());
}

#[tokio::test]
async fn a_load_is_taken_by_a_network_that_stays_and_its_probe_knows_when_it_left() {
    let temp = tempfile::tempdir().unwrap();
    let run = temp.path().join("up");
    let _testnet = Testnet::start("up --links none --nodes 4 --dir", &run);
    let joinable = wait::for_run(&run, PATIENCE).await.unwrap();
    let plan = Plan {
        network: Network::load(&run.join("network.toml")).unwrap(),
        rate: 100.0,
        arrivals: Arrivals::Poisson,
        sizes: "uniform:200-900".parse().unwrap(),
        count: Some(60),
        long: None,
    };
    let setup = Setup {
        name: "probe".to_owned(),
        network: joinable.network,
        addresses: joinable.addresses,
        learns: false,
        places: 4,
        shared: 1,
        round: None,
        long: Some(PATIENCE),
        position: None,
        relays: false,
        slow_motion: None,
        bounds: Bounds::default(),
    };
    let (up, is_up) = tokio::sync::oneshot::channel();
    let (enough, is_enough) = tokio::sync::oneshot::channel();
    let (mut up, mut enough) = (Some(up), Some(enough));
    let on_progress = |progress: listen::Progress| {
        if progress.links == 4 {
            up.take().into_iter().for_each(|up| _ = up.send(()));
        }
        if progress.items == 60 && progress.sightings >= 4 * 60 {
            enough.take().into_iter().for_each(|enough| _ = enough.send(()));
        }
    };
    let table = temp.path().join(SUBMITTED);
    let loading = async {
        is_up.await.unwrap();
        let nodes: Vec<_> =
            targets::of_run(&run).unwrap().into_iter().map(|node| Node::new(node, "")).collect();
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let lines = Lines::create(&table, drive::table_columns()).unwrap();
        drive::drive(&plan, &nodes, Some(lines), pending::<()>(), &mut rng, |_, _| {}).await
    };
    let (listened, done) = tokio::join!(listen::listen(&setup, is_enough, on_progress), loading);
    let (record, ended) = listened.unwrap();
    assert_eq!(ended, Ended::Stopped, "each peer showed each transaction");
    assert_eq!((done.tally.offered, done.tally.accepted), (60, 60), "{}", done.tally.text());
    let submissions = Submissions::read(temp.path()).unwrap();
    let samples = estimate::samples(&record, Some(&submissions), within(10));
    assert_eq!((submissions.len(), samples.without_submission), (60, 0));
}
