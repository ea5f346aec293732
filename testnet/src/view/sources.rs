//! Which runs are shown: what was named on the command line, or the newest of this folder.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use tidings_timeline::{Timeline, TimelineError};
use tidings_tools::run;
use tidings_tools::timeline::timeline_of;

/// Most runs that are shown at once: so many colours can be told apart (Okabe and Ito's eight without black and yellow).
pub(super) const RUNS_MAX: usize = 6;

/// Folder in which runs are, unless another was asked for.
const RUNS: &str = "runs";

/// A timeline in a run folder.
const TIMELINE: &str = "timeline.tdt";

/// Largest file that is opened, bytes. No browser would show more. A guess.
const FILE_MAX: u64 = 1 << 30;

/// A run to show.
#[derive(Debug, PartialEq, Eq)]
pub struct Source {
    /// What it is called on the page; no two are called the same.
    pub name: String,
    /// Its timeline, as a file has it.
    pub bytes: Vec<u8>,
}

/// Opens each. Without any: the newest run of the folder `runs` in `here`, or none if there is none.
///
/// # Errors
/// A sentence about the first that is no run.
pub(super) fn open(paths: &[PathBuf], here: &Path) -> Result<Vec<Source>, String> {
    let newest = if paths.is_empty() { newest(&here.join(RUNS)) } else { None };
    let mut sources: Vec<Source> = Vec::new();
    for path in paths.iter().chain(&newest) {
        let bytes = bytes_of(path)?;
        let mut name = name_of(path);
        if sources.iter().any(|source| source.name == name) {
            name = format!("{name} ({})", sources.len() + 1);
        }
        sources.push(Source { name, bytes });
    }
    Ok(sources)
}

fn bytes_of(path: &Path) -> Result<Vec<u8>, String> {
    let named = path.display();
    let about = fs::metadata(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => format!(
            "there is no {named}: name a timeline (`tidings-testnet sim --trace FILE` writes one) or a run folder"
        ),
        _ => format!("cannot look at {named}: {error}"),
    })?;
    if about.is_dir() {
        let inside = path.join(TIMELINE);
        if inside.is_file() {
            return bytes_of(&inside);
        }
        return match timeline_of(path) {
            Ok(timeline) => Ok(timeline.to_bytes()),
            Err(why) if why.is_missing_input() => {
                Err(format!("{named} is a folder, and no run was written there ({why})"))
            }
            Err(why) => Err(format!("{named} can't be shown: {why}")),
        };
    }
    if about.len() > FILE_MAX {
        return Err(format!("{named} is larger than any timeline ({FILE_MAX} bytes)"));
    }
    let bytes = fs::read(path).map_err(|error| format!("cannot read {named}: {error}"))?;
    Timeline::from_bytes(&bytes).map_err(|why| match why {
        TimelineError::NoTimeline => {
            format!("{named} is no timeline: `tidings-testnet sim --trace FILE` writes one")
        }
        why => format!("{named} can't be shown: {why}"),
    })?;
    Ok(bytes)
}

/// What a run is called: its file without the ending, or its folder.
fn name_of(path: &Path) -> String {
    let whole = fs::canonicalize(path);
    let path = whole.as_deref().unwrap_or(path);
    let name = if path.is_dir() { path.file_name() } else { path.file_stem() };
    name.map_or_else(|| "run".to_owned(), |name| name.to_string_lossy().into_owned())
}

/// The run folder in `runs` whose figures were written last.
fn newest(runs: &Path) -> Option<PathBuf> {
    let written = |folder: &Path| -> Option<SystemTime> {
        fs::metadata(folder.join(run::DELIVERIES)).and_then(|file| file.modified()).ok()
    };
    let folders = fs::read_dir(runs).ok()?.flatten().map(|entry| entry.path());
    folders.filter_map(|folder| Some((written(&folder)?, folder))).max().map(|(_, folder)| folder)
}
