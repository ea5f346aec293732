//! The API from both sides: the real server and the real client, with a scripted shell between them.

use std::sync::Arc;

use bytes::Bytes;
use hyper::Method;
use tidings_protocol::chain::opaque::Opaque;
use tidings_protocol::ground::item::{Hash256, ItemKind};
use tidings_protocol::ground::peer::PeerAddr;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::{Api, routes};
use crate::api::bans::{BanList, BanRequest, Concerned};
use crate::api::kv::{KvEntry, KvKind, KvPage, KvText, KvWrite};
use crate::api::members::{KeyOp, KeyRequest};
use crate::api::peers::example as address;
use crate::api::status::example as status;
use crate::api::{
    AddressPage, AddressStatus, BatchItem, KvChange, NodeEvent, Outcome, ProblemKind, Readiness,
    Rival, Submitted, What,
};
use crate::client::{Client, ClientError};
use crate::config::members::MembersConfig;
use crate::control::{
    COMMANDS_MAX, Command, Control, Events, KvCommand, KvRefused, NotDone, Stop, Unanswered,
    Unexplained,
};
use crate::http::bind::AdminSocket;
use crate::http::server;
use crate::lab::slow_motion::NotSlowed;
use crate::members::keyring::Key;
use crate::members::{Members, MembersControl, MembersSetup};
use crate::store::NotSaved;

mod chain;
mod describe;
mod edge;
mod events;

/// A server on a socket, behind it a shell that knows one item.
struct Fixture {
    api: Api,
    client: Client,
    server: JoinHandle<()>,
    folder: tempfile::TempDir,
}

const KNOWN: &[u8] = b"known";

/// What stands in the way of a transaction that begins with `C`.
const RIVAL: Rival = Rival { id: Hash256([7; 32]), least_fee: Some(51) };

fn start() -> Fixture {
    let (commands, inbox) = mpsc::channel(COMMANDS_MAX);
    tokio::spawn(shell(inbox));
    serve(Control::new(commands))
}

fn serve(control: Control) -> Fixture {
    serve_with(control, None)
}

fn serve_with(control: Control, members: Option<MembersControl>) -> Fixture {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("admin.sock");
    let api = Api {
        control,
        events: Events::default(),
        members,
        chain: Arc::new(Opaque { max_tx_bytes: 100, max_block_bytes: 1_000 }),
        settings: None,
        stop: Stop::default(),
    };
    let socket = AdminSocket::bind(path.clone()).unwrap();
    let serve = server::serve(socket, routes::router(api.clone()), api.stop.clone());
    let server = tokio::spawn(async move { drop(serve.await) });
    Fixture { api, client: Client::unix(path), server, folder }
}

/// A page of 1,500 addresses.
fn address_page(after: Option<PeerAddr>, limit: usize) -> AddressPage {
    let nth = |n: u16| PeerAddr { port: n, ..address().addr };
    let first = after.map_or(0, |after| after.port);
    let addresses = (first + 1..=1_500).take(limit).map(nth);
    let addresses: Vec<_> = addresses.map(|addr| AddressStatus { addr, ..address() }).collect();
    let last = addresses.last().filter(|last| last.addr.port < 1_500);
    let next = last.map(|last| last.addr.to_string());
    AddressPage { addresses, count: 1_500, next }
}

