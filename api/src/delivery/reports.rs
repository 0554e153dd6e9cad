//! What became of a transmission.

use axum::{Router, routing::get};
use domain::{
    Id,
    delivery::{Spool, Transmission},
};
use projections::delivery::{spool_results, spools, transmissions::TransmissionRow};
use serde_json::json;

use crate::{
    App, Result,
    answer::Answer,
    extract::Path,
    permit::{List, Read, Reader, ResultRow},
};

pub(super) fn routes() -> Router<App> {
    Router::new()
        .route("/transmissions/{transmission_id}/status", get(status))
        .route("/transmissions/{transmission_id}/detail", get(detail))
        .route("/transmissions/{transmission_id}/result", get(result))
}

async fn status(
    transmissions: Reader<Transmission, Read>,
    Path(id): Path<Id<Transmission>>,
) -> Result<Answer> {
    let row: TransmissionRow = transmissions.row(id.get()).await?;
    // The documents capitalise it; clients look for either.
    Answer::of(&json!({ "status": row.status, "Status": row.status }))
}

async fn detail(
    transmissions: Reader<Transmission, Read>,
    _spools: Reader<Spool, List>,
    Path(id): Path<Id<Transmission>>,
) -> Result<Answer> {
    transmissions.row::<TransmissionRow>(id.get()).await?;
    let (pool, scope) = (transmissions.pool(), transmissions.scope());
    Answer::of(&spools::of_transmission(pool, id.get(), scope).await?)
}

async fn result(
    transmissions: Reader<Transmission, Read>,
    _results: Reader<ResultRow, List>,
    Path(id): Path<Id<Transmission>>,
) -> Result<Answer> {
    transmissions.row::<TransmissionRow>(id.get()).await?;
    let (pool, scope) = (transmissions.pool(), transmissions.scope());
    Answer::of(&spool_results::of_transmission(pool, id.get(), scope).await?)
}
