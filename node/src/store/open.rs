//! Opens a store, or says why not and leaves it as it was.

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use redb::{Builder, Database, ReadableDatabase as _, ReadableTable};

use super::age::StoreTime;
use super::file::{Backend, HeldFile};
use super::format::{
    FIRST_FORMAT, FORMAT, ITEMS, KEY_FORMAT, KEY_NETWORK, KEY_RULES, KEY_TIME, META, ORPHANS,
    Record, Times, UNBROADCAST,
};
use super::{CACHE_BYTES, ItemId, Recalled, Store, StoreConfig, map};
use crate::files::network::Meaning;
use crate::files::{advice, guard};

/// Why a store can't be used. The file is as it was.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// It isn't what a store writes.
    #[error(
        "the store {} is damaged ({problem}): move it away (`mv {} {}.damaged`) and start again; what was pooled comes \
         back from peers, but what was submitted here and had not spread yet is only in that file",
        path.display(), path.display(), path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// A newer program wrote it.
    #[error(
        "the store {} has format {found}, and this version of tidings reads formats up to {FORMAT}: run the newer \
         version, or move the file away (`mv {} {}.newer`) to start with an empty one",
        path.display(), path.display(), path.display()
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its format.
        found: u64,
    },
    /// Its items are of another network.
    #[error(
        "the store {} belongs to the network `{found}`, not to `{expected}`: use another data folder, or move the \
         file away (`mv {} {}.{found}`)",
        path.display(), path.display(), path.display()
    )]
    Network {
        /// The file.
        path: PathBuf,
        /// The network that it is for.
        found: String,
        /// The network that this node joins.
        expected: String,
    },
    /// Its items were valid under other rules.
    #[error(
        "the store {} was made under other rules of the network `{network}`: {}; nothing was changed: restore the \
         network file, or give the changed network a name and a data folder of its own, or move the store away \
         (`mv {} {}.{hash}`) to start with an empty one",
        path.display(), changes.join(", "), path.display(), path.display()
    )]
    Rules {
        /// The file.
        path: PathBuf,
        /// The network's name, which is the same.
        network: String,
        /// What is different.
        changes: Vec<String>,
        /// The beginning of the hash of the store's rules.
        hash: String,
    },
    /// It has an older format, and no copy of it can be kept.
    #[error(
        "the store {} has format {format}, and is taken over to format {FORMAT} only after a copy of it is kept as {}, which can't be \
         written: {source}; nothing was changed: make room there, and start again",
        path.display(), copy.display()
    )]
    NoCopy {
        /// The file.
        path: PathBuf,
        /// Its format.
        format: u64,
        /// Where the copy was to be.
        copy: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Another process uses it.
    #[error("the store {} is in use by another process: stop that one first, or set another `store.file`", .0.display())]
    InUse(PathBuf),
    /// The system refuses.
    #[error("cannot use the store {}: {source}{}", path.display(), advice(source))]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}

impl Store {
    /// Opens a store, or makes a new one where there is none. All of it is read and checked.
    ///
    /// # Errors
    /// When it can't be used; the file is then as it was.
    pub fn open(config: &StoreConfig) -> Result<Self, OpenError> {
        let path = &config.path;
        let io = |source| OpenError::Io { path: path.clone(), source };
        let file = lock(path)?;
        if file.metadata().map_err(io)?.len() > 0 {
            return Self::open_file(config, file);
        }
        // Made under another name first: a crash in between must not leave half a store.
        let draft = path.with_added_extension("new");
        let new = create(&draft).map_err(io)?;
        let store = Self::open_file(config, new)?;
        fs::rename(&draft, path).and_then(|()| sync_folder(path)).map_err(io)?;
        Ok(store)
    }

    fn open_file(config: &StoreConfig, file: File) -> Result<Self, OpenError> {
        let path = &config.path;
        let io = |source| OpenError::Io { path: path.clone(), source };
        let is_new = file.metadata().map_err(io)?.len() == 0;
        let file = HeldFile::new(file).map_err(io)?;
        let failed = |error| refusal(path, error);
        let db = open_database(&file, is_new).map_err(failed)?;
        if is_new {
            write_meta(&db, config).map_err(failed)?;
        }
        let format = check_meta(&db, config)?;
        let says_too_little = check_rules(&db, config)?;
        let times = read_times(&db, format).map_err(failed)?;
        let (items, orphans) = read_indices(&db).map_err(failed)?;
        let entries = if config.map { map::read(&db).map_err(failed)? } else { Vec::new() };
        let map_bytes = map::bytes(&db).map_err(failed)?;
        if format == FIRST_FORMAT {
            keep_copy(path, &file, format)?;
        }
        file.let_go().map_err(io)?;
        if format == FIRST_FORMAT {
            begin_time(&db).map_err(failed)?;
        }
        if says_too_little {
            write_rules(&db, &config.rules).map_err(failed)?;
        }
        let recalled = match config.map {
            true => Some(Recalled { writer: map::take(&db).map_err(failed)?, entries }),
            false => None,
        };
        let bytes = items.bytes + orphans.bytes + map_bytes;
        let next = items.next.max(orphans.next);
        let mut store = Self {
            db,
            file,
            index: items.keys,
            orphans: orphans.keys,
            bytes,
            next,
            time: StoreTime::resume(times.held_s),
            clock: config.clock,
            clock_before_s: Some(times.unix_s).filter(|unix_s| *unix_s > 0),
            recalled,
        };
        if store.is_mostly_free() {
            store.compact().map_err(failed)?;
        }
        Ok(store)
    }
}

/// Opens a file that is there to read it: whatever the database changes is never done.
pub(super) fn to_read(
    config: &StoreConfig,
) -> Result<(Database, Arc<HeldFile>, u64, Times), OpenError> {
    let path = &config.path;
    let io = |source| OpenError::Io { path: path.clone(), source };
    let failed = |error| refusal(path, error);
    let file = HeldFile::new(lock(path)?).map_err(io)?;
    let db = open_database(&file, false).map_err(failed)?;
    let format = check_meta(&db, config)?;
    check_rules(&db, config)?;
    let times = read_times(&db, format).map_err(failed)?;
    Ok((db, file, format, times))
}

/// Keeps a copy of a file that is about to be taken over to a newer format: the way back to the older program.
fn keep_copy(path: &Path, file: &HeldFile, format: u64) -> Result<(), OpenError> {
    let copy = path.with_added_extension(format!("format-{format}"));
    match file.copy_to(&copy) {
        Ok(()) => {
            tracing::info!(
                path = %path.display(),
                copy = %copy.display(),
                "the store has format {format} and is taken over to format {FORMAT}; the copy is for a way back to the older version"
            );
            Ok(())
        }
        Err(source) => Err(OpenError::NoCopy { path: path.to_owned(), format, copy, source }),
    }
}

/// Opens the file for this process alone. A new one is for its owner only.
fn lock(path: &Path) -> Result<File, OpenError> {
    let io = |source| OpenError::Io { path: path.to_owned(), source };
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false).mode(0o600);
    let file = guard::open(path, &mut options).map_err(io)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(OpenError::InUse(path.to_owned())),
        Err(TryLockError::Error(source)) => Err(io(source)),
    }
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

