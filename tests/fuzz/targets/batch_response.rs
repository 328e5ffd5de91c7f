//! Feeds libFuzzer's inputs to [`fuzz_checks::batch_response`].

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| fuzz_checks::batch_response::check(input));
