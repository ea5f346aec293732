use super::*;
use crate::sample::Sample;

fn page_of(run: &Run, summary: &Summary) -> String {
    page(run, &Spread::of(run), summary)
}

fn sample() -> (Run, Summary) {
    let run = Sample::default().run();
    let summary = Summary::compute(&run, Sample::default().inputs());
    (run, summary)
}

/// Checks that every element is closed by its own tag, and returns how many elements there are.
fn well_formed(markup: &str) -> usize {
    const VOID: [&str; 2] = ["meta", "!DOCTYPE"];
    let mut open = Vec::new();
    let mut elements = 0;
    for tag in markup.split('<').skip(1) {
        let (tag, _) = tag.split_once('>').expect("every tag ends");
        let name = tag.split([' ', '/']).find(|part| !part.is_empty()).expect("every tag is named");
        if tag.starts_with('/') {
            assert_eq!(open.pop(), Some(name), "closes what is open");
        } else {
            elements += 1;
            if !tag.ends_with('/') && !VOID.contains(&name) {
                open.push(name);
            }
        }
    }
    assert!(open.is_empty(), "{open:?} were not closed");
    elements
}

#[test]
fn the_page_is_well_formed_and_has_every_section() {
    let (run, summary) = sample();
    let page = page_of(&run, &summary);
    assert!(well_formed(&page) > 500);
    for heading in [
        "Headline figures",
        "Propagation",
        "Latency",
        "Bytes by kind of message",
        "By region",
        "Slowest items",
        "Slowest nodes",
        "All figures",
        "Manifest",
    ] {
        assert!(page.contains(&format!(">{heading}</h2>")), "{heading}");
    }
}

#[test]
fn the_page_asks_the_network_for_nothing() {
    let (run, summary) = sample();
    let page = page_of(&run, &summary);
    // The only address is the name of SVG's namespace, which nobody fetches.
    let page = page.replace("http://www.w3.org/2000/svg", "");
    for reference in ["http:", "https:", "src=", "href=", "url(", "@import", "<script", "<link"] {
        assert!(!page.contains(reference), "{reference}");
    }
}

#[test]
fn ids_are_used_once() {
    let (run, summary) = sample();
    let page = page_of(&run, &summary);
    let mut ids: Vec<&str> =
        page.split(" id=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    let count = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), count);
    for id in page.split("labelledby=\"").skip(1).filter_map(|rest| rest.split('"').next()) {
        assert!(id.split(' ').all(|id| ids.contains(&id)), "{id} names nothing");
    }
}

#[test]
fn markup_in_data_is_shown_and_not_obeyed() {
    let (mut run, mut summary) = sample();
    let attack = "</style><script>alert('\"&')</script>";
    for node in &mut run.nodes {
        node.region = attack.to_owned();
        node.node_type = attack.to_owned();
    }
    run.items[0].id = attack.to_owned();
    summary.inputs.strategy = attack.to_owned();
    summary.inputs.invalid_reasons = vec![attack.to_owned()];
    summary.bytes_by_kind.insert(attack.to_owned(), 9);
    run.manifest = run::Manifest::parse(format!("# {attack}\n")).unwrap();
    let page = page_of(&run, &summary);
    assert!(!page.contains("<script"));
    assert!(page.contains("&lt;script&gt;alert('&quot;&amp;')"), "in the page");
    assert!(page.contains("&lt;script&gt;alert(&#39;&quot;&amp;&#39;)"), "in its pictures");
    well_formed(&page);
}

#[test]
fn an_invalid_run_says_so_first() {
    let (run, mut summary) = sample();
    summary.valid = false;
    summary.inputs.invalid_reasons = vec!["12 nodes had no link.".to_owned()];
    let page = page_of(&run, &summary);
    let at = |text: &str| page.find(text).unwrap_or_else(|| panic!("{text} is missing"));
    assert!(at("<li>12 nodes had no link.</li>") < at("Headline figures"));
    assert!(at("Invalid: ") < at("<li>12 nodes"));
    assert!(page.contains("INVALID RUN"), "the picture may be shown without the page");
}

#[test]
fn without_regions_there_is_no_table_of_regions() {
    let sample = Sample { regions: false, ..Sample::default() };
    let run = sample.run();
    let page = page_of(&run, &Summary::compute(&run, sample.inputs()));
    assert!(!page.contains("By region"));
    assert!(page.contains("50 transactions and 1 block through 20 nodes</h1>"));
}

#[test]
fn a_run_without_anything_still_has_a_page() {
    let run = Run::default();
    let page = page_of(&run, &Summary::compute(&run, crate::figures::summary::Inputs::default()));
    well_formed(&page);
    assert!(page.contains("No item was delivered.") && page.contains("No messages were counted."));
}

#[test]
fn the_curve_marks_what_was_reached_and_nothing_else() {
    let (run, mut summary) = sample();
    summary.t99_ms = None;
    let svg = curve_svg(&run, &Spread::of(&run), &summary);
    well_formed(&svg);
    assert!(svg.contains(">t50 ") && svg.contains(">t90 ") && !svg.contains(">t99 "));
    let title = wording::headline(&summary, run.regions().len());
    assert!(svg.contains(&format!(">Spread of {title}</text>")), "{title}");
}

#[test]
fn one_straggler_does_not_squeeze_the_curve() {
    let sample = Sample { txs: 200, ..Sample::default() };
    let mut run = sample.run();
    let before = curve_end_us(&Spread::of(&run));
    run.deliveries[0].latency_us = 1_000_000_000;
    let after = curve_end_us(&Spread::of(&run));
    assert!(after < before * 2, "{before} became {after}");
}

#[test]
fn everything_that_follows_from_the_data_is_written() {
    let (run, summary) = sample();
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), &run, &summary).unwrap();
    let mut files: Vec<_> = std::fs::read_dir(dir.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    files.sort_unstable();
    assert_eq!(files, [run::CURVE, run::REPORT, run::SUMMARY_CSV, run::SUMMARY_JSON]);
    assert_eq!(Summary::read(dir.path()).unwrap(), summary);
}
