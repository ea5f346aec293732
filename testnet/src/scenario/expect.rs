//! What must be seen: a comparison of figures of named variants.
//!
//! ```text
//! push-pull.t100_ms < 0.75 * push.t100_ms
//! k1.coverage < 1
//! push.t100_ms - push.t90_ms > 2 * push-pull.t100_ms - 2 * push-pull.t90_ms
//! ```
//!
//! A figure is `VARIANT.KEY`, with a key of the summary (nested ones have dots of their own). Around each operator stand
//! spaces. A figure that isn't known, as the time of what never happened, fulfils nothing.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use tidings_tools::show::format::{grouped, measured, percent};

/// The figures of one variant, by key; `None` where one isn't known or never was.
pub type Figures = BTreeMap<String, Option<f64>>;

/// How alike two words must be for one to be suggested for the other, Jaro-Winkler: as for keys of a manifest. A guess.
const ALIKE_MIN: f64 = 0.8;

/// One thing that must be seen, as a scenario's file says it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expectation {
    /// The comparison.
    pub that: String,
    /// The same in words.
    pub so: String,
    /// It isn't expected of real nodes.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub only_simulated: bool,
}

/// How two sides compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    Less,
    AtMost,
    More,
    AtLeast,
    Equal,
}

/// A figure of a variant, or a number, with its factor. What is taken away has a factor below zero.
#[derive(Clone, Debug, PartialEq)]
struct Term {
    factor: f64,
    figure: Option<(String, String)>,
}

/// A comparison, read.
#[derive(Clone, Debug, PartialEq)]
pub struct Comparison {
    left: Vec<Term>,
    order: Order,
    right: Vec<Term>,
}

/// What became of an expectation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is so.
    Seen,
    /// It isn't.
    NotSeen,
    /// It isn't asked of real nodes, or they don't measure it.
    LeftOut,
}

/// An expectation beside what was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judged {
    /// What was expected.
    pub expected: Expectation,
    /// Whether it was seen.
    pub outcome: Outcome,
    /// The figures, in words.
    pub seen: String,
}

impl fmt::Display for Judged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { expected: Expectation { that, so, .. }, outcome, seen } = self;
        match outcome {
            Outcome::Seen => write!(f, "seen: {so}\n      {that}: {seen}"),
            Outcome::NotSeen => write!(f, "NOT seen: {so}\n      expected {that}, but {seen}"),
            Outcome::LeftOut => write!(f, "left out: {so}\n      {that}: {seen}"),
        }
    }
}

impl Expectation {
    /// Reads the comparison.
    ///
    /// # Errors
    /// A sentence about what is no comparison, or names none of the variants.
    pub fn comparison(&self, variants: &[&str]) -> Result<Comparison, String> {
        Comparison::parse(&self.that, variants)
            .map_err(|problem| format!("expect `{}`: {problem}", self.that))
    }

    /// Compares, with the figures of all variants by their names.
    ///
    /// # Errors
    /// A sentence about a figure that nobody has.
    pub fn judge(&self, all: &[(&str, &Figures)]) -> Result<Judged, String> {
        let names: Vec<&str> = all.iter().map(|(name, _)| *name).collect();
        let Comparison { left, order, right } = self.comparison(&names)?;
        let found = left.iter().chain(&right).map(|term| term.find(all));
        let found: Vec<Option<f64>> = found.collect::<Result<_, _>>()?;
        let (of_left, of_right) = found.split_at(left.len());
        let (Some(at_left), Some(at_right)) = (sum(&left, of_left), sum(&right, of_right)) else {
            let seen = details(&left, of_left) + &details(&right, of_right);
            return Ok(self.judged(Outcome::NotSeen, seen));
        };
        if !order.holds(at_left, at_right) {
            let seen = details(&left, of_left) + &details(&right, of_right);
            return Ok(self.judged(Outcome::NotSeen, seen));
        }
        let mut figures = left.iter().chain(&right).filter_map(|term| term.figure.as_ref());
        let are_shares = figures.all(|(_, key)| is_share(key));
        let [at_left, at_right] = [at_left, at_right].map(|side| said(side, are_shares));
        Ok(self.judged(Outcome::Seen, format!("{at_left} {} {at_right}", order.word())))
    }

    fn judged(&self, outcome: Outcome, seen: String) -> Judged {
        let seen = seen.trim_end_matches(", ").to_owned();
        Judged { expected: self.clone(), outcome, seen }
    }
}

/// The sum of some terms, if all figures are known.
fn sum(terms: &[Term], figures: &[Option<f64>]) -> Option<f64> {
    terms.iter().zip(figures).map(|(term, figure)| Some(term.factor * (*figure)?)).sum()
}

