//! What was seen beside what must be seen, for people and for programs.

use serde_json::{Map, Value, json};
use tidings_tools::show::format::percent;
use tidings_tools::show::table::grid;

use super::expect::{Expectation, Figures, Judged, Outcome, is_share, number};
use super::script::{Overrides, Script};

/// What came of a scenario.
#[derive(Debug)]
pub struct Report<'a> {
    /// The scenario.
    pub script: &'a Script,
    /// What was laid over it.
    pub overrides: &'a Overrides,
    /// The figures of its variants, in their order.
    pub figures: Vec<Figures>,
    /// What was expected of them.
    pub judged: Vec<Judged>,
}

impl<'a> Report<'a> {
    /// Judges the figures of all variants.
    ///
    /// # Errors
    /// A sentence about a figure that is asked for and that nobody has.
    pub fn new(
        script: &'a Script,
        overrides: &'a Overrides,
        figures: Vec<Figures>,
    ) -> Result<Self, String> {
        let all: Vec<_> = script.names().into_iter().zip(&figures).collect();
        let left_out = |expected: &Expectation, seen| Judged {
            expected: expected.clone(),
            outcome: Outcome::LeftOut,
            seen,
        };
        let judge = |expected: &Expectation| match expected.judge(&all) {
            Ok(_) if overrides.launched && expected.only_simulated => {
                Ok(left_out(expected, "of a simulation alone".to_owned()))
            }
            // Real nodes don't measure all that a simulation does.
            Err(seen) if overrides.launched => Ok(left_out(expected, seen)),
            judged => judged,
        };
        let judged = script.head.expect.iter().map(judge).collect::<Result<_, _>>()?;
        Ok(Self { script, overrides, figures, judged })
    }

    /// Whether nothing was seen otherwise than expected.
    #[must_use]
    pub fn is_as_expected(&self) -> bool {
        self.judged.iter().all(|judged| judged.outcome != Outcome::NotSeen)
    }

    /// The table of the figures, what must be seen, and the verdict.
    #[must_use]
    pub fn text(&self) -> String {
        let Script { name, head, variants, .. } = self.script;
        let keys = &head.figures;
        let names: Vec<String> =
            std::iter::once(String::new()).chain(keys.iter().map(titled)).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let row = |(name, figures): (&str, &Figures)| {
            let fields = keys.iter().map(|key| field(key, figures));
            std::iter::once(name.to_owned()).chain(fields).collect()
        };
        let rows: Vec<Vec<String>> =
            self.script.names().into_iter().zip(&self.figures).map(row).collect();
        let says = variants.iter().map(|variant| format!("  {}: {}\n", variant.name, variant.says));
        let judged = self.judged.iter().map(|judged| format!("{judged}\n"));
        format!(
            "{} ({name}, {})\n\n{}\n{}\n{}\n{}\n",
            head.title,
            self.what(),
            says.collect::<String>(),
            grid(&names, &rows),
            judged.collect::<String>(),
            self.verdict()
        )
    }

    /// What ran, in a few words.
    fn what(&self) -> String {
        let how = if self.overrides.launched { "real nodes" } else { "simulated" };
        let seed = self.script.variants.first().map_or(0, |variant| variant.manifest.seed);
        match self.overrides.nodes {
            Some(nodes) => format!("{how}, {nodes} nodes, seed {seed}"),
            None => format!("{how}, seed {seed}"),
        }
    }

    fn verdict(&self) -> String {
        let count = |outcome| self.judged.iter().filter(|it| it.outcome == outcome).count();
        let (all, left_out) = (self.judged.len(), count(Outcome::LeftOut));
        let asked = if left_out > 0 { format!(", {left_out} left out") } else { String::new() };
        let seen = format!("{} of {all} seen{asked}", count(Outcome::Seen));
        let not_seen = count(Outcome::NotSeen);
        let verdict = match not_seen {
            0 => format!("{seen}: it is as expected."),
            _ => format!("{seen}: it is NOT as expected."),
        };
        let asked = self.overrides.nodes.is_some() || self.overrides.seed.is_some();
        let other = asked || self.overrides.launched;
        let note = " What is expected was written for the simulation as its file has it.";
        if other && not_seen > 0 { verdict + note } else { verdict }
    }

    /// All of it.
    #[must_use]
    pub fn json(&self) -> Value {
        let Script { name, head, .. } = self.script;
        let variants = self.script.variants.iter().zip(&self.figures).map(|(variant, figures)| {
            json!({ "name": variant.name, "says": variant.says, "figures": figures })
        });
        let judged = self.judged.iter().map(|judged| {
            let seen = match judged.outcome {
                Outcome::Seen => json!(true),
                Outcome::NotSeen => json!(false),
                Outcome::LeftOut => Value::Null,
            };
            json!({
                "that": judged.expected.that,
                "so": judged.expected.so,
                "seen": seen,
                "figures": judged.seen,
            })
        });
        json!({
            "name": name,
            "title": head.title,
            "launched": self.overrides.launched,
            "as_expected": self.is_as_expected(),
            "variants": variants.collect::<Vec<_>>(),
            "expect": judged.collect::<Vec<_>>(),
        })
    }
}

/// A figure of a row; `-` if it isn't known.
fn field(key: &str, figures: &Figures) -> String {
    let figure = figures.get(key).copied().flatten();
    figure.map_or_else(
        || "-".to_owned(),
        |figure| if is_share(key) { percent(figure) } else { number(figure) },
    )
}

/// What a column is called: the key in words, with its unit.
fn titled(key: &String) -> String {
    let words = match &**key {
        "bytes_per_payload_byte" => "bytes/payload".to_owned(),
        "bytes_per_lacked_byte" => "bytes/lacked".to_owned(),
        "messages_per_delivery" => "messages/delivery".to_owned(),
        "datagrams_per_member_s" => "datagrams/member and s".to_owned(),
        "chain.made" => "blocks made".to_owned(),
        key => match key.split_once('.') {
            Some(("messages_by_kind", kind)) => format!("{kind} messages"),
            Some(("chain", rest)) => format!("block {rest}"),
            _ => key.to_owned(),
        },
    };
    words.replace('_', " ") + if is_share(key) { " %" } else { "" }
}

/// What there is of a scenario without running it, for programs: all settings of each variant, and the page.
#[must_use]
pub fn listed(script: &Script) -> Value {
    let Script { name, head, page, variants } = script;
    let variants = variants.iter().map(|variant| {
        let mut listed = Map::new();
        listed.insert("name".to_owned(), json!(variant.name));
        listed.insert("says".to_owned(), json!(variant.says));
        listed.insert("run".to_owned(), json!(variant.run));
        // What the simulator of nodes takes; the other kinds have none.
        let scenario = variant.manifest.scenario().ok().filter(|_| head.kind() == "network");
        listed.insert("scenario".to_owned(), json!(scenario));
        Value::Object(listed)
    });
    json!({
        "name": name,
        "title": head.title,
        "kind": head.kind(),
        "launched": head.kind() == "network" && head.only_simulated.is_none(),
        "figures": head.figures,
        "variants": variants.collect::<Vec<_>>(),
        "expect": head.expect,
        "page": page,
    })
}
