//! A small writer of SVG: shapes and text with the colours of the charts.
//!
//! Colours are presentation attributes, which every renderer knows and any style sheet overrides;
//! classes name their role (`ink`, `muted`, `grid`, `axis`, `card`, `halo`, `dot`) for that purpose.

use std::fmt::Display;

use super::{AXIS, Caption, GRID, INK, MUTED, WIDTH};

/// Fonts of the reader's own system: nothing is fetched.
const FONTS: &str = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', 'Noto Sans', \
                     'DejaVu Sans', Arial, sans-serif";

/// Which end of a text its position names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Anchor {
    End,
    Middle,
    Start,
}

/// How a text looks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Type {
    pub(super) size: f64,
    pub(super) bold: bool,
    pub(super) anchor: Anchor,
    pub(super) muted: bool,
    /// A white outline, for text over lines.
    pub(super) halo: bool,
}

impl Type {
    /// Ordinary text of `size` pixels that begins at its position.
    pub(super) const fn plain(size: f64) -> Self {
        let anchor = Anchor::Start;
        Self { size, bold: false, anchor, muted: false, halo: false }
    }

    pub(super) const fn muted(size: f64) -> Self {
        Self { muted: true, ..Self::plain(size) }
    }

    pub(super) const fn bold(self) -> Self {
        Self { bold: true, ..self }
    }

    pub(super) const fn halo(self) -> Self {
        Self { halo: true, ..self }
    }

    pub(super) const fn anchored(self, anchor: Anchor) -> Self {
        Self { anchor, ..self }
    }
}

/// A picture in the making.
pub(super) struct Svg {
    height: f64,
    head: String,
    body: String,
}

