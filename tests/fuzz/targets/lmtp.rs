//! Fuzz target: sessions of LMTP and SMTP.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| gateways::fuzzing::lmtp(bytes));
