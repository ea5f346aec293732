use clap::Parser;

use super::*;

#[derive(Debug, Parser)]
struct Cli {
    #[command(flatten)]
    args: GymArgs,
}

fn args(words: &str) -> GymArgs {
    Cli::parse_from(["gym"].into_iter().chain(words.split_whitespace())).args
}

#[test]
fn an_attack_in_small_has_its_rows_and_goals() {
    let args = args("--attack one-seed --runs 1 --most 64 --protected");
    let tables = search::tables(&chosen(&args).unwrap(), &args);
    let ids: Vec<_> = tables.iter().map(|table| (table.id, table.rows.len())).collect();
    assert_eq!(ids, [("standard", 1), ("costs", 1)]);
    assert!(
        tables.iter().all(|table| table.rows.iter().all(|row| row.len() == table.columns.len()))
    );
    assert_eq!(tables[0].goals.len(), 1);
}

#[test]
fn wrong_words_have_their_sentence() {
    let problem = |words| chosen(&args(words)).unwrap_err();
    assert!(problem("--attack magic").contains("there are poison, botnet, erebus"));
    assert!(problem("--runs 0").starts_with("--runs is 0"));
    assert!(problem("--most 5").starts_with("--most is 5"));
    assert_eq!(chosen(&args("")).unwrap().len(), ATTACKS.len());
}

#[test]
fn every_attack_can_have_any_size() {
    for attack in ATTACKS {
        for addresses in [64, 500, 65_536, 500_000] {
            let setup = (attack.setup)(addresses);
            assert!(
                setup.attack.addresses == addresses && setup.attack.groups <= addresses,
                "{}",
                attack.name
            );
            let internet = tidings_sim::gym::internet::Internet::new(&setup);
            assert_eq!(internet.honest() as usize, setup.honest);
        }
    }
}
