//! The propagation curve: the share of live nodes that had an item, over time.

use super::plot::{LEFT, Plot, RIGHT, TOP};
use super::scale::{Scale, time_unit};
use super::svg::{Svg, Type};
use super::{BLUE, Caption};
use crate::figures::spread::{CurvePoint, milliseconds};
use crate::show::format::measured;

const HEIGHT: f64 = 480.0;

/// What the picture shows.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Curve {
    /// Title, subtitle and description.
    pub caption: Caption,
    /// The curve over all items, by time. The last point's time is the end of the axis.
    pub points: Vec<CurvePoint>,
    /// Share, name and time (milliseconds) of the points to mark, if they were reached.
    pub marks: Vec<(f64, &'static str, Option<f64>)>,
}

/// Draws the propagation curve. `name` makes the picture's ids unique in a page.
#[must_use]
pub fn curve(name: &str, curve: &Curve) -> String {
    let mut svg = Svg::card(name, HEIGHT, &curve.caption);
    let end_ms = curve.points.last().map_or(0.0, |point| milliseconds(point.time_us));
    let (unit, unit_ms) = time_unit(end_ms);
    let bottom = Plot::bottom(HEIGHT);
    let plot =
        Plot { x: Scale::to(end_ms / unit_ms, 8, LEFT, RIGHT), y: Scale::to(1.0, 4, bottom, TOP) };
    plot.frame(
        &mut svg,
        &format!("time since submission ({unit})"),
        "live nodes that have it (%)",
        |share| format!("{:.0}", share * 100.0),
    );
    if curve.points.is_empty() {
        svg.text(LEFT + 24.0, TOP + 40.0, "No item was delivered.", Type::plain(14.0));
        return svg.finish();
    }

    let line = |share: fn(&CurvePoint) -> f64| -> Vec<(f64, f64)> {
        let place = |point: &CurvePoint| {
            let time = milliseconds(point.time_us) / unit_ms;
            (plot.x.pixel(time), plot.y.pixel(share(point)))
        };
        curve.points.iter().map(place).collect()
    };
    let mut band = line(|point| point.high);
    band.extend(line(|point| point.low).into_iter().rev());
    svg.area(&band, BLUE);
    svg.polyline(&line(|point| point.median), BLUE, 2.5);
    for &(share, name, time_ms) in &curve.marks {
        if let Some(time_ms) = time_ms.filter(|&time_ms| time_ms <= end_ms) {
            let value = format!("{} {unit}", measured(time_ms / unit_ms));
            plot.mark(&mut svg, (time_ms / unit_ms, share), name, &value);
        }
    }
    legend(&mut svg);
    svg.finish()
}

/// Beside the title of the vertical axis, clear of whatever the curve does.
fn legend(svg: &mut Svg) {
    let (x, y) = (RIGHT - 444.0, TOP - 18.0);
    svg.polyline(&[(x, y), (x + 26.0, y)], BLUE, 2.5);
    svg.text(x + 34.0, y + 4.5, "median item", Type::plain(12.5));
    let (left, right, top, low) = (x + 130.0, x + 156.0, y - 7.0, y + 7.0);
    svg.area(&[(left, top), (right, top), (right, low), (left, low)], BLUE);
    let band = "80 % of the items (10th to 90th percentile)";
    svg.text(right + 8.0, y + 4.5, band, Type::plain(12.5));
}
