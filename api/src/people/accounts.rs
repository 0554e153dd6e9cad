//! `/accounts`.

use domain::{
    Entity as _, Id, Owner, Patch,
    access::UserProfile,
    people::{Account, AccountCommand, AccountKind, AccountPatch},
    values::Line,
};
use eventstore::clock;
use projections::{outreach::uses, people::accounts::AccountRow};
use serde_json::json;

use super::{
    account_addresses,
    account_fields::{AccountRequest, NewAccount, NewDid, NewExtension},
    sip_secret::with_secret,
};
use crate::{
    Error, Result,
    access::Newcomer,
    answer::{Answer, listed},
    authorization::{
        Admin, Caller, Create, Delete, Done, List, Noun, Owned, Read, Reader, Update, Verb, Writer,
    },
    extract::{Input, Listing, Path},
    openapi::{Routes, op},
};

impl Noun for Account {
    const NAME: &'static str = "account";
    const OWNED: Owned = Owned::ByUsers("account_admin");
}

pub(super) fn routes() -> Routes {
    Routes::crud::<AccountRow>("/accounts", "account")
        .create(create, op("Creates an account").requires(&["username"]))
        .list(list, op("Lists accounts"))
        .read(read, op("Reads an account"))
        .update(
            update,
            op("Changes an account")
                .note("An account of a user who is not active cannot be activated: 423."),
        )
        .delete(
            delete,
            op("Deletes an account").note(
                "423 while a program names it, or a transmission as this account has not ended.",
            ),
        )
        .done()
        .get("/dids", list_dids, op("Lists accounts of type did"))
        .post(
            "/dids",
            create_did,
            op("Creates an account of type did")
                .requires(&["username"])
                .example(json!({"username": "main", "phone": "+15550177", "comment": "Main"}))
                .id("account"),
        )
        .get(
            "/extensions",
            list_extensions,
            op("Lists accounts of type extension"),
        )
        .post(
            "/extensions",
            create_extension,
            op("Creates an account of type extension")
                .requires(&["username"])
                .example(json!({"username": "desk", "first_name": "Ada", "number": "177"}))
                .id("account"),
        )
}

async fn create(
    accounts: Writer<Account, Create>,
    Input(NewAccount(said)): Input<NewAccount>,
) -> Result<Answer> {
    created(accounts, said).await
}

async fn create_did(
    accounts: Writer<Account, Create>,
    Input(NewDid(said)): Input<NewDid>,
) -> Result<Answer> {
    created(accounts, said).await
}

async fn create_extension(
    accounts: Writer<Account, Create>,
    Input(NewExtension(said)): Input<NewExtension>,
) -> Result<Answer> {
    created(accounts, said).await
}

async fn created(accounts: Writer<Account, Create>, said: AccountRequest) -> Result<Answer> {
    let (id, owner) = (accounts.next_id().await?, accounts.owner()?);
    let app = accounts.caller().app();
    let _room = app.room_for(Newcomer::Account, owner.tenant).await?;
    let vault = app.vault();
    let mut patch = said.sealed(vault, id)?;
    if patch.kind == Patch::Set(AccountKind::Extension) {
        patch = with_secret(vault, id, patch)?;
    }
    let assigned = account_addresses::assigned(&accounts, (id, owner.tenant), &patch).await?;
    let create = AccountCommand::Create {
        id,
        owner,
        patch,
        assigned,
    };
    accounts.created(id, create).await
}

async fn list(accounts: Reader<Account, List>, listing: Listing<AccountRow>) -> Result<Answer> {
    listed_to(&accounts, listing).await
}

/// Lists accounts. By `conflict` they are listed for account administrators only, within the
/// tenants where they are that: to others it would tell that an address is in use by another user.
async fn listed_to(
    accounts: &Reader<Account, List>,
    listing: Listing<AccountRow>,
) -> Result<Answer> {
    if listing.query.filter.conflict.is_none() {
        return accounts.list(listing).await;
    }
    let caller = accounts.caller();
    caller.must::<Account, Admin>()?;
    let scope = caller.scope_for_both::<Account, List, Account, Admin>();
    listed(accounts.pool(), listing, &scope).await
}

