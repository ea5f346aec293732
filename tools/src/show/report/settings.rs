//! What a run was of, in a line: the settings that its pictures are read by, from its manifest.

use crate::figures::summary::Summary;
use crate::run::Manifest;

/// The strategy, the seed, the links, the overlay and what went wrong on purpose, as far as the manifest says.
pub(super) fn line(manifest: &Manifest, summary: &Summary) -> String {
    let table = manifest.table();
    let name = |section: &str, key: &str| table.get(section)?.get(key)?.as_str();
    let mut parts = vec![
        format!("strategy {}", summary.inputs.strategy),
        format!("seed {}", summary.inputs.seed),
    ];
    parts.extend(name("link", "model").map(|model| format!("links {model}")));
    parts.extend(name("network", "topology").map(|shape| format!("overlay {shape}")));
    let faults: Vec<String> = table
        .get("fault")
        .and_then(toml::Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(fault)
        .collect();
    if !faults.is_empty() {
        parts.push(format!("faults: {}", faults.join(", ")));
    }
    parts.join(" · ")
}

/// The same in few words, for a picture that may be shown by itself.
pub(super) fn short(manifest: &Manifest, summary: &Summary) -> String {
    let table = manifest.table();
    let model = table.get("link").and_then(|link| link.get("model")?.as_str());
    let mut parts = vec![format!("strategy {}", summary.inputs.strategy)];
    parts.extend(model.map(|model| format!("links {model}")));
    let faults = table.get("fault").and_then(toml::Value::as_array).into_iter().flatten();
    let mut kinds: Vec<&str> = faults.filter_map(|fault| fault.get("kind")?.as_str()).collect();
    kinds.dedup();
    if !kinds.is_empty() {
        parts.push(format!("with {}", kinds.join(", ")));
    }
    parts.join(" · ")
}

/// A fault, of how much, and when: `loss 10 % from 2 s for 5 s`.
fn fault(fault: &toml::Value) -> Option<String> {
    let number = |key: &str| {
        let value = fault.get(key)?;
        value.as_float().or_else(|| value.as_integer().map(|whole| whole as f64))
    };
    let mut words = fault.get("kind")?.as_str()?.to_owned();
    if let Some(share) = number("share").filter(|share| *share > 0.0) {
        words += &format!(" {} %", crate::show::format::percent(share));
    }
    if let Some(nodes) =
        fault.get("nodes").and_then(toml::Value::as_array).filter(|nodes| !nodes.is_empty())
    {
        words += &format!(" of {}", crate::show::format::counted(nodes.len() as u64, "node"));
    }
    let seconds = |key: &str| number(key).filter(|seconds| *seconds > 0.0);
    for (key, word) in [("at_s", "from"), ("for_s", "for"), ("restart_after_s", "back after")] {
        if let Some(seconds) = seconds(key) {
            words += &format!(" {word} {seconds} s");
        }
    }
    Some(words)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figures::summary::Inputs;

    #[test]
    fn a_run_is_told_with_its_links_its_overlay_and_its_faults() {
        let text = "[network]\ntopology = \"gossip\"\n[link]\nmodel = \"regions\"\n\
                    [[fault]]\nkind = \"loss\"\nshare = 0.1\nat_s = 2.0\nfor_s = 5.0\n\
                    [[fault]]\nkind = \"pause\"\nshare = 0.0\nnodes = [1, 2]\nat_s = 0.0\nfor_s = 1.5\n";
        let inputs = Inputs { strategy: "flood".to_owned(), seed: 7, ..Inputs::default() };
        let summary = Summary { inputs, ..Summary::default() };
        assert_eq!(
            line(&Manifest::parse(text).unwrap(), &summary),
            "strategy flood · seed 7 · links regions · overlay gossip · \
             faults: loss 10 % from 2 s for 5 s, pause of 2 nodes for 1.5 s"
        );
        assert_eq!(line(&Manifest::default(), &summary), "strategy flood · seed 7");
        let manifest = Manifest::parse(text).unwrap();
        assert_eq!(short(&manifest, &summary), "strategy flood · links regions · with loss, pause");
    }
}
