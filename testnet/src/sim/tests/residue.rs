//! What is left when messages are lost, nodes come and go, and the network falls apart for a while: with
//! the safety net, nothing.

use super::*;

/// A network in which one thing goes wrong while 20 items spread.
fn troubled(strategy: StrategyKind, fault: &str, safety_pull_ms: u64) -> Finished {
    let mut manifest = with_faults(manifest(strategy), &[fault]);
    manifest.workload = Workload::Transfers { txs: 20, rate: 1.0, sizes: Sizes::Fixed(300) };
    manifest.params.relay.safety_pull_ms = safety_pull_ms;
    manifest.measure.stall_s = 120.0;
    simulate(&manifest)
}

/// Runs every strategy with and without the safety net. Returns what they missed without.
fn residues(fault: &str) -> Vec<(StrategyKind, u64)> {
    let net = Manifest::default().params.relay.safety_pull_ms;
    let of = |strategy: &StrategyKind| {
        let with = missing(&troubled(*strategy, fault, net));
        assert_eq!(
            with, 0,
            "{strategy} leaves a residue of {with} pairs in spite of its safety net"
        );
        (*strategy, missing(&troubled(*strategy, fault, 0)))
    };
    let residues = StrategyKind::ALL.iter().map(of).collect();
    println!("{fault}: of 2,000 pairs without the safety net {residues:?}");
    residues
}

fn of(residues: &[(StrategyKind, u64)], strategy: StrategyKind) -> u64 {
    residues.iter().find(|(kind, _)| *kind == strategy).map_or(0, |(_, residue)| *residue)
}

#[test]
fn a_fifth_of_all_messages_lost_leaves_nothing_behind() {
    let residues = residues("loss:share=0.2");
    assert!(of(&residues, StrategyKind::DirectMail) > 1_000, "nobody but the origin sends");
    assert_eq!(of(&residues, StrategyKind::Flood), 0, "a flood has copies to spare");
}

#[test]
fn a_tenth_of_the_nodes_coming_and_going_a_minute_leaves_nothing_behind() {
    let residues = residues("churn:per_minute=0.1");
    assert!(of(&residues, StrategyKind::DirectMail) > 1_000);
}

#[test]
fn a_partition_of_half_a_minute_leaves_nothing_behind() {
    for mode in ["drop", "break"] {
        let residues = residues(&format!("partition:share=0.5,for_s=30,mode={mode}"));
        let gossip = [StrategyKind::Flood, StrategyKind::Inventory, StrategyKind::Plumtree];
        for strategy in gossip {
            assert!(of(&residues, strategy) > 0, "{strategy} alone can't cross a gap in time");
        }
    }
}
