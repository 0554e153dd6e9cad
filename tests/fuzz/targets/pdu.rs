//! What a message centre sends.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| gateways::fuzzing::pdu(bytes));
