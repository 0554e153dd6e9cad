//! The outcomes of the contacts of a campaign, as CSV.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use axum::response::Response;
use dispatch::backlog;
use domain::{
    Id,
    delivery::{Campaign, Transmission},
};
use futures::{Stream, StreamExt as _, TryStreamExt as _, stream};
use projections::{
    Query,
    delivery::{
        campaign_contacts::{self, Unreached},
        campaigns::CampaignRow,
        transmissions::{TransmissionFilter, TransmissionRow},
    },
};
use sqlx::PgPool;

use crate::{
    Error, Result,
    authorization::{List, Read, Reader},
    csv::export,
    extract::Path,
    openapi::{Routes, op},
};

/// The number of contacts that are read at a time.
const PAGE: usize = 1_000;

pub(super) fn routes() -> Routes {
    let note = "One row for each transmission, in the order in which they were made, then one \
        for each contact whose turn has not come, with the status `waiting`.";
    Routes::new().get(
        "/campaigns/{campaign_id}/report.csv",
        report,
        op("Exports the outcome for each contact of a campaign")
            .note(note)
            .file("text/csv"),
    )
}

async fn report(
    campaigns: Reader<Campaign, Read>,
    transmissions: Reader<Transmission, List>,
    Path(id): Path<Id<Campaign>>,
) -> Result<Response> {
    let row: CampaignRow<false> = campaigns.row(id.get()).await?;
    transmissions.must_in(Id::new(row.tenant_id))?;
    // Contacts are reached in the order of their ids. Transmissions made while the report is read
    // are in their list by the time it has been read.
    let reached = campaigns.load(id).await?.aggregate.reached();
    let reached = Arc::new(AtomicI64::new(reached.map_or(0, Id::get)));
    let wanted = Query::<TransmissionRow>::by(TransmissionFilter {
        campaign_id: Some(id.get()),
        ..TransmissionFilter::default()
    });
    let pool = transmissions.pool().clone();
    let made = projections::list(&pool, wanted, &transmissions.scope());
    let made = made.map_err(Error::from).map_ok({
        let reached = Arc::clone(&reached);
        move |row| {
            reached.fetch_max(row.contact_id, Ordering::Relaxed);
            Line::from_row(row)
        }
    });
    let group = (id.get(), row.group_id);
    let waiting = stream::once(async move {
        let after = reached.load(Ordering::Relaxed);
        waiting(pool, group, after)
    });
    let lines = stream::iter([Ok(Line::head())])
        .chain(made)
        .chain(waiting.flatten());
    export(&format!("campaign-{id}.csv"), lines.boxed(), Line::fields).await
}

/// Contacts of a campaign that were not reached yet, with ids above `after`.
fn waiting(
    pool: PgPool,
    (campaign, group): (i64, i64),
    after: i64,
) -> impl Stream<Item = Result<Line>> {
    let pages = stream::try_unfold(Some(after), move |after| {
        let pool = pool.clone();
        async move {
            let Some(after) = after else { return Ok(None) };
            let state = backlog::one(&pool, campaign).await?;
            // Not started yet, or swept after its end: no contact is left to be reached.
            let Some(started) = state.and_then(|state| state.started_position) else {
                return Ok(None);
            };
            let page = campaign_contacts::unreached(&pool, group, started, after, PAGE).await?;
            let next = page.get(PAGE - 1).map(|last| last.contact_id);
            let lines = page.into_iter().map(|row| Ok(Line::waiting(row)));
            Ok::<_, Error>(Some((stream::iter(lines), next)))
        }
    });
    pages.try_flatten()
}

/// A row of the report.
struct Line([String; 12]);

impl Line {
    fn head() -> Self {
        Self(
            [
                "contact_id",
                "phone",
                "email",
                "first_name",
                "last_name",
                "transmission_id",
                "status",
                "outcome",
                "response",
                "try_done",
                "last_run",
                "account_id",
            ]
            .map(str::to_owned),
        )
    }

    fn from_row(row: TransmissionRow) -> Self {
        let text = Option::unwrap_or_default;
        let outcome = if row.suppressed {
            "suppressed".to_owned()
        } else {
            text(row.outcome)
        };
        Self([
            row.contact_id.to_string(),
            text(row.contact_phone),
            text(row.contact_email),
            text(row.contact.first_name),
            text(row.contact.last_name),
            row.transmission_id.to_string(),
            row.status,
            outcome,
            text(row.response),
            row.try_done.to_string(),
            row.last_run.map(|at| at.to_rfc3339()).unwrap_or_default(),
            row.account_id.map(|id| id.to_string()).unwrap_or_default(),
        ])
    }

    fn waiting(row: Unreached) -> Self {
        let text = Option::unwrap_or_default;
        let mut fields: [String; 12] = Default::default();
        fields[0] = row.contact_id.to_string();
        fields[1] = text(row.phone);
        fields[2] = text(row.email);
        fields[3] = text(row.first_name);
        fields[4] = text(row.last_name);
        fields[6] = "waiting".to_owned();
        fields[9] = "0".to_owned();
        Self(fields)
    }

    fn fields(&self) -> [&str; 12] {
        self.0.each_ref().map(String::as_str)
    }
}
