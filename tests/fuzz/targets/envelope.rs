//! Feeds libFuzzer's inputs to [`fuzz_checks::envelope`].

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| fuzz_checks::envelope::check(input));
