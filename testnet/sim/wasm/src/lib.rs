//! The simulator for whoever has no operating system: a page of a browser, or a few lines of Node.js.
//!
//! The module imports nothing, so that it can't do anything but reckon. What goes in and out is JSON in the
//! module's memory:
//!
//! 1. `tidings_input(length)` makes room for a scenario ([`tidings_sim::scenario::Scenario`]; what is left out has
//!    its default) and tells where; the caller writes it there.
//! 2. `tidings_begin()` sets up its network. True if that can be, false if there is a sentence about what is wrong.
//! 3. `tidings_advance(events)` goes on by so many events. True until the run is over. The output says how far it is:
//!    [`run::Progress`].
//! 4. `tidings_finish()` ends it where it stands. The output is what it came to ([`run::Figures`]), and the timeline is
//!    what happened, as a file ([`tidings_timeline()`]). Then the next run may begin.
//!
//! Or, instead of 2 to 4, `tidings_simulate()` runs it at once, of any size, and records nothing.
//!
//! `tidings_output()` and `tidings_output_length()` tell where the output stands, `tidings_timeline()` and
//! `tidings_timeline_length()` where the timeline does. The next call of any but these four invalidates both, and any
//! call may move the memory: take a new view of it each time.

pub mod run;

use std::cell::RefCell;

use serde::Serialize;

use run::Run;

thread_local! {
    /// A module has one thread, and so one of these.
    static EXCHANGE: RefCell<Exchange> = const { RefCell::new(Exchange::EMPTY) };
}

/// What goes in and out, and the run under way.
struct Exchange {
    input: Vec<u8>,
    output: String,
    timeline: Vec<u8>,
    run: Option<Run>,
}

impl Exchange {
    const EMPTY: Self =
        Self { input: Vec::new(), output: String::new(), timeline: Vec::new(), run: None };

    /// Makes the output of an answer: JSON, or a sentence about what is wrong. Whether there is an answer.
    fn answer<T: Serialize>(&mut self, answer: Result<T, String>) -> bool {
        let answer = answer
            .and_then(|answer| serde_json::to_string(&answer).map_err(|error| error.to_string()));
        let good = answer.is_ok();
        self.output = answer.unwrap_or_else(|problem| problem);
        good
    }

    fn begin(&mut self) -> bool {
        // First, so that two networks never stand at once.
        (self.run, self.timeline) = (None, Vec::new());
        match Run::begin(&self.input) {
            Ok(run) => {
                let progress = run.progress();
                self.run = Some(run);
                self.answer(Ok(progress))
            }
            Err(problem) => self.answer::<()>(Err(problem)),
        }
    }

    fn advance(&mut self, events: u32) -> bool {
        let Some(run) = &mut self.run else {
            self.answer::<()>(Err(NO_RUN.to_owned()));
            return false;
        };
        let (more, progress) = (run.advance(events), run.progress());
        self.answer(Ok(progress));
        more
    }

    fn finish(&mut self) -> bool {
        let Some(run) = self.run.take() else {
            return self.answer::<()>(Err(NO_RUN.to_owned()));
        };
        let (figures, timeline) = run.finish();
        self.timeline = timeline;
        self.answer(Ok(figures))
    }
}

/// What is said where there is no run.
const NO_RUN: &str = "No run has begun.";

/// Makes room for a scenario of so many bytes, and tells where.
#[expect(unsafe_code, reason = "an exported name; see this crate's manifest")]
#[unsafe(no_mangle)]
pub extern "C" fn tidings_input(length: usize) -> *mut u8 {
    EXCHANGE.with_borrow_mut(|exchange| {
        exchange.input.clear();
        exchange.input.resize(length, 0);
        exchange.input.as_mut_ptr()
    })
}

/// Runs the scenario at once. False if it is none: then the output says why.
#[expect(unsafe_code, reason = "an exported name; see this crate's manifest")]
#[unsafe(no_mangle)]
pub extern "C" fn tidings_simulate() -> bool {
    EXCHANGE.with_borrow_mut(|exchange| {
        let answer = run::whole(&exchange.input);
        exchange.answer(answer)
    })
}

/// Sets up the scenario's network. False if it is none, or too large: then the output says why.
#[expect(unsafe_code, reason = "an exported name; see this crate's manifest")]
#[unsafe(no_mangle)]
pub extern "C" fn tidings_begin() -> bool {
    EXCHANGE.with_borrow_mut(Exchange::begin)
}

