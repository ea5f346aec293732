//! `tidings status` and `config`: what a node is, and is set to.

use std::fmt::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use tidings_protocol::ground::peer::PeerAddr;

use super::Folder;
use super::args::{LogArgs, Remote};
use super::explain::count;
use super::shapes::{ShownSetting, ShownSettings};
use crate::api::chain::ChainStatus;
use crate::api::kv::KvStatus;
use crate::api::members::MembersStatus;
use crate::api::settings::LogFilter;
use crate::api::{
    BlockStoreStatus, CaptureStatus, JoinFailure, Status, StoreStatus, TrafficStatus, ViewsStatus,
};
use crate::cli::error::Error;
use crate::config::{Flag, Resolved, schema};

pub(super) fn status(folder: &Folder, remote: &Remote) -> Result<ExitCode, Error> {
    let status = folder.ask(remote, async |client| client.status().await)?;
    folder.output.print(&status, || describe_status(&status))?;
    Ok(ExitCode::SUCCESS)
}

fn describe_links(status: &Status) -> String {
    let Status { outbound, outbound_target, inbound, addresses, .. } = status;
    match status.views {
        None => format!(
            "{outbound} outbound of {outbound_target}, {inbound} inbound; {addresses} addresses known"
        ),
        Some(ViewsStatus { active, passive }) => format!(
            "{outbound} outbound, {inbound} inbound; {active} in the active view, {passive} in the passive view"
        ),
    }
}

fn describe_listening(status: &Status) -> String {
    let listen: Vec<String> = status.listen.iter().map(PeerAddr::to_string).collect();
    let listen = if listen.is_empty() { "nowhere".to_owned() } else { listen.join(", ") };
    match status.reachable {
        None => listen,
        Some(true) => format!("{listen}; peers can dial it"),
        Some(false) => format!("{listen}; peers can't dial it"),
    }
}

fn describe_status(status: &Status) -> String {
    let counter = |name: &str| status.counters.get(name).copied().unwrap_or_default();
    let sum = |of: fn(&TrafficStatus) -> u64| -> u64 { status.traffic.values().map(of).sum() };
    let mut lines = vec![
        ("node", format!("{} (tidings {})", status.peer_id, status.version)),
        ("network", format!("{} (rules {})", status.network, status.rules)),
        ("strategy", status.strategy.clone()),
        ("listening", describe_listening(status)),
        ("up for", duration(status.uptime_s)),
        ("peers", describe_links(status)),
        (
            "pool",
            format!("{} transactions, {}", status.pool_items, bytes(status.pool_bytes as u64)),
        ),
        ("blocks", describe_blocks(status)),
        ("chain", status.chain.as_ref().map_or_else(|| "none".to_owned(), describe_chain)),
        ("stored", status.store.as_ref().map_or_else(|| "nothing".to_owned(), describe_store)),
        ("kept", status.block_store.as_ref().map_or_else(|| "no blocks".to_owned(), describe_kept)),
        ("map", status.kv.as_ref().map_or_else(|| "none".to_owned(), describe_map)),
        ("members", status.members.as_ref().map_or_else(|| "none".to_owned(), describe_members)),
        ("items", format!("{} accepted, {} rejected", counter("accepted"), counter("rejected"))),
        (
            "traffic",
            format!(
                "{} sent, {} received",
                bytes(sum(|traffic| traffic.sent_bytes)),
                bytes(sum(|traffic| traffic.received_bytes))
            ),
        ),
        ("uses", format!("{} of memory, {:.1} s of CPU", bytes(status.rss_bytes), status.cpu_s)),
        (
            "held",
            format!(
                "{} of and for peers, of at most {}",
                bytes(status.held_bytes as u64),
                bytes(status.held_max_bytes as u64)
            ),
        ),
    ];
    if let Some(capture) = &status.capture {
        lines.push(("captured", describe_capture(capture)));
    }
    let (of_log, of_trace) = (counter("log_dropped"), counter("trace_dropped"));
    if of_log + of_trace > 0 {
        let lost = format!("{of_log} lines of the log, {of_trace} of the trace: nobody took them");
        lines.push(("lost", lost));
    }
    if status.outbound < status.outbound_target.max(1)
        && let Some(JoinFailure { whom, why, ago_s }) = &status.last_failure
    {
        let ago = duration(*ago_s);
        lines.insert(6, ("failed", format!("{whom}, {ago} ago: {why}")));
    }
    lines.iter().map(|(name, value)| format!("{name:<10} {value}\n")).collect()
}

