//! Fuzz target: the text of a delivery receipt.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| gateways::fuzzing::receipt(bytes));
