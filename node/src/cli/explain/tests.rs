use tidings_protocol::ground::item::ItemKind;
use tidings_protocol::ground::link::Direction;

use super::*;
use crate::api::Rival;
use crate::api::explain::{
    DealingsStatus, ExcessStatus, PeerStory, StepName, StepStatus, TotalsStatus, TxStory,
    WaitSettings, WaitStatus,
};

const BEGIN: u64 = 1_732_180_001_000_000;

fn link(handle: &str, peer: &str, direction: Direction) -> LinkStatus {
    LinkStatus {
        link: handle.to_owned(),
        peer_id: Some(format!("12D3KooW{peer}abcdefgh")),
        direction,
        address: Some("127.0.0.1:4001".parse().unwrap()),
        up_unix_us: BEGIN,
        down_unix_us: None,
        why: None,
    }
}

fn step(ms: u64, link: &str, step: StepName, detail: &str) -> StepStatus {
    StepStatus {
        unix_us: BEGIN + ms * 1_000,
        item: None,
        link: (!link.is_empty()).then(|| link.to_owned()),
        step,
        detail: (!detail.is_empty()).then(|| detail.to_owned()),
        rival: None,
        waits_for: None,
    }
}

fn story(steps: Vec<StepStatus>) -> TxStory {
    TxStory {
        id: "ab".repeat(32),
        kind: Some(ItemKind::Tx),
        bytes: Some(300),
        complete_since_unix_us: BEGIN,
        settings: WaitSettings {
            strategy: "inventory".to_owned(),
            answer_ms: 5_000,
            trickle_outbound_ms: 1_000,
            trickle_inbound_ms: 2_000,
            batch_ms: 0,
        },
        links: vec![
            link("0.1", "AAAAAA", Direction::Inbound),
            link("1.1", "BBBBBB", Direction::Outbound),
            link("2.1", "CCCCCC", Direction::Inbound),
            link("3.1", "DDDDDD", Direction::Inbound),
        ],
        steps,
    }
}

#[test]
fn a_stalled_item_is_told_with_what_it_waited_for() {
    let reserve = StepStatus {
        waits_for: Some(WaitStatus::Request("0.1".to_owned())),
        ..step(200, "1.1", StepName::Heard, "kept")
    };
    let text = tx::tell(&story(vec![
        step(0, "0.1", StepName::Heard, "asked"),
        step(0, "0.1", StepName::Asked, ""),
        reserve,
        step(5_000, "0.1", StepName::Expired, ""),
        step(5_000, "1.1", StepName::Asked, ""),
        step(5_050, "1.1", StepName::Arrived, ""),
        step(5_051, "1.1", StepName::Checking, ""),
        step(5_053, "1.1", StepName::Accepted, ""),
        step(5_500, "2.1", StepName::Told, "batch"),
        step(5_500, "3.1", StepName::Told, "batch"),
        step(5_600, "2.1", StepName::Sent, "answer"),
    ]));
    let expected = "\
tx abababababababababababababababababababababababababababababababab
300 bytes, kept by this node; its story begins at 2024-11-21 09:06:41.000000 UTC

        +0.0 ms  12D3KooWAAAAAA (inbound, 127.0.0.1:4001) announced it
        +0.0 ms  asked 12D3KooWAAAAAA for it
      +200.0 ms  12D3KooWBBBBBB (outbound, 127.0.0.1:4001) announced it; kept in reserve, because 12D3KooWAAAAAA was being asked
    +5,000.0 ms  12D3KooWAAAAAA had 5,000.0 ms and did not deliver: the request ran out
    +5,000.0 ms  asked 12D3KooWBBBBBB instead, as the next announcer (outbound ones go first)
    +5,050.0 ms  12D3KooWBBBBBB sent it, 50.0 ms after it was asked
    +5,051.0 ms  its signatures went to be checked
    +5,053.0 ms  accepted; checking took 2.0 ms
    +5,500.0 ms  announced to 12D3KooWCCCCCC (inbound, 127.0.0.1:4001), 12D3KooWDDDDDD (inbound, 127.0.0.1:4001), after 447.0 ms in the trickle (mean 2000 ms, shared by inbound peers)
    +5,600.0 ms  12D3KooWCCCCCC asked for it and was sent it

In short: accepted 5,053.0 ms after it was first heard of. 5,000.0 ms of that went into 1 request in vain. 2 peers announced it, 2 peers were told, 1 peer asked this node for it.
";
    assert_eq!(text, expected);
}

