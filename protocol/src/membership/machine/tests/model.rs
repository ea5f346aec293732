//! What is believed of a member, against the rule in five lines; and that whoever has heard the same of living members agrees.

use proptest::prelude::*;

use super::*;

type Known = Option<(Status, u32)>;

/// The rule: the higher incarnation, and of one the worse; only a member's own word brings it up, or back.
fn believe(known: Known, claim: (Status, u32)) -> Known {
    let Some((status, incarnation)) = known else {
        return (claim.0 == Status::Alive).then_some(claim);
    };
    let holds = match claim.0 {
        Status::Alive => claim.1 > incarnation,
        Status::Suspect | Status::Failed => claim.1 >= incarnation && status.is_present(),
        Status::Left => claim.1 >= incarnation && status != Status::Left,
    };
    // A member that is suspected already is failed or has left only if that is said.
    Some(if holds { claim } else { (status, incarnation) })
}

fn say(bench: &mut Bench, (status, incarnation): (Status, u32)) {
    let (id, by) = (MemberId(9), MemberId(2));
    let part: Part = match status {
        Status::Alive => alive(9, incarnation).into(),
        Status::Suspect => Suspect { id, incarnation, by, nacks: 0 }.into(),
        Status::Failed => Failed { id, incarnation, by }.into(),
        Status::Left => Left { id, incarnation }.into(),
    };
    bench.hear(2, part);
}

fn claims() -> impl Strategy<Value = Vec<(Status, u32)>> {
    let claim = (0_u8..4, 0_u32..5);
    let status = |number| Status::of_number(number).expect("there are four");
    prop::collection::vec(claim.prop_map(move |(number, by)| (status(number), by)), 0..30)
}

proptest! {
    #[test]
    fn it_believes_what_the_rule_says(claims in claims()) {
        let mut bench = Bench::new(3, Settings::fleet());
        let mut known = None;
        for claim in claims {
            say(&mut bench, claim);
            known = believe(known, claim);
            prop_assert_eq!(bench.status(9), known);
        }
    }

    #[test]
    fn after_the_members_last_word_all_agree_whatever_they_heard_before_and_in_which_order(
        claims in claims(),
        orders in prop::array::uniform3(any::<u64>()),
    ) {
        for seed in orders {
            let mut bench = Bench::new(3, Settings::fleet());
            let mut left = claims.clone();
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            while !left.is_empty() {
                let at = rng.random_range(0..left.len());
                say(&mut bench, left.swap_remove(at));
            }
            say(&mut bench, (Status::Alive, 5));
            prop_assert_eq!(bench.status(9), Some((Status::Alive, 5)), "seed {}", seed);
        }
    }

    /// A whole exchange and the same as single claims come to the same, but for deaths, which an exchange only suspects.
    #[test]
    fn an_exchange_says_what_its_entries_say(claims in claims()) {
        let mut bench = Bench::new(3, Settings::fleet());
        let mut known = None;
        for (status, incarnation) in claims {
            let entry = Entry { status, last: alive(9, incarnation) };
            let saying = Saying::Exchange(Arc::new(Full { entries: vec![entry], ..Full::default() }));
            let said = Said { from: MemberId(2), saying };
            bench.hand(Input::Answered { by: addr(2), said: &said });
            if known.is_some() || status.is_present() {
                known = believe(known, (Status::Alive, incarnation));
            }
            let claim = if status == Status::Failed { Status::Suspect } else { status };
            // Who is suspected already stays so, under the same incarnation.
            if claim != Status::Alive {
                known = believe(known, (claim, incarnation));
            }
            prop_assert_eq!(bench.status(9), known);
        }
    }
}