impl Svg {
    /// A card of the common width with title, subtitle and description. `name` makes the picture's
    /// ids unique in a page.
    pub(super) fn card(name: &str, height: f64, caption: &Caption) -> Self {
        let Caption { title, subtitle, description } = caption;
        let head = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"chart\" width=\"{WIDTH}\" height=\"{height}\" \
             viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" aria-labelledby=\"{name}-title {name}-desc\" \
             font-family=\"{FONTS}\">\n\
             <title id=\"{name}-title\">{}</title>\n<desc id=\"{name}-desc\">{}</desc>\n",
            escape(title),
            escape(description),
        );
        let mut svg = Self { height, head, body: String::new() };
        svg.body.push_str(&format!(
            "<rect class=\"card\" x=\"0.5\" y=\"0.5\" width=\"{}\" height=\"{}\" rx=\"8\" fill=\"#ffffff\" \
             stroke=\"#d5dbe1\"/>\n",
            WIDTH - 1.0,
            height - 1.0,
        ));
        svg.text(24.0, 35.0, title, Type::plain(18.0).bold());
        svg.text(24.0, 56.0, subtitle, Type::muted(13.0));
        svg
    }

    /// The finished picture.
    pub(super) fn finish(self) -> String {
        self.head + &self.body + "</svg>\n"
    }

    pub(super) const fn height(&self) -> f64 {
        self.height
    }

    pub(super) fn text(&mut self, x: f64, y: f64, text: &str, style: Type) {
        let (class, fill) = if style.muted { ("muted", MUTED) } else { ("ink", INK) };
        let weight = if style.bold { " font-weight=\"600\"" } else { "" };
        let anchor = match style.anchor {
            Anchor::Start => "",
            Anchor::Middle => " text-anchor=\"middle\"",
            Anchor::End => " text-anchor=\"end\"",
        };
        let place = format!(
            "x=\"{}\" y=\"{}\" font-size=\"{}\"{weight}{anchor}",
            short(x),
            short(y),
            short(style.size)
        );
        let text = escape(text);
        // A copy below the text: not every renderer knows `paint-order`, and those that don't would
        // draw the halo over the letters.
        if style.halo {
            self.body.push_str(&format!(
                "<text class=\"halo\" aria-hidden=\"true\" {place} fill=\"none\" \
                 stroke=\"#ffffff\" stroke-width=\"4\" stroke-linejoin=\"round\">{text}</text>\n"
            ));
        }
        self.body
            .push_str(&format!("<text class=\"{class}\" {place} fill=\"{fill}\">{text}</text>\n"));
    }

    /// A gridline.
    pub(super) fn grid(&mut self, from: (f64, f64), to: (f64, f64)) {
        self.line("grid", from, to, &format!("stroke=\"{GRID}\""));
    }

    /// An axis or tick.
    pub(super) fn axis(&mut self, from: (f64, f64), to: (f64, f64)) {
        self.line("axis", from, to, &format!("stroke=\"{AXIS}\""));
    }

    /// A dashed line.
    pub(super) fn dashed(&mut self, from: (f64, f64), to: (f64, f64), colour: &str) {
        self.line("guide", from, to, &format!("stroke=\"{colour}\" stroke-dasharray=\"3 3\""));
    }

    fn line(&mut self, class: &str, from: (f64, f64), to: (f64, f64), style: &str) {
        self.body.push_str(&format!(
            "<line class=\"{class}\" x1=\"{}\" y1=\"{}\" x2=\"{}\" y2=\"{}\" {style}/>\n",
            short(from.0),
            short(from.1),
            short(to.0),
            short(to.1),
        ));
    }

    /// A line through `points`, `width` pixels thick.
    pub(super) fn polyline(&mut self, points: &[(f64, f64)], colour: &str, width: f64) {
        self.body.push_str(&format!(
            "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"{width}\" \
             stroke-linejoin=\"round\" stroke-linecap=\"round\"/>\n",
            joined(points),
        ));
    }

    /// A dashed line through `points`, `width` pixels thick.
    pub(super) fn dashes(&mut self, points: &[(f64, f64)], colour: &str, width: f64) {
        let class = if colour == MUTED { " class=\"guide\"" } else { "" };
        self.body.push_str(&format!(
            "<polyline{class} points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"{width}\" \
             stroke-dasharray=\"6 4\" stroke-linejoin=\"round\"/>\n",
            joined(points),
        ));
    }

    /// A confidence interval.
    pub(super) fn whisker(&mut self, from: (f64, f64), to: (f64, f64), colour: &str) {
        self.line(
            "whisker",
            from,
            to,
            &format!("stroke=\"{colour}\" stroke-width=\"2.5\" stroke-opacity=\"0.5\""),
        );
    }

    /// A see-through area with the corners `points`.
    pub(super) fn area(&mut self, points: &[(f64, f64)], colour: &str) {
        let points = joined(points);
        self.body.push_str(&format!(
            "<polygon points=\"{points}\" fill=\"{colour}\" fill-opacity=\"0.2\"/>\n"
        ));
    }

    /// A bar with an explanation that appears under the pointer.
    pub(super) fn bar(&mut self, at: (f64, f64), size: (f64, f64), colour: &str, hint: &str) {
        self.body.push_str(&format!(
            "<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" fill=\"{colour}\"><title>{}</title></rect>\n",
            short(at.0),
            short(at.1),
            short(size.0),
            short(size.1),
            escape(hint),
        ));
    }

    /// A dot with a white rim.
    pub(super) fn dot(&mut self, x: f64, y: f64, colour: &str) {
        self.body.push_str(&format!(
            "<circle class=\"dot\" cx=\"{}\" cy=\"{}\" r=\"5\" fill=\"{colour}\" stroke=\"#ffffff\" \
             stroke-width=\"1.5\"/>\n",
            short(x),
            short(y),
        ));
    }

    /// A thin, see-through line between two nodes.
    pub(super) fn link(&mut self, from: (f64, f64), to: (f64, f64), colour: &str, opacity: f64) {
        let style =
            format!("stroke=\"{colour}\" stroke-width=\"0.7\" stroke-opacity=\"{opacity:.2}\"");
        self.line("link", from, to, &style);
    }

    /// A disc with a thin white rim, and an explanation that appears under the pointer.
    pub(super) fn disc(&mut self, at: (f64, f64), radius: f64, colour: &str, hint: &str) {
        self.body.push_str(&format!(
            "<circle class=\"dot\" cx=\"{}\" cy=\"{}\" r=\"{}\" fill=\"{colour}\" stroke=\"#ffffff\" \
             stroke-width=\"0.6\"><title>{}</title></circle>\n",
            short(at.0),
            short(at.1),
            short(radius),
            escape(hint),
        ));
    }
}

/// A coordinate with at most one decimal.
fn short(number: f64) -> impl Display {
    (number * 10.0).round() / 10.0
}

fn joined(points: &[(f64, f64)]) -> String {
    let points: Vec<_> =
        points.iter().map(|&(x, y)| format!("{},{}", short(x), short(y))).collect();
    points.join(" ")
}

/// Text as it has to stand in XML and HTML, in elements and in quoted attributes.
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            // XML 1.0 knows no other control characters.
            '\t' | '\n' | '\r' => escaped.push(character),
            control if control.is_control() => escaped.push('\u{fffd}'),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_in_text_stays_text() {
        assert_eq!(escape("a<b>&\"c'\u{1}"), "a&lt;b&gt;&amp;&quot;c&#39;\u{fffd}");
    }

    #[test]
    fn coordinates_are_short() {
        assert_eq!(joined(&[(1.0 / 3.0, 2.0), (-0.04, 10.25)]), "0.3,2 -0,10.3");
    }
}
