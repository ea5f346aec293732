//! A probe beside real nodes of this process, and the commands as processes.

#![expect(clippy::unwrap_used, reason = "what fails here is the test")]

use std::cell::Cell;
use std::future::Future;
use std::process::{Command, Output};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use tidings::api::{NodeEvent, Outcome, What};
use tidings::control::Command as Ask;
use tidings::files::network::Network;
use tidings::names::System;
use tidings::shell::{Shell, ShellConfig};
use tidings_protocol::chain::Rules;
use tidings_protocol::ground::item::{Hash256, ItemKind};
use tidings_protocol::ground::peer::PeerAddr;
use tidings_protocol::params::Params;
use tidings_tools::probe::listen::{self, Progress, Setup};
use tidings_tools::probe::merge;
use tidings_tools::probe::record::{Bounds, Event, Record};
use tokio::sync::{broadcast, mpsc, oneshot};

/// How long anything may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

struct Node {
    addr: PeerAddr,
    commands: mpsc::Sender<Ask>,
    events: broadcast::Receiver<NodeEvent>,
}

fn network() -> Network {
    Network::for_tests(Rules::Opaque)
}

impl Node {
    async fn start(connect: &[PeerAddr]) -> Self {
        let mut params = Params::default();
        params.upload.unlimited = true; // as in any test network
        params.unbroadcast.standing_s = 0; // who has just come is no stranger here
        let config = ShellConfig {
            params,
            listen: vec!["127.0.0.1:0".parse().unwrap()],
            connect: connect.to_vec(),
            seed: Some(1),
            ..ShellConfig::new(network().name, network().chain())
        };
        let (commands, commands_rx) = mpsc::channel(64);
        let (events_tx, events) = broadcast::channel(4_096);
        let shell =
            Shell::start_with(config, commands_rx, events_tx, Arc::new(System)).await.unwrap();
        let addr = shell.listening()[0];
        tokio::spawn(shell.run(std::future::pending()));
        Self { addr, commands, events }
    }

    async fn submit(&self, bytes: Vec<u8>) -> Hash256 {
        let (reply, answer) = oneshot::channel();
        let bytes = Bytes::from(bytes);
        self.commands.send(Ask::Submit { kind: ItemKind::Tx, bytes, reply }).await.unwrap();
        let submitted = answer.await.unwrap().unwrap();
        assert_eq!(submitted.outcome, Outcome::Accepted);
        submitted.id.unwrap()
    }

    async fn accepts(&mut self, id: Hash256) {
        loop {
            if let What::Accepted { id: other, .. } = self.events.recv().await.unwrap().what
                && other == id
            {
                return;
            }
        }
    }
}

fn setup(nodes: &[Node], relays: bool) -> Setup {
    Setup {
        name: "probe".into(),
        network: network(),
        addresses: nodes.iter().map(|node| node.addr).collect(),
        learns: false,
        places: nodes.len(),
        shared: 1,
        round: None,
        long: Some(PATIENCE),
        position: None,
        relays,
        slow_motion: None,
        bounds: Bounds::default(),
    }
}

/// Listens until `enough`, while `work` is done once all links stand.
async fn listen(
    setup: &Setup,
    enough: impl Fn(Progress) -> bool,
    work: impl Future<Output = ()>,
) -> Record {
    let (up, is_up) = oneshot::channel();
    let (done, is_done) = oneshot::channel();
    let (up, done) = (Cell::new(Some(up)), Cell::new(Some(done)));
    let on_progress = |progress: Progress| {
        if progress.links == setup.places {
            up.take().into_iter().for_each(|up: oneshot::Sender<()>| _ = up.send(()));
        }
        if enough(progress) {
            done.take().into_iter().for_each(|done: oneshot::Sender<()>| _ = done.send(()));
        }
    };
    let work = async {
        is_up.await.unwrap();
        work.await;
    };
    let (listened, ()) = tokio::join!(listen::listen(setup, is_done, on_progress), work);
    listened.unwrap().0
}

/// Three nodes in a row.
async fn row() -> Vec<Node> {
    let mut nodes: Vec<Node> = Vec::new();
    for _ in 0..3 {
        let before: Vec<PeerAddr> = nodes.last().map(|node| node.addr).into_iter().collect();
        nodes.push(Node::start(&before).await);
    }
    nodes
}

