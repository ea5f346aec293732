//! What theory says about rounds, and what popular articles on gossip say.
//!
//! All of it is about n nodes that can reach each other, of which every one makes f contacts in each
//! round: *push* gives to its contacts, *pull* takes from them, *push-pull* does both.

use tidings_protocol::params::StrategyKind;

/// Rounds until push has reached `nodes` nodes: log_{f+1} n + ln(n) / f. The first term is the growth, the
/// second the tail, in which a round leaves e^-f of those that lack it. A constant of about 1 is left out,
/// as by Daknama, Panagiotou and Reisser (2020).
#[must_use]
pub fn push_rounds(nodes: f64, fanout: f64) -> f64 {
    nodes.ln() / (fanout + 1.0).ln() + nodes.ln() / fanout
}

/// Rounds until pull has reached `nodes` nodes: log_{f+1} n + log_{f+1} ln n. In the tail a round raises
/// the share that lacks it to the power f + 1.
#[must_use]
pub fn pull_rounds(nodes: f64, fanout: f64) -> f64 {
    (nodes.ln() + nodes.ln().ln()) / (fanout + 1.0).ln()
}

/// Rounds until push-pull has reached `nodes` nodes: log_{2f+1} n + log_{f+1} ln n.
#[must_use]
pub fn push_pull_rounds(nodes: f64, fanout: f64) -> f64 {
    nodes.ln() / (2.0 * fanout + 1.0).ln() + nodes.ln().ln() / (fanout + 1.0).ln()
}

/// The corrected formula of a strategy with rounds; `None` for the others.
#[must_use]
pub fn rounds(strategy: StrategyKind, nodes: f64, fanout: f64) -> Option<f64> {
    match strategy {
        StrategyKind::Push => Some(push_rounds(nodes, fanout)),
        StrategyKind::Pull => Some(pull_rounds(nodes, fanout)),
        StrategyKind::PushPull => Some(push_pull_rounds(nodes, fanout)),
        _ => None,
    }
}

/// The formula as articles have it: log2 n + ln n for push and pull alike, log2 n for push-pull, and
/// `log_f n` as soon as there are several contacts, as if each node told f others once.
#[must_use]
pub fn article_rounds(strategy: StrategyKind, nodes: f64, fanout: f64) -> Option<f64> {
    let growth = if fanout > 1.0 { nodes.ln() / fanout.ln() } else { nodes.log2() };
    match strategy {
        StrategyKind::Push | StrategyKind::Pull if fanout > 1.0 => Some(growth),
        StrategyKind::Push | StrategyKind::Pull => Some(growth + nodes.ln()),
        StrategyKind::PushPull => Some(growth),
        _ => None,
    }
}

/// The share of nodes that lack an item after another round in which the share `lack` lacked it.
#[must_use]
pub fn next_lack(strategy: StrategyKind, lack: f64, fanout: f64) -> Option<f64> {
    let not_told = (-fanout * (1.0 - lack)).exp();
    match strategy {
        StrategyKind::Push => Some(lack * not_told),
        StrategyKind::Pull => Some(lack * lack.powf(fanout)),
        StrategyKind::PushPull => Some(lack * lack.powf(fanout) * not_told),
        _ => None,
    }
}

/// The same as it is written for the tail, with one contact: s/e, s² and s²/e.
#[must_use]
pub const fn tail_formula(strategy: StrategyKind) -> Option<&'static str> {
    match strategy {
        StrategyKind::Push => Some("s/e"),
        StrategyKind::Pull => Some("s²"),
        StrategyKind::PushPull => Some("s²/e"),
        _ => None,
    }
}

/// The share that push misses after each of `rounds` rounds, the start first: s' = s (1 - 1/(n-1))^(f I),
/// with I the number that has the item.
#[must_use]
pub fn push_course(nodes: f64, fanout: f64, rounds: usize) -> Vec<f64> {
    let begin = 1.0 - 1.0 / nodes;
    let step = |lack: &f64| {
        let have = nodes * (1.0 - lack);
        Some(lack * (1.0 - 1.0 / (nodes - 1.0)).powf(fanout * have))
    };
    std::iter::successors(Some(begin), step).take(rounds + 1).collect()
}

/// The share missed after `round` rounds as articles have it: (1 - 1/n)^(f k), as if the origin alone
/// spoke.
#[must_use]
pub fn article_lack(nodes: f64, fanout: f64, round: usize) -> f64 {
    (1.0 - 1.0 / nodes).powf(fanout * round as f64)
}

/// The residue of a rumour that is told until k contacts were in vain: s = e^{-(k+1)(1-s)}, by iteration.
#[must_use]
pub fn rumor_residue(k: u32) -> f64 {
    let power = f64::from(k) + 1.0;
    (0..200).fold(0.0, |residue: f64, _| (-power * (1.0 - residue)).exp())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(value: f64, expected: f64) -> bool {
        (value - expected).abs() < 0.006 * expected
    }

    #[test]
    fn formulas_give_the_theory_column_of_the_reference() {
        let table =
            [(1e3, [16.9, 12.8, 9.08]), (1e4, [22.5, 16.5, 11.59]), (1e6, [33.7, 23.7, 16.36])];
        let kinds = [StrategyKind::Push, StrategyKind::Pull, StrategyKind::PushPull];
        for (nodes, expected) in table {
            for (kind, expected) in kinds.into_iter().zip(expected) {
                let value = rounds(kind, nodes, 1.0).unwrap();
                assert!(near(value, expected), "{kind}, {nodes}: {value}");
            }
        }
        assert_eq!(rounds(StrategyKind::Flood, 1e3, 1.0), None);
    }

    #[test]
    fn more_contacts_take_the_rounds_of_the_reference_but_for_a_constant() {
        for (fanout, expected) in [(2.0, 10.7), (3.0, 8.2)] {
            let beyond = expected - push_rounds(1_000.0, fanout);
            assert!((0.5..1.5).contains(&beyond), "{fanout}: {beyond}");
        }
    }

    #[test]
    fn rumours_leave_the_residues_of_the_theory() {
        let residues = [0.203, 0.060, 0.020, 0.0070, 0.0025];
        for (k, expected) in (1..).zip(residues) {
            assert!(
                (rumor_residue(k) / expected - 1.0).abs() < 0.03,
                "k = {k}: {}",
                rumor_residue(k)
            );
        }
    }

    #[test]
    fn the_articles_formula_leaves_nearly_everybody_without_it() {
        // By hand: (1 - 1/1000)^30.
        assert!((article_lack(1_000.0, 3.0, 10) - 0.97).abs() < 0.001);
        let course = push_course(1_000.0, 3.0, 10);
        assert!(course[10] < 1e-4 && course.is_sorted_by(|a, b| a > b), "{course:?}");
    }

    #[test]
    fn tails_shrink_as_their_formulas_say() {
        let lack = 1e-3;
        let (push, pull) = (StrategyKind::Push, StrategyKind::Pull);
        assert!(near(next_lack(push, lack, 1.0).unwrap(), lack / std::f64::consts::E));
        assert!(near(next_lack(pull, lack, 1.0).unwrap(), lack * lack));
        let both = next_lack(StrategyKind::PushPull, lack, 1.0).unwrap();
        assert!(near(both, lack * lack / std::f64::consts::E));
    }
}
