//! Lines over a common axis, in one panel or in a few side by side: what was measured, beside what was
//! predicted.

use super::axis::{Axis, AxisSpec};
use super::svg::{Anchor, Svg, Type};
use super::{Caption, Colour, WIDTH};

/// Where the panels begin and end, pixels.
const LEFT: f64 = 72.0;
const RIGHT: f64 = WIDTH - 24.0;

/// Pixels between two panels.
const GAP: f64 = 26.0;

/// Height of the legend's row.
const LEGEND_ROW: f64 = 20.0;

/// Pixels below the panels, for ticks and the axis title.
const FOOT: f64 = 56.0;

/// How a line is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stroke {
    /// Through.
    Solid,
    /// In dashes.
    Dashed,
    /// As dots at the points, joined by a thin line: measurements.
    Dots,
}

/// A point, with how far up and down its true value may be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// Along.
    pub x: f64,
    /// Up.
    pub y: f64,
    /// Half the width of its confidence interval; 0 if there is none.
    pub error: f64,
}

/// A line.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// What it is. Series of one name share a place in the legend, in whatever panels they are.
    pub name: String,
    /// Its colour.
    pub colour: Colour,
    /// How it is drawn.
    pub stroke: Stroke,
    /// Its points, by x.
    pub points: Vec<Point>,
}

impl Series {
    /// A line through points without errors.
    #[must_use]
    pub fn new(
        name: &str,
        colour: Colour,
        stroke: Stroke,
        points: impl IntoIterator<Item = (f64, f64)>,
    ) -> Self {
        let points = points.into_iter().map(|(x, y)| Point { x, y, error: 0.0 }).collect();
        Self { name: name.to_owned(), colour, stroke, points }
    }
}

/// A part of the picture with lines of its own.
#[derive(Clone, Debug, PartialEq)]
pub struct Panel {
    /// What it is about; empty if there is one panel only.
    pub title: String,
    /// The lines.
    pub series: Vec<Series>,
}

/// The whole picture.
#[derive(Clone, Debug, PartialEq)]
pub struct Lines {
    /// Title, subtitle and description.
    pub caption: Caption,
    /// The horizontal axis, the same for all panels.
    pub x: AxisSpec,
    /// The vertical axis, shared by all panels.
    pub y: AxisSpec,
    /// Least value of the vertical axis that is shown; lines end there. Only for logarithmic axes.
    pub floor: Option<f64>,
    /// One panel, or several side by side.
    pub panels: Vec<Panel>,
    /// Height of a panel, pixels.
    pub height: f64,
}

/// Draws lines. `name` makes the picture's ids unique in a page.
#[must_use]
pub fn lines(name: &str, lines: &Lines) -> String {
    let legend = legend_rows(lines);
    let has_titles = lines.panels.iter().any(|panel| !panel.title.is_empty());
    let top = 82.0 + LEGEND_ROW * legend.len() as f64 + if has_titles { 44.0 } else { 26.0 };
    let bottom = top + lines.height;
    let mut svg = Svg::card(name, bottom + FOOT, &lines.caption);
    draw_legend(&mut svg, &legend);
    svg.text(
        LEFT - 44.0,
        top - if has_titles { 32.0 } else { 12.0 },
        &lines.y.title,
        Type::plain(12.5),
    );

    let floor = lines.floor.unwrap_or(0.0);
    let points =
        || lines.panels.iter().flat_map(|panel| &panel.series).flat_map(|line| &line.points);
    let heights =
        points().flat_map(|point| [point.y, point.y + point.error]).filter(|y| *y >= floor);
    let y = Axis::spanning(lines.y.kind, heights.chain(lines.floor), (bottom, top));
    let x = Axis::spanning(lines.x.kind, points().map(|point| point.x), (0.0, 1.0));
    let count = lines.panels.len().max(1) as f64;
    let width = (RIGHT - LEFT - GAP * (count - 1.0)) / count;
    for (panel, number) in lines.panels.iter().zip(0_u32..) {
        let left = LEFT + f64::from(number) * (width + GAP);
        let place = Place { left, right: left + width, top, bottom };
        let x = x.between((left, left + width));
        frame(&mut svg, &place, (&x, &y), number == 0, count > 1.0);
        let style = Type::plain(13.5).bold().anchored(Anchor::Middle);
        svg.text(f64::midpoint(place.left, place.right), top - 10.0, &panel.title, style);
        for series in &panel.series {
            draw(&mut svg, series, (&x, &y));
        }
    }
    let style = Type::plain(12.5).anchored(Anchor::Middle);
    svg.text(f64::midpoint(LEFT, RIGHT), bottom + 43.0, &lines.x.title, style);
    svg.finish()
}

/// The rectangle of a panel.
struct Place {
    left: f64,
    right: f64,
    top: f64,
    bottom: f64,
}

fn frame(svg: &mut Svg, place: &Place, (x, y): (&Axis, &Axis), is_first: bool, is_narrow: bool) {
    let Place { left, right, top, bottom } = *place;
    for (value, label) in y.ticks() {
        let at = y.pixel(value);
        svg.grid((left, at), (right, at));
        if is_first {
            svg.text(left - 8.0, at + 4.0, &label, Type::muted(12.0).anchored(Anchor::End));
        }
    }
    let size = if is_narrow { 10.5 } else { 12.0 };
    for (value, label) in x.ticks() {
        let at = x.pixel(value);
        svg.grid((at, top), (at, bottom));
        svg.axis((at, bottom), (at, bottom + 5.0));
        let label = if is_narrow { short(&label) } else { label };
        svg.text(at, bottom + 20.0, &label, Type::muted(size).anchored(Anchor::Middle));
    }
    svg.axis((left, bottom), (right, bottom));
}

