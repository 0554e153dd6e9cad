//! Fuzz target: the PDUs of a message centre.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| gateways::fuzzing::pdu(bytes));