async fn shell(mut inbox: mpsc::Receiver<Command>) {
    while let Some(command) = inbox.recv().await {
        match command {
            Command::Status(reply) => drop(reply.send(status())),
            Command::Peers(reply) => drop(reply.send(Vec::new())),
            Command::Ready(reply) => drop(reply.send(Readiness::of(&status()))),
            Command::Addresses { after, limit, reply } => {
                drop(reply.send(address_page(after, limit)));
            }
            Command::Bans(reply) => drop(reply.send(BanList::default())),
            Command::Ban { request, reply } => drop(reply.send(match request.seconds {
                Some(0) => Err(NotDone::Span { longest_s: 9 }),
                Some(1) => Err(NotDone::Full),
                _ => Ok(Concerned { closed: 2, unbanned: 0 }),
            })),
            Command::Unban { subject, reply } => drop(reply.send(match subject {
                Some(subject) => Err(NotDone::Unknown(subject)),
                None => Ok(Concerned { closed: 0, unbanned: 3 }),
            })),
            Command::Disconnect { peer, reply } => {
                drop(reply.send(Err(NotDone::Several { query: peer, count: 2 })));
            }
            Command::Submit { kind: ItemKind::Tx, bytes, reply } => {
                let submitted = Submitted {
                    id: Some(Hash256::of(&bytes)),
                    outcome: Outcome::Accepted,
                    rule: None,
                    rival: None,
                };
                let reason = "disk trouble".to_owned();
                drop(reply.send(match bytes.first() {
                    Some(b'F') => Err(NotSaved { disk_full: true, reason }),
                    Some(b'E') => Err(NotSaved { disk_full: false, reason }),
                    Some(b'C') => Ok(Submitted {
                        outcome: Outcome::Rejected,
                        rule: Some("conflicts-with-pool".to_owned()),
                        rival: Some(RIVAL),
                        ..submitted
                    }),
                    _ => Ok(submitted),
                }));
            }
            Command::Submit { kind: ItemKind::Block, reply, .. } => {
                let rule = Some("truncated".to_owned());
                drop(reply.send(Ok(Submitted {
                    id: None,
                    outcome: Outcome::Rejected,
                    rule,
                    rival: None,
                })));
            }
            Command::ExplainTx { query, reply } => {
                drop(reply.send(Err(Unexplained::ambiguous(&query, vec!["ab12".to_owned(); 11]))));
            }
            Command::ExplainPeer { query, reply } => {
                let unknown = Unexplained::Unknown { what: "a peer", query, complete_s: 7 };
                drop(reply.send(Err(unknown)));
            }
            Command::SlowDown { reply, .. } => {
                let _ = reply.send(Err(NotSlowed::Unset));
            }
            Command::Trouble { reply, .. } => drop(reply.send(Ok(3))),
            Command::Chain(command) => chain::on_chain(command),
            Command::Kv(command) => on_kv(command),
            Command::Connect { reply, .. } | Command::Stop(reply) | Command::Alive(reply) => {
                let _ = reply.send(());
            }
            Command::Readings(_) => {} // of metrics alone
        }
    }
}

/// A map that holds one key, and refuses most.
fn on_kv(command: KvCommand) {
    let entry = |key: KvText| KvEntry {
        key,
        kind: KvKind::Register,
        deleted: false,
        values: vec![KvText(vec![0xff, b'x'])],
        number: None,
        fields: Vec::new(),
        written: None,
    };
    match command {
        KvCommand::Get { key, reply } => {
            let is_there = key.0 == b"a b/\xff";
            drop(reply.send(Ok(is_there.then(|| entry(key)).into_iter().collect())));
        }
        KvCommand::Look { key, reply, .. } => drop(reply.send(Some(entry(key)))),
        KvCommand::List { prefix, after, reply } => {
            let next = after.is_none().then(|| "00".to_owned());
            drop(reply.send(Ok(KvPage { entries: vec![entry(prefix)], next })));
        }
        KvCommand::Conflicts(reply) => drop(reply.send(Err(KvRefused::Off))),
        KvCommand::Has(reply) => drop(reply.send(Ok(()))),
        KvCommand::Write { write, reply } => {
            let reason = "disk trouble".to_owned();
            drop(reply.send(match write {
                KvWrite::Set { key, .. } => Ok(entry(key)),
                KvWrite::Delete { .. } => Err(KvRefused::Absent),
                KvWrite::Add { .. } => Err(KvRefused::Kind("no counters".to_owned())),
                KvWrite::Include { .. } => Err(KvRefused::Bound("too long".to_owned())),
                KvWrite::Exclude { .. } => {
                    Err(KvRefused::NotSaved(NotSaved { disk_full: true, reason }))
                }
            }));
        }
    }
}

