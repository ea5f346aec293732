//! `tidings store import`: takes in what `tidings store export` wrote, if the network's rules take it.
//!
//! Nothing is changed before the whole file was read once. Each batch is on the disk before the next one begins, and what is
//! there already stays: an import that was interrupted is simply made again. Ages aren't taken over: what is taken in begins to
//! age, so that it stays longer, and never shorter.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use tidings_protocol::chain::Chain;
use tidings_protocol::ground::item::{Item, ItemKind};
use tidings_protocol::machine::RestoredAs;

use super::Place;
use super::line::{Problem, Reader, Was};
use super::shapes::{self, Refusal};
use crate::blocks::{BlockStore, Change as BlockChange, Failure};
use crate::cli::Folder;
use crate::cli::error::{EXIT_FAILURE, Error};
use crate::shell::ShellError;
use crate::store::{Change, Store};

/// Most items of a batch, and most of their bytes, one item aside. A guess: a commit for each, and some megabytes.
const BATCH_MAX: usize = 1_024;
const BATCH_BYTES: usize = 8 << 20;

/// Most refused items that are told one by one; the rest is counted. A guess.
const TOLD_MAX: usize = 20;

/// What became of the items.
#[derive(Debug, Default)]
struct Imported {
    added: u64,
    known: u64,
    refused: u64,
    /// The line, what it is, and why it is refused.
    told: Vec<(u64, ItemKind, String)>,
}

impl Imported {
    fn refuse(&mut self, line: u64, kind: ItemKind, why: &str) {
        self.refused += 1;
        if self.told.len() < TOLD_MAX {
            self.told.push((line, kind, why.to_owned()));
        }
    }
}

/// An item that waits for the rest of its batch.
type Waiting = (u64, Was, Arc<Item>);

/// What takes items in.
struct Import {
    chain: Arc<dyn Chain>,
    store: Store,
    blocks: Option<BlockStore>,
    batch: Vec<Waiting>,
    bytes: usize,
    done: Imported,
}

pub(super) fn import(folder: &Folder, place: &Place, path: &Path) -> Result<ExitCode, Error> {
    let refused = |problem: Problem| Error::NotImported { path: path.to_owned(), problem };
    let open = || File::open(path).map(BufReader::new).map_err(|error| refused(error.to_string()));
    // First to its end, so that half a file changes nothing.
    let (mut reader, head) = Reader::begin(open()?).map_err(refused)?;
    let (network, rules) = (&place.network.name, place.chain.name());
    if head.network != *network || head.rules != rules {
        return Err(refused(format!(
            "it is of the network `{}` with the rules `{}`, and this data folder of `{network}` with `{rules}`",
            head.network, head.rules
        )));
    }
    while reader.item().map_err(refused)?.is_some() {}
    let store = Store::open(place.store()?).map_err(ShellError::Store)?;
    let blocks = place.stores.blocks.as_ref().map(BlockStore::open).transpose();
    let mut import = Import {
        chain: Arc::clone(&place.chain),
        store,
        blocks: blocks.map_err(ShellError::Blocks)?,
        batch: Vec::new(),
        bytes: 0,
        done: Imported::default(),
    };
    let (mut reader, _) = Reader::begin(open()?).map_err(refused)?;
    while let Some((was, bytes)) = reader.item().map_err(refused)? {
        import.take(reader.line, was, bytes)?;
    }
    import.write()?;
    tell(folder, import.done)
}

impl Import {
    fn take(&mut self, line: u64, was: Was, bytes: Vec<u8>) -> Result<(), Error> {
        if was == Was::Chain && self.blocks.is_none() {
            self.done.refuse(line, ItemKind::Block, "these rules have no chain of blocks");
            return Ok(());
        }
        let item = (*self.chain).item(was.kind(), bytes.into());
        match item.and_then(|item| self.chain.inspect(&item).map(|_| item)) {
            Ok(item) => {
                self.bytes += item.size();
                self.batch.push((line, was, item));
            }
            Err(broken) => self.done.refuse(line, was.kind(), broken.rule),
        }
        if self.batch.len() >= BATCH_MAX || self.bytes >= BATCH_BYTES {
            self.write()?;
        }
        Ok(())
    }

    /// Verifies a batch and writes what is good.
    fn write(&mut self) -> Result<(), Error> {
        self.bytes = 0;
        let batch = std::mem::take(&mut self.batch);
        let items: Vec<_> = batch.iter().map(|(.., item)| Arc::clone(item)).collect();
        let (mut changes, mut blocks, mut good) = (Vec::new(), Vec::new(), 0);
        for ((line, was, item), verdict) in batch.into_iter().zip(self.chain.verify_batch(&items)) {
            if let Err(rejection) = verdict {
                self.done.refuse(line, was.kind(), rejection.rule);
                continue;
            }
            good += 1;
            match was {
                Was::Chain | Was::Block if self.blocks.is_some() => {
                    blocks.push(BlockChange::Keep { block: item, height: None });
                }
                Was::Chain | Was::Block => changes.push(Change::Put { item, own: false }),
                Was::Tx(RestoredAs::Orphan) => changes.push(Change::Orphan(item)),
                Was::Tx(was) => changes.push(Change::Put { item, own: was == RestoredAs::Own }),
            }
        }
        let before = self.len();
        self.store.apply(&changes).map_err(|error| cannot_write(&error))?;
        if let Some(store) = &mut self.blocks {
            store.apply(&blocks).map_err(|failure| match failure {
                Failure::Segment(error) => Error::io("write the blocks")(error),
                Failure::Index(error) => cannot_write(&error),
            })?;
        }
        let added = self.len() - before;
        self.done.added += added;
        self.done.known += good - added;
        Ok(())
    }

    fn len(&self) -> u64 {
        self.store.len() as u64 + self.blocks.as_ref().map_or(0, BlockStore::len)
    }
}

fn cannot_write(error: &redb::Error) -> Error {
    Error::io("write what is imported")(std::io::Error::other(error.to_string()))
}

fn tell(folder: &Folder, done: Imported) -> Result<ExitCode, Error> {
    let Imported { added, known, refused, told } = done;
    let refusals: Vec<_> = told
        .iter()
        .map(|(line, kind, why)| Refusal { line: *line, kind: kind.to_string(), why: why.clone() })
        .collect();
    let shown = shapes::Imported { added, known, refused, refusals };
    folder.output.print(&shown, || {
        let mut text = format!("{added} items taken in, {known} were there already\n");
        for (line, kind, why) in &told {
            text += &format!("line {line}: the {kind} is refused: {why}\n");
        }
        let more = refused - told.len() as u64;
        if more > 0 {
            text += &format!("{more} more are refused\n");
        }
        text
    })?;
    Ok(if refused == 0 { ExitCode::SUCCESS } else { ExitCode::from(EXIT_FAILURE) })
}
