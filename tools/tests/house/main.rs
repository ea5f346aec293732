//! The rules of the house that no compiler knows, as tests of the repository itself.
//!
//! - [`documents`]: no file names a document that isn't here.

#![expect(clippy::unwrap_used, reason = "what fails here is the test")]

mod documents;
mod repository;
