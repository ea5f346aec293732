//! A screen as a picture (SVG 1.1): the cells of the grid with their colours, as a terminal would show them.
//!
//! Letters that stand together are one text, stretched to the width of its cells, so that columns are straight whatever font the reader
//! has. Lines are drawn as such: no font has them without gaps.

use std::fmt::Write as _;

use ratatui::buffer::{Buffer, Cell};
use ratatui::style::{Color, Modifier};

/// A cell, in pixels: the shape of the usual fonts.
const WIDTH: f64 = 8.0;
const HEIGHT: f64 = 17.0;

/// Room around the screen, pixels.
const MARGIN: f64 = 12.0;

/// Where letters stand in a cell, from its top, pixels.
const BASE: f64 = 12.5;

/// The screen itself, and letters without a colour of their own.
const GROUND: &str = "#15181e";
const LETTERS: &str = "#c9d1d9";

/// Cells beside each other that look alike.
#[derive(Clone, Debug, PartialEq)]
struct Run {
    x: u16,
    text: String,
    cells: u16,
    colour: &'static str,
    is_bold: bool,
}

/// The picture of a grid.
pub(super) fn picture(grid: &Buffer, title: &str) -> String {
    let area = grid.area;
    let (width, height) = (
        f64::from(area.width).mul_add(WIDTH, 2.0 * MARGIN),
        f64::from(area.height).mul_add(HEIGHT, 2.0 * MARGIN),
    );
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\">\n\
         <title>{}</title>\n\
         <style>text{{font:13px ui-monospace,'DejaVu Sans Mono',Menlo,Consolas,monospace;white-space:pre;fill:{LETTERS}}}.b{{font-weight:bold}}</style>\n\
         <rect width=\"{width}\" height=\"{height}\" rx=\"8\" fill=\"{GROUND}\"/>\n",
        escaped(title)
    );
    for y in area.top()..area.bottom() {
        let cells: Vec<&Cell> =
            (area.left()..area.right()).filter_map(|x| grid.cell((x, y))).collect();
        let top = f64::from(y - area.top()).mul_add(HEIGHT, MARGIN);
        for (x, width, colour) in grounds(&cells) {
            ground(&mut svg, x, width, colour, top);
        }
        for run in runs(&cells) {
            draw(&mut svg, &run, top);
        }
    }
    svg.push_str("</svg>\n");
    svg
}

/// Draws the ground of reversed letters. Writing to a string doesn't fail, here and below.
fn ground(svg: &mut String, x: u16, cells: u16, colour: &str, top: f64) {
    let (x, width) = (f64::from(x).mul_add(WIDTH, MARGIN), f64::from(cells) * WIDTH);
    let _ = writeln!(
        svg,
        "<rect x=\"{x}\" y=\"{top}\" width=\"{width}\" height=\"{HEIGHT}\" fill=\"{colour}\"/>"
    );
}

fn draw(svg: &mut String, run: &Run, top: f64) {
    let x = f64::from(run.x).mul_add(WIDTH, MARGIN);
    let (width, colour) = (f64::from(run.cells) * WIDTH, run.colour);
    if let Some(thickness) = thickness(&run.text) {
        let middle = top + HEIGHT / 2.0;
        let _ = writeln!(
            svg,
            "<path d=\"M{x} {middle}h{width}\" stroke=\"{colour}\" stroke-width=\"{thickness}\"/>"
        );
        return;
    }
    let class = if run.is_bold { " class=\"b\"" } else { "" };
    let style = if colour == LETTERS { String::new() } else { format!(" style=\"fill:{colour}\"") };
    let _ = writeln!(
        svg,
        "<text x=\"{x}\" y=\"{}\" textLength=\"{width}\" lengthAdjust=\"spacingAndGlyphs\"{class}{style}>{}</text>",
        top + BASE,
        escaped(&run.text)
    );
}

/// How thick the line is that a text draws, if it draws one.
fn thickness(text: &str) -> Option<u8> {
    match text.chars().next()? {
        first @ ('─' | '━') if text.chars().all(|letter| letter == first) => {
            Some(if first == '━' { 3 } else { 1 })
        }
        _ => None,
    }
}