/// Writes through to the disk that a new file is there.
fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or_else(|| Path::new(".")))?.sync_all()
}

/// Opens the database; one that isn't new is checked throughout, since it would be trusted otherwise.
fn open_database(file: &Arc<HeldFile>, is_new: bool) -> Result<Database, redb::Error> {
    let backend = Backend(Arc::clone(file));
    let mut builder = Builder::new();
    builder.set_cache_size(CACHE_BYTES).set_check_integrity_on_open(!is_new);
    Ok(builder.create_with_backend(backend)?)
}

fn write_meta(db: &Database, config: &StoreConfig) -> Result<(), redb::Error> {
    let transaction = db.begin_write()?;
    {
        let mut meta = transaction.open_table(META)?;
        meta.insert(KEY_FORMAT, &FORMAT.to_le_bytes()[..])?;
        meta.insert(KEY_NETWORK, config.network.as_bytes())?;
        meta.insert(KEY_RULES, config.rules.to_string().as_bytes())?;
        meta.insert(KEY_TIME, &Times::default().encode()[..])?;
        transaction.open_table(ITEMS)?;
        transaction.open_table(UNBROADCAST)?;
        transaction.open_table(ORPHANS)?;
    }
    Ok(transaction.commit()?)
}

/// Whether this program and this network may use what is there, and what format it has.
fn check_meta(db: &Database, config: &StoreConfig) -> Result<u64, OpenError> {
    let path = &config.path;
    let value = |key: &str| {
        let missing = || OpenError::Damaged {
            path: path.clone(),
            problem: format!("it doesn't say its {key}"),
        };
        read_meta(db, key).map_err(|error| refusal(path, error))?.ok_or_else(missing)
    };
    let format = value(KEY_FORMAT)?;
    // A longer number would be a larger one.
    let format = format.as_slice().try_into().map_or(u64::MAX, u64::from_le_bytes);
    if format > FORMAT {
        return Err(OpenError::Newer { path: path.clone(), found: format });
    }
    let found = String::from_utf8_lossy(&value(KEY_NETWORK)?).into_owned();
    if found != config.network {
        let expected = config.network.clone();
        return Err(OpenError::Network { path: path.clone(), found, expected });
    }
    Ok(format)
}

