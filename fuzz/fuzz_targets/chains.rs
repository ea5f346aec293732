//! See `tidings_fuzz::chains`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| tidings_fuzz::chains(bytes));
