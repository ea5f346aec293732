//! Two sides of a session talk, and a stranger talks to one.

use futures::task::noop_waker;

use super::*;
use crate::net::muxer::patience::STOCK;

fn pair() -> (Session, Session) {
    let now = Instant::now();
    (Session::new(Role::Dialler, now), Session::new(Role::Listener, now))
}

/// Hands all that waits from one side to the other.
fn carry(from: &mut Session, to: &mut Session) -> Result<(), Fault> {
    let out = from.out.clone();
    from.wrote(out.len());
    // Cut anywhere.
    out.chunks(7_919).try_for_each(|part| to.receive(part, Instant::now()))
}

fn frame(kind: Kind, flags: u16, stream: u32, length: u32) -> Vec<u8> {
    let mut out = BytesMut::new();
    Head { kind, flags, stream, length }.put(&mut out);
    out.to_vec()
}

/// A data frame.
fn data(flags: u16, stream: u32, len: usize) -> Vec<u8> {
    let mut out = frame(Kind::Data, flags, stream, u32::try_from(len).unwrap());
    out.resize(HEAD_LEN + len, 1);
    out
}

fn tell(session: &mut Session, frames: &[Vec<u8>]) -> Result<(), Fault> {
    session.receive(&frames.concat(), Instant::now())
}

#[test]
fn any_number_of_bytes_passes_a_stream_in_order_and_never_more_waits_than_its_window() {
    let waker = noop_waker();
    let (mut from, mut to) = pair();
    let id = from.open().unwrap();
    let sent: Vec<u8> = (0..3_000_000_u32).map(|index| index.to_le_bytes()[1]).collect();
    let (mut rest, mut received, mut chunk) = (&sent[..], Vec::new(), vec![0; 50_000]);
    let mut taken = None;
    while received.len() < sent.len() {
        while let Some(written) = from.write(id, rest, &waker).unwrap().filter(|len| *len > 0) {
            rest = &rest[written..];
        }
        carry(&mut from, &mut to).unwrap();
        taken = taken.or_else(|| to.accept());
        assert!(to.held_bytes() <= WINDOW + OUT_MAX + 4_096, "{}", to.held_bytes());
        if rest.is_empty() || from.flow(id).unwrap().credit == 0 {
            let read = to.read(taken.unwrap(), &mut chunk, &waker).unwrap().unwrap();
            received.extend_from_slice(&chunk[..read]);
        }
        carry(&mut to, &mut from).unwrap();
    }
    assert!(received == sent);
    from.finish(id);
    carry(&mut from, &mut to).unwrap();
    assert_eq!(to.read(taken.unwrap(), &mut chunk, &waker), Ok(Some(0)), "the end");
    assert!(to.held_bytes() < 4_096 && from.held_bytes() < 4_096);
}

/// Whoever keeps to its window is never cut, wherever its frames are cut and whenever they are read.
#[test]
fn what_is_still_to_come_of_a_frame_counts_when_a_window_is_granted() {
    let waker = noop_waker();
    let (mut from, mut to) = pair();
    let id = from.open().unwrap();
    let mut chunk = vec![0; WINDOW];
    let mut taken = None;
    for round in 0..300 {
        // All that may be sent is, and all but the end of a frame arrives.
        let mut bytes = Vec::new();
        while from.write(id, &chunk[..DATA_MAX], &waker).unwrap().is_some_and(|len| len > 0) {
            bytes.extend_from_slice(&from.out);
            from.wrote(from.out.len());
        }
        let (most, rest) = bytes.split_at(bytes.len().saturating_sub(1 + 53 * round % DATA_MAX));
        to.receive(most, Instant::now()).unwrap();
        taken = taken.or_else(|| to.accept());
        // It is read now and then: what was granted meanwhile fills up before anybody reads.
        if round % 2 == 0 {
            to.read(taken.unwrap(), &mut chunk, &waker).unwrap();
        }
        carry(&mut to, &mut from).unwrap();
        to.receive(rest, Instant::now()).unwrap();
        let flow = to.flow(taken.unwrap()).unwrap();
        assert!(flow.buffer.len() + flow.window <= WINDOW, "round {round}");
    }
}

#[test]
fn a_reset_stream_is_told_and_what_was_on_its_way_is_passed_over() {
    let waker = noop_waker();
    let (mut from, mut to) = pair();
    let id = from.open().unwrap();
    from.write(id, &[1; 1_000], &waker).unwrap();
    carry(&mut from, &mut to).unwrap();
    to.forget(to.accepted[0]);
    from.write(id, &[1; 1_000], &waker).unwrap();
    carry(&mut from, &mut to).unwrap();
    carry(&mut to, &mut from).unwrap();
    assert_eq!(from.write(id, &[1; 10], &waker), Err(Fault::Closed));
    assert_eq!(from.read(id, &mut [0; 10], &waker), Ok(Some(0)));
    from.forget(id);
    assert!(from.streams.is_empty() && to.streams.is_empty());
    let again = from.open().unwrap();
    assert_ne!(again, id);
}

