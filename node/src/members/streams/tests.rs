use super::*;
use crate::members::keyring::{KEY_LEN, Key, Keyring};

fn seal(key: u8) -> Arc<Seal> {
    let mut ring = Keyring::default();
    ring.install(Key::new([key; KEY_LEN])).unwrap();
    Arc::new(Seal::new("test", ring, rand::random()))
}

async fn member(key: u8) -> (SocketAddr, Streams, mpsc::Receiver<News>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let (streams, news) = Streams::start(listener, seal(key), Arc::default());
    (addr, streams, news)
}

#[tokio::test]
async fn a_question_of_any_length_is_answered() {
    let (addr, _one, mut asked) = member(1).await;
    let (_, other, mut news) = member(1).await;
    for len in [0, 1, CHUNK, SAID_MAX] {
        assert!(other.ask(addr, vec![7; len]));
        let Some(News::Asked { bytes, reply, .. }) = asked.recv().await else { panic!("{len}") };
        assert_eq!(bytes, vec![7; len]);
        reply.send(vec![8; len]).unwrap();
        let Some(News::Answered { by, bytes }) = news.recv().await else { panic!("{len}") };
        assert_eq!((by, bytes), (addr, vec![8; len]));
    }
}

#[tokio::test]
async fn whoever_has_no_key_is_not_heard_and_nobody_there_is_told() {
    let (addr, streams, mut asked) = member(1).await;
    let (_, stranger, mut news) = member(2).await;
    assert!(stranger.ask(addr, b"?".to_vec()));
    assert!(matches!(asked.recv().await, Some(News::Shut(Shut::Key))));
    assert!(matches!(news.recv().await, Some(News::Silent(at)) if at == addr));
    drop(streams);
    // The task that listens may need a turn to end.
    loop {
        stranger.ask(addr, b"?".to_vec());
        match news.recv().await {
            Some(News::Refused(at)) if at == addr => break,
            Some(News::Silent(_)) => tokio::task::yield_now().await,
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn lengths_and_heads_are_checked_before_anything_is_read() {
    let (addr, _streams, mut asked) = member(1).await;
    let (sealed, _) = seal(1).seal(Purpose::Question, b"?");
    for (len, shut) in [(0, Shut::Short), (u32::MAX, Shut::Long)] {
        let mut stream = TcpStream::connect(addr).await.unwrap();
        stream.write_all(&len.to_le_bytes()).await.unwrap();
        stream.write_all(&sealed).await.unwrap();
        let Some(News::Shut(told)) = asked.recv().await else { panic!("{len}") };
        assert_eq!(told, shut);
    }
    let mut stream = TcpStream::connect(addr).await.unwrap();
    stream.write_all(&[0xff; 100]).await.unwrap();
    assert!(matches!(asked.recv().await, Some(News::Shut(Shut::Version))));
}

#[tokio::test]
async fn whoever_opens_too_many_drives_out_its_own() {
    let mut guests = Guests::default();
    let waiting = || tokio::spawn(std::future::pending::<()>());
    let ip = |last: u8| IpAddr::from([10, 0, 0, last]);
    let honest = waiting();
    guests.0.push_back((ip(1), honest.abort_handle()));
    let flood: Vec<_> = (1..GUESTS_MAX).map(|_| waiting()).collect();
    flood.iter().for_each(|each| guests.0.push_back((ip(2), each.abort_handle())));
    assert!(guests.make_room(ip(3)));
    assert_eq!(guests.0.len(), GUESTS_MAX - 1);
    tokio::task::yield_now().await;
    assert!(flood[0].is_finished() && !flood[1].is_finished() && !honest.is_finished());
}
