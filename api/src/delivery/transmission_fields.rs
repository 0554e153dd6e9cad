//! The request fields of a transmission.

use domain::{
    Id, Patch,
    access::Tenant,
    delivery::{Direction, Order, OrderPatch},
    outreach::{Program, ProgramType},
    people::{Account, Contact},
    values::Line,
};

use crate::{
    Error, Result,
    authorization::{Caller, own_in},
    extract::{Fields, FromFields, Given},
};

/// A transmission's fields.
#[derive(Debug)]
pub(crate) struct TransmissionRequest {
    title: Option<Line>,
    origin: Option<Line>,
    pub program_id: Option<Id<Program>>,
    contact_id: Option<Id<Contact>>,
    account_id: Option<Id<Account>>,
    direction: Option<Direction>,
    try_allowed: Option<u32>,
}

impl FromFields for TransmissionRequest {
    fn from_fields(fields: &mut Fields) -> Self {
        let direction = |word: &str| {
            let both = [Direction::Outbound, Direction::Inbound];
            both.into_iter()
                .find(|direction| direction.as_str() == word)
        };
        Self {
            title: fields.text("title").given(),
            origin: fields.text("origin").given(),
            program_id: fields.id("program_id").given(),
            contact_id: fields.id("contact_id").given(),
            account_id: fields.id("account_id").given(),
            direction: fields
                .one_of("direction", &["outbound", "inbound"], direction)
                .given(),
            try_allowed: fields.number("try_allowed", 1..=100).given(),
        }
    }
}

/// An order for this program, if the fields suffice for one: whatever they refer to must exist and
/// be the caller's, within the tenant.
pub(crate) async fn order(
    (caller, tenant): (&Caller, Id<Tenant>),
    said: TransmissionRequest,
    program_id: Id<Program>,
    kind: ProgramType,
) -> Result<Order> {
    let required = || Error::invalid("contact_id", "is required");
    let contact_id = said.contact_id.ok_or_else(required)?;
    let account = async {
        match said.account_id {
            Some(id) => own_in(caller, tenant, "account_id", id).await.map(drop),
            None => Ok(()),
        }
    };
    futures::try_join!(own_in(caller, tenant, "contact_id", contact_id), account)?;
    Ok(Order {
        title: said.title,
        origin: said.origin,
        contact_id,
        account_id: said.account_id,
        program_id,
        service: kind.service(),
        direction: said.direction.unwrap_or(kind.direction()),
        try_allowed: said.try_allowed.unwrap_or(1),
        campaign_id: None,
        hours: None,
    })
}

/// The fields of a change of a transmission.
#[derive(Debug)]
pub(super) struct Changes {
    program_id: Option<Id<Program>>,
    patch: OrderPatch,
}

impl FromFields for Changes {
    fn from_fields(fields: &mut Fields) -> Self {
        Self {
            program_id: fields.id("program_id").given(),
            patch: OrderPatch {
                title: fields.text("title"),
                origin: fields.text("origin"),
                contact_id: fields.id("contact_id").given(),
                account_id: fields.id("account_id"),
                program: None,
                try_allowed: fields.number("try_allowed", 1..=100).given(),
                hours: Patch::Keep,
            },
        }
    }
}

impl Changes {
    /// The patch, if everything that it newly refers to exists and is the caller's.
    pub async fn checked(self, (caller, tenant): (&Caller, Id<Tenant>)) -> Result<OrderPatch> {
        let mut patch = self.patch;
        if let Some(id) = patch.contact_id {
            own_in(caller, tenant, "contact_id", id).await?;
        }
        if let Patch::Set(id) = patch.account_id {
            own_in(caller, tenant, "account_id", id).await?;
        }
        if let Some(id) = self.program_id {
            let program = own_in(caller, tenant, "program_id", id).await?.aggregate;
            let kind = program.kind().ok_or_else(|| Error::unknown("program_id"))?;
            patch.program = Some((id, kind.service()));
        }
        Ok(patch)
    }
}
