//! `/spools`: single attempts.

use domain::{
    Id, Scope,
    delivery::{Spool, Transmission, TransmissionCommand},
};
use eventstore::clock;
use projections::delivery::{
    spool_results::{self, SpoolResultRow},
    spools::{self, SpoolRow},
    transmissions::TransmissionRow,
};
use serde_json::json;

use crate::{
    Error, Result,
    answer::Answer,
    authorization::{Admin, Done, Noun, Owned, Read, Reader, ResultRow, Sending, Verb, Writer},
    extract::{Fields, FromFields, Given, Input, Path},
    openapi::{Routes, Shape, op},
};

/// An attempt belongs to the owner of its transmission.
impl Noun for Spool {
    const NAME: &'static str = "spool";
    const OWNED: Owned = Owned::ByUsers("transmission_admin");
}

pub(super) fn routes() -> Routes {
    Routes::new()
        .get(
            "/spools/{spool_id}",
            read,
            op("Reads an attempt")
                .note("`time_connect` is set as soon as a call is answered.")
                .json::<SpoolRow>(),
        )
        .get(
            "/spools/{spool_id}/status",
            status,
            op("Reads an attempt's status").fields(&[("status", Shape::Text)]),
        )
        .get(
            "/spools/{spool_id}/result",
            result,
            op("Lists the results of an attempt").array_of::<SpoolResultRow>(),
        )
        .aliases(&["GET /spools/{spool_id}/results"])
        .post(
            "/spools/{spool_id}/hangup",
            hang_up,
            op("Ends an attempt")
                .note(
                    "Answers the attempt, which ends within about a second: with `outcome` \
                     `rejected`, and a `response` that begins with `CANCELLED`. An attempt that \
                     waits for its start is cancelled at once. Nothing changes if it was asked \
                     before or if the attempt has ended. A message that is on its way cannot be \
                     called back.",
                )
                .json::<SpoolRow>(),
        )
        .post(
            "/spools/{spool_id}/resolve",
            resolve,
            op("Resolves an attempt of unknown outcome")
                .requires(&["status"])
                .json::<SpoolRow>(),
        )
}

async fn read(spools: Reader<Spool, Read>, Path(id): Path<Id<Spool>>) -> Result<Answer> {
    spools.find::<SpoolRow>(id.get()).await
}

async fn status(spools: Reader<Spool, Read>, Path(id): Path<Id<Spool>>) -> Result<Answer> {
    let row: SpoolRow = spools.row(id.get()).await?;
    Answer::from_value(&json!({ "status": row.status }))
}

async fn result(
    spools: Reader<Spool, Read>,
    results: Reader<ResultRow, Read>,
    Path(id): Path<Id<Spool>>,
) -> Result<Answer> {
    let row: SpoolRow = spools.row(id.get()).await?;
    let pool = spools.pool();
    let everybody = &Scope::Installation;
    let of = projections::find::<TransmissionRow>(pool, row.transmission_id, everybody).await?;
    results.must_in(Id::new(of.ok_or(Error::NotFound)?.tenant_id))?;
    Answer::from_value(&spool_results::of_spool(pool, id.get(), &spools.scope()).await?)
}

/// Ends an attempt that runs or waits for its start; leaves any other as it is.
async fn hang_up(
    transmissions: Writer<Transmission, Sending>,
    Path(spool): Path<Id<Spool>>,
) -> Result<Answer> {
    let found = spools::transmission_of(transmissions.pool(), spool.get()).await?;
    let transmission = Id::new(found.ok_or(Error::NotFound)?);
    let at = clock::now();
    let hang_up = TransmissionCommand::HangUp { spool, at };
    let done = transmissions.send(transmission, hang_up).await?;
    present(&transmissions, spool, done).await
}

/// Resolves an attempt of unknown outcome.
async fn resolve(
    transmissions: Writer<Transmission, Admin>,
    Path(spool): Path<Id<Spool>>,
    Input(Settled(delivered)): Input<Settled>,
) -> Result<Answer> {
    let delivered = delivered.ok_or_else(|| Error::invalid("status", "is required"))?;
    let everybody = &Scope::Installation;
    let row = projections::find::<SpoolRow>(transmissions.pool(), spool.get(), everybody).await?;
    let transmission = Id::new(row.ok_or(Error::NotFound)?.transmission_id);
    let resolve = TransmissionCommand::Resolve {
        spool,
        at: clock::now(),
        delivered,
    };
    let done = transmissions.send(transmission, resolve).await?;
    present(&transmissions, spool, done).await
}

/// The attempt after a change.
async fn present<V: Verb>(
    transmissions: &Writer<Transmission, V>,
    spool: Id<Spool>,
    done: Done,
) -> Result<Answer> {
    let everybody = &Scope::Installation;
    let row = projections::find::<SpoolRow>(transmissions.pool(), spool.get(), everybody).await?;
    Ok(Answer::from_value(&row.ok_or(Error::NotFound)?)?.late(done))
}

/// The outcome: `completed` or `failed`.
struct Settled(Option<bool>);

impl FromFields for Settled {
    fn from_fields(fields: &mut Fields) -> Self {
        let word = |word: &str| match word {
            "completed" => Some(true),
            "failed" => Some(false),
            _ => None,
        };
        Self(
            fields
                .one_of("status", &["completed", "failed"], word)
                .given(),
        )
    }
}
