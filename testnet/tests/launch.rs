//! Whole launches of small networks, with real processes.

#![expect(clippy::unwrap_used, reason = "a test that can't go on has failed")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;
use tidings_protocol::ground::item::Hash256;
use tidings_protocol::params::StrategyKind;

/// How long anything here may take before it counts as hanging. Debug builds on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// A launch to be, with a run folder that vanishes after the test.
struct Launch {
    temp: TempDir,
    command: Command,
}

impl Launch {
    fn new(args: &str) -> Self {
        Self::idle_for(0, args)
    }

    /// One whose network is watched for so many seconds before the first submission.
    fn idle_for(seconds: u32, args: &str) -> Self {
        let temp = tempfile::tempdir().unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_tidings-testnet"));
        command.args(["launch", "--links", "none", "--idle", &seconds.to_string()]);
        command.args(["--json", "--quiet", "--out"]);
        command.arg(temp.path().join("run")).args(args.split_whitespace());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Self { temp, command }
    }

    fn folder(&self) -> PathBuf {
        self.temp.path().join("run")
    }

    fn run(&mut self) -> Finished {
        let output = self.command.output().unwrap();
        Finished::of(output)
    }

    /// Starts it and waits until all nodes run; returns them with the launcher.
    fn start(&mut self, nodes: usize) -> (Child, Vec<i32>) {
        let mut launcher = self.command.spawn().unwrap();
        let pids = wait_for("the nodes", || {
            assert_eq!(launcher.try_wait().unwrap(), None, "the launcher ended");
            let pids = node_pids(&self.folder());
            (pids.len() == nodes).then_some(pids)
        });
        (launcher, pids)
    }
}

/// How a launch ended.
struct Finished {
    code: Option<i32>,
    summary: Value,
    stderr: String,
}

impl Finished {
    fn of(output: Output) -> Self {
        let stderr = String::from_utf8(output.stderr).unwrap();
        let summary = serde_json::from_slice(&output.stdout).unwrap_or(Value::Null);
        Self { code: output.status.code(), summary, stderr }
    }

    fn assert_code(&self, code: i32) {
        assert_eq!(self.code, Some(code), "{}\n{:#}", self.stderr, self.summary);
    }
}

