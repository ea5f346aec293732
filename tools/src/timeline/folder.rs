//! A run folder as a timeline.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;
use tidings_timeline::{
    About, FaultSpan, ITEM_BLOCK, ITEM_TX, Recorder, Source, State, Timeline, layout, recorder,
};

use crate::run::{self, ItemKind, Run, SUMMARY_JSON};

/// What the summary of a run tells of it; nothing of a run that was broken off.
#[derive(Clone, Debug, Default)]
pub(super) struct Told(Value);

impl Told {
    /// What it tells in a run folder.
    pub(super) fn read(dir: &Path) -> Self {
        let text = run::read_text(&dir.join(SUMMARY_JSON)).unwrap_or_default();
        Self(serde_json::from_str(&text).unwrap_or_default())
    }

    fn text(&self, key: &str) -> Option<String> {
        self.0.get(key)?.as_str().map(str::to_owned)
    }
}

/// The timeline of a run. Numbers of items are those of the folder.
pub(super) fn timeline(run: &Run, told: &Told) -> Timeline {
    let table = run.manifest.table();
    let strategy = told.text("strategy").unwrap_or_else(|| "unknown".to_owned());
    let reasons = told.0.get("invalid_reasons").and_then(Value::as_array);
    let began_ns = told.0.get("began_unix_ns").and_then(Value::as_u64).unwrap_or(0);
    let event_hash = told.text("event_hash");
    let about = About {
        title: format!("{strategy}, {} nodes", run.nodes.len()),
        source: if event_hash.is_some() { Source::Simulated } else { Source::Launched },
        began_unix_us: began_ns / 1_000,
        seed: table.get("seed").map(ToString::to_string).unwrap_or_default(),
        event_hash,
        manifest: run.manifest.text().to_owned(),
        strategy,
        nodes: u32::try_from(run.nodes.len()).unwrap_or(u32::MAX),
        regions: run.regions().into_iter().map(str::to_owned).collect(),
        invalid_reasons: reasons
            .into_iter()
            .flatten()
            .filter_map(|reason| reason.as_str().map(str::to_owned))
            .collect(),
        ..About::default()
    };
    let regions = about.regions.clone();
    let mut recorder = Recorder::new(about, recorder::BOUND_MAX);
    let number = |region: &String| regions.binary_search(region).unwrap_or_default();
    let of: Vec<u32> =
        run.nodes.iter().map(|node| u32::try_from(number(&node.region)).unwrap_or(0)).collect();
    let places = layout::by_region(&regions, &of);
    for ((node, region), place) in (0..).zip(of).zip(places) {
        recorder.place(node, region, place);
    }
    for item in &run.items {
        let kind = match item.kind {
            ItemKind::Tx => ITEM_TX,
            ItemKind::Block => ITEM_BLOCK,
        };
        let size = u32::try_from(item.bytes).unwrap_or(u32::MAX);
        recorder.item(item.submitted_us, kind, beginning(&item.id), size, Some(item.origin));
    }
    let end = tell_deliveries(run, &mut recorder);
    for (node, row) in (0..).zip(&run.nodes) {
        if !row.alive {
            recorder.state(end, node, State::Down);
        }
    }
    tell_faults(run, &mut recorder);
    recorder.finish(end)
}

/// The first eight bytes of an id of hexadecimal digits.
fn beginning(id: &str) -> [u8; 8] {
    let digits = id.get(..16).and_then(|digits| u64::from_str_radix(digits, 16).ok());
    digits.unwrap_or_default().to_be_bytes()
}

/// Tells links and deliveries, by time; returns when the last was.
fn tell_deliveries(run: &Run, recorder: &mut Recorder) -> u64 {
    let at = |delivery: &run::Delivery| {
        let submitted = run.items[delivery.item as usize].submitted_us;
        submitted.saturating_add(delivery.latency_us)
    };
    let mut order: Vec<&run::Delivery> = run.deliveries.iter().collect();
    order.sort_by_key(|delivery| (at(delivery), delivery.item, delivery.node));
    let end = order.last().map_or(0, |delivery| at(delivery));
    // By who sends and who receives: the end.
    let mut ends: BTreeMap<(u32, u32), u32> = BTreeMap::new();
    let mut first_over = BTreeMap::new();
    for delivery in &order {
        if let Some(from) = delivery.from {
            let (a, b) = (from.min(delivery.node), from.max(delivery.node));
            first_over.entry((a, b)).or_insert_with(|| at(delivery));
        }
    }
    for link in &run.links {
        let used = first_over.get(&(link.from.min(link.to), link.from.max(link.to)));
        let up = if link.at_begin { 0 } else { used.copied().unwrap_or(end) };
        let Some(number) = recorder.link_up(up, link.from, link.to) else { break };
        ends.insert((link.from, link.to), 2 * number);
        ends.insert((link.to, link.from), 2 * number + 1);
        if !link.at_end {
            recorder.link_down(end, number);
        }
    }
    for delivery in order {
        let now = at(delivery);
        let from = delivery.from.and_then(|from| {
            let way = (from, delivery.node);
            if !ends.contains_key(&way) {
                let number = recorder.link_up(now, from, delivery.node)?;
                ends.insert(way, 2 * number);
                ends.insert((way.1, way.0), 2 * number + 1);
            }
            ends.get(&way).copied()
        });
        recorder.delivered(now, delivery.node, delivery.item, from);
    }
    end
}

/// Tells the faults of the manifest, whose times count from the first submission.
fn tell_faults(run: &Run, recorder: &mut Recorder) {
    let first = run.items.iter().map(|item| item.submitted_us).min().unwrap_or(0);
    let faults = run.manifest.table().get("fault").and_then(toml::Value::as_array);
    for fault in faults.into_iter().flatten().filter_map(toml::Value::as_table) {
        let seconds = |key: &str| {
            let value = fault.get(key)?;
            value.as_float().or_else(|| value.as_integer().map(|whole| whole as f64))
        };
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "seconds of a manifest; the cast saturates"
        )]
        let micros = |seconds: f64| (seconds * 1e6) as u64;
        let at_us = first.saturating_add(micros(seconds("at_s").unwrap_or(0.0)));
        let length = seconds("for_s").or_else(|| seconds("restart_after_s"));
        let kind = fault.get("kind").and_then(toml::Value::as_str).unwrap_or("fault").to_owned();
        let settings: Vec<String> = fault
            .iter()
            .filter(|(key, _)| *key != "kind")
            .map(|(key, value)| format!("{key} {value}"))
            .collect();
        let until_us = length.map(|length| at_us.saturating_add(micros(length)));
        recorder.fault(FaultSpan {
            kind,
            at_us,
            until_us,
            text: settings.join(", "),
            nodes: Vec::new(),
        });
    }
}
