//! Whole screens of a made-up node, and keys.

use std::fs;

use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::style::{Color, Modifier};
use tidings_protocol::ground::item::{Hash256, ItemKind};
use tidings_protocol::ground::link::Direction;

use super::draw::draw;
use super::keys::Wish;
use super::view::{Fate, Mode, PEERS_MAX, Pane, Presence, Snapshot, Sort, Update, View};
use crate::api::chain::{ChainStatus, PoolPage, PoolRow};
use crate::api::peers::{Keeps, PassedStatus, PlaceStatus};
use crate::api::{
    LinkName, NodeEvent, Notice, PeerStatus, Status, Streamed, TrafficStatus, What, status,
};
use crate::printable;

fn peer(number: u32, seconds: u32) -> PeerStatus {
    let n = u64::from(number) + 1;
    let passed = PassedStatus {
        announced: 40 * n * u64::from(seconds),
        requested: 3 * n * u64::from(seconds),
        received: 3 * n * u64::from(seconds),
        unsolicited: u64::from(number == 2),
        told: 7 * n,
        sent: 2 * n,
        received_bytes: 1_500 * n * u64::from(seconds),
        sent_bytes: 700 * 20_u64.saturating_sub(n) * u64::from(seconds),
    };
    let direction = if number.is_multiple_of(3) { Direction::Inbound } else { Direction::Outbound };
    PeerStatus {
        link: format!("{number}.1"),
        peer_id: format!("12D3KooW{}", format!("{number:02}abcdefghijklmnopqrstuvw").repeat(2)),
        direction,
        remote: Some(format!("203.0.113.{}:4000", 10 + number % 200).parse().unwrap()),
        advertise: None,
        group: Some("203.0.0.0/16".to_owned()),
        connected_s: f64::from(seconds) + 1_000.0 * f64::from(number),
        rtt_ms: (number != 4).then(|| 90.0 - 7.5 * f64::from(number)),
        in_flight: 1,
        queued_bytes: 2_048,
        only_compares: false,
        only_blocks: false,
        held_bytes: 0,
        passed: Some(passed),
        budgets: [].into(),
        place: Some(PlaceStatus {
            keeps: if number == 1 { Keeps::Useless } else { Keeps::Protected },
            why: Some(if number == 1 { "idle" } else { "tx" }.to_owned()),
            links_of_network: None,
            least_rtt_ms: None,
            brought_tx_s: None,
            brought_block_s: None,
            idle_rounds: 0,
            silent_rounds: 0,
        }),
    }
}

/// What the node tells so many seconds after it began to be looked at.
fn snapshot(seconds: u32) -> Update {
    let s = u64::from(seconds);
    let traffic = |messages: u64, bytes: u64| TrafficStatus {
        sent_messages: 2 * messages * s,
        sent_bytes: 2 * bytes * s,
        received_messages: messages * s,
        received_bytes: bytes * s,
    };
    let id = Hash256([0xcc; 32]);
    let status = Status {
        peer_id: peer(19, 0).peer_id,
        strategy: "adaptive".to_owned(),
        uptime_s: 7_200.0 + f64::from(seconds),
        traffic: [
            ("announce".to_owned(), traffic(30, 1_200)),
            ("get-data".to_owned(), traffic(4, 160)),
            ("transaction".to_owned(), traffic(20, 6_000)),
            ("ping".to_owned(), TrafficStatus { sent_messages: 5, ..TrafficStatus::default() }),
        ]
        .into(),
        counters: [("accepted".to_owned(), 20 * s), ("rejected".to_owned(), s)].into(),
        chain: Some(ChainStatus {
            tip: id,
            height: 12,
            best_header: id,
            best_height: 14,
            headers: 15,
        }),
        cpu_s: 0.04 * f64::from(seconds),
        ..status::example()
    };
    let row = |number: u8| PoolRow {
        id: Hash256([number; 32]),
        bytes: 250 + usize::from(number),
        fee_rate: 1_000 * (40 - u64::from(number)),
        expires_s: None,
        own: number == 3,
    };
    let pool = PoolPage {
        items: (1..30).map(row).collect(),
        count: 1_234,
        bytes: 400_000,
        min_fee_rate: 1_500,
        next: None,
    };
    let peers = (0..8).map(|number| peer(number, seconds)).collect();
    Update::Snapshot(Box::new(Snapshot { status, peers, pool }))
}

