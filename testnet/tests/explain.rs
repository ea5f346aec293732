//! A launch of 50 nodes of which one announces and never delivers: the others can tell.

#![expect(clippy::unwrap_used, reason = "a test that can't go on has failed")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

/// How long anything here may take before it counts as hanging. Debug builds on a busy machine.
const PATIENCE: Duration = Duration::from_secs(180);

fn wait_for<T>(what: &str, mut check: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = check() {
            return found;
        }
        assert!(began.elapsed() < PATIENCE, "waited too long for {what}");
        std::thread::sleep(Duration::from_millis(200));
    }
}

/// What `tidings` says about the node with a data folder; `None` if that is a refusal.
fn ask(folder: &Path, words: &[&str]) -> Option<String> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tidings-testnet"));
    let output = command.arg("node").args(words).arg("--data-dir").arg(folder).output().unwrap();
    output.status.success().then(|| String::from_utf8(output.stdout).unwrap())
}

fn ask_json(folder: &Path, words: &[&str]) -> Option<Value> {
    let text = ask(folder, &[words, &["--json"]].concat())?;
    Some(serde_json::from_str(&text).unwrap())
}

fn steps(story: &Value) -> Vec<Value> {
    story["steps"].as_array().unwrap().clone()
}

#[test]
fn a_node_tells_which_peer_kept_an_item_from_it() {
    let temp = tempfile::tempdir().unwrap();
    let run = temp.path().join("run");
    let mut command = Command::new(env!("CARGO_BIN_EXE_tidings-testnet"));
    let args = "launch --nodes 50 --strategy inventory --links none --idle 0 --txs 2000 --rate 4 --withhold 1 --quiet \
                --param requests.tx_timeout_ms=1500 --out";
    command.args(args.split_whitespace()).arg(&run).stdin(Stdio::null());
    let mut launcher = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();

    let nodes: Vec<PathBuf> = (0..50).map(|n| run.join(format!("nodes/n{n:04}"))).collect();
    let peer_id = wait_for("the staller", || {
        let withholds = |folder: &&PathBuf| {
            let config = fs::read_to_string(folder.join("config.toml")).unwrap_or_default();
            config.contains("withhold = true")
        };
        let staller = nodes.iter().find(withholds)?;
        Some(ask_json(staller, &["status"])?["peer_id"].as_str().unwrap().to_owned())
    });
    // Its neighbours have asked it for something by the time, and waited in vain; one of them got it since.
    let (folder, story) = wait_for("a story", || {
        assert_eq!(launcher.try_wait().unwrap(), None, "the launcher ended");
        nodes.iter().find_map(|folder| {
            let dealings = ask_json(folder, &["explain", "peer", &peer_id])?;
            let link = dealings["links"].as_array()?.last()?.clone();
            assert_eq!(link["totals"]["arrived"], 0, "it never delivers: {link:#}");
            let expired = steps(&link).into_iter().find(|step| step["step"] == "expired")?;
            let story = ask_json(folder, &["explain", "tx", expired["item"].as_str()?])?;
            let is_here = steps(&story).iter().any(|step| step["step"] == "accepted");
            is_here.then(|| (folder.clone(), story))
        })
    });

    let steps = steps(&story);
    let links = story["links"].as_array().unwrap();
    let staller = links.iter().find(|link| link["peer_id"] == *peer_id).unwrap()["link"].clone();
    let place = |link: Option<&Value>, name: &str| {
        let fits =
            |step: &Value| step["step"] == name && link.is_none_or(|link| step["link"] == *link);
        steps.iter().position(fits).unwrap_or_else(|| panic!("no {name} in {story:#}"))
    };
    let (asked, expired) = (place(Some(&staller), "asked"), place(Some(&staller), "expired"));
    let (arrived, accepted) = (place(None, "arrived"), place(None, "accepted"));
    let us = |index: usize| steps[index]["unix_us"].as_u64().unwrap();
    // An inbound peer has less time, once an outbound one has announced the item too.
    let is_inbound =
        links.iter().any(|link| link["link"] == staller && link["direction"] == "inbound");
    let had_us = us(expired) - us(asked);
    assert!(had_us >= if is_inbound { 100_000 } else { 1_500_000 }, "it had its time: {story:#}");
    let saviour = &steps[arrived]["link"];
    assert_ne!(*saviour, staller);
    assert!(place(Some(saviour), "asked") > asked && arrived < accepted, "{story:#}");

    let id = story["id"].as_str().unwrap();
    let trace = wait_for("the trace", || {
        let trace = fs::read_to_string(folder.join("trace.csv")).unwrap();
        trace.lines().find(|line| line.contains(id)).map(str::to_owned)
    });
    let traced: u64 = trace.split(',').next().unwrap().parse().unwrap();
    assert!(traced.abs_diff(us(accepted)) <= 1, "{trace}, {story:#}");

    let told = ask(&folder, &["explain", "tx", &id[..16]]).unwrap();
    let name = &peer_id[..14];
    let sentences = [
        format!("{name} had {}", if is_inbound { "" } else { "1,5" }),
        " ms and did not deliver: ".to_owned(),
        format!("asked {name} for it"),
        "accepted".to_owned(),
    ];
    for sentence in sentences {
        assert!(told.contains(&sentence), "{sentence}: {told}");
    }
    let refusal = Command::new(env!("CARGO_BIN_EXE_tidings-testnet"))
        .args(["node", "explain", "tx", "xyz", "--data-dir"])
        .arg(&folder)
        .output()
        .unwrap();
    assert_eq!(refusal.status.code(), Some(1));
    let problem = String::from_utf8(refusal.stderr).unwrap();
    assert!(problem.contains("`xyz` is no id of an item"), "{problem}");

    let pid = Pid::from_raw(i32::try_from(launcher.id()).unwrap()).unwrap();
    kill_process(pid, Signal::INT).unwrap();
    launcher.wait().unwrap();
}
