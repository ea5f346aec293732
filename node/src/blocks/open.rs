//! Opens a folder of blocks, or says why not and leaves it as it was.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use redb::{Builder, Database, ReadableDatabase as _};

use super::format::{
    BLOCKS, FORMAT, IDS, KEY_FORMAT, KEY_NETWORK, KEY_RULES, META, Magic, SEGMENTS,
};
use super::index::Index;
use super::scan::{self, Unfit};
use super::segments::{self, Segments};
use super::{BlocksConfig, CACHE_BYTES};
use crate::files::advice;
use crate::files::guard::{self, FolderError};
use crate::files::network::Meaning;
use crate::store::file::{Backend, HeldFile};

/// The index, in the folder of the segments.
pub(super) const INDEX: &str = "index.redb";

/// Why a folder of blocks can't be used. What is in it is as it was.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The index isn't what it should be.
    #[error(
        "the index of blocks {} is damaged ({problem}): move it away (`mv {} {}.damaged`) and start again; it is made \
         anew from the blocks beside it",
        path.display(), path.display(), path.display()
    )]
    Damaged {
        /// The index.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// A newer program wrote it.
    #[error(
        "the blocks in {} have format {found}, and this version of tidings reads formats up to {FORMAT}: run the newer \
         version, or move the folder away (`mv {} {}.newer`) to have the blocks from peers again",
        path.display(), path.display(), path.display()
    )]
    Newer {
        /// The folder.
        path: PathBuf,
        /// The format.
        found: u64,
    },
    /// The blocks are of another network.
    #[error(
        "the blocks in {} belong to {found}, not to the network `{expected}`: use another data folder, or move this one \
         away (`mv {} {}.other`)",
        path.display(), path.display(), path.display()
    )]
    Network {
        /// The folder.
        path: PathBuf,
        /// The network that it is for.
        found: String,
        /// The network that this node joins.
        expected: String,
    },
    /// The blocks were valid under other rules.
    #[error(
        "the blocks in {} were kept under other rules of the network `{network}`: {}; nothing was changed: restore the \
         network file, or give the changed network a name and a data folder of its own, or move the blocks away \
         (`mv {} {}.{hash}`) to have them from peers again",
        path.display(), changes.join(", "), path.display(), path.display()
    )]
    Rules {
        /// The folder.
        path: PathBuf,
        /// The network's name, which is the same.
        network: String,
        /// What is different.
        changes: Vec<String>,
        /// The beginning of the hash of the rules of then.
        hash: String,
    },
    /// They have an older format, and no copy of their index can be kept.
    #[error(
        "the blocks in {} have an older format, and are taken over to format {FORMAT} only after a copy of their index is kept as {}, which \
         can't be written: {source}; nothing was changed: make room there, and start again",
        path.display(), copy.display()
    )]
    NoCopy {
        /// The folder.
        path: PathBuf,
        /// Where the copy was to be.
        copy: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Another process uses it.
    #[error("the blocks in {} are in use by another process: stop that one first, or set another `blocks.folder`", .0.display())]
    InUse(PathBuf),
    /// Others may put files into the folder.
    #[error("the folder of blocks is not safe: {0}")]
    Unsafe(#[from] FolderError),
    /// The system refuses.
    #[error("cannot use the blocks in {}: {source}{}", path.display(), advice(source))]
    Io {
        /// The folder.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}

/// What was opened.
pub(super) struct Opened {
    pub(super) index: Index,
    pub(super) segments: Segments,
}

impl BlocksConfig {
    pub(super) fn io(&self) -> impl Fn(io::Error) -> OpenError {
        |source| OpenError::Io { path: self.folder.clone(), source }
    }

    /// What the index's error means for whoever wants to use it.
    pub(super) fn refusal(&self) -> impl Fn(redb::Error) -> OpenError {
        |error| match error {
            // Files that are too short or aren't a database at all are told so by these two.
            redb::Error::Io(source)
                if !matches!(
                    source.kind(),
                    io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof
                ) =>
            {
                self.io()(source)
            }
            error => self.damaged(error.to_string()),
        }
    }

    fn damaged(&self, problem: String) -> OpenError {
        OpenError::Damaged { path: self.folder.join(INDEX), problem }
    }

    pub(super) fn magic(&self) -> Magic {
        Magic::of(&self.network, self.root)
    }
}

/// Opens a folder of blocks, or makes one where there is none. All of the index is read and checked, and made anew
/// where it is missing; of the segments only how long they are.
///
/// # Errors
/// When it can't be used; what is in it is then as it was.
pub(super) fn open(config: &BlocksConfig) -> Result<Opened, OpenError> {
    let (folder, io) = (&config.folder, config.io());
    DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(&io)?;
    guard::check(folder)?;
    let file = lock(folder)?;
    let mut index = if file.metadata().map_err(&io)?.len() > 0 {
        open_index(config, file)?
    } else {
        make_index(config)?
    };
    mend(config, &mut index)?;
    let last = index.last();
    let segments = Segments::resume(folder, config.magic(), config.segment_bytes, last);
    Ok(Opened { segments: segments.map_err(&io)?, index })
}

/// Opens the index for this process alone. A new one is for its owner only.
fn lock(folder: &Path) -> Result<File, OpenError> {
    let io = |source| OpenError::Io { path: folder.to_owned(), source };
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false).mode(0o600);
    let file = guard::open(&folder.join(INDEX), &mut options).map_err(io)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(OpenError::InUse(folder.to_owned())),
        Err(TryLockError::Error(source)) => Err(io(source)),
    }
}

fn open_index(config: &BlocksConfig, file: File) -> Result<Index, OpenError> {
    let (io, failed) = (config.io(), config.refusal());
    let file = HeldFile::new(file).map_err(&io)?;
    let db = open_database(&file, false).map_err(&failed)?;
    let older = check_meta(&db, config)?;
    let says_too_little = check_rules(&db, config)?;
    let index = Index::read(db, config.root).map_err(&failed)?;
    if let Some(format) = older {
        let copy = config.folder.join(INDEX).with_added_extension(format!("format-{format}"));
        if let Err(source) = file.copy_to(&copy) {
            return Err(OpenError::NoCopy { path: config.folder.clone(), copy, source });
        }
        tracing::info!(
            copy = %copy.display(),
            "the blocks have format {format} and are taken over to format {FORMAT}; the copy of their index is for a way back to the older \
             version"
        );
    }
    file.let_go().map_err(&io)?;
    if says_too_little {
        write_rules(index.db(), &config.rules).map_err(&failed)?;
    }
    if older.is_some() {
        // Before anything is written that an older program can't read.
        write_format(index.db()).map_err(&failed)?;
    }
    Ok(index)
}

/// Opens an index that is there to read it: whatever the database changes is never done. With its format.
pub(super) fn to_read(config: &BlocksConfig) -> Result<(Database, u32), OpenError> {
    guard::check(&config.folder)?;
    let file = HeldFile::new(lock(&config.folder)?).map_err(config.io())?;
    let db = open_database(&file, false).map_err(config.refusal())?;
    let older = check_meta(&db, config)?;
    check_rules(&db, config)?;
    Ok((db, older.unwrap_or(FORMAT)))
}

/// Makes an index of the segments that there are, under another name first: a crash in between must not leave half of one.
fn make_index(config: &BlocksConfig) -> Result<Index, OpenError> {
    let (folder, io, failed) = (&config.folder, config.io(), config.refusal());
    match scan::check_heads(folder, config.magic()).map_err(&io)? {
        Some(Unfit::Newer(found)) => {
            return Err(OpenError::Newer { path: folder.clone(), found: found.into() });
        }
        Some(Unfit::OtherNetwork) => {
            let (found, expected) = ("another network".to_owned(), config.network.clone());
            return Err(OpenError::Network { path: folder.clone(), found, expected });
        }
        None => {}
    }
    let draft = folder.join(INDEX).with_added_extension("new");
    let file = HeldFile::new(create(&draft).map_err(&io)?).map_err(&io)?;
    file.let_go().map_err(&io)?;
    let db = open_database(&file, true).map_err(&failed)?;
    write_meta(&db, config).map_err(&failed)?;
    let mut index = Index::read(db, config.root).map_err(&failed)?;
    if !segments::list(folder).map_err(&io)?.is_empty() {
        let path = folder.display();
        tracing::warn!(%path, "the index of blocks is missing: all of them are read to make it anew");
        let found = scan::rebuild(folder, config.magic(), &*config.chain, config.root, &mut index);
        let (found, figures) = (found.map_err(&failed)?, index.figures());
        tracing::warn!(
            folder = %folder.display(),
            blocks = figures.blocks,
            without_parent = found.unlinked,
            damaged_bytes = found.damaged_bytes,
            "the index of blocks is made anew"
        );
        set_aside(folder, &index).map_err(&io)?;
    }
    let renamed = fs::rename(&draft, folder.join(INDEX));
    renamed.and_then(|()| segments::sync_folder(folder)).map_err(&io)?;
    Ok(index)
}

/// Renames segments in which nothing was found: what isn't in an index that was there is taken away otherwise.
fn set_aside(folder: &Path, index: &Index) -> io::Result<()> {
    for number in segments::list(folder)?.into_keys() {
        if !index.extents().contains_key(&number) {
            let path = segments::path(folder, number);
            fs::rename(&path, path.with_added_extension("damaged"))?;
        }
    }
    Ok(())
}

/// Makes segments and index agree: what was never committed is cut off, what is missing counts as not kept.
fn mend(config: &BlocksConfig, index: &mut Index) -> Result<(), OpenError> {
    let (folder, io, failed) = (&config.folder, config.io(), config.refusal());
    let found = segments::list(folder).map_err(&io)?;
    for (number, extent) in index.extents().clone() {
        let len = found.get(&number).copied();
        if len.is_some_and(|len| len >= extent.end) {
            if len > Some(extent.end) {
                segments::cut(folder, number, extent.end).map_err(&io)?;
            }
            continue;
        }
        let lost = index.shorten(number, len).map_err(&failed)?;
        let path = segments::path(folder, number);
        tracing::error!(
            path = %path.display(), lost, len, expected = extent.end,
            "a file of blocks is missing or cut short: its blocks aren't kept any more"
        );
        if let (Some(_), Some(extent)) = (len, index.extents().get(&number)) {
            segments::cut(folder, number, extent.end).map_err(&io)?;
        }
    }
    // What was pruned, or begun and never committed, when the process ended.
    for number in found.into_keys().filter(|number| !index.extents().contains_key(number)) {
        segments::remove(folder, number).map_err(&io)?;
    }
    Ok(())
}

/// Makes an empty file for this process alone, whatever was there.
fn create(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false).mode(0o600);
    let file = guard::open(path, &mut options)?;
    // Only now: what others put there isn't even emptied.
    file.set_len(0)?;
    file.try_lock()?;
    Ok(file)
}

