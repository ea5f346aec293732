//! Each scenario shows what its file says, and its page says what is seen.

use std::collections::BTreeSet;
use std::path::Path;

use super::book::{self, ALL, for_each_scenario};
use super::report::{self, Report};
use super::run;
use super::script::{Overrides, Run, Script};
use serde_json::json;
use tidings_sim::scenario::Scenario;
use tidings_sim::sparse;

/// Where a page has what `scenario run` prints: between this line and the end of the block.
const SEEN: &str = "```text\n$ tidings-testnet scenario run ";

fn scenarios() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios")
}

fn opened(name: &str) -> Script {
    book::open(name, &Overrides::default()).unwrap()
}

/// Runs it: what must be seen is seen, and its page has the very text. `TIDINGS_RENEW_PAGES=1` writes that text into the page.
fn check(name: &str) {
    let script = opened(name);
    let overrides = Overrides::default();
    let figures = run::all_simulated(&script).unwrap_or_else(|error| panic!("{name}: {error:?}"));
    let report = Report::new(&script, &overrides, figures).unwrap();
    let text = report.text();
    assert!(report.is_as_expected(), "{text}");
    let file = scenarios().join(format!("{name}.md"));
    let page = std::fs::read_to_string(&file).unwrap();
    let begin = page.find(SEEN).unwrap_or_else(|| panic!("{name}: no block begins {SEEN:?}"));
    let end = begin + 8 + page[begin + 8..].find("```").unwrap();
    let block = format!("{SEEN}{name}\n{text}");
    if std::env::var_os("TIDINGS_RENEW_PAGES").is_some() {
        std::fs::write(&file, format!("{}{block}{}", &page[..begin], &page[end..])).unwrap();
        return;
    }
    assert!(
        page[begin..end] == block,
        "{name}: renew its page with TIDINGS_RENEW_PAGES=1, and look at the difference:\n{text}"
    );
}

macro_rules! tests {
    ($($test:ident = $name:literal,)*) => {$(
        #[test]
        fn $test() {
            check($name);
        }
    )*};
}

mod shows {
    use super::{check, for_each_scenario};

    for_each_scenario!(tests);
}

#[test]
fn the_folder_has_a_file_and_a_page_of_each_and_its_readme_lists_them() {
    let names: BTreeSet<String> = ALL.iter().map(|entry| entry.name.to_owned()).collect();
    assert_eq!(names.len(), ALL.len());
    let readme = std::fs::read_to_string(scenarios().join("README.md")).unwrap();
    let mut there: BTreeSet<String> = BTreeSet::new();
    for file in std::fs::read_dir(scenarios()).unwrap() {
        let path = file.unwrap().path();
        let stem = path.file_stem().unwrap().to_str().unwrap().to_owned();
        if stem != "README" {
            assert!(["toml", "md"].iter().all(|it| path.with_extension(it).exists()), "{stem}");
            there.insert(stem);
        }
    }
    assert_eq!(there, names);
    for Script { name, head, .. } in ALL.iter().map(|entry| opened(entry.name)) {
        let line = format!("| [`{name}`]({name}.md) | {} |", head.title);
        assert!(readme.contains(&line), "the README should have the line that begins {line}");
    }
}

#[test]
fn each_page_is_short_and_names_only_what_there_is() {
    for Script { name, head, page, .. } in ALL.iter().map(|entry| opened(entry.name)) {
        let begin = page.find(SEEN).unwrap_or_else(|| panic!("{name}: no block begins {SEEN:?}"));
        let (before, block) = page.split_at(begin);
        let (_, after) = block[3..].split_once("```").unwrap();
        let lines = before.lines().count() + after.lines().count();
        assert!((30..=80).contains(&lines), "{name}: {lines} lines");
        assert!(page.starts_with(&format!("# {}\n", head.title)), "{name}: its title");
        assert!(page.lines().all(|line| !line.ends_with(' ')), "{name}: spaces at an end");
        for after in page.split("scenario run ").skip(1).chain(page.split("scenario show ").skip(1))
        {
            let end = |c: char| !c.is_ascii_alphanumeric() && c != '-';
            let named = after.split(end).next().unwrap();
            let is_here = ALL.iter().any(|entry| entry.name == named);
            assert!(is_here || after.starts_with("./") || named.is_empty(), "{name}: {named}");
        }
    }
}

