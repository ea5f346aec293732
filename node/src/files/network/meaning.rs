//! What a network file says about which items are valid: what a store of items depends on.
//!
//! A name is no such thing: whoever edits limits, rules or the genesis and leaves the name has another network, under
//! whose rules what was kept may be worth nothing. Where newcomers connect first, and whether addresses may be local, has
//! nothing to do with items.

use std::collections::BTreeMap;
use std::fmt;

use tidings_protocol::chain::Rules;
use tidings_protocol::ground::item::Hash256;
use toml::{Table, Value};

use super::Network;

/// Rules, limits and settings of a network, by key: `limits.max_tx_bytes` is `100000`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Meaning(BTreeMap<String, String>);

impl Meaning {
    /// That of a network. Of sections that have the name of rules only that of its own counts.
    #[must_use]
    pub fn of(network: &Network) -> Self {
        let mut table = Table::try_from(network).expect("a network has a TOML form");
        for key in ["name", "bootstrap", "local_addresses"] {
            table.remove(key);
        }
        for other in Rules::NAMES.into_iter().filter(|other| *other != network.rules.name()) {
            table.remove(other);
        }
        let mut meaning = Self::default();
        meaning.flatten("", table);
        meaning
    }

    fn flatten(&mut self, prefix: &str, table: Table) {
        for (key, value) in table {
            let key = format!("{prefix}{key}");
            match value {
                Value::Table(table) => self.flatten(&format!("{key}."), table),
                value => drop(self.0.insert(key, value.to_string())),
            }
        }
    }

    /// As it was stored: a line for each key.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let entries = text.lines().filter_map(|line| line.split_once(" = "));
        Self(entries.map(|(key, value)| (key.to_owned(), value.to_owned())).collect())
    }

    /// The hash of all of it, by which a store knows its network.
    #[must_use]
    pub fn hash(&self) -> Hash256 {
        Hash256::of(self.to_string().as_bytes())
    }

    /// What is different here than it was there; nothing is said of keys that nobody knew then.
    #[must_use]
    pub fn changes_since(&self, earlier: &Self) -> Vec<String> {
        let change = |(key, was): (&String, &String)| match self.0.get(key) {
            Some(is) if is == was => None,
            Some(is) => Some(format!("`{key}` was {was} and is {is}")),
            None => Some(format!("`{key}` was {was} and is not known")),
        };
        earlier.0.iter().filter_map(change).collect()
    }
}

impl fmt::Display for Meaning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|(key, value)| writeln!(f, "{key} = {value}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meaning(change: impl FnOnce(&mut Network)) -> Meaning {
        let mut network = Network::default();
        change(&mut network);
        Meaning::of(&network)
    }

    #[test]
    fn all_that_decides_about_items_counts_and_nothing_else() {
        let before = meaning(|_| ());
        for change in [
            (|network| network.limits.max_tx_bytes -= 1) as fn(&mut Network),
            |network| network.limits.max_block_bytes += 1,
            |network| network.settings.tidings.difficulty_bits = 1,
            |network| network.settings.tidings.genesis = Hash256([1; 32]),
            |network| network.rules = Rules::Opaque,
        ] {
            let after = meaning(change);
            assert_ne!(after.hash(), before.hash());
            assert!(!after.changes_since(&before).is_empty(), "{after}");
        }
        for change in [
            (|network| network.bootstrap.push("1.2.3.4:5".parse().unwrap())) as fn(&mut Network),
            |network| network.local_addresses = true,
            |network| network.name = "said elsewhere".to_owned(),
        ] {
            assert_eq!(meaning(change), before);
        }
        let opaque = |bits| {
            meaning(|network| {
                network.rules = Rules::Opaque;
                network.settings.tidings.difficulty_bits = bits;
            })
        };
        assert_eq!(opaque(1), opaque(2), "these rules have no work to prove");
    }

    #[test]
    fn it_reads_back_and_says_what_changed() {
        let before = meaning(|_| ());
        assert_eq!(Meaning::parse(&before.to_string()), before);
        let after = meaning(|network| network.limits.max_tx_bytes = 777);
        let changes = after.changes_since(&before);
        assert_eq!(changes, ["`limits.max_tx_bytes` was 100000 and is 777"]);
        // A program that knew less made the store: what it didn't know can't have changed.
        let older =
            Meaning::parse(&before.to_string().replace("limits.max_tx_bytes = 100000\n", ""));
        assert!(after.changes_since(&older).is_empty());
        assert!(!older.changes_since(&after).is_empty());
    }
}
