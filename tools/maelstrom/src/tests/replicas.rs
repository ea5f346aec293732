//! Networks of replicas behind the workloads of sets and counters.

use serde_json::{Value, json};

use super::Net;

fn add(net: &mut Net, node: usize, field: &str, value: i64) {
    let answer = net.ask(node, json!({"type": "add", field: value}));
    assert_eq!(answer, json!({"type": "add_ok"}));
}

fn value(net: &mut Net, node: usize) -> Value {
    net.ask(node, json!({"type": "read"}))["value"].clone()
}

#[test]
fn counters_end_with_the_sum_across_a_partition() {
    for spread in ["push", "pull", "push-pull"] {
        let mut net = Net::new(5, &format!("--workload pn-counter --spread {spread}"));
        assert_eq!(value(&mut net, 4), json!(0), "before anything is added");
        let mut sum = 0;
        for step in 0..60 {
            net.split = [None, Some(2), None, Some(4)][step / 15];
            let delta = i64::try_from(step % 11).unwrap() - 5;
            add(&mut net, step % 5, "delta", delta);
            sum += delta;
            net.run_for(200);
        }
        net.split = None;
        net.run_for(10_000);
        for node in 0..5 {
            assert_eq!(value(&mut net, node), json!(sum), "{spread}, n{node}");
        }
    }
}

#[test]
fn sets_end_with_all_elements_across_a_partition() {
    let mut net = Net::new(5, "--workload g-set");
    assert_eq!(value(&mut net, 0), json!([]), "before anything is added");
    net.split = Some(2);
    for element in 0..300 {
        add(&mut net, usize::try_from(element % 5).unwrap(), "element", element);
        net.run_for(20);
    }
    net.split = None;
    net.run_for(10_000);
    for node in 0..5 {
        assert_eq!(net.read(node), (0..300).collect::<Vec<_>>(), "n{node}");
    }
}

#[test]
fn what_does_not_fit_the_workload_is_refused() {
    let code = |net: &mut Net, body: Value| net.ask(0, body)["code"].clone();
    let mut net = Net::new(2, "--workload g-counter");
    assert_eq!(code(&mut net, json!({"type": "add", "delta": -1})), json!(12));
    assert_eq!(code(&mut net, json!({"type": "add", "element": 1})), json!(10));
    assert_eq!(code(&mut net, json!({"type": "broadcast", "message": 1})), json!(10));
    let mut net = Net::new(2, "--workload g-set");
    assert_eq!(code(&mut net, json!({"type": "add", "element": "x".repeat(200)})), json!(14));
    let mut net = Net::new(2, "");
    assert_eq!(code(&mut net, json!({"type": "add", "delta": 1})), json!(10));
}

#[test]
fn nonsense_of_a_peer_is_logged_and_harms_nobody() {
    let mut net = Net::new(2, "--workload pn-counter");
    for body in [
        json!({"type": "replica"}),
        json!({"type": "replica", "bytes": "0"}),
        json!({"type": "replica", "bytes": "ff"}),
        json!({"type": "relay", "seq": 1, "ack": 0, "say": []}),
    ] {
        let line = json!({"src": "n1", "dest": "n0", "body": body}).to_string();
        net.drivers[0].on_line(&line, net.now);
        net.finish_turn(0);
        assert!(net.log.pop().is_some_and(|remark| remark.contains("dropped")), "{line}");
    }
    add(&mut net, 0, "delta", 3);
    net.run_for(5_000);
    assert_eq!(value(&mut net, 1), json!(3));
}
