//! Axes: round tick positions, and where a value lies in pixels.

use crate::show::format::{grouped, measured};

/// A linear scale from 0 to `end` with ticks at multiples of `step`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Scale {
    pub(super) end: f64,
    step: f64,
    pixel_from: f64,
    pixel_to: f64,
}

impl Scale {
    /// A scale of about `ticks` steps that ends exactly at `end`, drawn between two pixels.
    pub(super) fn to(end: f64, ticks: u32, pixel_from: f64, pixel_to: f64) -> Self {
        let end = if end > 0.0 && end.is_finite() { end } else { 1.0 };
        Self { end, step: nice_step(end / f64::from(ticks)), pixel_from, pixel_to }
    }

    /// As [`to`](Self::to), but ends at the next tick.
    pub(super) fn to_next_tick(end: f64, ticks: u32, pixel_from: f64, pixel_to: f64) -> Self {
        let scale = Self::to(end, ticks, pixel_from, pixel_to);
        Self { end: (scale.end / scale.step - 1e-9).ceil() * scale.step, ..scale }
    }

    /// The pixel of `value`.
    pub(super) fn pixel(&self, value: f64) -> f64 {
        self.pixel_from + (self.pixel_to - self.pixel_from) * value / self.end
    }

    /// The values of the ticks, from 0.
    pub(super) fn ticks(&self) -> impl Iterator<Item = f64> + use<> {
        let Self { end, step, .. } = *self;
        (0_u32..100)
            .map(move |tick| f64::from(tick) * step)
            .take_while(move |&at| at <= end * 1.000_001)
    }

    /// The text of the tick at `value`, with as many decimals as the step needs.
    pub(super) fn label(&self, value: f64) -> String {
        let decimals = (0..9).find(|&decimals| {
            let shifted = self.step * 10_f64.powi(decimals);
            (shifted - shifted.round()).abs() < 1e-6
        });
        match decimals {
            Some(0) => grouped_whole(value),
            Some(decimals) => {
                format!("{value:.decimals$}", decimals = usize::try_from(decimals).unwrap_or(0))
            }
            None => measured(value),
        }
    }
}

/// The unit in which times up to `end_ms` are best read: its name, and how many milliseconds it is.
pub(super) fn time_unit(end_ms: f64) -> (&'static str, f64) {
    match end_ms {
        _ if end_ms >= 10_000.0 => ("s", 1_000.0),
        _ if end_ms >= 1.0 => ("ms", 1.0),
        _ => ("µs", 0.001),
    }
}

/// The smallest of 1, 2, 2.5, 5 times a power of ten that isn't below `raw`.
fn nice_step(raw: f64) -> f64 {
    let magnitude = 10_f64.powf(raw.log10().floor());
    let steps = [1.0, 2.0, 2.5, 5.0, 10.0];
    let fits = |step: &f64| step * magnitude >= raw * (1.0 - 1e-9);
    magnitude * steps.into_iter().find(fits).unwrap_or(10.0)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "ticks are whole and not negative; beyond u64 saturates"
)]
fn grouped_whole(value: f64) -> String {
    grouped(value.round() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ticks(end: f64, count: u32) -> Vec<String> {
        let scale = Scale::to(end, count, 0.0, 100.0);
        scale.ticks().map(|tick| scale.label(tick)).collect()
    }

    #[test]
    fn ticks_are_round_and_stay_within_the_scale() {
        assert_eq!(ticks(930.0, 8), ["0", "200", "400", "600", "800"]);
        assert_eq!(ticks(1.0, 4), ["0.00", "0.25", "0.50", "0.75", "1.00"]);
        assert_eq!(ticks(9_000.0, 5), ["0", "2,000", "4,000", "6,000", "8,000"]);
        assert_eq!(ticks(0.31, 5), ["0.0", "0.1", "0.2", "0.3"]);
    }

    #[test]
    fn a_scale_may_end_at_the_next_tick() {
        assert!((Scale::to_next_tick(930.0, 8, 0.0, 1.0).end - 1_000.0).abs() < 1e-9);
        assert!((Scale::to_next_tick(1_000.0, 8, 0.0, 1.0).end - 1_000.0).abs() < 1e-9);
    }

    #[test]
    fn a_scale_without_extent_is_still_a_scale() {
        for end in [0.0, f64::INFINITY, f64::NAN, -1.0] {
            let scale = Scale::to(end, 5, 0.0, 100.0);
            assert!(scale.ticks().count() > 1 && scale.pixel(0.0).abs() < 1e-9);
        }
    }

    #[test]
    fn pixels_may_run_backwards() {
        let scale = Scale::to(10.0, 5, 300.0, 100.0);
        assert!((scale.pixel(2.5) - 250.0).abs() < 1e-9);
    }

    #[test]
    fn times_are_told_in_the_unit_that_fits() {
        let units = [0.4, 465.0, 9_999.0, 25_000.0].map(|end| time_unit(end).0);
        assert_eq!(units, ["µs", "ms", "ms", "s"]);
    }
}