async fn list_dids(
    accounts: Reader<Account, List>,
    listing: Listing<AccountRow>,
) -> Result<Answer> {
    list_kind(&accounts, listing, AccountKind::Did).await
}

async fn list_extensions(
    accounts: Reader<Account, List>,
    listing: Listing<AccountRow>,
) -> Result<Answer> {
    list_kind(&accounts, listing, AccountKind::Extension).await
}

async fn list_kind(
    accounts: &Reader<Account, List>,
    mut listing: Listing<AccountRow>,
    kind: AccountKind,
) -> Result<Answer> {
    let filter = &mut listing.query.filter.kind;
    if filter.as_deref().is_some_and(|said| said != kind.as_str()) {
        return Err(Error::invalid("type", "contradicts the path"));
    }
    *filter = Some(kind.as_str().to_owned());
    listed_to(accounts, listing).await
}

async fn read(accounts: Reader<Account, Read>, Path(id): Path<Id<Account>>) -> Result<Answer> {
    accounts.find::<AccountRow>(id.get()).await
}

async fn update(
    accounts: Writer<Account, Update>,
    Path(id): Path<Id<Account>>,
    Input(said): Input<AccountRequest>,
) -> Result<Answer> {
    let vault = accounts.caller().app().vault();
    let mut patch = said.sealed(vault, id)?;
    let present = accounts.load(id).await?.aggregate;
    if patch.active == Patch::Set(true) {
        active_user_of(accounts.caller(), &present)?;
    }
    if patch.kind == Patch::Set(AccountKind::Extension) && present.profile().passwd.is_none() {
        patch = with_secret(vault, id, patch)?;
    }
    let update = account_addresses::update(&accounts, id, patch).await?;
    accounts.updated::<AccountRow>(id, update).await
}

/// Refuses to activate an account whose user is not active, or was deleted.
pub(crate) fn active_user_of(caller: &Caller, account: &Account) -> Result<()> {
    let Some(owner) = account.owning_user().filter(|_| !account.is_active()) else {
        return Ok(());
    };
    let reason = match caller.access_cache().user(owner) {
        Some(user) if user.is_active() => return Ok(()),
        Some(_) => "its user is not active",
        None => "its user was deleted: give it to another by PUT /accounts/{id}/users/{user_id}",
    };
    Err(Error::NotReady(reason.to_owned()))
}

async fn delete(accounts: Writer<Account, Delete>, Path(id): Path<Id<Account>>) -> Result<Answer> {
    accounts.load(id).await?;
    let uses = uses::uses_of_account(accounts.pool(), id).await?;
    let at = clock::now();
    let delete = AccountCommand::Delete { at, uses };
    accounts.deleted(id, delete).await
}

/// Opens the account of a new user, with the same contact data, where the caller holds the room.
pub(crate) async fn open_for<V: Verb>(
    accounts: &Writer<Account, V>,
    owner: Owner,
    profile: UserProfile,
    active: bool,
) -> Result<Done> {
    let (id, username) = (accounts.next_id().await?, profile.username.clone());
    let set = |line: Option<Line>| line.map_or(Patch::Keep, Patch::Set);
    let patch = AccountPatch {
        username: set(username.clone()),
        first_name: set(profile.first_name),
        last_name: set(profile.last_name),
        phone: profile.phone.map_or(Patch::Keep, Patch::Set),
        email: profile.email.map_or(Patch::Keep, Patch::Set),
        address: set(profile.address),
        active: Patch::Set(active),
        ..AccountPatch::default()
    };
    let assigned = account_addresses::assigned(accounts, (id, owner.tenant), &patch).await?;
    let create = AccountCommand::Create {
        id,
        owner,
        patch: patch.clone(),
        assigned: assigned.clone(),
    };
    match accounts.create(id, create).await {
        // The name belongs to another account; the user's own id makes it unique.
        Err(Error::Invalid(_)) => {
            let name = username
                .zip(owner.user)
                .map(|(name, user)| format!("{name}-{user}"));
            let name = name.and_then(|name| name.parse().ok());
            let patch = AccountPatch {
                username: set(name),
                ..patch
            };
            let create = AccountCommand::Create {
                id,
                owner,
                patch,
                assigned,
            };
            accounts.create(id, create).await
        }
        done => done,
    }
}