#[tokio::test]
async fn bans_are_asked_for_and_what_cannot_be_has_its_status() {
    let Fixture { client, .. } = &start();
    assert_eq!(client.bans().await.unwrap(), BanList::default());
    let ban = |seconds| BanRequest { subject: "192.0.2.0/24".parse().unwrap(), seconds };
    assert_eq!(client.ban(&ban(None)).await.unwrap().closed, 2);
    assert_eq!(client.unban(None).await.unwrap().unbanned, 3);
    client.connect("192.0.2.7:4000".parse().unwrap()).await.unwrap();
    let status = |error| match error {
        ClientError::Refused(problem) => (problem.status, problem.detail),
        other => panic!("{other}"),
    };
    let (code, message) = status(client.ban(&ban(Some(0))).await.unwrap_err());
    assert_eq!((code, &*message), (400, "a ban lasts from 1 second to 9 seconds"));
    assert_eq!(status(client.ban(&ban(Some(1))).await.unwrap_err()).0, 507);
    let unknown = client.unban(Some("192.0.2.7".parse().unwrap())).await.unwrap_err();
    assert_eq!(status(unknown).0, 404);
    let (code, message) = status(client.disconnect("12").await.unwrap_err());
    assert_eq!((code, &*message), (409, "`12` fits 2 peers: say more of it"));
}

#[tokio::test]
async fn the_map_is_read_and_written_whatever_bytes_a_key_has() {
    let Fixture { client, folder: _folder, .. } = start();
    let key = KvText(b"a b/\xff".to_vec());
    assert_eq!(client.kv_get(&key).await.unwrap()[0].key, key);
    let listed = client.kv_list(&"&=?".into()).await.unwrap();
    assert_eq!(listed.len(), 2, "page by page");
    assert_eq!(listed[1].key, "&=?".into());
    let (status, message) = refusal(client.kv_get(&"c".into()).await);
    assert_eq!((status, message.contains("`c`")), (404, true), "{message}");
    let (key, element) = (KvText::from("x"), KvText::from("y"));
    let set = KvWrite::Set { key: key.clone(), value: "1".into(), field: None };
    assert_eq!(client.kv_write(&set).await.unwrap().key, key);
    let delete = KvWrite::Delete { key: key.clone(), field: None, kind: None };
    let include = KvWrite::Include { key: key.clone(), element: element.clone() };
    let exclude = KvWrite::Exclude { key: key.clone(), element };
    for (write, code) in
        [(delete, 404), (KvWrite::Add { key, by: 1 }, 409), (include, 400), (exclude, 507)]
    {
        assert_eq!(refusal(client.kv_write(&write).await).0, code, "{write:?}");
    }
    let (status, message) = refusal(client.kv_conflicts().await);
    assert_eq!((status, message.contains("kv.model")), (409, true), "{message}");
}

#[tokio::test]
async fn whoever_watches_the_map_is_told_what_its_keys_hold() {
    let Fixture { api, client, folder: _folder, .. } = start();
    let mut changes = client.kv_watch(&"a".into()).await.unwrap();
    for key in ["b", "ab"] {
        let (key, kind) = (key.into(), KvKind::Register);
        api.events.tell(|| NodeEvent { unix_us: 7, what: What::KvChanged { key, kind } });
    }
    let Some(KvChange::Entry(entry)) = changes.next().await.unwrap() else { panic!() };
    assert_eq!((entry.key, entry.values), ("ab".into(), vec![KvText(vec![0xff, b'x'])]));
    api.stop.request();
    assert_eq!(changes.next().await.unwrap(), None);
}

fn refusal<T: std::fmt::Debug>(result: Result<T, ClientError>) -> (u16, String) {
    match result {
        Err(ClientError::Refused(problem)) => (problem.status, problem.detail),
        other => panic!("expected a refusal, got {other:?}"),
    }
}

#[tokio::test]
async fn a_client_gets_what_the_shell_answers() {
    let Fixture { client, folder: _folder, .. } = start();
    assert_eq!(client.status().await.unwrap().counters, status().counters);
    assert!(client.peers().await.unwrap().peers.is_empty());
    let all = client.addresses().await.unwrap();
    assert_eq!((all.addresses.len(), all.count, all.next), (1_500, 1_500, None), "page by page");
    let submitted = client.submit(ItemKind::Tx, Bytes::from_static(b"new")).await.unwrap();
    assert_eq!((submitted.id, submitted.outcome), (Some(Hash256::of(b"new")), Outcome::Accepted));
    let submitted = client.submit(ItemKind::Block, Bytes::from_static(b"new")).await.unwrap();
    assert_eq!(
        (submitted.outcome, submitted.rule.as_deref()),
        (Outcome::Rejected, Some("truncated"))
    );
    assert_eq!(client.item(Hash256::of(KNOWN)).await.unwrap().as_deref(), Some(KNOWN));
    assert_eq!(client.item(Hash256::of(b"other")).await.unwrap(), None);
}

