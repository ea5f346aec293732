//! Queries, from asking to the end of their time.

use proptest::prelude::*;
use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;

use super::*;
use crate::membership::Malformed;

fn at(ms: u64) -> Time {
    Time::from_millis(ms)
}

fn question(name: &[u8]) -> Question<'_> {
    Question { name, ack: true, timeout: Duration::from_secs(3), ..Question::default() }
}

fn ask(queries: &mut Queries, now: Time) -> Query {
    queries.ask(&question(b"uptime"), now, &mut ChaCha8Rng::seed_from_u64(1)).unwrap()
}

fn response(query: &Query, from: u64, answer: Option<&[u8]>) -> Response {
    let answer = answer.map(Bytes::copy_from_slice);
    Response { time: query.time, id: query.id, from: MemberId(from), answer }
}

#[test]
fn answers_are_collected_until_the_time_is_over() {
    let (mut a, mut b) = (
        Queries::new(MemberId(1), Settings::default()),
        Queries::new(MemberId(2), Settings::default()),
    );
    let query = ask(&mut a, at(0));
    let mut bytes = Vec::new();
    query.put(&mut bytes);
    assert_eq!(Query::decode(&bytes).as_ref(), Ok(&query));
    assert_eq!([b.take(&query, at(10)), b.take(&query, at(10))], [Taken::New, Taken::Known]);
    assert_eq!(a.take(&query, at(20)), Taken::Known);
    assert!(b.time() > query.time);
    let collected = [
        response(&query, 2, None),
        response(&query, 2, Some(b"3 days")),
        response(&query, 2, Some(b"4 days")),
        response(&query, 2, None),
        response(&query, 3, Some(b"")),
    ]
    .map(|response| {
        let mut bytes = Vec::new();
        response.put(&mut bytes);
        assert_eq!(Response::decode(&bytes).as_ref(), Ok(&response));
        a.collect(&response, at(30))
    });
    use Collected::{New, Twice};
    assert_eq!(collected, [New, New, Twice, Twice, New]);
    assert_eq!((a.deadline(), a.poll(at(2_999))), (at(3_000), Vec::new()));
    let done = a.poll(at(3_000)).remove(0);
    assert_eq!(done.acks, 1);
    let answers = [(MemberId(2), Some("3 days".into())), (MemberId(3), Some(Bytes::new()))];
    assert_eq!(done.answers, answers.into());
    assert_eq!(a.deadline(), Time::NEVER);
}

#[test]
fn what_comes_late_is_counted_and_what_nobody_asked_is_not_kept() {
    let mut a = Queries::new(MemberId(1), Settings::default());
    let query = ask(&mut a, at(0));
    // The wake-up itself is late.
    assert_eq!(a.collect(&response(&query, 2, None), at(3_000)), Collected::Late);
    a.poll(at(3_000));
    assert_eq!(a.collect(&response(&query, 2, None), at(3_001)), Collected::Late);
    let made_up = Query { id: query.id ^ 1, ..query };
    assert_eq!(a.collect(&response(&made_up, 2, None), at(0)), Collected::Unasked);
    assert_eq!(a.late(), 2);
}

#[test]
fn the_time_to_wait_is_serfs() {
    let interval = Duration::from_millis(200);
    // 16 * 200 ms * ceil(log10(n + 1)).
    for (members, factor) in
        [(0, 1), (1, 1), (9, 1), (10, 2), (99, 2), (100, 3), (9_999, 4), (10_000, 5)]
    {
        assert_eq!(timeout(interval, members), interval * 16 * factor, "{members}");
    }
    assert_eq!(timeout(Duration::MAX, 5), TIMEOUT_MAX);
}

