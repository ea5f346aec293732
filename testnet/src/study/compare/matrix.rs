//! Every combination of contestants, sizes, fanouts and seeds, run and put together.

use serde::Serialize;
use serde_json::Value;
use tidings_sim::workload::Transfers;
use tidings_sim::workload::sizes::Sizes;
use tidings_tools::figures::statistics::Distribution;
use tidings_tools::figures::summary::Summary;
use tidings_tools::run;

use super::variant::Variant;
use crate::manifest::{Manifest, Workload};
use crate::simulate;
use crate::study::jobs;
use crate::study::progress::Progress;

/// The figures that are put together, by their keys.
pub const FIGURES: [&str; 14] = [
    "t50_ms",
    "t99_ms",
    "t100_ms",
    "coverage",
    "redundancy",
    "bytes_per_payload_byte",
    "messages_per_delivery",
    "rounds",
    "cpu_us_per_delivery",
    "last_hops_mean",
    "last_hops_max",
    "origin_precision_5",
    "origin_precision_10",
    "origin_precision_20",
];

/// One contestant under one set of circumstances.
#[derive(Clone, Debug)]
pub struct Case {
    /// Who.
    pub variant: Variant,
    /// What is added to its name, to tell circumstances apart; empty if there is one only.
    pub circumstances: String,
    /// All settings but the seed.
    pub manifest: Manifest,
}

impl Case {
    /// The contestant and the circumstances.
    #[must_use]
    pub fn name(&self) -> String {
        let Self { variant, circumstances, .. } = self;
        if circumstances.is_empty() {
            variant.name.clone()
        } else {
            format!("{} · {circumstances}", variant.name)
        }
    }
}

/// A mean over seeds with its 95 % confidence interval (Student's t).
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Estimate {
    /// The mean; `None` if any run couldn't tell.
    pub mean: Option<f64>,
    /// Half the width of the interval; `None` below two runs.
    pub ci95: Option<f64>,
}

impl Estimate {
    fn of(values: &[Option<f64>]) -> Self {
        let Some(values) = values.iter().copied().collect::<Option<Vec<f64>>>() else {
            return Self::default();
        };
        let values = Distribution::new(values);
        Self { mean: values.mean(), ci95: values.mean_ci95().map(|mean| mean.half_width) }
    }
}

/// What one case came to over all seeds.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Row {
    /// The case.
    pub name: String,
    /// Its strategy.
    pub strategy: String,
    /// Nodes.
    pub nodes: usize,
    /// Size of transactions, bytes; `None` if sizes are mixed.
    pub size: Option<usize>,
    /// Contacts a round.
    pub fanout: usize,
    /// Runs.
    pub runs: usize,
    /// By key, in the order of [`FIGURES`].
    pub figures: Vec<(&'static str, Estimate)>,
}

impl Row {
    /// A figure by its key.
    #[must_use]
    pub fn get(&self, key: &str) -> Estimate {
        self.figures
            .iter()
            .find(|(name, _)| *name == key)
            .map_or_else(Estimate::default, |(_, x)| *x)
    }

    /// The row as JSON, with `KEY` and `KEY_ci95` for every figure.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let mut map = serde_json::Map::new();
        map.insert("name".to_owned(), self.name.clone().into());
        map.insert("strategy".to_owned(), self.strategy.clone().into());
        map.insert("nodes".to_owned(), self.nodes.into());
        map.insert("size".to_owned(), self.size.into());
        map.insert("fanout".to_owned(), self.fanout.into());
        map.insert("runs".to_owned(), self.runs.into());
        for (key, Estimate { mean, ci95 }) in &self.figures {
            map.insert((*key).to_owned(), (*mean).into());
            map.insert(format!("{key}_ci95"), (*ci95).into());
        }
        map.into()
    }
}

