//! Events, from firing to telling.

use proptest::prelude::*;

use super::*;
use crate::membership::seen::REMEMBERED;

fn member(id: u64) -> UserEvents {
    UserEvents::new(MemberId(id), Settings::default(), Salt::new(id))
}

fn at(ms: u64) -> Time {
    Time::from_millis(ms)
}

fn fire(member: &mut UserEvents, name: &str, coalesce: bool, now: Time) -> UserEvent {
    member.fire(name.as_bytes(), b"payload", coalesce, Filter::default(), now).unwrap()
}

#[test]
fn an_event_is_told_once_and_reads_as_it_was_written() {
    let (mut a, mut b, mut told) = (member(1), member(2), Vec::new());
    let event = fire(&mut a, "deploy", false, at(0));
    let mut bytes = Vec::new();
    event.put(&mut bytes);
    assert_eq!(UserEvent::decode(&bytes).as_ref(), Ok(&event));
    assert_eq!(b.take(&event, true, at(1), &mut told), Taken::New);
    assert_eq!(b.take(&event, true, at(1), &mut told), Taken::Known);
    assert_eq!(a.take(&event, true, at(1), &mut told), Taken::Known);
    assert_eq!(told, std::slice::from_ref(&event));
    // What somebody made up in a's name isn't told there.
    let made_up = UserEvent { time: LamportTime(9), ..event.clone() };
    assert_eq!(a.take(&made_up, true, at(1), &mut told), Taken::Known);
    assert_eq!((a.time(), told.len()), (LamportTime(10), 1));
    // What b says next is later.
    assert!(fire(&mut b, "done", false, at(2)).time > event.time);
    // The same again is another event: its time differs.
    let again = fire(&mut a, "deploy", false, at(3));
    assert_eq!(b.take(&again, false, at(3), &mut told), Taken::New);
    assert_eq!(told.len(), 1, "it wasn't for b");
}

#[test]
fn of_one_name_the_latest_is_told_once_it_is_quiet_or_after_three_seconds() {
    let (mut a, mut b, mut told) = (member(1), member(2), Vec::new());
    let events = [0, 1, 2].map(|_| fire(&mut a, "config", true, at(0)));
    // In any order.
    for place in [1, 2, 0] {
        assert_eq!(b.take(&events[place], true, at(100), &mut told), Taken::New);
    }
    assert_eq!((b.deadline(), told.len()), (at(1_100), 0));
    b.poll(at(1_099), &mut told);
    assert_eq!(told.len(), 0);
    b.poll(at(1_100), &mut told);
    assert_eq!(told, [events[2].clone()]);
    // One each 900 ms: it is never quiet.
    told.clear();
    for step in 0..4 {
        let event = fire(&mut a, "config", true, at(0));
        b.poll(at(10_000 + step * 900), &mut told);
        b.take(&event, true, at(10_000 + step * 900), &mut told);
    }
    assert_eq!(b.deadline(), at(13_000));
}

#[test]
fn a_flood_of_names_is_told_instead_of_kept() {
    let settings = Settings {
        pace: Pace { every: Duration::from_nanos(1), burst: 1_000 },
        ..Settings::default()
    };
    let mut a = UserEvents::new(MemberId(1), settings, Salt::new(1));
    let mut b = UserEvents::new(MemberId(2), settings, Salt::new(2));
    let mut told = Vec::new();
    for name in 0..100 {
        let event = fire(&mut a, &name.to_string(), true, at(name));
        assert_eq!(b.take(&event, true, at(name), &mut told), Taken::New);
    }
    assert_eq!((b.waiting.len(), told.len()), (WAITING_MAX, 100 - WAITING_MAX));
    assert_eq!(told[0].name, "0");
}

