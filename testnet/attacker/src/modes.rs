//! The table of modes. A mode is a file of its own, and a line here.

mod addresses;
mod announcements;
mod bad_signatures;
mod big_blocks;
mod blocks;
mod churn;
mod digests;
mod fees;
mod getdata_block;
mod getdata_tx;
mod getdata_unread;
mod held;
mod leaving;
mod log_lines;
mod malformed;
mod many_addresses;
mod notfound;
mod one_address;
mod pings;
mod polls;
mod silent;
mod slow_reader;
mod staying;
mod streams_asked;
mod streams_full;
mod streams_reset;
mod tcp_byte;
mod tcp_half_open;
mod tcp_silent;
mod tiny_throttled;
mod transactions;
mod unfinished;
mod unknown_kinds;
mod window_updates;
mod withhold;
mod yamux_pings;
mod yamux_pings_unread;
mod yamux_window;

use crate::mode::Mode;

/// The time that begins each line which an attacker puts into a log.
pub const FORGED_TIME: &str = log_lines::TIME;

// What takes memory, the transport, sockets, messages, what is valid and too much, and strangers at a full node.
static TABLE: [Mode; 41] = [
    held::MODE,
    getdata_unread::MODE,
    tiny_throttled::MODE,
    yamux_window::MODE,
    streams_full::MODE,
    unfinished::MODE,
    slow_reader::MODE,
    streams_reset::MODE,
    streams_asked::MODE,
    yamux_pings::MODE,
    yamux_pings_unread::MODE,
    window_updates::MODE,
    tcp_silent::MODE,
    tcp_half_open::MODE,
    tcp_byte::MODE,
    one_address::MODE,
    many_addresses::MODE,
    churn::MODE,
    malformed::MODE,
    log_lines::MODE,
    digests::MODE,
    announcements::MODE,
    withhold::MODE,
    notfound::MODE,
    bad_signatures::MODE,
    unknown_kinds::MODE,
    pings::MODE,
    polls::MODE,
    addresses::MODE,
    getdata_tx::MODE,
    getdata_block::MODE,
    fees::MODE,
    transactions::MODE,
    blocks::MODE,
    big_blocks::MODE,
    silent::FROM_ONE,
    silent::FROM_MANY,
    staying::FROM_ONE,
    staying::FROM_MANY,
    leaving::FROM_ONE,
    leaving::FROM_MANY,
];

/// All modes.
#[must_use]
pub fn all() -> &'static [Mode] {
    &TABLE
}

/// The mode of a name.
#[must_use]
pub fn find(name: &str) -> Option<&'static Mode> {
    all().iter().find(|mode| mode.name == name)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::fs;
    use std::path::Path;

    use super::*;

    #[test]
    fn every_mode_has_a_file_and_every_file_is_in_the_table() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/modes");
        let files = fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
        let stem = |path: std::path::PathBuf| path.file_stem()?.to_str().map(str::to_owned);
        let files: HashSet<String> = files.filter_map(stem).collect();
        // Those that differ in where strangers come from share one.
        let file = |name: &str| name.split("-from-").next().map(|name| name.replace('-', "_"));
        let modes: HashSet<String> = all().iter().filter_map(|mode| file(mode.name)).collect();
        assert_eq!(files, modes);
    }

    #[test]
    fn every_mode_says_in_a_line_what_it_does_and_what_must_hold() {
        for mode in all() {
            assert!(mode.lanes > 0, "{}", mode.name);
            for said in [mode.does, mode.holds] {
                let is_a_line = (10..120).contains(&said.len()) && !said.contains('\n');
                assert!(is_a_line && !said.ends_with('.'), "{}: {said}", mode.name);
            }
        }
    }
}
