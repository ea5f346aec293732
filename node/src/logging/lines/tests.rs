//! What strangers can do to a log: nothing but a bounded number of lines, each of which is one.

use std::sync::mpsc;
use std::time::Duration;

use super::*;
use crate::config::log::LogFormat;
use crate::logging::merge::WINDOW;

/// What a peer may say of itself: a line of its own, colours, another order, and much of it.
const AGENT: &str =
    "x\n2026-01-01T00:00:00Z ERROR tidings: forged peer=\"me\"\r\u{1b}[2J\u{9b}31m\u{202e}\u{2028}";

struct Out(mpsc::SyncSender<Vec<u8>>);

impl std::io::Write for Out {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let _ = self.0.send(bytes.to_vec());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// A log that nobody reads before it ends.
struct Rig {
    lines: Lines,
    written: mpsc::Receiver<Vec<u8>>,
}

impl Rig {
    fn new(format: LogFormat) -> Self {
        let (out, written) = mpsc::sync_channel(100_000);
        let writer = Lossy::start(Out(out)).unwrap();
        let filter = with_quiet_libraries("debug".parse().unwrap());
        Self {
            lines: Lines::new((filter, "test"), Style { format, colours: false }, writer),
            written,
        }
    }

    /// Logs, and gives back what is in the log then.
    fn log(&self, log: impl FnOnce()) -> String {
        tracing::subscriber::with_default(self.lines.clone(), log);
        self.written()
    }

