//! What fleets came to, side by side: a row for each figure, a column for each contender.

use maud::html;
use serde_json::json;
use tidings_tools::show::page::{Align, document, section, table};
use tidings_tools::show::table::grid;

use super::figures::{Death, Measured, Pause, Rounds, mean_and_longest, quantile};
use crate::study::table::{Goal, verdict};

/// The heading of the rows.
const FIGURE: &str = "figure";

/// A whole measurement.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Report {
    pub(super) measured: Vec<Measured>,
    pub(super) goals: Vec<Goal>,
    /// How it was measured, and what may be wrong with it.
    pub(super) notes: Vec<String>,
}

impl Report {
    /// As text.
    pub(super) fn text(&self) -> String {
        let (columns, rows) = self.cells();
        let columns: Vec<&str> = columns.iter().map(String::as_str).collect();
        let lines = |lines: Vec<String>| lines.join("\n");
        let goals = self.goals.iter().map(verdict).collect();
        let parts = [grid(&columns, &rows), lines(self.notes.clone()) + "\n", lines(goals) + "\n"];
        parts.into_iter().filter(|part| part.trim() != "").collect::<Vec<_>>().join("\n")
    }

    /// As JSON: all that was measured, round by round.
    pub(super) fn json(&self) -> String {
        let goal = |goal: &Goal| json!({ "goal": goal.text, "is_met": goal.is_met });
        let goals: Vec<_> = self.goals.iter().map(goal).collect();
        let all = json!({ "measured": self.measured, "goals": goals, "notes": self.notes });
        serde_json::to_string_pretty(&all).expect("maps with text keys and numbers are always JSON")
    }

    /// As a page.
    pub(super) fn page(&self) -> String {
        let (columns, rows) = self.cells();
        let aligned = |(place, name)| (name, if place == 0 { Align::Left } else { Align::Right });
        let columns: Vec<_> = columns.iter().map(String::as_str).enumerate().map(aligned).collect();
        let title = "Real members, side by side";
        let content = html! {
            (table(title, &columns, &rows))
            @for note in &self.notes { p { (note) } }
            @for goal in &self.goals { p { (verdict(goal)) } }
        };
        let main = section("beside", title, &content);
        document(
            "Tidings membership",
            "Members, and who of them lives",
            "Real processes on one machine.",
            &main,
        )
    }

    fn cells(&self) -> (Vec<String>, Vec<Vec<String>>) {
        let all = Rounds::of(&self.measured);
        let names = all.iter().map(|rounds| rounds.contender.to_owned());
        let columns = [FIGURE.to_owned()].into_iter().chain(names).collect();
        let mut rows: Vec<Vec<String>> = Vec::new();
        for rounds in &all {
            for (at, (name, field)) in column(rounds).into_iter().enumerate() {
                match rows.get_mut(at) {
                    Some(row) => row.push(field),
                    None => rows.push(vec![name, field]),
                }
            }
        }
        (columns, rows)
    }
}

/// All figures of a contender, with their names. All contenders of a measurement have the same.
fn column(rounds: &Rounds<'_>) -> Vec<(String, String)> {
    let mut fields: Vec<(String, String)> = Vec::new();
    let mut put = |name: &str, field: String| fields.push((name.to_owned(), field));
    put("join: all see all, s", format!("{:.2}", rounds.mean(|one| one.join_s)));
    put("idle: datagrams/s", format!("{:.2}", rounds.mean(|one| one.idle.datagrams_per_s)));
    put(
        "idle: bytes/s, with headers and TCP",
        format!("{:.0}", rounds.mean(|one| one.idle.bytes_per_s)),
    );
    put("idle: CPU, % of a core", format!("{:.2}", rounds.mean(|one| one.idle.cpu_percent)));
    let (latencies, last) =
        (rounds.all(|one| &one.events.latencies_ms), rounds.all(|one| &one.events.last_ms));
    let ms = |numbers: &[f64], shares: &[f64]| {
        let each = shares.iter().map(|share| match quantile(numbers, *share) {
            Some(ms) => format!("{ms:.0}"),
            None => "-".to_owned(),
        });
        each.collect::<Vec<_>>().join(" / ")
    };
    put("event: p50 / p95 / p99, ms", ms(&latencies, &[0.5, 0.95, 0.99]));
    put("event: last member, median / max, ms", ms(&last, &[0.5, 1.0]));
    put(
        "event: datagrams a member beyond idle",
        format!("{:.2}", rounds.mean(|one| one.events.datagrams_each)),
    );
    let sum = |of: fn(&Measured) -> usize| rounds.rounds.iter().map(|one| of(one)).sum::<usize>();
    let within = rounds.mean(|one| one.events.within_s);
    put(
        &format!("events not everywhere in {within:.1} s"),
        format!("{} of {}", sum(|one| one.events.missed), sum(|one| one.events.fired)),
    );
    let (alone, together) = (rounds.deaths(true), rounds.deaths(false));
    put("kill -9: the first knows, mean (max), s", times(&alone, |death| death.first_s));
    put("kill -9: all know", times(&alone, |death| death.all_s));
    put("kill -9: the first tells its programs", times(&alone, |death| death.told_s));
    put("two at once: the first knows", times(&together, |death| death.first_s));
    put("two at once: all know", times(&together, |death| death.all_s));
    for pause in rounds.rounds.first().map_or(&[][..], |one| &one.pauses) {
        let all = rounds.all(|one| &one.pauses);
        let of: Vec<Pause> = all.into_iter().filter(|one| one.seconds == pause.seconds).collect();
        let each =
            |field: fn(&Pause) -> String| of.iter().map(field).collect::<Vec<_>>().join(", ");
        let stopped = format!("SIGSTOP {} s", pause.seconds);
        put(
            &format!("{stopped}: declared failed by"),
            each(|of| format!("{} of {}", of.declared_by, of.of)),
        );
        put(&format!("{stopped}: others declared failed"), each(|of| of.others.to_string()));
        let word = |of: &Pause| if of.is_back { "yes" } else { "NO" }.to_owned();
        put(&format!("{stopped}: all see all again"), each(word));
    }
    put("wrong verdicts in all", sum(|one| one.wrong).to_string());
    let mib = |of: fn(&Measured) -> f64| format!("{:.1}", rounds.mean(of));
    put(
        "RSS / PSS / private, MiB",
        [
            mib(|one| one.memory.rss_mib),
            mib(|one| one.memory.pss_mib),
            mib(|one| one.memory.private_mib),
        ]
        .join(" / "),
    );
    let membership = rounds.membership_mib().map(|mib| format!("{mib:.2}"));
    put("of the RSS, membership's, MiB", membership.unwrap_or_else(|| "-".to_owned()));
    put("CPU from start to end, s", format!("{:.2}", rounds.mean(|one| one.cpu_s)));
    fields
}