#[test]
fn a_staller_that_gives_way_counts_as_time_lost() {
    let text = tx::tell(&story(vec![
        step(0, "0.1", StepName::Heard, "asked"),
        step(0, "0.1", StepName::Asked, ""),
        step(30, "1.1", StepName::Heard, "asked"),
        step(30, "1.1", StepName::Asked, ""),
        step(70, "1.1", StepName::Arrived, ""),
        step(70, "1.1", StepName::Accepted, ""),
    ]));
    let instead = "asked 12D3KooWBBBBBB instead, because whoever was being asked has let requests run out before";
    assert!(text.contains(instead), "{text}");
    assert!(text.contains("30.0 ms of that went into 1 request in vain"), "{text}");
}

#[test]
fn an_item_that_never_came_says_so() {
    let told = |steps| tx::tell(&story(steps)).lines().last().unwrap().to_owned();
    let open =
        || vec![step(0, "0.1", StepName::Heard, "asked"), step(0, "0.1", StepName::Asked, "")];
    assert!(told(open()).contains("not here yet; 12D3KooWAAAAAA is being asked"));
    let mut gone = open();
    gone.push(step(70, "0.1", StepName::NotFound, ""));
    assert!(
        told(gone).contains("given up until somebody does. 70.0 ms of that"),
        "it should say so"
    );
    let refused = vec![
        step(0, "0.1", StepName::Arrived, ""),
        step(0, "0.1", StepName::Rejected, "bad-signature"),
    ];
    assert!(told(refused).contains("not accepted: it breaks the rule bad-signature"));
}

#[test]
fn whoever_was_sent_an_item_whole_counts_in_the_summary() {
    let pushed = |link| step(10, link, StepName::Sent, "now");
    let mut steps = vec![step(0, "", StepName::Submitted, ""), step(5, "", StepName::Accepted, "")];
    let told =
        |steps: &[StepStatus]| tx::tell(&story(steps.to_vec())).lines().last().unwrap().to_owned();
    let end = " 0 peers announced it, 0 peers were told, 0 peers asked this node for it.";
    assert!(told(&steps).ends_with(end), "{}", told(&steps));
    steps.extend(["0.1", "1.1"].map(pushed));
    let text = tx::tell(&story(steps.clone()));
    assert!(text.contains("sent whole to 12D3KooWAAAAAA (inbound"), "{text}");
    let end = " 0 peers announced it, 2 peers were sent it whole, 0 peers asked this node for it.";
    assert!(told(&steps).ends_with(end), "{}", told(&steps));
    steps.push(step(20, "2.1", StepName::Told, "now"));
    steps.push(step(30, "2.1", StepName::Sent, "answer"));
    let end = " 0 peers announced it, 1 peer was told, 2 peers were sent it whole, 1 peer asked this node for it.";
    assert!(told(&steps).ends_with(end), "{}", told(&steps));
}

#[test]
fn a_conflict_is_told_with_the_rival_and_what_would_replace_it() {
    let refusal = |least_fee| StepStatus {
        rival: Some(Rival { id: tidings_protocol::ground::item::Hash256([7; 32]), least_fee }),
        ..step(0, "", StepName::Rejected, "conflicts-with-pool")
    };
    let told = |least_fee| {
        tx::tell(&story(vec![step(0, "", StepName::Submitted, ""), refusal(least_fee)]))
    };
    let rival = "07".repeat(32);
    let sentence = format!(
        "rejected (conflicts-with-pool): it conflicts with {rival}, which was first; with a fee of 51 or more it would \
         replace that one\n"
    );
    assert!(told(Some(51)).contains(&sentence), "{}", told(Some(51)));
    assert!(told(None).contains("which was first; no fee would make it replace that one\n"));
}

/// What is told of a peer with one link.
fn told_of(dealings: DealingsStatus) -> String {
    peer::tell(&PeerStory {
        peer_id: "12D3KooWAAAAAAabcdefgh".to_owned(),
        complete_since_unix_us: BEGIN,
        links: vec![dealings],
    })
}

fn dealings(totals: TotalsStatus, steps: Vec<StepStatus>) -> DealingsStatus {
    DealingsStatus {
        link: link("0.1", "AAAAAA", Direction::Inbound),
        offences: 0,
        last_offence: None,
        excess: ExcessStatus::default(),
        totals,
        steps,
    }
}

fn about(item: &str, step: StepStatus) -> StepStatus {
    StepStatus { item: Some(item.to_owned()), ..step }
}

#[test]
fn a_peer_that_never_delivers_is_called_what_it_is() {
    let totals = TotalsStatus {
        announced: 40,
        announced_news: 9,
        asked: 4,
        expired: 4,
        ..TotalsStatus::default()
    };
    let steps = vec![about("abcd", step(5_000, "0.1", StepName::Expired, ""))];
    let dealings = DealingsStatus {
        offences: 1,
        last_offence: Some("sent an item that was not asked for".to_owned()),
        ..dealings(totals, steps)
    };
    let text = told_of(dealings.clone());
    for sentence in [
        "it was asked for 4: 0 delivered, 4 ran out of time, 0 asked elsewhere instead, 0 \"not found\", 0 open",
        "It announces and does not deliver",
        "it misbehaved 1 time; the last time it sent an item that was not asked for",
        "09:06:46.000000  did not deliver abcd in time",
    ] {
        assert!(text.contains(sentence), "{text}");
    }
    let totals = TotalsStatus { answered: 3, asked: 7, ..totals };
    let text = told_of(DealingsStatus { totals, ..dealings });
    assert!(!text.contains("does not deliver"), "{text}");
}