/// Opens the database; one that isn't new is checked throughout, since it would be trusted otherwise.
fn open_database(file: &Arc<HeldFile>, is_new: bool) -> Result<Database, redb::Error> {
    let mut builder = Builder::new();
    builder.set_cache_size(CACHE_BYTES).set_check_integrity_on_open(!is_new);
    Ok(builder.create_with_backend(Backend(Arc::clone(file)))?)
}

fn write_meta(db: &Database, config: &BlocksConfig) -> Result<(), redb::Error> {
    let transaction = db.begin_write()?;
    {
        let mut meta = transaction.open_table(META)?;
        meta.insert(KEY_FORMAT, &FORMAT.to_le_bytes()[..])?;
        meta.insert(KEY_NETWORK, config.network.as_bytes())?;
        meta.insert(KEY_RULES, config.rules.to_string().as_bytes())?;
        transaction.open_table(BLOCKS)?;
        transaction.open_table(IDS)?;
        transaction.open_table(SEGMENTS)?;
    }
    Ok(transaction.commit()?)
}

/// Whether this program and this network may use what is there; and its format, if it is an older one.
fn check_meta(db: &Database, config: &BlocksConfig) -> Result<Option<u32>, OpenError> {
    let value = |key: &str| {
        let missing = || config.damaged(format!("it doesn't say its {key}"));
        read_meta(db, key).map_err(config.refusal())?.ok_or_else(missing)
    };
    let path = config.folder.clone();
    let format = value(KEY_FORMAT)?;
    // A longer number would be a larger one.
    let format = format.as_slice().try_into().map_or(u32::MAX, u32::from_le_bytes);
    if format > FORMAT {
        return Err(OpenError::Newer { path, found: format.into() });
    }
    let found = String::from_utf8_lossy(&value(KEY_NETWORK)?).into_owned();
    if found != config.network {
        let (found, expected) = (format!("the network `{found}`"), config.network.clone());
        return Err(OpenError::Network { path, found, expected });
    }
    Ok(Some(format).filter(|format| *format < FORMAT))
}

