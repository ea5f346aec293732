//! Contestants: a strategy with settings of its own, written `adaptive:relay.adaptive.preset=fast`.

use tidings_protocol::params::{Params, StrategyKind};

use crate::manifest::text::with_overrides;

/// A strategy with settings of its own.
#[derive(Clone, Debug, PartialEq)]
pub struct Variant {
    /// How it is called in tables and pictures.
    pub name: String,
    /// The strategy.
    pub strategy: StrategyKind,
    /// Its settings, as `KEY=VALUE`.
    pub settings: Vec<String>,
}

impl Variant {
    /// Reads a variant. `NAME@` before it gives it a name of one's own.
    ///
    /// # Errors
    /// A sentence about an unknown strategy or a setting that isn't one.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (given, rest) =
            text.split_once('@').map_or((None, text), |(name, rest)| (Some(name), rest));
        let (strategy, settings) = rest.split_once(':').unwrap_or((rest, ""));
        let strategy: StrategyKind =
            strategy.parse().map_err(|error| format!("--strategies: {error}"))?;
        let settings: Vec<String> =
            settings.split(',').filter(|entry| !entry.is_empty()).map(str::to_owned).collect();
        with_overrides(&Params::default(), &settings).map_err(|error| {
            format!("--strategies {text}: {}", error.trim_start_matches("--param "))
        })?;
        let name = given.map_or_else(|| readable(strategy, &settings), str::to_owned);
        Ok(Self { name, strategy, settings })
    }

    /// Lays the variant over parameters.
    ///
    /// # Errors
    /// A sentence about a setting that isn't one.
    pub fn lay_over(&self, params: &Params) -> Result<Params, String> {
        let mut params = with_overrides(params, &self.settings)?;
        params.relay.strategy = self.strategy;
        Ok(params)
    }
}

/// Splits a list of variants at the commas that begin a new one: those that no setting follows.
#[must_use]
pub fn split(list: &str) -> Vec<String> {
    let mut variants: Vec<String> = Vec::new();
    for part in list.split(',') {
        let is_setting = part.contains('=') && !part.split('=').next().unwrap_or("").contains(':');
        match variants.last_mut() {
            Some(variant) if is_setting => {
                variant.push(',');
                variant.push_str(part);
            }
            _ => variants.push(part.to_owned()),
        }
    }
    variants
}

/// The strategy, and of each setting the last part of its key unless it says nothing new.
fn readable(strategy: StrategyKind, settings: &[String]) -> String {
    let short = |entry: &String| {
        let (key, value) = entry.split_once('=').unwrap_or((entry, ""));
        let last = key.rsplit('.').next().unwrap_or(key);
        match last {
            "preset" => value.to_owned(),
            "trickle_outbound_ms" => format!("out {value} ms"),
            "trickle_inbound_ms" => format!("in {value} ms"),
            _ => format!("{last} {value}"),
        }
    };
    let words: Vec<String> = settings.iter().map(short).collect();
    if words.is_empty() { strategy.to_string() } else { format!("{strategy} {}", words.join(", ")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_belong_to_the_strategy_before_them() {
        let list = "flood,inventory:relay.trickle_outbound_ms=0,relay.trickle_inbound_ms=0,push";
        let variants: Vec<_> =
            split(list).iter().map(|text| Variant::parse(text).unwrap()).collect();
        let names: Vec<_> = variants.iter().map(|variant| variant.name.as_str()).collect();
        assert_eq!(names, ["flood", "inventory out 0 ms, in 0 ms", "push"]);
        let params = variants[1].lay_over(&Params::default()).unwrap();
        assert_eq!((params.relay.trickle_outbound_ms, params.relay.trickle_inbound_ms), (0, 0));
        assert_eq!(params.relay.strategy, StrategyKind::Inventory);
    }

    #[test]
    fn a_name_of_ones_own_comes_before_an_at() {
        let variant = Variant::parse("quick@adaptive:relay.adaptive.preset=fast").unwrap();
        assert_eq!((variant.name.as_str(), variant.strategy), ("quick", StrategyKind::Adaptive));
        assert_eq!(
            Variant::parse("adaptive:relay.adaptive.preset=lean").unwrap().name,
            "adaptive lean"
        );
    }

    #[test]
    fn what_is_unknown_is_said_with_what_is_known() {
        let error = Variant::parse("fludd").unwrap_err();
        assert!(error.contains("fludd") && error.contains("plumtree"), "{error}");
        assert!(Variant::parse("flood:relay.fanot=3").unwrap_err().contains("fanot"));
    }
}
