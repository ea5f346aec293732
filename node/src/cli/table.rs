//! Aligned tables that fit the terminal: where it is too narrow, the least important columns go.

/// A column.
#[derive(Clone, Copy, Debug)]
pub(super) struct Column {
    pub(super) title: &'static str,
    /// Numbers are aligned right.
    pub(super) number: bool,
    /// Columns with the highest rank go first when there is no room; rank 0 always stays.
    pub(super) rank: u8,
}

/// The table as text, at most `width` wide if that is possible. Rows have a cell for each column.
pub(super) fn render(columns: &[Column], rows: &[Vec<String>], width: Option<usize>) -> String {
    let widths: Vec<usize> = (0..columns.len())
        .map(|index| {
            let cells = rows.iter().map(|row| row[index].chars().count());
            cells.chain([columns[index].title.len()]).max().unwrap_or_default()
        })
        .collect();
    let shown = choose(columns, &widths, width);
    let mut text = String::new();
    let titles: Vec<String> = columns.iter().map(|column| column.title.to_owned()).collect();
    for row in std::iter::once(&titles).chain(rows) {
        let cells = shown.iter().map(|&index| {
            let (cell, width) = (&row[index], widths[index]);
            if columns[index].number {
                format!("{cell:>width$}")
            } else {
                format!("{cell:<width$}")
            }
        });
        text.push_str(cells.collect::<Vec<_>>().join(GAP).trim_end());
        text.push('\n');
    }
    text
}

const GAP: &str = "  ";

/// The columns that fit.
fn choose(columns: &[Column], widths: &[usize], width: Option<usize>) -> Vec<usize> {
    let mut shown: Vec<usize> = (0..columns.len()).collect();
    let Some(width) = width else { return shown };
    let needed = |shown: &[usize]| {
        let cells: usize = shown.iter().map(|&index| widths[index]).sum();
        cells + GAP.len() * shown.len().saturating_sub(1)
    };
    while needed(&shown) > width {
        let last = (0..shown.len()).max_by_key(|&at| columns[shown[at]].rank);
        match last.filter(|&at| columns[shown[at]].rank > 0) {
            Some(at) => drop(shown.remove(at)),
            None => break,
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: [Column; 3] = [
        Column { title: "NAME", number: false, rank: 0 },
        Column { title: "NOTE", number: false, rank: 2 },
        Column { title: "MS", number: true, rank: 1 },
    ];

    fn rows() -> Vec<Vec<String>> {
        let row = |cells: [&str; 3]| cells.map(str::to_owned).to_vec();
        vec![row(["a", "long note", "7"]), row(["böb", "", "123"])]
    }

    #[test]
    fn columns_are_aligned() {
        let text = "NAME  NOTE        MS\na     long note    7\nböb              123\n";
        assert_eq!(render(&COLUMNS, &rows(), None), text);
        assert_eq!(render(&COLUMNS, &rows(), Some(20)), text);
    }

    #[test]
    fn a_narrow_terminal_gets_the_important_columns() {
        assert_eq!(render(&COLUMNS, &rows(), Some(19)), "NAME   MS\na       7\nböb   123\n");
        assert_eq!(render(&COLUMNS, &rows(), Some(1)), "NAME\na\nböb\n");
    }
}