async fn submit_all(node: &Node, count: u8) {
    for number in 0..count {
        node.submit(vec![number; 100]).await;
    }
}

#[tokio::test]
async fn each_peer_shows_each_item_and_none_is_told_of_any() {
    let nodes = row().await;
    let setup = setup(&nodes, false);
    let enough = |progress: Progress| progress.sightings >= 3 * 20;
    let record = listen(&setup, enough, submit_all(&nodes[0], 20)).await;
    assert_eq!((record.items.len(), record.links.len()), (20, 3), "{:?}", record.links);
    assert!(record.first_by_link(0).iter().all(|firsts| firsts.len() == 3));
    assert!(
        record.sightings.iter().all(|seen| seen.event != Event::Asked),
        "nothing was announced"
    );
    assert!(record.links.iter().all(|link| link.rtt_min_ns.is_some() && !link.peer.is_empty()));
    assert!(!record.was_a_hop());
}

#[tokio::test]
async fn two_probes_of_one_machine_find_that_their_clocks_agree() {
    let nodes = row().await;
    let setup = setup(&nodes, false);
    let both = Cell::new([Progress::default(); 2]);
    let note = |which: usize, progress: Progress| {
        let mut now = both.get();
        now[which] = progress;
        both.set(now);
        now.iter().all(|progress| progress.sightings >= 3 * 30)
    };
    let submitting = async {
        while both.get().iter().any(|progress| progress.links < 3) {
            tokio::task::yield_now().await;
        }
        submit_all(&nodes[1], 30).await;
    };
    let (first, second) = tokio::join!(
        listen(&setup, |progress| note(0, progress), submitting),
        listen(&setup, |progress| note(1, progress), std::future::ready(())),
    );
    let merged = merge::merge(first, second).unwrap();
    let offset = merged.about.probes[1].offset.clone().unwrap();
    assert_eq!(offset.shared_peers, 3, "{offset:?}");
    assert!(offset.ahead_ns.abs() < 5_000_000, "{offset:?}");
    assert_eq!((merged.items.len(), merged.links.len()), (30, 6));
}

#[tokio::test]
async fn a_probe_that_is_told_to_relay_is_a_hop_and_says_so() {
    let mut nodes = vec![Node::start(&[]).await, Node::start(&[]).await];
    let setup = setup(&nodes, true);
    let passed = Cell::new(false);
    let record = {
        let (source, target) = nodes.split_at_mut(1);
        let work = async {
            let id = source[0].submit(vec![7; 200]).await;
            tokio::time::timeout(PATIENCE, target[0].accepts(id)).await.unwrap();
            passed.set(true);
        };
        listen(&setup, |_| passed.get(), work).await
    };
    assert!(record.was_a_hop());
    assert_eq!(record.about.probes[0].passed_on, 1);
    assert!(record.sightings.iter().any(|seen| seen.event == Event::Asked));
}

#[tokio::test]
async fn in_rounds_it_leaves_and_comes_back_elsewhere() {
    let nodes = row().await;
    let mut setup = setup(&nodes, false);
    (setup.places, setup.shared, setup.round) = (1, 0, Some(Duration::from_millis(100)));
    let rounds = Cell::new(0);
    let was_up = Cell::new(false);
    let enough = |progress: Progress| {
        if was_up.replace(progress.links == 1) && progress.links == 0 {
            rounds.set(rounds.get() + 1);
        }
        rounds.get() >= 3
    };
    let record = listen(&setup, enough, std::future::ready(())).await;
    let ready: Vec<_> = record.links.iter().filter(|link| link.ready_ns.is_some()).collect();
    let mut peers: Vec<&str> = ready.iter().map(|link| &*link.peer).take(3).collect();
    peers.sort_unstable();
    peers.dedup();
    assert_eq!(peers.len(), 3, "nobody twice before all were once: {ready:?}");
    assert!(ready[0].why == "the round ended" && ready[1].round > ready[0].round, "{ready:?}");
}

fn tools(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_tidings-tools")).args(arguments).output().unwrap()
}

fn fails(code: i32, arguments: &[&str]) -> String {
    let output = tools(arguments);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
    said
}

