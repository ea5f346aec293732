//! The timelines of a scenario's variants, for the viewer: what every node did, beside what it did in the others.

use tidings_sim::simulation::record;
use tidings_timeline::recorder::BOUND;

use super::script::{Run, Script};
use crate::view::Source;

/// Simulates and records all variants, in their order.
///
/// # Errors
/// A sentence about a scenario that the viewer has nothing to show of, or a variant that can't be simulated.
pub fn recorded(script: &Script) -> Result<Vec<Source>, String> {
    let kind = script.head.kind();
    if script.variants.iter().any(|variant| variant.run != Run::Network) {
        return Err(format!(
            "the viewer shows networks, and the scenario {} is of kind {kind}: `scenario run {}` prints what is seen",
            script.name, script.name
        ));
    }
    let source = |variant: &super::script::Variant| {
        let wrong = |problem: String| format!("variant {}: {problem}", variant.name);
        let scenario = variant.manifest.scenario().map_err(wrong)?;
        let (_, mut timeline) = record(&scenario, BOUND).map_err(wrong)?;
        timeline.about.title = format!("{}: {}", script.head.title, variant.name);
        timeline.about.manifest =
            toml::to_string(&variant.manifest).map_err(|error| wrong(error.to_string()))?;
        Ok(Source { name: variant.name.clone(), bytes: timeline.to_bytes() })
    };
    script.variants.iter().map(source).collect()
}

#[cfg(test)]
mod tests {
    use tidings_timeline::Timeline;

    use super::*;
    use crate::scenario::book;
    use crate::scenario::script::Overrides;

    #[test]
    fn each_variant_of_a_network_has_a_timeline_under_its_name() {
        let nodes = Overrides { nodes: Some(20), ..Overrides::default() };
        let script = book::open("push-tail", &nodes).unwrap();
        let sources = recorded(&script).unwrap();
        let names: Vec<&str> = sources.iter().map(|source| source.name.as_str()).collect();
        assert_eq!(names, script.names());
        for (source, strategy) in sources.iter().zip(["push", "pull", "push-pull"]) {
            let about = Timeline::from_bytes(&source.bytes).unwrap().about;
            assert_eq!((about.nodes, about.strategy.as_str()), (20, strategy));
            assert_eq!(about.title, format!("The push tail: {strategy}"));
            let manifest = crate::manifest::Manifest::parse(&about.manifest).unwrap();
            assert_eq!((manifest.network.nodes, manifest.scenario), (20, None));
        }
    }

    #[test]
    fn what_is_no_network_says_so() {
        let script = book::open("eclipse", &Overrides::default()).unwrap();
        let error = recorded(&script).unwrap_err();
        assert!(error.contains("the scenario eclipse is of kind gym"), "{error}");
    }
}
