//! Feeds libFuzzer's inputs to [`fuzz_checks::routes`].

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| fuzz_checks::routes::check(input));
