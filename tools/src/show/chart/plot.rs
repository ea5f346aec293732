//! The frame that pictures with two axes share: gridlines, ticks, and axis titles with units.

use super::scale::Scale;
use super::svg::{Anchor, Svg, Type};
use super::{MUTED, VERMILION, WIDTH};

/// Where the plot begins and ends, pixels.
pub(super) const LEFT: f64 = 68.0;
pub(super) const RIGHT: f64 = WIDTH - 28.0;
pub(super) const TOP: f64 = 98.0;

/// Pixels below the plot, for ticks and the axis title.
const FOOT: f64 = 56.0;

/// The two axes of a plot, with the units of their values.
pub(super) struct Plot {
    pub(super) x: Scale,
    pub(super) y: Scale,
}

impl Plot {
    /// The lower edge of the plot in a picture of `height`.
    pub(super) const fn bottom(height: f64) -> f64 {
        height - FOOT
    }

    /// Draws gridlines, ticks and axis titles. `y_label` writes a tick of the vertical axis.
    pub(super) fn frame(
        &self,
        svg: &mut Svg,
        x_title: &str,
        y_title: &str,
        y_label: impl Fn(f64) -> String,
    ) {
        let bottom = Self::bottom(svg.height());
        for tick in self.y.ticks() {
            let y = self.y.pixel(tick);
            svg.grid((LEFT, y), (RIGHT, y));
            let style = Type::muted(12.0).anchored(Anchor::End);
            svg.text(LEFT - 8.0, y + 4.0, &y_label(tick), style);
        }
        for tick in self.x.ticks() {
            let x = self.x.pixel(tick);
            svg.grid((x, TOP), (x, bottom));
            svg.axis((x, bottom), (x, bottom + 5.0));
            let style = Type::muted(12.0).anchored(Anchor::Middle);
            svg.text(x, bottom + 20.0, &self.x.label(tick), style);
        }
        svg.axis((LEFT, bottom), (RIGHT, bottom));
        svg.text(LEFT - 44.0, TOP - 14.0, y_title, Type::plain(12.5));
        let style = Type::plain(12.5).anchored(Anchor::Middle);
        svg.text(f64::midpoint(LEFT, RIGHT), bottom + 43.0, x_title, style);
    }

    /// Marks a point of the curve: dashed lines to both axes, a dot, and its name and value.
    pub(super) fn mark(&self, svg: &mut Svg, at: (f64, f64), name: &str, value: &str) {
        let bottom = Self::bottom(svg.height());
        let (x, y) = (self.x.pixel(at.0), self.y.pixel(at.1));
        svg.dashed((LEFT, y), (x, y), MUTED);
        svg.dashed((x, y), (x, bottom), MUTED);
        svg.dot(x, y, VERMILION);
        // To the right and below, where a rising curve leaves room; to the left at the edge.
        let label = format!("{name} {value}");
        let style = Type::plain(13.5).bold().halo();
        if x + 120.0 < RIGHT {
            svg.text(x + 10.0, y + 16.0, &label, style);
        } else {
            svg.text(x - 10.0, y + 16.0, &label, style.anchored(Anchor::End));
        }
    }
}
