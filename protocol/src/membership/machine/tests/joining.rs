//! Who tells others of newcomers, and who leaves that to others.

use super::*;

/// What a member says in an exchange that knows itself and some.
fn exchange(from: u64, known: impl IntoIterator<Item = u64>) -> Said {
    let entry = |number| Entry { status: Status::Alive, last: alive(number, 0) };
    let entries = [from].into_iter().chain(known).map(entry).collect();
    let full = Full { entries, ..Full::default() };
    Said { from: MemberId(from), saying: Saying::Exchange(Arc::new(full)) }
}

fn tells(bench: &Bench, number: u64) -> bool {
    bench.machine.news.contains(&Topic::Member(MemberId(number)))
}

/// The first of a fleet asks nobody, so nobody has answered it when all others come.
#[test]
fn whoever_is_asked_tells_others_of_the_newcomer_even_if_it_knew_nobody_itself() {
    let mut bench = Bench::new(1, Settings::fleet());
    for number in 2..=4 {
        let said = exchange(number, []);
        bench.hand(Input::Asked { stream: StreamId(number), said: &said });
        assert!(tells(&bench, number), "{number}");
    }
}

/// A large fleet knows itself: one that joins needn't tell it. Of a small one many may be new as well.
#[test]
fn what_the_first_answer_says_is_told_on_if_it_is_short_and_that_of_a_later_one_is() {
    for (last, is_told) in [(9, true), (99, false)] {
        let mut bench = Bench::new(1, Settings::fleet());
        bench.hand(Input::Joining(&[addr(2)]));
        bench.hand(Input::Answered { by: addr(2), said: &exchange(2, 3..=last) });
        assert_eq!((tells(&bench, 8), bench.status(last).is_some()), (is_told, true), "{last}");
        bench.hand(Input::Answered { by: addr(3), said: &exchange(3, [100]) });
        assert!(tells(&bench, 100));
    }
}
