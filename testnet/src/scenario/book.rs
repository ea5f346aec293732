//! The scenarios that the program brings along, and those of whoever has a file.

use std::path::{Path, PathBuf};

use super::expect::did_you_mean;
use super::script::{Overrides, Script};

/// One that the program brings along.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// Its name.
    pub name: &'static str,
    /// Its file.
    pub text: &'static str,
    /// Its page.
    pub page: &'static str,
}

/// Hands all of them to a macro, each with a name for a test of its own: the one list of them.
macro_rules! for_each_scenario {
    ($macro:ident) => {
        $macro! {
            push_tail = "push-tail",
            message_storm = "message-storm",
            false_positive = "false-positive",
            partition = "partition",
            lost_update = "lost-update",
            clock_skew = "clock-skew",
            stalling_peer = "stalling-peer",
            eclipse = "eclipse",
            spies = "spies",
            plumtree_root = "plumtree-root",
            trickle = "trickle",
            block_after_transactions = "block-after-transactions",
            growth = "growth",
            lost_messages = "lost-messages",
        }
    };
}

macro_rules! embed {
    ($($test:ident = $name:literal,)*) => {
        /// All of them, from the simplest on.
        pub const ALL: &[Entry] = &[$(Entry {
            name: $name,
            text: include_str!(concat!("../../scenarios/", $name, ".toml")),
            page: include_str!(concat!("../../scenarios/", $name, ".md")),
        },)*];
    };
}
for_each_scenario!(embed);

#[cfg(test)]
pub(super) use for_each_scenario;

/// Reads the scenario of a name, or that of a file, with its page beside it if there is one.
///
/// # Errors
/// A sentence about a name that nobody has, with those that are like it; or about what is wrong with a file.
pub fn open(name: &str, overrides: &Overrides) -> Result<Script, String> {
    if let Some(Entry { name, text, page }) = ALL.iter().find(|entry| entry.name == name) {
        return Script::read(name, text, page, overrides);
    }
    let text = text(name)?;
    let path = Path::new(name);
    let page = std::fs::read_to_string(page_beside(path)).unwrap_or_default();
    let called = path.file_stem().map_or_else(|| name.into(), |stem| stem.to_string_lossy());
    Script::read(&called, &text, &page, overrides)
}

/// The file of a scenario, by its name or path.
///
/// # Errors
/// A sentence about a name that nobody has, or a file that can't be read.
pub fn text(name: &str) -> Result<String, String> {
    if let Some(entry) = ALL.iter().find(|entry| entry.name == name) {
        return Ok(entry.text.to_owned());
    }
    let path = Path::new(name);
    if name.contains('/') || path.extension().is_some_and(|extension| extension == "toml") {
        return std::fs::read_to_string(path)
            .map_err(|error| format!("cannot read the scenario {name}: {error}"));
    }
    Err(unknown(name))
}

/// Where the page of a scenario's file is.
#[must_use]
pub fn page_beside(path: &Path) -> PathBuf {
    path.with_extension("md")
}

fn unknown(name: &str) -> String {
    let names = || ALL.iter().map(|entry| entry.name);
    // A word of a name is enough to be meant.
    let has_it = |known: &&str| name.len() >= 3 && known.contains(name);
    let like: Vec<_> = names().filter(has_it).collect();
    let meant = match &like[..] {
        [] => did_you_mean(name, names()),
        like => format!("; did you mean {}?", like.join(" or ")),
    };
    format!(
        "there is no scenario {name}{meant}\n`tidings-testnet scenario list` has all, and one's own is named by its path, as in ./mine.toml"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(name: &str) -> String {
        open(name, &Overrides::default()).unwrap_err()
    }

    #[test]
    fn an_unknown_name_gets_those_that_are_like_it() {
        assert!(problem("push-tial").contains("did you mean `push-tail`?"));
        assert!(problem("storm").contains("did you mean message-storm?"));
        assert!(problem("lost").contains("did you mean lost-update or lost-messages?"));
        let nothing = problem("xyzzy");
        assert!(!nothing.contains("did you mean") && nothing.contains("scenario list"));
        assert!(problem("./mine.toml").starts_with("cannot read the scenario ./mine.toml: "));
    }

    #[test]
    fn a_file_of_ones_own_is_named_by_its_path_and_has_its_page_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mine.toml");
        std::fs::write(&path, ALL[0].text).unwrap();
        let name = path.display().to_string();
        let mine = open(&name, &Overrides::default()).unwrap();
        assert_eq!((mine.name.as_str(), mine.page.as_str()), ("mine", ""));
        std::fs::write(page_beside(&path), "# Mine\n").unwrap();
        assert_eq!(open(&name, &Overrides::default()).unwrap().page, "# Mine\n");
    }
}
