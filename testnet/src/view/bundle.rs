//! The viewer, as it was built from `testnet/viewer`: see the README there. Cargo needs no npm.

/// The page without its script, style and runs. Three marks say where these go.
pub(super) const HTML: &str = include_str!("../../viewer/dist/index.html");

/// Its script.
pub(super) const SCRIPT: &str = include_str!("../../viewer/dist/view.js");

/// Its style.
pub(super) const STYLE: &str = include_str!("../../viewer/dist/view.css");

/// The simulator as WebAssembly, compressed by gzip; `None` while there is none.
pub(super) const SIMULATOR: Option<&[u8]> = None;

#[cfg(test)]
mod tests {
    use super::*;

    /// Most bytes of a page without the simulator, compressed as a server would.
    const PAGE_MAX: usize = 150_000;

    #[test]
    fn a_page_is_small_enough_to_be_sent_by_mail() {
        let parts = [HTML, SCRIPT, STYLE].map(|part| {
            miniz_oxide::deflate::compress_to_vec(part.as_bytes(), 9).len()
        });
        let all: usize = parts.iter().sum();
        assert!(all > 10_000 && all <= PAGE_MAX, "{all} bytes: {parts:?}");
    }
}
