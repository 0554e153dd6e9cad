//! `/transmissions/{transmission_id}/message`: what was received.

use domain::{Id, delivery::Transmission};
use projections::delivery::messages::{self, MessageRow};

use crate::{
    Error, Result,
    answer::Answer,
    extract::Path,
    openapi::{Routes, op},
    permit::{Read, Reader},
};

pub(super) fn routes() -> Routes {
    Routes::new().get(
        "/transmissions/{transmission_id}/message",
        read,
        op("Reads the message that came by an inbound transmission").json::<MessageRow>(),
    )
}

async fn read(
    transmissions: Reader<Transmission, Read>,
    Path(id): Path<Id<Transmission>>,
) -> Result<Answer> {
    let scope = transmissions.scope();
    let message = messages::of_transmission(transmissions.pool(), id.get(), scope).await?;
    Answer::of(&message.ok_or(Error::NotFound)?)
}