fn told(second: u64, what: What) -> Update {
    let unix_us = 1_700_000_000_000_000 + second * 1_000_000;
    Update::Told(Streamed::Event(NodeEvent { unix_us, what }))
}

fn link(number: u32) -> LinkName {
    let PeerStatus { link, peer_id: peer, .. } = peer(number, 0);
    LinkName { link, peer }
}

fn accepted(number: u8) -> What {
    let ingress = (number != 5).then(|| link(u32::from(number) % 8));
    What::Accepted { id: Hash256([number; 32]), kind: ItemKind::Tx, bytes: 300, ingress }
}

/// A node with something in each pane.
fn made_up() -> View {
    let mut view = View::new(true);
    view.take(snapshot(1));
    view.take(snapshot(3));
    for number in 1..20 {
        view.take(told(number.into(), accepted(number)));
    }
    let rule = "bad-signature".into();
    let (id, kind) = (Hash256([40; 32]), ItemKind::Tx);
    view.take(told(21, What::Rejected { id, kind, rule, rival: None, ingress: Some(link(2)) }));
    view.take(told(22, What::Orphaned { id: Hash256([41; 32]) }));
    view.take(told(23, What::Left { id: Hash256([19; 32]), why: "confirmed".into() }));
    let up = What::LinkUp { link: link(7), direction: Direction::Outbound, advertise: None };
    view.take(told(24, up));
    let offence = "it sent what nobody asked for".to_owned();
    view.take(told(25, What::Misbehaved { link: link(2), offence }));
    view.take(Update::Told(Streamed::Notice(Notice::Lost { count: Some(12) })));
    view.take(told(26, What::BlockConnected { id: Hash256([50; 32]), height: 12 }));
    let why = "connection refused".to_owned();
    view.take(told(27, What::DialFailed { addr: "198.51.100.7:4000".parse().unwrap(), why }));
    view
}

fn terminal(view: &View, columns: u16, rows: u16) -> Terminal<TestBackend> {
    let mut terminal = Terminal::new(TestBackend::new(columns, rows)).unwrap();
    terminal.draw(|frame| draw(view, frame.buffer_mut())).unwrap();
    terminal
}

/// What is drawn, as lines.
fn screen(view: &View, columns: u16, rows: u16) -> String {
    let terminal = terminal(view, columns, rows);
    let grid = terminal.backend().buffer();
    let row = |cells: &[ratatui::buffer::Cell]| {
        let line: String = cells.iter().map(ratatui::buffer::Cell::symbol).collect();
        line.trim_end().to_owned() + "\n"
    };
    grid.content().chunks(columns.into()).map(row).collect()
}

/// The row that is looked at.
fn reversed(view: &View) -> String {
    let terminal = terminal(view, 80, 24);
    let cells = terminal.backend().buffer().content().iter();
    let cells = cells.filter(|cell| cell.modifier.contains(Modifier::REVERSED));
    cells.map(ratatui::buffer::Cell::symbol).collect()
}

fn press(view: &mut View, code: KeyCode) -> Option<Wish> {
    view.press(KeyEvent::new(code, KeyModifiers::NONE))
}

fn write(view: &mut View, text: &str) {
    text.chars().for_each(|letter| _ = press(view, KeyCode::Char(letter)));
}

#[test]
fn a_screen_is_what_is_committed_at_80x24_and_at_200x60() {
    for (columns, rows) in [(80, 24), (200, 60)] {
        let path = format!("{}/src/cli/top/tests/{columns}x{rows}.txt", env!("CARGO_MANIFEST_DIR"));
        let shown = screen(&made_up(), columns, rows);
        if std::env::var_os("TIDINGS_RENEW_PAGES").is_some() {
            fs::write(&path, &shown).unwrap();
        }
        let kept = fs::read_to_string(&path).unwrap_or_default();
        assert!(
            shown == kept,
            "renew it with TIDINGS_RENEW_PAGES=1, and look at the difference:\n{shown}"
        );
    }
}

