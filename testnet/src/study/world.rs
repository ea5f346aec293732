//! What the contestants of a study share: their network and workload, as flags or as a manifest, and the folder for what comes
//! of it.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use tidings_sim::latency::LinkSpec;
use tidings_sim::overlay::Shape;
use tidings_tools::run::{MANIFEST, write_text};

use crate::manifest::Manifest;
use crate::manifest::args::{SettingArgs, shapes};
use crate::manifest::recorded::{self, Recorded};
use crate::output;

/// Folder of the contestants' manifests within that of a study.
const MANIFESTS: &str = "manifests";

/// Arguments about the network that all contestants share.
#[derive(Clone, Debug, Args)]
pub struct WorldArgs {
    /// Settings to start from, as TOML: of a `sim`, a launch or another study. Its strategy, seed and spies give way
    #[arg(long, value_name = "FILE")]
    pub manifest: Option<PathBuf>,
    /// How many nodes [default: 500]
    #[arg(long)]
    pub nodes: Option<usize>,
    /// Links that each node dials itself [default: 8]
    #[arg(long)]
    pub outbound: Option<usize>,
    /// Shape of the overlay [default: outbound]
    #[arg(long, value_parser = shapes())]
    pub overlay: Option<Shape>,
    /// What lies between nodes, as for `sim`
    #[arg(long, value_name = "MODEL[:KEY=VALUE,…]")]
    pub links: Option<String>,
    /// How many transactions are measured
    #[arg(long)]
    pub txs: Option<usize>,
    /// How many come before those
    #[arg(long)]
    pub warmup: Option<usize>,
    /// Submissions a second [default: 20]
    #[arg(long)]
    pub rate: Option<f64>,
    /// The node at which all are submitted [default: random ones]
    #[arg(long)]
    pub origin: Option<u32>,
    /// Parameter of every node's core; repeatable
    #[arg(long = "param", value_name = "KEY=VALUE")]
    pub params: Vec<String>,
    /// What goes wrong, as for `sim`; repeatable
    #[arg(long = "fault", value_name = "KIND[:KEY=VALUE,…]")]
    pub faults: Vec<String>,
    /// Whether nodes compare what they have from time to time, so that nothing is missed for good
    #[arg(long, value_enum, default_value_t = Safety::On)]
    pub safety: Safety,
    /// Runs at once; with more than one, CPU times mean little
    #[arg(long, default_value_t = 1)]
    pub jobs: usize,
    /// Folder for the results and the contestants' manifests, which must not exist
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// Whether the exchange of digests is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Safety {
    /// As `relay.safety_pull_ms` says.
    On,
    /// Never: what a strategy misses stays missed.
    Off,
}

impl WorldArgs {
    /// The settings that all contestants share. Numbers of transactions that neither flags nor a manifest say are `txs`
    /// and `warmup`.
    ///
    /// # Errors
    /// A sentence about the first that makes no sense.
    pub fn manifest(&self, txs: usize, warmup: usize) -> Result<Manifest, String> {
        let mut params = self.params.clone();
        if self.safety == Safety::Off {
            params.push("relay.safety_pull_ms=0".to_owned());
        }
        let unsaid = |default: usize| self.manifest.is_none().then_some(default);
        let args = SettingArgs {
            manifest: self.manifest.clone(),
            nodes: self.nodes,
            outbound: self.outbound,
            overlay: self.overlay,
            links: self.links.clone(),
            txs: self.txs.or_else(|| unsaid(txs)),
            warmup: self.warmup.or_else(|| unsaid(warmup)),
            rate: self.rate,
            origin: self.origin,
            params,
            faults: self.faults.clone(),
            ..SettingArgs::default()
        };
        let mut manifest = args.lay_over(Manifest::default())?;
        manifest.spies = 0.2;
        manifest.validate()?;
        // What can't be simulated is said before anything is run.
        manifest.scenario()?;
        Ok(manifest)
    }

