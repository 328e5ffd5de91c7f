//! Feeds libFuzzer's inputs to [`fuzz_checks::lambda_event`].

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| fuzz_checks::lambda_event::check(input));
