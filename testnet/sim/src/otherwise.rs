//! One thing otherwise: what a simulated world may be told to do differently from how it went.
//!
//! A counterfactual is the same world with the same draws in which one thing isn't as it was: a node whose line carries
//! anything at once, a node with other parameters, a message with another fate. Faults are made to spare somebody where they
//! are ([`crate::fault::Exempt`]). Whatever isn't changed goes on as it does without: nothing is drawn more or less.

use std::sync::Arc;

use tidings_protocol::ground::item::ItemId;
use tidings_protocol::ground::time::Time;
use tidings_protocol::params::Params;

use crate::watch::{Word, names};
use tidings_protocol::wire::message::Message;

/// What is otherwise in a world. Nothing, by default.
#[derive(Clone, Debug, Default)]
pub struct Otherwise {
    /// Nodes whose lines carry anything at once, both ways.
    pub wide: Vec<u32>,
    /// Nodes with parameters of their own.
    pub params: Vec<(u32, Arc<Params>)>,
    /// Messages with another fate.
    pub edits: Vec<Edit>,
}

/// A message whose fate is another. It is known by the moment of its sending, so that only a world with the same draws
/// until then has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Edit {
    /// The item that it names.
    pub item: ItemId,
    /// What it says of it.
    pub word: Word,
    /// Who sends it.
    pub from: u32,
    /// To whom.
    pub to: u32,
    /// When.
    pub at: Time,
    /// What becomes of it.
    pub into: Into,
}

/// What becomes of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Into {
    /// No fault touches it.
    Arrives,
    /// It is never there.
    Lost,
    /// It takes so long on its way, nanoseconds, whatever the link model draws.
    Takes(u64),
}

impl Otherwise {
    /// The parameters of a node, if they are its own.
    #[must_use]
    pub fn params_of(&self, node: u32) -> Option<&Params> {
        let own = self.params.iter().rev().find(|(other, _)| *other == node);
        own.map(|(_, params)| &**params)
    }

    /// What becomes of a message, if anything else than would.
    #[must_use]
    pub fn fate(&self, from: u32, to: u32, message: &Message, at: Time) -> Option<Into> {
        let is_it = |edit: &&Edit| {
            (edit.from, edit.to, edit.at) == (from, to, at)
                && names(message, edit.item) == Some(edit.word)
        };
        self.edits.iter().find(is_it).map(|edit| edit.into)
    }
}
