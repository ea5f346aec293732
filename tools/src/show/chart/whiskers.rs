//! One figure of several contestants: a dot for each, with the interval that it may lie in.

use super::axis::{Axis, AxisSpec};
use super::svg::{Anchor, Svg, Type};
use super::{Caption, Colour, WIDTH};

const ROW: f64 = 27.0;
const TOP: f64 = 84.0;
const RIGHT: f64 = WIDTH - 104.0;

/// One contestant.
#[derive(Clone, Debug, PartialEq)]
pub struct Whisker {
    /// Its name.
    pub name: String,
    /// The figure: a mean, or a median.
    pub middle: f64,
    /// Where its interval begins and ends: of confidence, or the least and the most; both the figure if there is none.
    pub ends: (f64, f64),
    /// The figure in words.
    pub label: String,
    /// Its colour.
    pub colour: Colour,
}

/// Draws `rows` from top to bottom in their order. `name` makes the picture's ids unique.
#[must_use]
pub fn whiskers(name: &str, caption: &Caption, axis: &AxisSpec, rows: &[Whisker]) -> String {
    let bottom = TOP + ROW * rows.len().max(1) as f64;
    let mut svg = Svg::card(name, bottom + 56.0, caption);
    let longest = rows.iter().map(|row| row.name.chars().count()).max().unwrap_or(0);
    let left = (40.0 + 7.3 * longest as f64).clamp(110.0, 380.0);
    let ends = rows.iter().flat_map(|row| [row.middle, row.ends.1]);
    let x = Axis::spanning(axis.kind, ends, (left, RIGHT));
    for (value, label) in x.ticks() {
        let at = x.pixel(value);
        svg.grid((at, TOP), (at, bottom));
        svg.text(at, bottom + 18.0, &label, Type::muted(12.0).anchored(Anchor::Middle));
    }
    svg.axis((left, bottom), (RIGHT, bottom));
    let style = Type::plain(12.5).anchored(Anchor::Middle);
    svg.text(f64::midpoint(left, RIGHT), bottom + 40.0, &axis.title, style);
    for (row, number) in rows.iter().zip(0_u32..) {
        let y = TOP + ROW * (f64::from(number) + 0.5);
        svg.text(left - 12.0, y + 4.5, &row.name, Type::plain(13.0).anchored(Anchor::End));
        if !x.shows(row.middle) {
            svg.text(left + 10.0, y + 4.5, &row.label, Type::muted(12.5));
            continue;
        }
        let (at, colour) = (x.pixel(row.middle), row.colour.code());
        let (begin, end) = row.ends;
        let low = if x.shows(begin) { x.pixel(begin) } else { left };
        let high = x.pixel(end);
        if end > begin {
            svg.whisker((low, y), (high, y), colour);
        }
        svg.dot(at, y, colour);
        svg.text(high.max(at + 5.0) + 9.0, y + 4.5, &row.label, Type::muted(12.5).halo());
    }
    svg.finish()
}

#[cfg(test)]
mod tests {
    use super::super::axis::Kind;
    use super::*;

    #[test]
    fn an_interval_is_drawn_where_there_is_one() {
        let row = |half_width: f64, middle: f64| Whisker {
            name: "flood".to_owned(),
            middle,
            ends: (middle - half_width, middle + half_width),
            label: "217 ms".to_owned(),
            colour: Colour::Blue,
        };
        let axis = AxisSpec::new("ms", Kind::Linear);
        let svg = |rows: &[Whisker]| whiskers("test", &Caption::default(), &axis, rows);
        assert_eq!(svg(&[row(10.0, 217.0)]).matches("class=\"whisker\"").count(), 1);
        assert_eq!(svg(&[row(0.0, 217.0)]).matches("class=\"whisker\"").count(), 0);
        let unknown = svg(&[row(0.0, f64::NAN)]);
        assert!(!unknown.contains("<circle") && !unknown.contains("NaN\""), "{unknown}");
    }
}
