//! What the overlay of a run looks like, beside pure chance: figures for a terminal and for programs, and a page with pictures.

use maud::html;
use serde_json::json;

use crate::figures::graph::{Graph, Shape};
use crate::figures::uniform::{self, Compared, Comparison, REFERENCES, STRANGE};
use crate::run::Run;
use crate::show::chart::{
    AxisKind, AxisSpec, Caption, Colour, DRAWN_MAX, Lines, Panel, Series, Stroke, lines, network,
};
use crate::show::format::{counted, grouped, measured, percent};
use crate::show::page::{Align, document, figure, section, table};
use crate::show::table::grid;

/// Which of a run's links are looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// Those that stood before the first submission.
    Begin,
    /// Those that stood at the end, between nodes that lived.
    End,
}

/// An overlay, with its figures.
#[derive(Clone, Debug)]
pub struct Overlay {
    moment: Moment,
    graph: Graph,
    shape: Shape,
    comparison: Comparison,
    /// Of the links that stood at the begin, how many stand at the end.
    lasted: Option<f64>,
}

impl Overlay {
    /// The overlay of a run at a moment; `None` if nobody saw any link then.
    #[must_use]
    pub fn of(run: &Run, moment: Moment) -> Option<Self> {
        let (mut numbers, mut nodes) = (vec![None; run.nodes.len()], 0_u32);
        for (number, node) in numbers.iter_mut().zip(&run.nodes) {
            if moment == Moment::Begin || node.alive {
                *number = Some(nodes);
                nodes += 1;
            }
        }
        let stands = |link: &&crate::run::Link| match moment {
            Moment::Begin => link.at_begin,
            Moment::End => link.at_end,
        };
        let ends = |link: &crate::run::Link| {
            Some((numbers[link.from as usize]?, numbers[link.to as usize]?))
        };
        let links: Vec<_> = run.links.iter().filter(stands).filter_map(ends).collect();
        if links.is_empty() {
            return None;
        }
        let graph = Graph::new(nodes as usize, links);
        let shape = graph.shape();
        let begin = run.links.iter().filter(|link| link.at_begin).count();
        let both = run.links.iter().filter(|link| link.at_begin && link.at_end).count();
        Some(Self {
            moment,
            comparison: uniform::compare(&graph, &shape),
            graph,
            shape,
            lasted: (moment == Moment::End && begin > 0).then(|| both as f64 / begin as f64),
        })
    }

    /// Whether all nodes are connected.
    #[must_use]
    pub const fn is_connected(&self) -> bool {
        self.shape.components.len() <= 1
    }

    /// The figures as a table of text, which ends with a line end.
    #[must_use]
    pub fn render(&self) -> String {
        let facts = grid(&["", ""], &self.facts());
        let beside = grid(&BESIDE.map(|(name, _)| name), &self.beside());
        format!("{}\n\n{facts}\n{}\n\n{beside}\n{}\n", self.title(), self.note(), self.verdict())
    }

    /// The figures as JSON.
    #[must_use]
    pub fn to_json(&self) -> String {
        let Shape { components, degrees, in_degrees, in_degree_gini, clustering, distances } =
            &self.shape;
        let compared = self.comparison.figures.iter().map(|one| {
            let z = Some(one.z()).filter(|z| z.is_finite());
            json!({ "figure": one.name, "measured": one.measured, "expected": one.expected,
                    "deviation": one.deviation, "z": z, "strange": one.is_strange() })
        });
        json!({
            "at": match self.moment { Moment::Begin => "begin", Moment::End => "end" },
            "nodes": self.graph.len(),
            "links": self.links(),
            "components": components,
            "degree": { "least": degrees.min(), "median": degrees.median(), "most": degrees.max() },
            "in_degree": { "least": in_degrees.min(), "median": in_degrees.median(), "most": in_degrees.max(),
                           "gini": in_degree_gini },
            "clustering": clustering,
            "distance": { "mean": self.shape.mean_distance(), "longest": self.shape.diameter(), "pairs": distances },
            "lasted": self.lasted,
            "beside_random_graphs": compared.collect::<Vec<_>>(),
        })
        .to_string()
    }

