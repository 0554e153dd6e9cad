//! The addresses of accounts: assigned by administrators, verified by their holders.

use commands::{
    addresses::{AddressPolicy, Assigner},
    verification::VerificationError,
};
use domain::{
    Entity as _, FIRST_TENANT, Id,
    access::Tenant,
    people::{
        Account, AccountCommand, AccountPatch, AddressAssignment, AddressField, CODE_LIFETIME,
        normal_address,
    },
};
use eventstore::clock;
use projections::people::accounts::AccountRow;
use serde_json::json;

use crate::{
    Error, Result,
    answer::Answer,
    authorization::{Admin, Caller, Noun, Owned, Reader, Update, Verb, Writer},
    extract::{Fields, FromFields, Given, Input, Path},
    openapi::{Routes, Shape, op},
};

const FIELDS: [&str; 2] = ["email", "phone"];

/// The answer to a request for a code.
const SENT: [(&str, Shape); 3] = [
    ("account_id", Shape::Number),
    ("field", Shape::Text),
    ("expires_in", Shape::Number),
];

pub(super) fn routes() -> Routes {
    Routes::new()
        .post(
            "/accounts/{account_id}/verify",
            verify,
            op("Verifies an address of an account")
                .note(
                    "With `field` alone a code of six digits is sent to the address; with `code` \
                     it is repeated, and from then on the account receives there and may send as \
                     it. A code is valid for ten minutes and five guesses; an address is sent \
                     three a day at most, a user sends twenty. 423 where no provider can carry one.",
                )
                .requires(&["field"])
                .example(json!({"field": "email"}))
                .fields(&SENT)
                .or_row::<AccountRow>(),
        )
        .post(
            "/accounts/{account_id}/assign",
            assign,
            op("Assigns an address to an account")
                .note(
                    "By holders of `account_admin`: the account receives at the address that \
                     it has in `field`, and may send as it. 412 where another account does, \
                     and where the account does not have this `address` in `field`.",
                )
                .requires(&["field", "address"])
                .example(json!({"field": "email", "address": "desk@example.com"}))
                .row::<AccountRow>(),
        )
}

async fn verify(
    accounts: Writer<Account, Update>,
    Path(id): Path<Id<Account>>,
    Input(VerifyBody { field, code }): Input<VerifyBody>,
) -> Result<Answer> {
    let account = accounts.load(id).await?.aggregate;
    let field = field.ok_or_else(|| Error::invalid("field", "is required"))?;
    must_be_of_no_other(accounts.caller(), &account, field)?;
    let verification = accounts.caller().app().verification();
    let actor = accounts.own_actor()?;
    let Some(code) = code else {
        let sent = verification.send(id, field, (accounts.user(), &actor, clock::now()));
        let committed = sent.await?;
        let answer = json!({
            "account_id": id.get(), "field": field.as_str(), "expires_in": CODE_LIFETIME.num_seconds(),
        });
        return Ok(Answer::from_value(&answer)?.late(accounts.settle(committed).await));
    };
    let confirmed = verification.confirm(id, (field, &code), (&actor, clock::now()));
    let committed = confirmed.await?;
    let done = accounts.settle(committed).await;
    accounts.now::<AccountRow>(id, done).await
}

/// Refuses an address that is in the list of another tenant, where it would not be received at.
fn must_be_of_no_other(caller: &Caller, account: &Account, field: AddressField) -> Result<()> {
    let address = account.address(field).map(normal_address);
    let holder = address.and_then(|address| caller.access_cache().tenant_with(&address));
    match holder.zip(account.owner()) {
        Some((holder, owner)) if holder != owner.tenant => {
            Err(Error::invalid(field.as_str(), "is already in use"))
        }
        _ => Ok(()),
    }
}