/// The mean of times, and the longest.
fn times(deaths: &[Death], of: impl Fn(&Death) -> Option<f64>) -> String {
    if deaths.is_empty() {
        return "-".to_owned();
    }
    match mean_and_longest(deaths.iter().map(of)) {
        Some((mean, longest)) => format!("{mean:.2} ({longest:.2})"),
        None => "never".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::figures::{Events, Idle, Memory};
    use super::*;

    fn measured(contender: &str, first_s: Option<f64>) -> Measured {
        let death = |at_once| Death { at_once, first_s, all_s: first_s, told_s: first_s };
        Measured {
            contender: contender.to_owned(),
            round: 1,
            members: 20,
            join_s: 0.5,
            idle: Idle {
                seconds: 30.0,
                datagrams_per_s: 2.0,
                bytes_per_s: 321.0,
                cpu_percent: 0.1,
            },
            memory: Memory { rss_mib: 15.4, pss_mib: 4.0, private_mib: 3.0, rss_without_mib: None },
            events: Events {
                fired: 40,
                missed: 5,
                within_s: 2.0,
                latencies_ms: (1..=100).map(f64::from).collect(),
                last_ms: vec![90.0, 100.0],
                datagrams_each: 6.9,
            },
            deaths: vec![death(1), death(1), death(2)],
            pauses: vec![Pause { seconds: 8, declared_by: 13, of: 13, others: 1, is_back: false }],
            wrong: 1,
            cpu_s: 0.7,
        }
    }

    #[test]
    fn each_contender_has_a_column_with_all_rows() {
        let report = Report {
            measured: vec![measured("tidings fleet", Some(3.0)), measured("serf lan", None)],
            goals: vec![Goal { text: "idle".to_owned(), is_met: false }],
            notes: vec!["Serf v1.".to_owned()],
        };
        let text = report.text();
        let row = |name: &str| {
            let line = text.lines().find(|line| line.starts_with(name)).unwrap();
            line[name.len()..]
                .split("  ")
                .map(str::trim)
                .filter(|field| !field.is_empty())
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        assert_eq!(row("figure"), ["tidings fleet", "serf lan"]);
        assert_eq!(row("event: p50 / p95 / p99, ms"), ["50 / 95 / 99", "50 / 95 / 99"]);
        assert_eq!(row("events not everywhere in 2.0 s"), ["5 of 40", "5 of 40"]);
        assert_eq!(row("kill -9: all know"), ["3.00 (3.00)", "never"]);
        assert_eq!(row("SIGSTOP 8 s: declared failed by"), ["13 of 13", "13 of 13"]);
        assert_eq!(row("SIGSTOP 8 s: all see all again"), ["NO", "NO"]);
        assert_eq!(row("of the RSS, membership's, MiB"), ["-", "-"]);
        assert!(text.ends_with("Serf v1.\n\nNOT MET: idle\n"), "{text}");
        assert!(report.page().contains("tidings fleet"));
    }

    #[test]
    fn rounds_share_a_column_and_each_pause_is_told() {
        let again = Measured {
            round: 2,
            join_s: 1.5,
            pauses: vec![Pause { seconds: 8, declared_by: 0, of: 13, others: 0, is_back: true }],
            ..measured("serf lan", None)
        };
        let report =
            Report { measured: vec![measured("serf lan", None), again], ..Report::default() };
        let text = report.text();
        let line =
            |name: &str| text.lines().find(|line| line.starts_with(name)).unwrap().to_owned();
        assert!(line("join").ends_with(" 1.00"), "{text}");
        assert!(line("SIGSTOP 8 s: declared").ends_with("13 of 13, 0 of 13"), "{text}");
        assert!(line("events not").ends_with("10 of 80"), "{text}");
        let json: serde_json::Value = serde_json::from_str(&report.json()).unwrap();
        assert_eq!(
            (&json["measured"][1]["round"], &json["measured"][1]["join_s"]),
            (&2.into(), &1.5.into())
        );
    }

    #[test]
    fn what_was_not_tried_is_a_dash() {
        let none = Measured {
            deaths: Vec::new(),
            pauses: Vec::new(),
            events: Events::default(),
            ..measured("a", None)
        };
        let text = Report { measured: vec![none], ..Report::default() }.text();
        let line =
            |name: &str| text.lines().find(|line| line.starts_with(name)).unwrap().to_owned();
        assert!(
            line("two at once: all know").ends_with(" -")
                && line("event: p50").ends_with("- / - / -"),
            "{text}"
        );
        assert!(!text.contains("SIGSTOP"));
    }
}
