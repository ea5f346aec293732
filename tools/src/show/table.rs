//! The figures of a run as the plain-text table that a command prints when it is done.

use crate::figures::summary::Summary;
use crate::show::wording::{self, Colour, Figure};

/// Whether text may be coloured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ink {
    /// It is for a file, a pager or a program.
    Plain,
    /// It is for a terminal, whose user has nothing against colours.
    Colours,
}

/// The table: label, value, unit and meaning of every figure, aligned, at most 100 columns wide for ordinary values;
/// then the verdict, in its colour. Ends with a line end.
#[must_use]
pub fn render(summary: &Summary, ink: Ink) -> String {
    let groups = wording::groups(summary);
    let all = || groups.iter().flat_map(|group| &group.figures);
    let width = |field: fn(&Figure) -> &str| all().map(|figure| columns(field(figure))).max();
    let label_width = width(|figure| figure.label).unwrap_or(0);
    let value_width = width(|figure| &figure.value).unwrap_or(0);
    let unit_width = width(|figure| figure.unit).unwrap_or(0);

    let mut lines = Vec::new();
    for group in &groups {
        lines.push(group.title.to_owned());
        for Figure { label, value, unit, meaning, .. } in &group.figures {
            let row = format!(
                "  {label:<label_width$}  {value:>value_width$} {unit:<unit_width$}  {meaning}"
            );
            lines.push(row.trim_end().to_owned());
        }
        lines.push(String::new());
    }
    lines.push(coloured(wording::verdict(summary), summary, ink));
    lines.extend(wording::whose_time(summary).map(|whose| coloured(whose, summary, ink)));
    lines.extend(wording::reasons(summary).iter().map(|reason| format!("  - {reason}")));
    lines.join("\n") + "\n"
}

/// A sentence in the colour of the verdict: ECMA-48, select graphic rendition.
fn coloured(sentence: String, summary: &Summary, ink: Ink) -> String {
    let number = match wording::colour(summary) {
        _ if ink == Ink::Plain => return sentence,
        Colour::Green => 32,
        Colour::Amber => 33,
        Colour::Red => 31,
    };
    format!("\x1b[1;{number}m{sentence}\x1b[0m")
}

/// A table of any rows as plain text: a line of names, a rule, and the rows, each column as wide as it has
/// to be. The first column is set from the left, the others, which are numbers, from the right.
#[must_use]
pub fn grid(names: &[&str], rows: &[Vec<String>]) -> String {
    let names = names.iter().map(|&name| name.to_owned()).collect();
    let rows: Vec<Vec<String>> = [names].into_iter().chain(rows.iter().cloned()).collect();
    let mut lines = aligned(&rows, 1);
    let rule = "-".repeat(lines.iter().map(|line| columns(line)).max().unwrap_or(0));
    lines.insert(1, rule);
    lines.join("\n") + "\n"
}

/// Lines of fields in columns, each as wide as it has to be. The first `left` columns are set from the left,
/// the others from the right.
pub(crate) fn aligned(rows: &[Vec<String>], left: usize) -> Vec<String> {
    let count = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        let fields = rows.iter().filter_map(|row| row.get(column));
        fields.map(|field| columns(field)).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..count).map(width).collect();
    let line = |row: &Vec<String>| {
        let fields = row.iter().zip(&widths).enumerate().map(|(column, (field, &width))| {
            if column < left { format!("{field:<width$}") } else { format!("{field:>width$}") }
        });
        fields.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect()
}

