use tidings_protocol::params::Params;

use super::*;
use crate::manifest::{Fault, Settings, Workload};
use crate::workload::sizes::Sizes;

fn resolve(args: &str) -> Result<(Settings, Options), String> {
    let words = ["tidings-testnet", "launch"].into_iter().chain(args.split_whitespace());
    let cli = Cli::try_parse_from(words).map_err(|error| error.to_string())?;
    let Command::Launch(args) = cli.command else { panic!("launch was asked for") };
    args.resolve()
}

#[test]
fn the_plain_command_is_the_reference_run() {
    let (settings, options) = resolve("").unwrap();
    assert_eq!((settings.network.nodes, settings.params.peers.outbound), (200, 8));
    assert_eq!(settings.network.links, Links::Regions);
    assert_eq!(settings.network.rules, Rules::Tidings);
    assert_eq!((settings.network.topology, settings.network.bootstrap), (Topology::Gossip, 3));
    assert_eq!(
        settings.workload,
        Workload::Transfers { txs: 1_000, rate: 20.0, sizes: Sizes::Fixed(300) }
    );
    assert_eq!(options, Options::default());
}

#[test]
fn wrong_arguments_get_a_sentence_that_names_them() {
    let cases = [
        ("--nodes 1", "--nodes is 1, but must be 2 to 5000"),
        ("--nodes x", "invalid value 'x' for '--nodes"),
        ("--noodles 3", "unexpected argument '--noodles'"),
        ("--rate 0", "--rate is 0, but must be more than 0"),
        ("--rate NaN", "--rate is NaN"),
        ("--txs 0", "--txs is 0, but must be 1 to 250000 with 200 nodes"),
        ("--size 100", "--size is 100, but must be 145 (a signed transfer without payload)"),
        ("--size 8 --rules opaque", "--size is 8, but must be 16"),
        ("--size 300 --sizes bitcoin", "cannot be used with"),
        ("--sizes litecoin", "invalid value 'litecoin'"),
        ("--strategy shout", "there is no strategy `shout`"),
        ("--workload blocks", "--workload is `blocks`, but must be"),
        ("--workload bitcoin-block", "needs the file of a raw block"),
        ("--workload bitcoin-block f --rules tidings", "needs --rules opaque"),
        ("--workload bitcoin-block f --txs 5", "--txs has no meaning"),
        ("--kill 20", "write a share of the nodes, for instance 20%"),
        ("--kill 100%", "less than 100%"),
        ("--kill 1% --nodes 10", "--kill 1% of 10 nodes is none"),
        ("--kill 90% --nodes 10", "--kill would leave 1 of 10 nodes"),
        ("--kill 20% --kill-after 90", "the workload takes 49.95 seconds"),
        ("--kill-after 3", "--kill <SHARE>"),
        ("--bootstrap 0", "a node that knows nobody"),
        ("--topology ring --bootstrap 3", "only has a meaning with --topology gossip"),
        ("--topology ring --outbound 3", "--outbound only has a meaning"),
        ("--topology random-regular --nodes 16", "at least 17 nodes, not 16"),
        ("--topology star", "invalid value 'star'"),
        ("--outbound 0", "--outbound is 0"),
        ("--param relay.strategy", "has no value: write KEY=VALUE"),
        ("--param relay.stratgy=flood", "--param relay.stratgy: there is no such parameter"),
        ("--param requests.in_flight_max=many", "is no value for this parameter"),
        ("--param memory.seen_max=0", "memory.seen_max is 0, but must be at least 1"),
        ("--idle -1", "unexpected argument '-1'"),
    ];
    for (args, expected) in cases {
        let problem = resolve(args).unwrap_err();
        assert!(problem.contains(expected), "{args}: {problem}");
    }
}

#[test]
fn parameters_are_laid_over_the_defaults_and_flags_over_them() {
    let args = "--param relay.strategy=flood --param requests.in_flight_max=7 \
                --param budgets.messages={per_s=1.5,burst=2.5} --trickle 0 --outbound 5";
    let (settings, _) = resolve(args).unwrap();
    let mut expected = Params::default();
    expected.relay.strategy = StrategyKind::Flood;
    expected.relay.trickle_outbound_ms = 0;
    expected.relay.trickle_inbound_ms = 0;
    expected.requests.in_flight_max = 7;
    expected.budgets.messages = tidings_protocol::params::Rate::new(1.5, 2.5);
    expected.peers.outbound = 5;
    assert_eq!(settings.params, expected);
}

#[test]
fn a_bitcoin_block_forces_opaque_rules() {
    let (settings, _) = resolve("--workload bitcoin-block some/file").unwrap();
    assert_eq!(settings.network.rules, Rules::Opaque);
    let expected = Workload::BitcoinBlock { file: "some/file".into(), rate: 20.0 };
    assert_eq!(settings.workload, expected);
}

#[test]
fn a_share_becomes_a_number_of_nodes_half_way() {
    let (settings, _) = resolve("--kill 20% --txs 101 --rate 10").unwrap();
    assert_eq!(settings.fault, Some(Fault { kill: 40, after_s: 5.0 }));
}

#[test]
fn the_command_is_well_formed() {
    use clap::CommandFactory as _;
    Cli::command().debug_assert();
}