/// Goes on by so many events. False if the run is over then.
#[expect(unsafe_code, reason = "an exported name; see this crate's manifest")]
#[unsafe(no_mangle)]
pub extern "C" fn tidings_advance(events: u32) -> bool {
    EXCHANGE.with_borrow_mut(|exchange| exchange.advance(events))
}

/// Ends the run. False if there is none.
#[expect(unsafe_code, reason = "an exported name; see this crate's manifest")]
#[unsafe(no_mangle)]
pub extern "C" fn tidings_finish() -> bool {
    EXCHANGE.with_borrow_mut(Exchange::finish)
}

/// Where the output is.
#[expect(unsafe_code, reason = "an exported name; see this crate's manifest")]
#[unsafe(no_mangle)]
pub extern "C" fn tidings_output() -> *const u8 {
    EXCHANGE.with_borrow(|exchange| exchange.output.as_ptr())
}

/// How many bytes it has.
#[expect(unsafe_code, reason = "an exported name; see this crate's manifest")]
#[unsafe(no_mangle)]
pub extern "C" fn tidings_output_length() -> usize {
    EXCHANGE.with_borrow(|exchange| exchange.output.len())
}

/// Where the timeline is.
#[expect(unsafe_code, reason = "an exported name; see this crate's manifest")]
#[unsafe(no_mangle)]
pub extern "C" fn tidings_timeline() -> *const u8 {
    EXCHANGE.with_borrow(|exchange| exchange.timeline.as_ptr())
}

/// How many bytes it has.
#[expect(unsafe_code, reason = "an exported name; see this crate's manifest")]
#[unsafe(no_mangle)]
pub extern "C" fn tidings_timeline_length() -> usize {
    EXCHANGE.with_borrow(|exchange| exchange.timeline.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: &str = r#"{"network": {"nodes": 30}, "seed": 11,
        "workload": {"txs": 3, "rate": 20.0, "sizes": {"fixed": 300}}}"#;

    fn input(scenario: &str) {
        let place = tidings_input(scenario.len());
        assert!(!place.is_null());
        EXCHANGE.with_borrow_mut(|exchange| exchange.input.copy_from_slice(scenario.as_bytes()));
    }

    fn output() -> String {
        let output = EXCHANGE.with_borrow(|exchange| exchange.output.clone());
        assert_eq!(tidings_output_length(), output.len());
        output
    }

    fn simulate(scenario: &str) -> (bool, String) {
        input(scenario);
        (tidings_simulate(), output())
    }

    /// A run in pieces, with its timeline.
    fn record(scenario: &str) -> (String, Vec<u8>) {
        input(scenario);
        assert!(tidings_begin(), "{}", output());
        while tidings_advance(1_000) {
            assert!(output().starts_with("{\"simulated_s\":"), "{}", output());
        }
        assert!(tidings_finish());
        let timeline = EXCHANGE.with_borrow(|exchange| exchange.timeline.clone());
        assert_eq!(tidings_timeline_length(), timeline.len());
        (output(), timeline)
    }

    #[test]
    fn a_scenario_goes_in_and_its_figures_come_out() {
        let (good, output) = simulate(SMALL);
        assert!(good, "{output}");
        assert!(output.contains("\"missing\":0"), "{output}");
        assert_eq!(simulate(SMALL), (true, output), "a seed gives one run");
    }

    #[test]
    fn runs_come_one_after_another_and_each_is_recorded() {
        let first = record(SMALL);
        assert_eq!(first.0, simulate(SMALL).1);
        assert_ne!(record(&SMALL.replace("11", "12")), first);
        assert_eq!(record(SMALL), first, "nothing is left of the run between");
        assert!(!tidings_finish() && !tidings_advance(1), "it is over");
        assert_eq!(output(), NO_RUN);
    }

    #[test]
    fn what_makes_no_sense_is_answered_with_a_sentence() {
        for (scenario, sentence) in [
            ("{", "EOF while parsing"),
            ("{\"sed\": 1}", "unknown field `sed`"),
            ("{\"network\": {\"nodes\": 1}}", "network.nodes is 1, but must be 2"),
        ] {
            let (good, output) = simulate(scenario);
            assert!(!good && output.contains(sentence), "{output}");
            assert!(!tidings_begin(), "{scenario}");
            assert_eq!(self::output(), output);
        }
    }
}
