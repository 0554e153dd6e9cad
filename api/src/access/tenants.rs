//! `/tenants`: the companies that share an installation, and who is assigned to them.

use cqrs_es::Aggregate as _;
use domain::{
    Id, Patch, Scope,
    access::{Tenant, TenantCommand, TenantPatch, User, UserCommand},
    delivery::{Campaign, Provider, Schedule, Transmission},
    outreach::{Document, Program, Recording, Template, Text},
    pbx::{Condition, Custom, Destination, Disa, Hunt, Ivr, Phone, RateTable, Voicemail},
    people::{Account, Contact, Group, OptOut, normal_address},
    values::PhoneNumber,
};
use projections::access::{
    tenants::{TenantRow, lists_with_rows, number_in_use},
    users::UserRow,
};
use serde_json::json;

use super::outranking::must_outrank_in;
use crate::{
    Error, Result,
    answer::{Answer, listed},
    authorization::{Create, Delete, List, Noun, Owned, Read, Reader, Update, Writer},
    extract::{Fields, FromFields, Input, Listing, Path},
    openapi::{Routes, op},
};

/// The greatest limit.
const MAX_LIMIT: i64 = 1_000_000_000;
const ASSIGNMENT: &str = "/users/{user_id}/tenants/{tenant_id}";
const ADMINISTRATORS: &str = "By administrators of the installation only.";

/// The aggregate types that belong to tenants.
const WITHIN_TENANTS: [&str; 23] = [
    Account::TYPE,
    Campaign::TYPE,
    Condition::TYPE,
    Contact::TYPE,
    Custom::TYPE,
    Destination::TYPE,
    Disa::TYPE,
    Document::TYPE,
    Group::TYPE,
    Hunt::TYPE,
    Ivr::TYPE,
    OptOut::TYPE,
    Phone::TYPE,
    Program::TYPE,
    Provider::TYPE,
    RateTable::TYPE,
    Recording::TYPE,
    Schedule::TYPE,
    Template::TYPE,
    Text::TYPE,
    Transmission::TYPE,
    User::TYPE,
    Voicemail::TYPE,
];

impl Noun for Tenant {
    const NAME: &'static str = "tenant";
    const OWNED: Owned = Owned::ByTenants;
}

pub(super) fn routes() -> Routes {
    Routes::crud::<TenantRow>("/tenants", "tenant")
        .create(
            create,
            op("Creates a tenant")
                .note(ADMINISTRATORS)
                .requires(&["code"])
                .example(json!({"code": "acme", "name": "Acme", "max_users": 50})),
        )
        .list(list, op("Lists tenants"))
        .read(read, op("Reads a tenant"))
        .update(
            update,
            op("Changes a tenant")
                .note(
                    "By administrators of the installation only. 423 if that took a number from \
                     the tenant at which an account of it receives.",
                )
                .example(json!({"name": "Acme", "max_users": 100})),
        )
        .delete(
            delete,
            op("Deletes a tenant").note(
                "By administrators of the installation only. 423 while users are assigned to the \
                 tenant, or anything else is within it: what there is first has to be deleted.",
            ),
        )
        .done()
        .spelt_also("/tenants", "/pbx/tenants")
        .get(
            "/tenants/{tenant_id}/users",
            users_of,
            op("Lists the users who are assigned to a tenant"),
        )
        .get(
            "/users/{user_id}/tenants",
            tenants_of,
            op("Lists the tenants that a user is assigned to"),
        )
        .put(
            ASSIGNMENT,
            assign,
            op("Assigns a user to a tenant beside their home tenant")
                .note(ADMINISTRATORS)
                .row::<UserRow>(),
        )
        .delete(
            ASSIGNMENT,
            unassign,
            op("Takes a user, with their rights, out of a tenant")
                .note(ADMINISTRATORS)
                .row::<UserRow>(),
        )
}

async fn create(
    tenants: Writer<Tenant, Create>,
    Input(patch): Input<TenantPatch>,
) -> Result<Answer> {
    tenants.caller().must_administer_installation()?;
    let id = tenants.next_id().await?;
    tenants
        .created(id, TenantCommand::Create { id, patch })
        .await
}

async fn list(tenants: Reader<Tenant, List>, listing: Listing<TenantRow>) -> Result<Answer> {
    tenants.list(listing).await
}

async fn read(tenants: Reader<Tenant, Read>, Path(id): Path<Id<Tenant>>) -> Result<Answer> {
    tenants.find::<TenantRow>(id.get()).await
}

async fn update(
    tenants: Writer<Tenant, Update>,
    Path(id): Path<Id<Tenant>>,
    Input(patch): Input<TenantPatch>,
) -> Result<Answer> {
    tenants.caller().must_administer_installation()?;
    must_not_be_in_use(&tenants, id, &patch.numbers).await?;
    tenants
        .updated::<TenantRow>(id, TenantCommand::Update(patch))
        .await
}