#[test]
fn a_small_screen_has_every_pane_and_what_matters_of_each() {
    let shown = screen(&made_up(), 80, 24);
    for part in [
        "adaptive  up 2h",
        "accepted 20.0/s  rejected 1.0/s  height 12 of 14  CPU 4%",
        "peers",
        "5 out, 3 in, by age",
        "203.0.113.17:4000",
        "transaction      20.0   6.0k   40.0    12k",
        "1234 tx, 390.6 KiB",
        "rejected: bad",
        "block-connected",
        "? help",
    ] {
        assert!(shown.contains(part), "{part}:\n{shown}");
    }
    assert_eq!(shown.lines().count(), 24);
}

#[test]
fn a_large_screen_has_what_a_small_one_leaves_out() {
    let shown = screen(&made_up(), 200, 60);
    for part in [
        "12D3KooW07abcd",
        "kept: tx",
        "goes next: idle",
        "203.0.0.0/16",
        "UNASKED",
        "waits for its parents",
        "confirmed",
        "lost: 12 events",
        "it sent what nobody asked for",
        "198.51.100.7:4000: connection refused",
    ] {
        assert!(shown.contains(part), "{part}:\n{shown}");
    }
}

#[test]
fn what_is_too_small_says_what_it_wants() {
    for (columns, rows) in [(59, 24), (80, 15), (1, 1), (20, 3), (0, 0)] {
        let shown = screen_or_nothing(columns, rows);
        assert!(columns < 20 || shown.replace('\n', " ").contains("60x16"), "{shown}");
    }
    assert!(screen(&made_up(), 60, 16).contains("peers"), "this is enough");
}

fn screen_or_nothing(columns: u16, rows: u16) -> String {
    if columns == 0 { String::new() } else { screen(&made_up(), columns, rows) }
}

#[test]
fn any_size_is_drawn_in_every_mode() {
    let mut view = made_up();
    for key in ["", "?", "q", "z", "/", "2"] {
        let before = view.mode.clone();
        write(&mut view, key);
        for columns in (60..220).step_by(7) {
            for rows in (16..70).step_by(5) {
                screen(&view, columns, rows);
            }
        }
        view.mode = before;
    }
}

#[test]
fn peers_are_sorted_by_what_the_user_likes_and_the_other_way_around() {
    let mut view = made_up();
    let first = |view: &View| view.rows(Pane::Peers)[0].key.clone();
    assert_eq!((view.sort, first(&view).as_str()), (Sort::Age, "7.1"), "who is here longest");
    let mut seen = Vec::new();
    for _ in Sort::ALL {
        press(&mut view, KeyCode::Char('s'));
        seen.push((view.sort, first(&view)));
    }
    let seen: Vec<_> = seen.iter().map(|(sort, link)| (*sort, link.as_str())).collect();
    let expected = [
        (Sort::RoundTrip, "7.1"),
        (Sort::Told, "7.1"),
        (Sort::Asked, "7.1"),
        (Sort::Sent, "7.1"),
        (Sort::Unasked, "2.1"),
        (Sort::In, "7.1"),
        (Sort::Out, "0.1"),
        (Sort::Age, "7.1"),
    ];
    assert_eq!(seen, expected);
    press(&mut view, KeyCode::Char('S'));
    assert_eq!(first(&view), "0.1");
    assert!(screen(&view, 80, 24).contains("by age, turned around"));
}

#[test]
fn a_filter_shows_what_contains_it_in_its_own_pane() {
    let mut view = made_up();
    write(&mut view, "/.12:");
    assert!(screen(&view, 80, 24).contains("show only what contains: .12:_"));
    press(&mut view, KeyCode::Enter);
    let shown = screen(&view, 80, 24);
    assert!(shown.contains("peers with `.12:`") && shown.contains("203.0.113.12:4000"), "{shown}");
    assert!(!shown.contains("203.0.113.13:4000"), "{shown}");
    assert_eq!(view.rows(Pane::Items).len(), 21, "other panes have their own");
    press(&mut view, KeyCode::Esc);
    assert_eq!(view.rows(Pane::Peers).len(), 8);
    write(&mut view, "/zzz");
    assert!(screen(&view, 80, 24).contains("nothing fits the filter"));
    press(&mut view, KeyCode::Esc);
    assert_eq!(view.rows(Pane::Peers).len(), 8);
    write(&mut view, "/");
    write(&mut view, &"x".repeat(1_000));
    assert!(view.filters[&Pane::Peers].len() <= 64);
}

