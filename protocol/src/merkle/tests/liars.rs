//! Peers that lie about hashes, entries, and where a comparison is.

use super::*;

/// A message that nobody honest would send: any parts, in order, of any depth, of what is in reach.
fn lie(rng: &mut impl Rng, tree: &Tree<Key>) -> Comparison {
    let deepest = rng.random_range(1..=16_u8);
    let mut message =
        Comparison { salt: rng.random(), from: 0, last: u64::MAX, parts: Box::default() };
    if rng.random_bool(0.5) {
        let ends = [rng.random::<u64>(), rng.random()];
        (message.from, message.last) = (ends[0].min(ends[1]), ends[0].max(ends[1]));
    }
    let (mut parts, mut next) = (Vec::new(), Some(message.from));
    let count = rng.random_range(0..=SPLITS_MAX);
    while let Some(place) = next.filter(|place| *place <= message.last && parts.len() < count) {
        let depth = rng.random_range(0..=deepest);
        // The span of this depth that begins there or before.
        let first = place & !u64::MAX.checked_shr(4 * u32::from(depth)).unwrap_or(0);
        let span = Span::new(first, depth).unwrap();
        let (first, last) = span.places();
        next = last.checked_add(1);
        if parts.last().is_some_and(|part: &Part| !part.span.is_before(span)) {
            continue;
        }
        let holds = if first == last || rng.random_bool(0.3) {
            let ends = (first.max(message.from), last.min(message.last));
            let entries = tree.places(ends.0, ends.1).take(rng.random_range(0..8));
            let sum = |mark| crate::wire::merkle::short(mark, message.salt);
            let entries = entries.map(|(place, mark)| Entry {
                place,
                sum: if rng.random_bool(0.5) { sum(mark) } else { rng.random() },
            });
            Holds::Entries(entries.collect())
        } else {
            Holds::Sums(std::array::from_fn(|_| rng.random()))
        };
        parts.push(Part { span, holds });
        if rng.random_bool(0.5) {
            let skipped = rng.random::<u64>() >> rng.random_range(1..64);
            next = next.and_then(|next| next.checked_add(skipped));
        }
    }
    message.parts = parts.into();
    sent(&message)
}

#[test]
fn no_lie_costs_more_than_its_answer_and_none_makes_the_tree_worse() {
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    let mut replica = Replica::of((0..3_000).map(|n| (n, 0)));
    let root = replica.tree.root();
    for _ in 0..2_000 {
        let lie = lie(&mut rng, &replica.tree);
        let answer = replica.tree.answer(&lie);
        assert!(answer.looked_at <= LOOKED_MAX && answer.differences.len() <= DIFFERENCES_MAX);
        if let Some(reply) = answer.reply {
            let reply = sent(&reply);
            assert!(reply.from >= lie.from, "it goes back");
            assert!(reply.last <= lie.last || reply.from > lie.from, "nothing was done");
        }
    }
    assert_eq!(replica.tree.root(), root);
}

#[test]
fn one_whose_hashes_are_always_others_leads_us_down_once_for_each_of_its_messages() {
    let mut rng = ChaCha8Rng::seed_from_u64(8);
    let mut replica = Replica::of((0..3_000).map(|n| (n, 0)));
    let mut said = replica.tree.begin(SALT, 0);
    let (mut ours, mut messages) = (0, 0);
    loop {
        // It answers each span that it is told of with hashes of that span that are no one's.
        let parts = said.parts.iter().filter(|part| part.span.depth() < 16).take(SPLITS_MAX);
        let parts = parts.map(|part| Part {
            span: part.span,
            holds: Holds::Sums(std::array::from_fn(|_| rng.random())),
        });
        let lie = sent(&Comparison { parts: parts.collect(), ..said });
        messages += 1;
        let answer = replica.tree.answer(&lie);
        ours += answer.looked_at;
        assert!(answer.looked_at <= LOOKED_MAX && answer.differences.is_empty());
        match answer.reply {
            Some(reply) if messages < 500 => said = sent(&reply),
            _ => break,
        }
    }
    assert!(ours <= messages * LOOKED_MAX);
}

#[test]
fn one_that_says_what_we_say_hides_only_itself() {
    let mut honest = [3_000, 2_900].map(|count| Replica::of((0..count).map(|n| (n, 0))));
    let said = honest[0].tree.begin(SALT, 0);
    let echo = honest[0].tree.answer(&sent(&said));
    assert_eq!(
        echo,
        Answer { looked_at: 16, ..Answer::default() },
        "it seems to have what we have"
    );
    assert_eq!(exchange(&mut honest, |_, _| ()).found.len(), 100, "and the others still differ");
}

#[test]
fn one_that_pretends_to_have_nothing_is_told_of_so_much_for_a_message_and_goes_on_from_there() {
    let mut replica = Replica::of((0..3_000).map(|n| (n, 0)));
    let parts = [Part { span: Span::ALL, holds: Holds::Entries(Box::default()) }];
    let nothing = Comparison { salt: SALT, from: 0, last: u64::MAX, parts: parts.into() };
    let answer = replica.tree.answer(&nothing);
    assert_eq!(answer.differences.len(), DIFFERENCES_MAX);
    let last = answer.differences.last().unwrap().place;
    assert!(answer.reply.is_some_and(|reply| reply.from > last));
}

#[test]
fn entries_that_are_no_ones_are_asked_for_at_most_once_each() {
    let mut replica = Replica::of((0..300).map(|n| (n, 0)));
    let entries = |first: u64| (0..8).map(|n| Entry { place: first + n, sum: 0 }).collect();
    let list = |n: u64| Part {
        span: Span::new(n << 48, 4).unwrap(),
        holds: Holds::Entries(entries(n << 48)),
    };
    let message =
        Comparison { salt: SALT, from: 0, last: u64::MAX, parts: (0..128).map(list).collect() };
    let answer = replica.tree.answer(&sent(&message));
    let theirs = answer.differences.iter().filter(|one| one.side == Side::Theirs);
    assert!(theirs.count() <= LISTED_MAX && answer.differences.len() <= DIFFERENCES_MAX);
}
