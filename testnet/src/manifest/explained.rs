//! What there is to set, for people: a manifest with all settings and what each means, and the same for command lines.
//!
//! It is written by hand, and tests hold it to what is read: each kind, key and default.

use tidings::config::TEMPLATE as OF_NODES;

/// The manifest but for the parameters.
const TEMPLATE: &str = include_str!("template.toml");

/// What `--strategy` may be.
pub const STRATEGIES: &str = "\
How items spread [default: adaptive]:
  direct-mail  whole, from the origin to all its peers, and no further
  flood        whole, to every peer that isn't known to have it
  inventory    by id to every peer, sent whole to whoever asks, as Bitcoin does
  push         each round, news whole to a few random peers
  pull         each round, a few random peers are asked for news
  push-pull    each round, both
  rumor        told on until nobody hears news in it
  plumtree     whole along a tree that finds itself, by id elsewhere
  dog          whole along routes, of which too many are closed (CometBFT)
  eth68        whole to the square root of all peers, by id to the others (Ethereum)
  cat          whole from the origin, by id from all others (Celestia)
  gossipsub    whole within a mesh of few links, ids to some others (libp2p)
  reconcile    by id to a few peers, and what others lack by comparing (Erlay)
  adaptive     whole to peers that probably lack it, by id to the others
What each takes: params.relay in `tidings-testnet manifest`.";

/// What `--links` may be.
pub const LINKS: &str = "\
What lies between nodes [default: planar, or regions among real nodes]:
  none                                  almost nothing: 0.1 ms
  constant:latency_ms=50                the same for all
  uniform:min_ms=10,max_ms=90           any between two bounds
  exponential:mean_ms=50                many short ways and a few long ones
  lognormal:mean_ms=50,sigma=0.3        the same with hardly any very short ones
  planar:min_ms=5,max_ms=217,jitter=0   points of a square, whose distance decides
  regions:jitter=0.05,bandwidth=true    eight regions of the world, lines of two widths
  matrix:file=TABLE.csv,jitter=0        regions of one's own: `region,share,NAME,…`, then `NAME,SHARE,MS,…` each; or table= in TOML
  rounds:round_ms=1000,asynchronous=false   as in theory; not among real nodes
The third to the fifth also take draw=link (the default) or draw=message (not among real nodes): for what each
latency is drawn.";

/// What `--fault` may be.
pub const FAULTS: &str = "\
What goes wrong; repeatable. Times are seconds after the first submission; at_s is 0 if left out:
  loss:share=0.01[,at_s=,for_s=]         relay messages vanish
  duplicate:share=0.01[,at_s=,for_s=]    relay messages arrive twice
  reorder:share=0.01[,by_ms=200,at_s=,for_s=]   messages are overtaken by other classes
  clog:share=0.1,for_s=2[,at_s=]         links carry nothing for a while
  crash:share=0.1[,at_s=,restart_after_s=,silent=false]   nodes lose everything; nodes=1+2 names them
  churn:per_minute=0.1[,away_s=30,at_s=,for_s=]   nodes come and go
  partition:for_s=5[,share=0.5,at_s=,mode=drop]   two sides hear nothing of each other; or mode=stall, break
  pause:share=0.1,for_s=2[,at_s=]        nodes stand still; nodes=1+2 names them
  cut:links=3-4+3-9[,at_s=,for_s=,mode=drop]   pairs of nodes hear nothing of each other; or mode=stall, break
  slow:share=0.1,by_ms=500[,at_s=,for_s=]   what nodes send and are sent takes longer; nodes=1+2 or links=3-4 names them
  liar:share=0.1[,say=known,withhold=,at_s=,for_s=]   nodes lie, from the beginning or later; nodes=1+2 names them; say=kind, name, bytes, order,
                                         presence, time, known, first, frames or all
Real nodes aren't slow, and don't lie: see `assault`.";

/// What `--manifest` is.
pub const MANIFEST: &str = "\
Settings to start from, as TOML; `tidings-testnet manifest` prints one with all of them explained. Its tables:
  (top)       format, seed, warmup_txs, origin, spies, contender, members, slow_motion
  [network]   nodes, topology, bootstrap, rules, reachable, bridges, known, links, links_file
  [link]      model, and what it takes: see --links
  [workload]  kind; txs, rate, sizes, or of a bitcoin-block file, rate
  [measure]   idle_s, stall_s, connect_s
  [mining]    interval_s, txs_max, late_joiners
  [[write]]   at_s, node
  [[fault]]   kind, and what it takes: see --fault
  [params]    parameters of every node's core, as in a node's config.toml";