#[test]
fn a_peer_is_banned_or_disconnected_only_after_a_yes() {
    let mut view = made_up();
    assert_eq!(press(&mut view, KeyCode::Char('b')), None);
    let shown = screen(&view, 80, 24);
    assert!(shown.contains("ban 12D3KooW07abcd for a day? (y/n)"), "{shown}");
    assert_eq!(press(&mut view, KeyCode::Char('n')), None);
    assert!(screen(&view, 80, 24).contains("nothing was done"));
    press(&mut view, KeyCode::Char('b'));
    let peer = peer(7, 0).peer_id;
    assert_eq!(press(&mut view, KeyCode::Char('y')), Some(Wish::Ban(peer)));
    press(&mut view, KeyCode::Down);
    press(&mut view, KeyCode::Char('d'));
    assert!(screen(&view, 80, 24).contains("close link 6.1 with 12D3KooW06abcd? (y/n)"));
    let wish = press(&mut view, KeyCode::Char('y'));
    assert_eq!(wish, Some(Wish::Disconnect("6.1".to_owned())));
    press(&mut view, KeyCode::Tab);
    assert_eq!(press(&mut view, KeyCode::Char('b')), None);
    assert!(screen(&view, 80, 24).contains("go to a peer first"));
    assert!(matches!(view.mode, Mode::Usual));
}

#[test]
fn the_row_that_is_looked_at_stays_when_others_come_and_go() {
    let mut view = made_up();
    assert!(reversed(&view).starts_with("7.1"));
    press(&mut view, KeyCode::Down);
    press(&mut view, KeyCode::Down);
    assert!(reversed(&view).starts_with("5.1"), "{}", reversed(&view));
    view.sort = Sort::Out;
    assert!(reversed(&view).starts_with("5.1"), "the same peer, elsewhere");
    press(&mut view, KeyCode::End);
    assert!(reversed(&view).starts_with("7.1"), "{}", reversed(&view));
    // It is gone: the row that is in its place is looked at.
    let Update::Snapshot(mut without) = snapshot(4) else { panic!("it is one") };
    without.peers.retain(|peer| peer.link != "7.1");
    view.take(Update::Snapshot(without));
    assert!(reversed(&view).starts_with("6.1"), "{}", reversed(&view));

    press(&mut view, KeyCode::Char('4'));
    assert!(reversed(&view).contains("tx    292929"), "the latest item: {}", reversed(&view));
    view.take(told(60, accepted(99)));
    assert!(reversed(&view).contains("tx    636363"), "it follows the latest");
    press(&mut view, KeyCode::Down);
    view.take(told(61, accepted(98)));
    assert!(reversed(&view).contains("tx    292929"), "and stays where it was put");
}

#[test]
fn an_items_story_is_asked_for_and_read() {
    let mut view = made_up();
    press(&mut view, KeyCode::Char('4'));
    press(&mut view, KeyCode::Down);
    let id = Hash256([40; 32]).to_string();
    assert_eq!(press(&mut view, KeyCode::Enter), Some(Wish::ItemStory(id.clone())));
    assert!(screen(&view, 80, 24).contains("asking the node"));
    view.take(Update::Story("another".to_owned(), Ok("of another".to_owned())));
    assert!(!screen(&view, 80, 24).contains("of another"), "what isn't waited for is left out");
    let lines: Vec<String> = (0..50).map(|number| format!("line {number} \u{1b}[2J")).collect();
    view.take(Update::Story(id, Ok(lines.join("\n"))));
    let shown = screen(&view, 80, 24);
    assert!(shown.contains("line 0 \\u{1b}[2J") && shown.contains("Esc goes back"), "{shown}");
    press(&mut view, KeyCode::End);
    assert!(screen(&view, 80, 24).contains("line 49"));
    press(&mut view, KeyCode::Esc);
    assert!(screen(&view, 80, 24).contains("latest items"));
    press(&mut view, KeyCode::Char('1'));
    assert_eq!(press(&mut view, KeyCode::Enter), Some(Wish::PeerStory("7.1".to_owned())));
    view.take(Update::Story("7.1".to_owned(), Err("no such peer".to_owned())));
    assert!(screen(&view, 80, 24).contains("no such peer"));
}

