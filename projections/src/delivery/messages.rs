//! The read model of inbound messages.

use chrono::{DateTime, Utc};
use domain::{
    Scope,
    delivery::{Message, TransmissionEvent},
};
use serde::Serialize;
use sqlx::{FromRow, PgConnection, PgPool, types::Json};
use utoipa::ToSchema;

use super::occurred::{Occurred, storable};
use crate::reads::Scoped;

/// A message as clients see it.
#[derive(Clone, Debug, FromRow, Serialize, ToSchema)]
pub struct MessageRow {
    /// The inbound transmission of the message.
    pub transmission_id: i64,
    /// The number or address of the sender; null for a bounce.
    pub source: Option<String>,
    /// The number or address that it was sent to.
    pub destination: String,
    /// The name of the sender.
    pub sender: Option<String>,
    /// The subject.
    pub subject: Option<String>,
    /// The text; bytes in hex if it is binary.
    pub text: Option<String>,
    /// The HTML body as received: not sanitized.
    pub html: Option<String>,
    /// The attached files.
    #[schema(value_type = Vec<AttachmentRow>)]
    pub attachments: Json<Vec<AttachmentRow>>,
    /// The hash of the whole message as received.
    #[serde(skip)]
    pub original: Option<String>,
    /// The key that its files are sealed with.
    #[serde(skip)]
    pub media_key: Option<String>,
}

/// A file attached to an inbound message.
#[derive(Clone, Debug, Serialize, serde::Deserialize, ToSchema)]
pub struct AttachmentRow {
    /// The name of the file.
    pub name: String,
    /// The media type, detected from the first bytes.
    pub media_type: String,
    /// The size in bytes.
    pub size: u64,
    /// The hash of the bytes.
    #[serde(default, skip_serializing)]
    pub media: String,
}

/// The message of an inbound transmission.
pub async fn of_transmission(
    pool: &PgPool,
    transmission_id: i64,
    scope: &Scope,
) -> Result<Option<MessageRow>, sqlx::Error> {
    let within = Scoped::condition("t", 2);
    let sql = format!(
        "select m.transmission_id, m.source, m.destination, m.sender, m.subject, m.text, \
           m.html, m.attachments, m.original, m.media_key \
         from read.messages m join read.transmissions t using (transmission_id) \
         where m.transmission_id = $1 and {within}"
    );
    let query = sqlx::query_as(&sql).bind(transmission_id);
    Scoped::new(scope).bind(query).fetch_optional(pool).await
}

struct Received<'e> {
    transmission_id: i64,
    at: DateTime<Utc>,
    message: &'e Message,
}

/// Writes the messages of these events.
pub(super) async fn take_in(
    db: &mut PgConnection,
    events: &[Occurred<'_>],
) -> Result<(), sqlx::Error> {
    for received in events.iter().filter_map(received) {
        insert(db, &received).await?;
    }
    Ok(())
}

fn received<'e>(occurred: &Occurred<'e>) -> Option<Received<'e>> {
    let TransmissionEvent::SpoolReceived { message, .. } = occurred.event else {
        return None;
    };
    Some(Received {
        transmission_id: occurred.recorded.aggregate_id,
        at: occurred.recorded.occurred_at,
        message: message.get()?,
    })
}

async fn insert(db: &mut PgConnection, received: &Received<'_>) -> Result<(), sqlx::Error> {
    let message = received.message;
    let text = |text: &Option<String>| text.as_deref().map(storable);
    sqlx::query(
        "insert into messages (transmission_id, source, destination, sender, subject, text, \
           html, attachments, original, media_key, created_at) \
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
    )
    .bind(received.transmission_id)
    .bind(text(&message.source))
    .bind(storable(&message.destination))
    .bind(text(&message.sender))
    .bind(text(&message.subject))
    .bind(text(&message.text))
    .bind(text(&message.html))
    .bind(Json(&message.attachments))
    .bind(message.original.as_ref().map(|media| media.0.as_str()))
    .bind(&message.media_key)
    .bind(received.at)
    .execute(db)
    .await
    .map(drop)
}
