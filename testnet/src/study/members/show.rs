//! Tables for terminals, for pages and for programs.

use maud::html;
use serde_json::{Map, Value, json};
use tidings_tools::show::page::{Align, document, figure, section, table};
use tidings_tools::show::table::grid;

/// A figure of a table: as people read it, and as it is.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Field {
    pub(super) text: String,
    pub(super) value: Value,
}

impl Field {
    /// A word.
    pub(super) fn word(text: &str) -> Self {
        Self { text: text.to_owned(), value: json!(text) }
    }

    /// A number of things.
    pub(super) fn count(number: u64) -> Self {
        Self { text: tidings_tools::show::format::grouped(number), value: json!(number) }
    }

    /// A number with so many decimals.
    pub(super) fn number(number: f64, decimals: usize) -> Self {
        Self { text: format!("{number:.decimals$}"), value: json!(number) }
    }

    /// Seconds, if it came to be.
    pub(super) fn seconds(seconds: Option<f64>) -> Self {
        match seconds {
            Some(seconds) => Self::number(seconds, 2),
            None => Self { text: "never".to_owned(), value: Value::Null },
        }
    }

    /// A mean with its interval.
    pub(super) fn mean(numbers: &[f64]) -> Self {
        let (mean, ci95) = (super::mean(numbers), super::ci95(numbers));
        Self {
            text: format!("{mean:.2} ±{ci95:.2}"), value: json!({ "mean": mean, "ci95": ci95 })
        }
    }
}

/// What a table should show.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Goal {
    pub(super) text: String,
    pub(super) is_met: bool,
}

/// A table.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Table {
    /// A plain word.
    pub(super) id: &'static str,
    pub(super) title: &'static str,
    /// How it was measured, and what the columns are.
    pub(super) note: String,
    pub(super) columns: Vec<&'static str>,
    pub(super) rows: Vec<Vec<Field>>,
    pub(super) goals: Vec<Goal>,
    /// A picture of it.
    pub(super) picture: Option<String>,
}

impl Table {
    fn texts(&self) -> Vec<Vec<String>> {
        let row = |row: &Vec<Field>| row.iter().map(|field| field.text.clone()).collect();
        self.rows.iter().map(row).collect()
    }

    fn to_json(&self) -> Value {
        let row = |row: &Vec<Field>| {
            let fields = self.columns.iter().zip(row);
            let fields = fields.map(|(name, field)| ((*name).to_owned(), field.value.clone()));
            Value::Object(fields.collect::<Map<_, _>>())
        };
        let goal = |goal: &Goal| json!({ "goal": goal.text, "is_met": goal.is_met });
        json!({
            "table": self.id,
            "rows": self.rows.iter().map(row).collect::<Vec<_>>(),
            "goals": self.goals.iter().map(goal).collect::<Vec<_>>(),
        })
    }
}

fn verdict(goal: &Goal) -> String {
    format!("{}: {}", if goal.is_met { "met" } else { "NOT MET" }, goal.text)
}

/// All tables as text.
pub(super) fn text(tables: &[Table]) -> String {
    let one = |table: &Table| {
        let goals: String = table.goals.iter().map(|goal| verdict(goal) + "\n").collect();
        let grid = grid(&table.columns, &table.texts());
        format!("{}\n\n{grid}\n{}\n{goals}", table.title, table.note)
    };
    tables.iter().map(one).collect::<Vec<_>>().join("\n\n")
}

/// All tables as JSON.
pub(super) fn json(tables: &[Table]) -> String {
    let tables: Vec<_> = tables.iter().map(Table::to_json).collect();
    serde_json::to_string_pretty(&json!({ "tables": tables }))
        .expect("maps with text keys and numbers are always JSON")
}

/// All tables as a page.
pub(super) fn page(tables: &[Table], subtitle: &str) -> String {
    let one = |one: &Table| {
        let aligned = |(place, name): (usize, &&'static str)| {
            (*name, if place == 0 { Align::Left } else { Align::Right })
        };
        let columns: Vec<_> = one.columns.iter().enumerate().map(aligned).collect();
        let content = html! {
            @if let Some(picture) = &one.picture { (figure(picture)) }
            (table(one.title, &columns, &one.texts()))
            p { (one.note) }
            @for goal in &one.goals { p { (verdict(goal)) } }
        };
        section(one.id, one.title, &content)
    };
    let main = html! { @for table in tables { (one(table)) } };
    document("Tidings membership", "Members, and who of them lives", subtitle, &main)
}