    /// Makes the folder for results, if one is asked for.
    ///
    /// # Errors
    /// A sentence about why it can't be made.
    pub fn make_folder(&self) -> Result<(), String> {
        self.out.as_ref().map_or(Ok(()), |out| {
            let made = std::fs::create_dir_all(out.parent().unwrap_or_else(|| Path::new("")))
                .and_then(|()| std::fs::create_dir(out));
            made.map_err(|error| format!("--out {}: {error}", out.display()))
        })
    }
}

/// The name of a link model.
#[must_use]
pub(crate) fn link_name(link: &LinkSpec) -> String {
    let link = serde_json::to_value(link).ok();
    link.as_ref().and_then(|link| link.get("model")?.as_str()).unwrap_or("?").to_owned()
}

/// Writes results, or says why not.
pub(crate) fn write_files(out: &Path, files: &[(&str, String)]) -> Result<(), ExitCode> {
    for (name, text) in files {
        write_text(&out.join(name), text).map_err(|error| {
            output::complain(error);
            ExitCode::FAILURE
        })?;
    }
    Ok(())
}

/// Writes the settings of each contestant, so that `sim` runs any of them again by itself; or says why not.
pub(crate) fn write_manifests<'a>(
    out: &Path,
    manifests: impl IntoIterator<Item = (String, &'a Manifest)>,
) -> Result<(), ExitCode> {
    let folder = out.join(MANIFESTS);
    let complain = |error: String| {
        output::complain(error);
        ExitCode::FAILURE
    };
    std::fs::create_dir(&folder)
        .map_err(|error| complain(format!("cannot create {}: {error}", folder.display())))?;
    for (number, (name, manifest)) in manifests.into_iter().enumerate() {
        let text = recorded::render(manifest, Recorded::here(None, None));
        let text = text.map_err(|error| complain(error.to_string()))?;
        let file = format!("{number:02}-{}-{MANIFEST}", word(&name));
        write_text(&folder.join(file), &text).map_err(|error| complain(error.to_string()))?;
    }
    Ok(())
}

/// A contestant's name as part of a file's.
fn word(name: &str) -> String {
    let kept = name.split(|char: char| !char.is_ascii_alphanumeric());
    kept.filter(|part| !part.is_empty()).collect::<Vec<_>>().join("-")
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Cli {
        #[command(flatten)]
        args: WorldArgs,
    }

    fn world(words: &str) -> WorldArgs {
        Cli::parse_from(["study"].into_iter().chain(words.split_whitespace())).args
    }

    #[test]
    fn a_manifest_is_where_flags_start_from() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("m.toml");
        std::fs::write(&path, "warmup_txs = 4\n[network]\nnodes = 40\n[workload]\nkind = \"transfers\"\ntxs = 24\nrate = 3.0\nsizes = { fixed = 900 }\n").unwrap();
        let given = world(&format!("--manifest {} --rate 5", path.display()));
        let manifest = given.manifest(200, 500).unwrap();
        assert_eq!((manifest.network.nodes, manifest.txs(), manifest.warmup_txs), (40, 24, 4));
        assert_eq!(manifest.workload.rate().to_bits(), 5_f64.to_bits());
        let manifest = world("").manifest(200, 500).unwrap();
        assert_eq!((manifest.network.nodes, manifest.txs(), manifest.warmup_txs), (500, 700, 500));
    }

    #[test]
    fn what_cannot_be_simulated_is_said_before_a_run() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("m.toml");
        std::fs::write(&path, "contender = \"gossipsub\"\n").unwrap();
        let error = world(&format!("--manifest {}", path.display())).manifest(1, 0).unwrap_err();
        assert!(error.contains("only launch can start"), "{error}");
    }

    #[test]
    fn the_manifests_of_a_study_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let manifest = world("--nodes 40").manifest(10, 5).unwrap();
        write_manifests(folder.path(), [("adaptive · 300 B".to_owned(), &manifest)]).unwrap();
        let path = folder.path().join("manifests/00-adaptive-300-B-manifest.toml");
        let read = Manifest::parse(&std::fs::read_to_string(path).unwrap()).unwrap();
        assert_eq!(Manifest { recorded: None, ..read }, manifest);
    }
}
