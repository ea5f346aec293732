//! Small networks of real processes, asked and read as the launcher does.

#![expect(clippy::unwrap_used, reason = "a test that can't go on has failed")]

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use bytes::Bytes;
use tidings::api::{Outcome, Status};
use tidings::client::Client;
use tidings::config::Config;
use tidings::config::links::LinkModelName;
use tidings::files::datadir::{CONFIG, DataDir};
use tidings::files::identity;
use tidings::files::network::Network;
use tidings::trace::Line;
use tidings_protocol::chain::Rules;
use tidings_protocol::ground::item::{Hash256, ItemId, ItemKind};
use tidings_protocol::ground::peer::PeerAddr;

/// How long anything here may take before it counts as hanging. Debug builds on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A node that is killed when it is dropped.
struct Contender {
    folder: PathBuf,
    client: Client,
    process: Child,
}

impl Contender {
    fn start(folder: &Path, rules: Rules, config: Config, setting: &str) -> Self {
        let dir = DataDir::locate(Some(folder)).unwrap();
        dir.create().unwrap();
        identity::create(&dir).unwrap();
        fs::write(dir.join("network.toml"), Network::for_tests(rules).to_toml()).unwrap();
        fs::write(dir.join(CONFIG), toml::to_string(&config).unwrap()).unwrap();
        let log = fs::File::create(folder.join("log")).unwrap();
        let process = Command::new(env!("CARGO_BIN_EXE_tidings-gossipsub"))
            .args(["run", "--setting", setting, "--data-dir"])
            .arg(folder)
            .stderr(log)
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        let client = Client::unix(folder.join("admin.sock"));
        Self { folder: folder.to_owned(), client, process }
    }

    async fn status(&self) -> Option<Status> {
        self.client.status().await.ok()
    }

    /// Whether its trace says that it has an item.
    fn has(&self, id: Hash256) -> bool {
        let trace = fs::read(self.folder.join("trace.csv")).unwrap_or_default();
        let lines = trace.split(|byte| *byte == b'\n').filter_map(|line| Line::parse(line).ok());
        lines.into_iter().any(
            |line| matches!(line, Line::Accepted(entry) if entry.id == ItemId::tx(id) && entry.bytes == 300),
        )
    }
}

impl Drop for Contender {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

async fn wait_for<T>(what: &str, mut check: impl AsyncFnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = check().await {
            return found;
        }
        assert!(began.elapsed() < PATIENCE, "waited too long for {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn config(addr: PeerAddr, connect: &[PeerAddr]) -> Config {
    let mut config = Config::default();
    config.node.listen = vec![addr];
    config.node.connect = connect.to_vec();
    config.trace.file = Some("trace.csv".into());
    config
}

/// Addresses that were free a moment ago.
fn addresses<const N: usize>() -> [PeerAddr; N] {
    let held = [(); N].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    held.map(|listener| PeerAddr::tcp(listener.local_addr().unwrap()))
}

/// A ring of five, each of which dials the next: none has what another gets unless it is relayed.
async fn ring(setting: &str, model: LinkModelName) {
    let temp = tempfile::tempdir().unwrap();
    let addrs: [PeerAddr; 5] = addresses();
    let start = |number: usize| {
        let mut config = config(addrs[number], &[addrs[(number + 1) % addrs.len()]]);
        config.links.model = model;
        Contender::start(&temp.path().join(number.to_string()), Rules::Opaque, config, setting)
    };
    let mut nodes: Vec<Contender> = (0..addrs.len()).map(start).collect();
    for node in &nodes {
        wait_for("its two links", async || {
            let status = node.status().await?;
            (status.outbound == 1 && status.inbound == 1).then_some(())
        })
        .await;
    }
    let item = Bytes::from(vec![7; 300]);
    let submitted = wait_for("a peer that has subscribed", async || {
        let answer = nodes[0].client.submit(ItemKind::Tx, item.clone()).await.unwrap();
        (answer.outcome == Outcome::Accepted).then_some(answer)
    })
    .await;
    let id = submitted.id.unwrap();
    for node in &nodes {
        wait_for("the item in each trace", async || node.has(id).then_some(())).await;
    }
    let status = nodes[1].status().await.unwrap();
    let tx = status.traffic["tx"];
    assert!(tx.received_messages >= 1 && tx.received_bytes > 300, "{tx:?}");
    assert!(status.counters["net_socket_bytes_received"] > tx.received_bytes);
    assert_eq!(nodes[1].client.peers().await.unwrap().peers.len(), 2);
    for node in &mut nodes {
        node.client.stop().await.unwrap();
        let ended = wait_for("its end", async || node.process.try_wait().unwrap()).await;
        assert!(ended.success(), "{ended}");
    }
}

#[tokio::test]
async fn contenders_with_the_crates_defaults_relay_what_one_of_them_is_handed() {
    ring("default", LinkModelName::None).await;
}

#[tokio::test]
async fn contenders_with_ethereums_setting_relay_over_emulated_links() {
    ring("eth", LinkModelName::Regions).await;
}

#[tokio::test]
async fn contenders_that_flood_relay_what_one_of_them_is_handed() {
    ring("flood", LinkModelName::None).await;
}

#[tokio::test]
async fn a_network_whose_items_must_be_looked_into_is_refused_with_what_to_do() {
    let temp = tempfile::tempdir().unwrap();
    let [addr] = addresses();
    let folder = temp.path().join("0");
    let mut node = Contender::start(&folder, Rules::Tidings, config(addr, &[]), "default");
    let ended = wait_for("its end", async || node.process.try_wait().unwrap()).await;
    assert_eq!(ended.code(), Some(1));
    let log = fs::read_to_string(folder.join("log")).unwrap();
    assert!(log.contains("--rules opaque"), "{log}");
}