/// Thousands and millions by their letters, for narrow panels.
fn short(label: &str) -> String {
    match (label.strip_suffix(",000,000"), label.strip_suffix(",000")) {
        (Some(millions), _) => format!("{millions}M"),
        (_, Some(thousands)) => format!("{thousands}k"),
        _ => label.to_owned(),
    }
}

fn draw(svg: &mut Svg, series: &Series, (x, y): (&Axis, &Axis)) {
    let colour = series.colour.code();
    let shown = series.points.iter().filter(|point| y.shows(point.y) && x.shows(point.x));
    let places: Vec<(f64, f64)> =
        shown.clone().map(|point| (x.pixel(point.x), y.pixel(point.y))).collect();
    match series.stroke {
        Stroke::Solid => svg.polyline(&places, colour, 2.2),
        Stroke::Dashed => svg.dashes(&places, colour, 2.0),
        Stroke::Dots => {
            svg.polyline(&places, colour, 1.0);
            for (point, &(at, _)) in
                shown.clone().zip(&places).filter(|(point, _)| point.error > 0.0)
            {
                let (low, high) = (point.y - point.error, point.y + point.error);
                let low = if y.shows(low) { y.pixel(low) } else { y.pixel(point.y) };
                svg.whisker((at, low), (at, y.pixel(high)), colour);
            }
            for &(at, height) in &places {
                svg.dot(at, height, colour);
            }
        }
    }
}

/// An entry of the legend with its place in its row.
type Entry<'a> = (f64, &'a Series);

/// The names of all series, in rows as long as the picture is wide.
fn legend_rows(lines: &Lines) -> Vec<Vec<Entry<'_>>> {
    let mut rows: Vec<Vec<Entry<'_>>> = vec![Vec::new()];
    let mut seen = Vec::new();
    let mut x = 24.0;
    for series in lines.panels.iter().flat_map(|panel| &panel.series) {
        if series.name.is_empty() || seen.contains(&&series.name) {
            continue;
        }
        seen.push(&series.name);
        let width = 56.0 + 6.7 * series.name.chars().count() as f64;
        if x > 24.0 && x + width > RIGHT {
            rows.push(Vec::new());
            x = 24.0;
        }
        rows.last_mut().expect("there is a row from the beginning").push((x, series));
        x += width;
    }
    rows
}

fn draw_legend(svg: &mut Svg, rows: &[Vec<Entry<'_>>]) {
    for (row, number) in rows.iter().zip(0_u32..) {
        let y = 82.0 + LEGEND_ROW * f64::from(number);
        for &(x, series) in row {
            let (colour, ends) = (series.colour.code(), [(x, y), (x + 26.0, y)]);
            match series.stroke {
                Stroke::Solid => svg.polyline(&ends, colour, 2.2),
                Stroke::Dashed => svg.dashes(&ends, colour, 2.0),
                Stroke::Dots => {
                    svg.polyline(&ends, colour, 1.0);
                    svg.dot(x + 13.0, y, colour);
                }
            }
            svg.text(x + 34.0, y + 4.5, &series.name, Type::plain(12.5));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::axis::Kind;
    use super::*;

    fn picture(panels: Vec<Panel>) -> String {
        let x = AxisSpec::new("nodes", Kind::Log);
        let y = AxisSpec::new("rounds", Kind::Linear);
        let caption = Caption { title: "A & B".to_owned(), ..Caption::default() };
        lines("test", &Lines { caption, x, y, floor: None, panels, height: 200.0 })
    }

    fn panel(title: &str) -> Panel {
        let series =
            Series::new("measured", Colour::Blue, Stroke::Dots, [(100.0, 8.0), (1e6, 34.0)]);
        Panel { title: title.to_owned(), series: vec![series] }
    }

    #[test]
    fn a_name_stands_once_in_the_legend_however_many_panels_have_it() {
        let svg = picture(vec![panel("push"), panel("pull")]);
        assert_eq!(svg.matches(">measured<").count(), 1);
        assert!(svg.contains(">push<") && svg.contains(">pull<") && svg.contains("A &amp; B"));
    }

    #[test]
    fn every_point_is_a_dot_within_its_panel() {
        let svg = picture(vec![panel("")]);
        let dots: Vec<f64> = svg
            .split("cx=\"")
            .skip(1)
            .map(|rest| rest.split('"').next().unwrap().parse().unwrap())
            .collect();
        assert_eq!(dots.len(), 3, "two points and the legend's sample");
        assert!(dots[1] > LEFT && dots[1] < dots[2] && dots[2] < RIGHT);
    }

    #[test]
    fn what_a_logarithmic_axis_cannot_show_is_left_out() {
        let series = Series::new("s", Colour::Blue, Stroke::Dots, [(1.0, 1.0), (2.0, 0.0)]);
        let svg = lines(
            "test",
            &Lines {
                caption: Caption::default(),
                x: AxisSpec::new("round", Kind::Linear),
                y: AxisSpec::new("share", Kind::LogShare),
                floor: Some(1e-3),
                panels: vec![Panel { title: String::new(), series: vec![series] }],
                height: 100.0,
            },
        );
        assert_eq!(svg.matches("<circle").count(), 2, "one point and the legend's sample");
        assert!(!svg.contains("inf") && !svg.contains("NaN"));
    }

    #[test]
    fn thousands_are_short_in_narrow_panels() {
        let texts = ["100", "1,000", "10,000", "1,000,000"].map(short);
        assert_eq!(texts, ["100", "1k", "10k", "1M"]);
    }
}