/// A manifest with all settings, each explained and none set.
#[must_use]
pub fn template() -> String {
    // The sections of parameters stand together at the end of a node's settings, each behind its comment.
    let begin = OF_NODES.find("\n[params.").map_or(OF_NODES.len(), |at| at + 1);
    let (before, params) = OF_NODES.split_at(begin);
    let comment = before.rfind("\n\n").map_or("", |at| &before[at + 2..]);
    format!("{TEMPLATE}{comment}{params}")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use tidings_protocol::params::{Params, StrategyKind};
    use tidings_sim::fault::FaultSpec;
    use tidings_sim::latency::LinkSpec;
    use tidings_sim::workload::Transfers;

    use super::*;
    use crate::manifest::{Manifest, Workload, text};

    /// The template with everything set that it shows.
    fn all_set() -> toml::Table {
        let template = template();
        let lines = template.lines().map(|line| {
            let setting = line.strip_prefix("# ").filter(|rest| {
                let is_setting = rest.split_once(" = ").is_some_and(|(key, _)| {
                    !key.contains(|c: char| !c.is_ascii_alphanumeric() && c != '_')
                });
                is_setting || (rest.starts_with('[') && rest.ends_with(']'))
            });
            setting.unwrap_or(line).to_owned() + "\n"
        });
        lines.collect::<String>().parse().unwrap()
    }

    /// The words that a reader expected instead of `zz`.
    fn expected(told: &str) -> BTreeSet<String> {
        let (_, words) = told.split_once("expected").unwrap_or_else(|| panic!("{told}"));
        words.split('`').skip(1).step_by(2).map(str::to_owned).collect()
    }

    /// The keys that a table may have, as whoever reads it says.
    fn keys(of: &str) -> BTreeSet<String> {
        expected(toml::from_str::<Manifest>(&format!("{of}\nzz = 1")).unwrap_err().message())
    }

    fn shown(table: &toml::Value) -> BTreeSet<String> {
        table.as_table().unwrap().keys().cloned().collect()
    }

    #[test]
    fn a_manifest_with_all_settings_explained_sets_nothing_and_has_every_key() {
        assert_eq!(Manifest::parse(&template()).unwrap(), Manifest::default());
        let all = all_set();
        let mut top = keys("");
        top.remove("recorded"); // a note of the run folder
        top.remove("scenario"); // no setting
        assert_eq!(shown(&all.clone().into()), top);
        let mut may_be = keys("[[write]]");
        may_be.remove("zz");
        assert_eq!(shown(&all["write"][0]), may_be, "[[write]]");
        for section in ["network", "measure", "mining"] {
            let mut may_be = keys(&format!("[{section}]"));
            may_be.remove("zz");
            assert_eq!(shown(&all[section]), may_be, "[{section}]");
        }
        let transfers = "[workload]\nkind = \"transfers\"";
        let mut may_be = keys(transfers);
        may_be.insert("kind".to_owned());
        assert_eq!(shown(&all["workload"]), may_be);
        let params: Params = all["params"].clone().try_into().unwrap();
        params.validate().unwrap();
    }

    #[test]
    fn a_table_may_have_few_of_its_keys() {
        let few = "[measure]\nidle_s = 0.5\n[workload]\nkind = \"transfers\"\nrate = 5.0\n";
        let mut expected = Manifest::default();
        expected.measure.idle_s = 0.5;
        expected.workload = Workload::Transfers(Transfers { rate: 5.0, ..Transfers::default() });
        assert_eq!(Manifest::parse(few).unwrap(), expected);
    }

    #[test]
    fn what_is_shown_is_what_holds_if_it_is_left_out() {
        fn compare(shown: &toml::Value, holds: &toml::Value, at: &str) {
            match (shown, holds) {
                (toml::Value::Table(shown), toml::Value::Table(holds)) => {
                    for (key, value) in holds {
                        compare(&shown[key], value, &format!("{at}.{key}"));
                    }
                }
                (shown, holds) => assert_eq!(shown, holds, "{at}"),
            }
        }
        let mut default = toml::Table::try_from(Manifest::default()).unwrap();
        default.remove("params"); // a node's own tests compare those
        compare(&all_set().into(), &default.into(), "");
    }

    /// Each variant of a tagged enum with what it may have, as its reader says, and what the template shows.
    fn check_kinds<T: serde::de::DeserializeOwned>(
        tag: &str,
        help: &str,
    ) -> Vec<(String, BTreeSet<String>)> {
        let kinds = text::parse_short::<T>("zz", tag).err().unwrap_or_default();
        let all = expected(&kinds).into_iter().filter(|kind| kind != "none").map(|kind| {
            let keys =
                expected(&text::parse_short::<T>(&format!("{kind}:zz=1"), tag).err().unwrap());
            let line = help.lines().find(|line| line.trim_start().starts_with(&format!("{kind}:")));
            let line = line.unwrap_or_else(|| panic!("--help should have {kind}"));
            for key in &keys {
                let is_shared = ["draw", "nodes"].contains(&key.as_str());
                assert!(
                    line.contains(&format!("{key}="))
                        || is_shared && help.contains(&format!("{key}=")),
                    "{kind}: {key}"
                );
            }
            (kind, keys)
        });
        all.collect()
    }

    #[test]
    fn help_lists_each_kind_of_fault_and_link_with_its_keys_and_each_strategy() {
        let faults = check_kinds::<FaultSpec>("kind", FAULTS);
        let all = all_set();
        let shown_faults = all["fault"].as_array().unwrap();
        for (kind, mut keys) in faults {
            let shown_fault =
                shown_faults.iter().find(|fault| fault["kind"].as_str() == Some(&kind));
            keys.insert("kind".to_owned());
            assert_eq!(shown(shown_fault.unwrap_or_else(|| panic!("no {kind}"))), keys, "{kind}");
            let _: FaultSpec = shown_fault.unwrap().clone().try_into().unwrap();
        }
        for (model, keys) in check_kinds::<LinkSpec>("model", LINKS) {
            let row = TEMPLATE.lines().find(|line| line.starts_with(&format!("#   {model} ")));
            let row = row.unwrap_or_else(|| panic!("the manifest should have {model}"));
            for key in keys {
                assert!(row.contains(&key), "{row}: {key}");
            }
        }
        for strategy in StrategyKind::ALL {
            assert!(STRATEGIES.contains(&format!("\n  {strategy} ")), "{strategy}");
        }
        for key in keys("") {
            let is_told = ["recorded", "scenario"].contains(&&*key) || MANIFEST.contains(&key);
            assert!(is_told, "--help should have {key}");
        }
        for section in ["network", "measure", "mining"] {
            for key in keys(&format!("[{section}]")) {
                assert!(MANIFEST.contains(&key), "--help should have {section}.{key}");
            }
        }
    }
}
