//! The progress of a campaign, live: server-sent events.

use std::{convert::Infallible, time::Duration};

use axum::{
    body::{Body, Bytes},
    extract::FromRequestParts,
    http::{HeaderMap, HeaderValue, StatusCode, header, request::Parts},
    response::{IntoResponse, Response},
};
use domain::{
    Id,
    delivery::{Campaign, PaceUnit},
};
use futures::stream;
use projections::{View, delivery::campaigns::CampaignRow};
use serde_json::Value;
use tokio::{sync::OwnedSemaphorePermit, time::Instant};
use utoipa::openapi::{ObjectBuilder, schema::Type};

use crate::{
    App, Error, Result,
    authorization::{Read, Reader},
    cors_and_compression::Uncompressed,
    extract::Path,
    openapi::{Describe, Routes, Sketch, op},
};

/// Interval of checking for progress.
const LOOK: Duration = Duration::from_millis(500);
/// Interval of heartbeats while there is no progress, so that no proxy on the way takes the
/// connection for dead.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// The longest life of one connection. Clients reconnect by themselves, with a credential that is
/// checked again.
const MAX_STREAM_AGE: Duration = Duration::from_secs(300);

pub(super) fn routes() -> Routes {
    let resumed = "Each event has an id; a client that comes back with the last one it saw, in \
        `Last-Event-ID`, hears nothing twice. The campaign's end is an event `end`; whoever has \
        seen it is answered 204, which tells browsers not to come back.";
    Routes::new().get(
        "/campaigns/{campaign_id}/progress",
        progress,
        op("Streams the progress of a campaign")
            .note(resumed)
            .file("text/event-stream")
            .answers(204, "The end was seen already."),
    )
}

async fn progress(
    campaigns: Reader<Campaign, Read>,
    Path(id): Path<Id<Campaign>>,
    client: StreamClient,
) -> Result<Response> {
    let (now, seen) = (look(&campaigns, id).await?, client.last.clone());
    if now.ended && seen.as_ref() == Some(&now.id) {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let place = campaigns.caller().app().followers().clone();
    let place = place.try_acquire_owned();
    let place = place.map_err(|_| Error::Unavailable("too many follow campaigns at once"))?;
    let following = Following {
        campaigns,
        id,
        client,
        seen,
        over: false,
        until: Instant::now() + MAX_STREAM_AGE,
        silent_since: Instant::now(),
        _place: place,
    };
    let chunks = stream::unfold(following, |mut following| async move {
        let chunk = following.next().await?;
        Some((Ok::<_, Infallible>(Bytes::from(chunk)), following))
    });
    let kind = HeaderValue::from_static("text/event-stream");
    let mut response = Response::new(Body::from_stream(chunks));
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    // If it were compressed, an event would wait for the next ones.
    response.extensions_mut().insert(Uncompressed);
    Ok(response)
}

/// The state of a campaign at a moment.
struct Moment {
    /// Identifies the state: version, contacts done, unknown outcomes and rate.
    id: String,
    ended: bool,
    data: Value,
}

async fn look(campaigns: &Reader<Campaign, Read>, id: Id<Campaign>) -> Result<Moment> {
    let (moment, data) = match campaigns.caller().app().config().cpm_unit {
        PaceUnit::Second => seen::<false>(campaigns, id).await?,
        PaceUnit::Minute => seen::<true>(campaigns, id).await?,
    };
    let ([version, done, unknown, rate], ended) = moment;
    Ok(Moment {
        id: format!("{version}.{done}.{unknown}.{rate}"),
        ended,
        data,
    })
}

async fn seen<const PER_MINUTE: bool>(
    campaigns: &Reader<Campaign, Read>,
    id: Id<Campaign>,
) -> Result<(([i64; 4], bool), Value)>
where
    CampaignRow<PER_MINUTE>: View,
{
    let row: CampaignRow<PER_MINUTE> = campaigns.row(id.get()).await?;
    let ended = matches!(row.status.as_str(), "completed" | "broken");
    // After the end the last rate means nothing.
    let rate = if ended { 0 } else { (row.rate * 10.0) as i64 };
    let data = serde_json::to_value(&row).map_err(|_| Error::Internal)?;
    // An outcome that was unknown may be settled later, and nothing else changes then.
    let numbers = [row.version, row.contact_done, row.unknown, rate];
    Ok(((numbers, ended), data))
}

/// A stream of events that is being sent.
struct Following {
    campaigns: Reader<Campaign, Read>,
    id: Id<Campaign>,
    client: StreamClient,
    /// The id of the last event that the client has.
    seen: Option<String>,
    over: bool,
    until: Instant,
    silent_since: Instant,
    _place: OwnedSemaphorePermit,
}

impl Following {
    /// The next chunk; `None` at the end.
    async fn next(&mut self) -> Option<String> {
        while !self.over {
            let app = self.campaigns.caller().app();
            // A campaign that is gone, or may not be seen any more, ends the stream.
            let moment = look(&self.campaigns, self.id).await.ok()?;
            if self.seen.as_ref() != Some(&moment.id) {
                self.silent_since = Instant::now();
                self.over = moment.ended;
                let kind = if moment.ended { "end" } else { "progress" };
                let event = format!(
                    "id: {}\nevent: {kind}\ndata: {}\n\n",
                    moment.id, moment.data
                );
                self.seen = Some(moment.id);
                return Some(event);
            }
            if self.silent_since.elapsed() >= HEARTBEAT {
                self.silent_since = Instant::now();
                return Some(": still here\n\n".to_owned());
            }
            tokio::select! {
                () = tokio::time::sleep(LOOK) => {}
                () = app.parts().closing.cancelled() => return None,
            }
            if Instant::now() >= self.until || !self.client.is_known(app).await {
                return None;
            }
        }
        None
    }
}

/// The client that follows: its headers, and the id of the last event that it has seen.
struct StreamClient {
    headers: HeaderMap,
    last: Option<String>,
}

impl StreamClient {
    /// True if the token is still valid. A password was right when the stream began, and is checked
    /// again when the client reconnects.
    async fn is_known(&self, app: &App) -> bool {
        let basic =
            |value: &HeaderValue| value.as_bytes().to_ascii_lowercase().starts_with(b"basic");
        if self.headers.get(header::AUTHORIZATION).is_some_and(basic) {
            return true;
        }
        app.auth().recognise(&self.headers, None).await.is_ok()
    }
}

impl FromRequestParts<App> for StreamClient {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _app: &App) -> Result<Self> {
        let last = parts.headers.get("last-event-id");
        Ok(Self {
            headers: parts.headers.clone(),
            last: last.and_then(|id| id.to_str().ok()).map(str::to_owned),
        })
    }
}

impl Describe for StreamClient {
    fn describe(sketch: &mut Sketch) {
        let said = "The id of the last event that was seen.";
        let text = ObjectBuilder::new().schema_type(Type::String);
        sketch.header("Last-Event-ID", said, text);
        sketch.refuses(&[503]);
    }
}