#[tokio::test]
async fn members_are_asked_and_their_keys_changed() {
    let folder = tempfile::tempdir().unwrap();
    let config = MembersConfig {
        name: Some("one".to_owned()),
        listen: "127.0.0.1:0".parse().unwrap(),
        ..MembersConfig::default()
    };
    let setup = MembersSetup {
        config,
        peer_id: libp2p::PeerId::random(),
        network: "test".to_owned(),
        advertise: None,
        folder: folder.path().to_owned(),
        unix_s: 7,
    };
    let members = Members::start(&setup, Events::default()).unwrap();
    let (commands, inbox) = mpsc::channel(COMMANDS_MAX);
    tokio::spawn(shell(inbox));
    let of_members = Some(members.control().clone());
    let Fixture { client, folder: _folder, .. } = serve_with(Control::new(commands), of_members);
    let list = client.members().await.unwrap();
    assert_eq!((list.len(), &*list[0].name, list[0].own), (1, "one", true));
    let status = client.status().await.unwrap().members.unwrap();
    assert_eq!((status.generation, status.sealed), (7, false));
    let joined = client.members_join(&[members.addr()]).await;
    assert_eq!(refusal(joined).0, 400, "there is nobody but itself");
    assert_eq!(refusal(client.members_force_leave("nobody").await).0, 404);
    assert_eq!(refusal(client.members_force_leave("one").await).0, 409);
    let key = Key::generate().unwrap();
    let request = |op, key: String| KeyRequest { op, key };
    let keys = client.members_change_keys(&request(KeyOp::Install, key.to_text())).await.unwrap();
    assert_eq!(keys.primary, Some(key.id().to_string()));
    assert_eq!(client.members_keys().await.unwrap(), keys);
    let removed = client.members_change_keys(&request(KeyOp::Remove, key.id().to_string())).await;
    assert_eq!(refusal(removed).0, 409);
    let wrong = client.members_change_keys(&request(KeyOp::Install, "no key".to_owned())).await;
    assert_eq!(refusal(wrong).0, 400);
    let answer = client.ask(Method::POST, "/v1/members/join", Bytes::from_static(b"now")).await;
    let (status, message) = refusal(answer);
    assert!(status == 400 && message.contains("addrs"), "{status}: {message}");
    assert!(client.members_leave().await.unwrap().left);
}

#[tokio::test]
async fn a_node_that_is_no_member_says_so() {
    let Fixture { client, folder: _folder, .. } = start();
    let (status, message) = refusal(client.members().await);
    assert_eq!((status, message.contains("members.enabled")), (409, true), "{message}");
    assert_eq!(refusal(client.members_leave().await).0, 409);
    assert!(client.status().await.unwrap().members.is_none());
}

#[tokio::test]
async fn a_question_without_an_answer_says_why() {
    let Fixture { client, folder: _folder, .. } = start();
    let ambiguous = "`ab` may be any of ab12, ab12, ab12, ab12, ab12, ab12, ab12, ab12 and 3 more: write more \
                     of it";
    assert_eq!(refusal(client.explain_tx("ab").await), (409, ambiguous.to_owned()));
    let unknown =
        "nothing is known of a peer `1.2.3.4:5/quic ?`; the record is complete for the last 7 s";
    assert_eq!(refusal(client.explain_peer("1.2.3.4:5/quic ?").await), (404, unknown.to_owned()));
}

#[tokio::test]
async fn a_node_of_no_test_network_refuses_slow_motion_and_says_why() {
    let Fixture { client, folder: _folder, .. } = start();
    let (status, message) = refusal(client.slow_down(u64::MAX).await);
    assert_eq!((status, message), (409, NotSlowed::Unset.to_string()));
    let answer = client.ask(Method::POST, "/v1/lab/slow-motion", Bytes::from_static(b"now")).await;
    let (status, message) = refusal(answer);
    assert!(status == 400 && message.contains("from_unix_us"), "{status}: {message}");
}