#[test]
fn long_lines_of_a_story_go_on_in_the_next_row() {
    let mut view = made_up();
    press(&mut view, KeyCode::Enter);
    let story = format!("{} end", "word ".repeat(40));
    view.take(Update::Story("7.1".to_owned(), Ok(story)));
    let shown = screen(&view, 80, 24);
    assert!(shown.contains("\n    word word") && shown.contains("word  end"), "{shown}");
    let letters = "x".repeat(200);
    view.take(Update::Story("7.1".to_owned(), Ok(letters)));
    let shown = screen(&view, 80, 24);
    assert_eq!(shown.matches('x').count(), 200, "{shown}");
}

#[test]
fn a_node_that_goes_away_is_shown_as_such_and_so_is_its_return() {
    let mut view = made_up();
    view.take(Update::Gone("no node answers at /x: refused".to_owned()));
    view.take(Update::Gone("no node answers at /x: refused".to_owned()));
    let shown = screen(&view, 80, 24);
    assert!(shown.contains("THE NODE IS GONE: as it was"), "{shown}");
    assert!(shown.contains("no node answers at /x: refused"), "{shown}");
    assert!(shown.contains("203.0.113.17:4000"), "what it told last stays");
    let gone = |view: &View| view.log.iter().filter(|line| line.text.contains("gone")).count();
    assert_eq!(gone(&view), 1, "it is told once");
    view.take(snapshot(9));
    assert_eq!(view.presence, Presence::Here);
    assert!(screen(&view, 80, 24).contains("the node is back"));
    let mut new = View::new(true);
    assert!(screen(&new, 80, 24).contains("asking the node"));
    new.take(Update::Gone("nobody is there".to_owned()));
    assert!(screen(&new, 80, 24).contains("nobody is there"));
}

#[test]
fn a_node_that_starts_anew_has_rates_of_its_new_life_alone() {
    let mut view = made_up();
    let Update::Snapshot(mut young) = snapshot(1) else { panic!("it is one") };
    young.status.uptime_s = 1.0;
    young.status.traffic.clear();
    young.peers.clear();
    view.take(Update::Snapshot(young));
    assert_eq!((view.totals.rates(), view.flows.len(), view.links.len()), (None, 0, 0));
    assert!(screen(&view, 80, 24).contains("no peers yet"));
}

#[test]
fn without_colours_everything_is_told_all_the_same() {
    let mut view = made_up();
    view.coloured = false;
    let terminal = terminal(&view, 80, 24);
    let grid = terminal.backend().buffer();
    let plain = |cell: &ratatui::buffer::Cell| (cell.fg, cell.bg) == (Color::Reset, Color::Reset);
    assert!(grid.content().iter().all(plain));
    assert!(reversed(&view).starts_with("7.1"), "what is looked at is reversed");
}

