//! In paused time and over in-memory streams: exact to the timer's millisecond, and instant.

use std::pin::Pin;

use super::*;
use crate::clock::SystemClock;
use crate::links::{NodeType, Region};

/// A tokio stream with the traits of `futures`.
#[derive(Debug)]
struct Compat(tokio::io::DuplexStream);

impl AsyncRead for Compat {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        out: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let mut out = tokio::io::ReadBuf::new(out);
        ready!(tokio::io::AsyncRead::poll_read(Pin::new(&mut self.0), cx, &mut out))?;
        Poll::Ready(Ok(out.filled().len()))
    }
}

impl AsyncWrite for Compat {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        tokio::io::AsyncWrite::poll_write(Pin::new(&mut self.0), cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        tokio::io::AsyncWrite::poll_flush(Pin::new(&mut self.0), cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        tokio::io::AsyncWrite::poll_shutdown(Pin::new(&mut self.0), cx)
    }
}

const fn place(region: Region, node_type: NodeType) -> Place {
    Place { region, node_type, seed: 1 }
}

const EUROPE: Place = place(Region::Europe, NodeType::Fullnode);
const SYDNEY: Place = place(Region::Australia, NodeType::Fullnode);

/// A node's end of its streams, in real time.
fn shaper(place: Place) -> Shaper {
    Shaper::new(Position::Place(place), Clock::start())
}

/// The same of a numbered node.
fn numbered(number: u16, from_us: &[u64]) -> Shaper {
    let row = Row { number, from_us: from_us.into(), jitter: 0.0, seed: 1 };
    Shaper::new(Position::Row(row), Clock::start())
}

/// Two ends of a shaped stream whose "kernel" holds up to `kernel` bytes.
async fn pair(dialler: &Shaper, listener: &Shaper, kernel: usize) -> [Shaped<Compat>; 2] {
    let (left, right) = tokio::io::duplex(kernel);
    let (dialler, listener) = (dialler.clone(), listener.clone());
    let ends =
        tokio::join!(dialler.shape(Compat(left), true), listener.shape(Compat(right), false));
    [ends.0.unwrap(), ends.1.unwrap()]
}

fn within(took: Duration, expected_ms: u64, tolerance_percent: u64) {
    let (took, slack) = (took.as_millis(), u128::from(expected_ms * tolerance_percent / 100 + 2));
    let expected = u128::from(expected_ms);
    assert!(took + slack >= expected && took <= expected + slack, "{took} ms, not {expected}");
}

/// Bytes whose order can be checked.
fn pattern(len: usize) -> Vec<u8> {
    let mut bytes = (0..=250).collect::<Vec<u8>>().repeat(len / 251 + 1);
    bytes.truncate(len);
    bytes
}

#[tokio::test(start_paused = true)]
async fn the_dialler_waits_out_the_handshake_of_tcp() {
    let start = Instant::now();
    pair(&shaper(EUROPE), &shaper(SYDNEY), 1 << 20).await;
    within(start.elapsed(), 330, 0);
}

#[tokio::test(start_paused = true)]
async fn bytes_arrive_after_the_latency_of_their_direction() {
    let cape = shaper(place(Region::SouthAfrica, NodeType::Fullnode));
    let rio = shaper(place(Region::SouthAmerica, NodeType::Fullnode));
    let [mut cape, mut rio] = pair(&cape, &rio, 1 << 20).await;
    for _ in 0..10 {
        let start = Instant::now();
        cape.write_all(b"ping").await.unwrap();
        let mut four = [0; 4];
        rio.read_exact(&mut four).await.unwrap();
        within(start.elapsed(), 190, 5);
        let start = Instant::now();
        rio.write_all(b"pong").await.unwrap();
        cape.read_exact(&mut four).await.unwrap();
        within(start.elapsed(), 195, 5);
    }
}

#[tokio::test(start_paused = true)]
async fn numbered_nodes_are_as_far_as_their_rows_say_and_nobody_is_beyond_them() {
    let [mut a, mut b] =
        pair(&numbered(0, &[0, 80_000]), &numbered(1, &[30_000, 0]), 1 << 20).await;
    let start = Instant::now();
    a.write_all(b"ping").await.unwrap();
    b.read_exact(&mut [0; 4]).await.unwrap();
    within(start.elapsed(), 30, 0);
    let start = Instant::now();
    b.write_all(&pattern(1_000_000)).await.unwrap();
    a.read_exact(&mut vec![0; 1_000_000]).await.unwrap();
    within(start.elapsed(), 80, 10);
    let (left, right) = tokio::io::duplex(1 << 10);
    let (here, stranger) = (numbered(0, &[0, 1]), numbered(2, &[1, 1, 0]));
    let ends = tokio::join!(here.shape(Compat(left), false), stranger.shape(Compat(right), true));
    assert!(ends.0.unwrap_err().to_string().contains("no place that we know"));
    let (left, right) = tokio::io::duplex(1 << 10);
    let ends = tokio::join!(
        shaper(EUROPE).shape(Compat(left), false),
        numbered(0, &[0]).shape(Compat(right), true)
    );
    assert!(prelude::is_other_links(&ends.0.unwrap_err()));
}

#[tokio::test(start_paused = true)]
async fn in_slow_motion_latency_and_line_take_so_many_times_as_long() {
    let clock = Clock::dilatable(20.try_into().unwrap(), SystemClock::default());
    let from = Instant::now() + Duration::from_secs(61);
    clock.slow_from(from).unwrap();
    let (europe, sydney) = (
        Shaper::new(Position::Place(EUROPE), clock.clone()),
        Shaper::new(Position::Place(SYDNEY), clock.clone()),
    );
    let [mut a, mut b] = pair(&europe, &sydney, 1 << 16).await;
    tokio::time::sleep_until(from).await;
    let start = Instant::now();
    a.write_all(b"ping").await.unwrap();
    b.read_exact(&mut [0; 4]).await.unwrap();
    within(start.elapsed(), 20 * 165, 5);
    let start = Instant::now();
    let mut received = vec![0; 1_000_000];
    let payload = pattern(1_000_000);
    let (_, read) = tokio::join!(a.write_all(&payload), b.read_exact(&mut received));
    read.unwrap();
    within(start.elapsed(), 20 * (160 + 165), 5); // 8 Mbit at 50 Mbit/s
}

#[tokio::test(start_paused = true)]
async fn bytes_are_identical_and_in_order_whatever_the_jitter() {
    let [mut from, mut to] = pair(&shaper(EUROPE), &shaper(SYDNEY), 1 << 16).await;
    let sent = pattern(100_000);
    let expected = sent.clone();
    let writer = async {
        // Small and spread over time, so that each chunk has a jitter of its own.
        for chunk in sent.chunks(997) {
            from.write_all(chunk).await.unwrap();
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        from.close().await.unwrap();
    };
    let mut received = Vec::new();
    let (_, read) = tokio::join!(writer, to.read_to_end(&mut received));
    assert_eq!(read.unwrap(), expected.len());
    assert!(received == expected);
}

#[tokio::test(start_paused = true)]
async fn a_stream_is_no_faster_than_the_slower_end() {
    let data_centre = place(Region::Europe, NodeType::Supernode);
    let [mut from, mut to] = pair(&shaper(data_centre), &shaper(EUROPE), 1 << 16).await;
    let start = Instant::now();
    // Not `read_to_end`, which clears all the room that it has each time it is polled.
    let (payload, mut received) = (pattern(5_000_000), vec![0; 5_000_000]);
    let (_, read) = tokio::join!(from.write_all(&payload), to.read_exact(&mut received));
    read.unwrap();
    within(start.elapsed(), 800, 3); // 40 Mbit at 50 Mbit/s
}

#[tokio::test(start_paused = true)]
async fn the_streams_of_a_node_share_its_uplink() {
    let node = shaper(EUROPE);
    let peers = [shaper(EUROPE), shaper(EUROPE)];
    let [mut a, mut at] = pair(&node, &peers[0], 1 << 16).await;
    let [mut b, mut bt] = pair(&node, &peers[1], 1 << 16).await;
    let start = Instant::now();
    let (mut left, mut right) = (vec![0; 1_000_000], vec![0; 1_000_000]);
    let payload = pattern(1_000_000);
    let (x, y, ..) = tokio::join!(
        async { at.read_exact(&mut left).await.map(|()| start.elapsed()) },
        async { bt.read_exact(&mut right).await.map(|()| start.elapsed()) },
        async { a.write_all(&payload).await.unwrap() },
        async { b.write_all(&payload).await.unwrap() }
    );
    within(x.unwrap().max(y.unwrap()), 320, 5); // 16 Mbit at 50 Mbit/s
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_stops_stops_the_writer() {
    let [mut from, to] = pair(&shaper(EUROPE), &shaper(SYDNEY), 1 << 16).await;
    let bound = to.end().hold_max + (1 << 16) + CHUNK;
    let payload = pattern(4 * bound);
    let mut written = 0;
    let mut to = to;
    let stuck = async {
        loop {
            written += from.write(&payload[written..]).await.unwrap();
        }
    };
    let watch = async {
        // Polled, but never emptied: what it holds is bounded.
        let mut nothing = [0; 0];
        loop {
            let _ = tokio::time::timeout(Duration::from_millis(5), to.read(&mut nothing)).await;
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let both = async { tokio::join!(stuck, watch) };
    assert!(tokio::time::timeout(Duration::from_secs(10), both).await.is_err());
    assert!(written <= bound, "{written} bytes left the writer, bound {bound}");
    assert!(written > 1_000_000, "{written}: a full path must fit");
}

#[tokio::test(start_paused = true)]
async fn a_peer_without_a_prelude_is_refused_in_plain_words() {
    let (left, right) = tokio::io::duplex(1_024);
    let mut plain = Compat(right);
    plain.write_all(b"\x13/multistream/1.0.0\n").await.unwrap();
    let error = shaper(EUROPE).shape(Compat(left), true).await.unwrap_err();
    assert!(error.to_string().contains("links.model"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn an_end_arrives_behind_the_last_byte() {
    let [mut from, mut to] = pair(&shaper(EUROPE), &shaper(SYDNEY), 1 << 16).await;
    from.write_all(b"last words").await.unwrap();
    from.close().await.unwrap();
    let start = Instant::now();
    let mut all = Vec::new();
    to.read_to_end(&mut all).await.unwrap();
    assert_eq!(all, b"last words");
    within(start.elapsed(), 165, 5);
    assert_eq!(to.read(&mut [0; 8]).await.unwrap(), 0, "and stays");
}
