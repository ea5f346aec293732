//! Tables for terminals, for pages and for programs.

use maud::html;
use serde_json::{Map, Value, json};
use tidings_tools::show::page::{Align, document, figure, section, table};
use tidings_tools::show::table::grid;

/// A figure of a table: as people read it, and as it is.
#[derive(Clone, Debug, PartialEq)]
pub struct Field {
    /// For people.
    pub text: String,
    /// For programs.
    pub value: Value,
}

impl Field {
    /// A word.
    pub fn word(text: &str) -> Self {
        Self { text: text.to_owned(), value: json!(text) }
    }

    /// A number of things.
    pub fn count(number: u64) -> Self {
        Self { text: tidings_tools::show::format::grouped(number), value: json!(number) }
    }

    /// A number with so many decimals.
    pub fn number(number: f64, decimals: usize) -> Self {
        Self { text: format!("{number:.decimals$}"), value: json!(number) }
    }

    /// Seconds, if it came to be.
    pub fn seconds(seconds: Option<f64>) -> Self {
        match seconds {
            Some(seconds) => Self::number(seconds, 2),
            None => Self { text: "never".to_owned(), value: Value::Null },
        }
    }

    /// What never came to be, in words.
    #[must_use]
    pub fn never(text: &str) -> Self {
        Self { text: text.to_owned(), value: Value::Null }
    }

    /// A mean with its interval.
    pub fn mean(numbers: &[f64]) -> Self {
        let (mean, ci95) = (mean(numbers), ci95(numbers));
        Self {
            text: format!("{mean:.2} ±{ci95:.2}"), value: json!({ "mean": mean, "ci95": ci95 })
        }
    }
}

/// What a table should show.
#[derive(Clone, Debug, PartialEq)]
pub struct Goal {
    /// What, with the figures that decide it.
    pub text: String,
    /// Whether it does.
    pub is_met: bool,
}

/// A table.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    /// A plain word.
    pub id: &'static str,
    /// Its heading.
    pub title: &'static str,
    /// How it was measured, and what the columns are.
    pub note: String,
    /// Names of the columns; the first is of words.
    pub columns: Vec<&'static str>,
    /// Rows, each with a field for each column.
    pub rows: Vec<Vec<Field>>,
    /// What it should show.
    pub goals: Vec<Goal>,
    /// A picture of it.
    pub picture: Option<String>,
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

/// A goal, and whether it is met.
pub(super) fn verdict(goal: &Goal) -> String {
    format!("{}: {}", if goal.is_met { "met" } else { "NOT MET" }, goal.text)
}

/// Whether all goals are met.
#[must_use]
pub fn are_met(tables: &[Table]) -> bool {
    tables.iter().flat_map(|table| &table.goals).all(|goal| goal.is_met)
}

/// All tables as text.
pub fn text(tables: &[Table]) -> String {
    let one = |table: &Table| {
        let goals: String = table.goals.iter().map(|goal| verdict(goal) + "\n").collect();
        let grid = grid(&table.columns, &table.texts());
        format!("{}\n\n{grid}\n{}\n{goals}", table.title, table.note)
    };
    tables.iter().map(one).collect::<Vec<_>>().join("\n\n")
}

/// All tables as JSON.
pub fn json(tables: &[Table]) -> String {
    let tables: Vec<_> = tables.iter().map(Table::to_json).collect();
    serde_json::to_string_pretty(&json!({ "tables": tables }))
        .expect("maps with text keys and numbers are always JSON")
}

/// All tables as a page.
pub fn page(tables: &[Table], kicker: &str, title: &str, subtitle: &str) -> String {
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
    document(kicker, title, subtitle, &main)
}

/// The mean of some numbers; zero of none.
#[must_use]
pub fn mean(numbers: &[f64]) -> f64 {
    numbers.iter().sum::<f64>() / numbers.len().max(1) as f64
}

/// Half the width of the 95 % confidence interval of a mean.
#[must_use]
pub fn ci95(numbers: &[f64]) -> f64 {
    let (mean, n) = (mean(numbers), numbers.len().max(2) as f64);
    let squares: f64 = numbers.iter().map(|number| (number - mean).powi(2)).sum();
    1.96 * (squares / (n - 1.0) / n).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_are_those_of_a_mean() {
        let numbers = [1.0, 2.0, 3.0, 4.0];
        assert!((mean(&numbers) - 2.5).abs() < 1e-9);
        // By hand: variance 5/3, divided by 4, root, times 1.96.
        assert!((ci95(&numbers) - 1.265).abs() < 1e-3);
    }
}
