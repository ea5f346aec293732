//! `tidings blocks`, `block` and `pool`: what is in the chain, and what may come into it next.

use std::fmt::Write as _;
use std::process::ExitCode;

use data_encoding::HEXLOWER;
use tidings_protocol::ground::item::Hash256;

use super::Folder;
use super::args::{BlockArgs, BlocksArgs, PoolArgs};
use super::explain::{count, utc};
use super::output::terminal_width;
use super::show::{bytes, duration};
use super::table::{self, Column};
use crate::api::chain::{
    BLOCKS_MAX, BlockRow, BlockState, BlockView, PAGE_MAX, PoolPage, PoolSort,
};
use crate::cli::error::Error;

/// Most transactions of the pool that are shown at once.
const LIMIT_MAX: usize = 100_000;

/// Ids of a block's transactions that people are shown; `--json` has more. A guess.
const IDS_SHOWN: usize = 20;

pub(super) fn blocks(folder: &Folder, args: &BlocksArgs) -> Result<ExitCode, Error> {
    let BlocksArgs { last, wide, remote } = args;
    if !(1..=BLOCKS_MAX).contains(last) {
        return Err(Error::Usage(format!("--last is {last}, but must be 1 to {BLOCKS_MAX}")));
    }
    let blocks = folder.ask(remote, async |client| client.blocks(*last).await)?;
    let width = terminal_width().filter(|_| !wide);
    folder.output.print(&blocks, || list(&blocks.blocks, width))?;
    Ok(ExitCode::SUCCESS)
}

const BLOCK_COLUMNS: [Column; 8] = [
    Column { title: "HEIGHT", number: true, rank: 0 },
    Column { title: "ID", number: false, rank: 0 },
    Column { title: "MADE", number: false, rank: 4 },
    Column { title: "TRANSACTIONS", number: true, rank: 2 },
    Column { title: "BYTES", number: true, rank: 3 },
    Column { title: "STATE", number: false, rank: 1 },
    Column { title: "CAME", number: false, rank: 5 },
    Column { title: "FROM", number: false, rank: 6 },
];

fn unknown() -> String {
    "-".to_owned()
}

fn or_unknown<T>(value: Option<T>, show: impl FnOnce(T) -> String) -> String {
    value.map_or_else(unknown, show)
}

/// A moment, to the second.
fn second(unix_s: u64) -> String {
    let text = utc(unix_s.saturating_mul(1_000_000));
    text.split_once('.').map_or_else(|| text.clone(), |(second, _)| second.to_owned())
}

fn state(state: BlockState) -> &'static str {
    match state {
        BlockState::Header => "header only",
        BlockState::Stored => "stored",
        BlockState::Connected => "connected",
        BlockState::Kept => "kept",
    }
}

/// Who brought it.
fn from(row: &BlockRow) -> String {
    match (&row.from, row.came_unix_us) {
        (Some(peer), _) => peer.clone(),
        (None, Some(_)) => "here".to_owned(),
        (None, None) => unknown(),
    }
}

fn list(blocks: &[BlockRow], width: Option<usize>) -> String {
    if blocks.is_empty() {
        return "no blocks yet\n".to_owned();
    }
    let row = |row: &BlockRow| {
        vec![
            or_unknown(row.height, |height| height.to_string()),
            row.id.to_string(),
            or_unknown(row.time_s, second),
            or_unknown(row.transactions, |count| count.to_string()),
            or_unknown(row.bytes, |len| len.to_string()),
            state(row.state).to_owned(),
            or_unknown(row.came_unix_us, |us| utc(us).trim_end_matches(" UTC").to_owned()),
            from(row),
        ]
    };
    table::render(&BLOCK_COLUMNS, &blocks.iter().map(row).collect::<Vec<_>>(), width)
}

pub(super) fn block(folder: &Folder, args: &BlockArgs) -> Result<ExitCode, Error> {
    let BlockArgs { block, hex, remote } = args;
    let view = folder.ask(remote, async |client| client.block(block).await)?;
    if *hex {
        return print_hex(folder, remote, view.row.id, &format!("block {}", view.row.id));
    }
    folder.output.print(&view, || describe(&view))?;
    Ok(ExitCode::SUCCESS)
}

/// Prints the canonical bytes of an item.
pub(super) fn print_hex(
    folder: &Folder,
    remote: &super::args::Remote,
    id: Hash256,
    what: &str,
) -> Result<ExitCode, Error> {
    let found = folder.ask(remote, async |client| client.item(id).await)?;
    let found = found.ok_or_else(|| Error::Gone(what.to_owned()))?;
    let hex = HEXLOWER.encode(&found);
    folder.output.print(&hex, || format!("{hex}\n"))?;
    Ok(ExitCode::SUCCESS)
}

fn describe(view: &BlockView) -> String {
    let BlockView { row, parent, heard_unix_us, ids, more } = view;
    let mut text = format!("block {}\n", row.id);
    let mut line = |name: &str, value: String| {
        let _ = writeln!(text, "{name:<13} {value}");
    };
    if let Some(height) = row.height {
        line("height", height.to_string());
    }
    line("state", state(row.state).to_owned());
    if let Some(parent) = parent {
        line("follows", parent.to_string());
    }
    if let Some(time_s) = row.time_s {
        line("made", format!("{} UTC, as its maker says", second(time_s)));
    }
    line("size", or_unknown(row.bytes, |len| format!("{len} bytes")));
    if let Some(us) = heard_unix_us {
        line("heard of", utc(*us));
    }
    if let Some(us) = row.came_unix_us {
        line("came", format!("{} from {}", utc(us), from(row)));
    }
    if let Some(transactions) = row.transactions {
        line("transactions", transactions.to_string());
    }
    for id in ids.iter().take(IDS_SHOWN) {
        let _ = writeln!(text, "  {id}");
    }
    let unshown = ids.len().saturating_sub(IDS_SHOWN) + more;
    if unshown > 0 {
        let _ = writeln!(text, "  … and {unshown} more (--json shows {})", ids.len());
    }
    text
}