fn wait_for<T>(what: &str, mut check: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = check() {
            return found;
        }
        assert!(began.elapsed() < PATIENCE, "waited too long for {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Process ids of the nodes of a run, from the locks of their data folders.
fn node_pids(run: &Path) -> Vec<i32> {
    let nodes = fs::read_dir(run.join("nodes")).into_iter().flatten().flatten();
    let pid =
        |node: fs::DirEntry| fs::read_to_string(node.path().join("lock")).ok()?.trim().parse().ok();
    nodes.filter_map(pid).collect()
}

/// Whether a process runs. One that nobody collected yet doesn't.
fn runs(pid: i32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let state = stat.rsplit_once(") ").and_then(|(_, fields)| fields.chars().next());
    state.is_some_and(|state| state != 'Z')
}

fn send(pid: i32, signal: Signal) {
    kill_process(Pid::from_raw(pid).unwrap(), signal).unwrap();
}

#[test]
fn a_small_network_delivers_everything() {
    let mut launch = Launch::new("--nodes 6 --txs 20 --rate 40");
    let finished = launch.run();
    finished.assert_code(0);
    let summary = &finished.summary;
    assert_eq!(summary["valid"], true);
    assert_eq!((&summary["coverage"], &summary["deliveries"]), (&1.0.into(), &120.into()));
    assert_eq!(summary["strategy"], "adaptive");
    assert!(summary.get("members").is_none(), "its nodes are no members");
    for key in [
        "t50_ms",
        "t100_ms",
        "redundancy",
        "bytes_per_payload_byte",
        "messages_per_delivery",
        "socket_bytes_per_payload_byte",
        "socket_writes_per_delivery",
        "cpu_us_per_delivery",
        "cpu_us_per_delivery_nodes",
        "rss_mib_per_node",
        "connect_s",
    ] {
        assert!(summary[key].is_number(), "{key}: {summary:#}");
    }
    for file in ["manifest.toml", "deliveries.csv", "summary.csv", "report.html", "curve.svg"] {
        assert!(launch.folder().join(file).is_file(), "{file}");
    }
    let node = launch.folder().join("nodes/n0000");
    assert!(node.join("config.toml").is_file());
    assert!(!node.join("trace.csv").exists(), "bulky parts are gone after a good run");
}

#[test]
fn every_strategy_delivers_everything_on_real_nodes() {
    for strategy in StrategyKind::ALL {
        let args = format!("--nodes 4 --txs 5 --rate 40 --strategy {strategy}");
        let finished = Launch::new(&args).run();
        finished.assert_code(0);
        assert_eq!(finished.summary["strategy"], strategy.name());
        assert_eq!(finished.summary["coverage"], 1.0, "{strategy}");
    }
}

#[test]
fn in_slow_motion_the_figures_are_in_the_networks_own_time() {
    let began = Instant::now();
    let mut launch = Launch::new("--nodes 3 --txs 5 --rate 100 --strategy flood --slow-motion 10");
    let finished = launch.run();
    finished.assert_code(0);
    let summary = &finished.summary;
    assert_eq!((&summary["coverage"], &summary["slow_motion"]), (&1.0.into(), &10.into()));
    let elapsed_s = summary["elapsed_s"].as_f64().unwrap();
    assert!(elapsed_s >= 0.04, "five at 100 a second take 0.04 s, not {elapsed_s}");
    assert!(elapsed_s * 10.0 < began.elapsed().as_secs_f64(), "{elapsed_s}");
    let items = fs::read_to_string(launch.folder().join("items.csv")).unwrap();
    let last: f64 = items.trim_end().rsplit(',').next().unwrap().parse().unwrap();
    let late_us = 1e3 * summary["submissions_late_ms_max"].as_f64().unwrap();
    let due = 40e3..=40e3 + late_us + 1e3;
    assert!(due.contains(&last), "submitted after {last} us, at most {late_us} us late");
    assert!(summary["t100_ms"].as_f64().unwrap() < 200.0, "{summary:#}");
}

#[test]
fn the_survivors_of_a_kill_get_everything() {
    let mut launch = Launch::new("--nodes 8 --txs 40 --rate 20 --kill 25% --keep-logs");
    let finished = launch.run();
    finished.assert_code(0);
    assert_eq!(finished.summary["killed_nodes"], 2);
    assert_eq!(finished.summary["killed_live_nodes"], 2);
    assert_eq!(finished.summary["coverage"], 1.0);
    let heal_s = finished.summary["heal_s"].as_f64();
    assert!(heal_s.is_some_and(|heal_s| heal_s < 60.0), "{heal_s:?}");
    assert!(launch.folder().join("nodes/n0000/node.log").is_file(), "kept as asked");
}

#[test]
fn members_know_each_other_and_take_the_killed_for_dead_in_processes_and_in_hosts() {
    for hosts in ["", "--hosts 2"] {
        let args = format!("--nodes 5 --members {hosts} --txs 20 --rate 20 --kill 20%");
        let mut launch = Launch::new(&args);
        let finished = launch.run();
        finished.assert_code(0);
        let members = &finished.summary["members"];
        assert_eq!(members["preset"], "fleet");
        for key in ["converged_s", "datagrams_per_s", "relay_bytes_per_s", "share_of_relay"] {
            assert!(members[key].as_f64().unwrap() > 0.0, "{key}: {members:#}");
        }
        for key in ["stream_bytes_per_s", "false_suspicions", "false_deaths"] {
            assert!(members[key].is_number(), "{key}: {members:#}");
        }
        let kills = members["kills"].as_array().unwrap();
        assert_eq!(kills.len(), 1, "{members:#}");
        let (first, last) = (kills[0]["first_s"].as_f64(), kills[0]["last_s"].as_f64());
        assert_eq!((&kills[0]["by"], &kills[0]["survivors"]), (&4.into(), &4.into()));
        assert!(first.unwrap() <= last.unwrap(), "{members:#}");
        let manifest = fs::read_to_string(launch.folder().join("manifest.toml")).unwrap();
        assert!(manifest.contains("members = \"fleet\"\n"), "{manifest}");
        let report = fs::read_to_string(launch.folder().join("report.html")).unwrap();
        assert!(report.contains("members.share_of_relay"));
    }
}

#[test]
fn the_manifest_of_a_run_folder_serves_both_commands_again() {
    let mut first =
        Launch::new("--nodes 4 --txs 5 --rate 40 --overlay outbound --outbound 1 --rules opaque");
    first.run().assert_code(0);
    let manifest = first.folder().join("manifest.toml");
    let mut again = Launch::new("--manifest");
    again.command.arg(&manifest).args(["--txs", "3"]);
    let finished = again.run();
    finished.assert_code(0);
    assert_eq!(finished.summary["deliveries"], 12);
    let mut sim = Command::new(env!("CARGO_BIN_EXE_tidings-testnet"));
    let simulated = sim.args(["sim", "--json", "--manifest"]).arg(manifest).output().unwrap();
    let simulated = Finished::of(simulated);
    simulated.assert_code(0);
    assert_eq!(simulated.summary["deliveries"], 20);
}

#[test]
fn a_fixed_topology_has_its_links_and_no_others() {
    let mut launch = Launch::new("--nodes 5 --txs 5 --rate 20 --topology ring --strategy flood");
    launch.run().assert_code(0);
    let nodes = fs::read_to_string(launch.folder().join("nodes.csv")).unwrap();
    for row in nodes.lines().skip(1) {
        let fields: Vec<&str> = row.split(',').collect();
        let links: u32 = fields[5].parse::<u32>().unwrap() + fields[6].parse::<u32>().unwrap();
        assert_eq!(links, 2, "{row}");
    }
}

#[test]
fn a_bitcoin_block_arrives_byte_for_byte() {
    // Two transactions with one input and one output each, and the block that commits to them.
    let tx = |tag: u8| {
        [&[1, 0, 0, 0, 1][..], &[tag; 36], &[0], &[0; 4], &[1], &[0; 8], &[0; 5]].concat()
    };
    let txs = [tx(1), tx(2)];
    let root = Hash256::of(&[Hash256::of(&txs[0]).0, Hash256::of(&txs[1]).0].concat());
    let block = [&[0; 36][..], &root.0, &[0; 12], &[2], &txs.concat()].concat();
    let mut launch = Launch::new("--nodes 4 --rate 20");
    let file = launch.temp.path().join("block.raw");
    fs::write(&file, block).unwrap();
    launch.command.arg("--workload").arg("bitcoin-block").arg(file);
    let finished = launch.run();
    finished.assert_code(0);
    let summary = &finished.summary;
    assert_eq!((&summary["txs"], &summary["blocks"]), (&2.into(), &1.into()));
    assert_eq!((&summary["compared_copies"], &summary["wrong_copies"]), (&9.into(), &0.into()));
}

/// Transactions of which each spends the one before, with a witness.
#[cfg(feature = "bitcoin")]
fn bitcoin_block() -> bitcoin::Block {
    use bitcoin::hashes::Hash as _;
    use bitcoin::{Amount, OutPoint, ScriptBuf, Sequence, Transaction, TxIn, TxOut, Witness};
    let after = |previous_output, script: &[u8], witness: &[u8]| Transaction {
        version: bitcoin::transaction::Version::TWO,
        lock_time: bitcoin::absolute::LockTime::ZERO,
        input: vec![TxIn {
            previous_output,
            script_sig: ScriptBuf::from_bytes(script.to_vec()),
            sequence: Sequence::MAX,
            witness: Witness::from_slice(&[witness]),
        }],
        output: vec![TxOut {
            value: Amount::from_sat(1_000),
            script_pubkey: ScriptBuf::from_bytes(vec![0x51; 38]),
        }],
    };
    let reserved = [7; 32];
    let mut txdata = vec![after(OutPoint::null(), &[1, 2], &reserved)];
    let mut spent = OutPoint { txid: bitcoin::Txid::from_byte_array([9; 32]), vout: 0 };
    for _ in 0..5 {
        let next = after(spent, &[], b"signature");
        spent = OutPoint { txid: next.compute_txid(), vout: 0 };
        txdata.push(next);
    }
    let header = bitcoin::block::Header {
        version: bitcoin::block::Version::TWO,
        prev_blockhash: bitcoin::BlockHash::all_zeros(),
        merkle_root: bitcoin::TxMerkleNode::all_zeros(),
        time: 1_700_000_000,
        bits: bitcoin::CompactTarget::from_consensus(0x207f_ffff),
        nonce: 0,
    };
    let mut block = bitcoin::Block { header, txdata };
    let root = block.witness_root().unwrap();
    let commitment = bitcoin::Block::compute_witness_commitment(&root, &reserved);
    let script = [&[0x6a, 0x24, 0xaa, 0x21, 0xa9, 0xed][..], commitment.as_byte_array()].concat();
    block.txdata[0].output[0].script_pubkey = ScriptBuf::from_bytes(script);
    block.header.merkle_root = block.compute_merkle_root().unwrap();
    while !block.header.target().is_met_by(block.block_hash()) {
        block.header.nonce += 1;
    }
    block
}

/// The ids of a run's items of a kind, in the order of their submission.
#[cfg(feature = "bitcoin")]
fn ids(run: &Path, kind: &str) -> Vec<Hash256> {
    let items = fs::read_to_string(run.join("items.csv")).unwrap();
    let rows = items.lines().map(|line| line.split(',').collect::<Vec<_>>());
    let rows = rows.filter(|row| row.get(2) == Some(&kind));
    rows.map(|row| row[1].parse().unwrap()).collect()
}

#[cfg(feature = "bitcoin")]
#[test]
fn a_bitcoin_block_arrives_by_the_ids_that_it_commits_to() {
    use bitcoin::hashes::Hash as _;
    let block = bitcoin_block();
    let mut launch = Launch::new("--nodes 4 --rate 20 --rules bitcoin");
    let file = launch.temp.path().join("block.raw");
    fs::write(&file, bitcoin::consensus::serialize(&block)).unwrap();
    launch.command.arg("--workload").arg("bitcoin-block").arg(file);
    let finished = launch.run();
    finished.assert_code(0);
    let summary = &finished.summary;
    assert_eq!((&summary["txs"], &summary["blocks"]), (&5.into(), &1.into()));
    assert_eq!(summary["wrong_copies"], 0);
    assert_eq!(ids(&launch.folder(), "block"), [Hash256(block.block_hash().to_byte_array())]);
    // The coinbase commits to all wtxids but its own, for which zeros stand.
    let mut level = vec![Hash256([0; 32])];
    level.extend(ids(&launch.folder(), "tx"));
    while level.len() > 1 {
        let pairs = level.chunks(2).map(|pair| [pair[0].0, pair[pair.len() - 1].0].concat());
        level = pairs.map(|pair| Hash256::of(&pair)).collect();
    }
    assert_eq!(level, [Hash256(block.witness_root().unwrap().to_byte_array())]);
}

#[test]
fn an_interrupt_leaves_no_process_behind() {
    let mut launch = Launch::idle_for(60, "--nodes 6 --txs 1000 --rate 1");
    let (launcher, nodes) = launch.start(6);
    send(i32::try_from(launcher.id()).unwrap(), Signal::INT);
    let finished = Finished::of(launcher.wait_with_output().unwrap());
    finished.assert_code(130);
    assert!(finished.stderr.contains("all nodes with it"), "{}", finished.stderr);
    assert!(!nodes.into_iter().any(runs));
}

#[test]
fn an_interrupt_while_a_run_is_measured_keeps_what_was_measured() {
    let mut launch = Launch::new("--nodes 6 --txs 1000 --rate 20 --warmup 0");
    let (launcher, nodes) = launch.start(6);
    wait_for("some deliveries", || {
        let trace = launch.folder().join("nodes/n0000/trace.csv");
        (fs::metadata(trace).ok()?.len() > 2_000).then_some(())
    });
    send(i32::try_from(launcher.id()).unwrap(), Signal::INT);
    let finished = Finished::of(launcher.wait_with_output().unwrap());
    finished.assert_code(130);
    let summary = &finished.summary;
    assert_eq!((&summary["cut_short"], &summary["valid"]), (&"interrupted".into(), &true.into()));
    assert!((10..1_000).contains(&summary["txs"].as_u64().unwrap()), "{summary:#}");
    assert!(summary["coverage"].as_f64().unwrap() > 0.5, "{summary:#}");
    assert!(launch.folder().join("report.html").exists());
    assert!(!nodes.into_iter().any(runs));
}

#[test]
fn nodes_do_not_outlive_a_launcher_that_is_killed() {
    let mut launch = Launch::new("--nodes 4 --txs 1000 --rate 1");
    let (mut launcher, nodes) = launch.start(4);
    launcher.kill().unwrap();
    launcher.wait().unwrap();
    wait_for("the nodes to end", || (!nodes.iter().any(|pid| runs(*pid))).then_some(()));
}

#[test]
fn a_node_that_dies_makes_the_run_invalid() {
    let mut launch = Launch::new("--nodes 6 --txs 100 --rate 20");
    let (launcher, nodes) = launch.start(6);
    wait_for("the first delivery", || {
        let trace = launch.folder().join("nodes/n0000/trace.csv");
        (fs::metadata(trace).ok()?.len() > 0).then_some(())
    });
    send(nodes[0], Signal::KILL);
    let finished = Finished::of(launcher.wait_with_output().unwrap());
    finished.assert_code(3);
    let reasons = finished.summary["invalid_reasons"].to_string();
    assert!(reasons.contains("was killed by signal 9, not by this run"), "{reasons}");
}

#[test]
fn nodes_that_do_not_start_are_named_with_their_last_words() {
    let mut launch = Launch::new("--nodes 3 --node-binary /bin/false");
    let finished = launch.run();
    finished.assert_code(3);
    assert_eq!(finished.summary["valid"], false);
    assert!(finished.stderr.contains("0/3 nodes started; n0000: ended with exit code 1"));
}

#[test]
fn nodes_in_hosts_deliver_everything_and_each_process_has_its_share_of_the_figures() {
    let mut launch = Launch::new("--nodes 7 --hosts 2 --txs 20 --rate 40");
    let finished = launch.run();
    finished.assert_code(0);
    let summary = &finished.summary;
    assert_eq!((&summary["hosts"], &summary["deliveries"]), (&2.into(), &140.into()));
    let mib = |key: &str| summary[key].as_f64().unwrap();
    let (rss, pss) = (mib("rss_mib_per_node"), mib("pss_mib_per_node"));
    assert!(mib("private_mib_per_node") <= pss && pss <= rss, "{summary:#}");
    let nodes = fs::read_to_string(launch.folder().join("nodes.csv")).unwrap();
    let column = |name: &str| -> Vec<String> {
        let mut rows =
            nodes.lines().map(|row| row.split(',').map(str::to_owned).collect::<Vec<_>>());
        let index = rows.next().unwrap().iter().position(|field| field == name).unwrap();
        rows.map(|mut row| row.swap_remove(index)).collect()
    };
    let (pids, cpu) = (column("pid"), column("cpu_s"));
    assert_eq!((pids.len(), cpu.len()), (7, 7));
    for node in 2..7 {
        assert_eq!((&pids[node], &cpu[node]), (&pids[node % 2], &cpu[node % 2]), "{nodes}");
    }
    assert_ne!(pids[0], pids[1]);
}

#[test]
fn a_node_of_a_host_is_killed_alone() {
    let mut launch = Launch::new("--nodes 8 --hosts 2 --txs 40 --rate 20 --kill 25% --keep-logs");
    let finished = launch.run();
    finished.assert_code(0);
    assert_eq!(finished.summary["killed_nodes"], 2);
    assert_eq!(finished.summary["killed_live_nodes"], 2);
    assert_eq!(finished.summary["coverage"], 1.0, "the others of its host live on");
}

#[test]
fn a_host_that_dies_is_the_death_of_its_nodes_and_makes_the_run_invalid() {
    let mut launch = Launch::new("--nodes 6 --hosts 2 --txs 100 --rate 20");
    let (launcher, hosts) = launch.start(2);
    wait_for("the first delivery", || {
        let trace = launch.folder().join("nodes/n0000/trace.csv");
        (fs::metadata(trace).ok()?.len() > 0).then_some(())
    });
    send(hosts[0], Signal::KILL);
    let finished = Finished::of(launcher.wait_with_output().unwrap());
    finished.assert_code(3);
    let reasons = finished.summary["invalid_reasons"].to_string();
    assert!(reasons.contains("was killed by signal 9, not by this run"), "{reasons}");
    assert_eq!(finished.summary["killed_nodes"], 3, "{reasons}");
}

#[test]
fn hosts_do_not_outlive_a_launcher_that_is_killed() {
    let mut launch = Launch::new("--nodes 4 --hosts 1 --txs 1000 --rate 1");
    let (mut launcher, hosts) = launch.start(1);
    launcher.kill().unwrap();
    launcher.wait().unwrap();
    wait_for("the host to end", || (!hosts.iter().any(|pid| runs(*pid))).then_some(()));
}

#[test]
fn hosts_without_enough_descriptors_are_refused_with_how_many_would_do() {
    let mut launch = Launch::new("--nodes 40 --hosts 1 --outbound 8");
    let program = launch.command.get_program().to_owned();
    let args: Vec<_> = launch.command.get_args().map(ToOwned::to_owned).collect();
    launch.command = Command::new("sh");
    launch.command.args(["-c", "ulimit -n 600 && exec \"$0\" \"$@\""]).arg(program).args(args);
    let finished = Finished::of(launch.command.output().unwrap());
    finished.assert_code(64);
    assert!(finished.stderr.contains("start 2 hosts (--hosts 2)"), "{}", finished.stderr);
    assert!(!launch.folder().exists());
}

#[test]
fn wrong_arguments_are_refused_before_anything_starts() {
    for (args, sentence) in [
        ("--noodles 3", "unexpected argument '--noodles'"),
        ("--nodes 1", "network.nodes is 1, but must be 2 to"),
        ("--nodes 4 --hosts 5", "--hosts is 5, but must be 1 to 4"),
        ("--members nonsense", "invalid value 'nonsense' for '--members"),
        ("--members --contender gossipsub", "members: a contender is no member of a fleet"),
        ("--topology random-regular --nodes 16", "at least 17 nodes, not 16"),
        (
            "--workload bitcoin-block /dev/null",
            "/dev/null is no raw Bitcoin block: it is cut off: at byte 0",
        ),
        ("--workload bitcoin-block /no/such/file", "cannot read the block /no/such/file"),
    ] {
        let mut launch = Launch::new(args);
        let finished = launch.run();
        finished.assert_code(64);
        assert!(finished.stderr.contains(sentence), "{args}: {}", finished.stderr);
        assert!(!launch.folder().exists(), "{args}");
    }
}

#[test]
fn a_run_folder_is_never_overwritten() {
    let mut launch = Launch::new("--nodes 2");
    fs::create_dir(launch.folder()).unwrap();
    let finished = launch.run();
    finished.assert_code(64);
    assert!(finished.stderr.contains("runs are never overwritten"), "{}", finished.stderr);
    assert_eq!(fs::read_dir(launch.folder()).unwrap().count(), 0);
}