#[test]
fn a_storm_is_cut_off_and_others_are_heard() {
    let (mut b, mut told) = (member(2), Vec::new());
    let storm = |time| UserEvent {
        time: LamportTime(time),
        origin: MemberId(1),
        name: Bytes::from_static(b"x"),
        payload: Bytes::new(),
        coalesce: false,
        filter: Filter::default(),
    };
    let taken = (1..400).map(|time| b.take(&storm(time), true, at(5), &mut told));
    let taken: Vec<_> = taken.collect();
    assert_eq!(taken.iter().filter(|taken| **taken == Taken::New).count(), 20);
    assert_eq!(taken.iter().filter(|taken| **taken == Taken::Storm).count(), 379);
    let other = UserEvent { origin: MemberId(3), ..storm(399) };
    assert_eq!(b.take(&other, true, at(5), &mut told), Taken::New);
    // A later copy of what was cut off is taken once there is room.
    assert_eq!(b.take(&storm(399), true, at(1_000), &mut told), Taken::New);
    let mut own = member(1);
    let fired = (0..50).filter(|_| own.fire(b"x", b"", false, Filter::default(), at(1)).is_ok());
    assert_eq!(fired.count(), 20);
}

#[test]
fn times_of_the_far_future_and_past_are_not_taken() {
    let (mut b, mut told) = (member(2), Vec::new());
    let mut event = fire(&mut member(1), "x", false, at(0));
    event.time = LamportTime(1 << 40);
    assert_eq!(b.take(&event, true, at(0), &mut told), Taken::Leap);
    assert_eq!(b.time(), LamportTime(1));
    b.join(LamportTime(5_000));
    event.time = LamportTime(4_999);
    assert_eq!(b.take(&event, true, at(0), &mut told), Taken::TooOld);
    event.time = LamportTime(5_000);
    assert_eq!(b.take(&event, true, at(0), &mut told), Taken::New);
}

#[test]
fn what_is_too_long_or_no_event_is_refused() {
    let (mut a, filter) = (member(1), Filter::default);
    for (name, payload) in [(0, 0), (NAME_MAX + 1, 0), (1, PAYLOAD_MAX + 1)] {
        let fired = a.fire(&vec![0; name], &vec![0; payload], false, filter(), at(0));
        assert_eq!(fired, Err(Refused::Length));
    }
    let mut bytes = Vec::new();
    a.fire(b"n", b"p", true, filter(), at(0)).unwrap().put(&mut bytes);
    for end in 0..bytes.len() {
        assert_eq!(UserEvent::decode(&bytes[..end]), Err(Malformed::Truncated));
    }
    bytes.push(0);
    assert_eq!(UserEvent::decode(&bytes), Err(Malformed::Trailing));
}

proptest! {
    /// In any order and any number of times: each member tells each event of others once, and waits for none for ever.
    #[test]
    fn each_event_is_told_once(steps in prop::collection::vec((0_usize..3, 0_usize..4, any::<prop::sample::Index>()), 1..300)) {
        let pace = Pace { every: Duration::from_nanos(1), burst: 1_000 };
        let settings = Settings { pace, pace_of_all: pace, ..Settings::default() };
        let mut members: Vec<_> =
            (0..3).map(|id| UserEvents::new(MemberId(id), settings, Salt::new(id))).collect();
        let (mut fired, mut told, mut taken) = (Vec::new(), vec![Vec::new(); 3], vec![Vec::new(); 3]);
        for (step, (who, what, which)) in steps.into_iter().enumerate() {
            let now = at(step as u64);
            if what == 0 || fired.is_empty() {
                fired.push(fire(&mut members[who], "x", false, now));
                continue;
            }
            let event: &UserEvent = which.get(&fired);
            let is_new = event.origin != MemberId(who as u64) && !taken[who].contains(event);
            let expected = if is_new { Taken::New } else { Taken::Known };
            prop_assert!(fired.len() < REMEMBERED);
            prop_assert_eq!(members[who].take(event, true, now, &mut told[who]), expected);
            if is_new {
                taken[who].push(event.clone());
            }
            prop_assert!(members[who].time() > event.time);
        }
        prop_assert_eq!(told, taken);
    }

    /// Whatever is read has one encoding.
    #[test]
    fn what_is_read_is_what_was_written(place in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let filter = Filter::new(&[b"b", b"a"], &[(b"role", b"x")]).unwrap();
        let mut bytes = Vec::new();
        member(1).fire(b"name", b"payload", true, filter, at(0)).unwrap().put(&mut bytes);
        let which = place.index(bytes.len());
        bytes[which] = byte;
        if let Ok(event) = UserEvent::decode(&bytes) {
            let mut again = Vec::new();
            event.put(&mut again);
            prop_assert_eq!(again, bytes);
        }
    }
}
