//! The status, attempts and results of a transmission.

use domain::{
    Id,
    delivery::{Spool, Transmission},
};
use projections::delivery::{
    spool_results::{self, SpoolResultRow},
    spools::{self, SpoolRow},
    transmissions::TransmissionRow,
};
use serde_json::json;

use crate::{
    Result,
    answer::Answer,
    authorization::{List, Read, Reader, ResultRow},
    extract::Path,
    openapi::{Routes, Shape, op},
};

pub(super) fn routes() -> Routes {
    Routes::new()
        .get(
            "/transmissions/{transmission_id}/status",
            status,
            op("Reads a transmission's status")
                .fields(&[("status", Shape::Text), ("Status", Shape::Text)]),
        )
        .get(
            "/transmissions/{transmission_id}/detail",
            detail,
            op("Lists a transmission's attempts").array_of::<SpoolRow>(),
        )
        .aliases(&[
            "GET /transmissions/{transmission_id}/logs",
            "GET /transmissions/{transmission_id}/spools",
        ])
        .get(
            "/transmissions/{transmission_id}/result",
            result,
            op("Lists what a transmission's attempts came to").array_of::<SpoolResultRow>(),
        )
        .aliases(&["GET /transmissions/{transmission_id}/results"])
}

async fn status(
    transmissions: Reader<Transmission, Read>,
    Path(id): Path<Id<Transmission>>,
) -> Result<Answer> {
    let row: TransmissionRow = transmissions.row(id.get()).await?;
    // The documents capitalise it; clients look for either.
    Answer::from_value(&json!({ "status": row.status, "Status": row.status }))
}

async fn detail(
    transmissions: Reader<Transmission, Read>,
    spools: Reader<Spool, List>,
    Path(id): Path<Id<Transmission>>,
) -> Result<Answer> {
    let row: TransmissionRow = transmissions.row(id.get()).await?;
    spools.must_in(Id::new(row.tenant_id))?;
    let (pool, scope) = (transmissions.pool(), transmissions.scope());
    Answer::from_value(&spools::of_transmission(pool, id.get(), &scope).await?)
}

async fn result(
    transmissions: Reader<Transmission, Read>,
    results: Reader<ResultRow, List>,
    Path(id): Path<Id<Transmission>>,
) -> Result<Answer> {
    let row: TransmissionRow = transmissions.row(id.get()).await?;
    results.must_in(Id::new(row.tenant_id))?;
    let (pool, scope) = (transmissions.pool(), transmissions.scope());
    Answer::from_value(&spool_results::of_transmission(pool, id.get(), &scope).await?)
}
