//! The distribution of latencies: a histogram, with the percentiles that people ask for.

use super::plot::{LEFT, Plot, RIGHT, TOP};
use super::scale::{Scale, time_unit};
use super::svg::{Anchor, Svg, Type};
use super::{BLUE, Caption, VERMILION};
use crate::figures::statistics::Distribution;
use crate::show::format::{grouped, measured};

const HEIGHT: f64 = 400.0;

/// How many bars there are.
const BINS: u32 = 60;

/// The share of values that the axis spans; the tail beyond is told in words.
const SPANNED: f64 = 0.995;

/// Draws the histogram of `latencies` (milliseconds). `name` makes the picture's ids unique.
#[must_use]
pub fn latency(name: &str, caption: &Caption, latencies: &Distribution) -> String {
    let mut svg = Svg::card(name, HEIGHT, caption);
    let spanned = latencies.quantile(SPANNED).unwrap_or(0.0);
    let (unit, unit_ms) = time_unit(spanned);
    let bottom = Plot::bottom(HEIGHT);
    let x = Scale::to_next_tick(spanned / unit_ms, 10, LEFT, RIGHT);
    let bars = histogram(latencies, x.end * unit_ms);
    let highest = bars.iter().copied().fold(0.0, f64::max);
    let plot = Plot { x, y: Scale::to_next_tick(highest, 4, bottom, TOP) };
    let y = plot.y;
    plot.frame(&mut svg, &format!("latency ({unit})"), "deliveries (%)", |tick| y.label(tick));
    if latencies.is_empty() {
        svg.text(LEFT + 24.0, TOP + 40.0, "No item was delivered.", Type::plain(14.0));
        return svg.finish();
    }

    let width = x.end / f64::from(BINS);
    for (bin, &share) in (0_u32..).zip(&bars).filter(|(_, share)| **share > 0.0) {
        let (from, to) = (f64::from(bin) * width, f64::from(bin + 1) * width);
        let (left, right) = (plot.x.pixel(from), plot.x.pixel(to));
        let top = plot.y.pixel(share);
        let hint = format!("{} to {} {unit}: {} %", measured(from), measured(to), measured(share));
        svg.bar((left, top), (right - left - 1.0, bottom - top), BLUE, &hint);
    }
    percentiles(&mut svg, &plot, latencies, (unit, unit_ms));
    tail(&mut svg, latencies, x.end * unit_ms, (unit, unit_ms));
    svg.finish()
}

/// The share of all values, per cent, in each of [`BINS`] equal bins from 0 to `end`. A value on an
/// edge belongs to the bin below.
fn histogram(values: &Distribution, end: f64) -> Vec<f64> {
    let edge = |bin: u32| end * f64::from(bin) / f64::from(BINS);
    let count = |bin: u32| {
        // Nothing is below the first bin, so that it also takes what is exactly 0.
        let below = if bin == 0 { 0 } else { values.count_at_most(edge(bin)) };
        values.count_at_most(edge(bin + 1)) - below
    };
    (0..BINS).map(|bin| count(bin) as f64 * 100.0 / values.len().max(1) as f64).collect()
}

/// Marks the median and two percentiles by lines. Each label has a row of its own, so that however
/// close the lines are, no label covers another.
fn percentiles(svg: &mut Svg, plot: &Plot, latencies: &Distribution, unit: (&str, f64)) {
    let bottom = Plot::bottom(HEIGHT);
    let marks = [(0.5, "half", 14.0), (0.9, "90 %", 33.0), (0.99, "99 %", 52.0)];
    for (share, name, row) in marks {
        let Some(value) = latencies.quantile(share) else { continue };
        let x = plot.x.pixel(value / unit.1);
        svg.dashed((x, TOP - 4.0), (x, bottom), VERMILION);
        let label = format!("{name} within {} {}", measured(value / unit.1), unit.0);
        let style = Type::plain(13.0).bold().halo();
        if x + 170.0 < RIGHT {
            svg.text(x + 7.0, TOP + row, &label, style);
        } else {
            svg.text(x - 7.0, TOP + row, &label, style.anchored(Anchor::End));
        }
    }
}

/// Says what lies beyond the axis.
fn tail(svg: &mut Svg, latencies: &Distribution, end_ms: f64, unit: (&str, f64)) {
    let beyond = latencies.len() - latencies.count_at_most(end_ms);
    let Some(last) = latencies.max().filter(|_| beyond > 0) else { return };
    let last = measured(last / unit.1);
    let text = format!("{} later, the last at {last} {}", grouped(beyond as u64), unit.0);
    let y = Plot::bottom(HEIGHT) + 43.0;
    svg.text(RIGHT, y, &text, Type::muted(12.0).anchored(Anchor::End));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_up_to_the_end_is_in_one_bin() {
        let values = Distribution::new((0..=600).map(f64::from).collect());
        let bars = histogram(&values, 600.0);
        assert_eq!(bars.len(), BINS as usize);
        assert!((bars.iter().sum::<f64>() - 100.0).abs() < 1e-9);
        assert!((bars[0] - 1_100.0 / 601.0).abs() < 1e-9, "0 to 10 are eleven values");
        assert!((bars[1] - 1_000.0 / 601.0).abs() < 1e-9);
    }

    #[test]
    fn values_beyond_the_end_are_in_none() {
        let values = Distribution::new(vec![1.0, 5.0, 99.0, 100.0]);
        assert!((histogram(&values, 10.0).iter().sum::<f64>() - 50.0).abs() < 1e-9);
        assert!(histogram(&Distribution::default(), 10.0).iter().all(|share| *share == 0.0));
    }
}
