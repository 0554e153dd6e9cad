//! Fuzz target: the user data header of a part of a short message.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| gateways::fuzzing::header(bytes));