#[test]
fn frames_of_one_byte_take_no_more_memory_than_their_window() {
    let (_, mut to) = pair();
    tell(&mut to, &[data(SYN, 1, 1)]).unwrap();
    for _ in 1..FIRST_WINDOW {
        tell(&mut to, &[data(0, 1, 1)]).unwrap();
    }
    assert!(to.held_bytes() <= WINDOW + 4_096, "{}", to.held_bytes());
    assert_eq!(tell(&mut to, &[data(0, 1, 1)]), Err(Fault::Window));
}

#[test]
fn all_streams_together_hold_little_more_than_one() {
    let (_, mut to) = pair();
    let streams = (0..4).map(|index| 2 * index + 1);
    let end = streams.map(|id| tell(&mut to, &[data(SYN, id, FIRST_WINDOW)])).find(Result::is_err);
    assert_eq!(end, Some(Err(Fault::Unasked)));
    assert!(to.held_bytes() <= WAITING_MAX + FIRST_WINDOW, "{}", to.held_bytes());
}

#[test]
fn a_flood_of_frames_that_carry_nothing_is_an_offence() {
    type Flood = &'static dyn Fn(u32) -> Vec<u8>;
    let floods: [(&str, Flood); 7] = [
        ("streams opened and reset", &|index| {
            [frame(Kind::Data, SYN, 2 * index + 1, 0), frame(Kind::Data, RST, 2 * index + 1, 0)]
                .concat()
        }),
        ("pings", &|index| frame(Kind::Ping, SYN, 0, index)),
        ("pongs", &|index| frame(Kind::Ping, ACK, 0, index)),
        ("window updates", &|_| frame(Kind::Window, 0, 1, 1)),
        ("empty frames", &|_| frame(Kind::Data, 0, 1, 0)),
        ("frames of unknown streams", &|_| data(0, 99, 100)),
        ("streams too many", &|index| frame(Kind::Window, SYN, 2 * index + 3, 0)),
    ];
    for (name, flood) in floods {
        let (_, mut to) = pair();
        tell(&mut to, &[data(SYN, 1, 10)]).unwrap();
        let passed = (1..1_000).take_while(|index| {
            let told = tell(&mut to, &[flood(*index)]);
            to.wrote(to.out.len()); // It reads what it is answered.
            told.is_ok()
        });
        assert!(passed.count() <= STOCK as usize, "{name}");
    }
}

#[test]
fn whoever_does_not_read_its_answers_is_closed_by_what_they_hold() {
    let (_, mut to) = pair();
    let waker = noop_waker();
    tell(&mut to, &[data(SYN, 1, 10)]).unwrap();
    let mut moved = 0;
    let end = loop {
        // It moves so much data that it may ping without end.
        let told = tell(&mut to, &[data(0, 1, 64 << 10), frame(Kind::Ping, SYN, 0, 1)]);
        while told.is_ok()
            && let Ok(Some(read)) = to.read(1, &mut [0; 16 << 10], &waker)
        {
            moved += read;
        }
        assert!(moved < 1 << 30, "it may go on for ever");
        if let Err(fault) = told {
            break fault;
        }
    };
    assert_eq!(end, Fault::NotReading);
    assert!(to.held_bytes() <= WAITING_MAX + 2 * (OUT_MAX + CONTROL_MAX), "{}", to.held_bytes());
}

#[test]
fn what_breaks_the_protocol_ends_the_session() {
    for (frames, fault) in [
        (vec![frame(Kind::Data, SYN, 0, 0)], Fault::Stream(0)),
        (vec![frame(Kind::Data, SYN, 2, 0)], Fault::Stream(2)),
        (vec![data(SYN, 1, 1), data(SYN, 1, 1)], Fault::Stream(1)),
        (vec![data(SYN, 1, FIRST_WINDOW + 1)], Fault::Window),
        (vec![frame(Kind::Window, SYN, 1, u32::MAX)], Fault::Credit),
        (vec![frame(Kind::GoAway, 0, 0, 0)], Fault::Closed),
        (vec![vec![9; HEAD_LEN]], Fault::Version(9)),
    ] {
        let (_, mut to) = pair();
        assert_eq!(tell(&mut to, &frames), Err(fault));
    }
    let (mut from, _) = pair();
    let waker = noop_waker();
    let id = from.open().unwrap();
    from.write(id, b"hello", &waker).unwrap();
    assert_eq!(tell(&mut from, &[data(ACK, id, ANSWER_MAX + 1)]), Err(Fault::Unasked));
}
