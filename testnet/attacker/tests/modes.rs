//! Every mode against a node, all in this process and on one thread: however many peers do it, the node answers, and an
//! honest link outlives it. What attacks cost is measured by `tidings-testnet assault`.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, and so do its helpers")]

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tidings::api::{Outcome, PeerStatus};
use tidings::control::{ChainCommand, Command};
use tidings::shell::{Shell, ShellConfig};
use tidings_attacker::items::Mint;
use tidings_attacker::mode::Mode;
use tidings_attacker::target::Target;
use tidings_attacker::tcp::Counts;
use tidings_attacker::{attack, modes};
use tidings_protocol::ground::item::{Hash256, ItemKind};
use tidings_protocol::ground::peer::PeerAddr;
use tidings_protocol::params::Params;
use tokio::sync::{broadcast, mpsc, oneshot};

/// Questions that the node answers while a mode runs: each is a turn of its loop, and so one of the attackers'.
const QUESTIONS: usize = 40;

struct Node {
    addr: PeerAddr,
    commands: mpsc::Sender<Command>,
}

async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    let waited = tokio::time::timeout(Duration::from_secs(60), future).await;
    waited.unwrap_or_else(|_| panic!("{what}: did not happen"))
}

impl Node {
    async fn start(target: &Target, connect: &[PeerAddr]) -> Self {
        let mut params = Params::default();
        params.peers.retry_min_ms = 20;
        let config = ShellConfig {
            params,
            listen: vec!["127.0.0.1:0".parse().unwrap()],
            connect: connect.to_vec(),
            seed: Some(1),
            ..ShellConfig::new(target.network.clone(), target.chain())
        };
        let (commands, commands_rx) = mpsc::channel(64);
        let (events, _) = broadcast::channel(16);
        let shell = Shell::start(config, commands_rx, events).await.unwrap();
        let addr = shell.listening()[0];
        tokio::spawn(async move { shell.run(std::future::pending()).await.unwrap() });
        Self { addr, commands }
    }

    async fn ask<T>(&self, command: impl FnOnce(oneshot::Sender<T>) -> Command) -> T {
        let (reply, answer) = oneshot::channel();
        self.commands.send(command(reply)).await.unwrap();
        soon("an answer", answer).await.unwrap()
    }

    async fn peers(&self) -> Vec<PeerStatus> {
        self.ask(Command::Peers).await
    }

    async fn holds(&self, id: Hash256) {
        let asking = async {
            loop {
                let query = id.to_string();
                let item = |reply| Command::Chain(ChainCommand::Item { query, reply });
                if self.ask(item).await.is_ok() {
                    break;
                }
                tokio::task::yield_now().await;
            }
        };
        soon("the transaction", asking).await;
    }
}

/// Runs a mode while the node answers questions, and until it came in at least once.
async fn run(mode: &'static Mode, target: &Arc<Target>, node: &Node) {
    let counts = Arc::new(Counts::default());
    let asking = async {
        for _ in 0..QUESTIONS {
            node.peers().await;
        }
        while counts.totals().connections == 0 {
            node.peers().await;
        }
    };
    let modes = [mode];
    tokio::select! {
        () = attack::run(&modes, target, &counts) => {}
        () = asking => {}
    }
}

#[tokio::test]
async fn a_node_and_its_honest_link_outlive_every_mode() {
    let mut target = Target {
        addr: "127.0.0.1:1".parse().unwrap(),
        network: "attacked".to_owned(),
        genesis: Hash256::of(b"attacked"),
        difficulty_bits: 4,
        seed: 1,
    };
    let node = Node::start(&target, &[]).await;
    let honest = Node::start(&target, &[node.addr]).await;
    let linked = async {
        while honest.peers().await.is_empty() {
            tokio::task::yield_now().await;
        }
    };
    soon("an honest link", linked).await;
    let link = honest.peers().await.remove(0).link;
    target.addr = node.addr.socket();
    let target = Arc::new(target);
    let mut mint = Mint::new([9; 32], &target);
    for mode in modes::all() {
        run(mode, &target, &node).await;
        let peers = honest.peers().await;
        assert_eq!(peers.len(), 1, "{}", mode.name);
        assert_eq!(peers[0].link, link, "{}: the honest link is a new one", mode.name);
        let honest_one = mint.transfer(1, 100);
        let (kind, bytes) = (ItemKind::Tx, honest_one.bytes().clone());
        let submit = |reply| Command::Submit { kind, bytes, reply };
        let submitted = honest.ask(submit).await.unwrap();
        assert_eq!(submitted.outcome, Outcome::Accepted, "{}", mode.name);
        node.holds(submitted.id.unwrap()).await;
    }
}
