//! The viewer, as it was built from `testnet/viewer`: see the README there. Cargo needs no npm.

/// The page without its script, style and runs. Three marks say where these go.
pub(super) const HTML: &str = include_str!("../../viewer/dist/index.html");

/// Its script.
pub(super) const SCRIPT: &str = include_str!("../../viewer/dist/view.js");

/// Its style.
pub(super) const STYLE: &str = include_str!("../../viewer/dist/view.css");

/// The simulator as WebAssembly, compressed by gzip. `.ci/wasm --renew` makes it.
pub(super) const SIMULATOR: &[u8] = include_bytes!("../../viewer/dist/simulator.wasm.gz");
