//! What may be asked of real members, without starting any; `testnet/tests/members.rs` starts some.

use clap::Parser;

use super::figures::{Death, Idle, Memory, Pause};
use super::*;

#[derive(Debug, Parser)]
struct Cli {
    #[command(flatten)]
    args: MembersArgs,
}

fn parse(words: &str) -> Result<MembersArgs, String> {
    let words = ["members"].into_iter().chain(words.split_whitespace());
    Cli::try_parse_from(words).map(|cli| cli.args).map_err(|error| error.to_string())
}

#[test]
fn what_cannot_be_measured_has_its_sentence() {
    let checked = |words: &str| {
        let args = parse(words).unwrap();
        let members = args.real.processes.unwrap();
        check(&args, &if args.quick { Plan::quick(members) } else { Plan::full(members) })
    };
    assert_eq!(checked("--processes 20 --preset fleet,lan --beside serf --rounds 3"), Ok(()));
    assert_eq!(checked("--processes 3 --quick"), Ok(()));
    assert!(checked("--processes 8").unwrap_err().contains("is 8, but must be 9 to 252"));
    assert!(checked("--processes 400").unwrap_err().starts_with("--processes is 400"));
    assert!(checked("--processes 20 --rounds 0").unwrap_err().starts_with("--rounds is 0"));
}

#[test]
fn what_belongs_to_the_other_kind_of_members_is_refused() {
    for (words, expected) in [
        ("--beside serf", "--processes"),
        ("--preset lan", "--processes"),
        ("--processes 20 --nodes 100", "cannot be used with"),
        ("--processes 20 --table storm", "cannot be used with"),
        ("--processes 20 --preset lann", "unknown variant `lann`"),
        ("--processes 20 --beside surf", "invalid value 'surf'"),
    ] {
        let problem = parse(words).unwrap_err();
        assert!(problem.contains(expected), "{words}: {problem}");
    }
}

#[test]
fn contenders_are_as_asked_for_and_none_twice() {
    let names = |words: &str, serf: Option<&str>| {
        let all = contenders(&parse(words).unwrap(), serf.map(PathBuf::from));
        all.iter().map(Contender::name).collect::<Vec<_>>()
    };
    assert_eq!(names("--processes 20", Some("/usr/bin/serf")), ["tidings fleet"]);
    let both = "--processes 20 --preset fleet,lan,fleet --beside serf,serf-local";
    let expected = ["tidings fleet", "tidings lan", "serf lan", "serf local"];
    assert_eq!(names(both, Some("/usr/bin/serf")), expected);
    assert_eq!(names(both, None), ["tidings fleet", "tidings lan"], "ours goes on without");
}

#[test]
fn goals_are_of_our_default_settings_alone() {
    let good = Measured {
        contender: "tidings fleet".to_owned(),
        idle: Idle { datagrams_per_s: 2.0, ..Idle::default() },
        memory: Memory { rss_mib: 12.0, rss_without_mib: Some(11.0), ..Memory::default() },
        deaths: vec![Death { at_once: 1, first_s: Some(3.0), ..Death::default() }],
        pauses: vec![Pause { seconds: 3, ..Pause::default() }],
        ..Measured::default()
    };
    let met = |one: &Measured| {
        goals(std::slice::from_ref(one)).iter().map(|goal| goal.is_met).collect::<Vec<_>>()
    };
    assert_eq!(met(&good), [true; 5]);
    let bad = Measured {
        wrong: 1,
        deaths: vec![Death { at_once: 1, first_s: Some(9.0), ..Death::default() }],
        ..good.clone()
    };
    assert_eq!(met(&bad), [true, false, true, false, true]);
    assert!(met(&Measured { contender: "serf lan".to_owned(), ..good }).is_empty());
}
