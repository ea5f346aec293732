//! What `tidings top` looks like: the whole screen out of what is known, and nothing else.
//!
//! Two lines say how the node is, then come the panes (peers; flows beside the pool; items beside the log), and the last line says what keys
//! do, asks, or tells what came of something. A story, the help, or a pane alone takes the place of the panes.

use std::fmt::Write as _;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::keys::HELP;
use super::paint::Paint;
use super::panes::{age, rate, short};
use super::view::{Mode, Pane, Presence, Story, View, short_peer};
use crate::api::Status;
use crate::cli::args::{COLUMNS_MIN, ROWS_MIN};
use crate::cli::show::bytes;
use tidings_protocol::ground::link::Direction;

/// What the keys are, in the last line: as many as fit.
const KEYS: [&str; 10] = [
    "? help",
    "q quit",
    "Tab pane",
    "Enter story",
    "/ filter",
    "s sort",
    "b ban",
    "d disconnect",
    "p pause",
    "z alone",
];

/// How wide flows are beside the pool.
const FLOWS_WIDTH: u16 = 44;

/// Draws all of it.
pub(super) fn draw(view: &View, grid: &mut Buffer) {
    let area = grid.area;
    let mut paint = Paint { grid, coloured: view.coloured };
    if area.width < COLUMNS_MIN || area.height < ROWS_MIN {
        let (width, height) = (area.width, area.height);
        let text =
            format!("{width}x{height} is too small: tidings top wants {COLUMNS_MIN}x{ROWS_MIN}");
        for (y, line) in (area.y..).zip(wrapped(&text, area.width.max(1).into())) {
            paint.put(area.x, y, area.width, &line, paint.alarm());
        }
        return;
    }
    let line = |y| Rect { y, height: 1, ..area };
    head(view, &mut paint, line(area.y), line(area.y + 1));
    let body = Rect { y: area.y + 2, height: area.height - 3, ..area };
    match &view.mode {
        Mode::Help => help(&mut paint, body),
        Mode::Reading(story) => read(story, &mut paint, body),
        _ if view.zoomed => pane(view, &mut paint, view.focus, body),
        _ => panes(view, &mut paint, body),
    }
    foot(view, &mut paint, line(area.bottom() - 1));
}

fn head(view: &View, paint: &mut Paint<'_>, first: Rect, second: Rect) {
    let (alarm, strong, faint) = (paint.alarm(), paint.strong(), paint.faint());
    let state = match &view.presence {
        Presence::Unknown => "asking the node".to_owned(),
        Presence::Gone(_) => "THE NODE IS GONE: as it was".to_owned(),
        Presence::Here if view.paused => "PAUSED".to_owned(),
        Presence::Here => String::new(),
    };
    let Some(snapshot) = &view.snapshot else {
        paint.ends(first, ("tidings top", strong), (&state, alarm));
        if let Presence::Gone(why) = &view.presence {
            paint.put(second.x, second.y, second.width, why, alarm);
        }
        return;
    };
    let status = &snapshot.status;
    let who = format!(
        "tidings {}  {}  {}  {}  up {}",
        status.version,
        short_peer(&status.peer_id),
        status.network,
        status.strategy,
        age(status.uptime_s)
    );
    paint.ends(first, (&who, strong), (&state, alarm));
    match &view.presence {
        Presence::Gone(why) => drop(paint.put(second.x, second.y, second.width, why, alarm)),
        _ => drop(paint.put(second.x, second.y, second.width, &totals(view, status), faint)),
    }
}

