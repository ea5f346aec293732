//! Runs the variants of a scenario: one runner for each kind, which ends in figures by their keys.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use serde_json::{Value, json};
use tidings_protocol::replica::{ClockKind, Model};
use tidings_protocol::testkit::fleet::scenes;
use tidings_sim::fault::FaultSpec;
use tidings_sim::gym::{self, Aftermath};
use tidings_sim::members::setup::{Process, Setup, Start};
use tidings_sim::units::share_of;
use tidings_tools::figures::summary::{Summary, flat_figures};
use tidings_tools::run as folder;

use super::expect::{Figures, did_you_mean};
use super::script::{Happens, Keeps, Run, Script, Slow, Variant};
use crate::launch;
use crate::launch::settings::{Options, Settings};
use crate::manifest::recorded::{Recorded, render};
use crate::output;
use crate::simulate;
use crate::simulate::fleet;
use crate::study::gym::attacks::{ATTACKS, PROTECTIONS};
use crate::study::members::Preset;

/// How long members are left alone in the beginning, seconds: as `sim --members` does.
const WARMUP_S: f64 = 10.0;

/// Why a variant came to nothing.
#[derive(Debug)]
pub enum Failed {
    /// Something asked for makes no sense.
    Usage(String),
    /// The run proves nothing.
    NotValid(String),
    /// A launch failed, and has said why.
    Launch(ExitCode),
}

/// Simulates one variant.
///
/// # Errors
/// When it can't be, or proves nothing.
pub fn simulated(variant: &Variant) -> Result<Figures, Failed> {
    let usage = |problem: String| Failed::Usage(format!("variant {}: {problem}", variant.name));
    let seed = variant.manifest.seed;
    match &variant.run {
        Run::Network => network(variant),
        Run::Members { preset, seconds, slow } => {
            members(variant, *preset, *seconds, *slow).map_err(usage)
        }
        Run::Map { happens, keeps, ahead_s } => Ok(map(*happens, *keeps, *ahead_s, seed)),
        Run::Gym { attack, addresses, without } => {
            eclipse(attack, *addresses, without.as_deref(), seed).map_err(usage)
        }
    }
}

fn network(variant: &Variant) -> Result<Figures, Failed> {
    let manifest = &variant.manifest;
    let usage = |problem: String| Failed::Usage(format!("variant {}: {problem}", variant.name));
    let text = render(manifest, Recorded::here(None, None));
    let text = text.map_err(|error| usage(error.to_string()))?;
    let text = folder::Manifest::parse(text).map_err(|error| usage(error.to_string()))?;
    let (_, summary) = simulate::simulate(manifest, text).map_err(usage)?;
    valid(variant, &summary)
}

/// What real nodes make of a variant. What a simulated liar keeps back, a real node of the lab withholds.
///
/// # Errors
/// When real nodes can't do it.
pub fn settings(variant: &Variant) -> Result<Settings, Failed> {
    let mut manifest = variant.manifest.clone();
    let (nodes, mut withhold) = (manifest.network.nodes, 0);
    manifest.fault.retain(|fault| match fault {
        FaultSpec::Liar { share, nodes: named, withhold: Some(true), .. } => {
            withhold += named.len() + share_of(*share, nodes);
            false
        }
        _ => true,
    });
    let settings = Settings::of(manifest, None).and_then(|all| all.withholding(withhold));
    settings.map_err(|problem| Failed::Usage(format!("variant {}: {problem}", variant.name)))
}

/// Has real nodes do the same.
///
/// # Errors
/// When it can't be launched, or failed.
pub fn launched(variant: &Variant, out: Option<PathBuf>) -> Result<Figures, Failed> {
    let settings = settings(variant)?;
    output::tell(&format!("{}: launching", variant.name));
    let options = Options { out, ..Options::default() };
    let launched = launch::run(&settings, &options).map_err(Failed::Launch)?;
    valid(variant, &launched.summary)
}

fn valid(variant: &Variant, summary: &Summary) -> Result<Figures, Failed> {
    if !summary.valid {
        let why = summary.inputs.invalid_reasons.join("; ");
        return Err(Failed::NotValid(format!("variant {}: {why}", variant.name)));
    }
    Ok(numbers(&summary.to_value()))
}

/// The numbers among some figures; what isn't known stays.
fn numbers(value: &Value) -> Figures {
    let figures = flat_figures(value).into_iter();
    let figures = figures.filter(|(_, value)| value.is_number() || value.is_null());
    figures.map(|(key, value)| (key, value.as_f64())).collect()
}

