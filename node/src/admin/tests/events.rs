//! The event stream, from both sides.

use std::time::Duration;

use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;

use super::*;
use crate::api::{Notice, Streamed};
use crate::control::{EVENTS_MAX, READERS_MAX};

fn tell(api: &Api, numbers: std::ops::Range<u64>) {
    for unix_us in numbers {
        let what = match unix_us % 2 {
            0 => What::AlreadyKnown { id: Hash256([7; 32]) },
            _ => What::Left { id: Hash256([7; 32]), why: "evicted".into() },
        };
        api.events.tell(|| NodeEvent { unix_us, what });
    }
}

fn time(streamed: Option<Streamed>) -> u64 {
    match streamed {
        Some(Streamed::Event(event)) => event.unix_us,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn events_stream_until_the_node_stops() {
    let Fixture { api, client, server, folder: _folder } = start();
    let mut stream = client.events().await.unwrap();
    let id = Hash256::of(b"x");
    let event = NodeEvent { unix_us: 7, what: What::AlreadyKnown { id } };
    api.events.tell(|| event.clone());
    assert_eq!(stream.next().await.unwrap(), Some(Streamed::Event(event)));
    api.stop.request();
    assert_eq!(stream.next().await.unwrap(), None);
    server.await.unwrap();
}

#[tokio::test]
async fn who_comes_back_goes_on_and_who_wants_few_kinds_gets_no_others() {
    let Fixture { api, client, folder: _folder, .. } = start();
    let mut stream = client.events_of(&["left", "accepted"], None).await.unwrap();
    tell(&api, 0..4);
    assert_eq!((time(stream.next().await.unwrap()), time(stream.next().await.unwrap())), (1, 3));
    let id = stream.last_id().unwrap().to_owned();
    drop(stream);
    tell(&api, 4..6);
    let mut back = client.events_of(&[], Some(&id)).await.unwrap();
    assert_eq!((time(back.next().await.unwrap()), time(back.next().await.unwrap())), (4, 5));
    let mut other = client.events_of(&[], Some("00000000-7")).await.unwrap();
    let lost = Streamed::Notice(Notice::Lost { count: None });
    assert_eq!(other.next().await.unwrap(), Some(lost), "an id of another run");
    let (status, why) = refusal(client.events_of(&["acepted"], None).await);
    assert_eq!((status, why.contains("`acepted`") && why.contains("accepted, ")), (400, true));
}

#[tokio::test]
async fn a_slow_reader_is_told_how_much_it_lost() {
    let Fixture { api, client, folder: _folder, .. } = start();
    let mut stream = client.events().await.unwrap();
    // Nobody else runs between these.
    tell(&api, 0..EVENTS_MAX as u64 + 2);
    let lost = stream.next().await.unwrap().unwrap();
    assert_eq!(lost, Streamed::Notice(Notice::Lost { count: Some(2) }));
    assert_eq!(time(stream.next().await.unwrap()), 2);
}

/// Asks for events and never reads what comes.
async fn mute(fixture: &Fixture) -> UnixStream {
    let mut mute = UnixStream::connect(fixture.folder.path().join("admin.sock")).await.unwrap();
    mute.write_all(b"GET /v1/events HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    // Its head, so that it listens from now on.
    let mut byte = [0];
    mute.read_exact(&mut byte).await.unwrap();
    mute
}

#[tokio::test]
async fn a_hundred_event_readers_of_which_half_never_read_do_not_slow_one_that_does() {
    let fixture = start();
    let path = fixture.folder.path().join("admin.sock");
    let (mut mutes, mut readers) = (Vec::new(), Vec::new());
    for _ in 0..50 {
        mutes.push(mute(&fixture).await);
        readers.push(Client::unix(&path).events().await.unwrap());
    }
    // More than all buffers of a connection hold, in portions that whoever reads keeps up with.
    let (portions, portion) = (8, 1_000_u64);
    for n in 0..portions {
        tell(&fixture.api, n * portion..(n + 1) * portion);
        let read = readers.iter_mut().map(async |reader| {
            for expected in n * portion..(n + 1) * portion {
                assert_eq!(time(reader.next().await.unwrap()), expected, "nothing is lost");
            }
        });
        let all = read.collect::<FuturesUnordered<_>>().count();
        let patience = Duration::from_secs(30);
        assert_eq!(tokio::time::timeout(patience, all).await.expect("they are slowed"), 50);
    }
    // And everybody else is answered.
    fixture.client.status().await.unwrap();
}

#[tokio::test]
async fn readers_have_places_of_their_own_and_one_too_many_is_told_so() {
    let fixture = start();
    let path = fixture.folder.path().join("admin.sock");
    let mut readers = Vec::new();
    for _ in 0..READERS_MAX {
        readers.push(Client::unix(&path).events().await.unwrap());
    }
    let refused = Client::unix(&path).events().await.unwrap_err();
    let ClientError::Refused(problem) = refused else { panic!("{refused}") };
    assert_eq!((problem.kind, problem.status), (ProblemKind::TooManyReaders, 429));
    assert!(problem.retry_after_s.is_some());
    assert_eq!(refusal(Client::unix(&path).kv_watch(&"a".into()).await).0, 429);
    fixture.client.status().await.unwrap();
    readers.pop();
    // Its connection's end is seen when it is.
    while Client::unix(&path).events().await.is_err() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_reader_of_rare_kinds_hears_a_sign_of_life_however_much_else_happens() {
    let Fixture { api, client, folder, .. } = start();
    let mut stream = UnixStream::connect(folder.path().join("admin.sock")).await.unwrap();
    let request = b"GET /v1/events?kinds=accepted HTTP/1.1\r\nHost: localhost\r\n\r\n";
    stream.write_all(request).await.unwrap();
    let (mut answer, mut bytes) = (Vec::new(), [0; 1_024]);
    for second in 0..40 {
        tell(&api, second..second + 1);
        let read = tokio::time::timeout(Duration::from_secs(1), stream.read(&mut bytes)).await;
        answer.extend_from_slice(&bytes[..read.map_or(0, Result::unwrap)]);
    }
    let answer = String::from_utf8(answer).unwrap();
    assert!(answer.matches("\nid:").count() >= 2, "{answer}");
    client.status().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_node_without_a_sign_of_life_is_taken_for_gone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("silent.sock");
    let listener = tokio::net::UnixListener::bind(&path).unwrap();
    let silent = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut bytes = [0; 1_024];
        let _ = stream.read(&mut bytes).await.unwrap();
        let head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
        stream.write_all(head).await.unwrap();
        stream
    });
    let mut events = Client::unix(&path).events().await.unwrap();
    let _open = silent.await.unwrap();
    let error = events.next().await.unwrap_err().to_string();
    assert!(error.contains("it was silent for 60 s"), "{error}");
}
