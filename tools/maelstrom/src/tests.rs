//! Whole networks of drivers in memory: lines go in and out, the network loses them, and time is a number.

mod replicas;

use std::collections::BTreeMap;
use std::time::Duration;

use clap::Parser as _;
use serde_json::{Value, json};
use tidings_protocol::ground::time::Time;
use tidings_protocol::params::StrategyKind;

use super::driver::Driver;
use super::options::Options;

#[derive(clap::Parser)]
struct Arguments {
    #[command(flatten)]
    options: Options,
}

fn driver(arguments: &str) -> Driver {
    let words = std::iter::once("x").chain(arguments.split_whitespace());
    Driver::new(Arguments::try_parse_from(words).unwrap().options.settle().unwrap())
}

/// A network with a latency of 100 ms, in which links can be cut.
struct Net {
    drivers: Vec<Driver>,
    now: Time,
    /// Lines under way: when they arrive (and a number that keeps their order), at whom, and what.
    under_way: BTreeMap<(Time, u64), (usize, String)>,
    sequence: u64,
    /// Nodes below can't hear the others, nor be heard.
    split: Option<usize>,
    /// A node that takes no line and does nothing.
    paused: Option<usize>,
    answers: Vec<Value>,
    /// Messages between nodes, by type.
    sent: BTreeMap<String, usize>,
    log: Vec<String>,
}

impl Net {
    fn new(nodes: usize, arguments: &str) -> Self {
        let mut net = Self {
            drivers: (0..nodes).map(|_| driver(arguments)).collect(),
            now: Time::ZERO,
            under_way: BTreeMap::new(),
            sequence: 0,
            split: None,
            paused: None,
            answers: Vec::new(),
            sent: BTreeMap::new(),
            log: Vec::new(),
        };
        let names: Vec<_> = (0..nodes).map(|node| format!("n{node}")).collect();
        for (node, name) in names.iter().enumerate() {
            net.ask(node, json!({"type": "init", "node_id": name, "node_ids": names}));
        }
        net
    }

    /// The same, with a line as the topology.
    fn in_line(nodes: usize, arguments: &str) -> Self {
        let mut net = Self::new(nodes, arguments);
        let next = |node: usize| (node + 1 < nodes).then(|| format!("n{}", node + 1));
        let line: BTreeMap<_, Vec<_>> =
            (0..nodes).map(|node| (format!("n{node}"), next(node).into_iter().collect())).collect();
        for node in 0..nodes {
            assert_eq!(
                net.ask(node, json!({"type": "topology", "topology": line})),
                json!({"type": "topology_ok"})
            );
        }
        net
    }

    /// A client's request, and its answer.
    fn ask(&mut self, node: usize, mut body: Value) -> Value {
        body["msg_id"] = json!(1);
        let line = json!({"src": "c1", "dest": format!("n{node}"), "body": body}).to_string();
        let before = self.answers.len();
        self.drivers[node].on_line(&line, self.now);
        self.finish_turn(node);
        assert_eq!(self.answers.len(), before + 1, "one answer to {line}");
        let mut answer = self.answers.remove(before);
        assert_eq!(answer.as_object_mut().unwrap().remove("in_reply_to"), Some(json!(1)));
        answer
    }

    fn broadcast(&mut self, node: usize, value: u64) {
        let answer = self.ask(node, json!({"type": "broadcast", "message": value}));
        assert_eq!(answer, json!({"type": "broadcast_ok"}));
    }

    fn read(&mut self, node: usize) -> Vec<u64> {
        let answer = self.ask(node, json!({"type": "read"}));
        let values = answer.get("messages").or_else(|| answer.get("value")).unwrap();
        let mut values: Vec<u64> = serde_json::from_value(values.clone()).unwrap();
        values.sort_unstable();
        values
    }

    fn finish_turn(&mut self, node: usize) {
        let output = self.drivers[node].finish_turn(self.now);
        self.log.extend(output.log);
        for line in output.lines {
            let message: Value = serde_json::from_str(&line).unwrap();
            let Some(to) = message["dest"].as_str().unwrap().strip_prefix('n') else {
                self.answers.push(message["body"].clone());
                continue;
            };
            let kind = message["body"]["type"].as_str().unwrap().to_owned();
            *self.sent.entry(kind).or_default() += 1;
            let to: usize = to.parse().unwrap();
            if self.split.is_none_or(|split| (node < split) == (to < split)) {
                self.sequence += 1;
                let at = self.now + Duration::from_millis(100);
                self.under_way.insert((at, self.sequence), (to, line));
            }
        }
    }

