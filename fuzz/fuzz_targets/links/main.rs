//! See `tidings_fuzz::links`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| tidings_fuzz::links(bytes));