    /// The page.
    #[must_use]
    pub fn page(&self) -> String {
        let columns = [("", Align::Left), ("", Align::Right)];
        let main = html! {
            (section("facts", "In numbers", &table("What the overlay is", &columns, &self.facts())))
            (section("chance", "Beside chance", &html! {
                p { (self.note()) " " (self.verdict()) }
                (table("The overlay beside random graphs", &BESIDE, &self.beside()))
            }))
            (section("degrees", "Who is dialled how often", &figure(&self.degrees())))
            (section("distances", "How far apart nodes are", &figure(&self.distances())))
            @match network("network", &self.caption(), &self.graph) {
                Some(svg) => (section("network", "The network", &figure(&svg))),
                None => (section("network", "The network", &html! {
                    p { "It has more than " (grouped(DRAWN_MAX as u64)) " nodes, and would be a grey disc." }
                })),
            }
        };
        document("Overlay", &self.title(), &self.subtitle(), &main)
    }

    fn links(&self) -> usize {
        let nodes = u32::try_from(self.graph.len()).unwrap_or(u32::MAX);
        (0..nodes).map(|node| self.graph.neighbours(node).len()).sum::<usize>() / 2
    }

    fn title(&self) -> String {
        let (nodes, links) = (self.graph.len() as u64, self.links() as u64);
        let parts = match self.shape.components.len() {
            1 => "connected".to_owned(),
            parts => format!("in {parts} parts"),
        };
        format!("{} and {}, {parts}", counted(nodes, "node"), counted(links, "link"))
    }

    fn subtitle(&self) -> String {
        match self.moment {
            Moment::Begin => "The links that stood before the first submission.".to_owned(),
            Moment::End => {
                "The links that stood at the end, between the nodes that lived.".to_owned()
            }
        }
    }

    fn facts(&self) -> Vec<Vec<String>> {
        let Shape { components, degrees, in_degrees, in_degree_gini, clustering, .. } = &self.shape;
        let number = |value: Option<f64>| measured(value.unwrap_or(0.0));
        let span = |of: &crate::figures::statistics::Distribution| {
            format!("{} / {} / {}", number(of.min()), number(of.median()), number(of.max()))
        };
        let mut rows = vec![
            [
                "largest connected part, nodes".to_owned(),
                grouped(components.first().copied().unwrap_or(0) as u64),
            ],
            ["links of a node: least / median / most".to_owned(), span(degrees)],
            ["dialled by: least / median / most".to_owned(), span(in_degrees)],
            ["the same, Gini coefficient".to_owned(), format!("{in_degree_gini:.3}")],
            ["clustering".to_owned(), format!("{clustering:.4}")],
            ["distance, mean, links".to_owned(), format!("{:.3}", self.shape.mean_distance())],
            ["diameter, links".to_owned(), grouped(self.shape.diameter() as u64)],
        ];
        for links in 1..=self.shape.diameter() {
            let near = format!("{} %", percent(self.shape.within(links)));
            rows.push([format!("pairs within {}", counted(links as u64, "link")), near]);
        }
        rows.extend(self.lasted.map(|share| {
            ["links of the begin that lasted".to_owned(), format!("{} %", percent(share))]
        }));
        rows.into_iter().map(Vec::from).collect()
    }

    fn beside(&self) -> Vec<Vec<String>> {
        let row = |one: &Compared| {
            vec![
                one.name.to_owned(),
                format!("{:.4}", one.measured),
                format!("{:.4}", one.expected),
                format!("{:.4}", one.deviation),
                format!("{:+.2}", one.z()),
            ]
        };
        self.comparison.figures.iter().map(row).collect()
    }

    fn note(&self) -> String {
        format!(
            "{REFERENCES} random graphs of as many nodes, in which each dials as many others as here, all equally likely, and no pair is linked twice."
        )
    }

    fn verdict(&self) -> String {
        let strange: Vec<_> = self
            .comparison
            .figures
            .iter()
            .filter(|one| one.is_strange())
            .map(|one| one.name)
            .collect();
        match strange[..] {
            [] => format!(
                "Nothing tells it from chance: each figure lies within {STRANGE} standard deviations."
            ),
            _ => format!("Chance is no explanation for: {}.", strange.join("; ")),
        }
    }

    fn caption(&self) -> Caption {
        Caption {
            title: self.title(),
            subtitle:
                "Linked nodes lie near one another. The larger a dot, the more often it was dialled"
                    .to_owned(),
            description: format!("The network as dots and lines: {}.", self.title()),
        }
    }

