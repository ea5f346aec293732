//! Nodes that are captured, and live again.

use std::time::Duration;

use libp2p::identity::Keypair;
use tidings_protocol::chain::Rules;
use tidings_protocol::ground::item::ItemKind;
use tokio::sync::{broadcast, mpsc};
use tokio::task::JoinHandle;

use super::*;
use crate::api::Outcome;
use crate::capture::{CaptureConfig, Ending, Life, Replay, raw, rules_of};
use crate::control::{COMMANDS_MAX, Command, Control};
use crate::files::network::Network;

fn network() -> Network {
    Network::for_tests(Rules::Opaque)
}

fn config(folder: &tempfile::TempDir) -> ShellConfig {
    let network = network();
    let mut config = ShellConfig::new("test", network.chain());
    config.params.peers.local_addresses = true;
    config.capture = Some(CaptureConfig {
        file: folder.path().join("node.capture"),
        segment_bytes: 1 << 20,
        segments: 2,
        network: rules_of(&network),
    });
    config.listen("127.0.0.1:0".parse().unwrap())
}

struct Running {
    control: Control,
    events: broadcast::Receiver<NodeEvent>,
    task: JoinHandle<Result<(), ShellError>>,
    listening: tidings_protocol::ground::peer::PeerAddr,
}

async fn run(config: ShellConfig) -> Running {
    let (commands, inbox) = mpsc::channel(COMMANDS_MAX);
    let (heard, events) = broadcast::channel(1_024);
    let shell = Shell::start(config, inbox, heard).await.unwrap();
    let listening = shell.listening()[0];
    let task = tokio::spawn(shell.run(std::future::pending()));
    Running { control: Control::new(commands), events, task, listening }
}

impl Running {
    async fn wait_for(&mut self, is_it: impl Fn(&What) -> bool) {
        let waiting = async { while !is_it(&self.events.recv().await.unwrap().what) {} };
        tokio::time::timeout(Duration::from_secs(20), waiting).await.expect("it should happen");
    }

    async fn submit(&self, bytes: Vec<u8>) {
        let bytes = bytes.into();
        let submitted = self
            .control
            .ask(|reply| Command::Submit { kind: ItemKind::Tx, bytes, reply })
            .await
            .unwrap()
            .unwrap();
        assert_eq!(submitted.outcome, Outcome::Accepted);
    }

    async fn status(&self) -> CaptureStatus {
        self.control.ask(Command::Status).await.unwrap().capture.unwrap()
    }

    async fn stop(self) {
        self.control.ask(Command::Stop).await.unwrap();
        self.task.await.unwrap().unwrap();
    }
}

/// Whether bytes are somewhere in others, as they are or written in hexadecimal.
fn occurs(secret: &[u8], all: &[u8]) -> bool {
    let is_in = |secret: &[u8]| all.windows(secret.len()).any(|window| window == secret);
    is_in(secret) || is_in(data_encoding::HEXLOWER.encode(secret).as_bytes())
}

#[tokio::test]
async fn a_captured_node_lives_again_and_no_key_is_in_what_was_captured() {
    let folder = tempfile::tempdir().unwrap();
    let keypair = Keypair::generate_ed25519();
    let mut captured = run(config(&folder).keypair(keypair.clone())).await;
    let other = tempfile::tempdir().unwrap();
    let other_config = config(&other).bootstrap(captured.listening.into());
    let peer = run(other_config).await;
    captured.wait_for(|what| matches!(what, What::LinkUp { .. })).await;
    captured.submit(vec![7; 300]).await;
    peer.submit(vec![8; 300]).await;
    captured.wait_for(|what| matches!(what, What::Accepted { ingress: Some(_), .. })).await;
    let status = captured.status().await;
    assert!(status.inputs > 5 && status.ended.is_none(), "{status:?}");
    peer.stop().await;
    captured.stop().await;
    for of in [&folder, &other] {
        let mut replay = Replay::new(Life::open(&of.path().join("node.capture")).unwrap()).unwrap();
        while let Some(step) = replay.step().unwrap() {
            assert_eq!(step.difference, None);
        }
        assert!(!replay.node().pool().is_empty());
        let ended = Ending::Ended("the node was stopped".to_owned());
        assert_eq!(replay.ending(), Some(&ended));
    }
    let secret = keypair.try_into_ed25519().unwrap().to_bytes();
    let all = raw(&folder.path().join("node.capture"));
    assert!(!occurs(&secret[..32], &all) && !occurs(&secret[..16], &all));
    assert!(occurs(&[7; 300], &all), "what was submitted is there: the search finds what there is");
}

#[tokio::test]
async fn a_node_goes_on_when_its_capture_is_full_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = config(&folder);
    let capture = config.capture.as_mut().unwrap();
    (capture.segment_bytes, capture.segments) = (1, 1);
    let mut node = run(config).await;
    node.submit(vec![7; 300]).await;
    node.wait_for(|what| matches!(what, What::CaptureEnded { .. })).await;
    let status = node.status().await;
    assert!(status.ended.unwrap().starts_with("1 segments are full"));
    node.submit(vec![8; 300]).await;
    node.stop().await;
}
