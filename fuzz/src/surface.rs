//! What a node reads besides its peers' messages: the requests of its clients, and the files of its operator. Seen through
//! the node's public face; `node/tests/strangers` compiles this file too and replays the same inputs, so that the replay
//! builds no node of its own.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tidings::admin::{Api, routes};
use tidings::api::bans::{BanList, Concerned};
use tidings::api::{AddressPage, Outcome, Submitted};
use tidings::config;
use tidings::control::{Command, Control, Events, KvCommand, KvRefused, Stop, Unexplained};
use tidings::files::{addresses, network::Network};
use tidings::trace::Line;
use tidings_protocol::chain::Chain;
use tidings_protocol::chain::opaque::Opaque;
use tidings_protocol::ground::item::{Hash256, ItemKind};
use tidings_protocol::ground::peer::PeerAddr;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::mpsc;
use tokio::time::timeout;

/// Small, so that bodies beyond it are tried.
const RULES: Opaque = Opaque { max_tx_bytes: 100, max_block_bytes: 1_000 };

/// Longer than any limit of the surface. Time is the runtime's own, and passes when there is nothing else to do.
const PATIENCE: Duration = Duration::from_secs(120);

/// Any bytes as a client's connection to the admin API: it ends, what is answered is HTTP, and what is submitted is what
/// was sent in a good request.
///
/// # Panics
/// When that isn't so.
pub fn http(bytes: &[u8]) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime without I/O needs nothing");
    runtime.block_on(async {
        let (commands, inbox) = mpsc::channel(4);
        let shell = tokio::spawn(shell(inbox));
        let answer = converse(bytes, Control::new(commands)).await;
        let submitted = shell.await.expect("the shell doesn't panic");
        let good = check_answers(&answer, bytes);
        // One good request may submit a batch.
        let is_batch = bytes.windows(13).any(|window| window == b"transactions\"");
        assert!(
            submitted <= good || is_batch,
            "{submitted} items were submitted by {good} good requests"
        );
    });
}

/// Says all of it to the API, and listens until the connection ends.
async fn converse(bytes: &[u8], control: Control) -> Vec<u8> {
    let api = Api {
        control,
        events: Events::default(),
        members: None,
        chain: Arc::new(RULES),
        settings: None,
        stop: Stop::default(),
    };
    let (client, server) = tokio::io::duplex(64 * 1024);
    let service = TowerToHyperService::new(routes::router(api));
    let connection = http1::Builder::new().serve_connection(TokioIo::new(server), service);
    let connection = tokio::spawn(connection);
    let (mut from, mut to) = tokio::io::split(client);
    let mut answer = Vec::new();
    let speak = async {
        let _ = to.write_all(bytes).await; // it may have been closed
        let _ = to.shutdown().await;
    };
    // Events never end by themselves: then it is the client who hangs up.
    let listen = timeout(PATIENCE, from.read_to_end(&mut answer));
    let _ = tokio::join!(speak, listen);
    drop((from, to));
    let ended = timeout(PATIENCE, connection).await;
    let _ = ended.expect("a connection outlives its client").expect("a handler panics");
    answer
}

/// Stands for the node: counts what is submitted.
async fn shell(mut inbox: mpsc::Receiver<Command>) -> usize {
    let mut submitted = 0;
    while let Some(command) = inbox.recv().await {
        match command {
            Command::Status(reply) => drop(reply),
            Command::Peers(reply) => drop(reply.send(Vec::new())),
            Command::Ready(reply) => drop(reply),
            Command::Addresses { reply, .. } => drop(reply.send(AddressPage::default())),
            Command::Submit { kind, bytes, reply } => {
                assert!((1..=RULES.max_size(kind)).contains(&bytes.len()), "{} bytes", bytes.len());
                submitted += 1;
                let id = Some(Hash256::of(&bytes));
                drop(reply.send(Ok(Submitted {
                    id,
                    outcome: Outcome::Accepted,
                    rule: None,
                    rival: None,
                })));
            }
            Command::ExplainTx { reply, .. } => drop(reply.send(Err(Unexplained::Off))),
            Command::ExplainPeer { reply, .. } => drop(reply.send(Err(Unexplained::Off))),
            Command::SlowDown { reply, .. } => drop(reply),
            Command::Trouble { reply, .. } => drop(reply),
            Command::Chain(command) => command.refuse(),
            Command::Kv(command) => on_kv(command),
            Command::Bans(reply) => drop(reply.send(BanList::default())),
            Command::Ban { reply, .. }
            | Command::Unban { reply, .. }
            | Command::Disconnect { reply, .. } => drop(reply.send(Ok(Concerned::default()))),
            Command::Readings(reply) => drop(reply),
            Command::Connect { reply, .. } | Command::Stop(reply) | Command::Alive(reply) => {
                let _ = reply.send(());
            }
        }
    }
    submitted
}

