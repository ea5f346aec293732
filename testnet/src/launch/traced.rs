//! The timeline of a launch (`--trace`): every node captures what its core is handed, each capture is replayed when the run is over, and
//! what all of them saw becomes one file. A node whose replay acts otherwise is told, and its capture is kept.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use tidings::capture::lives;
use tidings_sim::fault::FaultSpec;
use tidings_timeline::FaultSpan;
use tidings_tools::figures::summary::Summary;
use tidings_tools::show::format::grouped;
use tokio::task::yield_now;

use super::local::CAPTURE;
use super::plan::{self, NodePlan};
use super::positions::Drawn;
use super::run_folder::RunFolder;
use super::settings::Settings;
use crate::captures::merge::{Known, Node, merge};
use crate::captures::sightings::Sightings;
use crate::ui::Ui;

/// File of the timeline in the run's folder, unless another is named.
pub const TIMELINE: &str = "timeline.tdt";

/// What stands for that file on the command line: no file can be called so.
pub const IN_THE_FOLDER: &str = ".";

/// What the run knows besides what its nodes saw.
#[derive(Clone, Debug)]
pub struct Story {
    /// Where nodes are, by number, those that started late behind the others.
    pub places: Vec<Drawn>,
    /// Nodes that were killed.
    pub victims: Vec<usize>,
    /// Nodes that announce and never deliver.
    pub withholders: Vec<usize>,
    /// When the first item was submitted, microseconds of the network's Unix time.
    pub began_us: u64,
    /// Why the run proves nothing.
    pub invalid_reasons: Vec<String>,
}

impl Story {
    /// What is known before anything starts.
    #[must_use]
    pub fn of(nodes: &[NodePlan], late: &[NodePlan], victims: &[usize]) -> Self {
        let withholders = nodes.iter().filter(|node| node.withholds).map(|node| node.index);
        Self {
            places: nodes.iter().chain(late).map(|node| node.at.clone()).collect(),
            victims: victims.to_vec(),
            withholders: withholders.collect(),
            began_us: 0,
            invalid_reasons: Vec::new(),
        }
    }

    /// The same, once the run is over.
    #[must_use]
    pub fn over(self, began_us: u64, summary: &Summary) -> Self {
        Self { began_us, invalid_reasons: summary.inputs.invalid_reasons.clone(), ..self }
    }
}

/// Why there is no timeline.
#[derive(Debug, thiserror::Error)]
#[error("cannot write {}: {source}", path.display())]
pub struct TraceError {
    path: PathBuf,
    source: io::Error,
}

/// Replays all captures of a run, if there are any, and writes its timeline. Returns what is wrong with them, a sentence each.
///
/// # Errors
/// When the timeline can't be written.
pub async fn write(
    folder: &RunFolder,
    settings: &Settings,
    story: Story,
    ui: &Ui,
) -> Result<Vec<String>, TraceError> {
    let Some(traced) = &settings.traced else { return Ok(Vec::new()) };
    let bar = ui.bar("replaying", story.places.len());
    let (mut nodes, mut wrong) = (Vec::new(), Vec::new());
    for index in 0..story.places.len() {
        let name = plan::name(index);
        let seen = replay(&folder.nodes().join(&name).join(CAPTURE));
        for life in &seen.lives {
            if let Some(found) = &life.told.difference {
                let (number, input) = (found.number, &found.input);
                wrong.push(format!(
                    "{name} acts otherwise when it is replayed, from input {number} on ({input}): `tidings-testnet replay` tells more"
                ));
            }
        }
        wrong.extend(seen.problem.map(|problem| format!("{name}: {problem}")));
        if !traced.keep && wrong.is_empty() {
            remove(&folder.nodes().join(&name));
        }
        nodes.push(Node { name, lives: seen.lives });
        bar.step();
        // So that whoever interrupts it needn't wait for all of them.
        yield_now().await;
    }
    drop(bar);
    let inputs: u64 = nodes.iter().flat_map(|node| &node.lives).map(|life| life.told.inputs).sum();
    let Some(file) = &traced.file else {
        ui.say(&format!("{} inputs were replayed", grouped(inputs)));
        return Ok(wrong);
    };
    let path =
        if file == Path::new(IN_THE_FOLDER) { folder.path().join(TIMELINE) } else { file.clone() };
    let merged = merge(nodes, known(folder, settings, story));
    let bytes = merged.timeline.to_bytes();
    fs::write(&path, &bytes).map_err(|source| TraceError { path: path.clone(), source })?;
    ui.say(&format!(
        "{} inputs were replayed; {} has {} messages in {} bytes; {}",
        grouped(inputs),
        path.display(),
        grouped(merged.timeline.messages.sent.len() as u64),
        grouped(bytes.len() as u64),
        merged.alignment.sentence()
    ));
    Ok(wrong)
}