    fn degrees(&self) -> String {
        let in_degrees = &self.shape.in_degrees;
        let most = in_degrees.max().unwrap_or(0.0);
        let counts = (0_u32..).map(f64::from).take_while(|count| *count <= most);
        let found = counts.map(|count| {
            let upto = |bound: f64| in_degrees.count_at_most(bound);
            (count, (upto(count + 0.5) - upto(count - 0.5)) as f64)
        });
        let mean = in_degrees.mean().unwrap_or(0.0);
        let caption = Caption {
            title: "How many nodes were dialled how often".to_owned(),
            subtitle: format!("Mean {mean:.2}, variance {:.2}", self.shape.in_degree_variance()),
            description: "Number of nodes by how often each was dialled, beside random graphs."
                .to_owned(),
        };
        self.beside_chance(
            "degrees",
            caption,
            ["dialled so often", "nodes"],
            found,
            &self.comparison.in_degrees,
        )
    }

    fn distances(&self) -> String {
        let pairs = self.shape.distances.iter().sum::<u64>().max(1) as f64;
        let found = (0_u32..).zip(&self.shape.distances);
        let found = found.map(|(links, count)| (f64::from(links), *count as f64 / pairs * 100.0));
        let caption = Caption {
            title: "How far apart nodes are".to_owned(),
            subtitle: format!(
                "Mean {:.3} links, at most {}",
                self.shape.mean_distance(),
                self.shape.diameter()
            ),
            description: "Share of the pairs of nodes by links between them, beside random graphs."
                .to_owned(),
        };
        let expected: Vec<f64> =
            self.comparison.distances.iter().map(|share| share * 100.0).collect();
        self.beside_chance("distances", caption, ["links apart", "% of pairs"], found, &expected)
    }

    fn beside_chance(
        &self,
        name: &str,
        caption: Caption,
        [x, y]: [&str; 2],
        found: impl Iterator<Item = (f64, f64)>,
        expected: &[f64],
    ) -> String {
        let expected = (0_u32..).map(f64::from).zip(expected.iter().copied());
        let series = vec![
            Series::new("random graphs, mean", Colour::Grey, Stroke::Dashed, expected),
            Series::new("this network", Colour::Blue, Stroke::Dots, found),
        ];
        lines(
            name,
            &Lines {
                caption,
                x: AxisSpec::new(x, AxisKind::Linear),
                y: AxisSpec::new(y, AxisKind::Linear),
                floor: None,
                panels: vec![Panel { title: String::new(), series }],
                height: 240.0,
            },
        )
    }
}

/// The columns of the comparison.
const BESIDE: [(&str, Align); 5] = [
    ("figure", Align::Left),
    ("here", Align::Right),
    ("random graphs", Align::Right),
    ("standard deviation", Align::Right),
    ("z", Align::Right),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::{Link, Node};

    /// Six nodes in a ring, of which the last died, and with it both of its links.
    fn run() -> Run {
        let node = |alive| Node { alive, ..Node::default() };
        let link = |from: u32| Link { from, to: (from + 1) % 6, at_begin: true, at_end: from < 4 };
        Run {
            nodes: (0..6).map(|number| node(number < 5)).collect(),
            links: (0..6).map(link).collect(),
            ..Run::default()
        }
    }

    #[test]
    fn the_begin_has_all_nodes_and_the_end_those_that_live() {
        let [begin, end] = [Moment::Begin, Moment::End].map(|at| Overlay::of(&run(), at).unwrap());
        assert_eq!(begin.title(), "6 nodes and 6 links, connected");
        assert_eq!(end.title(), "5 nodes and 4 links, connected");
        assert_eq!((begin.lasted, end.lasted), (None, Some(4.0 / 6.0)));
        let json: serde_json::Value = serde_json::from_str(&end.to_json()).unwrap();
        assert_eq!(json["distance"]["longest"], 4);
        assert_eq!(json["components"], json!([5]));
    }

    #[test]
    fn a_run_whose_links_nobody_saw_has_no_overlay() {
        assert!(Overlay::of(&Run::default(), Moment::Begin).is_none());
    }

    #[test]
    fn the_page_has_three_pictures_and_the_text_says_what_chance_says() {
        let overlay = Overlay::of(&run(), Moment::Begin).unwrap();
        assert_eq!(overlay.page().matches("</svg>").count(), 3);
        let text = overlay.render();
        assert!(
            text.contains("pairs within 3 links") && text.contains("100 random graphs"),
            "{text}"
        );
    }

    #[test]
    fn a_network_in_parts_says_so() {
        let mut run = run();
        run.links.retain(|link| link.from % 3 != 2);
        let overlay = Overlay::of(&run, Moment::Begin).unwrap();
        assert!(!overlay.is_connected());
        assert_eq!(overlay.title(), "6 nodes and 4 links, in 2 parts");
    }
}