/// A map that has nothing, and takes nothing.
fn on_kv(command: KvCommand) {
    match command {
        KvCommand::Get { reply, .. } => drop(reply.send(Ok(Vec::new()))),
        KvCommand::Look { reply, .. } => drop(reply.send(None)),
        KvCommand::List { reply, .. } => drop(reply.send(Err(KvRefused::NoPage))),
        KvCommand::Conflicts(reply) => drop(reply.send(Err(KvRefused::Off))),
        KvCommand::Has(reply) => drop(reply.send(Ok(()))),
        KvCommand::Write { reply, .. } => drop(reply.send(Err(KvRefused::Absent))),
    }
}

/// How many answers say that all is well. A client that asks for heads or for another protocol reads answers otherwise:
/// of those only the first is looked at.
fn check_answers(answer: &[u8], request: &[u8]) -> usize {
    let (mut rest, mut good) = (answer, 0);
    while !rest.is_empty() {
        let head = rest.windows(4).position(|four| four == b"\r\n\r\n");
        let head = head.expect("an answer has a head");
        let text = std::str::from_utf8(&rest[..head]).expect("a head is text");
        rest = &rest[head + 4..];
        let mut lines = text.split("\r\n");
        let first = lines.next().unwrap_or_default();
        let status = first.strip_prefix("HTTP/1.").and_then(|rest| rest.get(2..5));
        let status: u16 =
            status.and_then(|code| code.parse().ok()).expect("an answer has a status");
        good += usize::from((200..300).contains(&status));
        let header = |name: &str| {
            text.split("\r\n")
                .filter_map(|line| line.split_once(": "))
                .find_map(|(key, value)| key.eq_ignore_ascii_case(name).then_some(value))
        };
        assert!(lines.all(|line| line.contains(": ") || line.ends_with(':')), "{text}");
        let is_plain = !request.windows(4).any(|four| four == b"HEAD" || four == b"CONN");
        match header("content-length").and_then(|length| length.parse::<usize>().ok()) {
            Some(length) if is_plain => {
                rest = rest.get(length..).expect("a body is as long as it says");
            }
            // An endless body, cut off by the client; or one that need not be there.
            _ => return good.max(request.windows(5).filter(|five| *five == b"POST ").count()),
        }
    }
    good
}

/// Any bytes as a file of the operator's, or as text that he writes; the first byte says what. What can be read is written
/// and read as the same.
///
/// # Panics
/// When it isn't.
pub fn files(bytes: &[u8]) {
    let Some((what, bytes)) = bytes.split_first() else { return };
    let folder = tempfile::tempdir().expect("the system has room for a file");
    let path = folder.path().join("file");
    std::fs::write(&path, bytes).expect("the system has room for a file");
    match what % 5 {
        0 => network_file(&path),
        1 => {
            if let Ok(resolved) = config::resolve(&path, [], &[]) {
                let valid = resolved.config.params.validate();
                valid.expect("a node starts with what it can run with");
            }
        }
        2 => {
            if let Ok(book) = addresses::load(&path) {
                addresses::save(&path, &book).expect("it was there before");
                assert_eq!(addresses::load(&path).expect("we wrote it"), book);
            }
        }
        3 => _ = bytes.split(|byte| *byte == b'\n').map(Line::parse).filter(Result::is_ok).count(),
        _ => text(&String::from_utf8_lossy(bytes)),
    }
}

fn network_file(path: &Path) {
    if let Ok(network) = Network::load(path) {
        std::fs::write(path, network.to_toml()).expect("it was there before");
        assert_eq!(Network::load(path).expect("we wrote it"), network);
        assert!(network.chain().max_size(ItemKind::Block) > 0);
    }
}

fn text(text: &str) {
    if let Ok(addr) = text.parse::<PeerAddr>() {
        assert_eq!(addr.to_string().parse(), Ok(addr));
    }
    if let Ok(hash) = text.parse::<Hash256>() {
        assert_eq!(hash.to_string().parse(), Ok(hash));
    }
}
