//! The states of campaigns and their backlog: the transmissions that have not been queued yet.

use std::{collections::BTreeMap, sync::Arc};

use chrono::{DateTime, Utc};
use domain::{
    Event, Id,
    delivery::{Campaign, CampaignEvent, TransmissionEvent},
};
use eventstore::Recorded;
use sqlx::PgConnection;

/// The change of a transmission's place in the backlog by a batch.
enum Place {
    /// The transmission enters the backlog of a campaign, to be sent at this time or later.
    In(Id<Campaign>, DateTime<Utc>),
    /// The transmission returns to the backlog with this time, if its first event names a
    /// campaign.
    Back(DateTime<Utc>),
    Out,
}

/// Applies these events to campaigns and their backlog.
pub(super) async fn take_in(
    db: &mut PgConnection,
    events: &[Arc<Recorded>],
) -> Result<(), sqlx::Error> {
    let mut places: BTreeMap<i64, Place> = BTreeMap::new();
    for recorded in events {
        match &recorded.event {
            Event::Campaign(event) => campaign(db, recorded, event).await?,
            Event::Transmission(event) => {
                if let Some(place) = place(recorded, event) {
                    take(&mut places, recorded.aggregate_id, place);
                }
            }
            _ => {}
        }
    }
    write(db, places).await
}

fn take(places: &mut BTreeMap<i64, Place>, id: i64, place: Place) {
    match (places.get(&id), &place) {
        // Queued in the same batch in which it was created: it was never in the backlog.
        (Some(Place::In(..)), Place::Out) => drop(places.remove(&id)),
        (Some(Place::In(campaign, _)), Place::Back(at)) => {
            places.insert(id, Place::In(*campaign, *at));
        }
        _ => drop(places.insert(id, place)),
    }
}

fn place(recorded: &Recorded, event: &TransmissionEvent) -> Option<Place> {
    use TransmissionEvent::{
        SpoolQueued, SpoolWithdrawn, TransmissionCreated, TransmissionDeleted,
        TransmissionSuppressed, TransmissionUpdated,
    };
    match event {
        TransmissionCreated { order, .. } => {
            let campaign = order.campaign_id?;
            Some(Place::In(campaign, order.opens(recorded.occurred_at)))
        }
        // Its row may exist already: if it is queued in the same batch, the row must be deleted.
        TransmissionUpdated { order } => {
            order.campaign_id?;
            Some(Place::Back(order.opens(recorded.occurred_at)))
        }
        SpoolWithdrawn { open_at, .. } => Some(Place::Back(*open_at)),
        SpoolQueued { .. } | TransmissionSuppressed { .. } | TransmissionDeleted {} => {
            Some(Place::Out)
        }
        _ => None,
    }
}

async fn write(db: &mut PgConnection, places: BTreeMap<i64, Place>) -> Result<(), sqlx::Error> {
    let (mut ids, mut campaigns, mut open) = (Vec::new(), Vec::new(), Vec::new());
    let mut out = Vec::new();
    for (id, place) in places {
        match place {
            Place::In(campaign, at) => {
                ids.push(id);
                campaigns.push(Some(campaign.get()));
                open.push(at);
            }
            Place::Back(at) => {
                ids.push(id);
                campaigns.push(None);
                open.push(at);
            }
            Place::Out => out.push(id),
        }
    }
    if !out.is_empty() {
        sqlx::query("delete from backlog where transmission_id = any($1)")
            .bind(out)
            .execute(&mut *db)
            .await?;
    }
    if ids.is_empty() {
        return Ok(());
    }
    // The campaign is named in the transmission's first event.
    sqlx::query(
        "insert into backlog (transmission_id, campaign_id, open_at) \
         select u.transmission_id, c.campaign_id, u.open_at \
         from unnest($1::bigint[], $2::bigint[], $3::timestamptz[]) \
           as u (transmission_id, campaign_id, open_at) \
         cross join lateral (select coalesce(u.campaign_id, \
           (select (e.payload::json #>> '{TransmissionCreated,order,campaign_id}')::bigint \
            from public.events e where e.aggregate_type = 'transmission' \
              and e.aggregate_id = u.transmission_id::text and e.sequence = 1))) \
           as c (campaign_id) \
         where c.campaign_id is not null \
         on conflict (transmission_id) do update set open_at = excluded.open_at",
    )
    .bind(ids)
    .bind(campaigns)
    .bind(open)
    .execute(db)
    .await
    .map(drop)
}

async fn campaign(
    db: &mut PgConnection,
    recorded: &Recorded,
    event: &CampaignEvent,
) -> Result<(), sqlx::Error> {
    use CampaignEvent::{
        CampaignAdvanced, CampaignBroken, CampaignCompleted, CampaignCreated, CampaignDeleted,
        CampaignPaused, CampaignResumed, CampaignStarted, CampaignUpdated,
    };
    let (state, started, pace) = match event {
        CampaignCreated { details, .. } => ("new", false, Some(details.pace)),
        CampaignUpdated { details } => ("", false, Some(details.pace)),
        CampaignStarted { .. } => ("running", true, None),
        CampaignResumed { .. } => ("running", false, None),
        CampaignPaused { .. } | CampaignBroken { .. } => ("stopped", false, None),
        CampaignCompleted { .. } | CampaignDeleted {} => ("ended", false, None),
        CampaignAdvanced { .. } => return Ok(()),
    };
    sqlx::query(
        "insert into campaigns as t (campaign_id, version, state, pace, started_position) \
         values ($1, $2, $3, $4, $5) on conflict (campaign_id) do update \
         set version = excluded.version, state = coalesce(nullif($3, ''), t.state), \
           pace = coalesce($4, t.pace), started_position = coalesce($5, t.started_position)",
    )
    .bind(recorded.aggregate_id)
    .bind(recorded.sequence as i64)
    .bind(state)
    .bind(pace.map(|pace| pace.to_string()))
    .bind(started.then_some(recorded.position))
    .execute(db)
    .await
    .map(drop)
}
