//! Pages that are made of the code, and committed so that people find them: they must not differ from it.

use std::fs;

use crate::{config, metrics};

/// Renews the pages.
const RENEW: &str = "TIDINGS_RENEW_PAGES";

fn compare(name: &str, page: &str) {
    let path = format!("{}/{name}", env!("CARGO_MANIFEST_DIR"));
    if std::env::var_os(RENEW).is_some() {
        fs::write(&path, page).unwrap();
    }
    let committed = fs::read_to_string(&path).unwrap_or_default();
    let new = page.lines().find(|line| !committed.lines().any(|kept| kept == *line));
    assert!(
        committed == page,
        "node/{name} isn't what the code says, such as {new:?}. Renew it: {RENEW}=1 cargo test -p tidings --lib pages"
    );
}

#[test]
fn metrics_are_those_of_the_page() {
    compare("METRICS.md", &metrics::reference());
}

#[test]
fn settings_are_those_of_the_page() {
    compare("CONFIG.md", &config::reference::reference());
}
