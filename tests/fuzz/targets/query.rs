//! Fuzz target: the query strings of Kannel's requests.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| gateways::fuzzing::query(bytes));
