//! A plane of two costs: one mark for each contestant, and the frontier of those that nobody beats in
//! both.

use super::axis::{Axis, AxisSpec};
use super::svg::{Anchor, Svg, Type};
use super::{Caption, Colour, WIDTH};

const HEIGHT: f64 = 590.0;
const LEFT: f64 = 76.0;
const RIGHT: f64 = WIDTH - 40.0;
const TOP: f64 = 134.0;
const BOTTOM: f64 = HEIGHT - 58.0;

/// Size of the labels' text, and about what a bold character of it takes.
const LABEL: f64 = 13.0;
const LABEL_CHARACTER: f64 = 7.9;

/// One contestant.
#[derive(Clone, Debug, PartialEq)]
pub struct Mark {
    /// Its name.
    pub name: String,
    /// Along: less is better.
    pub x: f64,
    /// Up: less is better.
    pub y: f64,
    /// Its colour.
    pub colour: Colour,
}

/// Where contestants are expected to stand, as a setting of theirs changes.
#[derive(Clone, Debug, PartialEq)]
pub struct Expected {
    /// What it is.
    pub name: String,
    /// Along and up, in the order of the setting.
    pub points: Vec<(f64, f64)>,
    /// The colour of its contestants.
    pub colour: Colour,
}

/// The whole picture.
#[derive(Clone, Debug, PartialEq)]
pub struct Plane {
    /// Title, subtitle and description.
    pub caption: Caption,
    /// The horizontal axis.
    pub x: AxisSpec,
    /// The vertical axis.
    pub y: AxisSpec,
    /// The contestants.
    pub marks: Vec<Mark>,
    /// What theory says of some of them.
    pub expected: Vec<Expected>,
    /// What colours mean.
    pub legend: Vec<(Colour, String)>,
}

/// The marks that no other mark beats in one cost without losing in the other, by x.
#[must_use]
pub fn frontier(marks: &[Mark]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..marks.len()).collect();
    order.sort_by(|&a, &b| {
        marks[a].x.total_cmp(&marks[b].x).then(marks[a].y.total_cmp(&marks[b].y))
    });
    let mut best = f64::INFINITY;
    order.retain(|&mark| {
        let is_better = marks[mark].y < best;
        best = best.min(marks[mark].y);
        is_better
    });
    order
}

/// Draws a plane. `name` makes the picture's ids unique in a page.
#[must_use]
pub fn plane(name: &str, plane: &Plane) -> String {
    let mut svg = Svg::card(name, HEIGHT, &plane.caption);
    let expected = || plane.expected.iter().flat_map(|expected| expected.points.iter());
    let along = plane.marks.iter().map(|mark| mark.x).chain(expected().map(|point| point.0));
    let up = plane.marks.iter().map(|mark| mark.y).chain(expected().map(|point| point.1));
    let x = Axis::spanning(plane.x.kind, along, (LEFT, RIGHT));
    let y = Axis::spanning(plane.y.kind, up, (BOTTOM, TOP));
    frame(&mut svg, plane, &x, &y);
    let at = |mark: &Mark| (x.pixel(mark.x), y.pixel(mark.y));
    for expected in &plane.expected {
        let points = expected.points.iter().map(|point| (x.pixel(point.0), y.pixel(point.1)));
        svg.polyline(&points.collect::<Vec<_>>(), expected.colour.code(), 1.4);
    }

    let frontier = frontier(&plane.marks);
    let steps = steps(&frontier.iter().map(|&mark| at(&plane.marks[mark])).collect::<Vec<_>>());
    svg.dashes(&steps, Colour::Grey.code(), 1.8);
    legend(&mut svg, plane);

    let places: Vec<(f64, f64)> = plane.marks.iter().map(at).collect();
    let labels = place_labels(&places, &plane.marks, &steps);
    for ((mark, &(x, y)), (label, number)) in
        plane.marks.iter().zip(&places).zip(labels.iter().zip(0..))
    {
        if label.is_far(x, y) {
            svg.axis((x, y), label.near_corner(x, y));
        }
        let (anchor, from) = label.anchor(x);
        let style = Type::plain(LABEL).halo().anchored(anchor);
        let style = if frontier.contains(&number) { style.bold() } else { style };
        svg.text(from, label.top + LABEL - 2.0, &mark.name, style);
    }
    // Last, so that no label's halo hides a mark.
    for (mark, (x, y)) in plane.marks.iter().zip(places) {
        svg.dot(x, y, mark.colour.code());
    }
    svg.finish()
}

