//! What is refused, and by what name.

use super::*;

#[test]
fn the_defaults_are_valid() {
    assert_eq!(Params::default().validate(), Ok(()));
}

#[test]
fn a_bound_of_zero_is_refused_by_name() {
    let mut params = Params::default();
    params.memory.seen_max = 0;
    let error = params.validate().unwrap_err().to_string();
    assert_eq!(error, "memory.seen_max is 0, but must be at least 1");
}

#[test]
fn what_would_make_a_message_too_long_is_refused() {
    let mut params = Params::default();
    params.relay.recent_max = RECENT_MAX + 1;
    let error = params.validate().unwrap_err().to_string();
    assert_eq!(error, "relay.recent_max is 4097, but must be 1 to 4096");
}

#[test]
fn a_rate_that_is_not_positive_is_refused() {
    for bad in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        let mut params = Params::default();
        params.budgets.messages.per_s = bad;
        assert_eq!(params.validate().unwrap_err().key, "budgets.messages", "{bad}");
    }
}
