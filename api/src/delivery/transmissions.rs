//! `/transmissions`.

use domain::{
    Entity as _, Id,
    delivery::{Job, Transmission, TransmissionCommand},
    flow::Service,
};
use projections::delivery::transmissions::TransmissionRow;
use serde_json::json;

use super::{
    scheduling::cancel,
    transmission_fields::{Changes, TransmissionRequest, order},
};
use crate::{
    Error, Result,
    answer::Answer,
    authorization::{Create, Delete, List, Noun, Owned, Read, Reader, Update, Writer, own_in},
    extract::{Input, Listing, Path},
    openapi::{Routes, op},
};

impl Noun for Transmission {
    const NAME: &'static str = "transmission";
    const OWNED: Owned = Owned::ByUsers("transmission_admin");
}

pub(super) fn routes() -> Routes {
    Routes::crud::<TransmissionRow>("/transmissions", "transmission")
        .create(
            create,
            op("Creates a transmission")
                .requires(&["contact_id", "program_id"])
                .example(json!({
                    "title": "Spring news to Ada",
                    "contact_id": 1,
                    "program_id": 1,
                })),
        )
        .list(list, op("Lists transmissions"))
        .read(read, op("Reads a transmission"))
        .update(update, op("Changes a transmission that has not been sent"))
        .delete(delete, op("Deletes a transmission"))
        .done()
        .get(
            "/transmissions/{transmission_id}/clone",
            clone,
            op("Clones a transmission").id("transmission"),
        )
        .get("/calls", calls, op("Lists transmissions by voice"))
        .get("/faxes", faxes, op("Lists transmissions by fax"))
        .get("/smses", smses, op("Lists transmissions by SMS"))
        .get("/emails", emails, op("Lists transmissions by email"))
}

async fn create(
    transmissions: Writer<Transmission, Create>,
    Input(said): Input<TransmissionRequest>,
) -> Result<Answer> {
    let program = said
        .program_id
        .ok_or_else(|| Error::invalid("program_id", "is required"))?;
    let owner = transmissions.owner()?;
    let caller = (transmissions.caller(), owner.tenant);
    let loaded = own_in(caller.0, caller.1, "program_id", program).await?;
    let kind = loaded
        .aggregate
        .kind()
        .ok_or_else(|| Error::unknown("program_id"))?
        .kind();
    let order = order(caller, said, program, kind).await?;
    let id = transmissions.next_id().await?;
    transmissions
        .created(id, TransmissionCommand::Create { id, owner, order })
        .await
}

async fn list(
    transmissions: Reader<Transmission, List>,
    listing: Listing<TransmissionRow>,
) -> Result<Answer> {
    transmissions.list(listing).await
}

async fn read(
    transmissions: Reader<Transmission, Read>,
    Path(id): Path<Id<Transmission>>,
) -> Result<Answer> {
    transmissions.find::<TransmissionRow>(id.get()).await
}

async fn update(
    transmissions: Writer<Transmission, Update>,
    Path(id): Path<Id<Transmission>>,
    Input(changes): Input<Changes>,
) -> Result<Answer> {
    let owner = transmissions.load(id).await?.aggregate.owner();
    let tenant = owner.ok_or(Error::NotFound)?.tenant;
    let patch = changes.checked((transmissions.caller(), tenant)).await?;
    let update = TransmissionCommand::Update(Box::new(patch));
    transmissions.updated::<TransmissionRow>(id, update).await
}

async fn delete(
    transmissions: Writer<Transmission, Delete>,
    Path(id): Path<Id<Transmission>>,
) -> Result<Answer> {
    let answer = transmissions
        .deleted(id, TransmissionCommand::Delete)
        .await?;
    let transmission_id = id;
    cancel(&transmissions, Job::TransmissionSend { transmission_id }).await?;
    Ok(answer)
}

/// Creates a transmission with the same order; it has not been sent, whatever became of the first.
async fn clone(
    transmissions: Writer<Transmission, Create>,
    Path(original): Path<Id<Transmission>>,
) -> Result<Answer> {
    let original = transmissions.load(original).await?.aggregate;
    let order = original.order().cloned().ok_or(Error::NotFound)?;
    let tenant = original.owner().ok_or(Error::NotFound)?.tenant;
    let (id, owner) = (
        transmissions.next_id().await?,
        transmissions.owner_in(tenant)?,
    );
    transmissions
        .created(id, TransmissionCommand::Create { id, owner, order })
        .await
}

async fn calls(
    transmissions: Reader<Transmission, List>,
    listing: Listing<TransmissionRow>,
) -> Result<Answer> {
    by(transmissions, listing, Service::Voice).await
}

async fn faxes(
    transmissions: Reader<Transmission, List>,
    listing: Listing<TransmissionRow>,
) -> Result<Answer> {
    by(transmissions, listing, Service::Fax).await
}

async fn smses(
    transmissions: Reader<Transmission, List>,
    listing: Listing<TransmissionRow>,
) -> Result<Answer> {
    by(transmissions, listing, Service::Sms).await
}

async fn emails(
    transmissions: Reader<Transmission, List>,
    listing: Listing<TransmissionRow>,
) -> Result<Answer> {
    by(transmissions, listing, Service::Email).await
}

/// Lists the transmissions of one service; a filter for others contradicts the path.
async fn by(
    transmissions: Reader<Transmission, List>,
    mut listing: Listing<TransmissionRow>,
    service: Service,
) -> Result<Answer> {
    let asked = &mut listing.query.filter.service_flag;
    if asked.is_some_and(|asked| asked & service.flag() == 0) {
        return Err(Error::invalid("service_flag", "contradicts the path"));
    }
    *asked = Some(service.flag());
    transmissions.list(listing).await
}