#[test]
fn wrong_arguments_are_told_with_what_to_say() {
    for (arguments, expected) in [
        (&["probe"][..], "--out"),
        (&["probe", "--run", "x"], "--out"),
        (&["probe", "--run", "x", "--network", "y", "--out", "z"], "cannot be used with"),
        (&["probe", "--run", "x", "--out", "z", "--links", "0"], "1 to 1000"),
        (&["probe", "--run", "x", "--out", "z", "--links", "2", "--shared", "3"], "only 2 links"),
        (&["probe", "--run", "x", "--out", "z", "--round", "1"], "longer than --window"),
        (&["probe", "--run", "x", "--out", "z", "--round", "0"], "more than 0"),
        (&["probe", "merge", "a", "-o", "b"], "PROBE"),
        (&["load", "--run", "x", "--rate", "0", "--count", "1"], "more than 0"),
        (&["load", "--run", "x", "--rate", "5"], "--count N or --seconds S"),
        (
            &["load", "--run", "x", "--rate", "5", "--count", "1", "--size", "huge"],
            "uniform:200-2000",
        ),
    ] {
        let said = fails(64, arguments);
        assert!(said.contains(expected), "{arguments:?}: {said}");
    }
}

#[test]
fn what_is_not_there_is_missing_and_what_nobody_answers_is_unavailable() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let (gone, out, file) = (path("gone"), path("out"), path("network.toml"));
    assert!(fails(66, &["probe", "report", &gone]).contains("gone"));
    assert!(fails(66, &["probe", "compare", &gone, &gone]).contains("gone"));
    assert!(
        fails(66, &["load", "--network", &gone, "--node", "x", "--rate", "5", "--count", "1"])
            .contains("gone")
    );
    assert!(
        fails(69, &["probe", "--run", &gone, "--out", &out, "--wait", "0.01"])
            .contains("no network")
    );
    std::fs::write(&file, "nmae = 'x'").unwrap();
    assert!(
        fails(78, &["probe", "--network", &file, "--out", &out]).contains("did you mean `name`")
    );
    std::fs::write(&file, network().to_toml()).unwrap();
    assert!(fails(64, &["probe", "--network", &file, "--out", &out]).contains("--peer ADDR"));
    let nobody = "127.0.0.1:1";
    let said = fails(
        69,
        &["probe", "--network", &file, "--peer", nobody, "--out", &out, "--seconds", "0.3"],
    );
    assert!(said.contains("no node could be joined") && said.contains("refused"), "{said}");
    assert!(said.contains("relays nothing"), "it says before what it does: {said}");
    let said = fails(64, &["probe", "--network", &file, "--peer", nobody, "--out", &out]);
    assert!(said.contains("choose another --out"), "{said}");
    let load = ["load", "--network", &file, "--node", &gone, "--rate", "500", "--count", "5"];
    let said = fails(69, &load);
    assert!(
        said.contains("no node answered") && said.contains("unanswered 5: nobody listens"),
        "{said}"
    );
}

#[test]
fn a_record_is_reported_anew_after_it_was_stopped_by_a_signal() {
    let dir = tempfile::tempdir().unwrap();
    let (file, out) = (dir.path().join("network.toml"), dir.path().join("out"));
    std::fs::write(&file, network().to_toml()).unwrap();
    let mut probe = Command::new(env!("CARGO_BIN_EXE_tidings-tools"))
        .args(["probe", "--peer", "127.0.0.1:1", "--quiet", "--network"])
        .arg(&file)
        .arg("--out")
        .arg(&out)
        .spawn()
        .unwrap();
    // The folder is made once signals are listened for.
    let begin = Instant::now();
    while !out.exists() {
        assert!(begin.elapsed() < PATIENCE, "it doesn't begin");
        std::thread::yield_now();
    }
    Command::new("kill").arg(probe.id().to_string()).status().unwrap();
    assert_eq!(probe.wait().unwrap().code(), Some(69), "it had nobody to listen to");
    let output = tools(&["probe", "report", out.to_str().unwrap(), "--json"]);
    assert!(output.status.success(), "{output:?}");
    let told: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(told["estimate"]["items"], 0);
    assert_eq!(told["about"]["probes"][0]["relays"], false);
}

#[test]
fn help_has_examples_and_exit_codes() {
    for verb in ["probe", "load"] {
        let output = tools(&[verb, "--help"]);
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{said}");
        assert!(said.contains("Examples:") && said.contains("Exit codes:"), "{said}");
    }
}
