//! A scenario as data of which only what differs from the defaults is said: short enough for a link.
//!
//! The laboratory in a browser's tab replays what stands behind `#lab=` in its address. It reads JSON, as [`Scenario`] does, and what
//! is left out has its default; so both run the same, to the event hash.

use std::fmt::Write as _;

use serde_json::{Map, Value};

use crate::scenario::Scenario;

/// What of a scenario differs from the defaults, as JSON. Read as a [`Scenario`] it is the same one.
#[must_use]
pub fn differing(scenario: &Scenario) -> Value {
    let value = |scenario: &Scenario| serde_json::to_value(scenario).unwrap_or_default();
    let (given, default) = (value(scenario), value(&Scenario::default()));
    sorted(difference(given, &default).unwrap_or_else(|| Value::Object(Map::new())))
}

/// The same with the keys of all tables in order, however `serde_json` was built.
fn sorted(value: Value) -> Value {
    match value {
        Value::Object(table) => {
            let mut all: Vec<(String, Value)> = table.into_iter().collect();
            all.sort_by(|(a, _), (b, _)| a.cmp(b));
            all.into_iter().map(|(key, value)| (key, sorted(value))).collect()
        }
        Value::Array(all) => all.into_iter().map(sorted).collect(),
        value => value,
    }
}

/// The part of an address that has the laboratory replay a scenario: `lab=` and JSON, of which no character means anything in an
/// address, in Markdown or in HTML.
#[must_use]
pub fn fragment(scenario: &Scenario) -> String {
    let mut fragment = "lab=".to_owned();
    for byte in differing(scenario).to_string().bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            fragment.push(char::from(byte));
        } else {
            let _ = write!(fragment, "%{byte:02X}");
        }
    }
    fragment
}

/// What of a value differs from another; `None` if nothing does. A table with a tag is told whole: its keys go by the tag.
fn difference(given: Value, default: &Value) -> Option<Value> {
    if given == *default {
        return None;
    }
    let is_tagged = |table: &Map<String, Value>| table.contains_key("model");
    match (given, default) {
        (Value::Object(given), Value::Object(default)) if !is_tagged(&given) => {
            let unset = default.iter().filter(|(key, value)| {
                !value.is_null() && given.get(*key).is_none_or(Value::is_null)
            });
            let mut all: Map<String, Value> =
                unset.map(|(key, _)| (key.clone(), Value::Null)).collect();
            for (key, value) in given {
                let differs = difference(value, default.get(&key).unwrap_or(&Value::Null));
                all.extend(differs.map(|value| (key, value)));
            }
            Some(Value::Object(all))
        }
        (given, _) => Some(given),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::FaultSpec;
    use crate::latency::LinkSpec;
    use crate::mining::Mining;
    use crate::workload::Write;
    use crate::workload::sizes::Sizes;
    use tidings_protocol::params::StrategyKind;

    #[test]
    fn what_differs_is_said_and_reads_back_as_the_same() {
        assert_eq!(differing(&Scenario::default()), serde_json::json!({}));
        let mut scenario = Scenario { seed: 11, origin: Some(3), ..Scenario::default() };
        scenario.network.nodes = 200;
        scenario.link = LinkSpec::regions();
        scenario.workload.sizes = Sizes::Bitcoin;
        scenario.write = vec![Write { at_s: 0.5, node: 3 }];
        scenario.fault = vec![FaultSpec::kill(0.1, 0.5)];
        scenario.mining = Some(Mining { interval_s: 5.0, txs_max: usize::MAX });
        scenario.params.relay.strategy = StrategyKind::PushPull;
        let sparse = differing(&scenario);
        let keys: Vec<&String> = sparse.as_object().unwrap().keys().collect();
        let said =
            ["fault", "link", "mining", "network", "origin", "params", "seed", "workload", "write"];
        assert_eq!(keys, said);
        assert_eq!(sparse["params"], serde_json::json!({ "relay": { "strategy": "push-pull" } }));
        assert_eq!(sparse["mining"], serde_json::json!({ "interval_s": 5.0 }), "no bound is none");
        assert_eq!(serde_json::from_value::<Scenario>(sparse).unwrap(), scenario);
    }

    #[test]
    fn a_link_has_no_character_that_means_anything() {
        let scenario = Scenario { seed: 11, ..Scenario::default() };
        assert_eq!(fragment(&scenario), "lab=%7B%22seed%22%3A11%7D");
    }
}