fn describe_blocks(status: &Status) -> String {
    let latest = status.latest_block.as_deref();
    let latest = latest.map_or_else(String::new, |id| format!(", the latest {id}"));
    format!("{} recent{latest}", status.blocks)
}

fn describe_chain(chain: &ChainStatus) -> String {
    let ChainStatus { tip, height, best_header, best_height, headers } = chain;
    let mut line = format!("height {height}, {tip}");
    if best_header != tip {
        let _ = write!(line, "\n{:<10} height {best_height}, {best_header}", "headers");
    }
    let _ = write!(line, "\n{:<10} {}", "known", count(*headers, "header", "headers"));
    line
}

fn describe_store(store: &StoreStatus) -> String {
    let mut line = format!("{} items, {} on disk", store.items, bytes(store.file_bytes));
    if store.restoring {
        line += "; still reading them back";
    }
    if store.failures > 0 {
        let _ = write!(line, "; the disk refused {} times, see the log", store.failures);
    }
    line
}

fn describe_capture(capture: &CaptureStatus) -> String {
    let CaptureStatus { file, life, inputs, bytes: stored, ended, .. } = capture;
    let mut line = format!("{inputs} inputs in {file}.{life}, {} on disk", bytes(*stored));
    if let Some(why) = ended {
        let _ = write!(line, "; no more of it: {why}");
    }
    line
}

fn describe_kept(chain: &BlockStoreStatus) -> String {
    let blocks = count(usize::try_from(chain.blocks).unwrap_or(usize::MAX), "block", "blocks");
    let mut line = format!("{blocks}, {} on disk", bytes(chain.bytes));
    if chain.headers > chain.blocks {
        let _ =
            write!(line, "; {} more of which only headers are kept", chain.headers - chain.blocks);
    }
    if chain.damaged + chain.dropped > 0 {
        let _ = write!(line, "; {} lost, see the log", chain.damaged + chain.dropped);
    }
    if chain.failures > 0 {
        let _ = write!(line, "; the disk refused {} times, see the log", chain.failures);
    }
    line
}

fn describe_map(map: &KvStatus) -> String {
    let (keys, peers) = (count(map.keys, "key", "keys"), count(map.peers, "peer", "peers"));
    let mut line =
        format!("{}: {keys}, {}; shared with {peers}", map.model, bytes(map.bytes as u64));
    if map.contested > 0 {
        let _ = write!(line, "; {} to choose, see `tidings kv conflicts`", map.contested);
    }
    line
}

fn describe_members(status: &MembersStatus) -> String {
    let count = |name: &str| status.members.get(name).copied().unwrap_or_default();
    let mut line = format!("{} alive", count("alive"));
    for name in ["suspect", "failed", "left"] {
        if count(name) > 0 {
            let _ = write!(line, ", {} {name}", count(name));
        }
    }
    if status.left {
        line += "; this node has left";
    } else if status.health > 0 {
        let _ = write!(line, "; in poor health ({}), see the log", status.health);
    }
    if !status.sealed {
        line += "; without a key";
    }
    line
}

/// Shows what the log tells, or has it tell something else.
pub(super) fn log(folder: &Folder, args: &LogArgs) -> Result<ExitCode, Error> {
    let filter = folder.ask(&args.remote, async |client| {
        if let Some(filter) = &args.filter {
            client.set_log_filter(filter).await?;
        }
        client.log_filter().await
    })?;
    let told = LogFilter { filter };
    folder.output.print(&told, || format!("{}\n", told.filter))?;
    Ok(ExitCode::SUCCESS)
}