/// How much is done, in one line.
fn totals(view: &View, status: &Status) -> String {
    let flows = view.flows.values().filter_map(super::meters::Meter::rates);
    let (received, sent) =
        flows.fold((0.0, 0.0), |(received, sent), rates| (received + rates[1], sent + rates[3]));
    let mut text = format!("in {}B/s  out {}B/s", short(received), short(sent));
    let mut cpu = String::new();
    if let Some([accepted, rejected, cpu_us]) = view.totals.rates() {
        let _ = write!(text, "  accepted {}/s", rate(accepted));
        if rejected > 0.0 {
            let _ = write!(text, "  rejected {}/s", rate(rejected));
        }
        cpu = format!("  CPU {:.0}%", cpu_us / 10_000.0);
    }
    if let Some(chain) = &status.chain {
        let _ = write!(text, "  height {}", chain.height);
        if chain.best_height > chain.height {
            let _ = write!(text, " of {}", chain.best_height);
        }
    }
    let _ = write!(text, "{cpu}  memory {}", bytes(status.rss_bytes));
    text
}

fn panes(view: &View, paint: &mut Paint<'_>, area: Rect) {
    let peers = (area.height * 2 / 5).max(4);
    let middle = (area.height * 3 / 10).max(4);
    let rows = |y, height| Rect { y, height, ..area };
    let beside = |area: Rect, left: u16| {
        let right = Rect { x: area.x + left + 1, width: area.width - left - 1, ..area };
        (Rect { width: left, ..area }, right)
    };
    pane(view, paint, Pane::Peers, rows(area.y, peers));
    let flows = if area.width >= 120 { 75 } else { FLOWS_WIDTH };
    let (flows, pool) = beside(rows(area.y + peers, middle), flows);
    pane(view, paint, Pane::Flows, flows);
    pane(view, paint, Pane::Pool, pool);
    let last = rows(area.y + peers + middle, area.height - peers - middle);
    let items = if area.width >= 120 { area.width / 2 } else { FLOWS_WIDTH };
    let (items, log) = beside(last, items);
    pane(view, paint, Pane::Items, items);
    pane(view, paint, Pane::Log, log);
}

fn pane(view: &View, paint: &mut Paint<'_>, pane: Pane, area: Rect) {
    let has_focus = view.focus == pane;
    let rows = view.rows(pane);
    let filter = view.filters.get(&pane);
    let mut title = pane.name().to_owned();
    if let Some(filter) = filter {
        let _ = write!(title, " with `{filter}`");
    }
    paint.rule(area, &title, &note(view, pane), has_focus);
    let mut inside = Rect { y: area.y + 1, height: area.height - 1, ..area };
    if pane == Pane::Pool
        && let Some(line) = pool_line(view)
    {
        paint.put(inside.x, inside.y, inside.width, &line, paint.strong());
        inside = Rect { y: inside.y + 1, height: inside.height - 1, ..inside };
    }
    if rows.is_empty() {
        if view.snapshot.is_none() {
            return;
        }
        let text = if filter.is_some() { "nothing fits the filter" } else { nothing(pane) };
        paint.put(inside.x, inside.y, inside.width, text, paint.faint());
        return;
    }
    let room = usize::from(inside.height.saturating_sub(1)).max(1);
    let chosen = view.chosen(pane, &rows).unwrap_or_default();
    let from = (chosen + 1).saturating_sub(room);
    paint.table(inside, pane.columns(), &rows, from, has_focus.then_some(chosen));
}

const fn nothing(pane: Pane) -> &'static str {
    match pane {
        Pane::Peers => "no peers yet",
        Pane::Flows => "nothing has passed yet",
        Pane::Pool => "nothing waits for a block",
        Pane::Items => "no item came since this began",
        Pane::Log => "nothing happened since this began",
    }
}

/// What stands at the end of a pane's title.
fn note(view: &View, pane: Pane) -> String {
    let Some(snapshot) = &view.snapshot else { return String::new() };
    match pane {
        Pane::Peers => {
            let inbound =
                snapshot.peers.iter().filter(|peer| peer.direction == Direction::Inbound).count();
            let outbound = snapshot.peers.len() - inbound;
            let order = if view.reversed { ", turned around" } else { "" };
            format!("{outbound} out, {inbound} in, by {}{order}", view.sort.name())
        }
        _ => String::new(),
    }
}

