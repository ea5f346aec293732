//! `tidings peers` and `tidings addresses`: with whom the node is linked, and with whom it might be.

use std::fmt::Write as _;
use std::process::ExitCode;

use tidings_protocol::ground::link::Direction;

use super::Folder;
use super::args::{PeersArgs, WideArgs};
use super::output::terminal_width;
use super::show::{bytes, duration};
use super::table::{self, Column};
use crate::api::peers::{BudgetStatus, Keeps, PassedStatus, PlaceStatus};
use crate::api::{AddressStatus, PeerStatus};
use crate::cli::error::Error;

pub(super) fn peers(folder: &Folder, args: &PeersArgs) -> Result<ExitCode, Error> {
    let peers = folder.ask(&args.remote, async |client| client.peers().await)?;
    let list = &peers.peers;
    let width = terminal_width().filter(|_| !args.wide);
    folder.output.print(&peers, || match args.level {
        None => describe_peers(list, LEVEL_MAX, width),
        Some(0) => describe_counts(list),
        Some(level) => format!("{}\n{}", describe_peers(list, level, None), describe_counts(list)),
    })?;
    Ok(ExitCode::SUCCESS)
}

/// All that there is to show of peers.
const LEVEL_MAX: u8 = 4;

/// From which level on a column is shown, in the order of [`PEER_COLUMNS`]: as `bitcoin-cli -netinfo` has them, what passes first, then
/// addresses, then who it is, then everything.
const LEVELS: [u8; 17] = [1, 1, 2, 1, 1, 1, 1, 1, 1, 1, 4, 1, 4, 1, 4, 3, 3];

const COUNT_COLUMNS: [Column; 4] = [
    Column { title: "LINKS", number: false, rank: 0 },
    Column { title: "IN", number: true, rank: 0 },
    Column { title: "OUT", number: true, rank: 0 },
    Column { title: "ALL", number: true, rank: 0 },
];

/// How many peers there are, and how far away.
fn describe_counts(peers: &[PeerStatus]) -> String {
    let row = |name: &str, fits: fn(&PeerStatus) -> bool| {
        let of = |direction| {
            peers.iter().filter(|peer| fits(peer) && peer.direction == direction).count()
        };
        let (inbound, outbound) = (of(Direction::Inbound), of(Direction::Outbound));
        let counts = [inbound, outbound, inbound + outbound].map(|count| count.to_string());
        [&[name.to_owned()][..], &counts].concat()
    };
    let rows = [
        row("all", |_| true),
        row("for blocks alone", |peer| peer.only_blocks),
        row("that compare alone", |peer| peer.only_compares),
    ];
    let mut text = table::render(&COUNT_COLUMNS, &rows, None);
    let mut round_trips: Vec<f64> = peers.iter().filter_map(|peer| peer.rtt_ms).collect();
    round_trips.sort_by(f64::total_cmp);
    if let [least, .., most] = round_trips[..] {
        let middle = round_trips[round_trips.len() / 2];
        let _ = writeln!(
            text,
            "round trips: {least:.1} ms at least, {middle:.1} in the middle, {most:.1} at most"
        );
    }
    text
}

const PEER_COLUMNS: [Column; 17] = [
    Column { title: "LINK", number: false, rank: 0 },
    Column { title: "DIRECTION", number: false, rank: 1 },
    Column { title: "ADDRESS", number: false, rank: 0 },
    Column { title: "CONNECTED", number: true, rank: 4 },
    Column { title: "RTT", number: true, rank: 2 },
    Column { title: "PLACE", number: false, rank: 3 },
    Column { title: "TOLD US", number: true, rank: 7 },
    Column { title: "SENT US", number: true, rank: 8 },
    Column { title: "IN", number: true, rank: 5 },
    Column { title: "OUT", number: true, rank: 6 },
    Column { title: "BUDGETS", number: false, rank: 9 },
    Column { title: "ASKED", number: true, rank: 10 },
    Column { title: "OPEN", number: true, rank: 11 },
    Column { title: "UNASKED", number: true, rank: 12 },
    Column { title: "QUEUED", number: true, rank: 13 },
    Column { title: "NETWORK", number: false, rank: 14 },
    Column { title: "PEER", number: false, rank: 15 },
];

