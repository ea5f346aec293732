//! See `tidings_fuzz::node`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| tidings_fuzz::node(bytes));
