//! Numbers that no node can mean: a slip of the finger is refused with what is allowed, and isn't found out by a machine without
//! memory or by a node that dials for ever.
//!
//! The core refuses what it can't work with; here it is said what is too much of anything, by what a key's name ends with, so that
//! a new parameter has a bound too. All of these bounds are guesses, far above what makes sense and far below where counting ends.

use toml::Value;

use super::layers::{Layered, Origin, Schema};

/// A setting that makes no sense.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TooMuch {
    /// Which.
    pub key: String,
    /// Its value.
    pub value: String,
    /// The greatest that is taken.
    pub most: String,
    /// Where it came from.
    pub origin: Origin,
}

/// Ten years, seconds: nothing that runs waits longer.
const LONGEST_S: i64 = 10 * 365 * 86_400;

/// A tebibyte.
const BYTES_MOST: i64 = 1 << 40;

/// Things that are in memory one by one.
const COUNT_MOST: i64 = 1 << 32;

/// What is done so many times a second, or at once.
const RATE_MOST: f64 = 1e15;

/// What costs more each than a place in memory: sockets, dials, messages.
const DEAR: [(&str, i64); 7] = [
    ("params.peers.outbound", 1_000),
    ("params.peers.block_only", 1_000),
    ("params.peers.inbound_max", 100_000),
    ("params.peers.dialling_max", 1_000),
    ("params.peers.address_fanout", 1_000),
    ("params.peers.book_max", 1_000_000),
    ("params.memory.verifying_max", 1_000_000),
];

/// The greatest whole number that a key of the core may have.
fn most(key: &str) -> i64 {
    if let Some((_, most)) = DEAR.iter().find(|(dear, _)| *dear == key) {
        return *most;
    }
    match key.rsplit('_').next() {
        Some("s") => LONGEST_S,
        Some("ms") => LONGEST_S * 1_000,
        Some("bytes") => BYTES_MOST,
        _ => COUNT_MOST,
    }
}

/// The first parameter of the core that is more than makes sense.
pub(super) fn check(schema: &Schema, layered: &Layered) -> Result<(), TooMuch> {
    for key in schema.keys().filter(|key| key.starts_with("params.")) {
        let (value, most) = match layered.get(key) {
            Some(Value::Integer(value)) if *value > most(key) => {
                (value.to_string(), most(key).to_string())
            }
            Some(Value::Float(value)) if *value > RATE_MOST => {
                (value.to_string(), format!("{RATE_MOST:e}"))
            }
            _ => continue,
        };
        return Err(TooMuch { key: key.to_owned(), value, most, origin: layered.origin(key) });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::{Flag, resolve, schema};
    use super::*;

    fn refusal(key: &str, text: &str) -> String {
        let flag = Flag { name: "--set".to_owned(), key: key.to_owned(), text: text.to_owned() };
        resolve(Path::new("/nonexistent"), [], &[flag]).unwrap_err().to_string()
    }

    #[test]
    fn what_no_node_can_mean_is_refused_with_what_is_allowed() {
        let error = refusal("params.peers.outbound", "99999999");
        let expected =
            "`params.peers.outbound` in flag --set is 99999999, but must be 1000 at most";
        assert!(error.starts_with(expected), "{error}");
        for (key, text) in [
            ("params.memory.pool_max_bytes", "9223372036854775807"),
            ("params.memory.pool_expiry_s", "9223372036854775807"),
            ("params.relay.trickle_inbound_ms", "9223372036854775807"),
            ("params.memory.seen_max", "99999999999"),
            ("params.budgets.txs.burst", "1e300"),
        ] {
            let error = refusal(key, text);
            assert!(error.contains(key) && error.contains(" at most"), "{error}");
        }
    }

    #[test]
    fn every_number_of_the_core_has_a_bound_and_its_default_is_below() {
        let schema = schema();
        let numbers = schema.keys().filter(|key| key.starts_with("params."));
        for key in numbers {
            if let Some(Value::Integer(value)) = schema.default_of(key) {
                assert!(*value <= most(key), "{key}");
            }
        }
        assert!(DEAR.iter().all(|(dear, _)| schema.keys().any(|key| key == *dear)));
    }
}
