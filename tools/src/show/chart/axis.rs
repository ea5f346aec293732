//! Axes of charts that compare: linear or logarithmic, from wherever the values begin.
//!
//! [`Scale`](super::scale::Scale) is for pictures of one run, whose axes begin at 0.

use crate::show::format::{grouped, measured};

/// How values become places.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Equal differences are equally far apart.
    Linear,
    /// Equal ratios are.
    Log,
    /// As `Log`, of shares: ticks are written as per cent.
    LogShare,
}

/// What an axis shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AxisSpec {
    /// What is drawn along it, with the unit.
    pub title: String,
    /// How.
    pub kind: Kind,
}

impl AxisSpec {
    /// An axis.
    #[must_use]
    pub fn new(title: &str, kind: Kind) -> Self {
        Self { title: title.to_owned(), kind }
    }
}

/// An axis with its extent, in values and in pixels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Axis {
    kind: Kind,
    from: f64,
    to: f64,
    step: f64,
    pixel_from: f64,
    pixel_to: f64,
}

/// Room beyond the outermost values of a logarithmic axis, as a factor.
const LOG_MARGIN: f64 = 1.12;

/// Fewest ticks that an axis should have.
const TICKS: f64 = 5.0;

impl Axis {
    /// An axis that shows all of `values`, between two pixels. A linear one begins at 0 and ends at a
    /// tick; of a logarithmic one, values that aren't positive are left out.
    pub(super) fn spanning(
        kind: Kind,
        values: impl Iterator<Item = f64>,
        (pixel_from, pixel_to): (f64, f64),
    ) -> Self {
        let fits = |value: &f64| value.is_finite() && (kind == Kind::Linear || *value > 0.0);
        let (least, most) =
            values.filter(fits).fold((f64::INFINITY, 0.0_f64), |(least, most), value| {
                (least.min(value), most.max(value))
            });
        let (from, to, step) = match kind {
            _ if least > most || most <= 0.0 => match kind {
                Kind::Linear => (0.0, 1.0, 0.2),
                Kind::Log | Kind::LogShare => (0.1, 1.0, 1.0),
            },
            Kind::Linear => {
                let step = nice_step(most / TICKS);
                (0.0, (most / step - 1e-9).ceil() * step, step)
            }
            Kind::Log => (least / LOG_MARGIN, most * LOG_MARGIN, 1.0),
            Kind::LogShare => (least / LOG_MARGIN, most, 1.0),
        };
        Self { kind, from, to, step, pixel_from, pixel_to }
    }

    /// The same extent between other pixels.
    pub(super) const fn between(self, (pixel_from, pixel_to): (f64, f64)) -> Self {
        Self { pixel_from, pixel_to, ..self }
    }

    /// Whether a value can be shown.
    pub(super) fn shows(&self, value: f64) -> bool {
        (self.from * (1.0 - 1e-9)..=self.to * (1.0 + 1e-9)).contains(&value)
    }

    /// The pixel of a value.
    pub(super) fn pixel(&self, value: f64) -> f64 {
        let part = match self.kind {
            Kind::Linear => (value - self.from) / (self.to - self.from),
            Kind::Log | Kind::LogShare => (value / self.from).ln() / (self.to / self.from).ln(),
        };
        self.pixel_from + (self.pixel_to - self.pixel_from) * part
    }

    /// Ticks with their labels.
    pub(super) fn ticks(&self) -> Vec<(f64, String)> {
        let ticks = match self.kind {
            Kind::Linear => self.linear_ticks(),
            Kind::Log | Kind::LogShare => self.log_ticks(),
        };
        ticks.into_iter().map(|value| (value, self.label(value))).collect()
    }

    fn linear_ticks(&self) -> Vec<f64> {
        let tick = |number: u32| self.from + f64::from(number) * self.step;
        (0..100).map(tick).take_while(|value| *value <= self.to * (1.0 + 1e-9)).collect()
    }