#[tokio::test]
async fn what_cannot_be_saved_is_no_success_and_says_why() {
    let Fixture { client, folder: _folder, .. } = start();
    for (bytes, code, advice) in [(b"F", 507, "make room on the disk"), (b"E", 503, "again later")]
    {
        let answer = client.submit(ItemKind::Tx, Bytes::from_static(bytes)).await;
        let (status, message) = refusal(answer);
        assert_eq!(status, code, "{message}");
        assert!(message.contains("disk trouble") && message.contains(advice), "{message}");
    }
}

#[tokio::test]
async fn a_conflict_is_a_problem_that_names_the_rival_and_the_fee_that_would_replace_it() {
    let Fixture { client, folder: _folder, .. } = start();
    let bytes = Bytes::from_static(b"C");
    let answer = client.submit_batch(std::slice::from_ref(&bytes)).await.unwrap();
    let [BatchItem::Problem(problem)] = &answer.results[..] else { panic!("{answer:?}") };
    assert_eq!((problem.status, problem.rule.as_deref()), (422, Some("conflicts-with-pool")));
    assert_eq!((problem.id, problem.rival), (Some(Hash256::of(b"C")), Some(RIVAL)));
    let sentence = format!("it conflicts with {}, which was first; with a fee of 51", RIVAL.id);
    assert!(problem.detail.contains(&sentence), "{}", problem.detail);
    let submitted = client.submit(ItemKind::Tx, bytes).await.unwrap();
    assert_eq!((submitted.outcome, submitted.rival), (Outcome::Rejected, Some(RIVAL)));
}

#[tokio::test]
async fn an_item_over_the_limit_of_its_kind_is_refused_unread() {
    let Fixture { client, folder: _folder, .. } = start();
    let (status, message) = refusal(client.submit(ItemKind::Tx, vec![0; 101].into()).await);
    assert_eq!(
        (status, message.as_str()),
        (413, "a tx has at most 100 bytes under this network's rules")
    );
    assert!(client.submit(ItemKind::Tx, vec![0; 100].into()).await.is_ok());
    assert!(client.submit(ItemKind::Block, vec![0; 1_000].into()).await.is_ok());
    assert_eq!(refusal(client.submit(ItemKind::Block, vec![0; 1_001].into()).await).0, 413);
    assert_eq!(refusal(client.submit(ItemKind::Tx, Bytes::new()).await).0, 400);
}

#[tokio::test]
async fn what_does_not_exist_is_refused_as_json() {
    let Fixture { client, folder: _folder, .. } = start();
    for (method, path, status) in [
        (Method::GET, "/v1/nothing", 404),
        (Method::POST, "/v1/status", 405),
        (Method::GET, "/v1/items/x", 400),
        (Method::GET, "/v1/items/%ff", 400),
        (Method::GET, "/v1/pool?limit=x", 400),
        (Method::GET, "/v1/pool?limi=1", 400),
        (Method::GET, "/v1/pool?sort=size", 400),
        (Method::PATCH, "/v1/log", 405),
    ] {
        let (code, message) = refusal(client.ask(method, path, Bytes::new()).await);
        assert_eq!(code, status, "{path}");
        assert!(!message.starts_with("the node answered"), "{path} has no JSON: {message}");
    }
}

#[tokio::test]
async fn a_node_is_ready_with_as_many_links_as_it_wants_or_can_have() {
    let Fixture { client, folder: _folder, .. } = start();
    let readiness = client.ready().await.unwrap();
    assert!(!readiness.ready);
    assert_eq!(readiness.reason, "3 of 5 peers connected");
}