#[test]
fn each_is_a_manifest_that_sim_and_launch_take_as_it_is() {
    let folder = scenarios();
    for entry in ALL {
        let file = folder.join(format!("{}.toml", entry.name));
        let settings =
            crate::manifest::args::SettingArgs { manifest: Some(file), ..Default::default() };
        let manifest = settings.lay_over(crate::manifest::Manifest::default()).unwrap();
        assert_eq!((manifest.validate(), manifest.scenario), (Ok(()), None), "{}", entry.name);
    }
}

#[test]
fn what_is_launched_can_be_and_what_is_not_says_why() {
    for entry in ALL {
        let overrides = Overrides { launched: true, ..Overrides::default() };
        let script = opened(entry.name);
        let launched = book::open(entry.name, &overrides);
        match &script.head.only_simulated {
            Some(why) => {
                let error = launched.unwrap_err();
                assert!(error.ends_with(&format!("it is only simulated: {why}")), "{error}");
            }
            None => {
                for variant in launched.unwrap().variants {
                    run::settings(&variant)
                        .unwrap_or_else(|error| panic!("{}: {error:?}", entry.name));
                }
            }
        }
    }
}

#[test]
fn a_list_for_programs_has_the_settings_of_each_variant() {
    for script in ALL.iter().map(|entry| opened(entry.name)) {
        let listed = report::listed(&script);
        for (variant, listed) in script.variants.iter().zip(listed["variants"].as_array().unwrap())
        {
            let scenario = &listed["scenario"];
            assert_eq!(scenario.is_object(), script.head.kind() == "network", "{}", script.name);
            if scenario.is_object() {
                let read: Scenario = serde_json::from_value(scenario.clone()).unwrap();
                assert_eq!(read, variant.manifest.scenario().unwrap());
            }
        }
    }
}

/// A scenario of two variants of twelve nodes.
const SMALL: &str = "[network]\nnodes = 12\n[workload]\nkind = \"transfers\"\ntxs = 3\nrate = 2.0\n\
    [scenario]\ntitle = \"Small\"\nfigures = [\"coverage\", \"t99_ms\"]\n\
    [[scenario.variant]]\nname = \"a\"\nsays = \"as it is\"\n\
    [[scenario.variant]]\nname = \"b\"\nsays = \"flooded\"\nset = { params.relay.strategy = \"flood\" }\n";

fn small(more: &str, overrides: &Overrides) -> Result<Script, String> {
    Script::read("small", &format!("{SMALL}{more}"), "", overrides)
}

#[test]
fn a_wrong_expectation_says_what_was_seen_and_what_was_expected() {
    let expect =
        |that: &str| format!("[[scenario.expect]]\nthat = \"{that}\"\nso = \"so it is\"\n");
    let overrides = Overrides { seed: Some(7), ..Overrides::default() };
    let script =
        small(&(expect("b.coverage = 1") + &expect("a.coverage < 0.5")), &overrides).unwrap();
    assert!(script.variants.iter().all(|variant| variant.manifest.seed == 7));
    let figures = run::all_simulated(&script).unwrap();
    let report = Report::new(&script, &overrides, figures).unwrap();
    assert!(!report.is_as_expected());
    let text = report.text();
    let sentence = "NOT seen: so it is\n      expected a.coverage < 0.5, but a.coverage is 100 %\n";
    assert!(text.contains(sentence), "{text}");
    assert!(
        text.contains("1 of 2 seen: it is NOT as expected. What is expected was written for"),
        "{text}"
    );
    let json = report.json();
    assert_eq!(
        (json["as_expected"].as_bool(), json["expect"][0]["seen"].as_bool()),
        (Some(false), Some(true))
    );
    let script = small(&expect("b.t98_ms < 1"), &overrides).unwrap();
    let figures = run::all_simulated(&script).unwrap();
    let error = Report::new(&script, &overrides, figures).unwrap_err();
    assert!(error.contains("b has no figure t98_ms; did you mean `t9"), "{error}");
}

