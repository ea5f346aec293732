//! `tidings top`: a node while it runs, on the whole terminal, over the same API as everything else.
//!
//! What is known is a value ([`view`]); what the node tells and what keys are pressed change it, and the screen is made of it alone. This
//! file has the loop between them. However it ends, a panic and a signal included, the terminal is as it was.

mod draw;
mod feed;
mod keys;
mod meters;
mod paint;
mod panes;
mod picture;
mod terminal;
#[cfg(test)]
mod tests;
mod view;

use std::fs;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use ratatui::buffer::Buffer;
use ratatui::crossterm::event::{Event, KeyEventKind};
use ratatui::layout::Rect;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until, timeout_at};

use self::feed::UPDATES_MAX;
use self::keys::Wish;
use self::terminal::Screen;
use self::view::View;
use super::args::TopArgs;
use super::shapes::Drawn;
use super::{Folder, runtime};
use crate::cli::error::Error;
use crate::client::Client;

/// The least time between two pictures, unless a key is pressed. A guess: more are a waste on slow lines.
const FRAME: Duration = Duration::from_millis(100);

/// Wishes that wait while one is done: more are refused.
const WISHES_MAX: usize = 8;

/// Three clients of one node: each task has its own connection.
struct Clients {
    look: Client,
    listen: Client,
    act: Client,
}

/// Shows the node until its user has seen enough.
pub(super) fn top(folder: &Folder, args: &TopArgs) -> Result<ExitCode, Error> {
    if args.svg.is_none() {
        if folder.output.json {
            let problem = "`tidings top` has no JSON but with --svg: ask `status`, `peers`, `pool` or `watch`";
            return Err(Error::Usage(problem.to_owned()));
        }
        terminal::check().map_err(Error::Usage)?;
    }
    let client = || folder.client(&args.remote);
    let clients = Clients { look: client()?, listen: client()?, act: client()? };
    // A node that isn't there is told as by other verbs, before the screen is cleared.
    folder.ask(&args.remote, async |client| client.status().await)?;
    match &args.svg {
        None => runtime()?.block_on(show(clients))?,
        Some(file) => {
            runtime()?.block_on(draw_picture(clients, args, file))?;
            let drawn = Drawn { drawn: file.clone(), columns: args.columns, rows: args.rows };
            folder.output.print(&drawn, || format!("{}\n", file.display()))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn show(Clients { look, listen, act }: Clients) -> Result<(), Error> {
    let failed = |source| Error::Io { doing: "use the terminal".to_owned(), source };
    let signal = |kind| signal(kind).map_err(Error::io("listen for signals"));
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hang_up = signal(SignalKind::hangup())?;
    let (send, mut updates) = mpsc::channel(UPDATES_MAX);
    tokio::spawn(feed::look(look, send.clone()));
    tokio::spawn(feed::listen(listen, send));
    let (wishes, asked) = mpsc::channel(WISHES_MAX);
    let (send, mut answers) = mpsc::channel(WISHES_MAX);
    tokio::spawn(feed::act(act, asked, send));

    let mut view = View::new(terminal::is_coloured());
    let mut screen = Screen::enter().map_err(failed)?;
    let mut keys = terminal::events().map_err(failed)?;
    let (mut is_drawn, mut next) = (false, Instant::now());
    loop {
        if !is_drawn && Instant::now() >= next {
            view.page = screen.draw(|grid| draw::draw(&view, grid)).map_err(failed)?;
            (is_drawn, next) = (true, Instant::now() + FRAME);
        }
        tokio::select! {
            biased;
            event = keys.recv() => match event {
                Some(Event::Key(key)) if key.kind != KeyEventKind::Release => {
                    let wish = view.press(key);
                    if let Some(Wish::Quit) = wish {
                        break;
                    }
                    if wish.is_some_and(|wish| wishes.try_send(wish).is_err()) {
                        view.said = Some("the node is still busy with what was wanted before".to_owned());
                    }
                    (is_drawn, next) = (false, Instant::now());
                }
                Some(_) => (is_drawn, next) = (false, Instant::now()),
                // Nobody can press a key any more.
                None => break,
            },
            _ = terminate.recv() => break,
            _ = hang_up.recv() => break,
            Some(answer) = answers.recv() => {
                view.take(answer);
                is_drawn = false;
            }
            Some(update) = updates.recv(), if !view.paused => {
                view.take(update);
                is_drawn = false;
            }
            () = sleep_until(next), if !is_drawn => {}
        }
    }
    screen.leave().map_err(failed)
}

/// Looks at the node for a while, and draws what would be seen then.
async fn draw_picture(clients: Clients, args: &TopArgs, file: &Path) -> Result<(), Error> {
    let (send, mut updates) = mpsc::channel(UPDATES_MAX);
    tokio::spawn(feed::look(clients.look, send.clone()));
    tokio::spawn(feed::listen(clients.listen, send));
    let mut view = View::new(true);
    let end = Instant::now() + args.span();
    while let Ok(Some(update)) = timeout_at(end, updates.recv()).await {
        view.take(update);
    }
    let mut grid = Buffer::empty(Rect::new(0, 0, args.columns, args.rows));
    draw::draw(&view, &mut grid);
    let svg = picture::picture(&grid, "tidings top");
    fs::write(file, svg).map_err(Error::io(format!("write {}", file.display())))
}
