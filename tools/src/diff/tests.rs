use super::*;
use crate::sample::Sample;

fn manifest(text: &str) -> Manifest {
    Manifest::parse(text).unwrap()
}

const BASE: &str = "seed = 1\n[network]\nnodes = 20\n[params.relay]\nstrategy = \"inventory\"\n[recorded]\nstarted = \"now\"\n";

fn summary() -> Summary {
    let sample = Sample::default();
    Summary::compute(&sample.run(), sample.inputs())
}

fn diff(a: &Summary, b: &Summary) -> Diff {
    Diff::of([a, b], [&manifest(BASE), &manifest(BASE)])
}

fn row<'a>(diff: &'a Diff, key: &str) -> &'a Row {
    diff.figures.iter().find(|row| row.key == key).unwrap()
}

#[test]
fn equal_runs_have_equal_figures_and_no_warnings() {
    let diff = diff(&summary(), &summary());
    assert!(diff.warnings.is_empty() && diff.compared.is_empty() && diff.conditions.is_empty());
    assert!(diff.figures.iter().all(|row| row.a == row.b));
    assert_eq!(row(&diff, "t50_ms").ratio, Some(1.0));
}

#[test]
fn the_ratio_is_the_second_by_the_first() {
    let (mut a, mut b) = (summary(), summary());
    (a.t50_ms, b.t50_ms) = (Some(200.0), Some(250.0));
    let diff = diff(&a, &b);
    assert_eq!(row(&diff, "t50_ms").ratio, Some(1.25));
    let text = diff.render(["a", "b"]);
    let line = text.lines().find(|line| line.starts_with("t50_ms")).unwrap();
    let cells: Vec<_> = line.split_whitespace().collect();
    assert_eq!(cells, ["t50_ms", "200", "250", "1.250", "+25.0", "%"]);
}

#[test]
fn there_is_no_ratio_to_nothing() {
    let (mut a, mut b) = (summary(), summary());
    (a.t99_ms, b.t99_ms) = (None, Some(250.0));
    (a.lost_with_origin, b.lost_with_origin) = (0, 3);
    let diff = diff(&a, &b);
    assert_eq!(row(&diff, "t99_ms").ratio, None);
    assert_eq!(row(&diff, "lost_with_origin").ratio, None);
}

#[test]
fn nested_and_one_sided_figures_are_compared() {
    let (a, mut b) = (summary(), summary());
    b.inputs.simulation.event_hash = Some("ab".to_owned());
    *b.bytes_by_kind.get_mut("tx").unwrap() *= 2;
    let diff = diff(&a, &b);
    assert_eq!(row(&diff, "bytes_by_kind.tx").ratio, Some(2.0));
    assert_eq!(row(&diff, "event_hash").a, Value::Null);
}

#[test]
fn another_strategy_is_what_is_compared() {
    let other = manifest(&BASE.replace("inventory", "flood").replace("now", "later"));
    let diff = Diff::of([&summary(), &summary()], [&manifest(BASE), &other]);
    assert!(diff.warnings.is_empty(), "{:?}", diff.warnings);
    let keys: Vec<_> = diff.compared.iter().map(|setting| setting.key.as_str()).collect();
    assert_eq!(keys, ["params.relay.strategy"], "when a run started is no setting");
}

#[test]
fn other_conditions_are_warned_of_by_name() {
    let other = manifest(&BASE.replace("nodes = 20", "nodes = 30\nlinks = \"none\""));
    let diff = Diff::of([&summary(), &summary()], [&manifest(BASE), &other]);
    assert_eq!(diff.warnings.len(), 1);
    assert!(diff.warnings[0].contains("network.links, network.nodes"), "{:?}", diff.warnings);
    assert_eq!(diff.conditions[0].a, None, "a setting that only one run has");
}

#[test]
fn a_key_that_only_begins_alike_is_no_parameter() {
    assert!(is_under("params.relay.strategy", "params") && is_under("version", "version"));
    assert!(!is_under("paramsets", "params"));
}

#[test]
fn invalid_and_incomplete_runs_are_warned_of() {
    let (mut a, mut b) = (summary(), summary());
    a.valid = false;
    a.inputs.invalid_reasons = vec!["Two parts.".to_owned()];
    b.coverage = Some(0.9);
    let warnings = diff(&a, &b).warnings;
    assert!(warnings[0].contains("A is invalid") && warnings[0].contains("Two parts."));
    assert!(warnings[1].contains("B is incomplete"));
}
