//! Sending of transmissions: the content is fixed at this moment, by id and version.

use commands::sending::SendOptions;
use domain::{
    Entity as _, Id,
    delivery::{Spool, Transmission},
};
use eventstore::clock;
use serde_json::json;

use crate::{
    Error, Result,
    answer::Answer,
    authorization::{Noun, Sending, Writer},
    extract::{Fields, FromFields, Given, Input, Path},
    openapi::{Routes, op},
};

pub(super) fn routes() -> Routes {
    Routes::new()
        .post(
            "/transmissions/{transmission_id}/send",
            send,
            op("Sends a transmission")
                .note(
                    "Answers the first attempt. What is sent is fixed at this moment. 423 with the \
                     reason where something is missing: a provider, or one that may send for an \
                     account whose address is neither verified nor assigned.",
                )
                .id("spool"),
        )
        .aliases(&[
            "GET /transmissions/{transmission_id}/send",
            "GET /transmissions/{transmission_id}/call",
            "GET /transmissions/{transmission_id}/dial",
        ])
        .post(
            "/transmissions/{transmission_id}/retry",
            retry,
            op("Sends a failed transmission again").id("spool"),
        )
        .aliases(&["GET /transmissions/{transmission_id}/retry"])
}

type Transmissions = Writer<Transmission, Sending>;

async fn send(
    transmissions: Transmissions,
    Path(id): Path<Id<Transmission>>,
    Input(Force(force)): Input<Force>,
) -> Result<Answer> {
    queue(&transmissions, id, false, force).await
}

async fn retry(
    transmissions: Transmissions,
    Path(id): Path<Id<Transmission>>,
    Input(Force(force)): Input<Force>,
) -> Result<Answer> {
    queue(&transmissions, id, true, force).await
}

async fn queue(
    transmissions: &Transmissions,
    id: Id<Transmission>,
    again: bool,
    force: bool,
) -> Result<Answer> {
    let transmission = transmissions.load(id).await?.aggregate;
    let order = transmission.order().ok_or(Error::NotFound)?;
    let owner = transmission.owner().ok_or(Error::NotFound)?;
    let app = transmissions.caller().app();
    let ready = app.sending().ready(order, owner).await?;
    let spool: Id<Spool> = app.commands().next_id(Spool::NAME).await?;
    let command = ready.command(spool, clock::now(), SendOptions { again, force });
    let answer = json!({ "spool_id": spool });
    transmissions.answered(id, command, answer).await
}

/// `{"force": true}`: sends again even if an earlier attempt may have arrived.
struct Force(bool);

impl FromFields for Force {
    fn from_fields(fields: &mut Fields) -> Self {
        Self(fields.flag("force").given().unwrap_or(false))
    }
}