pub(super) fn pool(folder: &Folder, args: &PoolArgs) -> Result<ExitCode, Error> {
    let PoolArgs { limit, by, remote } = args;
    let sort = &PoolSort::from(*by);
    if !(1..=LIMIT_MAX).contains(limit) {
        return Err(Error::Usage(format!("--limit is {limit}, but must be 1 to {LIMIT_MAX}")));
    }
    let pool = folder.ask(remote, async |client| {
        let mut all = client.pool(*sort, (*limit).min(PAGE_MAX), None).await?;
        while all.items.len() < *limit
            && let Some(after) = all.next.take()
        {
            let room = (limit - all.items.len()).min(PAGE_MAX);
            let page = client.pool(*sort, room, Some(&after)).await?;
            all.items.extend(page.items);
            (all.next, all.count, all.bytes) = (page.next, page.count, page.bytes);
        }
        Ok(all)
    })?;
    folder.output.print(&pool, || describe_pool(&pool))?;
    Ok(ExitCode::SUCCESS)
}

const POOL_COLUMNS: [Column; 5] = [
    Column { title: "ID", number: false, rank: 0 },
    Column { title: "BYTES", number: true, rank: 0 },
    Column { title: "FEE RATE", number: true, rank: 0 },
    Column { title: "EXPIRES IN", number: true, rank: 0 },
    Column { title: "OWN", number: false, rank: 0 },
];

fn describe_pool(pool: &PoolPage) -> String {
    let PoolPage { items, count: whole, bytes: len, .. } = pool;
    let whole_text =
        format!("{}, {}", count(*whole, "transaction", "transactions"), bytes(*len as u64));
    if items.is_empty() {
        return format!("{whole_text}\n");
    }
    let rows = items.iter().map(|row| {
        let own = if row.own { "not asked for yet" } else { "" };
        vec![
            row.id.to_string(),
            row.bytes.to_string(),
            format!("{}/MB", row.fee_rate),
            or_unknown(row.expires_s, |seconds| duration(seconds as f64)),
            own.to_owned(),
        ]
    });
    let mut text = table::render(&POOL_COLUMNS, &rows.collect::<Vec<_>>(), None);
    let _ = match pool.next {
        Some(_) => {
            writeln!(text, "the first {} of {whole_text} (--limit shows more)", items.len())
        }
        None => writeln!(text, "{whole_text}"),
    };
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::chain::PoolRow;

    fn row() -> BlockRow {
        BlockRow {
            id: Hash256([0xab; 32]),
            height: Some(12),
            state: BlockState::Connected,
            time_s: Some(1_000_000_000),
            transactions: Some(3),
            bytes: Some(1_234),
            came_unix_us: Some(1_000_000_001_500_000),
            from: None,
        }
    }

    #[test]
    fn blocks_read_as_a_table_in_which_what_is_unknown_is_a_dash() {
        let header = BlockRow {
            id: Hash256([1; 32]),
            height: Some(13),
            state: BlockState::Header,
            time_s: None,
            transactions: None,
            bytes: None,
            came_unix_us: None,
            from: None,
        };
        let text = list(&[header, row()], None);
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines[1].contains("header only") && lines[1].ends_with('-'), "{text}");
        assert!(lines[2].contains("2001-09-09 01:46:40") && lines[2].ends_with("here"), "{text}");
        let narrow = list(&[row()], Some(80));
        assert!(narrow.contains(&"ab".repeat(32)) && !narrow.contains("FROM"), "{narrow}");
        assert_eq!(list(&[], None), "no blocks yet\n");
    }

    #[test]
    fn a_block_tells_where_it_is_and_what_is_in_it() {
        let ids = (0..25).map(|n| Hash256([n; 32])).collect();
        let view = BlockView {
            row: BlockRow { transactions: Some(30), ..row() },
            parent: Some(Hash256([2; 32])),
            heard_unix_us: Some(1_000_000_001_000_000),
            ids,
            more: 5,
        };
        let text = describe(&view);
        for part in ["\nheight        12\n", "\nfollows       0202", "from here\n", "… and 10 more"]
        {
            assert!(text.contains(part), "{part}: {text}");
        }
    }

    #[test]
    fn a_pool_says_how_much_of_it_is_shown() {
        let row = PoolRow {
            id: Hash256([1; 32]),
            bytes: 300,
            fee_rate: 7,
            expires_s: Some(61),
            own: true,
        };
        let mut pool = PoolPage {
            items: vec![row],
            count: 2,
            bytes: 600,
            min_fee_rate: 0,
            next: Some("1-2".to_owned()),
        };
        let text = describe_pool(&pool);
        assert!(text.contains("7/MB   1 min 1 s  not asked for yet"), "{text}");
        let last = "the first 1 of 2 transactions, 600 B (--limit shows more)";
        assert!(text.ends_with(&format!("{last}\n")), "{text}");
        pool.next = None;
        assert!(describe_pool(&pool).ends_with("\n2 transactions, 600 B\n"));
        assert_eq!(describe_pool(&PoolPage::default()), "0 transactions, 0 B\n");
    }
}
