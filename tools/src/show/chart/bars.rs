//! Horizontal bars: how much of a whole each of its parts is.

use super::svg::{Svg, Type};
use super::{BLUE, Caption, ORANGE, WIDTH};

const ROW: f64 = 30.0;
const TOP: f64 = 104.0;
const LEFT: f64 = 132.0;

/// Room right of the longest bar for its label.
const LABEL_ROOM: f64 = 300.0;

/// One bar.
#[derive(Clone, Debug, PartialEq)]
pub struct Bar {
    /// What it is.
    pub name: String,
    /// How long it is.
    pub value: f64,
    /// Its value in words.
    pub label: String,
    /// Whether it is of the first of the two kinds that the legend names.
    pub first_kind: bool,
}

/// Draws `rows` from top to bottom in their order. `kinds` names the two kinds of bar, and `name`
/// makes the picture's ids unique.
#[must_use]
pub fn bars(name: &str, caption: &Caption, kinds: [&str; 2], rows: &[Bar]) -> String {
    let height = TOP + ROW * rows.len().max(1) as f64 + 14.0;
    let mut svg = Svg::card(name, height, caption);
    let mut x = 24.0;
    for (kind, colour) in kinds.into_iter().zip([BLUE, ORANGE]) {
        svg.bar((x, 72.0), (14.0, 14.0), colour, kind);
        svg.text(x + 21.0, 83.5, kind, Type::plain(12.5));
        x += 52.0 + 7.0 * kind.chars().count() as f64;
    }
    if rows.is_empty() {
        svg.text(24.0, TOP + 22.0, "No messages were counted.", Type::plain(14.0));
    }

    let longest = rows.iter().map(|row| row.value).fold(f64::MIN_POSITIVE, f64::max);
    for (row, number) in rows.iter().zip(0_u32..) {
        let y = TOP + ROW * f64::from(number);
        let length = (row.value / longest * (WIDTH - LEFT - LABEL_ROOM)).max(1.0);
        let colour = if row.first_kind { BLUE } else { ORANGE };
        svg.text(24.0, y + 16.0, &row.name, Type::plain(13.0));
        svg.bar(
            (LEFT, y + 2.0),
            (length, ROW - 10.0),
            colour,
            &format!("{}: {}", row.name, row.label),
        );
        svg.text(LEFT + length + 9.0, y + 16.0, &row.label, Type::muted(12.5));
    }
    svg.finish()
}
