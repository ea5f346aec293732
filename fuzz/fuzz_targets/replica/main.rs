//! See `tidings_fuzz::replica`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| tidings_fuzz::replica(bytes));