/// Who dialled, and what the link is for if not for everything.
fn kind_of(peer: &PeerStatus) -> String {
    let what = match (peer.only_compares, peer.only_blocks) {
        (true, _) => ", compares",
        (_, true) => ", blocks",
        (false, false) => "",
    };
    format!("{}{what}", peer.direction)
}

/// What becomes of a link's place, and why.
fn place_of(place: &PlaceStatus) -> String {
    let what = match place.keeps {
        Keeps::Protected => "kept",
        Keeps::Ordinary => "ordinary",
        Keeps::Useless => "goes next",
        Keeps::Passing => "passing",
        Keeps::Loose => "loose",
        Keeps::First => "goes first",
    };
    place.why.as_ref().map_or_else(|| what.to_owned(), |why| format!("{what}: {why}"))
}

/// The budget of which least is left, if any is half spent or more.
fn budget_of<'a>(budgets: impl Iterator<Item = (&'a String, &'a BudgetStatus)>) -> String {
    let share = |budget: &BudgetStatus| match budget.burst {
        burst if burst > 0.0 => budget.left as f64 / burst,
        _ => 1.0,
    };
    let least = budgets.min_by(|(_, a), (_, b)| share(a).total_cmp(&share(b)));
    match least {
        Some((name, budget)) if budget.debt_ms > 0 => {
            format!("{name} in debt for {:.1} s", budget.debt_ms as f64 / 1_000.0)
        }
        Some((name, budget)) if share(budget) <= 0.5 => {
            format!("{name} {:.0} %", 100.0 * share(budget))
        }
        _ => "full".to_owned(),
    }
}

fn describe_peers(peers: &[PeerStatus], level: u8, width: Option<usize>) -> String {
    if peers.is_empty() {
        return "no peers yet\n".to_owned();
    }
    let unknown = || "-".to_owned();
    let row = |peer: &PeerStatus| {
        let addr = peer.remote.or(peer.advertise).map(|addr| addr.to_string());
        let passed =
            |of: fn(&PassedStatus) -> String| peer.passed.as_ref().map_or_else(unknown, of);
        vec![
            peer.link.clone(),
            kind_of(peer),
            addr.unwrap_or_else(unknown),
            duration(peer.connected_s),
            peer.rtt_ms.map_or_else(unknown, |rtt_ms| format!("{rtt_ms:.1} ms")),
            peer.place.as_ref().map_or_else(unknown, place_of),
            passed(|passed| passed.announced.to_string()),
            passed(|passed| passed.received.to_string()),
            passed(|passed| bytes(passed.received_bytes)),
            passed(|passed| bytes(passed.sent_bytes)),
            // Credit to announce is granted in portions, and is no sign of anything while there is some.
            budget_of(peer.budgets.iter().filter(|(name, _)| *name != "announcements")),
            passed(|passed| passed.requested.to_string()),
            peer.in_flight.to_string(),
            passed(|passed| passed.unsolicited.to_string()),
            bytes(peer.queued_bytes as u64),
            peer.group.clone().unwrap_or_else(unknown),
            peer.peer_id.clone(),
        ]
    };
    let shown: Vec<usize> = (0..LEVELS.len()).filter(|&at| LEVELS[at] <= level).collect();
    let columns: Vec<Column> = shown.iter().map(|&at| PEER_COLUMNS[at]).collect();
    let cut = |row: Vec<String>| shown.iter().map(|&at| row[at].clone()).collect();
    table::render(&columns, &peers.iter().map(row).map(cut).collect::<Vec<_>>(), width)
}

