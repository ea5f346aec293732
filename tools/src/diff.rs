//! Two runs side by side: their figures, and whether comparing them is fair.
//!
//! A comparison is fair if the runs differ in what is compared (how nodes behave: the parameters of
//! the core, the node's program, the version) and in nothing else (the network, the workload, the
//! faults, the seed, the machine).

use std::path::Path;

use serde::Serialize;
use serde_json::Value;

use crate::figures::summary::{Summary, flat_figures, plain_text};
use crate::run::{Manifest, RunError};
use crate::show::format::{grouped, measured};
use crate::show::table::aligned;
use crate::show::wording;

/// Settings by which runs may differ and still be compared: they are what is compared.
const COMPARED: [&str; 3] = ["params", "recorded.node_binary", "recorded.version"];

/// Entries of a manifest that are no settings.
const RECORDS: [&str; 3] = ["recorded.command", "recorded.started", "recorded.tool"];

/// Keys of a summary that are told elsewhere: by the manifests, or as warnings.
const NO_FIGURES: [&str; 7] = [
    "invalid_reasons",
    "machine_reasons",
    "seed",
    "strategy",
    "try_slow_motion",
    "valid",
    "verdict",
];

/// A setting that differs; `None` where a run doesn't have it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Setting {
    /// Its dotted key in the manifest.
    pub key: String,
    /// In the first run.
    pub a: Option<Value>,
    /// In the second run.
    pub b: Option<Value>,
}

/// A figure of both runs; null where a run doesn't have it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Row {
    /// Its dotted key in the summary.
    pub key: String,
    /// In the first run.
    pub a: Value,
    /// In the second run.
    pub b: Value,
    /// The second by the first; `None` unless both are numbers and the first isn't 0.
    pub ratio: Option<f64>,
}

/// Two runs compared.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Diff {
    /// What to know before believing the figures.
    pub warnings: Vec<String>,
    /// Settings that differ and are what is compared.
    pub compared: Vec<Setting>,
    /// Settings that differ and make the comparison unfair.
    pub conditions: Vec<Setting>,
    /// The figures.
    pub figures: Vec<Row>,
}

impl Diff {
    /// Compares the run folders `a` and `b` by their summaries and manifests.
    ///
    /// # Errors
    ///
    /// If a summary or manifest can't be read.
    pub fn of_folders(a: &Path, b: &Path) -> Result<Self, RunError> {
        let runs = [a, b].map(|dir| {
            if !dir.is_dir() {
                return Err(RunError::NotAFolder(dir.to_owned()));
            }
            Ok((Summary::read(dir)?, Manifest::read(dir)?))
        });
        let [a, b] = runs;
        let ((summary_a, manifest_a), (summary_b, manifest_b)) = (a?, b?);
        Ok(Self::of([&summary_a, &summary_b], [&manifest_a, &manifest_b]))
    }

    /// Compares two runs.
    #[must_use]
    pub fn of(summaries: [&Summary; 2], manifests: [&Manifest; 2]) -> Self {
        let (compared, conditions): (Vec<_>, Vec<_>) = differing_settings(manifests)
            .into_iter()
            .partition(|setting| COMPARED.iter().any(|prefix| is_under(&setting.key, prefix)));
        let mut warnings = Vec::new();
        for (name, summary) in ["A", "B"].into_iter().zip(summaries) {
            if !summary.valid {
                let reasons = summary.inputs.invalid_reasons.join(" ");
                warnings
                    .push(format!("Run {name} is invalid, its figures prove nothing: {reasons}"));
                continue;
            }
            if !summary.complete() {
                warnings
                    .push(format!("Run {name} is incomplete: items didn't reach every live node."));
            }
            let whose = wording::whose_time(summary);
            warnings.extend(whose.map(|whose| format!("Run {name}: {whose}")));
        }
        if !conditions.is_empty() {
            let keys: Vec<_> = conditions.iter().map(|setting| setting.key.as_str()).collect();
            let keys = keys.join(", ");
            warnings.push(format!(
                "The runs had different conditions: {keys}. Their figures don't compare."
            ));
        }
        Self { warnings, compared, conditions, figures: rows(summaries) }
    }

