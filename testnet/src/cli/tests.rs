use tidings::config::members::MembersPreset;
use tidings_protocol::chain::Rules;
use tidings_protocol::params::{Params, StrategyKind};
use tidings_sim::overlay::Shape;
use tidings_sim::workload::Transfers;
use tidings_sim::workload::sizes::Sizes;

use super::*;
use crate::launch::settings::{Links, PlannedKill};
use crate::manifest::Workload;
use crate::manifest::recorded::{Recorded, render};

fn resolve(args: &str) -> Result<(Settings, Options), String> {
    let words = ["tidings-testnet", "launch"].into_iter().chain(args.split_whitespace());
    let cli = Cli::try_parse_from(words).map_err(|error| error.to_string())?;
    let Command::Launch(args) = cli.command else { panic!("launch was asked for") };
    args.resolve()
}

#[test]
fn the_plain_command_is_the_reference_run() {
    let (settings, options) = resolve("").unwrap();
    assert_eq!(
        (settings.manifest.network.nodes, settings.manifest.params.peers.outbound),
        (200, 8)
    );
    assert_eq!(settings.links, Links::Regions);
    assert_eq!(settings.manifest.network.rules, Rules::Tidings);
    assert_eq!(
        (settings.manifest.network.topology, settings.manifest.network.bootstrap),
        (Shape::Gossip, 3)
    );
    assert_eq!(
        settings.manifest.workload,
        Workload::Transfers(Transfers { txs: 1_000, rate: 20.0, sizes: Sizes::Fixed(300) })
    );
    assert_eq!(options, Options::default());
}

#[test]
fn blocks_are_made_as_asked_for_and_a_simulator_starts_nobody_late() {
    let (settings, _) = resolve("--block-interval 2.5 --block-txs-max 7 --late-joiners 3").unwrap();
    let mining = Mining { interval_s: 2.5, txs_max: Some(7), late_joiners: 3 };
    assert_eq!(settings.manifest.mining, Some(mining));
    let written = toml::to_string(&settings.manifest).unwrap();
    assert_eq!(Manifest::parse(&written).unwrap().mining, Some(mining));
    let error = settings.manifest.scenario().unwrap_err();
    assert!(error.contains("mining.late_joiners is set"), "{error}");
    let (settings, _) = resolve("--block-interval 2.5 --block-txs-max 7").unwrap();
    let simulated = settings.manifest.scenario().unwrap().mining.unwrap();
    assert_eq!((simulated.interval_s, simulated.txs_max), (2.5, 7));
}

#[test]
fn wrong_arguments_get_a_sentence_that_names_them() {
    let cases = [
        ("--nodes 1", "network.nodes is 1, but must be 2 to"),
        ("--nodes 6000", "launch starts at most 5000"),
        ("--nodes x", "invalid value 'x' for '--nodes"),
        ("--noodles 3", "unexpected argument '--noodles'"),
        ("--rate 0", "workload.rate is 0, but must be more than 0"),
        ("--rate NaN", "workload.rate is NaN"),
        ("--txs 0", "workload.txs is 0, but must be 1 to 1000000 with 200 nodes"),
        (
            "--size 100",
            "workload.sizes is 100 bytes, but must be 145 (a signed transfer without payload)",
        ),
        ("--size 8 --rules opaque", "workload.sizes is 8 bytes, but must be 16"),
        ("--size 300 --sizes bitcoin", "cannot be used with"),
        ("--sizes litecoin", "invalid value 'litecoin'"),
        ("--strategy shout", "there is no strategy `shout`"),
        ("--block-interval 0", "mining.interval_s is 0, but must be more than 0"),
        ("--block-interval 5 --rules opaque", "blocks are made under network.rules tidings"),
        (
            "--block-interval 5 --late-joiners 101",
            "mining.late_joiners is 101, but must be at most",
        ),
        ("--late-joiners 2", "--block-interval <S>"),
        ("--workload blocks", "--workload is `blocks`, but must be"),
        ("--workload bitcoin-block", "needs the file of a raw block"),
        ("--workload bitcoin-block f --rules tidings", "needs network.rules opaque"),
        ("--workload bitcoin-block f --txs 5", "--txs has no meaning"),
        ("--withhold 9 --nodes 10", "--withhold is 9, but two of the 10 nodes must deliver"),
        ("--kill 20", "write a share of the nodes, for instance 20%"),
        ("--kill 100%", "less than 100%"),
        ("--kill 1% --nodes 10", "a crash of 1% of 10 nodes is none"),
        ("--kill 90% --nodes 10", "a crash would leave 1 of 10 nodes"),
        ("--kill 20% --kill-after 90", "the workload takes 49.95 seconds"),
        ("--kill-after 3", "--kill <SHARE>"),
        ("--bootstrap 0", "a node that knows nobody"),
        ("--topology ring --bootstrap 3", "only has a meaning with overlay gossip"),
        ("--overlay ring --outbound 3", "--outbound has no meaning"),
        ("--topology star", "invalid value 'star'"),
        ("--outbound 0", "params.peers.outbound is 0"),
        ("--param relay.strategy", "has no value: write KEY=VALUE"),
        ("--param relay.stratgy=flood", "did you mean `strategy`?"),
        ("--param requests.in_flight_max=many", "--param requests.in_flight_max=many: "),
        ("--param memory.seen_max=0", "memory.seen_max is 0, but must be at least 1"),
        ("--slow-motion 0", "slow motion is 0, but must be a whole number of times, 1 to 1000"),
        ("--slow-motion fast", "slow motion is fast, but must be"),
        ("--members nonsense", "invalid value 'nonsense' for '--members"),
        ("--members --nodes 2001", "members: 2001 nodes are too many"),
        ("--members --slow-motion 5", "members: they keep real time"),
        ("--members --contender gossipsub", "members: a contender is no member of a fleet"),
        ("--idle -1", "unexpected argument '-1'"),
        ("--links rounds", "launch can't keep rounds"),
        ("--links matrix:file=/no/such", "link.file: cannot read /no/such"),
        ("--links-file /no/such", "network.links_file: cannot read /no/such"),
        ("--links-file f --overlay ring", "cannot be used with"),
        ("--links plana", "did you mean `planar`?"),
        ("--fault liar:share=0.1", "launch has no liars"),
        ("--warmup 5 --block-interval 5", "launch has no warm-up where blocks are made"),
        ("--manifest /no/such/file", "cannot read the manifest /no/such/file"),
    ];
    for (args, expected) in cases {
        let problem = resolve(args).unwrap_err();
        assert!(problem.contains(expected), "{args}: {problem}");
    }
}

