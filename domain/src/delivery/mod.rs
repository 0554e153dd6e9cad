//! Delivery: providers, transmissions and their attempts, campaigns, schedules, quiet hours.

mod campaign;
pub mod hours;
mod outcome;
mod pace;
mod provider;
pub mod schedule;
mod sender;
pub mod settings;
#[cfg(test)]
mod simulated;
mod spacing;
mod transmission;

pub use campaign::{
    Batch, Campaign, CampaignCommand, CampaignDetails, CampaignEvent, CampaignPatch, SendPlan,
    Tally,
};
pub use outcome::{Outcome, ResultKind, SpoolResult};
pub use pace::{Pace, PaceUnit};
pub use provider::{
    Provider, ProviderCommand, ProviderDetails, ProviderEvent, ProviderKind, ProviderPatch,
};
pub use schedule::{Job, Schedule, ScheduleCommand, ScheduleEvent};
pub use sender::{
    Author, MailSenders, ProviderSenders, SenderAddress, SenderRight, is_within, text_sender,
};
pub use spacing::Spacing;
pub use transmission::{
    Acceptance, Arrival, Assignment, Attachment, Awaited, Direction, Holder, Message,
    OnReportTimeout, Opened, Opening, Order, OrderPatch, Retry, Spool, SpoolProgress, SpoolReport,
    Transmission, TransmissionCommand, TransmissionError, TransmissionEvent,
};