fn members(
    variant: &Variant,
    preset: Preset,
    seconds: f64,
    slow: Option<Slow>,
) -> Result<Figures, String> {
    let manifest = &variant.manifest;
    let setup = Setup {
        members: manifest.network.nodes,
        seed: manifest.seed,
        link: manifest.link.clone(),
        fault: manifest.fault.clone(),
        start: Start::Acquainted,
        warmup_s: WARMUP_S,
        is_rash: false,
        settings: preset.settings(),
    };
    let slow = slow.unwrap_or(Slow { members: 0, blocked_ms: 0, free_ms: 0 });
    if slow.members as usize >= setup.members {
        return Err(format!(
            "run.slow.members is {}, but must be less than network.nodes, {}",
            slow.members, setup.members
        ));
    }
    let span = Duration::from_millis;
    let (figures, _) = fleet::figures(&setup, seconds, |fleet| {
        for number in 0..slow.members {
            fleet.slow(number, Process::Muffled, span(slow.blocked_ms), span(slow.free_ms));
        }
    })?;
    let figures = figures.into_iter().filter(|(_, value, ..)| value.is_number());
    Ok(figures.map(|(key, value, ..)| (key.to_owned(), value.as_f64())).collect())
}

fn map(happens: Happens, keeps: Keeps, ahead_s: i64, seed: u64) -> Figures {
    let clock = match keeps {
        Keeps::LastByWall => ClockKind::Wall,
        Keeps::LastByHybrid | Keeps::Siblings => ClockKind::Hybrid,
    };
    let figures = match happens {
        Happens::Partition => {
            let model =
                if keeps == Keeps::Siblings { Model::Versions } else { Model::LastWriter(clock) };
            let it = scenes::partition(model, seed);
            json!({
                "updates": it.updates,
                "keys_written_on_both_sides": it.both_sides,
                "listed_as_lost": it.lost,
                "gone": it.gone,
                "contested": it.contested,
                "healed_s": it.healed_after.as_secs_f64(),
            })
        }
        Happens::Clock => {
            let it = scenes::skew(clock, REPLICAS, ahead_s.saturating_mul(1_000), seed);
            json!({
                "right_updates": it.right,
                "right_lost": it.right_lost,
                "wrong_updates": it.wrong,
                "wrong_lost": it.wrong_lost,
                "told_ahead": it.told,
                "agree": u8::from(it.agree),
            })
        }
    };
    numbers(&figures)
}

/// Replicas of the map, as [`scenes::partition`] has them.
const REPLICAS: usize = 5;

fn eclipse(
    attack: &str,
    addresses: usize,
    without: Option<&str>,
    seed: u64,
) -> Result<Figures, String> {
    let known = || ATTACKS.iter().map(|attack| attack.name);
    let found = ATTACKS.iter().find(|known| known.name == attack).ok_or_else(|| {
        format!("run.attack: there is no attack {attack}{}", did_you_mean(attack, known()))
    })?;
    if !(1..=500_000).contains(&addresses) {
        return Err(format!("run.addresses is {addresses}, but must be 1 to 500000"));
    }
    let mut setup = gym::Setup { seed, ..(found.setup)(addresses) };
    if let Some(without) = without {
        let known = || PROTECTIONS.iter().map(|protection| protection.name);
        let off = PROTECTIONS.iter().find(|protection| protection.name == without);
        let off = off.ok_or_else(|| {
            let maybe = did_you_mean(without, known());
            format!("run.without: there is no protection to leave out called {without}{maybe}")
        })?;
        (off.switch_off)(&mut setup);
    }
    Ok(aftermath(&gym::run(&setup)))
}

fn aftermath(it: &Aftermath) -> Figures {
    numbers(&json!({
        "share": it.share,
        "share_at_end": it.share_at_end,
        "outbound": it.outbound,
        "eclipsed": it.eclipsed,
        "eclipsed_after_days": it.eclipsed_after,
        "inbound_share": it.inbound_share,
        "let_in": it.let_in,
        "book_share": it.book_share,
        "bytes": it.bytes,
        "inputs": it.inputs,
    }))
}

/// Simulates all variants of a scenario.
///
/// # Errors
/// When one came to nothing.
pub fn all_simulated(script: &Script) -> Result<Vec<Figures>, Failed> {
    script.variants.iter().map(simulated).collect()
}