pub(super) fn config(folder: &Folder, flags: &[Flag]) -> Result<ExitCode, Error> {
    folder.dir.check_made()?;
    let Resolved { layered, .. } = folder.resolve(flags)?;
    let schema = schema();
    let shown = |key: &str| {
        let origin = layered.origin(key);
        let value = serde_json::to_value(layered.get(key)).unwrap_or_default();
        ShownSetting { value, origin: origin.layer(), at: origin.to_string() }
    };
    let settings = schema.keys().map(|key| (key.to_owned(), shown(key))).collect();
    folder.output.print(&ShownSettings(settings), || {
        let mut text = format!("# data folder {}\n", folder.dir.path().display());
        let split = |key| str::rsplit_once(key, '.').unwrap_or(("", key));
        let mut keys: Vec<&str> = schema.keys().collect();
        keys.sort_by_key(|key| split(key)); // a section can't be opened twice
        let mut section = "";
        for key in keys {
            let (prefix, name) = split(key);
            if prefix != section {
                section = prefix;
                let _ = write!(text, "\n[{section}]\n");
            }
            let setting = match layered.get(key) {
                Some(value) => format!("{name} = {value}"),
                None => format!("# {name} is not set"),
            };
            let _ = writeln!(text, "{setting:<40} # {}", layered.origin(key));
        }
        text
    })?;
    Ok(ExitCode::SUCCESS)
}

/// A number of bytes, in the largest unit that leaves something before the point.
pub(super) fn bytes(bytes: u64) -> String {
    const UNITS: [(u64, &str); 3] = [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    match UNITS.into_iter().find(|(unit, _)| bytes >= *unit) {
        // Tenths in whole numbers, rounded down.
        Some((unit, name)) => {
            let tenths = u128::from(bytes) * 10 / u128::from(unit);
            format!("{}.{} {name}", tenths / 10, tenths % 10)
        }
        None => format!("{bytes} B"),
    }
}

/// A time in its two largest units.
pub(super) fn duration(seconds: f64) -> String {
    let seconds = Duration::try_from_secs_f64(seconds).unwrap_or_default().as_secs();
    let (minutes, hours, days) = (seconds / 60, seconds / 3_600, seconds / 86_400);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, _) => format!("{minutes} min {} s", seconds % 60),
        (0, ..) => format!("{hours} h {} min", minutes % 60),
        _ => format!("{days} d {} h", hours % 24),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_are_readable() {
        let shown = [0, 1_023, 1_024, 1_600_000, 5 << 30].map(bytes);
        assert_eq!(shown, ["0 B", "1023 B", "1.0 KiB", "1.5 MiB", "5.0 GiB"]);
        let shown = [0.4, 59.0, 61.0, 3_700.0, 90_000.0, f64::NAN].map(duration);
        assert_eq!(shown, ["0 s", "59 s", "1 min 1 s", "1 h 1 min", "1 d 1 h", "0 s"]);
    }

    #[test]
    fn a_status_reads_as_aligned_lines() {
        let text = describe_status(&crate::api::status::example());
        assert!(
            text.contains("\npeers      2 outbound of 8, 1 inbound; 5 addresses known\n"),
            "{text}"
        );
        assert!(text.lines().all(|line| line.len() < 80), "{text}");
        let failure =
            JoinFailure { whom: "1.2.3.4:5".into(), why: "it was late".into(), ago_s: 7.0 };
        let status = Status { last_failure: Some(failure), ..crate::api::status::example() };
        let text = describe_status(&status);
        assert!(text.contains("known\nfailed     1.2.3.4:5, 7 s ago: it was late\npool"), "{text}");
        let status = Status { outbound: 8, ..status };
        assert!(!describe_status(&status).contains("failed"), "it has all that it wants");
    }

    #[test]
    fn a_status_tells_where_the_chain_is_and_where_its_headers_lead() {
        let [tip, best_header] = [1, 2].map(|n| tidings_protocol::ground::item::Hash256([n; 32]));
        let mut chain =
            ChainStatus { tip, height: 7, best_header: tip, best_height: 7, headers: 7 };
        assert_eq!(describe_chain(&chain), format!("height 7, {tip}\nknown      7 headers"));
        (chain.best_header, chain.best_height, chain.headers) = (best_header, 9, 9);
        let text = describe_chain(&chain);
        assert!(
            text.contains(&format!("\nheaders    height 9, {best_header}\nknown      9")),
            "{text}"
        );
    }

    #[test]
    fn a_status_tells_what_wants_attention() {
        let members = [("alive".to_owned(), 3), ("failed".to_owned(), 1)].into();
        let mut status = MembersStatus { members, sealed: true, ..MembersStatus::default() };
        assert_eq!(describe_members(&status), "3 alive, 1 failed");
        (status.health, status.sealed) = (2, false);
        assert_eq!(
            describe_members(&status),
            "3 alive, 1 failed; in poor health (2), see the log; without a key"
        );
    }
}
