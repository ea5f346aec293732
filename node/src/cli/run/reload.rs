//! Reads again what may change while the node runs, when it gets SIGHUP.
//!
//! The log's file is opened anew whatever else comes of it. Then the settings are read as at the start, from the same file,
//! environment and flags. What is [`LIVE`] holds from then on; what differs besides is named, since it wants a new start: the
//! core is told its parameters once. Settings that can't be used change nothing.

use std::sync::Arc;

use crate::cli::Folder;
use crate::clock::SystemClock;
use crate::config::layers::Layered;
use crate::config::log::LogConfig;
use crate::config::{Config, Flag, Live, Resolved, schema};
use crate::logging;

/// The settings that hold at once. A filter that the API was asked for gives way to that of the settings.
const LIVE: [&str; 4] = ["lab.clock_ahead_s", "log.filter", "log.keep", "log.max_bytes"];

/// What is read again, and from where.
#[derive(Debug)]
pub(super) struct Reload {
    folder: Folder,
    flags: Vec<Flag>,
    /// The settings that hold.
    settings: Live,
    /// What the node takes the system's clock to be.
    clock: SystemClock,
}

/// What is different.
#[derive(Debug, Default, PartialEq, Eq)]
struct Changes {
    applied: Vec<String>,
    needs_start: Vec<String>,
}

impl Changes {
    /// What has another value in the second of two.
    fn between(before: &Layered, now: &Layered) -> Self {
        let mut changes = Self::default();
        for key in schema().keys().filter(|key| before.get(key) != now.get(key)) {
            let list = match LIVE.contains(&key) {
                true => &mut changes.applied,
                false => &mut changes.needs_start,
            };
            list.push(key.to_owned());
        }
        changes
    }
}

impl Reload {
    pub(super) const fn new(
        folder: Folder,
        flags: Vec<Flag>,
        settings: Live,
        clock: SystemClock,
    ) -> Self {
        Self { folder, flags, settings, clock }
    }

    /// Reads again, on a thread that may wait for the disk.
    pub(super) async fn again(self: Arc<Self>) {
        logging::reopen();
        let reader = Arc::clone(&self);
        let read = tokio::task::spawn_blocking(move || reader.folder.resolve(&reader.flags));
        match read.await.unwrap_or_else(|failed| std::panic::resume_unwind(failed.into_panic())) {
            Ok(resolved) => self.adopt(&resolved),
            Err(error) => tracing::error!(
                "SIGHUP: the log's file was opened anew, and no setting is another one, since they can't be used: {error}"
            ),
        }
    }

    fn adopt(&self, Resolved { config, layered }: &Resolved) {
        let Config { log: LogConfig { filter, max_bytes, keep, .. }, lab, .. } = config;
        let mut changes = Changes::between(&self.settings.read(), layered);
        // First, so that what is said below is said by it.
        if logging::filter().is_some_and(|now| now != *filter) {
            match logging::set_filter(filter) {
                Ok(()) if changes.applied.iter().all(|key| key != "log.filter") => {
                    changes.applied.push("log.filter".to_owned());
                }
                Ok(()) => {}
                Err(error) => {
                    return tracing::error!(
                        "SIGHUP: the log's file was opened anew, and no setting is another one: {error}"
                    );
                }
            }
        }
        logging::set_rotation(*max_bytes, *keep);
        self.clock.set_ahead(lab.clock_ahead_s);
        self.settings.adopt(layered, &LIVE);
        let list = |keys: &[String]| match keys {
            [] => "nothing".to_owned(),
            keys => keys.join(", "),
        };
        tracing::info!(
            applied = list(&changes.applied),
            needs_start = list(&changes.needs_start),
            "SIGHUP: the log's file is opened anew, and the settings are read again"
        );
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config;

    fn layered(settings: &[(&str, &str)]) -> Layered {
        let flags = settings.iter().map(|(key, text)| Flag {
            name: "--set".to_owned(),
            key: (*key).to_owned(),
            text: (*text).to_owned(),
        });
        let flags: Vec<_> = flags.collect();
        config::resolve(Path::new("/nonexistent"), [], &flags).unwrap().layered
    }

    #[test]
    fn what_changed_holds_at_once_or_is_named() {
        let before = layered(&[("log.filter", "info"), ("log.keep", "3")]);
        let now = layered(&[("log.filter", "debug"), ("params.peers.outbound", "5")]);
        let applied = ["log.filter".to_owned(), "log.keep".to_owned()].into();
        let needs_start = ["params.peers.outbound".to_owned()].into();
        assert_eq!(Changes::between(&before, &now), Changes { applied, needs_start });
        assert_eq!(Changes::between(&now, &now), Changes::default());
        let live = Live::new(before);
        live.adopt(&now, &LIVE);
        let held = live.read();
        assert_eq!(held.get("log.filter"), now.get("log.filter"));
        assert_eq!(held.get("log.keep"), now.get("log.keep"));
        assert_ne!(held.get("params.peers.outbound"), now.get("params.peers.outbound"));
        assert_eq!(held.origin("log.keep").layer(), "default", "where it comes from now");
    }

    #[test]
    fn what_is_live_are_settings() {
        let schema = schema();
        assert!(LIVE.iter().all(|live| schema.keys().any(|key| key == *live)));
    }
}
