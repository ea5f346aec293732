use super::text::{parse_keys, parse_short};
use super::*;
use tidings_sim::fault::Cut;
use tidings_sim::latency::Draw;

#[test]
fn everything_has_a_default_and_reads_back() {
    let manifest = Manifest::parse("").unwrap();
    assert_eq!(manifest, Manifest::default());
    let full = Manifest {
        fault: vec![
            FaultSpec::Loss { share: 0.2, at_s: 0.0, for_s: None },
            FaultSpec::Partition { share: 0.5, at_s: 1.0, for_s: 30.0, mode: Cut::Stall },
        ],
        write: vec![Write { at_s: 1.5, node: 3 }],
        slow_motion: Some(SlowMotion::try_from(50).unwrap()),
        members: Some(MembersPreset::Phi),
        link: LinkSpec::Lognormal { mean_ms: 10.0, sigma: 0.2, draw: Draw::Message },
        ..Manifest::default()
    };
    let text = toml::to_string(&full).unwrap();
    assert!(text.contains("slow_motion = 50\n"), "{text}");
    assert!(text.contains("members = \"phi\"\n"), "{text}");
    assert!(!toml::to_string(&Manifest::default()).unwrap().contains("members"));
    assert_eq!(Manifest::parse(&text).unwrap(), full, "{text}");
}

#[test]
fn the_example_in_the_documentation_is_valid() {
    let source = include_str!("../manifest.rs");
    let example: String = source
        .lines()
        .skip_while(|line| *line != "//! ```toml")
        .skip(1)
        .take_while(|line| *line != "//! ```")
        .map(|line| format!("{}\n", line.trim_start_matches("//!").trim_start()))
        .collect();
    let manifest = Manifest::parse(&example).unwrap();
    assert_eq!((manifest.seed, manifest.txs(), manifest.fault.len()), (7, 2_000, 1));
}

#[test]
fn every_mistake_has_its_sentence() {
    let wrong = [
        ("format = 2", "format is 2, but this program reads manifests of format 1"),
        ("sed = 1", "did you mean `seed`?"),
        ("sed = 1", "line 1"),
        ("[network]\nnodes = 1", "network.nodes is 1, but must be 2 to 4000000"),
        ("[network]\nreachable = 501", "network.reachable is 501, but must be 1 to 500"),
        ("[network]\ntopology = \"star\"", "unknown variant `star`"),
        ("[network]\ntopology = \"ring\"\nreachable = 5", "network.reachable only has a meaning"),
        ("[network]\ntopology = \"gossip\"\nbootstrap = 0", "network.bootstrap is 0"),
        ("[network]\ntopology = \"clusters\"\nbridges = 0", "network.bridges is 0"),
        (
            "[network]\nrules = \"tidings\"\n[workload]\nkind = \"transfers\"\ntxs = 1\nrate = 1.0\nsizes = { fixed = 99 }",
            "must be 145 (a signed transfer without payload)",
        ),
        (
            "[network]\nrules = \"tidings\"\n[workload]\nkind = \"bitcoin-block\"\nfile = \"x\"\nrate = 1.0",
            "needs network.rules opaque",
        ),
        ("[params.peers]\noutbound = 0", "params.peers.outbound is 0"),
        ("warmup_txs = 100", "warmup_txs is 100, but must be less than workload.txs, 100"),
        ("members = \"nonsense\"", "unknown variant `nonsense`"),
        ("slow_motion = 0", "slow motion is 0, but must be a whole number of times, 1 to 1000"),
        ("slow_motion = 1001", "slow motion is 1001, but must be"),
        ("slow_motion = 2.5", "invalid type: floating point `2.5`"),
        ("origin = 500", "origin is 500, but must be less than network.nodes, 500"),
        ("[link]\nmodel = \"fast\"", "unknown variant `fast`"),
        ("[link]\nmodel = \"constant\"", "missing field `latency_ms`"),
        ("[link]\nmodel = \"constant\"\nlatency_ms = -5", "link.latency_ms is -5"),
        (
            "[workload]\nkind = \"transfers\"\ntxs = 0\nrate = 1.0\nsizes = \"bitcoin\"",
            "workload.txs is 0",
        ),
        (
            "[workload]\nkind = \"transfers\"\ntxs = 1\nrate = 0.0\nsizes = \"bitcoin\"",
            "workload.rate is 0",
        ),
        (
            "[workload]\nkind = \"transfers\"\ntxs = 1\nrate = 1.0\nsizes = { fixed = 5 }",
            "workload.sizes is 5 bytes",
        ),
        ("[measure]\nidle_s = -1.0\nstall_s = 1.0\nconnect_s = 1.0", "measure.idle_s is -1"),
        ("[[fault]]\nkind = \"flood\"", "unknown variant `flood`"),
        ("[[fault]]\nkind = \"loss\"\nshare = 2.0", "fault loss: share is 2, but must be 0 to 1"),
        ("[[fault]]\nkind = \"loss\"\nshare = 0.1\nfor = 1", "unknown field `for`"),
        ("[[fault]]\nkind = \"liar\"\nshare = 0.1\nsay = \"maybe\"", "unknown variant `maybe`"),
        ("[[fault]]\nkind = \"clog\"\nshare = 0.1\nfor_s = 0.0", "fault clog: for_s is 0"),
        (
            "[[fault]]\nkind = \"crash\"\nnodes = [500]",
            "fault crash: there is no node 500 among 500",
        ),
        (
            "[[fault]]\nkind = \"pause\"\nnodes = [5]\nshare = 0.5\nfor_s = 1.0",
            "fault pause: give either share or nodes",
        ),
        ("[[write]]\nat_s = 1.0\nnode = 500", "write: there is no node 500 among 500"),
        ("[[write]]\nnode = 5", "missing field `at_s`"),
        (
            "[[fault]]\nkind = \"cut\"\nlinks = [[1, 500]]",
            "fault cut: there is no node 500 among 500",
        ),
        ("[params.memory]\nseen_max = 0", "params.memory.seen_max is 0"),
        ("[params.relay]\nstrategy = \"gosip\"", "unknown variant `gosip`"),
        ("[params.relay]\nfanot = 3", "did you mean `fanout`?"),
    ];
    for (text, sentence) in wrong {
        let error = Manifest::parse(text).unwrap_err();
        assert!(error.contains(sentence), "{text:?} gave {error:?}");
    }
}

#[test]
fn the_short_form_is_a_table() {
    let fault: FaultSpec = parse_short("crash:nodes=3+5,at_s=2.5,silent=true", "kind").unwrap();
    let nodes = vec![3, 5];
    let expected =
        FaultSpec::Crash { share: 0.0, nodes, at_s: 2.5, restart_after_s: None, silent: true };
    assert_eq!(fault, expected);
    let fault: FaultSpec = parse_short("cut:links=3-5+0-1,mode=break", "kind").unwrap();
    let links = vec![(3, 5), (0, 1)];
    assert_eq!(fault, FaultSpec::Cut { links, at_s: 0.0, for_s: None, mode: Cut::Break });
    let write: Write = parse_keys("node=3,at_s=1.5").unwrap();
    assert_eq!(write, Write { at_s: 1.5, node: 3 });
    let link: LinkSpec = parse_short("regions", "model").unwrap();
    assert_eq!(link, LinkSpec::regions());
    let error = parse_short::<FaultSpec>("loss:shar=1", "kind").unwrap_err();
    assert!(error.starts_with("`loss:shar=1`: unknown field `shar`"), "{error}");
    let error = parse_short::<FaultSpec>("loss:share", "kind").unwrap_err();
    assert!(error.contains("write KEY=VALUE"), "{error}");
}
