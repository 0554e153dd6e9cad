//! The request fields of a campaign.

use domain::{
    Id, Patch,
    access::Tenant,
    delivery::{
        CampaignDetails, CampaignPatch, Pace, PaceUnit,
        hours::{ClockTime, QuietHours},
        schedule::{Part, Unit},
    },
    flow::Service,
    outreach::Program,
    people::{Account, Group},
    values::Line,
};
use serde_json::Value;

use super::scheduling::part;
use crate::{
    Error, Result,
    authorization::{Caller, own_in},
    extract::{Fields, FromFields, Given},
};

/// The pace of a campaign that does not set one: two in the unit that the installation counts.
const CPM: f64 = 2.0;

/// A campaign's fields.
#[derive(Debug)]
pub(super) struct CampaignRequest {
    program_id: Patch<Id<Program>>,
    group_id: Patch<Id<Group>>,
    account_id: Patch<Id<Account>>,
    cpm: Option<f64>,
    delay: Option<f64>,
    try_allowed: Patch<u32>,
    source: Patch<Line>,
    duplicates: Option<bool>,
    quiet_from: Patch<ClockTime>,
    quiet_to: Patch<ClockTime>,
    quiet_days: Patch<Part>,
}

impl FromFields for CampaignRequest {
    fn from_fields(fields: &mut Fields) -> Self {
        Self {
            program_id: fields.id("program_id"),
            group_id: fields.id("group_id"),
            account_id: fields.id("account_id"),
            cpm: decimal(fields, "cpm"),
            delay: decimal(fields, "delay"),
            try_allowed: fields.number("try_allowed", 1..=100),
            source: fields.text("source"),
            duplicates: fields.flag("duplicates").given(),
            quiet_from: fields.text("quiet_from"),
            quiet_to: fields.text("quiet_to"),
            quiet_days: part(fields, "quiet_days", Unit::Weekday),
        }
    }
}

fn decimal(fields: &mut Fields, field: &'static str) -> Option<f64> {
    let decimal = fields.parse(field, |value| {
        let number = match value {
            Value::Number(number) => number.as_f64(),
            Value::String(text) if text.trim().is_empty() => return Ok(None),
            Value::String(text) => text.trim().parse().ok(),
            _ => None,
        };
        number
            .map(Some)
            .ok_or_else(|| "must be a number".to_owned())
    });
    decimal.given()
}

impl CampaignRequest {
    /// The details of a new campaign; whatever they refer to must exist and be the caller's,
    /// within the tenant.
    pub async fn details(self, caller: &Caller, tenant: Id<Tenant>) -> Result<CampaignDetails> {
        let unit = caller.app().config().cpm_unit;
        let pace = match Pace::said(self.cpm, self.delay, unit)? {
            Some(pace) => Some(pace),
            None => Pace::said(Some(CPM), None, unit)?,
        };
        let required = |field| move || Error::invalid(field, "is required");
        let (program, group) = (
            self.program_id.clone().given(),
            self.group_id.clone().given(),
        );
        let program_id = program.ok_or_else(required("program_id"))?;
        let group_id = group.ok_or_else(required("group_id"))?;
        let service = self.service(caller, tenant).await?;
        Ok(CampaignDetails {
            program_id,
            service: service.ok_or_else(|| Error::unknown("program_id"))?,
            group_id,
            account_id: self.account_id.given(),
            pace: pace.ok_or(Error::Internal)?,
            try_allowed: self.try_allowed.given().unwrap_or(1),
            source: self.source.given(),
            duplicates: self.duplicates.unwrap_or(caller.app().config().duplicates),
            quiet: QuietHours::said(
                self.quiet_from.given(),
                self.quiet_to.given(),
                self.quiet_days.given(),
            )?,
        })
    }

    /// The changes of an existing campaign.
    pub async fn patch(self, caller: &Caller, tenant: Id<Tenant>) -> Result<CampaignPatch> {
        let unit: PaceUnit = caller.app().config().cpm_unit;
        let pace = Pace::said(self.cpm, self.delay, unit)?;
        let service = self.service(caller, tenant).await?;
        let program = match (self.program_id, service) {
            (Patch::Set(program), Some(service)) => Patch::Set((program, service)),
            (Patch::Clear, _) => Patch::Clear,
            (Patch::Keep | Patch::Set(_), _) => Patch::Keep,
        };
        Ok(CampaignPatch {
            program,
            group_id: self.group_id,
            account_id: self.account_id,
            pace,
            try_allowed: self.try_allowed,
            source: self.source,
            duplicates: self.duplicates,
            quiet_from: self.quiet_from,
            quiet_to: self.quiet_to,
            quiet_days: self.quiet_days,
        })
    }

    /// The service of the program that the fields name. Everything they name must be the caller's.
    async fn service(&self, caller: &Caller, tenant: Id<Tenant>) -> Result<Option<Service>> {
        let program = async {
            match &self.program_id {
                Patch::Set(id) => own_in(caller, tenant, "program_id", *id).await.map(Some),
                Patch::Keep | Patch::Clear => Ok(None),
            }
        };
        let group = async {
            match &self.group_id {
                Patch::Set(id) => own_in(caller, tenant, "group_id", *id).await.map(drop),
                Patch::Keep | Patch::Clear => Ok(()),
            }
        };
        let account = async {
            match &self.account_id {
                Patch::Set(id) => own_in(caller, tenant, "account_id", *id).await.map(drop),
                Patch::Keep | Patch::Clear => Ok(()),
            }
        };
        let (program, (), ()) = futures::try_join!(program, group, account)?;
        let kind = program
            .as_ref()
            .and_then(|program| program.aggregate.kind());
        Ok(kind.map(|kind| kind.service()))
    }
}
