use std::time::Duration;

use tidings_protocol::wire::message::{Items, Message, Names, Session};

use super::*;

const LINK: Link = Link::new(3, 0);

fn ms(ms: u64) -> Time {
    Time::from_millis(ms)
}

fn announcement() -> Message {
    Message::Items(Items::Announce(Names::Short(Vec::new().into())))
}

fn ping() -> Message {
    Message::Session(Session::Ping { nonce: 7 })
}

fn troubles(effects: Vec<Effect>) -> Troubles {
    let mut troubles = Troubles::new(1);
    troubles.set(&Trouble { effects }, ms(0)).unwrap();
    troubles
}

fn all_due(troubles: &mut Troubles, now: Time) -> usize {
    std::iter::from_fn(|| troubles.next_due(now)).count()
}

#[test]
fn a_share_of_the_messages_is_lost_and_none_that_keep_the_link() {
    let mut troubles = troubles(vec![Effect::Loss { share: 0.2 }]);
    let left: u32 = (0..10_000).map(|_| troubles.meet(LINK, None, &announcement(), ms(0))).sum();
    assert!((7_800..8_200).contains(&left), "{left}");
    assert_eq!(troubles.met(), u64::from(10_000 - left));
    assert!((0..100).all(|_| troubles.meet(LINK, None, &ping(), ms(0)) == 1));
}

#[test]
fn what_is_doubled_leaves_twice() {
    let mut troubles = troubles(vec![Effect::Duplicate { share: 1.0 }]);
    assert_eq!(troubles.meet(LINK, None, &announcement(), ms(0)), 2);
    assert_eq!(troubles.meet(LINK, None, &ping(), ms(0)), 1);
}

#[test]
fn what_is_held_up_holds_up_its_class_and_link_and_nothing_else() {
    let mut troubles = troubles(vec![Effect::Reorder { share: 1.0, by_ms: 20.0 }]);
    assert_eq!(troubles.meet(LINK, None, &announcement(), ms(0)), 0);
    troubles.set(&Trouble::default(), ms(1)).unwrap();
    assert_eq!(troubles.meet(LINK, None, &announcement(), ms(2)), 0, "behind the first");
    assert_eq!(troubles.meet(Link::new(4, 0), None, &announcement(), ms(2)), 1, "another link");
    assert_eq!(troubles.due(), ms(20));
    assert_eq!(all_due(&mut troubles, ms(19)), 0);
    assert_eq!(all_due(&mut troubles, ms(20)), 2);
    assert!(troubles.is_over());
}

#[test]
fn a_cut_stalls_or_drops_what_goes_to_its_peers_and_when_it_is_over_what_stalled_leaves() {
    let [inside, outside] = [(); 2].map(|()| PeerId::random());
    let cut = |how| vec![Effect::Cut { peers: vec![inside.to_string()], how }];
    let mut stalled = troubles(cut(CutHow::Stall));
    assert_eq!(stalled.meet(LINK, Some(&inside), &ping(), ms(0)), 0);
    assert_eq!(stalled.meet(LINK, Some(&outside), &ping(), ms(0)), 1);
    assert_eq!((stalled.due(), all_due(&mut stalled, ms(1_000_000))), (Time::NEVER, 0));
    stalled.set(&Trouble::default(), ms(500)).unwrap();
    assert_eq!((stalled.due(), all_due(&mut stalled, ms(500))), (ms(500), 1));

    let mut dropped = troubles(cut(CutHow::Drop));
    assert_eq!(dropped.meet(LINK, Some(&inside), &ping(), ms(0)), 0);
    assert!(dropped.held.is_empty() && !dropped.breaks(&inside));
    assert!(troubles(cut(CutHow::Break)).breaks(&inside));
    assert!(!troubles(cut(CutHow::Break)).breaks(&outside));
}

#[test]
fn what_is_held_up_is_bounded_and_goes_with_its_link() {
    let mut troubles = troubles(vec![Effect::Reorder { share: 1.0, by_ms: 1.0 }]);
    troubles.held_bytes = HELD_MAX - frame_len(&ping());
    assert_eq!(troubles.meet(LINK, None, &ping(), ms(0)), 0);
    assert_eq!(troubles.meet(LINK, None, &ping(), ms(0)), 0, "lost");
    assert_eq!((troubles.held_bytes, troubles.met()), (HELD_MAX, 2));
    troubles.forget(LINK);
    assert!(troubles.held.is_empty());
    assert_eq!(troubles.held_bytes, HELD_MAX - frame_len(&ping()));
}

#[test]
fn trouble_that_makes_no_sense_is_refused_and_changes_nothing() {
    let mut troubles = troubles(vec![Effect::Loss { share: 1.0 }]);
    let cases = [
        (Effect::Loss { share: 1.5 }, "share is 1.5"),
        (Effect::Duplicate { share: f64::NAN }, "share is NaN"),
        (Effect::Reorder { share: 0.5, by_ms: -1.0 }, "by_ms is -1"),
        (Effect::Cut { peers: vec!["me".to_owned()], how: CutHow::Drop }, "me is no peer's id"),
    ];
    for (effect, sentence) in cases {
        let error = troubles.set(&Trouble { effects: vec![effect] }, ms(0)).unwrap_err();
        assert!(error.to_string().contains(sentence), "{error}");
    }
    let many = Trouble { effects: vec![Effect::Loss { share: 0.0 }; EFFECTS_MAX + 1] };
    assert!(troubles.set(&many, ms(0)).is_err());
    assert_eq!(troubles.meet(LINK, None, &announcement(), ms(0)), 0, "still lost");
    let later = Duration::from_secs(3_600);
    assert_eq!(troubles.due(), Time::NEVER, "nothing is held, not for {later:?} either");
}