#[test]
fn an_answers_room_is_bounded_in_items_and_bytes() {
    let mut a = Queries::new(MemberId(1), Settings::default());
    let query = ask(&mut a, at(0));
    let long = vec![0; ANSWER_MAX];
    let count = |a: &mut Queries, answer: Option<&[u8]>, from: u64| {
        let members = from..from + 20_000;
        let new = |from: &u64| a.collect(&response(&query, *from, answer), at(1)) == Collected::New;
        members.filter(new).count()
    };
    assert_eq!(count(&mut a, Some(&long), 0), ANSWER_BYTES_MAX / ANSWER_MAX);
    let left = ANSWERS_MAX - ANSWER_BYTES_MAX / ANSWER_MAX;
    assert_eq!(count(&mut a, None, 100_000), left);
    let done = a.poll(at(3_000)).remove(0);
    assert_eq!(done.dropped as usize, 40_000 - ANSWERS_MAX);
    assert_eq!(done.acks as usize, left);
}

#[test]
fn storms_are_cut_off_where_they_begin_and_where_they_arrive() {
    let mut a = Queries::new(MemberId(1), Settings::default());
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let asked: Vec<_> = (0..20).map(|_| a.ask(&question(b"x"), at(1), &mut rng)).collect();
    assert_eq!(asked.iter().filter(|asked| asked.is_ok()).count(), 10);
    assert_eq!(asked[10], Err(Refused::Storm));
    for minute in 1..=6 {
        let _ = a.ask(&question(b"x"), at(1 + minute * 60_000), &mut rng);
    }
    assert_eq!(a.ask(&question(b"x"), at(600_000), &mut rng), Err(Refused::Open));
    let mut b = Queries::new(MemberId(2), Settings::default());
    let template = ask(&mut Queries::new(MemberId(9), Settings::default()), at(0));
    let taken: Vec<_> = (0..100)
        .map(|time| b.take(&Query { time: LamportTime(1 + time), ..template.clone() }, at(5)))
        .collect();
    assert_eq!(taken.iter().filter(|taken| **taken == Taken::New).count(), 10);
    let far = Query { time: LamportTime(1 << 40), origin: MemberId(5), ..template };
    assert_eq!(b.take(&far, at(5)), Taken::Leap);
}

#[test]
fn what_is_too_long_or_no_query_is_refused() {
    let mut a = Queries::new(MemberId(1), Settings::default());
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    assert_eq!(a.ask(&question(b""), at(0), &mut rng), Err(Refused::Length));
    assert_eq!(a.ask(&question(&[0; NAME_MAX + 1]), at(0), &mut rng), Err(Refused::Length));
    let long = Question { payload: &[0; QUERY_MAX + 1], ..question(b"x") };
    assert_eq!(a.ask(&long, at(0), &mut rng), Err(Refused::Length));
    let query = Query { timeout_ms: 600_001, ..ask(&mut a, at(0)) };
    let mut bytes = Vec::new();
    query.put(&mut bytes);
    assert_eq!(Query::decode(&bytes), Err(Malformed::Meaningless("time to wait")));
    for end in 0..bytes.len() {
        assert_eq!(Query::decode(&bytes[..end]), Err(Malformed::Truncated));
    }
    let mut bytes = Vec::new();
    response(&query, 1, Some(&[0; ANSWER_MAX + 1])).put(&mut bytes);
    assert_eq!(Response::decode(&bytes), Err(Malformed::Length("answer")));
}

proptest! {
    /// Whatever is read has one encoding.
    #[test]
    fn what_is_read_is_what_was_written(place in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let query = ask(&mut Queries::new(MemberId(1), Settings::default()), at(0));
        let (mut bytes, mut again) = (Vec::new(), Vec::new());
        query.put(&mut bytes);
        let which = place.index(bytes.len());
        bytes[which] = byte;
        if let Ok(query) = Query::decode(&bytes) {
            query.put(&mut again);
            prop_assert_eq!(&again, &bytes);
        }
        bytes.clear();
        again.clear();
        response(&query, 2, Some(b"answer")).put(&mut bytes);
        let which = place.index(bytes.len());
        bytes[which] = byte;
        if let Ok(response) = Response::decode(&bytes) {
            response.put(&mut again);
            prop_assert_eq!(again, bytes);
        }
    }
}