fn frame(svg: &mut Svg, plane: &Plane, x: &Axis, y: &Axis) {
    for (value, label) in y.ticks() {
        let at = y.pixel(value);
        svg.grid((LEFT, at), (RIGHT, at));
        svg.text(LEFT - 8.0, at + 4.0, &label, Type::muted(12.0).anchored(Anchor::End));
    }
    for (value, label) in x.ticks() {
        let at = x.pixel(value);
        svg.grid((at, TOP), (at, BOTTOM));
        svg.axis((at, BOTTOM), (at, BOTTOM + 5.0));
        svg.text(at, BOTTOM + 20.0, &label, Type::muted(12.0).anchored(Anchor::Middle));
    }
    svg.axis((LEFT, BOTTOM), (RIGHT, BOTTOM));
    svg.axis((LEFT, TOP), (LEFT, BOTTOM));
    svg.text(LEFT - 52.0, TOP - 14.0, &plane.y.title, Type::plain(12.5));
    let style = Type::plain(12.5).anchored(Anchor::Middle);
    svg.text(f64::midpoint(LEFT, RIGHT), BOTTOM + 44.0, &plane.x.title, style);
}

/// A line of its own above the plot.
fn legend(svg: &mut Svg, plane: &Plane) {
    let mut x = LEFT - 48.0;
    let y = TOP - 52.0;
    let width = |name: &str| 7.0 * name.chars().count() as f64;
    for (colour, name) in &plane.legend {
        svg.dot(x, y, colour.code());
        svg.text(x + 10.0, y + 4.5, name, Type::plain(12.5));
        x += width(name) + 34.0;
    }
    for expected in &plane.expected {
        svg.polyline(&[(x - 6.0, y), (x + 18.0, y)], expected.colour.code(), 1.4);
        svg.text(x + 24.0, y + 4.5, &expected.name, Type::plain(12.5));
        x += width(&expected.name) + 48.0;
    }
    svg.dashes(&[(x - 6.0, y), (x + 18.0, y)], Colour::Grey.code(), 1.8);
    svg.text(x + 24.0, y + 4.5, "frontier", Type::plain(12.5));
}

/// The corners of the frontier: whoever wants less of one cost has to take the next mark's other.
fn steps(marks: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let mut corners: Vec<(f64, f64)> = Vec::new();
    for &(x, y) in marks {
        if let Some(&(_, above)) = corners.last() {
            corners.push((x, above));
        }
        corners.push((x, y));
    }
    corners
}

/// Where a label stands, pixels.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Label {
    left: f64,
    top: f64,
    width: f64,
}

impl Label {
    fn overlap(&self, other: &Self) -> f64 {
        let across =
            (self.left + self.width).min(other.left + other.width) - self.left.max(other.left);
        let down = (self.top + LABEL).min(other.top + LABEL) - self.top.max(other.top);
        across.max(0.0) * down.max(0.0)
    }

    fn covers(&self, (x, y): (f64, f64), margin: f64) -> bool {
        (self.left - margin..self.left + self.width + margin).contains(&x)
            && (self.top - margin..self.top + LABEL + margin).contains(&y)
    }

    /// How much of a level or upright line lies behind it.
    fn crossed_by(&self, from: (f64, f64), to: (f64, f64)) -> f64 {
        let across =
            (self.left + self.width).min(from.0.max(to.0)) - self.left.max(from.0.min(to.0));
        let down = (self.top + LABEL).min(from.1.max(to.1)) - self.top.max(from.1.min(to.1));
        if across < 0.0 || down < 0.0 { 0.0 } else { across + down }
    }

    fn is_far(&self, x: f64, y: f64) -> bool {
        !self.covers((x, y), 14.0)
    }

    /// By which of its ends it stands at a mark at `x`, and where that is: how wide the reader's font is isn't known, and so that
    /// end is the one that is in its place.
    fn anchor(&self, x: f64) -> (Anchor, f64) {
        if self.left > x {
            (Anchor::Start, self.left)
        } else if self.left + self.width < x {
            (Anchor::End, self.left + self.width)
        } else {
            (Anchor::Middle, self.left + self.width / 2.0)
        }
    }

    /// Where a line from a mark to the label ends.
    fn near_corner(&self, x: f64, y: f64) -> (f64, f64) {
        let middle = self.top + LABEL / 2.0;
        match self.anchor(x) {
            (Anchor::Start, left) => (left - 3.0, middle),
            (Anchor::End, right) => (right + 3.0, middle),
            (Anchor::Middle, at) if self.top > y => (at, self.top - 1.0),
            (Anchor::Middle, at) => (at, self.top + LABEL + 2.0),
        }
    }
}

