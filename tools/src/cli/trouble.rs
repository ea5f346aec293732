//! What can stop a command, as a sentence and an exit code (`sysexits.h` where it has one that fits).

use std::fmt;

/// Failed.
pub(crate) const EXIT_FAILURE: u8 = 1;

/// Exit code of wrong arguments (sysexits.h, `EX_USAGE`).
pub(crate) const EXIT_USAGE: u8 = 64;

/// Exit code of an input that isn't there (sysexits.h, `EX_NOINPUT`).
pub(crate) const EXIT_NO_INPUT: u8 = 66;

/// Exit code of a network or nodes that can't be reached (sysexits.h, `EX_UNAVAILABLE`).
pub(crate) const EXIT_UNAVAILABLE: u8 = 69;

/// Exit code of settings that can't be used (sysexits.h, `EX_CONFIG`).
pub(crate) const EXIT_CONFIG: u8 = 78;

/// Why a command came to nothing.
#[derive(Debug)]
pub(crate) struct Trouble {
    /// A sentence.
    pub(crate) what: String,
    /// What to exit with.
    pub(crate) code: u8,
}

impl Trouble {
    pub(crate) fn usage(what: impl fmt::Display) -> Self {
        Self { what: what.to_string(), code: EXIT_USAGE }
    }

    pub(crate) fn unavailable(what: impl fmt::Display) -> Self {
        Self { what: what.to_string(), code: EXIT_UNAVAILABLE }
    }

    pub(crate) fn config(what: impl fmt::Display) -> Self {
        Self { what: what.to_string(), code: EXIT_CONFIG }
    }

    pub(crate) fn failure(what: impl fmt::Display) -> Self {
        Self { what: what.to_string(), code: EXIT_FAILURE }
    }

    /// A failure, unless the input wasn't there at all.
    pub(crate) fn of_input(what: impl fmt::Display, is_missing: bool) -> Self {
        let code = if is_missing { EXIT_NO_INPUT } else { EXIT_FAILURE };
        Self { what: what.to_string(), code }
    }
}
