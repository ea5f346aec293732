//! `tidings store`: what is kept in a data folder while no node runs in it: checked, carried away, taken in.

mod export;
mod import;
mod line;
pub(super) mod shapes;

use std::fmt::Write as _;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use tidings_protocol::chain::Chain;

use self::shapes::{Checked, CheckedBlocks, CheckedStore};
use super::Folder;
use super::args::StoreVerb;
use super::show::bytes;
use super::stores::{self, Stores};
use crate::blocks::{self, ReadBlocks};
use crate::cli::error::{EXIT_FAILURE, Error};
use crate::clock::SystemClock;
use crate::config::Resolved;
use crate::files::datadir::Lock;
use crate::files::network::Network;
use crate::shell::ShellError;
use crate::store::{self, ReadStore, StoreConfig};

pub(super) fn store(folder: &Folder, verb: &StoreVerb) -> Result<ExitCode, Error> {
    let place = Place::claim(folder)?;
    match verb {
        StoreVerb::Check => check(folder, &place),
        StoreVerb::Export(args) => export::export(folder, &place, args),
        StoreVerb::Import(args) => import::import(folder, &place, &args.file),
    }
}

/// A data folder in which no node runs, and none can be started meanwhile.
struct Place {
    network: Network,
    chain: Arc<dyn Chain>,
    stores: Stores,
    _lock: Lock,
}

impl Place {
    fn claim(folder: &Folder) -> Result<Self, Error> {
        folder.dir.check_made()?;
        let lock = folder.dir.lock()?;
        let Resolved { config, .. } = folder.resolve(&[])?;
        let network = Network::load(&folder.dir.join(&config.node.network))?;
        let chain = network.chain();
        let mut stores = stores::of(&folder.dir, &config, &network, &chain, SystemClock::default());
        // Who this node is among the map's writers is left where it is: nobody writes to the map here.
        stores.store.iter_mut().for_each(|store| store.map = false);
        Ok(Self { network, chain, stores, _lock: lock })
    }

    /// The store's settings. Without a store there is nothing to do.
    fn store(&self) -> Result<&StoreConfig, Error> {
        self.stores.store.as_ref().ok_or_else(|| {
            Error::Usage("store.enabled is false: this node keeps nothing".to_owned())
        })
    }
}

fn check(folder: &Folder, place: &Place) -> Result<ExitCode, Error> {
    let config = place.store()?;
    let read = ReadStore::open(config).and_then(|store| store.map(|it| it.check()).transpose());
    let kept = place.stores.blocks.as_ref().map(|config| {
        let read = ReadBlocks::open(config);
        (config.folder.as_path(), read.and_then(|read| read.map(|it| it.check()).transpose()))
    });
    let mut told = Told::default();
    // Both are told of, whatever is wrong with one of them.
    let mut failed = None;
    match read {
        Ok(checked) => told.store(&config.path, checked.as_ref()),
        Err(error) => failed = Some(Error::Shell(ShellError::Store(error))),
    }
    match kept {
        Some((path, Ok(checked))) => told.blocks(path, checked.as_ref()),
        Some((_, Err(error))) if failed.is_none() => {
            failed = Some(Error::Shell(ShellError::Blocks(error)));
        }
        Some((_, Err(error))) => told.problems.push(error.to_string()),
        None => {}
    }
    let is_well = failed.is_none() && told.problems.is_empty() && told.more == 0;
    (told.shown.well, told.shown.problems) = (is_well, told.problems.clone());
    let shown = std::mem::take(&mut told.shown);
    folder.output.print(&shown, || told.text(is_well))?;
    match failed {
        Some(error) => Err(error),
        None if is_well => Ok(ExitCode::SUCCESS),
        None => Ok(ExitCode::from(EXIT_FAILURE)),
    }
}

/// What a check found.
#[derive(Debug, Default)]
struct Told {
    text: String,
    shown: Checked,
    problems: Vec<String>,
    /// Problems that aren't told one by one.
    more: u64,
}

impl Told {
    fn line(&mut self, name: &str, value: &str) {
        let _ = writeln!(self.text, "{name:<10} {value}");
    }

    fn store(&mut self, path: &Path, checked: Option<&store::Checked>) {
        let Some(checked) = checked else {
            self.line("store", &format!("{}: none yet", path.display()));
            return;
        };
        let store::Checked { format, file_bytes, items, own, orphans, map_entries, .. } = checked;
        self.line("store", &format!("{}: format {format}, {}", path.display(), bytes(*file_bytes)));
        self.line("items", &format!("{items}, {own} of them to be announced until a peer asks"));
        self.line("waiting", &format!("{orphans} for their parents"));
        self.line("map", &format!("{map_entries} entries"));
        let told = checked.refused.iter().map(|(id, rule)| {
            let kind = id.kind();
            format!("{kind} {id} breaks the rule {rule}: the node forgets it when it starts")
        });
        self.problems.extend(told);
        self.more += checked.refused_count - checked.refused.len() as u64;
        self.shown.store = Some(CheckedStore {
            path: path.to_owned(),
            format: *format,
            file_bytes: *file_bytes,
            items: *items,
            own: *own,
            waiting: *orphans,
            map_entries: *map_entries,
            refused: checked.refused_count,
        });
    }

    fn blocks(&mut self, path: &Path, checked: Option<&blocks::Checked>) {
        let Some(checked) = checked else {
            let text =
                "no index yet; it is made of the files when the node starts, if there are any";
            self.line("blocks", &format!("{}: {text}", path.display()));
            return;
        };
        let blocks::Checked { format, headers, blocks, segments, .. } = checked;
        self.line(
            "blocks",
            &format!(
                "{}: format {format}, {} in {segments} {}",
                path.display(),
                bytes(checked.bytes),
                if *segments == 1 { "file" } else { "files" }
            ),
        );
        self.line("kept", &format!("{blocks} blocks, {headers} headers"));
        self.problems.extend(checked.bad.iter().cloned());
        self.more += checked.bad_count - checked.bad.len() as u64;
        self.shown.blocks = Some(CheckedBlocks {
            path: path.to_owned(),
            format: *format,
            bytes: checked.bytes,
            files: *segments,
            blocks: *blocks,
            headers: *headers,
            bad: checked.bad_count,
        });
        if checked.bad_count > 0 {
            self.problems.push(
                "a block that can't be read counts as not kept once somebody asks for it, and is fetched from peers again: start the node. \
                 The disk, or the machine's memory, isn't well: look after it (`smartctl -a`)"
                    .to_owned(),
            );
        }
    }

    fn text(&mut self, is_well: bool) -> String {
        let mut text = std::mem::take(&mut self.text);
        for problem in &self.problems {
            let _ = writeln!(text, "bad        {problem}");
        }
        if self.more > 0 {
            let _ = writeln!(text, "bad        {} more", self.more);
        }
        if is_well {
            text.push_str("all is well\n");
        }
        text
    }
}