/// What a node's captures say.
#[derive(Default)]
struct Replayed {
    lives: Vec<Sightings>,
    problem: Option<String>,
}

fn replay(stem: &Path) -> Replayed {
    let mut replayed = Replayed::default();
    let paths = match lives(stem) {
        Ok(paths) => paths,
        Err(error) => {
            replayed.problem = Some(error.to_string());
            return replayed;
        }
    };
    for path in paths {
        match Sightings::of(&path) {
            Ok(seen) => replayed.lives.push(seen),
            // It was killed before it had written what it is made of.
            Err(error) => replayed.problem = Some(error.to_string()),
        }
    }
    replayed
}

/// Deletes the captures of a node. What can't be deleted stays.
fn remove(folder: &Path) {
    for file in fs::read_dir(folder).into_iter().flatten().flatten() {
        if file.file_name().to_string_lossy().starts_with(CAPTURE) {
            let _ = fs::remove_file(file.path());
        }
    }
}

fn known(folder: &RunFolder, settings: &Settings, story: Story) -> Known {
    let manifest = &settings.manifest;
    let mut regions: Vec<String> = story.places.iter().map(|at| at.region.clone()).collect();
    regions.sort_unstable();
    regions.dedup();
    let place = |at: &Drawn| regions.iter().position(|region| *region == at.region);
    let region_of = story.places.iter().map(|at| super::settings::narrow(place(at).unwrap_or(0)));
    let region_of = region_of.collect();
    let faults = faults(settings, &story);
    Known {
        title: format!(
            "{}, {} nodes, launched",
            manifest.params.relay.strategy, manifest.network.nodes
        ),
        manifest: folder.manifest().text().to_owned(),
        seed: manifest.seed.to_string(),
        began_us: Some(story.began_us),
        regions: if regions.iter().all(String::is_empty) { Vec::new() } else { regions },
        region_of,
        faults,
        marks: Vec::new(),
        invalid_reasons: story.invalid_reasons,
    }
}

/// What went wrong on purpose, from the first submission on.
fn faults(settings: &Settings, story: &Story) -> Vec<FaultSpan> {
    let us = |seconds: f64| std::time::Duration::from_secs_f64(seconds.max(0.0)).as_micros();
    let us = |seconds: f64| u64::try_from(us(seconds)).unwrap_or(u64::MAX);
    let numbers =
        |nodes: &[usize]| nodes.iter().map(|node| super::settings::narrow(*node)).collect();
    let span = |fault: &FaultSpec| {
        let (at_s, for_s) = fault.window();
        let nodes = match fault {
            FaultSpec::Crash { .. } if settings.kill.is_some() => numbers(&story.victims),
            FaultSpec::Crash { nodes, .. } | FaultSpec::Pause { nodes, .. } => nodes.clone(),
            _ => Vec::new(),
        };
        FaultSpan {
            kind: fault.name().to_owned(),
            at_us: us(at_s),
            until_us: for_s.map(|for_s| us(at_s + for_s)),
            text: text(fault),
            nodes,
        }
    };
    let mut faults: Vec<FaultSpan> = settings.manifest.fault.iter().map(span).collect();
    if !story.withholders.is_empty() {
        faults.push(FaultSpan {
            kind: "withhold".to_owned(),
            text: "they announce items and never deliver any".to_owned(),
            nodes: numbers(&story.withholders),
            ..FaultSpan::default()
        });
    }
    faults
}

/// A fault's settings in a few words, as its manifest has them.
fn text(fault: &FaultSpec) -> String {
    let Ok(serde_json::Value::Object(fields)) = serde_json::to_value(fault) else {
        return fault.name().to_owned();
    };
    let said = fields.iter().filter(|(_, value)| !value.is_null() && !value.is_string());
    said.map(|(key, value)| format!("{key} {value}")).collect::<Vec<_>>().join(", ")
}
