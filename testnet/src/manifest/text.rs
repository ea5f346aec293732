//! Settings as people write them: `KEY=VALUE` for parameters, `NAME:KEY=VALUE` for tables, and what is said
//! about mistakes in them.

use serde::de::DeserializeOwned;
use tidings_protocol::params::Params;

/// How alike two words must be for one to be suggested for the other, Jaro-Winkler: as for the keys of a
/// node's configuration. A guess.
const ALIKE_MIN: f64 = 0.8;

/// Parameters with `KEY=VALUE`s laid over them.
///
/// # Errors
/// A sentence about the first that isn't one, with what may have been meant.
pub fn with_overrides(params: &Params, overrides: &[String]) -> Result<Params, String> {
    let mut tree = toml::Table::try_from(params).map_err(|error| error.to_string())?;
    let mut laid = params.clone();
    for entry in overrides {
        let (key, value) = entry
            .split_once('=')
            .ok_or_else(|| format!("--param {entry} has no value: write KEY=VALUE"))?;
        lay(&mut tree, branch(key.trim(), short_value(value.trim())));
        // One by one, so that the sentence can name the culprit.
        laid = tree
            .clone()
            .try_into()
            .map_err(|error: toml::de::Error| format!("--param {entry}: {}", explained(&error)))?;
    }
    Ok(laid)
}

/// Reads `NAME:KEY=VALUE,KEY=VALUE`, with the name under the key `tag`: the short form of a table, for the
/// command line. Numbers of nodes are joined by `+`, and the two of a link by `-`.
///
/// # Errors
/// A sentence about what is wrong with it.
pub fn parse_short<T: DeserializeOwned>(text: &str, tag: &str) -> Result<T, String> {
    let (name, rest) = text.split_once(':').unwrap_or((text, ""));
    let mut table = toml::Table::new();
    table.insert(tag.to_owned(), name.into());
    read_keys(table, text, rest)
}

/// Reads `KEY=VALUE,KEY=VALUE`: the short form of a table that has no name.
///
/// # Errors
/// A sentence about what is wrong with it.
pub fn parse_keys<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    read_keys(toml::Table::new(), text, text)
}

fn read_keys<T: DeserializeOwned>(
    mut table: toml::Table,
    text: &str,
    keys: &str,
) -> Result<T, String> {
    for entry in keys.split(',').filter(|entry| !entry.is_empty()) {
        let Some((key, value)) = entry.split_once('=') else {
            return Err(format!("`{entry}` in `{text}` has no value: write KEY=VALUE"));
        };
        let value = match key {
            "links" => toml::Value::Array(value.split('+').map(pair).collect()),
            "nodes" => toml::Value::Array(value.split('+').map(short_value).collect()),
            _ => short_value(value),
        };
        table.insert(key.to_owned(), value);
    }
    table.try_into().map_err(|error: toml::de::Error| format!("`{text}`: {}", explained(&error)))
}

/// What is wrong with a manifest or a part of it: where, if that is known, and of an unknown word what may
/// have been meant.
#[must_use]
pub fn explained(error: &toml::de::Error) -> String {
    let message = error.message();
    let shown = if error.span().is_some() { error.to_string() } else { message.to_owned() };
    let shown = shown.trim_end();
    match suggestion(message) {
        Some(word) => format!("{shown}; did you mean `{word}`?"),
        None => shown.to_owned(),
    }
}

/// The expected word most like the unknown one, of a sentence as serde makes it: ``unknown field `a`,
/// expected one of `b`, `c` ``.
fn suggestion(message: &str) -> Option<&str> {
    let (_, rest) = message.split_once("unknown ")?;
    let mut quoted = rest.split('`').skip(1).step_by(2);
    let unknown = quoted.next()?;
    let alike = quoted.map(|word| (strsim::jaro_winkler(word, unknown), word));
    let best = alike.max_by(|a, b| a.0.total_cmp(&b.0))?;
    (best.0 >= ALIKE_MIN).then_some(best.1)
}

/// A value at a dotted key, as a tree.
fn branch(key: &str, value: toml::Value) -> toml::Table {
    let (first, value) = match key.split_once('.') {
        Some((first, rest)) => (first, branch(rest, value).into()),
        None => (key, value),
    };
    toml::Table::from_iter([(first.to_owned(), value)])
}

/// Lays one tree over another.
pub fn lay(tree: &mut toml::Table, over: toml::Table) {
    for (key, value) in over {
        match (tree.get_mut(&key), value) {
            (Some(toml::Value::Table(below)), toml::Value::Table(above)) => lay(below, above),
            (_, value) => {
                tree.insert(key, value);
            }
        }
    }
}

/// Two nodes, `3-4`.
fn pair(text: &str) -> toml::Value {
    toml::Value::Array(text.split('-').map(short_value).collect())
}

/// A value as TOML has it; text needs no quotes.
fn short_value(text: &str) -> toml::Value {
    let parsed = format!("value = {text}").parse::<toml::Table>();
    let value = parsed.ok().and_then(|mut table| table.remove("value"));
    value.unwrap_or_else(|| text.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn laid(overrides: &[&str]) -> Result<Params, String> {
        let overrides: Vec<String> = overrides.iter().map(|entry| (*entry).to_owned()).collect();
        with_overrides(&Params::default(), &overrides)
    }

    #[test]
    fn text_needs_no_quotes_and_tables_may_be_written_inline() {
        let params =
            laid(&["relay.strategy=flood", "budgets.messages={per_s=1.5,burst=2.5}"]).unwrap();
        assert_eq!(params.relay.strategy, tidings_protocol::params::StrategyKind::Flood);
        assert_eq!(params.budgets.messages, tidings_protocol::params::Rate::new(1.5, 2.5));
        assert_eq!(
            laid(&["relay.strategy=\"flood\""]).unwrap().relay,
            laid(&["relay.strategy=flood"]).unwrap().relay
        );
    }

    #[test]
    fn what_is_unknown_is_refused_with_what_may_have_been_meant() {
        for (entry, sentence) in [
            ("relay.stratgy=flood", "did you mean `strategy`?"),
            ("rely.strategy=flood", "did you mean `relay`?"),
            ("relay.strategy=fludd", "flood"),
            ("requests.in_flight_max=many", "--param requests.in_flight_max=many: "),
            ("relay.strategy", "has no value: write KEY=VALUE"),
        ] {
            let error = laid(&[entry]).unwrap_err();
            assert!(error.contains(sentence), "{entry}: {error}");
        }
        assert!(!laid(&["xyzzy=1"]).unwrap_err().contains("did you mean"), "nothing is like it");
    }
}
