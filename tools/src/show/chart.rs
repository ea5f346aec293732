//! Pictures of a run, as SVG.
//!
//! The SVG is written here, not by a plotting library: the pictures need captions, a legend inside
//! the plot, labels that keep clear of each other, titles and descriptions for screen readers, and
//! classes by which a page can restyle them for dark backgrounds; plotters 0.3 draws none of these
//! and measures text by fonts that the reader may not have.
//!
//! Every picture is a white card, so that it is legible on any background. Colours are those of
//! Okabe & Ito, "Color Universal Design" (2008), which readers with colour-blindness tell apart.

mod axis;
mod bars;
mod curve;
mod latency;
mod lines;
mod network;
mod plane;
mod plot;
mod scale;
mod svg;
mod whiskers;

pub use axis::{AxisSpec, Kind as AxisKind};
pub use bars::{Bar, bars};
pub use curve::{Curve, curve};
pub use latency::latency;
pub use lines::{Lines, Panel, Point, Series, Stroke, lines};
pub use network::{DRAWN_MAX, network};
pub use plane::{Expected, Mark, Plane, frontier, plane};
pub use whiskers::{Whisker, whiskers};

/// Width of every picture, pixels.
pub const WIDTH: f64 = 860.0;

/// Okabe & Ito's blue: what was measured.
const BLUE: &str = "#0072b2";
/// Okabe & Ito's vermilion: what is pointed out.
const VERMILION: &str = "#d55e00";
/// Okabe & Ito's orange: the second of two kinds.
const ORANGE: &str = "#e69f00";
/// Okabe & Ito's bluish green.
const GREEN: &str = "#009e73";
/// Okabe & Ito's reddish purple.
const PURPLE: &str = "#cc79a7";
/// Text.
const INK: &str = "#1c2733";
/// Text of lesser weight: contrast 5.9 on white (WCAG 2.2 asks for 4.5).
const MUTED: &str = "#5a6673";
/// Gridlines.
const GRID: &str = "#e4e8ed";
/// Axes and ticks.
const AXIS: &str = "#9aa5b1";

/// What every picture says in words.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Caption {
    /// The title line.
    pub title: String,
    /// The line below it.
    pub subtitle: String,
    /// What the picture shows, for whoever can't see it.
    pub description: String,
}

/// The colours of what is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Colour {
    /// What was measured.
    Blue,
    /// What is pointed out.
    Vermilion,
    /// The third.
    Green,
    /// The fourth.
    Orange,
    /// The fifth.
    Purple,
    /// What was said or expected.
    Grey,
}

impl Colour {
    const fn code(self) -> &'static str {
        match self {
            Self::Blue => BLUE,
            Self::Vermilion => VERMILION,
            Self::Green => GREEN,
            Self::Orange => ORANGE,
            Self::Purple => PURPLE,
            Self::Grey => MUTED,
        }
    }
}
