//! The order of a transmission: everything about it but its progress.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::{
    Id, Patch,
    delivery::{Campaign, hours::Hours},
    flow::Service,
    outreach::Program,
    people::{Account, Contact},
    values::Line,
};

/// The direction of a transmission.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// Sent by this installation.
    #[default]
    Outbound,
    /// Received by this installation.
    Inbound,
}

impl Direction {
    /// The documented name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Outbound => "outbound",
            Self::Inbound => "inbound",
        }
    }
}

/// The order: everything about a transmission but its progress.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct Order {
    pub title: Option<Line>,
    pub origin: Option<Line>,
    pub contact_id: Id<Contact>,
    /// The sending account; `None`: the owner's newest active account at the time of sending.
    pub account_id: Option<Id<Account>>,
    pub program_id: Id<Program>,
    pub service: Service,
    pub direction: Direction,
    /// The number of unanswered attempts after which the transmission fails.
    pub try_allowed: u32,
    /// The campaign that created the transmission, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub campaign_id: Option<Id<Campaign>>,
    /// The quiet hours of the recipient.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hours: Option<Hours>,
}

impl Order {
    /// The first moment from `at` on that is outside the recipient's quiet hours.
    pub fn opens(&self, at: DateTime<Utc>) -> DateTime<Utc> {
        self.hours.as_ref().map_or(at, |hours| hours.opens(at))
    }
}

/// A partial update of an order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct OrderPatch {
    pub title: Patch<Line>,
    pub origin: Patch<Line>,
    pub contact_id: Option<Id<Contact>>,
    pub account_id: Patch<Id<Account>>,
    /// The program and its service.
    pub program: Option<(Id<Program>, Service)>,
    pub try_allowed: Option<u32>,
    pub hours: Patch<Hours>,
}

impl OrderPatch {
    /// The order with the update applied.
    pub fn applied_to(self, order: &Order) -> Order {
        let mut order = order.clone();
        self.title.apply(&mut order.title);
        self.origin.apply(&mut order.origin);
        self.account_id.apply(&mut order.account_id);
        if let Some((program, service)) = self.program {
            (order.program_id, order.service) = (program, service);
        }
        order.contact_id = self.contact_id.unwrap_or(order.contact_id);
        order.try_allowed = self.try_allowed.unwrap_or(order.try_allowed);
        self.hours.apply(&mut order.hours);
        order
    }
}