/// Each figure of some terms, in words, with a comma after it.
fn details(terms: &[Term], figures: &[Option<f64>]) -> String {
    let detail = |(term, figure): (&Term, &Option<f64>)| {
        let Some((variant, key)) = &term.figure else { return String::new() };
        let figure = figure.map(|figure| said(figure, is_share(key)));
        format!("{variant}.{key} is {}, ", figure.as_deref().unwrap_or("unknown or never"))
    };
    terms.iter().zip(figures).map(detail).collect()
}

/// A figure as people read it: a share in per cent, whole numbers whole.
#[must_use]
pub fn said(figure: f64, is_share: bool) -> String {
    if is_share { format!("{} %", percent(figure)) } else { number(figure) }
}

/// A number as people read it: three digits, or all of a whole one.
#[must_use]
pub fn number(figure: f64) -> String {
    let is_whole = figure.fract() == 0.0 && (0.0..1e12).contains(&figure);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a whole number of a few digits"
    )]
    if is_whole { grouped(figure as u64) } else { measured(figure) }
}

/// Whether a figure is a share of something, 0 to 1.
#[must_use]
pub fn is_share(key: &str) -> bool {
    const SHARES: [&str; 11] = [
        "agreement",
        "book_share",
        "coverage",
        "eclipsed",
        "hit_rate",
        "inbound_share",
        "let_in",
        "origin_precision",
        "share",
        "share_at_end",
        "stale_rate",
    ];
    let last = key.rsplit('.').next().unwrap_or(key);
    SHARES.contains(&last.trim_start_matches("honest_"))
}

impl Term {
    /// The figure, which may be unknown; of a number 1.
    fn find(&self, all: &[(&str, &Figures)]) -> Result<Option<f64>, String> {
        let Some((variant, key)) = &self.figure else { return Ok(Some(1.0)) };
        let figures = all.iter().find(|(name, _)| name == variant).map(|(_, figures)| *figures);
        let figures = figures.ok_or_else(|| format!("there is no variant {variant}"))?;
        figures.get(key).copied().ok_or_else(|| {
            let known = figures.keys().map(String::as_str);
            format!("{variant} has no figure {key}{}", did_you_mean(key, known))
        })
    }
}

/// `; did you mean …?`, where a word is like one of the known ones.
#[must_use]
pub fn did_you_mean<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> String {
    let alike = known.map(|other| (strsim::jaro_winkler(other, word), other));
    let best = alike.max_by(|a, b| a.0.total_cmp(&b.0)).filter(|best| best.0 >= ALIKE_MIN);
    best.map_or_else(String::new, |(_, other)| format!("; did you mean `{other}`?"))
}

impl Order {
    const fn word(self) -> &'static str {
        match self {
            Self::Less => "<",
            Self::AtMost => "<=",
            Self::More => ">",
            Self::AtLeast => ">=",
            Self::Equal => "=",
        }
    }

    fn read(word: &str) -> Option<Self> {
        Some(match word {
            "<" => Self::Less,
            "<=" => Self::AtMost,
            ">" => Self::More,
            ">=" => Self::AtLeast,
            "=" => Self::Equal,
            _ => return None,
        })
    }

    fn holds(self, left: f64, right: f64) -> bool {
        match self {
            Self::Less => left < right,
            Self::AtMost => left <= right,
            Self::More => left > right,
            Self::AtLeast => left >= right,
            Self::Equal => (left - right).abs() <= 1e-9 * right.abs().max(1.0),
        }
    }
}

impl Comparison {
    fn parse(text: &str, variants: &[&str]) -> Result<Self, String> {
        let words: Vec<&str> = text.split_whitespace().collect();
        let places: Vec<usize> =
            (0..words.len()).filter(|at| Order::read(words[*at]).is_some()).collect();
        let [place] = places[..] else {
            return Err("it must have one of <, <=, >, >= and =, with spaces around it".to_owned());
        };
        let order = Order::read(words[place]).ok_or("there is no such comparison")?;
        let side = |words: &[&str]| terms(words, variants);
        Ok(Self { left: side(&words[..place])?, order, right: side(&words[place + 1..])? })
    }
}

/// Reads a sum: `2 * push.t90_ms - 3`.
fn terms(mut words: &[&str], variants: &[&str]) -> Result<Vec<Term>, String> {
    let (mut terms, mut sign) = (Vec::new(), 1.0);
    loop {
        let end = words.iter().position(|word| ["+", "-"].contains(word)).unwrap_or(words.len());
        let (factors, rest) = words.split_at(end);
        terms.push(term(sign, factors, variants)?);
        let Some((operator, rest)) = rest.split_first() else { return Ok(terms) };
        sign = if *operator == "+" { 1.0 } else { -1.0 };
        words = rest;
    }
}

