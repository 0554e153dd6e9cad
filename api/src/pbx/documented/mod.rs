//! The administration API that document 004 describes: its paths, its fields and its words. It is
//! another face of the records under `/pbx`; all values are strings, and bodies are forms.
//!
//! To add an operation: its route and handler in the file of its noun, and its rows as structs whose
//! fields are in the documented order. [`envelope`] does the rest.

mod cdr;
mod dids;
mod envelope;
mod extensions;
mod hunts;
mod lists;
mod phones;
mod users;

use domain::{Entity, Id, Patch, Refusal, access::Tenant};
use futures::{StreamExt as _, TryStreamExt as _};
use projections::{Query, View};
use serde::Serialize;
use serde_json::json;
use sqlx::PgPool;
use utoipa::ToSchema;

pub(crate) use envelope::envelope;

use crate::{
    Error, Result,
    answer::Answer,
    authorization::{List, Noun, Reader, Verb, Writer},
    extract::{Fields, FromFields, Given},
    openapi::{About, Routes, op},
};

pub(super) fn routes() -> Routes {
    Routes::new()
        .merge(users::routes())
        .merge(extensions::routes())
        .merge(dids::routes())
        .merge(hunts::routes())
        .merge(phones::routes())
        .merge(lists::routes())
        .merge(cdr::routes())
}

/// Begins the description of a documented operation, whose answer is in an envelope.
fn documented(summary: &'static str) -> About {
    op(summary).enveloped()
}

/// The answer to a change.
#[derive(Serialize, ToSchema)]
struct Updated {
    #[schema(example = "Record Updated Successfully.")]
    msg: &'static str,
}

impl Updated {
    const fn new() -> Self {
        Self {
            msg: "Record Updated Successfully.",
        }
    }
}

/// Changes something and answers that it was changed.
async fn updated<A, V, N>(
    records: &Writer<A, V, N>,
    id: Id<A>,
    command: A::Command,
) -> Result<Answer>
where
    A: Entity<Command: Clone, Error: Into<Refusal>>,
    V: Verb,
    N: Noun,
{
    records.answered(id, command, json!(Updated::new())).await
}

/// Deletes something and answers that it was deleted.
async fn deleted<A, V, N>(
    records: &Writer<A, V, N>,
    id: Id<A>,
    command: A::Command,
) -> Result<Answer>
where
    A: Entity<Command: Clone, Error: Into<Refusal>>,
    V: Verb,
    N: Noun,
{
    let words = json!("Record Deleted Successfully.");
    records.answered(id, command, words).await
}

/// A refusal with the documented names of fields, each beside that of the record.
fn renamed(error: Error, names: &[(&str, &'static str)]) -> Error {
    let Error::Invalid(mut errors) = error else {
        return error;
    };
    for error in &mut errors {
        let documented = names.iter().find(|(name, _)| *name == error.field);
        if let Some((_, name)) = documented {
            error.field = (*name).into();
        }
    }
    Error::Invalid(errors)
}

/// A value as it is documented: a string, empty where there is none.
fn text(value: Option<impl ToString>) -> String {
    value.map_or_else(String::new, |value| value.to_string())
}

/// The value of a field that an operation needs.
fn required<T>(field: &'static str, value: Option<T>) -> Result<T> {
    value.ok_or_else(|| Error::invalid(field, "is required"))
}

/// The tenant whose records are wanted.
struct OfTenant(Option<Id<Tenant>>);

impl FromFields for OfTenant {
    fn from_fields(fields: &mut Fields) -> Self {
        Self(fields.id("tenant_id").given())
    }
}

/// The tenant, if the caller may list its records. One of which they may not does not exist.
fn must_see<N: Noun>(records: &Reader<N, List>, tenant: Id<Tenant>) -> Result<Id<Tenant>> {
    let caller = records.caller();
    let is_there = caller.access_cache().tenant(tenant).is_some();
    let is_seen = caller.may_in::<N, List>(tenant) || caller.is_installation_admin();
    (is_there && is_seen)
        .then_some(tenant)
        .ok_or(Error::NotFound)
}

/// The rows of a tenant, as documented.
async fn tenant_rows<N: Noun, V: View, D: Serialize + Send + 'static>(
    records: &Reader<N, List>,
    tenant: Option<Id<Tenant>>,
    shown: impl Fn(V) -> D + Send + 'static,
) -> Result<Answer> {
    let tenant = must_see(records, required("tenant_id", tenant)?)?;
    let query = Query {
        tenant: Some(tenant.get()),
        ..Query::<V>::default()
    };
    listed(records.pool(), query, &records.scope(), shown).await
}

/// All rows of a list, as documented.
async fn listed<V: View, D: Serialize + Send + 'static>(
    pool: &PgPool,
    query: Query<V>,
    scope: &domain::Scope,
    shown: impl Fn(V) -> D + Send + 'static,
) -> Result<Answer> {
    let rows = projections::list(pool, query, scope);
    let rows = rows.map_ok(shown).map_err(Error::from);
    Answer::stream(rows.boxed()).await
}

/// A flag as it is documented.
const fn yes_or_no(flag: bool) -> &'static str {
    if flag { "yes" } else { "no" }
}

/// A flag that is documented as empty where it is not set.
const fn yes_or_empty(flag: bool) -> &'static str {
    if flag { "yes" } else { "" }
}

/// Reads a flag: `yes` or `no`, or as everywhere else.
fn flag(fields: &mut Fields, field: &'static str) -> Patch<bool> {
    fields.word(field, "yes or no", |word| match word {
        "yes" | "true" | "on" | "1" => Some(true),
        "no" | "false" | "off" | "0" => Some(false),
        _ => None,
    })
}
