//! The terminal: entered, read and given back.
//!
//! It is given back however the program ends: in order, by a signal, or by a panic (before the panic is told, which would be lost on the
//! other screen).

use std::io::{self, IsTerminal as _};
use std::thread;

use ratatui::DefaultTerminal;
use ratatui::buffer::Buffer;
use ratatui::crossterm::event::{self, Event};
use tokio::sync::mpsc;

/// Keys that wait. A guess: a sheet of paper that falls on the keyboard.
const KEYS_MAX: usize = 64;

/// Why there is nothing to draw on, if there isn't.
pub(super) fn check() -> Result<(), String> {
    let missing = match (io::stdin().is_terminal(), io::stdout().is_terminal()) {
        (true, true) => return Ok(()),
        (true, false) => "standard output",
        (false, _) => "standard input",
    };
    Err(format!(
        "`tidings top` wants a terminal, and {missing} is none: `tidings status`, `peers`, `pool` and `watch` print the same, \
         and --svg FILE draws a picture"
    ))
}

/// Whether the user wants colours: <https://no-color.org>.
pub(super) fn is_coloured() -> bool {
    std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// The terminal, while it is ours.
#[derive(Debug)]
pub(super) struct Screen {
    /// `None` once it was given back.
    terminal: Option<DefaultTerminal>,
}

impl Screen {
    /// Takes the terminal: another screen, and keys as they are pressed.
    ///
    /// # Errors
    /// When it doesn't do as it is told.
    pub(super) fn enter() -> io::Result<Self> {
        Ok(Self { terminal: Some(ratatui::try_init()?) })
    }

    /// Draws, and gives back how many rows half a screen has.
    ///
    /// # Errors
    /// When the terminal is gone.
    pub(super) fn draw(&mut self, draw: impl FnOnce(&mut Buffer)) -> io::Result<usize> {
        let Some(terminal) = &mut self.terminal else { return Ok(0) };
        let drawn = terminal.draw(|frame| draw(frame.buffer_mut()))?;
        Ok(usize::from(drawn.area.height / 2))
    }

    /// Gives the terminal back.
    ///
    /// # Errors
    /// When it is gone.
    pub(super) fn leave(mut self) -> io::Result<()> {
        self.restore()
    }

    fn restore(&mut self) -> io::Result<()> {
        let Some(mut terminal) = self.terminal.take() else { return Ok(()) };
        let shown = terminal.show_cursor();
        ratatui::try_restore()?;
        shown
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        // If it is gone there is nobody to tell.
        let _ = self.restore();
    }
}

/// What is pressed, and that the size changes, from a thread that ends with the process.
///
/// # Errors
/// When the system has no thread left.
pub(super) fn events() -> io::Result<mpsc::Receiver<Event>> {
    let (send, events) = mpsc::channel(KEYS_MAX);
    let read = move || {
        while let Ok(event) = event::read() {
            if send.blocking_send(event).is_err() {
                return;
            }
        }
    };
    thread::Builder::new().name("keys".to_owned()).spawn(read)?;
    Ok(events)
}