#[test]
fn spans_are_readable() {
    let shown = [0, 49, 50, 999_950, 1_234_567_890].map(millis);
    assert_eq!(shown, ["0.0", "0.0", "0.1", "1,000.0", "1,234,567.9"]);
    assert_eq!(utc(951_782_400_000_001), "2000-02-29 00:00:00.000001 UTC");
}

#[test]
fn what_a_peers_budgets_cost_it_is_told() {
    let excess = ExcessStatus {
        overrun: [("announcements".to_owned(), 3), ("messages".to_owned(), 1)].into(),
        announcements_unseen: 1_200,
        slowed_us: 1_500_000,
    };
    let steps = vec![
        step(10, "0.1", StepName::OverBudget, "announcements"),
        about("abcd", step(10, "0.1", StepName::Heard, "over-budget")),
    ];
    let within = dealings(TotalsStatus::default(), steps);
    let text = told_of(DealingsStatus { excess, ..within.clone() });
    for sentence in [
        "what its budgets (params.budgets) cost it: 3 times over `announcements`, 1 time over `messages`, \
         1200 announced items not looked at, nothing read from it for 1,500.0 ms",
        "overran its budget of `announcements`",
        "announced abcd (not looked at: over its budget)",
    ] {
        assert!(text.contains(sentence), "{text}");
    }
    assert!(!told_of(within).contains("params.budgets"));
}

#[test]
fn waits_for_the_budget_and_the_end_in_the_pool_are_told() {
    let text = tx::tell(&story(vec![
        step(0, "", StepName::Submitted, ""),
        step(0, "", StepName::Accepted, ""),
        step(0, "", StepName::Delayed, ""),
        step(300, "", StepName::Released, ""),
        step(900, "1.1", StepName::Told, "batch"),
        step(5_000, "", StepName::Left, "evicted"),
    ]));
    for sentence in [
        "not announced yet: this node has announced as much as it may, and what pays most goes first",
        "+300.0 ms  the budget lets it be announced, after 300.0 ms",
        "it left the pool: others pay more, and it was full (params.memory.pool_max_bytes)",
        "It left the pool 5,000.0 ms later (evicted).",
    ] {
        assert!(text.contains(sentence), "{text}");
    }
}

#[test]
fn an_orphan_that_came_back_is_accepted_only_with_its_parents() {
    let mut steps = vec![
        step(0, "", StepName::Restored, ""),
        step(0, "", StepName::Orphaned, ""),
        step(100, "1.1", StepName::Heard, "over-budget"),
    ];
    assert!(tx::tell(&story(steps.clone())).contains("In short: not here."));
    steps.push(step(700, "", StepName::Accepted, ""));
    let text = tx::tell(&story(steps));
    assert!(text.contains("In short: accepted 700.0 ms after"), "{text}");
    assert!(text.contains("not looked at: that peer announces more than it may"), "{text}");
}

#[test]
fn a_wait_for_peers_is_told_as_one_and_not_as_the_trickle() {
    let mut alone = story(vec![
        step(0, "", StepName::Submitted, ""),
        step(2, "", StepName::Accepted, ""),
        step(2, "", StepName::Alone, ""),
        step(60_402, "0.1", StepName::Told, "batch"),
        step(65_002, "1.1", StepName::Told, "gap"),
        step(900_000, "", StepName::Submitted, ""),
        step(900_000, "", StepName::Again, ""),
        step(900_300, "0.1", StepName::Told, "batch"),
    ]);
    for (link, up_ms) in alone.links.iter_mut().zip([60_002, 65_002]) {
        link.up_unix_us = BEGIN + up_ms * 1_000;
    }
    let text = tx::tell(&alone);
    for sentence in [
        "+2.0 ms  no peer is there that could be told of it",
        "which came 60,000.0 ms after it, after 400.0 ms in the trickle (mean 2000 ms, shared by inbound peers)",
        "which came 65,000.0 ms after it, because its digest lacked it",
        "+900,000.0 ms  it is announced again, also to those who were told and didn't ask",
        "announced to 12D3KooWAAAAAA, after 300.0 ms in the trickle",
    ] {
        assert!(text.contains(sentence), "{sentence}: {text}");
    }
}
