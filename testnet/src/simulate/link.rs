//! `sim --link`: the address at which a browser's tab simulates the same, to the event hash.
//!
//! The page is [`LAB`], the laboratory with the simulator in it. What stands behind `#` is the scenario itself
//! ([`tidings_sim::sparse`]): there is no server that could forget it.

use tidings_sim::scenario::Scenario;
use tidings_sim::sparse;

/// The page, from the root of the repository.
pub const LAB: &str = "testnet/viewer/dist/lab.html";

/// The link that replays a scenario, from the root of the repository.
#[must_use]
pub fn of(scenario: &Scenario) -> String {
    format!("{LAB}#{}", sparse::fragment(scenario))
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use clap::Parser as _;

    use super::*;
    use crate::simulate::SimArgs;

    #[derive(clap::Parser)]
    struct Line {
        #[command(flatten)]
        sim: SimArgs,
    }

    /// The link of a command line, which begins with `sim`.
    fn link_of(command: &str) -> String {
        let line = Line::try_parse_from(command.split_whitespace());
        let line = line.unwrap_or_else(|error| panic!("{command}: {error}"));
        let manifest = line.sim.resolve().unwrap_or_else(|error| panic!("{command}: {error}"));
        of(&manifest.scenario().unwrap_or_else(|error| panic!("{command}: {error}")))
    }

    fn pages(root: &Path) -> Vec<PathBuf> {
        let in_root = ["README.md", "MEASURED.md"].map(|name| root.join(name));
        let scenarios = std::fs::read_dir(root.join("testnet/scenarios")).unwrap();
        let scenarios = scenarios.map(|entry| entry.unwrap().path());
        let mut pages: Vec<PathBuf> = in_root.into_iter().chain(scenarios).collect();
        pages.retain(|path| path.extension().is_some_and(|extension| extension == "md"));
        pages.sort();
        pages
    }

    /// A page with the address of each link to the laboratory as its title says: `(…/lab.html#… "sim …")`. How many there are.
    fn renewed(page: &str) -> (String, usize) {
        let (mut made, mut rest, mut count) = (String::new(), page, 0);
        while let Some(at) = rest.find("lab.html#") {
            let (before, link) = rest.split_at(at);
            let end = link.find(')').expect("a link ends");
            let title =
                link[..end].split_once(" \"").and_then(|(_, title)| title.strip_suffix('"'));
            let title = title.unwrap_or_else(|| panic!("no command behind {}", &link[..end]));
            let (_, address) =
                link_of(title).rsplit_once('/').map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
            made += &format!("{before}{address} \"{title}\"");
            (rest, count) = (&link[end..], count + 1);
        }
        (made + rest, count)
    }

    #[test]
    fn links_of_documents_replay_the_command_that_their_title_says() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let mut all = 0;
        for path in pages(root) {
            let page = std::fs::read_to_string(&path).unwrap();
            let (made, count) = renewed(&page);
            all += count;
            if std::env::var_os("TIDINGS_RENEW_PAGES").is_some() {
                std::fs::write(&path, &made).unwrap();
            } else {
                assert_eq!(made, page, "{}: renew it with TIDINGS_RENEW_PAGES=1", path.display());
            }
        }
        assert!(all >= 10, "{all} links");
    }

    #[test]
    fn a_link_says_what_differs_and_no_more() {
        assert_eq!(link_of("sim"), format!("{LAB}#lab=%7B%7D"));
        let link =
            link_of("sim --nodes 200 --seed 3 --write node=3,at_s=0.5 --fault cut:links=3-4");
        let (_, text) = link.split_once("#lab=").unwrap();
        let text = percent_encoding::percent_decode_str(text).decode_utf8().unwrap();
        let scenario: Scenario =
            serde_json::from_str(&text).unwrap_or_else(|error| panic!("{text}: {error}"));
        scenario.validate().unwrap();
        assert_eq!((scenario.network.nodes, scenario.seed, scenario.write[0].node), (200, 3, 3));
        assert_eq!(of(&scenario), link);
    }
}
