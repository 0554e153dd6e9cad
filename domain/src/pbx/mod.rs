//! The configuration of a PBX, and the routing that follows from it.
//!
//! Extensions and DIDs are accounts ([`crate::people::Account`]). The other kinds are [`Record`]s:
//! a file each, with the details and their checks. [`routing`] is the decision where a call goes.
//!
//! To add a kind: its file, modelled on `hunt.rs`, and its line in `event.rs`.

mod condition;
mod custom;
mod destination;
mod disa;
mod hunt;
mod ivr;
mod phone;
mod phone_model;
mod rate_table;
mod record;
pub mod routing;
#[cfg(test)]
mod tests;
mod voicemail;

pub use condition::{
    CONDITION_PARAMS, Condition, ConditionCommand, ConditionDetails, ConditionEvent, ConditionPatch,
};
pub use custom::{Custom, CustomCommand, CustomDetails, CustomEvent, CustomKind, CustomPatch};
pub use destination::{
    Destination, DestinationCommand, DestinationDetails, DestinationEvent, DestinationPatch,
    SourceKind, TargetKind,
};
pub use disa::{Disa, DisaCommand, DisaDetails, DisaEvent, DisaPatch, PIN_DIGITS, check_pin};
pub use hunt::{Hunt, HuntCommand, HuntDetails, HuntEvent, HuntOrder, HuntPatch};
pub use ivr::{Ivr, IvrCommand, IvrDetails, IvrEvent, IvrPatch};
pub use phone::{Phone, PhoneCommand, PhoneDetails, PhoneEvent, PhonePatch};
pub use phone_model::{
    PhoneModel, PhoneModelCommand, PhoneModelDetails, PhoneModelEvent, PhoneModelPatch,
};
pub use rate_table::{
    MAX_RATES, Rate, RateTable, RateTableCommand, RateTableDetails, RateTableEvent, RateTablePatch,
};
pub use record::{Details, Record, RecordCommand, RecordEvent};
pub use voicemail::{
    Voicemail, VoicemailCommand, VoicemailDetails, VoicemailEvent, VoicemailPatch,
};

use crate::Refusal;

/// Refuses a field without a value.
fn required<T>(field: &'static str, value: &Option<T>) -> Result<(), Refusal> {
    match value {
        Some(_) => Ok(()),
        None => Err(Refusal::invalid(field, "is required")),
    }
}
