//! The answer drawn: how the probability of being late went, with the events that decided, and what each cause makes of it.

use maud::html;
use tidings_sim::why::answer::{Answer, Verdict};
use tidings_tools::show::chart::{
    self, AxisKind, AxisSpec, Caption, Colour, Lines, Panel, Point, Series, Stroke,
};
use tidings_tools::show::page::{Align, document, figure, section, table};

use super::show;

/// Height of the panel, pixels.
const HEIGHT: f64 = 300.0;

/// The probability over time.
pub(super) fn svg(answer: &Answer) -> String {
    // Moments before the submission stand at its left edge: the axis begins with the submission.
    let x = |us: i64| us.max(0) as f64 / 1e3;
    let measured = answer.curve.iter().map(|point| {
        let (low, high) = point.late.interval();
        let y = point.late.share() * 100.0;
        Point { x: x(point.at_us), y, error: ((high - low) * 50.0).min(100.0 - y).max(0.0) }
    });
    let mut series = vec![Series {
        name: "branches that were late, of those that begin then".to_owned(),
        colour: Colour::Blue,
        stroke: Stroke::Dots,
        points: measured.collect(),
    }];
    for (number, jump) in (1..).zip(&answer.jumps) {
        let at = x(jump.at_us);
        series.push(Series::new(
            &format!("{number}: {}", short(&jump.what)),
            if number == 1 { Colour::Vermilion } else { Colour::Orange },
            Stroke::Solid,
            [(at, jump.before.share() * 100.0), (at, jump.after.share() * 100.0)],
        ));
    }
    let late = answer.late_us as f64 / 1e3;
    let title = format!("How likely item {} was late at node {}", answer.item, answer.node);
    chart::lines(
        "why",
        &Lines {
            caption: Caption {
                title,
                subtitle: format!(
                    "late is what comes after {late:.0} ms; everything random drawn anew from each moment on"
                ),
                description: answer.story.join(" "),
            },
            x: AxisSpec::new("milliseconds after the submission", AxisKind::Linear),
            y: AxisSpec::new("% late", AxisKind::Linear),
            floor: None,
            panels: vec![Panel { title: String::new(), series }],
            height: HEIGHT,
        },
    )
}

/// So much of a sentence as fits into a legend.
fn short(text: &str) -> String {
    let first = text.split("; ").next().unwrap_or(text);
    match first.char_indices().nth(90) {
        Some((end, _)) => format!("{}…", &first[..end]),
        None => first.to_owned(),
    }
}

/// The page.
pub(super) fn page(answer: &Answer) -> String {
    let story = html! {
        @for sentence in &answer.story { p { (sentence) } }
    };
    let names = [
        ("at, ms", Align::Right),
        ("late", Align::Right),
        ("within 95 %", Align::Right),
        ("branches", Align::Right),
        ("then", Align::Left),
    ];
    let causes = [
        ("cause", Align::Left),
        ("late as it was", Align::Right),
        ("otherwise", Align::Right),
        ("less by", Align::Right),
        ("sooner by, ms", Align::Right),
        ("who", Align::Left),
    ];
    let rows: Vec<Vec<String>> = answer.causes.iter().map(show::cause).collect();
    let was_asked = !matches!(answer.verdict, Verdict::Origin | Verdict::InTime);
    let main = html! {
        (section("story", "What happened", &story))
        @if was_asked {
            (section("course", "How likely it was late, over time", &html! {
                (figure(&svg(answer)))
                (table("The probability over time", &names, &show::curve(answer)))
            }))
            (section("causes", "With one thing otherwise", &html! {
                (table("Causes, the one that explains most first", &causes, &rows))
                p { "Shares are followed by Wilson's interval of 95 %. A cause is what makes it less often late if it alone is otherwise, from that moment on; "
                    "all else is drawn anew alike on both sides." }
            }))
        }
    };
    let title = format!("Why was item {} late at node {}?", answer.item, answer.node);
    let subtitle =
        format!("{} branches of a simulated run, {} events", answer.branches, answer.events);
    document("Tidings laboratory", &title, &subtitle, &main)
}
