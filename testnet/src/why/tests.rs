use clap::Parser;

use super::*;

#[derive(Debug, Parser)]
struct Cli {
    #[command(flatten)]
    args: WhyArgs,
}

fn args(words: &str) -> WhyArgs {
    Cli::parse_from(["why"].into_iter().chain(words.split_whitespace())).args
}

const SMALL: &str = "--nodes 24 --overlay tree --txs 3 --rate 4 --strategy inventory --idle 0.5 --stall 15 --branches 100 \
                     --links planar:min_ms=10,max_ms=60,jitter=0.05 --trickle 40";

fn ask(words: &str) -> Result<Answer, String> {
    let args = args(&format!("{SMALL} {words}"));
    let scenario = scenario(&args)?;
    let question = question(&args, &scenario)?;
    answer(&args, &scenario, question).map(|(answer, ..)| answer)
}

#[test]
fn who_says_neither_item_nor_node_asks_about_what_came_latest() {
    let paused = "--fault pause:nodes=17,at_s=0,for_s=4";
    let answer = ask(paused).unwrap();
    assert_eq!(answer.node, 17);
    let cause = answer.named().unwrap();
    assert_eq!((cause.node, cause.fault), (Some(17), Some(0)), "{:?}", answer.story);
    let again = ask(&format!("{paused} --item {} --node 17 --jobs 1", answer.item)).unwrap();
    assert_eq!(again, answer, "however many threads there are");
    let text = show::text(&answer);
    assert!(text.contains("What made it late: node 17 stood still"), "{text}");
    assert!(text.contains("within 95 %") && text.contains("With one thing otherwise"), "{text}");
    let json: serde_json::Value =
        serde_json::from_str(&show::json(&answer, 0, &json!(null))).unwrap();
    assert_eq!((&json["named"]["kind"], &json["named"]["node"]), (&json!("pause"), &json!(17)));
    assert!(json["curve"][0]["late"]["high"].is_number(), "{json}");
    let page = picture::page(&answer);
    assert!(page.contains("<svg") && page.contains("node 17 stood still"));
}

#[test]
fn what_cannot_be_asked_gets_a_sentence() {
    for (words, sentence) in [
        ("--item 3", "--item is 3, but items are 0 to 2"),
        ("--node 24", "--node is 24, but nodes are 0 to 23"),
        ("--late-ms 0 --node 1", "--late-ms is 0, but must be more than 0"),
        ("--branches 7 --item 0 --node 1", "branches is 7, but must be 100 to"),
        ("--contender gossipsub", "only launch can start"),
        ("--run /nowhere", "`tidings explain`"),
    ] {
        let error = ask(words).unwrap_err();
        assert!(error.contains(sentence), "{words}: {error}");
    }
}

#[test]
fn a_launch_is_sent_to_what_can_answer_for_it() {
    use crate::manifest::recorded::{Recorded, render};
    let folder = tempfile::tempdir().unwrap();
    let text = render(&Manifest::default(), Recorded::here(Some("now".to_owned()), None)).unwrap();
    std::fs::write(folder.path().join(MANIFEST), text).unwrap();
    let error = scenario(&args(&format!("--run {}", folder.path().display()))).unwrap_err();
    assert!(error.contains("is of a launch") && error.contains("replay"), "{error}");
    let text = render(&Manifest::default(), Recorded::here(None, None)).unwrap();
    std::fs::write(folder.path().join(MANIFEST), text).unwrap();
    scenario(&args(&format!("--run {}", folder.path().display()))).unwrap();
}