    fn run_for(&mut self, millis: u64) {
        let until = self.now + Duration::from_millis(millis);
        loop {
            let arrival = self.under_way.iter().find(|(_, (to, _))| Some(*to) != self.paused);
            let arrival = arrival.map_or(Time::NEVER, |((at, _), _)| *at);
            let awake = (0..self.drivers.len()).filter(|node| Some(*node) != self.paused);
            let (due, node) =
                awake.map(|node| (self.drivers[node].deadline(), node)).min().unwrap();
            if arrival.min(due) > until {
                break;
            }
            self.now = self.now.max(arrival.min(due));
            let node = if arrival <= due { self.take_arrivals(arrival) } else { node };
            self.finish_turn(node);
        }
        self.now = until;
    }

    /// Hands the node of the first line all lines that are there for it.
    fn take_arrivals(&mut self, at: Time) -> usize {
        let first = self
            .under_way
            .iter()
            .find(|((due, _), (to, _))| *due == at && Some(*to) != self.paused);
        let node = first.expect("a line arrives").1.0;
        let now = self.now;
        let due: Vec<_> =
            self.under_way.extract_if(..=(now, u64::MAX), |_, (to, _)| *to == node).collect();
        for (_, (_, line)) in due {
            self.drivers[node].on_line(&line, now);
        }
        node
    }

    fn messages(&self, kind: &str) -> usize {
        self.sent.get(kind).copied().unwrap_or(0)
    }

    /// Every node holds these values, each once.
    fn assert_all_hold(&mut self, values: &[u64]) {
        for node in 0..self.drivers.len() {
            let held = self.read(node);
            assert!(held == values, "n{node} has {} of {}", held.len(), values.len());
        }
        assert!(self.log.iter().all(|remark| remark.contains("one of")), "{:?}", self.log);
    }
}

#[test]
fn every_strategy_reaches_everybody_across_a_partition() {
    for strategy in StrategyKind::ALL {
        let arguments = format!("--strategy {strategy} --param relay.safety_pull_ms=3000");
        let mut net = Net::in_line(6, &arguments);
        net.broadcast(0, 0);
        net.split = Some(3);
        for value in 1..40 {
            net.broadcast(usize::try_from(value % 6).unwrap(), value);
            net.run_for(700);
        }
        assert!(!net.read(5).contains(&0), "{strategy} is cut off");
        net.split = None;
        net.run_for(120_000);
        println!("{strategy}: {:?}", net.sent);
        net.assert_all_hold(&(0..40).collect::<Vec<_>>());
    }
}

#[test]
fn nothing_is_lost_in_a_partition_that_outlasts_every_memory() {
    // More values than a digest or the list of recent items holds (4,096), over a day and a half.
    for strategy in ["flood", "inventory"] {
        let mut net = Net::in_line(3, &format!("--strategy {strategy} --retry-ms 300000"));
        net.broadcast(0, 0);
        net.run_for(50); // announced, and not yet asked for
        net.split = Some(1);
        for value in 1..4_500 {
            net.broadcast(0, value);
            net.run_for(30_000);
        }
        assert!(!net.read(1).contains(&1));
        net.split = None;
        net.run_for(900_000);
        net.assert_all_hold(&(0..4_500).collect::<Vec<_>>());
    }
}

#[test]
fn a_node_that_was_paused_catches_up() {
    let mut net = Net::new(6, "--overlay tree --children 5 --inner-param relay.batch_ms=200");
    for value in 0..100 {
        net.paused = (20..70).contains(&value).then_some(0);
        let node = 1 + usize::try_from(value % 5).unwrap();
        net.broadcast(node, value);
        net.run_for(100);
    }
    net.run_for(10_000);
    net.assert_all_hold(&(0..100).collect::<Vec<_>>());
}

#[test]
fn on_a_tree_a_value_costs_one_message_for_each_other_node() {
    let mut net = Net::new(25, "--overlay tree --children 4");
    for value in 0..50 {
        net.broadcast(usize::try_from(value % 25).unwrap(), value);
        net.run_for(73);
    }
    net.run_for(10_000);
    net.assert_all_hold(&(0..50).collect::<Vec<_>>());
    assert_eq!(net.messages("relay"), 50 * 24, "and {} acknowledgements", net.messages("ack"));
}

