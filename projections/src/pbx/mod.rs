//! The configuration of a PBX, a table for each kind of record, and call detail records.
//!
//! To add a kind: a file with its row, filter and [`record::RecordTable`], which makes it a
//! projection, and its names in the list below.

pub mod cdrs;
pub mod conditions;
pub mod customs;
pub mod destinations;
pub mod disas;
pub mod hunts;
pub mod ivrs;
pub mod phone_models;
pub mod phones;
pub mod rate_tables;
pub mod record;
pub mod voicemails;

use self::{
    cdrs::{CdrRow, Cdrs},
    conditions::{ConditionRow, Conditions},
    customs::{CustomRow, Customs},
    destinations::{DestinationRow, Destinations},
    disas::{DisaRow, Disas},
    hunts::{HuntRow, Hunts},
    ivrs::{IvrRow, Ivrs},
    phone_models::{PhoneModelRow, PhoneModels},
    phones::{PhoneRow, Phones},
    rate_tables::{RateTableRow, RateTableSummary, RateTables},
    voicemails::{VoicemailRow, Voicemails},
};
use crate::registered::registered;

registered! {
    projections: Cdrs, Conditions, Customs, Destinations, Disas, Hunts, Ivrs, PhoneModels, Phones,
        RateTables, Voicemails;
    views: CdrRow, ConditionRow, CustomRow, DestinationRow, DisaRow, HuntRow, IvrRow, PhoneModelRow,
        PhoneRow, RateTableRow, RateTableSummary, VoicemailRow;
}
