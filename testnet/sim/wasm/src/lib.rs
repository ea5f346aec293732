//! The simulator for whoever has no operating system: a page of a browser, or a few lines of Node.js.
//!
//! The module imports nothing, so that it can't do anything but reckon. What goes in and out is JSON in the
//! module's memory:
//!
//! 1. `tidings_input(length)` makes room for a scenario ([`tidings_sim::scenario::Scenario`]; what is left out has
//!    its default) and tells where; the caller writes it there.
//! 2. `tidings_simulate()` runs it. True if there is a result, false if there is a sentence about what is wrong.
//! 3. `tidings_output()` and `tidings_output_length()` tell where it stands. The next call of any but these two
//!    invalidates it, and any call may move the memory: take a new view of it each time.

use std::cell::RefCell;

use serde::Serialize;
use tidings_sim::scenario::Scenario;
use tidings_sim::simulation;

thread_local! {
    /// A module has one thread, and so one of these.
    static EXCHANGE: RefCell<Exchange> = const { RefCell::new(Exchange::EMPTY) };
}

/// What goes in and out.
struct Exchange {
    input: Vec<u8>,
    output: String,
}

impl Exchange {
    const EMPTY: Self = Self { input: Vec::new(), output: String::new() };
}

/// What a run came to.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Figures {
    /// The hash over all its events: equal for equal runs, wherever they run.
    pub event_hash: String,
    /// Inputs that nodes handled.
    pub events: u64,
    /// Pairs of an item and a living node that missed it.
    pub missing: u64,
    /// When the last delivery was, seconds of simulated time after the first measured submission.
    pub last_delivery_s: f64,
    /// Why it proves nothing; empty if it does.
    pub invalid_reasons: Vec<String>,
}

/// Runs a scenario.
///
/// # Errors
/// A sentence about what is wrong with it.
pub fn run(scenario: &[u8]) -> Result<Figures, String> {
    let scenario: Scenario = serde_json::from_slice(scenario).map_err(|error| error.to_string())?;
    scenario.validate()?;
    let finished = simulation::simulate(&scenario)?;
    let (world, first) = (&finished.world, finished.outlook.first);
    Ok(Figures {
        event_hash: world.hash().to_string(),
        events: world.events(),
        missing: world.record().open(),
        last_delivery_s: world.record().last().since(first).as_secs_f64(),
        invalid_reasons: finished.invalid_reasons,
    })
}

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

/// Runs the scenario. False if it is none: then the output says why.
#[expect(unsafe_code, reason = "an exported name; see this crate's manifest")]
#[unsafe(no_mangle)]
pub extern "C" fn tidings_simulate() -> bool {
    EXCHANGE.with_borrow_mut(|exchange| {
        let answer = run(&exchange.input)
            .and_then(|figures| serde_json::to_string(&figures).map_err(|error| error.to_string()));
        let good = answer.is_ok();
        exchange.output = answer.unwrap_or_else(|problem| problem);
        good
    })
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

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: &str = r#"{"network": {"nodes": 30}, "seed": 11,
        "workload": {"txs": 3, "rate": 20.0, "sizes": {"fixed": 300}}}"#;

    fn exchange(scenario: &str) -> (bool, String) {
        let place = tidings_input(scenario.len());
        assert!(!place.is_null());
        EXCHANGE.with_borrow_mut(|exchange| exchange.input.copy_from_slice(scenario.as_bytes()));
        let good = tidings_simulate();
        let output = EXCHANGE.with_borrow(|exchange| exchange.output.clone());
        assert_eq!(tidings_output_length(), output.len());
        (good, output)
    }

    #[test]
    fn a_scenario_goes_in_and_its_figures_come_out() {
        let (good, output) = exchange(SMALL);
        assert!(good, "{output}");
        assert!(output.contains("\"missing\":0"), "{output}");
        assert_eq!(exchange(SMALL), (true, output), "a seed gives one run");
    }

    #[test]
    fn what_makes_no_sense_is_answered_with_a_sentence() {
        for (scenario, sentence) in [
            ("{", "EOF while parsing"),
            ("{\"sed\": 1}", "unknown field `sed`"),
            ("{\"network\": {\"nodes\": 1}}", "network.nodes is 1, but must be 2"),
        ] {
            let (good, output) = exchange(scenario);
            assert!(!good && output.contains(sentence), "{output}");
        }
    }
}