/// Where letters of a row are reversed: from where, how many, and what colour their ground has.
fn grounds(cells: &[&Cell]) -> Vec<(u16, u16, &'static str)> {
    let mut grounds: Vec<(u16, u16, &'static str)> = Vec::new();
    for (x, cell) in (0_u16..).zip(cells) {
        if !cell.modifier.contains(Modifier::REVERSED) {
            continue;
        }
        let colour = colour(cell.fg);
        match grounds.last_mut() {
            Some((begin, count, same)) if *begin + *count == x && *same == colour => *count += 1,
            _ => grounds.push((x, 1, colour)),
        }
    }
    grounds
}

/// The runs of a row. Two spaces end one, and so does a line's beginning or end; there are none of spaces alone.
fn runs(cells: &[&Cell]) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    for (x, cell) in (0_u16..).zip(cells) {
        let is_reversed = cell.modifier.contains(Modifier::REVERSED);
        let next = Run {
            x,
            text: cell.symbol().to_owned(),
            cells: 1,
            colour: if is_reversed { GROUND } else { colour(cell.fg) },
            is_bold: cell.modifier.contains(Modifier::BOLD),
        };
        match runs.last_mut() {
            Some(last) if last.goes_on_with(&next) => {
                last.text.push_str(&next.text);
                last.cells += 1;
            }
            _ => runs.push(next),
        }
    }
    runs.iter_mut().for_each(Run::trim);
    runs.retain(|run| !run.text.is_empty());
    runs
}

impl Run {
    fn goes_on_with(&self, next: &Self) -> bool {
        let is_line = |text: &str| thickness(text).is_some();
        (self.colour, self.is_bold) == (next.colour, next.is_bold)
            && is_line(&self.text) == is_line(&next.text)
            && !self.text.ends_with("  ")
    }

    /// Takes spaces off both ends.
    fn trim(&mut self) {
        let spaces = |letters: &mut dyn Iterator<Item = char>| {
            let count = letters.take_while(|letter| *letter == ' ').count();
            u16::try_from(count).unwrap_or(u16::MAX)
        };
        let trimmed = self.text.trim_matches(' ').to_owned();
        if !trimmed.is_empty() {
            let begin = spaces(&mut self.text.chars());
            let end = spaces(&mut self.text.chars().rev());
            (self.x, self.cells) = (self.x + begin, self.cells.saturating_sub(begin + end));
        }
        self.text = trimmed;
    }
}

/// Colours that suit the ground; a terminal has its own.
const fn colour(colour: Color) -> &'static str {
    match colour {
        Color::Red => "#ff7b72",
        Color::Green => "#7ee787",
        Color::Yellow => "#e3b341",
        Color::Blue => "#79a8d8",
        Color::Cyan => "#56d4dd",
        Color::DarkGray => "#8b949e",
        _ => LETTERS,
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use ratatui::layout::Rect;
    use ratatui::style::Style;

    use super::*;

    #[test]
    fn a_picture_has_the_letters_in_their_places_and_colours() {
        let mut grid = Buffer::empty(Rect::new(0, 0, 20, 3));
        grid.set_string(2, 0, "a <b> & c", Style::new());
        grid.set_string(0, 1, "━━━━ x", Style::new().fg(Color::Red));
        grid.set_string(0, 2, "12  34", Style::new().add_modifier(Modifier::REVERSED));
        let svg = picture(&grid, "t & u");
        assert!(svg.contains("<title>t &amp; u</title>"), "{svg}");
        assert!(svg.contains("<text x=\"28\" y=\"24.5\" textLength=\"72\""), "{svg}");
        assert!(svg.contains(">a &lt;b&gt; &amp; c</text>"), "{svg}");
        assert!(
            svg.contains("<path d=\"M12 37.5h32\" stroke=\"#ff7b72\" stroke-width=\"3\"/>"),
            "{svg}"
        );
        assert!(svg.contains("style=\"fill:#ff7b72\">x</text>"), "{svg}");
        let reversed =
            format!("<rect x=\"12\" y=\"46\" width=\"48\" height=\"17\" fill=\"{LETTERS}\"/>");
        assert!(svg.contains(&reversed), "{svg}");
        for text in ["12", "34"] {
            assert!(svg.contains(&format!("style=\"fill:{GROUND}\">{text}</text>")), "{svg}");
        }
        assert_eq!(svg.matches("<text").count(), 4, "{svg}");
    }

    #[test]
    fn columns_are_texts_of_their_own_so_that_they_stay_straight() {
        let mut grid = Buffer::empty(Rect::new(0, 0, 20, 1));
        grid.set_string(1, 0, "one two   three", Style::new());
        let cells: Vec<&Cell> = grid.content().iter().collect();
        let runs: Vec<_> =
            runs(&cells).into_iter().map(|run| (run.x, run.text, run.cells)).collect();
        assert_eq!(runs, [(1, "one two".to_owned(), 7), (11, "three".to_owned(), 5)]);
    }
}
