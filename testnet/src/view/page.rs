//! The page around the runs: served in parts, or whole in one file. The viewer stands in this program as it was built from
//! `testnet/viewer` (see the README there), so that cargo needs no npm.

use std::fmt::Write as _;

use data_encoding::BASE64;
use serde_json::json;
use tidings::http::pages::{Page, Pages};

use super::sources::Source;

/// The page without its script, style and runs. Three marks say where these go.
const HTML: &str = include_str!("../../viewer/dist/index.html");

/// Its script.
const SCRIPT: &str = include_str!("../../viewer/dist/view.js");

/// Its style.
const STYLE: &str = include_str!("../../viewer/dist/view.css");

/// The simulator as WebAssembly, compressed by gzip: `.ci/wasm --renew` makes it.
const SIMULATOR: &[u8] = include_bytes!("../../viewer/dist/simulator.wasm.gz");

/// Where `index.html` has its style.
const STYLE_MARK: &str = "<link rel=\"stylesheet\" href=\"view.css\">";
/// Where it has its script.
const SCRIPT_MARK: &str = "<script src=\"view.js\"></script>";
/// Where it says what it shows.
const SOURCES_MARK: &str = "<!-- sources -->";

/// Path of the simulator on the server.
const SIMULATOR_PATH: &str = "/simulator.wasm";

/// All that the server has.
pub(super) fn served(sources: Vec<Source>) -> Pages {
    let html = HTML.replacen(SOURCES_MARK, &listed(&sources), 1);
    let mut pages = Pages::new();
    let mut put = |path: String, media, bytes: Vec<u8>, is_gzip| {
        pages.insert(path, Page { media, bytes: bytes.into(), is_gzip });
    };
    put("/".to_owned(), "text/html; charset=utf-8", html.into_bytes(), false);
    put("/view.js".to_owned(), "text/javascript; charset=utf-8", SCRIPT.into(), false);
    put("/view.css".to_owned(), "text/css; charset=utf-8", STYLE.into(), false);
    put(SIMULATOR_PATH.to_owned(), "application/wasm", SIMULATOR.to_vec(), true);
    for (number, source) in sources.into_iter().enumerate() {
        put(path_of(number), "application/octet-stream", source.bytes, false);
    }
    pages
}

fn path_of(number: usize) -> String {
    format!("/timeline/{number}")
}

/// What the served page reads to know its runs.
fn listed(sources: &[Source]) -> String {
    let one =
        |(number, source): (usize, &Source)| json!({ "name": source.name, "url": path_of(number) });
    let list: Vec<_> = sources.iter().enumerate().map(one).collect();
    // Nothing in a string of JSON needs `<` as it is, and so no name ends the script.
    let list = json!(list).to_string().replace('<', "\\u003c");
    let simulator = json!({ "url": SIMULATOR_PATH });
    format!(
        "<script type=\"application/json\" id=\"sources\">{list}</script>\
         <script type=\"application/json\" id=\"simulator\">{simulator}</script>"
    )
}

/// The page as one file, which asks for nothing else.
pub(super) fn whole(sources: &[Source]) -> String {
    let mut data = String::new();
    for Source { name, bytes } in sources {
        let (name, text) = (attribute(name), BASE64.encode(bytes));
        let _ = writeln!(
            data,
            "<script type=\"application/octet-stream\" class=\"timeline\" data-name=\"{name}\">{text}</script>"
        );
    }
    let simulator = BASE64.encode(SIMULATOR);
    let _ = writeln!(
        data,
        "<script type=\"application/octet-stream\" id=\"simulator\">{simulator}</script>"
    );
    HTML.replacen(STYLE_MARK, &format!("<style>{}</style>", contained(STYLE)), 1)
        .replacen(SOURCES_MARK, &data, 1)
        .replacen(SCRIPT_MARK, &format!("<script>{}</script>", contained(SCRIPT)), 1)
}

/// A script or style that can't end its element: `</script`, `</style` and `<!--` may stand in strings only, where a backslash changes
/// nothing.
fn contained(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('<') {
        let (before, from) = rest.split_at(at);
        safe.push_str(before);
        let begins =
            |with: &str| from.get(..with.len()).is_some_and(|it| it.eq_ignore_ascii_case(with));
        safe.push('<');
        if begins("</script") || begins("</style") || begins("<!--") {
            safe.push('\\');
        }
        rest = &from[1..];
    }
    safe + rest
}

/// Text within the quotes of an attribute.
fn attribute(text: &str) -> String {
    text.replace('&', "&amp;").replace('"', "&quot;").replace('<', "&lt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sources() -> Vec<Source> {
        let source =
            |name: &str, bytes: &[u8]| Source { name: name.to_owned(), bytes: bytes.to_vec() };
        vec![source("push", b"TIDINGTL push"), source("</script><script>alert(1)", b"\xff\0\"<")]
    }

    #[test]
    fn the_page_has_each_mark_once() {
        for mark in [STYLE_MARK, SCRIPT_MARK, SOURCES_MARK] {
            assert_eq!(HTML.matches(mark).count(), 1, "{mark}");
        }
    }

    #[test]
    fn the_server_has_the_page_its_parts_and_each_run() {
        let pages = served(sources());
        let paths: Vec<_> = pages.keys().map(String::as_str).collect();
        let all = ["/", SIMULATOR_PATH, "/timeline/0", "/timeline/1", "/view.css", "/view.js"];
        assert_eq!(paths, all);
        assert!(pages[SIMULATOR_PATH].is_gzip, "the browser unpacks it");
        assert_eq!(&pages["/timeline/1"].bytes[..], b"\xff\0\"<");
        let html = String::from_utf8(pages["/"].bytes.to_vec()).unwrap();
        let list = html.split_once("id=\"sources\">").unwrap().1.split_once("</script>").unwrap().0;
        let list: serde_json::Value = serde_json::from_str(list).unwrap();
        assert_eq!(list[1], json!({ "name": "</script><script>alert(1)", "url": "/timeline/1" }));
        assert!(!html.contains("<script>alert"), "a name is no script");
    }

    #[test]
    fn one_file_has_everything_and_no_run_or_name_ends_a_script() {
        let html = whole(&sources());
        for mark in [STYLE_MARK, SCRIPT_MARK, SOURCES_MARK] {
            assert!(!html.contains(mark), "{mark}");
        }
        assert!(
            html.contains(&format!(
                "data-name=\"push\">{}</script>",
                BASE64.encode(b"TIDINGTL push")
            ))
        );
        assert!(html.contains("data-name=\"&lt;/script>&lt;script>alert(1)\""));
        assert_eq!(html.matches("<script").count(), html.matches("</script>").count());
        assert!(!html.contains(" src=\"") && !html.contains(" href=\"view"), "it asks for nothing");
    }

    /// Most bytes of a page without the simulator, compressed as a server would.
    const PAGE_MAX: usize = 150_000;

    #[test]
    fn a_page_without_runs_is_small_enough_to_be_mailed() {
        let parts = [HTML, SCRIPT, STYLE]
            .map(|part| miniz_oxide::deflate::compress_to_vec(part.as_bytes(), 9).len());
        let all: usize = parts.iter().sum();
        assert!(all > 10_000 && all <= PAGE_MAX, "{all} bytes: {parts:?}");
    }

    #[test]
    fn a_script_cannot_end_its_element() {
        assert_eq!(contained("a<b; x='</SCRIPT><!-- é'; y<"), "a<b; x='<\\/SCRIPT><\\!-- é'; y<");
    }
}