async fn assign(
    accounts: Writer<Account, Update>,
    _administrator: Reader<Account, Admin>,
    Path(id): Path<Id<Account>>,
    Input(AssignBody { field, address }): Input<AssignBody>,
) -> Result<Answer> {
    let account = accounts.load(id).await?.aggregate;
    let field = field.ok_or_else(|| Error::invalid("field", "is required"))?;
    let address = address.ok_or_else(|| Error::invalid("address", "is required"))?;
    let address = normal_address(&address);
    if account.address(field).map(normal_address).as_ref() != Some(&address) {
        let reason = format!("is not what the account has in {}", field.as_str());
        return Err(Error::invalid("address", reason));
    }
    let tenant = account.owner().ok_or(Error::NotFound)?.tenant;
    let caller = accounts.caller();
    let is_free = caller.may_in::<Account, Admin>(tenant) && may_assign(caller, tenant, &address);
    if !is_free {
        let reason = "is none of the tenant's numbers and in none of its mail domains";
        return Err(Error::invalid("address", reason));
    }
    let addresses = accounts.caller().app().addresses();
    let fingerprint = addresses.fingerprint(field, &address);
    let (metadata, at) = (accounts.metadata()?, clock::now());
    let free = addresses.free(id, field, &fingerprint, true, (&metadata, at));
    free.await?;
    let assignment = AddressAssignment {
        field,
        address,
        fingerprint,
        receives: true,
    };
    let assign = AccountCommand::AssignAddress(assignment);
    accounts.updated::<AccountRow>(id, assign).await
}

/// The command that changes an account, with the assignments that its writer may make.
pub(crate) async fn update<V: Verb, N: Noun>(
    accounts: &Writer<Account, V, N>,
    id: Id<Account>,
    patch: AccountPatch,
) -> Result<AccountCommand> {
    let account = accounts.commands().store().load(id).await?.aggregate;
    let tenant = account.owner().map_or(FIRST_TENANT, |owner| owner.tenant);
    Ok(AccountCommand::Update {
        assigned: assigned(accounts, (id, tenant), &patch).await?,
        patch,
        at: clock::now(),
    })
}

/// The assignments of the addresses in a patch: none, unless the caller is an account
/// administrator, or the policy trusts everybody.
pub(crate) async fn assigned<A, V: Verb, N: Noun>(
    accounts: &Writer<A, V, N>,
    (id, tenant): (Id<Account>, Id<Tenant>),
    patch: &AccountPatch,
) -> Result<Vec<AddressAssignment>> {
    let caller = accounts.caller();
    let policy = caller.app().config().addresses;
    let is_administrator = caller.may_in::<Account, Admin>(tenant);
    // Who configures the PBX of a tenant puts its own numbers into use.
    let is_operator = N::OWNED == Owned::ByTenants;
    if policy != AddressPolicy::Trusted && !is_administrator && !is_operator {
        return Ok(Vec::new());
    }
    let assigner = if is_operator {
        Assigner::Operator
    } else {
        Assigner::Administrator
    };
    let (addresses, metadata) = (caller.app().addresses(), accounts.metadata()?);
    let may_assign = |address: &str| {
        let is_own = || caller.access_cache().tenant_with(address) == Some(tenant);
        may_assign(caller, tenant, address) && (is_administrator || !is_operator || is_own())
    };
    let by = (policy, assigner);
    let assigned = addresses.assignments(id, patch, by, may_assign, (&metadata, clock::now()));
    Ok(assigned.await?)
}

/// True if the caller, an account administrator within this tenant, may assign an address in
/// normal form there. The numbers and mail domains of a tenant are its own; others are assigned by
/// the first tenant and by administrators of the installation.
fn may_assign(caller: &Caller, tenant: Id<Tenant>, address: &str) -> bool {
    match caller.access_cache().tenant_with(address) {
        Some(holder) => holder == tenant,
        None => tenant == FIRST_TENANT || caller.is_installation_admin(),
    }
}

impl From<VerificationError> for Error {
    fn from(error: VerificationError) -> Self {
        match error {
            VerificationError::Command(error) => error.into(),
            VerificationError::TooMany { limit, retry_after } => Self::TooMany {
                limit,
                retry_after: retry_after.to_std().unwrap_or_default(),
            },
            VerificationError::NotSent(reason) => Self::NotReady(reason.to_string()),
        }
    }
}

/// The body of an assignment.
struct AssignBody {
    field: Option<AddressField>,
    address: Option<String>,
}

impl FromFields for AssignBody {
    fn from_fields(fields: &mut Fields) -> Self {
        let field = fields.one_of("field", &FIELDS, AddressField::from_word);
        Self {
            field: field.given(),
            address: fields.text_or_number::<String>("address").given(),
        }
    }
}

/// The body of a verification.
struct VerifyBody {
    field: Option<AddressField>,
    code: Option<String>,
}

impl FromFields for VerifyBody {
    fn from_fields(fields: &mut Fields) -> Self {
        let field = fields
            .one_of("field", &FIELDS, AddressField::from_word)
            .given();
        let code = fields.text_or_number::<String>("code").given();
        Self { field, code }
    }
}
