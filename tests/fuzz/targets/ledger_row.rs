//! Feeds libFuzzer's inputs to [`fuzz_checks::ledger_row`].

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| fuzz_checks::ledger_row::check(input));
