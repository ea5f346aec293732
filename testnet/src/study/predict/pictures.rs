//! The pictures and the page of a prediction.

use maud::html;
use tidings_tools::show::chart::{
    self, AxisKind, AxisSpec, Caption, Colour, Lines, Panel, Point, Series, Stroke,
};
use tidings_tools::show::format::grouped;
use tidings_tools::show::page::{Align, document, figure, section, table};

use super::{Course, NAMES, PUSH_FANOUT, PUSH_NODES, Prediction};
use crate::study::rounds::STRATEGIES;
use crate::study::theory;

/// Rounds by number of nodes: a panel for each strategy.
pub(super) fn rounds(prediction: &Prediction) -> String {
    let panel = |strategy: &str| {
        let of = || prediction.rounds.iter().filter(move |point| point.strategy == strategy);
        let at = |point: &super::RoundsPoint| point.nodes as f64;
        let measured =
            of().map(|point| Point { x: at(point), y: point.measured, error: point.ci95 });
        let measured = Series {
            name: "measured: the shipped strategy, all within reach".to_owned(),
            colour: Colour::Blue,
            stroke: Stroke::Dots,
            points: measured.collect(),
        };
        let article = of().map(|point| (at(point), point.article));
        let corrected = of().map(|point| (at(point), point.corrected));
        let whole = of().filter_map(|point| Some((at(point), point.whole?)));
        let whole = Series::new(
            "measured: whole nodes, 8 links of their own",
            Colour::Green,
            Stroke::Dots,
            whole,
        );
        let mut series = vec![
            Series::new("articles' formula", Colour::Grey, Stroke::Dashed, article),
            Series::new("corrected formula", Colour::Vermilion, Stroke::Solid, corrected),
            measured,
        ];
        if !whole.points.is_empty() {
            series.push(whole);
        }
        Panel { title: strategy.to_owned(), series }
    };
    let contacts = match prediction.fanout {
        1 => "one contact a round".to_owned(),
        fanout => format!("{fanout} contacts a round"),
    };
    chart::lines(
        "rounds",
        &Lines {
            caption: Caption {
                title: "Rounds until every node knows".to_owned(),
                subtitle: format!(
                    "{contacts}; the corrected formulas leave out a constant of about 1 for push and pull"
                ),
                description:
                    "Rounds by number of nodes for push, pull and push-pull: the formula of the \
                              articles, the corrected one, and measurements."
                        .to_owned(),
            },
            x: AxisSpec::new("nodes", AxisKind::Log),
            y: AxisSpec::new("rounds", AxisKind::Linear),
            floor: None,
            panels: STRATEGIES.iter().map(|strategy| panel(strategy.name())).collect(),
            height: 330.0,
        },
    )
}

/// The share that push misses, round by round.
pub(super) fn push(prediction: &Prediction) -> String {
    let floor = 0.5 / PUSH_NODES as f64;
    let line = |shares: &[f64]| -> Vec<(f64, f64)> {
        (0_u32..).map(f64::from).zip(shares.iter().copied()).collect()
    };
    let series = vec![
        Series::new(
            "articles: (1 - 1/n)^(f k)",
            Colour::Grey,
            Stroke::Dashed,
            line(&prediction.push_article),
        ),
        Series::new(
            "corrected: s' = s (1 - 1/(n-1))^(f I)",
            Colour::Vermilion,
            Stroke::Solid,
            line(&prediction.push_corrected),
        ),
        Series::new("measured", Colour::Blue, Stroke::Dots, line(&prediction.push.lack)),
    ];
    shares_picture(
        "push",
        Caption {
            title: format!(
                "Nodes that push has not reached: {} nodes, {PUSH_FANOUT} contacts a round",
                grouped(PUSH_NODES as u64)
            ),
            subtitle: format!(
                "seed {}; the articles' formula counts what the origin sends, and nobody else",
                prediction.seed
            ),
            description: "Share of the nodes without the item by round.".to_owned(),
        },
        floor,
        vec![Panel { title: String::new(), series }],
    )
}

/// The tails of the strategies, each against its formula.
pub(super) fn tails(prediction: &Prediction) -> String {
    let floor = 0.5 / prediction.course_nodes as f64;
    let panel = |(course, strategy): (&Course, tidings_protocol::params::StrategyKind)| {
        let begin = course.lack.iter().position(|lack| *lack < 0.9).unwrap_or(0);
        let line = |shares: &[f64]| -> Vec<(f64, f64)> {
            let numbers = (0_u32..).map(f64::from).zip(shares.iter().copied());
            numbers.skip(begin).filter(|(_, share)| *share > 0.0).collect()
        };
        let formula = theory::tail_formula(strategy).unwrap_or_default();
        let series = vec![
            Series::new(
                "predicted from the round before",
                Colour::Vermilion,
                Stroke::Solid,
                line(&course.predicted),
            ),
            Series::new("measured", Colour::Blue, Stroke::Dots, line(&course.lack)),
        ];
        Panel { title: format!("{}: s' = {formula}", course.strategy), series }
    };
    shares_picture(
        "tails",
        Caption {
            title: format!(
                "The tail: who still lacks it among {} nodes",
                grouped(prediction.course_nodes as u64)
            ),
            subtitle: format!(
                "one contact a round, seed {} for all three; each ends when nobody lacks it",
                prediction.seed
            ),
            description:
                "Share of the nodes without the item by round, for push, pull and push-pull."
                    .to_owned(),
        },
        floor,
        prediction.tails.iter().zip(STRATEGIES).map(panel).collect(),
    )
}

fn shares_picture(name: &str, caption: Caption, floor: f64, panels: Vec<Panel>) -> String {
    chart::lines(
        name,
        &Lines {
            caption,
            x: AxisSpec::new("round", AxisKind::Linear),
            y: AxisSpec::new("nodes that lack it", AxisKind::LogShare),
            floor: Some(floor),
            panels,
            height: 300.0,
        },
    )
}

/// The page.
pub(super) fn page(prediction: &Prediction, rows: &[Vec<String>]) -> String {
    let align = |number: usize| if number == 0 { Align::Left } else { Align::Right };
    let columns: Vec<_> =
        NAMES.iter().enumerate().map(|(number, name)| (*name, align(number))).collect();
    let by_nodes = html! {
        (figure(&rounds(prediction)))
        (table("Rounds until every node knows", &columns, rows))
        p {
            "Measured by the shipped strategies: within reach of everybody and in step, as theory has \
             it; and, for push, as whole nodes over eight links of their own each."
        }
    };
    let main = html! {
        (section("by-nodes", "Rounds by number of nodes", &by_nodes))
        (section("by-round", "Push, round by round", &figure(&push(prediction))))
        (section("tails-section", "Push tail against push-pull tail", &figure(&tails(prediction))))
    };
    document("Tidings prediction", "Rounds: articles, theory, measurement", "", &main)
}
