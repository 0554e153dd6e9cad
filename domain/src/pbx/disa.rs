//! DISA (direct inward system access): callers from outside who dial on as an extension would,
//! after a PIN.

use serde::{Deserialize, Serialize};

use super::{Details, Record, RecordCommand, RecordEvent, required};
use crate::{
    Patch, Refusal,
    values::{Line, PhoneNumber, Sealed},
};

/// A DISA.
pub type Disa = Record<DisaDetails>;
/// A command to a DISA.
pub type DisaCommand = RecordCommand<DisaDetails>;
/// An event of a DISA.
pub type DisaEvent = RecordEvent<DisaDetails>;

/// The fewest digits of a PIN.
pub const PIN_DIGITS: usize = 6;

/// The details of a DISA.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct DisaDetails {
    /// The name, for people.
    pub name: Option<Line>,
    /// The PIN, of at least [`PIN_DIGITS`] digits.
    pub pin: Option<Sealed>,
    /// The number that calls show; none: that of the tenant's trunk.
    pub caller_id: Option<PhoneNumber>,
    /// True if numbers outside may be dialled.
    pub outbound: bool,
    /// The seconds that digits are waited for.
    pub timeout: Option<u32>,
    /// The number of wrong PINs after which the call ends.
    pub attempts: Option<u32>,
}

/// The fields of a new DISA, or a partial update. Who seals the PIN has checked its digits
/// ([`check_pin`]).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct DisaPatch {
    pub name: Patch<Line>,
    pub pin: Patch<Sealed>,
    pub caller_id: Patch<PhoneNumber>,
    pub outbound: Patch<bool>,
    pub timeout: Patch<u32>,
    pub attempts: Patch<u32>,
}

/// Refuses a PIN that is guessed too fast.
///
/// # Errors
/// It has fewer than [`PIN_DIGITS`] digits, more than 32, or anything but digits.
pub fn check_pin(pin: &str) -> Result<(), Refusal> {
    let is_long = (PIN_DIGITS..=32).contains(&pin.len());
    if is_long && pin.bytes().all(|byte| byte.is_ascii_digit()) {
        return Ok(());
    }
    let reason = format!("must have {PIN_DIGITS} to 32 digits");
    Err(Refusal::invalid("pin", reason))
}

impl Details for DisaDetails {
    const TYPE: &'static str = "disa";
    const NOUN: &'static str = "Disa";
    type Patch = DisaPatch;

    fn patched(mut self, patch: DisaPatch) -> Result<Self, Refusal> {
        patch.name.apply(&mut self.name);
        patch.pin.apply(&mut self.pin);
        patch.caller_id.apply(&mut self.caller_id);
        patch.outbound.apply_or_default(&mut self.outbound);
        patch.timeout.apply(&mut self.timeout);
        patch.attempts.apply(&mut self.attempts);
        required("name", &self.name)?;
        required("pin", &self.pin)?;
        Ok(self)
    }
}