    fn written(&self) -> String {
        assert!(self.lines.0.writer.drain(Duration::from_secs(60)));
        String::from_utf8(self.written.try_iter().flatten().collect()).unwrap()
    }
}

/// Says what a stranger said in each way in which lines say something, of ours and of a library.
fn quote(said: &str) {
    let error = std::io::Error::other(said.to_owned());
    tracing::info!(agent = said, "a peer");
    tracing::info!(agent = %said, "a peer, displayed");
    tracing::info!(agent = ?Some(said), "a peer, for debugging");
    tracing::info!(error = &error as &dyn std::error::Error, "an error");
    tracing::info!("the peer says {said}");
    tracing::warn!(target: "libp2p_identify::behaviour", "malformed agent {said}");
}

#[test]
fn another_filter_holds_from_the_next_line_on() {
    let rig = Rig::new(LogFormat::Text);
    let say = || {
        tracing::debug!("in detail");
        tracing::error!("in a word");
    };
    let both = rig.log(say);
    assert!(both.contains("in detail") && both.contains("in a word"), "{both}");
    rig.lines.set_filter(with_quiet_libraries("off".parse().unwrap()), "off");
    assert_eq!((rig.log(say), rig.lines.filter()), (String::new(), "off".to_owned()));
    rig.lines.set_filter(with_quiet_libraries("trace".parse().unwrap()), "trace");
    assert!(!rig.log(|| tracing::debug!("in other detail")).is_empty());
}

#[test]
fn a_stranger_forges_no_line_in_either_format_whoever_logs_it() {
    for format in [LogFormat::Text, LogFormat::Json] {
        let log = Rig::new(format).log(|| quote(AGENT));
        assert_eq!(log.lines().count(), 6, "{log}");
        assert!(log.replace('\n', "").chars().all(crate::printable::is_plain), "{log}");
        for line in log.lines() {
            match format {
                LogFormat::Text => {
                    assert!(line.contains("n2026-01-01"), "{line}");
                    assert!(!line.starts_with("2026-01-01"), "{line}");
                    // A value is in quotes, and its own quotes don't end it.
                    assert!(!line.contains(" peer=\"me\"") || !line.contains("agent="), "{line}");
                }
                LogFormat::Json => {
                    let line: serde_json::Value = serde_json::from_str(line).unwrap();
                    for name in ["timestamp", "level", "message", "target"] {
                        assert!(line[name].is_string(), "{line}");
                    }
                    // Nor does it come out of it when a reader decodes the value.
                    let values = line.as_object().unwrap().values();
                    let mut texts = values.filter_map(serde_json::Value::as_str);
                    assert!(texts.all(|text| text.chars().all(crate::printable::is_plain)));
                }
            }
        }
    }
}

#[test]
fn a_line_is_short_whatever_a_stranger_says() {
    for format in [LogFormat::Text, LogFormat::Json] {
        let said = "\u{1b}\"\\x".repeat(100_000);
        let log = Rig::new(format).log(|| {
            quote(&said);
            tracing::warn!(a = said, b = said, c = said, d = said, e = said, f = said, "much");
        });
        assert_eq!(log.lines().count(), 7);
        assert!(log.lines().all(|line| line.len() < 3_000), "{log}");
        assert!(log.lines().all(|line| line.contains("bytes more")), "{log}");
    }
}

#[test]
fn a_line_reads_as_it_always_did() {
    let event = |rig: &Rig| {
        rig.log(|| tracing::info!(link = 3, why = "too slow", peer = %"12D3", last = None::<u8>, "link down"))
    };
    let text = event(&Rig::new(LogFormat::Text));
    let told =
        " INFO tidings::logging::lines::tests: link down link=3 why=\"too slow\" peer=12D3\n";
    assert!(text.ends_with(told), "{text}");
    let json: serde_json::Value = serde_json::from_str(&event(&Rig::new(LogFormat::Json))).unwrap();
    assert_eq!((&json["link"], &json["why"]), (&3.into(), &"too slow".into()));
    assert_eq!((&json["level"], &json["message"]), (&"INFO".into(), &"link down".into()));
}

#[test]
fn lines_that_repeat_are_merged_with_their_count() {
    let rig = Rig::new(LogFormat::Text);
    let log = rig.log(|| {
        for _ in 0..1_204 {
            tracing::warn!(peer = "12D3", "the peer lies");
        }
        tracing::warn!("something else");
    });
    assert_eq!(log.lines().count(), 2, "{log}");
    assert_eq!(rig.log(|| ()), "", "not before the minute is over");
    rig.lines.finish();
    let log = rig.written();
    assert!(log.contains("WARN"), "{log}");
    assert!(log.contains("the peer lies … repeated 1,203 times in the last minute"), "{log}");
    assert_eq!(log.lines().count(), 1, "{log}");
}

#[test]
fn warnings_are_limited_and_the_rest_counted() {
    let rig = Rig::new(LogFormat::Json);
    let log = rig.log(|| {
        for link in 0..100 {
            tracing::warn!(link, "the peer lies");
        }
    });
    assert_eq!(log.lines().count(), 30, "{log}");
    rig.lines.finish();
    let line: serde_json::Value = serde_json::from_str(&rig.written()).unwrap();
    assert_eq!(line["repeated"], 70, "{line}");
}

#[test]
fn what_was_merged_is_told_when_the_minute_is_over_though_nobody_logs_then() {
    let rig = Rig::new(LogFormat::Text);
    let long_ago = Instant::now() - 2 * WINDOW;
    assert!(rig.lines.0.lock().turn(long_ago).is_empty());
    let metadata =
        tracing::callsite!(name: "a place", kind: tracing::metadata::Kind::EVENT, fields: message);
    let metadata = tracing::Callsite::metadata(metadata);
    for _ in 0..40 {
        let line = Line::new(metadata, "the peer lies".to_owned());
        rig.lines.0.lock().admits(metadata, &line, "the peer lies");
    }
    rig.lines.tell_later();
    // The thread that writes finds that the minute was over long ago.
    let told = rig.written.recv().unwrap();
    assert!(String::from_utf8(told).unwrap().contains("the peer lies … repeated 39 times"));
}

/// Every place of the program that a stranger may reach, at any rate, with values of any length that never repeat.
#[test]
fn a_log_stays_under_a_megabyte_in_any_minute() {
    macro_rules! callsites {
        ($said:expr, $($number:literal)*) => {
            $(tracing::warn!(number = $number, said = $said, "{}", $said);
              tracing::debug!(number = $number, said = $said, "{}", $said);)*
        };
    }
    for format in [LogFormat::Text, LogFormat::Json] {
        let rig = Rig::new(format);
        let mut minute = String::new();
        // A minute touches two windows at most.
        for _ in 0..2 {
            minute += &rig.log(|| {
                for n in 0..300 {
                    let said = &*format!("{n}{}", "\"\u{1b}".repeat(100));
                    callsites!(said, 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29);
                }
            });
            rig.lines.finish();
            minute += &rig.written();
        }
        assert!((600_000..1_000_000).contains(&minute.len()), "{} bytes", minute.len());
        assert_eq!(rig.lines.0.writer.dropped(), 0);
    }
}

#[test]
fn debugging_takes_no_room_from_warnings() {
    let rig = Rig::new(LogFormat::Text);
    let log = rig.log(|| {
        for n in 0..500 {
            tracing::debug!(n, said = "x".repeat(200), "one");
            tracing::debug!(n, said = "x".repeat(200), "two");
            tracing::debug!(n, said = "x".repeat(200), "three");
            tracing::debug!(n, said = "x".repeat(200), "four");
        }
        tracing::warn!("still heard");
    });
    assert!(log.ends_with("still heard\n"), "{log}");
    assert!(log.len() < 220_000);
}