/// How much is in the pool, and what it pays.
fn pool_line(view: &View) -> Option<String> {
    let pool = &view.snapshot.as_ref()?.pool;
    let mut text = format!("{} tx, {}", pool.count, bytes(pool.bytes as u64));
    let rates = pool.items.iter().map(|row| row.fee_rate);
    if let Some(most) = rates.max().filter(|most| *most > 0) {
        let _ = write!(text, ", up to {}/MB", short(most as f64));
    }
    if pool.min_fee_rate > 0 {
        let _ = write!(text, ", at least {}", short(pool.min_fee_rate as f64));
    }
    Some(text)
}

fn help(paint: &mut Paint<'_>, area: Rect) {
    paint.rule(Rect { height: 1, ..area }, "help", "any key goes back", true);
    for ((keys, what), y) in HELP.iter().zip(area.y + 1..area.bottom()) {
        paint.put(area.x + 1, y, 36, keys, paint.strong());
        paint.put(area.x + 36, y, area.width.saturating_sub(36), what, paint.title(false));
    }
}

fn read(story: &Story, paint: &mut Paint<'_>, area: Rect) {
    let of: String = story.of.chars().take(20).collect();
    let title = format!("story of {of}");
    paint.rule(Rect { height: 1, ..area }, &title, "Esc goes back", true);
    if story.lines.is_empty() {
        paint.put(area.x, area.y + 1, area.width, "asking the node", paint.faint());
        return;
    }
    let lines = story.lines.iter().skip(story.at);
    let lines = lines.flat_map(|line| wrapped(line, area.width.into()));
    for (line, y) in lines.zip(area.y + 1..area.bottom()) {
        paint.put(area.x, y, area.width, &line, ratatui::style::Style::new());
    }
}

/// A line in pieces of a width, cut at spaces where there are some; what follows is indented.
fn wrapped(line: &str, width: usize) -> Vec<String> {
    const INDENT: usize = 4;
    let mut pieces = Vec::new();
    let mut rest: Vec<char> = printable_line(line);
    while rest.len() > width {
        let space = rest[..width].iter().rposition(|letter| *letter == ' ');
        let cut = space.filter(|at| *at > INDENT).unwrap_or(width).max(1);
        let tail = rest.split_off(cut);
        pieces.push(rest.iter().collect());
        let skip = usize::from(tail.first() == Some(&' '));
        let indent = if width > 3 * INDENT { INDENT } else { 0 };
        rest = std::iter::repeat_n(' ', indent).chain(tail.into_iter().skip(skip)).collect();
    }
    pieces.push(rest.into_iter().collect());
    pieces
}

/// What is escaped is longer than it was, so that it is escaped before it is cut.
fn printable_line(line: &str) -> Vec<char> {
    crate::printable::lines(line).chars().collect()
}

/// The keys that fit.
fn keys(width: usize) -> String {
    let mut text = String::new();
    for key in KEYS {
        let gap = if text.is_empty() { "" } else { "  " };
        if text.len() + gap.len() + key.len() > width {
            break;
        }
        text.push_str(gap);
        text.push_str(key);
    }
    text
}

fn foot(view: &View, paint: &mut Paint<'_>, area: Rect) {
    let (alarm, faint) = (paint.alarm(), paint.faint());
    let (text, style) = match (&view.mode, &view.said) {
        (Mode::Asking(question), _) => (question.words(), alarm),
        (Mode::Filtering, _) => {
            let filter = view.filters.get(&view.focus).map_or("", String::as_str);
            (
                format!("show only what contains: {filter}_  (Enter keeps it, Esc takes it back)"),
                alarm,
            )
        }
        (Mode::Reading(_), _) => ("Up, Down, PgUp, PgDn  Esc back".to_owned(), faint),
        (_, Some(said)) => (said.clone(), alarm),
        _ => (keys(area.width.into()), faint),
    };
    paint.put(area.x, area.y, area.width, &text, style);
}