/// Whether the store's rules are this network's. True if it doesn't say all of them, as no store of an earlier version
/// does: then they are to be written.
fn check_rules(db: &Database, config: &StoreConfig) -> Result<bool, OpenError> {
    let path = &config.path;
    let rules = read_meta(db, KEY_RULES).map_err(|error| refusal(path, error))?;
    let Some(rules) = rules else { return Ok(true) };
    let rules = Meaning::parse(&String::from_utf8_lossy(&rules));
    if rules.hash() == config.rules.hash() {
        return Ok(false);
    }
    let changes = config.rules.changes_since(&rules);
    if changes.is_empty() {
        return Ok(true);
    }
    let (network, hash) = (config.network.clone(), rules.hash().to_string());
    let hash = hash.chars().take(8).collect();
    Err(OpenError::Rules { path: path.clone(), network, changes, hash })
}

/// Writes the rules of this network into a store that doesn't say all of them.
fn write_rules(db: &Database, rules: &Meaning) -> Result<(), redb::Error> {
    let transaction = db.begin_write()?;
    transaction.open_table(META)?.insert(KEY_RULES, rules.to_string().as_bytes())?;
    Ok(transaction.commit()?)
}

/// How late it was when the store was last written. The first format doesn't say.
fn read_times(db: &Database, format: u64) -> Result<Times, redb::Error> {
    if format == FIRST_FORMAT {
        return Ok(Times::default());
    }
    let times = read_meta(db, KEY_TIME)?.as_deref().and_then(Times::decode);
    times.ok_or_else(|| redb::Error::Corrupted("it doesn't say its time".to_owned()))
}

/// Turns a file of the first format into one of this: nobody vouches for the times in it, so everything is new.
fn begin_time(db: &Database) -> Result<(), redb::Error> {
    let transaction = db.begin_write()?;
    for table in [ITEMS, ORPHANS] {
        let mut table = transaction.open_table(table)?;
        let keys = table.iter()?.map(|entry| Ok(entry?.0.value()));
        for key in keys.collect::<Result<Vec<u64>, redb::StorageError>>()? {
            let record = table.get(key)?.map(|record| record.value().to_vec());
            if let Some(mut record) = record {
                Record::rejuvenate(&mut record);
                table.insert(key, &*record)?;
            }
        }
    }
    {
        let mut meta = transaction.open_table(META)?;
        meta.insert(KEY_TIME, &Times::default().encode()[..])?;
        meta.insert(KEY_FORMAT, &FORMAT.to_le_bytes()[..])?;
    }
    Ok(transaction.commit()?)
}

fn read_meta(db: &Database, key: &str) -> Result<Option<Vec<u8>>, redb::Error> {
    let meta = db.begin_read()?.open_table(META)?;
    Ok(meta.get(key)?.map(|value| value.value().to_vec()))
}

/// What a table holds.
#[derive(Default)]
struct Index {
    keys: HashMap<ItemId, u64>,
    /// The next free key.
    next: u64,
    /// Bytes of all records.
    bytes: u64,
}

/// What is kept, and what waits for its parents.
fn read_indices(db: &Database) -> Result<(Index, Index), redb::Error> {
    let transaction = db.begin_read()?;
    let items = read_index(&transaction.open_table(ITEMS)?)?;
    transaction.open_table(UNBROADCAST)?;
    Ok((items, read_index(&transaction.open_table(ORPHANS)?)?))
}

fn read_index(table: &impl ReadableTable<u64, &'static [u8]>) -> Result<Index, redb::Error> {
    let mut index = Index::default();
    for entry in table.iter()? {
        let (key, value) = entry?;
        let (key, value) = (key.value(), value.value());
        let record = Record::decode(value)
            .ok_or_else(|| redb::Error::Corrupted(format!("record {key} is none")))?;
        index.keys.insert(record.id, key);
        (index.next, index.bytes) = (key + 1, index.bytes + value.len() as u64);
    }
    Ok(index)
}

/// What the database's error means for whoever wants to use the file.
pub(super) fn refusal(path: &Path, error: redb::Error) -> OpenError {
    let path = path.to_owned();
    match error {
        // Files that are too short or aren't a database at all are told so by these two.
        redb::Error::Io(source)
            if !matches!(
                source.kind(),
                io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof
            ) =>
        {
            OpenError::Io { path, source }
        }
        error => OpenError::Damaged { path, problem: error.to_string() },
    }
}