/// Finds a place for every label, in the order of the marks: near its mark, within the plot, and clear of
/// marks, of the frontier and of the labels placed before.
fn place_labels(places: &[(f64, f64)], marks: &[Mark], steps: &[(f64, f64)]) -> Vec<Label> {
    let mut labels: Vec<Label> = Vec::new();
    for (&(x, y), mark) in places.iter().zip(marks) {
        let width = LABEL_CHARACTER * mark.name.chars().count() as f64;
        let cost = |label: &Label| {
            let outside = (LEFT - label.left).max(0.0)
                + (label.left + label.width - WIDTH + 8.0).max(0.0)
                + (TOP - 4.0 - label.top).max(0.0)
                + (label.top + LABEL - BOTTOM).max(0.0);
            let marks = places.iter().filter(|place| label.covers(**place, 5.0)).count() as f64;
            let labels: f64 = labels.iter().map(|other| label.overlap(other)).sum();
            let lines: f64 = steps.windows(2).map(|ends| label.crossed_by(ends[0], ends[1])).sum();
            let away = (label.left + label.width / 2.0 - x).abs() - label.width / 2.0;
            let distance = away.max(0.0) + (label.top + LABEL / 2.0 - y).abs();
            outside * 100.0 + marks * 400.0 + labels * 20.0 + lines * 1.2 + distance
        };
        let candidates = candidates(x, y, width);
        let best = candidates.into_iter().min_by(|a, b| cost(a).total_cmp(&cost(b)));
        labels.push(best.expect("there are always candidates"));
    }
    labels
}

/// Places around a mark, the best ones first: right, left, above, below, and then further away.
fn candidates(x: f64, y: f64, width: f64) -> Vec<Label> {
    let mut candidates = Vec::new();
    for ring in [0.0, 14.0, 28.0, 44.0, 60.0] {
        let (right, left) = (x + 10.0 + ring / 3.0, x - 10.0 - ring / 3.0 - width);
        for (left, top) in [
            (right, y - LABEL / 2.0 - ring),
            (right, y - LABEL / 2.0 + ring),
            (left, y - LABEL / 2.0 - ring),
            (left, y - LABEL / 2.0 + ring),
            (x - width / 2.0, y - LABEL - 9.0 - ring),
            (x - width / 2.0, y + 9.0 + ring),
        ] {
            candidates.push(Label { left, top, width });
        }
    }
    candidates
}

#[cfg(test)]
mod tests {
    use super::super::axis::Kind;
    use super::*;

    fn mark(name: &str, x: f64, y: f64) -> Mark {
        Mark { name: name.to_owned(), x, y, colour: Colour::Blue }
    }

    fn marks() -> Vec<Mark> {
        vec![
            mark("flood", 15.2, 217.0),
            mark("push", 4.0, 490.0),
            mark("inventory", 2.3, 747.0),
            mark("eager", 3.3, 339.0),
            mark("lean", 1.7, 690.0),
        ]
    }

    #[test]
    fn the_frontier_is_what_nobody_beats_in_both() {
        let marks = marks();
        let names: Vec<_> = frontier(&marks).iter().map(|&at| marks[at].name.as_str()).collect();
        assert_eq!(names, ["lean", "eager", "flood"]);
    }

    #[test]
    fn of_two_equal_marks_one_is_on_the_frontier() {
        assert_eq!(frontier(&[mark("a", 1.0, 1.0), mark("b", 1.0, 1.0)]), [0]);
        assert!(frontier(&[]).is_empty());
    }

    #[test]
    fn labels_of_close_marks_keep_clear_of_each_other_and_of_the_marks() {
        let close: Vec<Mark> = (0..6)
            .map(|n| mark(&format!("strategy number {n}"), 2.0, 500.0 + f64::from(n)))
            .collect();
        let places: Vec<(f64, f64)> = (0..6).map(|n| (300.0, 300.0 + 3.0 * f64::from(n))).collect();
        let labels = place_labels(&places, &close, &[]);
        for (number, label) in labels.iter().enumerate() {
            assert!(!places.iter().any(|place| label.covers(*place, 2.0)), "{label:?}");
            for other in &labels[number + 1..] {
                assert!(label.overlap(other) < 8.0, "{label:?} {other:?}");
            }
        }
    }

    #[test]
    fn every_mark_is_drawn_with_its_name() {
        let spec = |title| AxisSpec::new(title, Kind::Log);
        let svg = plane(
            "test",
            &Plane {
                caption: Caption::default(),
                x: spec("bytes"),
                y: spec("ms"),
                marks: marks(),
                expected: vec![Expected {
                    name: "as theory says".to_owned(),
                    points: vec![(1.5, 900.0), (2.0, 300.0)],
                    colour: Colour::Blue,
                }],
                legend: vec![(Colour::Blue, "classic".to_owned())],
            },
        );
        assert_eq!(svg.matches("<circle").count(), 6);
        assert!(svg.contains(">as theory says<"));
        assert!(marks().iter().all(|mark| svg.contains(&format!(">{}<", mark.name))));
    }
}