#[test]
fn a_plumtree_settles_to_one_message_for_each_other_node() {
    let mut net =
        Net::new(8, "--strategy plumtree --overlay all --param relay.plumtree.graft_ms=400");
    for value in 0..8 {
        net.broadcast(0, value);
        net.run_for(2_000);
    }
    let whole_before = net.messages("relay");
    net.broadcast(0, 8);
    net.run_for(2_000);
    net.assert_all_hold(&(0..9).collect::<Vec<_>>());
    // Announcements on the other links come on top: 7 payloads, and at most one on each lazy link and end.
    let messages = net.messages("relay") - whole_before;
    assert!((7..=7 + 2 * 21).contains(&messages), "{messages}");
}

#[test]
fn what_is_said_at_once_is_one_message() {
    let mut net = Net::new(2, "--overlay all --param relay.batch_ms=50");
    (0..10).for_each(|value| net.broadcast(0, value));
    net.run_for(500);
    assert_eq!(net.messages("relay"), 1);
    net.assert_all_hold(&(0..10).collect::<Vec<_>>());
}

#[test]
fn without_a_topology_sets_grow_along_a_tree() {
    let mut net = Net::new(9, "");
    for node in 0..9 {
        let answer = net.ask(node, json!({"type": "add", "element": format!("e{node}")}));
        assert_eq!(answer, json!({"type": "add_ok"}));
    }
    net.run_for(2_000);
    for node in 0..9 {
        let answer = net.ask(node, json!({"type": "read"}));
        assert_eq!(answer["value"].as_array().unwrap().len(), 9, "{answer}");
        assert!(answer.get("messages").is_none());
    }
}

#[test]
fn a_new_topology_replaces_the_links_and_loses_nothing() {
    let mut net = Net::in_line(4, "");
    net.broadcast(0, 1);
    let star = json!({"n0": [], "n1": ["n3"], "n2": ["n3"], "n3": ["n0"]});
    for node in 0..4 {
        net.ask(node, json!({"type": "topology", "topology": star}));
    }
    net.broadcast(2, 2);
    net.run_for(2_000);
    net.assert_all_hold(&[1, 2]);
}

#[test]
fn echo_and_unique_ids_are_answered() {
    let mut net = Net::new(3, "");
    assert_eq!(
        net.ask(0, json!({"type": "echo", "echo": [1]})),
        json!({"type": "echo_ok", "echo": [1]})
    );
    let mut ids: Vec<_> = (0..9)
        .map(|n| net.ask(n % 3, json!({"type": "generate"}))["id"].as_str().unwrap().to_owned())
        .collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 9);
}

#[test]
fn refusals_have_maelstroms_codes() {
    let mut net = Net::new(2, "");
    let mut code = |body| net.ask(0, body)["code"].clone();
    assert_eq!(code(json!({"type": "txn"})), 10);
    assert_eq!(code(json!({"type": "broadcast"})), 12);
    assert_eq!(code(json!({"no": "type"})), 12);
    assert_eq!(code(json!({"type": "broadcast", "message": "x".repeat(200_000)})), 14);
    assert_eq!(code(json!({"type": "init", "node_id": "n0", "node_ids": ["n0"]})), 22);
}

#[test]
fn nonsense_is_logged_and_harms_nobody() {
    let mut one = driver("");
    let now = Time::ZERO;
    let read = r#"{"src":"c1","dest":"n0","body":{"type":"read","msg_id":4}}"#;
    one.on_line(read, now);
    assert!(one.finish_turn(now).lines[0].contains(r#""code":11"#), "before init");
    one.on_line(
        r#"{"src":"c1","dest":"n0","body":{"type":"init","node_id":"n0","node_ids":["n0","n1"]}}"#,
        now,
    );
    one.finish_turn(now);
    let nonsense = [
        "{",
        r#"{"src":"n1"}"#,
        r#"{"src":"n1","dest":"n0","body":{"type":"relay"}}"#,
        r#"{"src":"n1","dest":"n0","body":{"type":"relay","seq":0,"ack":0,"say":[{"have":["x"]}]}}"#,
        r#"{"src":"n9","dest":"n0","body":{"type":"ack","ack":0}}"#,
        r#"{"src":"n1","dest":"n0","body":{"type":"error","code":10,"text":"what?"}}"#,
        r#"{"src":"n1","dest":"n0","body":{"type":"read_ok","in_reply_to":4}}"#,
        r#"{"src":"c1","dest":"n0","body":{"type":"broadcast"}}"#,
    ];
    for line in nonsense {
        one.on_line(line, now);
        let output = one.finish_turn(now);
        assert!(output.lines.is_empty(), "{line} is answered: {:?}", output.lines);
        assert_eq!(output.log.len(), 1, "{line}");
    }
    one.on_line(read, now);
    assert!(one.finish_turn(now).lines[0].contains("read_ok"));
}
