//! Fuzz target: mails, bounces and complaints.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| gateways::fuzzing::mail(bytes));