/// Refuses to take a number from a tenant while an account of it receives there because of that.
async fn must_not_be_in_use(
    tenants: &Writer<Tenant, Update>,
    id: Id<Tenant>,
    numbers: &Patch<Vec<PhoneNumber>>,
) -> Result<()> {
    let kept: Vec<String> = match numbers {
        Patch::Keep => return Ok(()),
        Patch::Clear => Vec::new(),
        Patch::Set(numbers) => numbers
            .iter()
            .map(|it| normal_address(it.as_str()))
            .collect(),
    };
    let tenant = tenants.load(id).await?.aggregate;
    let taken = tenant.details().numbers.iter();
    let taken: Vec<String> = taken.filter(|it| !kept.contains(it)).cloned().collect();
    if taken.is_empty() {
        return Ok(());
    }
    tenants
        .caller()
        .app()
        .must_show_all(&[Account::TYPE])
        .await?;
    match number_in_use(tenants.pool(), id.get(), &taken).await? {
        None => Ok(()),
        Some(number) => Err(Error::NotReady(format!(
            "an account of the tenant receives at {number}: change or delete that first"
        ))),
    }
}

async fn delete(tenants: Writer<Tenant, Delete>, Path(id): Path<Id<Tenant>>) -> Result<Answer> {
    tenants.caller().must_administer_installation()?;
    // Under the lock, so that no user is assigned meanwhile, without whom nothing is created.
    let _lock = tenants.caller().app().lock_rights().await?;
    tenants.caller().must_administer_installation()?;
    let left = left_in(&tenants, id).await?;
    tenants.deleted(id, TenantCommand::Delete { left }).await
}

/// The names of the lists that have rows of a tenant.
async fn left_in(tenants: &Writer<Tenant, Delete>, id: Id<Tenant>) -> Result<Vec<String>> {
    if tenants.caller().access_cache().has_users_in(id) {
        return Ok(vec!["users".to_owned()]);
    }
    tenants
        .caller()
        .app()
        .must_show_all(&WITHIN_TENANTS)
        .await?;
    Ok(lists_with_rows(tenants.pool(), id.get()).await?)
}

/// Lists the users of a tenant, for those who may list users within it.
async fn users_of(
    users: Reader<User, List>,
    tenants: Reader<Tenant, Read>,
    Path(id): Path<Id<Tenant>>,
    mut listing: Listing<UserRow>,
) -> Result<Answer> {
    tenants.row::<TenantRow>(id.get()).await?;
    let reaches_all = users.scope().covers(Some(domain::Owner::whole(id)));
    if !reaches_all {
        return Err(Error::NotFound);
    }
    listing.query.filter.in_tenant = Some(id.get());
    listed(users.pool(), listing, &Scope::Installation).await
}

/// Lists the tenants of a user, of which others see those only that they see anyway.
async fn tenants_of(
    users: Reader<User, Read>,
    Path(id): Path<Id<User>>,
    mut listing: Listing<TenantRow>,
) -> Result<Answer> {
    users.row::<UserRow>(id.get()).await?;
    let caller = users.caller();
    let scope = if id == caller.user() {
        Scope::Installation
    } else {
        caller.scope::<Tenant>()
    };
    listing.query.filter.of_user = Some(id.get());
    listed(users.pool(), listing, &scope).await
}

async fn assign(
    users: Writer<User, Update>,
    Path((id, tenant)): Path<(Id<User>, Id<Tenant>)>,
) -> Result<Answer> {
    users.caller().must_administer_installation()?;
    // Under the lock, so that the tenant is not deleted meanwhile.
    let _lock = users.caller().app().lock_rights().await?;
    users.caller().must_administer_installation()?;
    if users.caller().access_cache().tenant(tenant).is_none() {
        return Err(Error::NotFound);
    }
    users
        .updated::<UserRow>(id, UserCommand::AssignTenant(tenant))
        .await
}

async fn unassign(
    users: Writer<User, Update>,
    Path((id, tenant)): Path<(Id<User>, Id<Tenant>)>,
) -> Result<Answer> {
    users.caller().must_administer_installation()?;
    users.load(id).await?;
    must_outrank_in(&users, id, tenant)?;
    let _lock = users.caller().app().lock_rights().await?;
    users.caller().must_administer_installation()?;
    users
        .updated::<UserRow>(id, UserCommand::UnassignTenant(tenant))
        .await
}

impl FromFields for TenantPatch {
    fn from_fields(fields: &mut Fields) -> Self {
        Self {
            code: fields.text("code"),
            name: fields.text("name"),
            max_users: fields.number("max_users", 0..=MAX_LIMIT),
            max_accounts: fields.number("max_accounts", 0..=MAX_LIMIT),
            numbers: fields.texts("numbers"),
            mail_domains: fields.texts("mail_domains"),
        }
    }
}