/// How many columns of a terminal `text` takes: one a character, for the text used here.
fn columns(text: &str) -> usize {
    text.chars().count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figures::members::{Members, SeenKill};
    use crate::figures::summary::Inputs;
    use crate::figures::verdict::Machine;
    use crate::sample::Sample;

    fn summary() -> Summary {
        let sample = Sample { killed: 3, ..Sample::default() };
        Summary::compute(&sample.run(), sample.inputs())
    }

    #[test]
    fn values_end_and_meanings_begin_in_one_column() {
        let table = render(&summary(), Ink::Plain);
        let rows: Vec<&str> = table.lines().filter(|line| line.starts_with("  ")).collect();
        let row_of = |label: &str| *rows.iter().find(|row| row.contains(label)).unwrap();
        let column_of = |label: &str, part: &str| {
            let row = row_of(label);
            columns(&row[..row.find(part).unwrap()])
        };
        assert_eq!(column_of("Nodes", "nodes started"), column_of("Memory", "resident"));
        assert_eq!(column_of("to 50 %", " ms"), column_of("Memory", " MiB"));
        assert!(row_of("Nodes").contains(" 20 ") && row_of("Killed").contains(" 3 "));
    }

    #[test]
    fn a_grid_sets_names_left_and_numbers_right() {
        let rows = [["flood", "15.2"], ["µ", "7"]].map(|row| row.map(str::to_owned).to_vec());
        let text = grid(&["strategy", "bytes"], &rows);
        assert_eq!(text, "strategy  bytes\n---------------\nflood      15.2\nµ             7\n");
    }

    #[test]
    fn every_line_fits_a_hundred_columns() {
        for line in render(&summary(), Ink::Plain).lines() {
            assert!(columns(line) <= 100, "{line}");
        }
    }

    #[test]
    fn members_have_their_lines_where_nodes_are_members() {
        assert!(!render(&summary(), Ink::Plain).contains("Members\n"));
        let kill = SeenKill { last_s: Some(4.5), ..SeenKill::default() };
        let members = Members { share_of_relay: Some(0.012), ..Members::default() };
        let members = members.with_kills(vec![kill]);
        let inputs = Inputs { members: Some(members), ..Sample::default().inputs() };
        let table = render(&Summary::compute(&Sample::default().run(), inputs), Ink::Plain);
        assert!(table.contains("\nMembers\n"), "{table}");
        for (label, value) in [("members' share", " 1.20 %"), ("Last to see a death", " 4.50 s")] {
            let row = table.lines().find(|line| line.contains(label)).unwrap();
            assert!(row.contains(value) && columns(row) <= 100, "{row}");
        }
        assert!(table.lines().all(|line| columns(line) <= 100), "{table}");
    }

    #[test]
    fn an_unknown_figure_is_a_dash() {
        let table = render(&Summary { valid: true, ..Summary::default() }, Ink::Plain);
        let row = table.lines().find(|line| line.contains("Time to 99 %")).unwrap();
        assert!(row.contains(" - ms"), "{row}");
    }

    #[test]
    fn an_invalid_run_says_why() {
        let mut summary = summary();
        summary.valid = false;
        summary.inputs.invalid_reasons = vec!["3 nodes had no link.".to_owned()];
        let table = render(&summary, Ink::Plain);
        assert!(table.ends_with("prove nothing.\n  - 3 nodes had no link.\n"), "{table}");
    }

    #[test]
    fn a_machine_that_was_too_slow_is_told_with_the_verdict_and_what_would_do() {
        let mut inputs = Sample::default().inputs();
        inputs.machine = Some(Machine { cpu_wait_ms: Some(5.0), ..Machine::default() });
        let summary = Summary::compute(&Sample::default().run(), inputs);
        let table = render(&summary, Ink::Plain);
        let verdict = "Complete: every live node has every item.\n\
                       This is the machine's time, not the network's: try --slow-motion 5.\n  - nodes waited 5.0 ms";
        assert!(table.contains(verdict), "{table}");
        let amber = "\x1b[1;33mThis is the machine's time, not the network's: try --slow-motion 5.\x1b[0m\n";
        assert!(render(&summary, Ink::Colours).contains(amber));
        assert!(table.lines().all(|line| columns(line) <= 100), "{table}");
    }

    #[test]
    fn a_partial_run_never_reads_as_complete() {
        let table = render(
            &Summary { valid: true, coverage: Some(0.999_999), ..Summary::default() },
            Ink::Plain,
        );
        assert!(table.ends_with("Incomplete: 99.9999 % of the deliveries happened.\n"), "{table}");
    }
}
