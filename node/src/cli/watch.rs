//! `tidings watch`: what happens at the node, as it happens, as lines or as JSON.
//!
//! When the connection breaks, or the node ends, it waits until the node is back and goes on after what it was told last
//! (`Last-Event-ID`), as far as the node remembers; what is missing is told as `lost`.

use std::process::ExitCode;
use std::time::Duration;

use tokio::time::sleep;

use super::Folder;
use super::args::WatchArgs;
use super::happened;
use crate::api::{Streamed, What};
use crate::cli::error::Error;
use crate::client::{Client, ClientError, EventStream};
use crate::logging;

/// How long it waits before it tries again to reach a node that is gone. A guess: a restart takes a second or two.
const AGAIN: Duration = Duration::from_secs(1);

/// Prints events until it is ended, or has shown as many as it was to.
pub(super) fn watch(folder: &Folder, args: &WatchArgs) -> Result<ExitCode, Error> {
    let kinds: Vec<&str> = args.kinds.iter().map(String::as_str).collect();
    let mut watcher = Watcher { folder, args, shown: 0 };
    let mut printed = Ok(());
    folder.ask(&args.remote, async |client| {
        // That there is no node at the beginning is an error, and later it isn't.
        let mut events = client.events_of(&kinds, None).await?;
        loop {
            match watcher.print_all(&mut events).await {
                Ok(true) => return Ok(()),
                Ok(false) => {}
                Err(error) => {
                    printed = Err(error);
                    return Ok(());
                }
            }
            if args.once {
                return Ok(());
            }
            let last = events.last_id().map(str::to_owned);
            events = reconnect(&client, &kinds, last.as_deref()).await?;
        }
    })?;
    printed?;
    Ok(ExitCode::SUCCESS)
}

/// Waits until the node is back. What it refuses is an error; that it isn't there is none.
async fn reconnect(
    client: &Client,
    kinds: &[&str],
    last: Option<&str>,
) -> Result<EventStream, ClientError> {
    logging::tell("tidings: the node is gone; waiting until it is back");
    loop {
        sleep(AGAIN).await;
        match client.events_of(kinds, last).await {
            Ok(events) => {
                logging::tell("tidings: the node is back");
                return Ok(events);
            }
            Err(ClientError::Connect { .. } | ClientError::Broken { .. }) => {}
            Err(error) => return Err(error),
        }
    }
}

struct Watcher<'a> {
    folder: &'a Folder,
    args: &'a WatchArgs,
    /// Events that were shown.
    shown: u64,
}

impl Watcher<'_> {
    /// Prints until the stream ends; whether as many are shown as are wanted.
    async fn print_all(&mut self, events: &mut EventStream) -> Result<bool, Error> {
        loop {
            if self.args.count.is_some_and(|count| self.shown >= count) {
                return Ok(true);
            }
            let told = match events.next().await {
                Ok(Some(told)) => told,
                Ok(None) | Err(ClientError::Broken { .. }) => return Ok(false),
                Err(error) => return Err(Error::Client(error)),
            };
            if let Streamed::Event(event) = &told {
                if !is_meant(self.args, &event.what) {
                    continue;
                }
                self.shown += 1;
            }
            self.folder.output.print(&told, || happened::line(&told) + "\n")?;
        }
    }
}

/// Whether it is about the item and the peer that were named.
fn is_meant(args: &WatchArgs, what: &What) -> bool {
    let is_item = |id: &String| {
        happened::item(what).is_some_and(|item| item.to_string().starts_with(&id.to_lowercase()))
    };
    let is_peer = |peer: &String| {
        happened::link(what).is_some_and(|link| link.link == *peer || fits_peer(&link.peer, peer))
    };
    args.item.as_ref().is_none_or(is_item) && args.peer.as_ref().is_none_or(is_peer)
}

/// Whether a peer's id begins so, with the letters that all ids begin with or without them.
pub(super) fn fits_peer(id: &str, beginning: &str) -> bool {
    let rest = id.strip_prefix("12D3KooW").unwrap_or(id);
    !beginning.is_empty() && (id.starts_with(beginning) || rest.starts_with(beginning))
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;
    use tidings_protocol::ground::item::Hash256;

    use super::*;
    use crate::api::LinkName;
    use crate::cli::args::{Cli, Verb};

    fn args(words: &[&str]) -> WatchArgs {
        let words = ["tidings", "watch"].iter().chain(words);
        let Ok(Cli { verb: Verb::Watch(args), .. }) = Cli::try_parse_from(words) else {
            panic!("they should be understood");
        };
        args
    }

    #[test]
    fn an_item_and_a_peer_are_named_by_how_they_begin() {
        let link = LinkName { link: "3.1".to_owned(), peer: "12D3KooWabcd".to_owned() };
        let down = What::LinkDown { link, why: None };
        let known = What::AlreadyKnown { id: Hash256([0xab; 32]) };
        for (words, fits_down, fits_known) in [
            (&[][..], true, true),
            (&["--peer", "12D3KooWab"], true, false),
            (&["--peer", "ab"], true, false),
            (&["--peer", "3.1"], true, false),
            (&["--peer", "3"], false, false),
            (&["--peer", ""], false, false),
            (&["--item", "ABab"], false, true),
            (&["--item", "abac"], false, false),
        ] {
            let args = args(words);
            let fits = [&down, &known].map(|what| is_meant(&args, what));
            assert_eq!(fits, [fits_down, fits_known], "{words:?}");
        }
    }

    #[test]
    fn kinds_are_those_that_there_are() {
        assert_eq!(args(&["accepted,left", "link-up"]).kinds, ["accepted", "left", "link-up"]);
        let error = Cli::try_parse_from(["tidings", "watch", "acepted"]).unwrap_err().to_string();
        assert!(error.contains("accepted"), "{error}");
    }
}
