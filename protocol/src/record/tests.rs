use super::*;
use crate::ground::item::{Hash256, ItemId};
use crate::params::STEPS_DEFAULT;

fn link(slot: u32) -> Link {
    Link::new(slot, 1)
}

fn id(n: u32) -> ShortId {
    ItemId::tx(Hash256::of(&n.to_le_bytes())).into()
}

fn ms(millis: u64) -> Time {
    Time::from_millis(millis)
}

fn recorder(steps: usize, links: u32) -> Recorder {
    let mut recorder = Recorder::new(RecordParams { steps: Some(steps) });
    for slot in 0..links {
        let peer = PeerKey(u64::from(slot) + 100);
        recorder.on_connected(link(slot), peer, Direction::Inbound, Time::ZERO);
    }
    recorder
}

fn heard(recorder: &mut Recorder, slot: u32, n: u32, at: u64) {
    recorder.note(link(slot), id(n), ItemEvent::Heard(Heard::Kept), ms(at));
}

#[test]
fn a_record_that_is_off_is_a_null_pointer() {
    assert_eq!(size_of::<Recorder>(), size_of::<usize>());
    let mut recorder = recorder(0, 1);
    heard(&mut recorder, 0, 1, 5);
    assert!(recorder.get().is_none());
}

#[test]
fn a_full_record_forgets_the_oldest_and_says_since_when_it_is_complete() {
    let mut recorder = recorder(1_000, 1);
    for n in 0..1_500 {
        heard(&mut recorder, 0, n, u64::from(n));
        assert!(recorder.get().unwrap().len() <= 1_000);
    }
    let record = recorder.get().unwrap();
    let since = record.complete_since();
    assert!(since >= ms(499) && since < ms(800), "{since}");
    for n in 0..1_500 {
        assert_eq!(record.story_of(id(n)).is_some(), ms(u64::from(n)) > since, "{n}");
    }
}

#[test]
fn a_peer_that_floods_washes_away_its_own_steps_only() {
    let mut recorder = recorder(10_000, 10);
    for slot in 1..10 {
        for n in 0..900 {
            heard(&mut recorder, slot, n, 1);
        }
    }
    for n in 1_000..200_000 {
        heard(&mut recorder, 0, n, 2);
    }
    let record = recorder.get().unwrap();
    for n in 0..900 {
        assert_eq!(record.story_of(id(n)).unwrap().steps.len(), 9, "{n}");
    }
    assert!(record.len() <= 10_000);
}

#[test]
fn what_a_link_did_stays_when_it_is_gone_for_a_bounded_number_of_links() {
    let mut recorder = Recorder::new(RecordParams { steps: Some(STEPS_DEFAULT) });
    let links = 2 * u32::try_from(PAST_MAX).unwrap();
    for n in 0..links {
        let link = Link::new(0, n + 1);
        recorder.on_connected(link, PeerKey(7), Direction::Outbound, ms(u64::from(n)));
        recorder.note(link, id(n), ItemEvent::Arrived, ms(u64::from(n)));
        recorder.on_disconnected(link, Some(Reason::Surplus), ms(u64::from(n)));
        // The verdict comes when the peer has left.
        recorder.note(link, id(n), ItemEvent::Accepted, ms(u64::from(n)));
    }
    let record = recorder.get().unwrap();
    let dealings = record.dealings_with(PeerKey(7));
    assert_eq!((dealings.len(), record.len()), (PAST_MAX, 2 * PAST_MAX));
    assert!(dealings.is_sorted_by_key(|dealings| dealings.life.up));
    assert!(dealings.iter().all(|dealings| dealings.life.down.is_some()));
    assert!(record.story_of(id(0)).is_none());
    assert_eq!(record.complete_since(), ms(u64::from(links / 2 - 1)));
    let whats: Vec<_> =
        record.story_of(id(links - 1)).unwrap().steps.iter().map(|step| step.what).collect();
    assert_eq!(whats, [ItemEvent::Arrived, ItemEvent::Accepted]);
}

#[test]
fn dealings_are_counted_and_answers_timed() {
    let mut recorder = recorder(1_000, 2);
    let slot = link(0);
    for n in 0..7 {
        recorder.note(slot, id(n), ItemEvent::Heard(Heard::Asked), ms(0));
        recorder.note(slot, id(n), ItemEvent::Asked, ms(0));
    }
    recorder.note(slot, id(0), ItemEvent::Arrived, ms(10));
    recorder.note(slot, id(0), ItemEvent::Rejected("bad-signature"), ms(11));
    recorder.note(slot, id(1), ItemEvent::Arrived, ms(20));
    recorder.note(slot, id(2), ItemEvent::Duplicate, ms(90));
    recorder.note(slot, id(3), ItemEvent::NotFound, ms(30));
    recorder.note(link(1), id(5), ItemEvent::Asked, ms(40));
    recorder.note(slot, id(4), ItemEvent::Expired, ms(5_000));
    recorder.note(slot, id(9), ItemEvent::Heard(Heard::Known), ms(5_001));
    recorder.note(slot, id(8), ItemEvent::Told(Manner::Batch), ms(5_002));
    recorder.note(slot, id(8), ItemEvent::Sent(Manner::Answer), ms(5_003));
    recorder.on_offence(slot, Offence::Unsolicited, ms(5_004));
    let dealings = recorder.get().unwrap().dealings_with(PeerKey(100));
    let expected = Totals {
        heard: 8,
        news: 7,
        asked: 7,
        answered: 3,
        expired: 1,
        not_found: 1,
        gave_way: 1,
        open: 1,
        arrived: 2,
        duplicates: 1,
        rejected: 1,
        told: 1,
        sent: 1,
        sent_on_request: 1,
        answer_median: Some(Duration::from_millis(20)),
    };
    assert_eq!(dealings[0].totals, expected);
    assert_eq!(dealings[0].life.offences, 1);
}

#[test]
fn who_was_in_the_way_is_told_of_the_latest_that_were_refused() {
    let mut recorder = recorder(10_000, 0);
    let rival = |fee| Rival { id: ItemId::tx(Hash256([7; 32])), least_fee: Some(fee) };
    for n in 0..=u32::try_from(RIVALS_MAX).unwrap() {
        recorder.note_from(None, id(n), ItemEvent::Rejected("conflicts-with-pool"), ms(n.into()));
        recorder.note_rival(id(n), rival(n.into()));
    }
    // Once more of one: it counts as one, and as the latest.
    recorder.note_rival(id(2), rival(1_000));
    recorder.note_rival(id(999), rival(0));
    let record = recorder.get().unwrap();
    assert_eq!(record.rivals.len(), RIVALS_MAX);
    let told = |n| record.story_of(id(n)).unwrap().rival.map(|rival| rival.least_fee.unwrap());
    assert_eq!([0, 1, 2, 3].map(told), [None, None, Some(1_000), Some(3)]);
}