    /// Powers of ten, and 2 and 5 times these (or more) where there are few of them.
    fn log_ticks(&self) -> Vec<f64> {
        let factors: [&[f64]; 4] =
            [&[1.0], &[1.0, 3.0], &[1.0, 2.0, 5.0], &[1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0]];
        let ticks = |factors: &[f64]| -> Vec<f64> {
            let decades = -12..=12;
            let all =
                decades.flat_map(|decade| factors.iter().map(move |x| x * 10_f64.powi(decade)));
            all.filter(|value| self.shows(*value)).collect()
        };
        let choices = factors.map(ticks);
        let enough = choices.iter().position(|ticks| ticks.len() >= 4).unwrap_or(factors.len() - 1);
        let choice = &choices[enough];
        let thinning = choice.len().div_ceil(9);
        choice.iter().copied().step_by(thinning).collect()
    }

    fn label(&self, value: f64) -> String {
        match self.kind {
            Kind::Linear => decimals(value, self.step),
            Kind::Log => plain(value),
            Kind::LogShare => format!("{} %", plain(value * 100.0)),
        }
    }
}

/// A tick with as many decimals as the step needs.
fn decimals(value: f64, step: f64) -> String {
    let whole = |places: &i32| {
        let shifted = step * 10_f64.powi(*places);
        (shifted - shifted.round()).abs() < 1e-6
    };
    match (0..9).find(whole) {
        Some(0) => measured_whole(value),
        Some(places) => format!("{value:.places$}", places = usize::try_from(places).unwrap_or(0)),
        None => measured(value),
    }
}

/// A round number as it is written by hand: `0.001`, `2`, `10,000`.
fn plain(value: f64) -> String {
    if value >= 10.0 {
        return measured_whole(value);
    }
    let text = format!("{value:.9}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "ticks are not negative; beyond u64 saturates"
)]
fn measured_whole(value: f64) -> String {
    grouped(value.round() as u64)
}

/// The smallest of 1, 2, 2.5, 5 times a power of ten that isn't below `raw`.
fn nice_step(raw: f64) -> f64 {
    let magnitude = 10_f64.powf(raw.log10().floor());
    let fits = |step: &f64| step * magnitude >= raw * (1.0 - 1e-9);
    magnitude * [1.0, 2.0, 2.5, 5.0, 10.0].into_iter().find(fits).unwrap_or(10.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(kind: Kind, values: &[f64]) -> Vec<String> {
        let axis = Axis::spanning(kind, values.iter().copied(), (0.0, 100.0));
        axis.ticks().into_iter().map(|(_, label)| label).collect()
    }

    #[test]
    fn a_linear_axis_begins_at_zero_and_ends_at_a_tick() {
        assert_eq!(labels(Kind::Linear, &[3.0, 34.0]), ["0", "10", "20", "30", "40"]);
        assert_eq!(labels(Kind::Linear, &[0.9]), ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]);
    }

    #[test]
    fn a_logarithmic_axis_has_round_ticks_however_long_it_is() {
        let decades = labels(Kind::Log, &[100.0, 1e6]);
        assert_eq!(decades, ["100", "1,000", "10,000", "100,000", "1,000,000"]);
        assert_eq!(labels(Kind::Log, &[2.0, 400.0]), ["3", "10", "30", "100", "300"]);
        assert_eq!(
            labels(Kind::Log, &[1.2, 16.0]),
            ["1.5", "2", "3", "4", "5", "6", "8", "10", "15"]
        );
        assert_eq!(
            labels(Kind::LogShare, &[1e-4, 1.0]),
            ["0.01 %", "0.1 %", "1 %", "10 %", "100 %"]
        );
    }

    #[test]
    fn equal_ratios_are_equally_far_apart() {
        let axis = Axis::spanning(Kind::Log, [1.0, 100.0].into_iter(), (0.0, 100.0));
        let (one, ten, hundred) = (axis.pixel(1.0), axis.pixel(10.0), axis.pixel(100.0));
        assert!((ten - one - (hundred - ten)).abs() < 1e-9);
        assert!(one > 0.0 && hundred < 100.0, "with room at both ends");
        assert!(!axis.shows(0.0));
    }

    #[test]
    fn an_axis_without_values_is_still_an_axis() {
        for kind in [Kind::Linear, Kind::Log, Kind::LogShare] {
            for values in [&[][..], &[0.0], &[f64::NAN, f64::INFINITY]] {
                let axis = Axis::spanning(kind, values.iter().copied(), (0.0, 100.0));
                assert!(axis.ticks().len() > 1, "{kind:?} {values:?}");
            }
        }
    }
}