#[test]
fn whatever_a_node_tells_moves_no_cursor_and_stays_within_its_bounds() {
    let evil = "a\u{1b}[2J\u{1b}]0;t\u{7}\u{202e}\n\u{9b}31m".repeat(50);
    let mut view = View::new(true);
    let Update::Snapshot(mut bad) = snapshot(1) else { panic!("it is one") };
    bad.status.network.clone_from(&evil);
    bad.status.strategy.clone_from(&evil);
    bad.status.peer_id.clone_from(&evil);
    bad.status.traffic.insert(evil.clone(), TrafficStatus::default());
    bad.status.traffic.extend((0..1_000).map(|n| (format!("k{n}"), TrafficStatus::default())));
    bad.status.uptime_s = f64::NAN;
    bad.status.cpu_s = f64::INFINITY;
    let strange = |number| PeerStatus {
        link: format!("{number}{evil}"),
        peer_id: evil.clone(),
        group: Some(evil.clone()),
        connected_s: f64::NEG_INFINITY,
        rtt_ms: Some(f64::NAN),
        ..peer(number, 1)
    };
    bad.peers = (0..3_000).map(strange).collect();
    view.take(Update::Snapshot(bad));
    for number in 0..2_000_u64 {
        let mut id = [0; 32];
        id[..8].copy_from_slice(&number.to_be_bytes());
        let ingress = Some(LinkName { link: evil.clone(), peer: evil.clone() });
        let (id, kind) = (Hash256(id), ItemKind::Tx);
        view.take(told(number, What::Accepted { id, kind, bytes: u32::MAX, ingress }));
        let down = What::LinkDown { link: link(1), why: Some(evil.clone()) };
        view.take(told(number, down));
    }
    view.take(Update::Said(evil.clone()));
    for pane in Pane::ALL {
        view.focus = pane;
        for zoomed in [false, true] {
            view.zoomed = zoomed;
            let shown = screen(&view, 120, 40);
            let is_good = |letter: char| letter == '\n' || printable::is_plain(letter);
            assert!(shown.chars().all(is_good), "{shown}");
        }
    }
    assert!(view.items.len() <= 500 && view.log.len() <= 500 && view.flows.len() <= 100);
    assert_eq!(view.snapshot.as_ref().unwrap().peers.len(), PEERS_MAX);
    press(&mut view, KeyCode::Char('1'));
    press(&mut view, KeyCode::Enter);
    let of = view.chosen_key(Pane::Peers).unwrap();
    view.take(Update::Story(of, Ok("line\n".repeat(100_000))));
    let Mode::Reading(story) = &view.mode else { panic!("it is read") };
    assert!(story.lines.len() <= 5_000);
}

#[test]
fn an_item_is_there_once_with_what_became_of_it() {
    let mut view = View::new(true);
    let id = Hash256([1; 32]);
    view.take(told(1, What::Orphaned { id }));
    view.take(told(2, accepted(1)));
    view.take(told(3, What::Left { id, why: "evicted".into() }));
    assert_eq!(view.items.len(), 1);
    assert_eq!(view.items[0].fate, Fate::Left("evicted".to_owned()));
    view.take(told(4, What::Returned { id }));
    assert_eq!(view.items[0].fate, Fate::Accepted);
    view.take(told(5, What::Left { id: Hash256([9; 32]), why: "expired".into() }));
    assert_eq!(view.items.len(), 1, "what is unknown isn't listed for having left");
}

#[test]
fn keys_go_through_panes_pause_help_and_end() {
    let mut view = made_up();
    for pane in [Pane::Flows, Pane::Pool, Pane::Items, Pane::Log, Pane::Peers] {
        press(&mut view, KeyCode::Tab);
        assert_eq!(view.focus, pane);
    }
    press(&mut view, KeyCode::BackTab);
    assert_eq!(view.focus, Pane::Log);
    press(&mut view, KeyCode::Char('z'));
    let shown = screen(&view, 80, 24);
    assert!(shown.contains("log") && !shown.contains("peers"), "{shown}");
    press(&mut view, KeyCode::Char('z'));
    press(&mut view, KeyCode::Char('p'));
    assert!(view.paused && screen(&view, 80, 24).contains("PAUSED"));
    press(&mut view, KeyCode::Char('p'));
    press(&mut view, KeyCode::Char('?'));
    assert!(screen(&view, 80, 24).contains("ban the peer for a day, after a question"));
    press(&mut view, KeyCode::Esc);
    assert!(matches!(view.mode, Mode::Usual));
    assert_eq!(press(&mut view, KeyCode::Char('q')), Some(Wish::Quit));
    let with_control = KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL);
    view.mode = Mode::Filtering;
    assert_eq!(view.press(with_control), Some(Wish::Quit), "whatever else keys are for");
}
