//! Many runs side by side: what they show together that none shows alone.
//!
//! - [`compare`]: strategies on the same workload and seeds; [`frontier`] draws them in one plane
//! - [`dial`]: whether adaptive keeps its dial, wherever it is
//! - [`gym`]: what it takes to be all of a node's peers
//! - [`blocks`]: how soon blocks are everywhere, by names and whole
//! - [`heal`]: what a partition costs when it ends
//! - [`mean_field`]: what is to be expected of `reconcile`, as a curve on the plane
//! - [`members`]: who is taken for dead in simulated fleets, and how soon
//! - [`overlay`]: who still hangs together after most nodes died at once
//! - [`rounds`]: strategies against [`theory`] and the literature; [`predict`] draws that by number of nodes
//! - [`validate`]: one manifest simulated and launched; [`versus`]: our nodes and others' launched in turns
//! - [`jobs`]: runs on several threads; [`progress`]: how far they are; [`world`]: what contestants share, and their folder; [`table`]: figures with their goals

pub mod blocks;
pub mod compare;
pub mod dial;
pub mod frontier;
pub mod gym;
pub mod heal;
pub mod jobs;
pub mod mean_field;
pub mod members;
pub mod overlay;
pub mod predict;
pub mod progress;
pub mod rounds;
pub mod table;
pub mod theory;
pub mod validate;
pub mod versus;
pub mod world;
