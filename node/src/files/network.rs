//! The network file: which network a node joins, under which rules. All nodes of a network share it.
//!
//! ```toml
//! name = "tidings-dev"
//! rules = "tidings"                 # see `tidings_protocol::chain::Rules`
//! bootstrap = ["198.51.100.7:4000"] # names, too: see `config/seeds.rs`
//! local_addresses = false           # true for test networks: see `Network::local_addresses`
//! [limits]
//! max_tx_bytes = 100000
//! max_block_bytes = 4000000
//! [tidings]                         # matters only under these rules
//! difficulty_bits = 16
//! genesis = "0000000000000000000000000000000000000000000000000000000000000000"
//! [bitcoin]                         # under these; if the build has them
//! easiest_bits = 0x1d00ffff
//! ```

mod meaning;

use std::path::Path;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tidings_protocol::chain::{Chain, Limits, Rules, Settings};

use crate::config::layers::{self, LayerError, Layered, Schema};
use crate::config::seeds::Seed;

pub use meaning::Meaning;

/// Largest limit of one item, bytes: what a frame can carry is bounded too, and a node has to hold
/// several of them. A guess, far above any chain's.
pub const LIMIT_MAX: usize = 64_000_000;

/// Longest name of a network, bytes. The protocol name is sent for every stream, so it is kept short.
pub const NAME_MAX: usize = 64;

/// Whether a name can name a network: 1 to [`NAME_MAX`] of `a-z`, `0-9`, `-`, `_` and `.`.
#[must_use]
pub fn is_name(name: &str) -> bool {
    let allowed = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || b"-_.".contains(&c);
    (1..=NAME_MAX).contains(&name.len()) && name.bytes().all(allowed)
}

/// A network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Network {
    /// Its name; nodes of other networks are refused.
    pub name: String,
    /// Its rules.
    pub rules: Rules,
    /// Addresses that a newcomer tries first, and names that lead to some.
    pub bootstrap: Vec<Seed>,
    /// Whether its nodes live where the world doesn't reach, as those of a test network do: then peers may tell of
    /// addresses of one machine, one site and ranges that nobody uses, and not only those who are as near themselves.
    pub local_addresses: bool,
    /// Most bytes of items.
    pub limits: Limits,
    /// What it sets of its rules.
    #[serde(flatten)]
    pub settings: Settings,
}

impl Default for Network {
    /// What a file leaves out.
    fn default() -> Self {
        Self {
            name: "tidings-dev".to_owned(),
            rules: Rules::Tidings,
            bootstrap: Vec::new(),
            local_addresses: false,
            limits: Limits::default(),
            settings: Settings::default(),
        }
    }
}

/// Why a network file can't be used.
#[derive(Debug, thiserror::Error)]
pub enum NetworkError {
    /// It isn't there.
    #[error(
        "there is no network file {0}: `tidings init` makes one, or ask whoever runs the network for theirs"
    )]
    Missing(String),
    /// It can't be read.
    #[error(transparent)]
    Layer(#[from] LayerError),
    /// A value is out of range.
    #[error("`{key}` in {path} {problem}")]
    BadValue {
        /// Which.
        key: &'static str,
        /// The file.
        path: String,
        /// What is wrong.
        problem: String,
    },
}

impl Network {
    /// A network to develop with, on one machine or site.
    #[must_use]
    pub fn for_tests(rules: Rules) -> Self {
        Self { rules, local_addresses: true, ..Self::default() }
    }

    /// Reads a network file.
    ///
    /// # Errors
    /// When it is missing, or has something in it that can't be used.
    pub fn load(path: &Path) -> Result<Self, NetworkError> {
        let shown = path.display().to_string();
        let Some(entries) = layers::read_file(path)? else {
            return Err(NetworkError::Missing(shown));
        };
        let schema = Schema::new(&Self::default(), &Self::default());
        let network: Self = Layered::resolve::<Self>(&schema, entries)?.value()?;
        match network.problem() {
            Some((key, problem)) => Err(NetworkError::BadValue { key, path: shown, problem }),
            None => Ok(network),
        }
    }

