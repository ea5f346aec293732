//! Panics: faults of the program, which nobody may be able to cause, and whoever finds one can.
//!
//! A panic in what concerns one connection or one request costs that connection or request: its task is unwound, and
//! what others rely on isn't in it (`net/contained.rs`, `http/contain.rs`). The core's state belongs to everybody, so
//! that it isn't gone on with: then the shell saves what was acknowledged, and the process ends with a message and
//! [`EXIT_SOFTWARE`] (`shell/fault.rs`); a host of many nodes goes on with the others (`host.rs`).
//!
//! Here is only how panics are told: as lines of the log, escaped and merged like all others, since a stranger who finds a
//! panic chooses how often it happens.

use std::any::Any;
use std::panic::{self, PanicHookInfo};
use std::thread;

use crate::logging;

/// What a process ends with that a fault of the program stopped (`sysexits.h`).
pub const EXIT_SOFTWARE: u8 = 70;

/// Has panics of this process told as lines of the log; with `RUST_BACKTRACE` as the standard library does, too.
pub fn tell_in_log() {
    let usual = panic::take_hook();
    let backtraces = std::env::var_os("RUST_BACKTRACE").is_some_and(|set| set != "0");
    panic::set_hook(Box::new(move |info| {
        tell(info);
        if backtraces {
            usual(info);
        }
    }));
}

fn tell(info: &PanicHookInfo<'_>) {
    let message = message(info.payload());
    let at = info.location().map(ToString::to_string).unwrap_or_default();
    let thread = thread::current();
    let thread = thread.name().unwrap_or("unnamed");
    if tracing::dispatcher::has_been_set() {
        tracing::error!(at, thread, "a fault of the program, please report it: panic: {message}");
    } else {
        logging::tell(&format!(
            "tidings: a fault of the program, please report it: panic at {at}: {message}"
        ));
    }
}

/// What a panic says.
#[must_use]
pub fn message(payload: &(dyn Any + Send)) -> &str {
    let text = payload.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| payload.downcast_ref::<&str>().copied()).unwrap_or("it says nothing")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_says_what_it_was_called_with() {
        let said = |panics: fn()| message(&*panic::catch_unwind(panics).unwrap_err()).to_owned();
        assert_eq!(said(|| panic!("plain")), "plain");
        assert_eq!(said(|| panic!("{} made", "text")), "text made");
        assert_eq!(said(|| panic::panic_any(7)), "it says nothing");
    }
}