    /// The comparison as indented JSON.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).expect("its keys are text, and its numbers are JSON's")
    }

    /// The comparison as aligned text. Ends with a line end.
    #[must_use]
    pub fn render(&self, names: [&str; 2]) -> String {
        let mut lines = vec![format!("A  {}", names[0]), format!("B  {}", names[1]), String::new()];
        for (title, settings) in
            [("Compared settings", &self.compared), ("Differing conditions", &self.conditions)]
        {
            if !settings.is_empty() {
                let mut cells = vec![[title, "A", "B"].map(str::to_owned).to_vec()];
                cells.extend(settings.iter().map(setting_cells));
                lines.extend(aligned(&cells, 3));
                lines.push(String::new());
            }
        }
        let mut cells = vec![["Figure", "A", "B", "B/A", "change"].map(str::to_owned).to_vec()];
        cells.extend(self.figures.iter().map(row_cells));
        lines.extend(aligned(&cells, 1));
        if !self.warnings.is_empty() {
            lines.push(String::new());
            lines.extend(self.warnings.iter().map(|warning| format!("Warning: {warning}")));
        }
        lines.join("\n") + "\n"
    }
}

/// The settings in which two manifests differ, in the order of their keys.
fn differing_settings(manifests: [&Manifest; 2]) -> Vec<Setting> {
    let [a, b] = manifests.map(|manifest| {
        let mut settings = Vec::new();
        flatten("", &toml::Value::Table(manifest.table().clone()), &mut settings);
        settings
    });
    let mut keys: Vec<&String> = a.iter().chain(&b).map(|(key, _)| key).collect();
    keys.sort_unstable();
    keys.dedup();
    keys.into_iter()
        .filter(|key| !RECORDS.contains(&key.as_str()))
        .map(|key| {
            let value = |settings: &[(String, Value)]| {
                settings.iter().find(|(name, _)| name == key).map(|(_, value)| value.clone())
            };
            Setting { key: key.clone(), a: value(&a), b: value(&b) }
        })
        .filter(|setting| setting.a != setting.b)
        .collect()
}

/// The leaves of a TOML value with dotted keys. An array is one leaf.
fn flatten(prefix: &str, value: &toml::Value, leaves: &mut Vec<(String, Value)>) {
    if let toml::Value::Table(table) = value {
        for (key, value) in table {
            let key = if prefix.is_empty() { key.clone() } else { format!("{prefix}.{key}") };
            flatten(&key, value, leaves);
        }
    } else {
        let value = serde_json::to_value(value).unwrap_or_else(|_| value.to_string().into());
        leaves.push((prefix.to_owned(), value));
    }
}

fn is_under(key: &str, prefix: &str) -> bool {
    key.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// All figures of both summaries, in the order of the first, then what only the second has.
fn rows(summaries: [&Summary; 2]) -> Vec<Row> {
    let [a, b] = summaries.map(|summary| flat_figures(&summary.to_value()));
    let only_b = b.iter().filter(|(key, _)| !a.iter().any(|(other, _)| other == key));
    let keys = a.iter().chain(only_b).map(|(key, _)| key);
    let value = |figures: &[(String, Value)], key: &str| {
        figures
            .iter()
            .find(|(other, _)| other == key)
            .map_or(Value::Null, |(_, value)| value.clone())
    };
    keys.filter(|key| !NO_FIGURES.contains(&key.as_str()))
        .map(|key| {
            let (a, b) = (value(&a, key), value(&b, key));
            let ratio = match (a.as_f64(), b.as_f64()) {
                (Some(a), Some(b)) if a != 0.0 => Some(b / a),
                _ => None,
            };
            Row { key: key.clone(), a, b, ratio }
        })
        .filter(|row| row.a != row.b || row.a.is_number())
        .collect()
}

fn setting_cells(setting: &Setting) -> Vec<String> {
    let text = |value: &Option<Value>| value.as_ref().map_or_else(|| "-".to_owned(), plain_text);
    vec![setting.key.clone(), text(&setting.a), text(&setting.b)]
}

fn row_cells(row: &Row) -> Vec<String> {
    let ratio = row.ratio.map_or_else(String::new, |ratio| format!("{ratio:.3}"));
    let change = match row.ratio {
        _ if row.a == row.b => "=".to_owned(),
        Some(ratio) => format!("{:+.1} %", (ratio - 1.0) * 100.0),
        None => String::new(),
    };
    vec![row.key.clone(), figure_text(&row.a), figure_text(&row.b), ratio, change]
}

fn figure_text(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::Number(number) => match (number.as_u64(), number.as_f64()) {
            (Some(whole), _) => grouped(whole),
            (None, Some(number)) => measured(number),
            (None, None) => number.to_string(),
        },
        other => plain_text(other),
    }
}

#[cfg(test)]
mod tests;
