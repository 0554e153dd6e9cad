//! `/transmissions`.

use domain::{
    Id,
    delivery::{Job, Transmission, TransmissionCommand},
};
use projections::delivery::transmissions::TransmissionRow;

use super::{
    scheduling::cancel,
    transmission_fields::{Said, order},
};
use crate::{
    Error, Result,
    answer::Answer,
    extract::{Input, Listing, Path},
    openapi::{Routes, alias, op},
    permit::{Create, Delete, List, Read, Reader, Writer, own},
};

pub(super) fn routes() -> Routes {
    Routes::new()
        .post(
            "/transmissions",
            create,
            op("Creates a transmission")
                .requires(&["contact_id", "program_id"])
                .id("transmission"),
        )
        .get("/transmissions", list, op("Lists transmissions"))
        .get(
            "/transmissions/{transmission_id}",
            read,
            op("Reads a transmission").row::<TransmissionRow>(),
        )
        .delete(
            "/transmissions/{transmission_id}",
            delete,
            op("Deletes a transmission").id("transmission"),
        )
        .get(
            "/transmissions/{transmission_id}/delete",
            delete,
            alias("DELETE /transmissions/{transmission_id}"),
        )
        .get(
            "/transmissions/{transmission_id}/clone",
            clone,
            op("Makes a new transmission like this one").id("transmission"),
        )
}

async fn create(
    transmissions: Writer<Transmission, Create>,
    Input(said): Input<Said>,
) -> Result<Answer> {
    let program = said
        .program_id
        .ok_or_else(|| Error::invalid("program_id", "is required"))?;
    let loaded = own(transmissions.caller(), "program_id", program).await?;
    let kind = loaded
        .aggregate
        .kind()
        .ok_or_else(|| Error::unknown("program_id"))?;
    let order = order(transmissions.caller(), said, program, kind).await?;
    let (id, owner) = (transmissions.next_id().await?, transmissions.user());
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

async fn delete(
    transmissions: Writer<Transmission, Delete>,
    Path(id): Path<Id<Transmission>>,
) -> Result<Answer> {
    let answer = transmissions
        .deleted(id, TransmissionCommand::Delete)
        .await?;
    let transmission_id = id;
    cancel(
        transmissions.caller(),
        Job::TransmissionSend { transmission_id },
    )
    .await?;
    Ok(answer)
}

/// A new one for the same order; it has not been sent, whatever became of the first.
async fn clone(
    transmissions: Writer<Transmission, Create>,
    Path(original): Path<Id<Transmission>>,
) -> Result<Answer> {
    let original = transmissions.load(original).await?.aggregate;
    let order = original.order().cloned().ok_or(Error::NotFound)?;
    let (id, owner) = (transmissions.next_id().await?, transmissions.user());
    transmissions
        .created(id, TransmissionCommand::Create { id, owner, order })
        .await
}
