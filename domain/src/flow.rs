//! Flows: what a program does, as data. A transmission carries the flow it was
//! queued with, so that it always shows what it was meant to do.

use serde::{Deserialize, Serialize};

use crate::{Id, outreach::Template};

/// A kind of transmission; a provider serves one or more. The numbers are the
/// documented `service_flag` bits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Service {
    /// Telephone calls, bit 1.
    Voice,
    /// Fax, bit 2.
    Fax,
    /// Short messages, bit 4.
    Sms,
    /// Email, bit 8.
    Email,
}

impl Service {
    /// All of them, in the order of their bits.
    pub const ALL: [Self; 4] = [Self::Voice, Self::Fax, Self::Sms, Self::Email];

    /// The documented `service_flag` bit.
    pub const fn flag(self) -> i32 {
        match self {
            Self::Voice => 1,
            Self::Fax => 2,
            Self::Sms => 4,
            Self::Email => 8,
        }
    }

    /// The service of exactly this bit.
    pub fn from_flag(flag: i32) -> Option<Self> {
        Self::ALL.into_iter().find(|service| service.flag() == flag)
    }

    /// As people name it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Voice => "voice",
            Self::Fax => "fax",
            Self::Sms => "sms",
            Self::Email => "email",
        }
    }
}

/// One step of a flow.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "application", rename_all = "snake_case")]
pub enum Action {
    /// Sends an email made from a template, as the template was at this version
    /// (its aggregate's sequence).
    EmailSend {
        /// The template.
        template_id: Id<Template>,
        /// Its sequence at the moment of sending.
        version: u64,
    },
}

/// A step and when it runs.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Step {
    /// What is done.
    #[serde(flatten)]
    pub action: Action,
    /// The steps whose success leads here, by index; none: it runs first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub after: Vec<usize>,
}

/// A program, compiled.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Flow {
    /// The service whose providers can run it.
    pub service: Service,
    /// The steps; the first is where it starts.
    pub steps: Vec<Step>,
}

impl Flow {
    /// The flow of program `sendemail`: one email, nothing before or after.
    pub fn send_email(template_id: Id<Template>, version: u64) -> Self {
        Self {
            service: Service::Email,
            steps: vec![Step {
                action: Action::EmailSend {
                    template_id,
                    version,
                },
                after: Vec::new(),
            }],
        }
    }
}
