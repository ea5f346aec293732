//! What a node is made of, as files in its data folder.
//!
//! - [`datadir`]: the folder itself, who is using it, and files for its owner only
//! - [`identity`]: the keys, on the network and of the account
//! - [`network`]: which network the node joins, under which rules
//! - [`addresses`]: the address book between runs

pub mod addresses;
pub mod datadir;
pub mod identity;
pub mod network;
