//! What a way of attacking consists of.

use std::io;

use futures::future::LocalBoxFuture;

use crate::lane::Lane;

/// What one peer does until its link ends; then it begins again.
pub type Attack = fn(Lane) -> LocalBoxFuture<'static, io::Result<()>>;

/// A way of attacking.
#[derive(Clone, Copy, Debug)]
pub struct Mode {
    /// Its name.
    pub name: &'static str,
    /// What it does, in a line.
    pub does: &'static str,
    /// What must hold all the same, in a line.
    pub holds: &'static str,
    /// How many peers do it at once.
    pub lanes: usize,
    /// Whether it floods blocks, which take precedence over transactions.
    pub is_of_blocks: bool,
    /// Whether all that it sends is valid, and no more than a link may: then all pools are equal in the end.
    pub is_fair: bool,
    /// How many strangers come each second, whatever becomes of them, if that is what it does.
    pub per_s: Option<u32>,
    /// What each of them does.
    pub attack: Attack,
}