#[test]
fn every_mistake_in_a_file_has_its_sentence() {
    let variant = |name: &str, set: &str| {
        format!("[[scenario.variant]]\nname = \"{name}\"\nsays = \"x\"\nset = {{ {set} }}\n")
    };
    let nothing = Overrides::default();
    for (more, sentence) in [
        (variant("a", ""), "two variants are called a"),
        (variant("c d", ""), "the variant `c d` must be called by letters"),
        (variant("5", ""), "the variant `5` must be called by letters"),
        (variant("c", "params.relay.stratgy = 1"), "variant c: set: unknown field `stratgy`"),
        (variant("c", "network.nodes = 1"), "variant c: network.nodes is 1, but must be"),
        (variant("c", "scenario.run = { kind = \"gymm\" }"), "did you mean `gym`?"),
        (["c", "d", "e", "f", "g"].map(|name| variant(name, "")).concat(), "it has 7 variants"),
        (
            "[[scenario.expect]]\nthat = \"c.x < 1\"\nso = \"x\"\n".to_owned(),
            "there is no variant c",
        ),
        ("[[scenario.expct]]\n".to_owned(), "did you mean `expect`?"),
    ] {
        let error = small(&more, &nothing).unwrap_err();
        assert!(error.starts_with("scenario small: ") && error.contains(sentence), "{error}");
    }
    let error = Script::read("plain", "seed = 3\n", "", &nothing).unwrap_err();
    assert!(error.contains("it has no table [scenario]"), "{error}");
    let nodes = Overrides { nodes: Some(30), ..Overrides::default() };
    let error = small(&variant("c", "network.nodes = 20"), &nodes).unwrap_err();
    assert!(error.contains("variants differ by it"), "{error}");
    let error = book::open("eclipse", &nodes).unwrap_err();
    assert!(error.contains("--nodes has no meaning here: it is of kind gym"), "{error}");
    assert_eq!(small("", &nodes).unwrap().variants[1].manifest.network.nodes, 30);
}

/// What the laboratory offers: the scenarios that the simulator of nodes runs, one for each variant, and its defaults.
fn offered() -> String {
    let mut offered = Vec::new();
    for entry in ALL {
        let script = opened(entry.name);
        for variant in script.variants.iter().filter(|variant| variant.run == Run::Network) {
            let scenario = variant.manifest.scenario().unwrap();
            offered.push(json!({
                "name": format!("{}/{}", script.name, variant.name),
                "words": format!("{}: {}", script.head.title, variant.name),
                "scenario": sparse::differing(&scenario),
            }));
        }
    }
    let default = serde_json::to_value(Scenario::default()).unwrap();
    let defaults = json!({
        "strategy": default["params"]["relay"]["strategy"],
        "nodes": default["network"]["nodes"],
        "overlay": default["network"]["topology"],
        "link": default["link"]["model"],
        "fanout": default["params"]["relay"]["fanout"],
        "txs": default["workload"]["txs"],
        "rate": default["workload"]["rate"],
        "seed": default["seed"],
    });
    format!("{:#}\n", json!({ "defaults": defaults, "scenarios": offered }))
}

#[test]
fn the_laboratory_offers_what_the_simulator_of_nodes_can_run() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("viewer/src/lab/presets.json");
    let offered = offered();
    if std::env::var_os("TIDINGS_RENEW_PAGES").is_some() {
        return std::fs::write(file, offered).unwrap();
    }
    let has = std::fs::read_to_string(&file).unwrap();
    assert_eq!(has, offered, "renew it with TIDINGS_RENEW_PAGES=1, and build the viewer");
}
