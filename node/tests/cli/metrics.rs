//! Metrics of real nodes, and whether what asks for them finds them: alerts and dashboards.

use std::collections::BTreeSet;
use std::time::Instant;

use super::*;

/// What alerts and dashboards ask, with where it stands.
fn questions() -> Vec<(String, String)> {
    let read = |name: &str| {
        fs::read_to_string(format!("{}/contrib/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap()
    };
    let mut questions = Vec::new();
    for name in ["grafana/node.json", "grafana/fleet.json"] {
        let dashboard: Value = serde_json::from_str(&read(name)).unwrap();
        for panel in dashboard["panels"].as_array().unwrap() {
            for target in panel["targets"].as_array().into_iter().flatten() {
                let (title, expr) = (&panel["title"], target["expr"].as_str().unwrap());
                questions.push((format!("{name}, {title}"), expr.to_owned()));
            }
        }
    }
    let alerts = read("prometheus/alerts.yml");
    // An expression goes on until the next key.
    for alert in alerts.split("- alert: ").skip(1) {
        let (name, rest) = alert.split_once('\n').unwrap();
        let (_, rest) = rest.split_once("expr: ").unwrap();
        let (expr, _) = rest.split_once("labels:").unwrap();
        let (expr, _) = expr.split_once(" for: ").unwrap_or((expr, ""));
        questions.push((name.to_owned(), expr.to_owned()));
    }
    questions
}

/// The names in an expression that aren't functions or words of the language: metrics and labels. Values are left out.
fn names(expr: &str) -> BTreeSet<&str> {
    const WORDS: [&str; 19] = [
        "and",
        "by",
        "changes",
        "count",
        "group_left",
        "group_right",
        "histogram_quantile",
        "increase",
        "max",
        "on",
        "or",
        "rate",
        "sum",
        "time",
        "vector",
        "__rate_interval",
        "m",
        "h",
        "s",
    ];
    let unquoted = expr.split('"').step_by(2);
    let words = unquoted.flat_map(|part| part.split(|c: char| !c.is_alphanumeric() && c != '_'));
    let is_name = |word: &&str| word.starts_with(|c: char| c.is_ascii_lowercase() || c == '_');
    words.filter(is_name).filter(|word| !WORDS.contains(word)).collect()
}

/// Whether a sample of that name, or with that label, is among the lines.
fn is_shown(lines: &str, name: &str) -> bool {
    // What Prometheus itself adds.
    ["up", "job", "instance", "ALERTS", "alertstate"].contains(&name)
        || lines.contains(&format!("\n{name} "))
        || lines.contains(&format!("\n{name}{{"))
        || lines.contains(&format!("{{{name}=\""))
        || lines.contains(&format!(",{name}=\""))
}

#[test]
fn alerts_and_dashboards_find_what_they_ask_for_at_real_nodes() {
    let (one, other) = (Folder::new(), Folder::empty());
    let network = one.file("network.toml");
    assert_eq!(code(&other.tidings(&["init", "--network", network.to_str().unwrap()])), 0);
    let autonat = ["--set", "node.autonat=true", "--metrics", "127.0.0.1:0"];
    let first = one.run(&autonat);
    let second = other.run(&[&["--bootstrap", first.listen()][..], &autonat].concat());
    one.json(&["submit", "--payload", "x", "--nonce", "1"]);
    // The same nonce again is refused.
    assert_eq!(code(&one.tidings(&["submit", "--payload", "y", "--nonce", "1"])), 1);
    let at = |node: &Node| get(node.ready["metrics"].as_str().unwrap(), "/metrics");
    let start = Instant::now();
    let (shown, missing) = loop {
        let shown = at(&first) + &at(&second);
        let missing: Vec<_> = questions()
            .into_iter()
            .flat_map(|(place, expr)| {
                let names = names(&expr).into_iter().map(str::to_owned);
                names.map(|name| format!("{place}: {name}")).collect::<Vec<_>>()
            })
            .filter(|asked| !is_shown(&shown, asked.rsplit(' ').next().unwrap()))
            .filter(|asked| !may_lack(asked))
            .collect();
        let has_arrived =
            shown.contains("tidings_items_accepted_total{kind=\"tx\",source=\"peer\"} 1\n");
        if (missing.is_empty() && has_arrived) || start.elapsed() > PATIENCE {
            break (shown, missing);
        }
        std::thread::yield_now();
    };
    assert!(missing.is_empty(), "{missing:#?}\n{shown}");
    assert!(shown.contains("\ntidings_items_accepted_total{kind=\"tx\",source=\"operator\"} 1\n"));
    assert!(
        shown.contains(
            "\ntidings_items_rejected_total{kind=\"tx\",rule=\"conflicts-with-pool\"} 1\n"
        )
    );
}

/// What only some nodes show: whether peers can dial it takes a peer of another network to find out.
fn may_lack(asked: &str) -> bool {
    asked.ends_with(" tidings_reachable")
}

#[test]
fn expressions_are_taken_apart_into_metrics_and_labels() {
    let expr = "histogram_quantile(0.9, sum by (le) (rate(a_bucket{job=~\"b.*\", x=\"y\"}[$__rate_interval]))) / on (z) c > 5";
    assert_eq!(names(expr), BTreeSet::from(["a_bucket", "c", "job", "le", "x", "z"]));
}
