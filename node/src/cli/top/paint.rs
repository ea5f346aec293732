//! How `tidings top` puts text on the grid: colours, tables, and the one place where a letter gets there.
//!
//! What a node tells may be what a stranger told it. All text passes [`Paint::put`], which lets nothing through that does more than show
//! itself. Without colours (`NO_COLOR`) all is told by words, and what is looked at by reversed letters.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier, Style};

use super::panes::{Column, REST_MIN, Row, Tone};
use crate::printable;

/// Between two columns.
const GAP: u16 = 1;

/// A grid, and whether it has colours.
#[derive(Debug)]
pub(super) struct Paint<'a> {
    pub(super) grid: &'a mut Buffer,
    pub(super) coloured: bool,
}

impl Paint<'_> {
    fn in_colour(&self, colour: Color) -> Style {
        if self.coloured { Style::new().fg(colour) } else { Style::new() }
    }

    /// Of a title, in the pane in focus or in another one.
    pub(super) fn title(&self, has_focus: bool) -> Style {
        if has_focus {
            self.in_colour(Color::Cyan).add_modifier(Modifier::BOLD)
        } else {
            self.in_colour(Color::Blue)
        }
    }

    /// Of what columns are called, and other small print.
    pub(super) fn faint(&self) -> Style {
        self.in_colour(Color::DarkGray)
    }

    /// Of what matters most.
    pub(super) fn strong(&self) -> Style {
        Style::new().add_modifier(Modifier::BOLD)
    }

    /// Of what wants attention.
    pub(super) fn alarm(&self) -> Style {
        self.in_colour(Color::Yellow).add_modifier(Modifier::BOLD)
    }

    fn tone(&self, tone: Tone) -> Style {
        match tone {
            Tone::Plain => Style::new(),
            Tone::Good => self.in_colour(Color::Green),
            Tone::Warning => self.in_colour(Color::Yellow),
            Tone::Bad => self.in_colour(Color::Red),
            Tone::Faint => self.faint(),
        }
    }

    /// Writes text, of which what doesn't fit is cut off, and gives back where it ends.
    pub(super) fn put(&mut self, x: u16, y: u16, width: u16, text: &str, style: Style) -> u16 {
        let area = self.grid.area;
        if y < area.top() || y >= area.bottom() || x < area.left() || x >= area.right() {
            return x;
        }
        let shown = printable::lines(text).replace('\n', " ");
        self.grid.set_stringn(x, y, shown, usize::from(width), style).0
    }

    /// Writes a text to the left and one to the right end of a line; the left one gives way.
    pub(super) fn ends(&mut self, area: Rect, left: (&str, Style), right: (&str, Style)) {
        let wanted = u16::try_from(right.0.chars().count()).unwrap_or(u16::MAX);
        let wanted = wanted.min(area.width);
        let begin = area.right().saturating_sub(wanted);
        self.put(begin, area.y, wanted, right.0, right.1);
        self.put(area.x, area.y, area.width.saturating_sub(wanted + GAP), left.0, left.1);
    }

    /// A line across with a title in it, and something at its end.
    pub(super) fn rule(&mut self, area: Rect, title: &str, note: &str, has_focus: bool) {
        let style = self.title(has_focus);
        let line = if has_focus { "━" } else { "─" }.repeat(usize::from(area.width));
        self.put(area.x, area.y, area.width, &line, style);
        self.put(area.x + 1, area.y, area.width.saturating_sub(2), &format!(" {title} "), style);
        if !note.is_empty() {
            let note = format!(" {note} ");
            let width = u16::try_from(note.chars().count()).unwrap_or(u16::MAX);
            let taken = u16::try_from(title.chars().count()).unwrap_or(u16::MAX).saturating_add(4);
            if let Some(begin) = area.width.checked_sub(width + 1).filter(|begin| *begin > taken) {
                self.put(area.x + begin, area.y, width, &note, style);
            }
        }
    }

    /// A table: what its columns are called, and its rows from one on. `chosen` is drawn as such.
    pub(super) fn table(
        &mut self,
        area: Rect,
        columns: &[Column],
        rows: &[Row],
        from: usize,
        chosen: Option<usize>,
    ) {
        let places = places(columns, area.width);
        let faint = self.faint();
        for &(at, x, width) in &places {
            let column = &columns[at];
            let shift = shift(column, column.title, width);
            self.put(area.x + x + shift, area.y, width - shift, column.title, faint);
        }
        let shown = rows.iter().enumerate().skip(from).zip(area.y + 1..area.bottom());
        for ((number, row), y) in shown {
            let style = self.tone(row.tone);
            for &(at, x, width) in &places {
                let Some(cell) = row.cells.get(at) else { continue };
                let shift = shift(&columns[at], cell, width);
                self.put(area.x + x + shift, y, width - shift, cell, style);
            }
            if chosen == Some(number) {
                let line = Rect { y, height: 1, ..area };
                self.grid.set_style(line, Style::new().add_modifier(Modifier::REVERSED));
            }
        }
    }
}

/// How far to the right a cell begins.
fn shift(column: &Column, text: &str, width: u16) -> u16 {
    let len = u16::try_from(text.chars().count()).unwrap_or(u16::MAX);
    if column.number { width.saturating_sub(len) } else { 0 }
}

/// The columns that fit: which, where each begins, and how wide it is.
fn places(columns: &[Column], width: u16) -> Vec<(usize, u16, u16)> {
    let mut shown: Vec<usize> = (0..columns.len()).collect();
    let needed = |shown: &[usize]| -> u16 {
        let least = |width| if width == 0 { REST_MIN } else { width };
        shown.iter().map(|&at| least(columns[at].width) + GAP).sum::<u16>().saturating_sub(GAP)
    };
    while needed(&shown) > width {
        let last = (0..shown.len()).max_by_key(|&at| columns[shown[at]].rank);
        match last.filter(|&at| columns[shown[at]].rank > 0) {
            Some(at) => drop(shown.remove(at)),
            None => break,
        }
    }
    let spare = (width + REST_MIN).saturating_sub(needed(&shown));
    let mut x = 0;
    let mut places = Vec::with_capacity(shown.len());
    for at in shown {
        let wanted = if columns[at].width == 0 { spare } else { columns[at].width };
        let wide = wanted.min(width.saturating_sub(x));
        places.push((at, x, wide));
        x += wide + GAP;
    }
    places
}