#[test]
fn nodes_are_members_if_it_is_asked_for_and_the_flag_goes_before_the_manifest() {
    let members = |args: &str| resolve(args).unwrap().0.manifest.members;
    assert_eq!(members(""), None);
    assert_eq!(members("--members"), Some(MembersPreset::Fleet));
    assert_eq!(members("--members --json"), Some(MembersPreset::Fleet));
    let (settings, _) = resolve("--members wan --nodes 30").unwrap();
    assert_eq!(settings.manifest.members, Some(MembersPreset::Wan));
    let (_temp, path) = written(&render(&settings.manifest, Recorded::here(None, None)).unwrap());
    let (again, _) = resolve(&format!("--manifest {path}")).unwrap();
    assert_eq!(again, settings);
    assert_eq!(members(&format!("--manifest {path} --members phi")), Some(MembersPreset::Phi));
    let problem = simulated(&format!("--manifest {path}")).unwrap().scenario().unwrap_err();
    assert!(problem.contains("members is wan") && problem.contains("sim --members N"), "{problem}");
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
    assert_eq!(settings.manifest.params, expected);
}

#[test]
fn a_bitcoin_block_forces_opaque_rules() {
    let (settings, _) = resolve("--workload bitcoin-block some/file").unwrap();
    assert_eq!(settings.manifest.network.rules, Rules::Opaque);
    let expected = Workload::BitcoinBlock { file: "some/file".into(), rate: 20.0 };
    assert_eq!(settings.manifest.workload, expected);
}

#[test]
fn a_share_becomes_a_number_of_nodes_half_way() {
    let (settings, _) = resolve("--kill 20% --txs 101 --rate 10").unwrap();
    assert_eq!(settings.kill, Some(PlannedKill { nodes: 40, after_s: 5.0 }));
}

/// Writes a manifest where `--manifest` finds it.
fn written(text: &str) -> (tempfile::TempDir, String) {
    let temp = tempfile::tempdir().unwrap();
    let path = temp.path().join("manifest.toml");
    std::fs::write(&path, text).unwrap();
    (temp, path.to_str().unwrap().to_owned())
}

fn simulated(args: &str) -> Result<Manifest, String> {
    let words = ["tidings-testnet", "sim"].into_iter().chain(args.split_whitespace());
    let cli = Cli::try_parse_from(words).map_err(|error| error.to_string())?;
    let Command::Sim(args) = cli.command else { panic!("sim was asked for") };
    args.resolve().map_err(|error| error.to_string())
}

#[test]
fn flags_take_precedence_over_the_manifest_in_both_commands() {
    let text = "seed = 7\n[network]\nnodes = 40\ntopology = \"gossip\"\n[link]\nmodel = \"regions\"\n\
                [params.relay]\nstrategy = \"push\"\nfanout = 3\n";
    let (_temp, path) = written(text);
    let flags = format!("--manifest {path} --nodes 50 --strategy flood --links none --seed 8");
    let (settings, _) = resolve(&flags).unwrap();
    let manifest = simulated(&flags).unwrap();
    assert_eq!(settings.manifest, manifest);
    assert_eq!(settings.links, Links::None);
    assert_eq!((manifest.seed, manifest.network.nodes), (8, 50));
    let relay = &manifest.params.relay;
    assert_eq!((relay.strategy, relay.fanout), (StrategyKind::Flood, 3));
    assert_eq!(simulated(&format!("--manifest {path}")).unwrap().seed, 7);
}

#[test]
fn a_manifest_of_a_run_folder_can_be_launched_and_simulated_again() {
    let (settings, _) =
        resolve("--nodes 30 --txs 50 --kill 20% --slow-motion 40 --param relay.fanout=3").unwrap();
    let recorded = Recorded::here(Some("now".to_owned()), Some("some/node".into()));
    let (_temp, path) = written(&render(&settings.manifest, recorded).unwrap());
    let (again, _) = resolve(&format!("--manifest {path}")).unwrap();
    assert_eq!(again, settings);
    assert_eq!(simulated(&format!("--manifest {path}")).unwrap(), settings.manifest);
}

#[test]
fn a_manifest_that_only_a_simulator_can_follow_is_refused_by_launch() {
    let (_temp, path) = written("[link]\nmodel = \"rounds\"\n");
    let problem = resolve(&format!("--manifest {path}")).unwrap_err();
    assert!(problem.contains("use sim"), "{problem}");
    let (_temp, path) = written("[netwrk]\nnodes = 3\n");
    for problem in [
        resolve(&format!("--manifest {path}")).unwrap_err(),
        simulated(&format!("--manifest {path}")).unwrap_err(),
    ] {
        assert!(problem.contains("did you mean `network`?"), "{problem}");
    }
}

#[test]
fn the_command_is_well_formed() {
    use clap::CommandFactory as _;
    Cli::command().debug_assert();
}
