//! The handlers of PBX records. All kinds have them in common; what a kind has of its own is its
//! [`Kind`].

use domain::{
    Entity as _, Event, Id, Owner,
    access::Tenant,
    pbx::{Details, Record, RecordCommand, RecordEvent},
};
use projections::{View, pbx::record::count_within};
use sqlx::PgPool;

use crate::{
    Error, Result,
    answer::Answer,
    authorization::{Caller, Create, Delete, List, Noun, Owned, Read, Reader, Update, Writer},
    extract::{FromFields, Input, Listing, Path},
};

/// The description of the tenant of a new record.
pub(super) const WITHIN: &str = "The tenant that it belongs to, one within which the caller has the permission; without it \
     their home tenant.";

/// A kind of PBX record. The names of its permissions are those of its aggregate type.
pub(super) trait Kind: Details {
    /// The most records of a tenant.
    const MAX_RECORDS: usize = 10_000;
    /// The owners of the records.
    const OWNED: Owned = Owned::ByTenants;
    /// A record as it is read.
    type Row: View;
    /// A record in a list.
    type Listed: View;
    /// The fields of a new record, or of a change.
    type Request: FromFields + Send + 'static;

    /// The patch for these fields, with references checked and secrets sealed.
    fn patch(
        request: Self::Request,
        record: &Target<'_, Self>,
    ) -> impl Future<Output = Result<Self::Patch>> + Send;
}

/// The record that a request is about.
pub(super) struct Target<'a, D: Details> {
    /// The caller.
    pub caller: &'a Caller,
    /// The id.
    pub id: Id<Record<D>>,
    /// The tenant; none for a kind that belongs to the installation.
    pub owner: Option<Owner>,
    /// The present details; none for a new record.
    pub present: Option<&'a D>,
    /// True if it is part of a whole configuration, which is checked as such.
    pub is_imported: bool,
}

/// Refuses another record of a tenant that has as many as it may have. Requests at the same moment
/// may pass the limit together; it bounds what lists and checks have to read.
pub(super) async fn must_have_room<D: Kind>(pool: &PgPool, tenant: Id<Tenant>) -> Result<()> {
    must_have_rows_left::<D::Row>(pool, tenant, D::MAX_RECORDS).await
}

/// As [`must_have_room`], of any rows of a tenant.
pub(super) async fn must_have_rows_left<V: View>(
    pool: &PgPool,
    tenant: Id<Tenant>,
    most: usize,
) -> Result<()> {
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    if count_within::<V>(pool, tenant, most).await? < most {
        return Ok(());
    }
    let reason = format!("the tenant has {most} of these, the most there can be");
    Err(Error::NotReady(reason))
}

impl<D: Kind> Noun for Record<D> {
    const NAME: &'static str = D::TYPE;
    const OWNED: Owned = D::OWNED;
}

pub(super) async fn create<D: Kind>(
    records: Writer<Record<D>, Create>,
    Input(request): Input<D::Request>,
) -> Result<Answer>
where
    RecordEvent<D>: Into<Event>,
{
    let owner = match D::OWNED {
        Owned::ByTenants => Some(records.whole_tenant()?),
        _ => None,
    };
    if let Some(owner) = owner {
        must_have_room::<D>(records.caller().app().pool(), owner.tenant).await?;
    }
    let id = records.next_id().await?;
    let target = Target {
        caller: records.caller(),
        id,
        owner,
        present: None,
        is_imported: false,
    };
    let patch = D::patch(request, &target).await?;
    records
        .created(id, RecordCommand::Create { id, owner, patch })
        .await
}

pub(super) async fn list<D: Kind>(
    records: Reader<Record<D>, List>,
    listing: Listing<D::Listed>,
) -> Result<Answer> {
    records.list(listing).await
}

pub(super) async fn read<D: Kind>(
    records: Reader<Record<D>, Read>,
    Path(id): Path<Id<Record<D>>>,
) -> Result<Answer> {
    records.find::<D::Row>(id.get()).await
}

pub(super) async fn update<D: Kind>(
    records: Writer<Record<D>, Update>,
    Path(id): Path<Id<Record<D>>>,
    Input(request): Input<D::Request>,
) -> Result<Answer>
where
    RecordEvent<D>: Into<Event>,
{
    let record = records.load(id).await?.aggregate;
    let target = Target {
        caller: records.caller(),
        id,
        owner: record.owner(),
        present: Some(record.details()),
        is_imported: false,
    };
    let patch = D::patch(request, &target).await?;
    records
        .updated::<D::Row>(id, RecordCommand::Update(patch))
        .await
}

pub(super) async fn delete<D: Kind>(
    records: Writer<Record<D>, Delete>,
    Path(id): Path<Id<Record<D>>>,
) -> Result<Answer>
where
    RecordEvent<D>: Into<Event>,
{
    records.deleted(id, RecordCommand::Delete).await
}
