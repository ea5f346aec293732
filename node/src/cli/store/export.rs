//! `tidings store export`: what is kept, as lines that `tidings store import` takes in.

use std::io::{self, BufWriter, Write};
use std::process::ExitCode;

use tidings_protocol::ground::item::ItemKind;

use super::line::{Was, Writer};
use super::{Place, shapes};
use crate::blocks::ReadBlocks;
use crate::cli::Folder;
use crate::cli::args::ExportArgs;
use crate::cli::error::{EXIT_FAILURE, Error};
use crate::files::whole;
use crate::shell::ShellError;
use crate::store::ReadStore;

/// What was written.
#[derive(Clone, Copy, Debug, Default)]
struct Exported {
    items: u64,
    /// Blocks that can't be read.
    unread: u64,
}

pub(super) fn export(folder: &Folder, place: &Place, args: &ExportArgs) -> Result<ExitCode, Error> {
    // Whatever can be wrong with it is found before a file is made.
    let store = ReadStore::open(place.store()?).map_err(ShellError::Store)?;
    let blocks = place.stores.blocks.as_ref().filter(|_| !args.without_blocks);
    let blocks = blocks.map(ReadBlocks::open).transpose().map_err(ShellError::Blocks)?.flatten();
    let mut broken = None;
    let mut write = |out: &mut dyn Write| {
        let written = write_all(place, store.as_ref(), blocks.as_ref(), BufWriter::new(out));
        written.unwrap_or_else(|error| {
            broken = Some(error);
            Err(io::ErrorKind::InvalidData.into())
        })
    };
    let (mut exported, doing) = (Exported::default(), format!("write {}", args.file.display()));
    let done = if args.file.as_os_str() == "-" {
        write(&mut io::stdout().lock()).map(|done| exported = done)
    } else if args.file.exists() {
        Err(io::ErrorKind::AlreadyExists.into())
    } else {
        whole::replace(&args.file, |out| write(out).map(|done| exported = done))
    };
    if let Some(error) = broken {
        return Err(error.into());
    }
    done.map_err(Error::io(doing))?;
    let Exported { items, unread } = exported;
    if args.file.as_os_str() != "-" {
        let shown = shapes::Exported { file: args.file.clone(), items, unread };
        folder.output.print(&shown, || {
            let lost = match unread {
                0 => String::new(),
                _ => format!(
                    "{unread} blocks can't be read and were left out: see `tidings store check`\n"
                ),
            };
            format!("{items} items in {}\n{lost}", args.file.display())
        })?;
    }
    Ok(if unread == 0 { ExitCode::SUCCESS } else { ExitCode::from(EXIT_FAILURE) })
}

/// Writes everything. What the disk that is written to refuses is the inner error, and what that which is read is the outer.
fn write_all(
    place: &Place,
    store: Option<&ReadStore<'_>>,
    blocks: Option<&ReadBlocks<'_>>,
    out: impl Write,
) -> Result<io::Result<Exported>, ShellError> {
    let mut unread = 0;
    let mut writer = match Writer::begin(out, &place.network.name, place.chain.name()) {
        Ok(writer) => writer,
        Err(error) => return Ok(Err(error)),
    };
    if let Some(blocks) = blocks {
        let written = blocks.each(|height, _, block| match block {
            Some(block) => writer.item(Was::Chain, height.into(), &block),
            None => {
                unread += 1;
                Ok(())
            }
        });
        if let Err(error) = written.map_err(ShellError::Blocks)? {
            return Ok(Err(error));
        }
    }
    if let Some(store) = store {
        let written = store.each(|stored| {
            let was = match stored.id.kind() {
                ItemKind::Block => Was::Block,
                ItemKind::Tx => Was::Tx(stored.was),
            };
            writer.item(was, stored.age_s, stored.bytes)
        });
        if let Err(error) = written.map_err(ShellError::Store)? {
            return Ok(Err(error));
        }
    }
    Ok(writer.end().map(|items| Exported { items, unread }))
}