/// Reads numbers and one figure at most, with a `*` between each two.
fn term(sign: f64, factors: &[&str], variants: &[&str]) -> Result<Term, String> {
    if factors.len().is_multiple_of(2) {
        return Err("something is missing beside an operator".to_owned());
    }
    let mut term = Term { factor: sign, figure: None };
    for (at, word) in factors.iter().enumerate() {
        match (at % 2 == 0, word.parse::<f64>()) {
            (false, _) if *word == "*" => {}
            (true, Ok(number)) => term.factor *= number,
            (true, Err(_)) if term.figure.is_none() => {
                term.figure = Some(figure(word, variants)?);
            }
            _ => return Err(format!("`{word}` can't stand where it does")),
        }
    }
    Ok(term)
}

fn figure(word: &str, variants: &[&str]) -> Result<(String, String), String> {
    let Some((variant, key)) = word.split_once('.') else {
        return Err(format!("`{word}` is neither a number nor VARIANT.FIGURE"));
    };
    if !variants.contains(&variant) {
        let maybe = did_you_mean(variant, variants.iter().copied());
        return Err(format!("there is no variant {variant}{maybe}"));
    }
    Ok((variant.to_owned(), key.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures(pairs: &[(&str, Option<f64>)]) -> Figures {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), *value)).collect()
    }

    fn judged(that: &str) -> Result<Judged, String> {
        let push = figures(&[("t90_ms", Some(3_000.0)), ("t100_ms", Some(4_000.0))]);
        let pull = figures(&[("t100_ms", None), ("coverage", Some(0.9)), ("a.b", Some(2.0))]);
        let (that, so) = (that.to_owned(), "it is so".to_owned());
        let expected = Expectation { that, so, only_simulated: false };
        expected.judge(&[("push", &push), ("push-pull", &pull)])
    }

    #[test]
    fn sums_of_figures_are_compared() {
        for (that, seen) in [
            ("push.t100_ms - push.t90_ms = 1000", true),
            ("push.t100_ms > 1.2 * push.t90_ms", true),
            ("push.t100_ms > 1.5 * push.t90_ms", false),
            ("push-pull.coverage < 1", true),
            ("2 * push-pull.a.b + 1 >= 5", true),
            ("push-pull.a.b <= 3 - 2 + 0.5", false),
        ] {
            let outcome = judged(that).unwrap().outcome;
            assert_eq!(outcome == Outcome::Seen, seen, "{that}");
        }
    }

    #[test]
    fn what_is_seen_shows_both_sides() {
        let seen = |that: &str| judged(that).unwrap().seen;
        assert_eq!(seen("push.t100_ms > 1.2 * push.t90_ms"), "4,000 > 3,600");
        assert_eq!(seen("push-pull.coverage < 1"), "90 % < 100 %");
    }

    #[test]
    fn what_is_wrong_has_a_sentence_with_both_sides() {
        let text = judged("push-pull.coverage >= 1").unwrap().to_string();
        let sentence = "expected push-pull.coverage >= 1, but push-pull.coverage is 90 %";
        assert!(text.starts_with("NOT seen: it is so") && text.contains(sentence), "{text}");
        let never = judged("push-pull.t100_ms > 1").unwrap();
        assert_eq!(never.outcome, Outcome::NotSeen);
        assert!(never.seen.contains("push-pull.t100_ms is unknown or never"), "{never}");
    }

    #[test]
    fn what_is_no_comparison_is_said() {
        for (that, sentence) in [
            ("push.t90_ms", "must have one of <"),
            ("push.t90_ms < 3 < 4", "must have one of <"),
            ("< 3", "something is missing"),
            ("push.t90_ms <", "something is missing"),
            ("push.t90_ms + < 3", "something is missing"),
            ("2 * < 3", "something is missing"),
            ("push.t90_ms push.t90_ms push.t90_ms < 3", "`push.t90_ms` can't stand"),
            ("push.t90_ms * push.t100_ms < 3", "`push.t100_ms` can't stand"),
            ("poll.t90_ms < 3", "there is no variant poll"),
            ("psh.t90_ms < 3", "did you mean `push`?"),
            ("push.t9_ms < 3", "push has no figure t9_ms; did you mean `t90_ms`?"),
            ("push < 3", "`push` is neither a number nor VARIANT.FIGURE"),
        ] {
            let error = judged(that).unwrap_err();
            assert!(error.contains(sentence), "{that}: {error}");
        }
    }
}