/// Runs every case with every seed. `progress` hears of each run as it ends.
///
/// # Errors
/// The first sentence about something that can't be simulated.
pub fn run_all(
    cases: &[Case],
    seeds: &[u64],
    jobs: usize,
    progress: &Progress,
) -> Result<(Vec<Summary>, Vec<Row>), String> {
    let tasks: Vec<(&Case, u64)> =
        cases.iter().flat_map(|case| seeds.iter().map(move |seed| (case, *seed))).collect();
    let results = jobs::map(jobs, &tasks, |(case, seed)| {
        let result = run_one(case, *seed);
        progress.ended(&format!("{}, seed {seed}", case.name()));
        result
    });
    let summaries: Vec<Summary> = results.into_iter().collect::<Result<_, _>>()?;
    let rows = cases.iter().zip(summaries.chunks(seeds.len().max(1)));
    let rows = rows.map(|(case, summaries)| row(case, summaries)).collect();
    Ok((summaries, rows))
}

fn run_one(case: &Case, seed: u64) -> Result<Summary, String> {
    let manifest = Manifest { seed, ..case.manifest.clone() };
    let (_, mut summary) = simulate::simulate(&manifest, run::Manifest::default())?;
    summary.inputs.more.insert("variant".to_owned(), case.name().into());
    Ok(summary)
}

fn row(case: &Case, summaries: &[Summary]) -> Row {
    let Manifest { network, workload, params, .. } = &case.manifest;
    let figure = |key: &&'static str| {
        let values: Vec<_> = summaries.iter().map(|summary| value(summary, key)).collect();
        (*key, Estimate::of(&values))
    };
    Row {
        name: case.name(),
        strategy: params.relay.strategy.to_string(),
        nodes: network.nodes,
        size: match workload {
            Workload::Transfers(Transfers { sizes: Sizes::Fixed(size), .. }) => Some(*size),
            _ => None,
        },
        fanout: params.relay.fanout,
        runs: summaries.len(),
        figures: FIGURES.iter().map(figure).collect(),
    }
}

/// A figure of one run.
fn value(summary: &Summary, key: &str) -> Option<f64> {
    let more = &summary.inputs.more;
    let spied = |share: &str| more.get("origin_precision_by_spies")?.get(share)?.as_f64();
    match key {
        "origin_precision_5" => spied("0.05"),
        "origin_precision_10" => spied("0.1"),
        "origin_precision_20" => spied("0.2"),
        _ => summary.to_value().get(key)?.as_f64(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn case(text: &str) -> Case {
        let variant = Variant::parse(text).unwrap();
        let mut manifest = Manifest { spies: 0.2, warmup_txs: 5, ..Manifest::default() };
        manifest.network.nodes = 40;
        manifest.workload =
            Workload::Transfers(Transfers { txs: 15, rate: 20.0, sizes: Sizes::Fixed(300) });
        manifest.params = variant.lay_over(&manifest.params).unwrap();
        Case { variant, circumstances: String::new(), manifest }
    }

    #[test]
    fn every_seed_runs_and_intervals_need_two() {
        let cases = [case("flood"), case("inventory")];
        let (summaries, rows) = run_all(&cases, &[1, 2, 3], 2, &Progress::silent()).unwrap();
        let seeds: Vec<u64> = summaries.iter().map(|summary| summary.inputs.seed).collect();
        assert_eq!(seeds, [1, 2, 3, 1, 2, 3]);
        assert!(summaries.iter().all(|summary| summary.txs == 10), "the warm-up isn't measured");
        let (flood, inventory) = (&rows[0], &rows[1]);
        let mean = |row: &Row, key| row.get(key).mean.unwrap();
        assert!(mean(flood, "t99_ms") < mean(inventory, "t99_ms"));
        assert!(mean(flood, "bytes_per_payload_byte") > mean(inventory, "bytes_per_payload_byte"));
        assert!(flood.get("t99_ms").ci95.unwrap() > 0.0);
        assert!(mean(flood, "origin_precision_20") >= 0.0 && mean(flood, "last_hops_max") >= 2.0);
        let (_, alone) = run_all(&cases[..1], &[1], 1, &Progress::silent()).unwrap();
        assert_eq!(alone[0].get("t99_ms").ci95, None);
        assert!(alone[0].to_json().get("t99_ms_ci95").unwrap().is_null());
    }

    #[test]
    fn a_figure_that_one_run_could_not_tell_has_no_mean() {
        assert_eq!(Estimate::of(&[Some(1.0), None]), Estimate::default());
        assert_eq!(Estimate::of(&[Some(1.0), Some(3.0)]).mean, Some(2.0));
    }
}
