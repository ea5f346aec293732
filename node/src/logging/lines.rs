//! The one way from an event to the log: every event of this program and its libraries passes here.

use std::io::Write as _;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard};
use std::time::{Instant, SystemTime};

use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::Interest;
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::filter::Targets;

use super::line::{Line, Style};
use super::lossy::Lossy;
use super::merge::Merger;

/// Where events become lines. Clones write to the same log.
///
/// Spans aren't kept: what libraries put there are addresses and names of peers, and no line needs them.
#[derive(Clone, Debug)]
pub(super) struct Lines(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    filter: RwLock<Filter>,
    style: Style,
    writer: Lossy,
    merger: Mutex<Merger>,
}

/// What is told. Each place that logs remembers what it says of it, so that it is seldom asked.
#[derive(Debug)]
struct Filter {
    targets: Targets,
    /// As it was written.
    text: String,
}

impl Lines {
    /// Lines that pass a filter, which was written so.
    pub(super) fn new((targets, text): (Targets, &str), style: Style, writer: Lossy) -> Self {
        let filter = RwLock::new(Filter { targets, text: text.to_owned() });
        Self(Arc::new(Shared { filter, style, writer, merger: Mutex::default() }))
    }

    /// The filter as it was written.
    pub(super) fn filter(&self) -> String {
        self.0.filter().text.clone()
    }

    /// Tells what passes another filter from now on.
    pub(super) fn set_filter(&self, targets: Targets, text: &str) {
        let mut filter = self.0.filter.write().unwrap_or_else(PoisonError::into_inner);
        *filter = Filter { targets, text: text.to_owned() };
        drop(filter);
        tracing::callsite::rebuild_interest_cache();
    }

    /// Writes how often what wasn't told happened.
    pub(super) fn finish(&self) {
        let summaries = self.0.lock().finish();
        self.0.write(summaries);
    }

    fn is_enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_event()
            && self.0.filter().targets.would_enable(metadata.target(), metadata.level())
    }

    /// Tells what is told at a moment of both clocks.
    fn log(&self, event: &Event<'_>, now: Instant, time: SystemTime) {
        let metadata = event.metadata();
        let mut merger = self.0.lock();
        let summaries = merger.turn(now);
        let merged = merger.merges(metadata);
        drop(merger);
        self.0.write(summaries);
        let told = if merged { None } else { self.told(event, time) };
        match told {
            Some(line) => self.0.put(&line),
            None => self.tell_later(),
        }
    }

    /// The line of an event, if it is to be told. Nobody is locked out while values are shown: they might log.
    fn told(&self, event: &Event<'_>, time: SystemTime) -> Option<String> {
        let line = Line::of(event);
        let said = line.render(self.0.style, SystemTime::UNIX_EPOCH);
        let told = self.0.lock().admits(event.metadata(), &line, &said);
        told.then(|| line.render(self.0.style, time))
    }

    /// Something was counted that is to be told when the minute is over, though nobody logs then.
    fn tell_later(&self) {
        let Some(ends) = self.0.lock().due() else { return };
        let shared = Arc::downgrade(&self.0);
        self.0.writer.later(ends, move || {
            let Some(shared) = shared.upgrade() else { return Vec::new() };
            let summaries = shared.lock().turn(Instant::now());
            shared.render(summaries).into_bytes()
        });
    }
}

impl Shared {
    /// A panic can't leave it half changed.
    fn filter(&self) -> RwLockReadGuard<'_, Filter> {
        self.filter.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// A panic can't leave it half changed.
    fn lock(&self) -> MutexGuard<'_, Merger> {
        self.merger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn render(&self, lines: Vec<Line>) -> String {
        let now = SystemTime::now();
        lines.iter().map(|line| line.render(self.style, now)).collect()
    }

    fn write(&self, lines: Vec<Line>) {
        if !lines.is_empty() {
            self.put(&self.render(lines));
        }
    }

    fn put(&self, text: &str) {
        // It never fails.
        let _ = self.writer.clone().write_all(text.as_bytes());
    }
}

impl Subscriber for Lines {
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        if self.is_enabled(metadata) { Interest::always() } else { Interest::never() }
    }

    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        self.is_enabled(metadata)
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        let filter = self.0.filter();
        let levels = filter.targets.iter().map(|(_, level)| level);
        levels.chain(filter.targets.default_level()).max()
    }

    fn event(&self, event: &Event<'_>) {
        self.log(event, Instant::now(), SystemTime::now());
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

/// What is logged: what the operator asked for, and of libraries only warnings unless they are named. What libraries say
/// below that is of each connection, and strangers make connections.
pub(super) fn with_quiet_libraries(filter: Targets) -> Targets {
    let all = filter.default_level().unwrap_or(LevelFilter::OFF);
    let is_named = filter.iter().any(|(target, _)| target == OURS);
    let filter = if is_named { filter } else { filter.with_target(OURS, all) };
    filter.with_default(all.min(LevelFilter::from_level(Level::WARN)))
}

/// How the targets of this program's crates begin.
const OURS: &str = "tidings";

#[cfg(test)]
mod tests;