    /// The network as a file's text.
    #[must_use]
    pub fn to_toml(&self) -> String {
        toml::to_string(self).expect("a network has a TOML form")
    }

    /// The rules, ready to use.
    #[must_use]
    pub fn chain(&self) -> Arc<dyn Chain> {
        self.rules.chain(self.limits, &self.settings)
    }

    fn problem(&self) -> Option<(&'static str, String)> {
        if !is_name(&self.name) {
            let problem = format!(
                "is `{}`, but must be 1 to {NAME_MAX} of a-z, 0-9, `-`, `_` and `.`",
                self.name
            );
            return Some(("name", problem));
        }
        let Limits { max_tx_bytes, max_block_bytes } = self.limits;
        let limits =
            [("limits.max_tx_bytes", max_tx_bytes), ("limits.max_block_bytes", max_block_bytes)];
        for (key, bytes) in limits {
            if !(1..=LIMIT_MAX).contains(&bytes) {
                return Some((key, format!("is {bytes}, but must be 1 to {LIMIT_MAX}")));
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(text: &str) -> (tempfile::TempDir, std::path::PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("network.toml");
        std::fs::write(&path, text).unwrap();
        (folder, path)
    }

    fn load(text: &str) -> Result<Network, String> {
        let (_folder, path) = written(text);
        Network::load(&path).map_err(|error| error.to_string())
    }

    #[test]
    fn a_network_reads_back_from_its_text() {
        let mut network = Network { rules: Rules::Opaque, ..Network::default() };
        network.bootstrap.push("127.0.0.1:4000".parse().unwrap());
        assert_eq!(load(&network.to_toml()), Ok(network));
    }

    #[test]
    fn only_a_file_that_says_so_allows_local_addresses() {
        assert!(!load("name = 'x'").unwrap().local_addresses);
        assert!(load("local_addresses = true").unwrap().local_addresses);
        let made = Network::for_tests(Rules::Opaque);
        assert_eq!(load(&made.to_toml()), Ok(made));
    }

    #[test]
    fn the_rules_have_the_limits_of_the_file() {
        use tidings_protocol::ground::item::ItemKind;
        for rules in Rules::NAMES {
            let text = format!("rules = '{rules}'\n[limits]\nmax_tx_bytes = 777\n");
            let chain = match load(&text) {
                Ok(network) => network.chain(),
                Err(error) => {
                    assert!(error.contains("build with `--features"), "{error}");
                    continue;
                }
            };
            // Of a Bitcoin transaction only a quarter may count.
            let max = if rules == "bitcoin" { 4 * 777 } else { 777 };
            assert_eq!((chain.name(), chain.max_size(ItemKind::Tx)), (rules, max));
        }
    }

    #[test]
    fn what_makes_no_network_is_refused_by_key() {
        for (text, expected) in [
            ("nmae = 'x'", "did you mean `name`?"),
            ("name = 'My Net'", "`name` in"),
            ("rules = 'none'", "`rules` in"),
            ("rules = 'none'", "`tidings`, `opaque`, `bitcoin`"),
            ("[tidings]\ndificulty_bits = 1", "did you mean `tidings.difficulty_bits`?"),
            ("[limits]\nmax_tx_bytes = 0", "`limits.max_tx_bytes` in"),
            ("[tidings]\ngenesis = '00'", "64 hexadecimal digits"),
            ("[tidings]\ndifficulty_bits = 256", "`tidings.difficulty_bits` in"),
        ] {
            let error = load(text).unwrap_err();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }

    #[test]
    fn a_missing_file_says_what_to_do() {
        let error = Network::load(Path::new("/nonexistent/network.toml")).unwrap_err();
        assert!(error.to_string().contains("tidings init"), "{error}");
    }
}