#[tokio::test]
async fn a_panic_costs_the_request_and_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("admin.sock");
    let socket = AdminSocket::bind(path.clone()).unwrap();
    let fails = axum::routing::get(async || -> &'static str { panic!("a fault") });
    let app = axum::Router::new()
        .route("/v1/status", fails)
        .route("/v1/peers", axum::routing::get(r#"{"peers":[]}"#));
    tokio::spawn(server::serve(socket, app, Stop::default()));
    let client = Client::unix(path);
    for _ in 0..3 {
        let (status, why) = refusal(client.status().await);
        assert_eq!(status, 500);
        assert!(why.starts_with("a fault of the program"), "{why}");
        assert!(client.peers().await.unwrap().peers.is_empty());
    }
}

#[tokio::test]
async fn a_shell_that_is_gone_is_told_as_unavailable() {
    let mut fixture = start();
    let (commands, inbox) = mpsc::channel(1);
    drop(inbox);
    fixture.api.control = Control::new(commands);
    let error = fixture.api.control.ask(Command::Status).await.unwrap_err();
    assert_eq!(error, Unanswered::Stopped);
    let fixture = serve(fixture.api.control.clone());
    let told = refusal(fixture.client.status().await);
    assert_eq!(told, (503, "the node is shutting down".to_owned()));
}

#[tokio::test]
async fn a_stop_is_answered_and_its_connection_closed_at_the_end() {
    let Fixture { client, server, folder, .. } = start();
    client.stop().await.unwrap();
    client.wait_until_gone().await;
    server.await.unwrap();
    assert!(!folder.path().join("admin.sock").exists());
    assert!(matches!(client.status().await, Err(ClientError::Connect { .. })));
}

#[tokio::test]
async fn a_request_under_way_is_answered_before_the_end() {
    let (commands, mut inbox) = mpsc::channel(1);
    let Fixture { api, client, server, folder: _folder } = serve(Control::new(commands));
    let asked = tokio::spawn(async move { client.status().await });
    let Some(Command::Status(reply)) = inbox.recv().await else { panic!("a status was asked for") };
    api.stop.request();
    tokio::task::yield_now().await;
    assert!(!server.is_finished());
    reply.send(status()).unwrap();
    asked.await.unwrap().unwrap();
    server.await.unwrap();
}

#[tokio::test]
async fn a_client_replaces_a_connection_that_the_node_closed() {
    let fixture = start();
    fixture.client.status().await.unwrap();
    fixture.api.stop.request();
    fixture.server.await.unwrap();
    let again = AdminSocket::bind(fixture.folder.path().join("admin.sock")).unwrap();
    let api = Api { stop: Stop::default(), ..fixture.api.clone() };
    tokio::spawn(server::serve(again, routes::router(api.clone()), api.stop));
    fixture.client.status().await.unwrap();
}

#[tokio::test]
async fn a_refused_item_is_a_problem_that_names_its_rule_and_a_batch_has_an_answer_for_each() {
    let Fixture { client, folder: _folder, .. } = start();
    let answer = client.ask(Method::POST, "/v1/blocks", Bytes::from_static(b"x")).await;
    let Err(ClientError::Refused(problem)) = answer else { panic!("{answer:?}") };
    assert_eq!((problem.status, problem.kind), (415, ProblemKind::MediaType), "JSON is no block");
    let batch = [&b"one"[..], b"F", &[0; 101], b"two"].map(Bytes::copy_from_slice);
    let results = client.submit_batch(&batch).await.unwrap().results;
    let kinds: Vec<_> = results
        .iter()
        .map(|result| match result {
            BatchItem::Submitted(submitted) => Ok(submitted.id),
            BatchItem::Problem(problem) => Err(problem.kind),
        })
        .collect();
    let (one, two) = (Some(Hash256::of(b"one")), Some(Hash256::of(b"two")));
    let expected = [Ok(one), Err(ProblemKind::NoRoom), Err(ProblemKind::TooLarge), Ok(two)];
    assert_eq!(kinds, expected);
    assert_eq!(refusal(client.submit_batch(&[]).await).0, 400);
    let (status, why) = refusal(client.submit_batch(&[batch[0].clone(), Bytes::new()]).await);
    assert_eq!((status, why.contains("transaction 1 of")), (400, true), "{why}");
    for wrong in ["[[\"00\"]]", "[]", "null", "3", ""] {
        let answer = client.ask(Method::POST, "/v1/transactions", wrong.into()).await;
        assert_eq!(refusal(answer).0, 400, "{wrong}");
    }
    assert_eq!(refusal(client.submit_batch(&vec![Bytes::from_static(b"x"); 1_001]).await).0, 400);
}

#[tokio::test]
async fn the_log_says_what_it_tells_or_that_there_is_none() {
    let Fixture { client, folder: _folder, .. } = start();
    assert_eq!(refusal(client.log_filter().await).0, 409, "no test logs by the node's log");
    assert_eq!(refusal(client.set_log_filter("debug").await).0, 409);
    assert_eq!(refusal(client.config().await).0, 409);
}
