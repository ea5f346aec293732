//! What asks the node while `tidings top` draws: how it is, each second; what happens, as it happens; and what its user wants.
//!
//! Each is a task with a connection of its own, and all wait for whoever draws (the channel is short), so that nothing heaps up while it
//! is paused. A node that is gone is asked again each second.

use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

use super::keys::Wish;
use super::view::{POOL_MAX, Snapshot, Update};
use crate::api::bans::{BanRequest, Subject};
use crate::api::chain::{PoolPage, PoolSort};
use crate::cli::explain;
use crate::client::{Client, ClientError};

/// How often the node is asked how it is.
const INTERVAL: Duration = Duration::from_secs(1);

/// How often its pool is looked at, in such intervals: sorting it is more work than the rest.
const POOL_EVERY: u32 = 2;

/// How long an answer may take before the node is called gone. A guess: a node answers within milliseconds.
const PATIENCE: Duration = Duration::from_secs(5);

/// Updates that wait to be drawn. A guess: a burst of events.
pub(super) const UPDATES_MAX: usize = 256;

/// Asks how the node is until nobody listens.
pub(super) async fn look(client: Client, updates: mpsc::Sender<Update>) {
    let (mut round, mut pool) = (0_u32, PoolPage::default());
    loop {
        let update = match timeout(PATIENCE, ask(&client, round, &mut pool)).await {
            Ok(Ok(snapshot)) => Update::Snapshot(Box::new(snapshot)),
            Ok(Err(error)) => Update::Gone(error.to_string()),
            Err(_) => Update::Gone(format!("no answer within {} s", PATIENCE.as_secs())),
        };
        round = round.wrapping_add(1);
        if updates.send(update).await.is_err() {
            return;
        }
        sleep(INTERVAL).await;
    }
}

async fn ask(client: &Client, round: u32, pool: &mut PoolPage) -> Result<Snapshot, ClientError> {
    let (status, peers) = (client.status().await?, client.peers().await?.peers);
    if round.is_multiple_of(POOL_EVERY) {
        *pool = client.pool(PoolSort::FeeRate, POOL_MAX, None).await?;
    }
    Ok(Snapshot { status, peers, pool: pool.clone() })
}

/// Passes on what happens at the node, and goes on where it was after a break.
pub(super) async fn listen(client: Client, updates: mpsc::Sender<Update>) {
    let mut last: Option<String> = None;
    loop {
        // Whether the node is there, the other task tells.
        if let Ok(mut events) = client.events_of(&[], last.as_deref()).await {
            while let Ok(Some(told)) = events.next().await {
                if updates.send(Update::Told(told)).await.is_err() {
                    return;
                }
            }
            last = events.last_id().map(str::to_owned).or(last);
        }
        if updates.is_closed() {
            return;
        }
        sleep(INTERVAL).await;
    }
}

/// Does what is wanted, one after the other, and tells what came of it.
pub(super) async fn act(
    client: Client,
    mut wishes: mpsc::Receiver<Wish>,
    answers: mpsc::Sender<Update>,
) {
    while let Some(wish) = wishes.recv().await {
        let answer = match wish {
            Wish::Quit => return,
            Wish::ItemStory(id) => {
                let story = client.explain_tx(&id).await;
                let text = story.map(|story| explain::tell_tx(&story));
                Update::Story(id, text.map_err(|error| error.to_string()))
            }
            Wish::PeerStory(link) => {
                let story = client.explain_peer(&link).await;
                let text = story.map(|story| explain::tell_peer(&story));
                Update::Story(link, text.map_err(|error| error.to_string()))
            }
            Wish::Ban(peer) => Update::Said(ban(&client, &peer).await),
            Wish::Disconnect(link) => Update::Said(match client.disconnect(&link).await {
                Ok(_) => format!("link {link} was closed; the peer may come again"),
                Err(error) => error.to_string(),
            }),
        };
        if answers.send(answer).await.is_err() {
            return;
        }
    }
}

/// Keeps a peer out for as long as the node does unless it is told.
async fn ban(client: &Client, peer: &str) -> String {
    let subject: Subject = match peer.parse() {
        Ok(subject) => subject,
        Err(error) => return crate::cli::error::Error::Usage(format!("{error}")).to_string(),
    };
    match client.ban(&BanRequest { subject, seconds: None }).await {
        Ok(concerned) => {
            format!("{peer} is banned for a day; {} links were closed", concerned.closed)
        }
        Err(error) => error.to_string(),
    }
}
