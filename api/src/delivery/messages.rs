//! `/transmissions/{transmission_id}/message`: a received message, and the files in it.

use axum::response::Response;
use domain::{
    Id,
    delivery::{self, Transmission},
    outreach::{Attachment, MediaHash},
};
use projections::delivery::messages::{self, MessageRow};

use crate::{
    Error, Result,
    answer::Answer,
    authorization::{Read, Reader},
    extract::Path,
    openapi::{Routes, op},
    outreach::media,
};

pub(super) fn routes() -> Routes {
    Routes::new()
        .get(
            "/transmissions/{transmission_id}/message",
            read,
            op("Reads the message that came by an inbound transmission").json::<MessageRow>(),
        )
        .get(
            "/transmissions/{transmission_id}/message/original",
            original,
            op("Downloads the original mail").file("message/rfc822"),
        )
        .get(
            "/transmissions/{transmission_id}/message/attachments/{attachment_id}",
            attachment,
            op("Downloads a file that came with a message; the first is 1")
                .file("application/octet-stream"),
        )
}

async fn message(
    transmissions: &Reader<Transmission, Read>,
    id: Id<Transmission>,
) -> Result<MessageRow> {
    let scope = transmissions.scope();
    let message = messages::of_transmission(transmissions.pool(), id.get(), &scope).await?;
    message.ok_or(Error::NotFound)
}

async fn read(
    transmissions: Reader<Transmission, Read>,
    Path(id): Path<Id<Transmission>>,
) -> Result<Answer> {
    Answer::from_value(&message(&transmissions, id).await?)
}

async fn original(
    transmissions: Reader<Transmission, Read>,
    Path(id): Path<Id<Transmission>>,
) -> Result<Response> {
    let message = message(&transmissions, id).await?;
    let original = message.original.ok_or(Error::NotFound)?;
    let file = Attachment {
        media: MediaHash(original),
        file_name: format!("message-{id}.eml"),
        content_type: "message/rfc822".to_owned(),
        size: 0,
    };
    let key = message.media_key.ok_or(Error::NotFound)?;
    media::download_sealed(transmissions.caller().app(), &file, &key).await
}

async fn attachment(
    transmissions: Reader<Transmission, Read>,
    Path((id, number)): Path<(Id<Transmission>, Id<delivery::Attachment>)>,
) -> Result<Response> {
    let message = message(&transmissions, id).await?;
    let place = usize::try_from(number.get() - 1).map_err(|_| Error::NotFound)?;
    let attached = message.attachments.0.into_iter().nth(place);
    let attached = attached.ok_or(Error::NotFound)?;
    let file = Attachment {
        media: MediaHash(attached.media),
        file_name: attached.name,
        content_type: attached.media_type,
        size: i64::try_from(attached.size).unwrap_or(i64::MAX),
    };
    let key = message.media_key.ok_or(Error::NotFound)?;
    media::download_sealed(transmissions.caller().app(), &file, &key).await
}
