//! Two nodes in one process, under rules of one's own: what one is given, the other gets.
//! `cargo run -p tidings --example embed`

use std::sync::Arc;

use tidings::api::{NodeEvent, What};
use tidings::control::{COMMANDS_MAX, Command, Control};
use tidings::shell::{Shell, ShellConfig};
use tidings_protocol::chain::{Chain, GOOD, Inspection, Rejection, Verdict};
use tidings_protocol::ground::item::{Hash256, Item, ItemKind};
use tokio::sync::broadcast;

/// Transactions are lines of text; blocks are whatever they are.
#[derive(Debug)]
struct Lines;

impl Chain for Lines {
    fn name(&self) -> &'static str {
        "lines"
    }
    fn max_size(&self, _: ItemKind) -> usize {
        1_000
    }
    fn identify(&self, _: ItemKind, bytes: &[u8]) -> Result<Hash256, Rejection> {
        Ok(Hash256::of(bytes))
    }
    fn inspect(&self, item: &Item) -> Result<Inspection, Rejection> {
        let is_text = std::str::from_utf8(item.bytes()).is_ok_and(|text| !text.contains('\n'));
        if is_text { Ok(Inspection::default()) } else { Err(Rejection::invalid("no-line")) }
    }
    fn verify(&self, _: &Item) -> Verdict {
        GOOD // never asked: no inspection says `needs_verification`
    }
}

type Events = broadcast::Receiver<NodeEvent>;

/// Starts a node that runs until its runtime ends. Whoever asks it has the first, and is told by the second.
async fn start(
    config: ShellConfig,
) -> Result<(Shell, Control, Events), Box<dyn std::error::Error>> {
    let (commands, inbox) = tokio::sync::mpsc::channel(COMMANDS_MAX);
    let (events, told) = broadcast::channel(64);
    Ok((Shell::start(config, inbox, events).await?, Control::new(commands), told))
}

#[tokio::main(flavor = "current_thread")]
pub(crate) async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let config = || ShellConfig::new("lines", Arc::new(Lines));
    let (here, ask, _) = start(config().listen("127.0.0.1:0".parse()?)).await?;
    let (there, _, mut told) = start(config().connect(here.listening()[0])).await?;
    tokio::spawn(here.run(std::future::pending()));
    tokio::spawn(there.run(std::future::pending()));
    let (kind, bytes) = (ItemKind::Tx, "hello from here".into());
    let submitted = ask.ask(|reply| Command::Submit { kind, bytes, reply }).await??;
    println!("submitted {:?}", submitted.outcome);
    loop {
        match told.recv().await?.what {
            What::LinkUp { link, .. } => println!("the other is connected to {}", link.peer),
            What::Accepted { id, bytes, .. } => {
                println!("and got {id}, of {bytes} bytes");
                return Ok(());
            }
            _ => {}
        }
    }
}
