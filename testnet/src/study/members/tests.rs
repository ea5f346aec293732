//! The tables in small: each figure that is asked for is there, and met.

use clap::Parser;

use super::*;

#[derive(Debug, Parser)]
struct Cli {
    #[command(flatten)]
    args: MembersArgs,
}

fn args(words: &str) -> MembersArgs {
    Cli::parse_from(["members"].into_iter().chain(words.split_whitespace())).args
}

#[test]
fn in_small_every_goal_is_met() {
    let made = tables(&args("--quick --jobs 2"));
    let ids: Vec<_> = made.iter().map(|table| table.id).collect();
    assert_eq!(ids, ["deaths", "load", "lifeguard", "storm", "news", "scenarios"]);
    let text = table::text(&made);
    for goal in made.iter().flat_map(|table| &table.goals) {
        assert!(goal.is_met, "{goal:?}\n{text}");
    }
    assert!(made.iter().all(|table| table.rows.iter().all(|row| row.len() == table.columns.len())));
    assert!(table::page(&made, "", "", "").contains("</svg>"));
    let json: serde_json::Value = serde_json::from_str(&table::json(&made)).unwrap();
    assert_eq!(json["tables"][0]["rows"][0]["members"], 50);
}

#[test]
fn a_table_can_be_had_alone_and_is_the_same_again() {
    let storm = |jobs| tables(&args(&format!("--quick --table storm --jobs {jobs}")));
    assert_eq!(storm(1).len(), 1);
    assert_eq!(storm(1), storm(2));
}

#[test]
fn wrong_numbers_have_their_sentence() {
    assert!(check(&args("--nodes 5")).unwrap_err().starts_with("--nodes has 5"));
    assert!(check(&args("--kills 1")).unwrap_err().starts_with("--kills is 1"));
    assert_eq!(check(&args("")), Ok(()));
}