pub(super) fn addresses(folder: &Folder, args: &WideArgs) -> Result<ExitCode, Error> {
    let addresses = folder.ask(&args.remote, async |client| client.addresses().await)?;
    let width = terminal_width().filter(|_| !args.wide);
    folder.output.print(&addresses, || describe_addresses(&addresses.addresses, width))?;
    Ok(ExitCode::SUCCESS)
}

const ADDRESS_COLUMNS: [Column; 9] = [
    Column { title: "ADDRESS", number: false, rank: 0 },
    Column { title: "TABLE", number: false, rank: 1 },
    Column { title: "LINKED", number: false, rank: 2 },
    Column { title: "NETWORK", number: false, rank: 5 },
    Column { title: "TOLD BY", number: false, rank: 8 },
    Column { title: "FAILURES", number: true, rank: 3 },
    Column { title: "DIALLED", number: true, rank: 6 },
    Column { title: "REACHED", number: true, rank: 4 },
    Column { title: "REST", number: true, rank: 7 },
];

/// The addresses that were reached first, and of each sort in the order of the book.
fn describe_addresses(addresses: &[AddressStatus], width: Option<usize>) -> String {
    if addresses.is_empty() {
        return "no address is known\n".to_owned();
    }
    let ago = |seconds: Option<f64>| {
        seconds.map_or_else(|| "-".to_owned(), |seconds| format!("{} ago", duration(seconds)))
    };
    let row = |one: &AddressStatus| {
        let rest = if one.retry_s > 0.0 { duration(one.retry_s) } else { "-".to_owned() };
        vec![
            one.addr.to_string(),
            if one.tried { "tried" } else { "new" }.to_owned(),
            if one.connected { "yes" } else { "no" }.to_owned(),
            one.group.clone().unwrap_or_else(|| "-".to_owned()),
            one.source.clone(),
            one.failures.to_string(),
            ago(one.attempted_s),
            ago(one.reached_s),
            rest,
        ]
    };
    let (tried, new): (Vec<_>, Vec<_>) = addresses.iter().partition(|one| one.tried);
    let rows: Vec<_> = tried.into_iter().chain(new).map(row).collect();
    table::render(&ADDRESS_COLUMNS, &rows, width)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer() -> PeerStatus {
        PeerStatus {
            link: "12.1".to_owned(),
            peer_id: "12D3KooWGRUabcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNO".to_owned(),
            direction: Direction::Outbound,
            remote: Some("203.0.113.117:4000".parse().unwrap()),
            advertise: None,
            group: Some("203.0.0.0/16".to_owned()),
            connected_s: 61.0,
            rtt_ms: Some(12.34),
            in_flight: 3,
            queued_bytes: 2_048,
            only_compares: true,
            only_blocks: false,
            held_bytes: 4_096,
            passed: Some(PassedStatus {
                announced: 12_345,
                requested: 345,
                received: 340,
                received_bytes: 1_234_567,
                sent_bytes: 987,
                ..PassedStatus::default()
            }),
            budgets: [
                ("requests".to_owned(), BudgetStatus { left: 10, burst: 100.0, debt_ms: 0 }),
                ("messages".to_owned(), BudgetStatus { left: 99, burst: 100.0, debt_ms: 0 }),
            ]
            .into(),
            place: Some(PlaceStatus {
                keeps: Keeps::Protected,
                why: Some("block".to_owned()),
                links_of_network: None,
                least_rtt_ms: Some(10.0),
                brought_tx_s: Some(1.0),
                brought_block_s: Some(60.0),
                idle_rounds: 0,
                silent_rounds: 0,
            }),
        }
    }

    #[test]
    fn peers_fit_a_narrow_terminal() {
        let wide = describe_peers(&[peer()], LEVEL_MAX, None);
        for cell in
            ["outbound, compares", "12.3 ms", "12D3KooWGRU", "requests 10 %", "203.0.0.0/16"]
        {
            assert!(wide.contains(cell), "{wide}");
        }
        let narrow = describe_peers(&[peer()], LEVEL_MAX, Some(60));
        assert!(narrow.lines().all(|line| line.len() <= 60), "{narrow}");
        assert!(narrow.contains("203.0.113.117:4000"), "{narrow}");
        assert_eq!(describe_peers(&[], LEVEL_MAX, None), "no peers yet\n");
    }

    #[test]
    fn a_usual_terminal_shows_what_a_peer_is_worth() {
        let shown = describe_peers(&[peer()], LEVEL_MAX, Some(120));
        assert!(shown.lines().all(|line| line.len() <= 120), "{shown}");
        for cell in ["outbound, compares", "1 min 1 s", "kept: block", "12345", "1.1 MiB", "987 B"]
        {
            assert!(shown.contains(cell), "{shown}");
        }
        let shown = describe_peers(&[peer()], LEVEL_MAX, Some(100));
        assert!(shown.contains("kept: block") && shown.contains("1.1 MiB"), "{shown}");
    }

    #[test]
    fn each_level_shows_what_the_one_before_does_and_more() {
        let shown = |level| describe_peers(&[peer()], level, None);
        let words = |text: &str| text.lines().next().unwrap().split_whitespace().count();
        let counts: Vec<usize> = (1..=LEVEL_MAX).map(|level| words(&shown(level))).collect();
        assert!(counts.is_sorted_by(|a, b| a < b), "{counts:?}");
        assert!(!shown(1).contains("203.0.113.117") && shown(2).contains("203.0.113.117"));
        assert!(!shown(2).contains("12D3KooWGRU") && shown(3).contains("12D3KooWGRU"));
        assert!(!shown(3).contains("BUDGETS") && shown(4).contains("BUDGETS"));
    }

    #[test]
    fn peers_are_counted_by_who_dialled_and_what_for() {
        let inbound = PeerStatus {
            direction: Direction::Inbound,
            only_compares: false,
            rtt_ms: Some(1.0),
            ..peer()
        };
        let text = describe_counts(&[peer(), inbound]);
        let squeezed: Vec<String> = text
            .lines()
            .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
            .collect();
        let expected = [
            "LINKS IN OUT ALL",
            "all 1 1 2",
            "for blocks alone 0 0 0",
            "that compare alone 0 1 1",
            "round trips: 1.0 ms at least, 12.3 in the middle, 12.3 at most",
        ];
        assert_eq!(squeezed, expected);
        assert!(describe_counts(&[]).contains("all"));
    }

    #[test]
    fn what_is_least_left_of_budgets_is_said() {
        let budget = |left, debt_ms| BudgetStatus { left, burst: 100.0, debt_ms };
        let named = |name: &str, budget| [(name.to_owned(), budget)].into();
        let say = |budgets: std::collections::BTreeMap<_, _>| budget_of(budgets.iter());
        assert_eq!(say(named("txs", budget(90, 0))), "full");
        assert_eq!(say(named("txs", budget(25, 0))), "txs 25 %");
        assert_eq!(say(named("txs", budget(0, 1_500))), "txs in debt for 1.5 s");
        assert_eq!(budget_of([].into_iter()), "full");
    }

    #[test]
    fn addresses_tell_what_became_of_them() {
        let heard = crate::api::peers::example();
        let reached = AddressStatus {
            addr: "203.0.113.7:4000".parse().unwrap(),
            tried: true,
            connected: true,
            reached_s: Some(3_700.0),
            failures: 0,
            retry_s: 0.0,
            ..heard.clone()
        };
        let text = describe_addresses(&[heard, reached], None);
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines[1].contains("203.0.113.7:4000   tried  yes"), "{text}");
        assert!(lines[1].contains("1 h 1 min ago"), "{text}");
        assert!(lines[2].contains("new    no") && lines[2].ends_with("30 s"), "{text}");
        let narrow = describe_addresses(&[], Some(40));
        assert_eq!(narrow, "no address is known\n");
    }
}