/// Whether the blocks' rules are this network's. True if the index doesn't say all of them, as none of an earlier version
/// may: then they are to be written.
fn check_rules(db: &Database, config: &BlocksConfig) -> Result<bool, OpenError> {
    let rules = read_meta(db, KEY_RULES).map_err(config.refusal())?;
    let Some(rules) = rules else { return Ok(true) };
    let rules = Meaning::parse(&String::from_utf8_lossy(&rules));
    if rules.hash() == config.rules.hash() {
        return Ok(false);
    }
    let changes = config.rules.changes_since(&rules);
    if changes.is_empty() {
        return Ok(true);
    }
    let hash = rules.hash().to_string().chars().take(8).collect();
    let (path, network) = (config.folder.clone(), config.network.clone());
    Err(OpenError::Rules { path, network, changes, hash })
}

fn write_format(db: &Database) -> Result<(), redb::Error> {
    let transaction = db.begin_write()?;
    transaction.open_table(META)?.insert(KEY_FORMAT, &FORMAT.to_le_bytes()[..])?;
    Ok(transaction.commit()?)
}

fn write_rules(db: &Database, rules: &Meaning) -> Result<(), redb::Error> {
    let transaction = db.begin_write()?;
    transaction.open_table(META)?.insert(KEY_RULES, rules.to_string().as_bytes())?;
    Ok(transaction.commit()?)
}

fn read_meta(db: &Database, key: &str) -> Result<Option<Vec<u8>>, redb::Error> {
    let meta = db.begin_read()?.open_table(META)?;
    Ok(meta.get(key)?.map(|value| value.value().to_vec()))
}
