//! The links of an account: programs, its user, settings.

use commands::addresses::AddressPolicy;
use domain::{
    Entity as _, Id, Owner,
    access::User,
    outreach::{Program, SMS_SENDER, SenderId},
    people::{Account, AccountCommand, SenderTerms},
};
use eventstore::clock;
use projections::{
    access::users::UserRow,
    outreach::programs,
    people::accounts::{self, AccountRow},
};
use serde_json::json;

use crate::{
    Error, Result,
    answer::Answer,
    authorization::{Read, Reader, Update, Writer},
    extract::{Fields, FromFields, Input, Path},
    openapi::{Routes, Shape, op},
    outreach::ProgramRef,
};

/// The fields of a setting in an answer.
const SETTING: [(&str, Shape); 2] = [("name", Shape::Text), ("value", Shape::MaybeText)];

pub(super) fn routes() -> Routes {
    Routes::new()
        .delete(
            "/accounts/{account_id}/programs",
            unsubscribe_all,
            op("Ends all subscriptions of an account").row::<AccountRow>(),
        )
        .put(
            "/accounts/{account_id}/programs/{program}",
            subscribe,
            op("Subscribes an account to a program")
                .note("By the program's id, or by its type: the caller's newest of it.")
                .row::<AccountRow>(),
        )
        .delete(
            "/accounts/{account_id}/programs/{program}",
            unsubscribe,
            op("Ends an account's subscription to a program").row::<AccountRow>(),
        )
        .delete(
            "/accounts/{account_id}/users",
            dissociate,
            op("Takes an account from its user").row::<AccountRow>(),
        )
        .put(
            "/accounts/{account_id}/users/{user_id}",
            assign,
            op("Gives an account to a user")
                .note("With a user who is not active the account is not active either.")
                .row::<AccountRow>(),
        )
        .get(
            "/accounts/{account_id}/settings/{name}",
            read_setting,
            op("Reads a setting of an account").fields(&SETTING),
        )
        .put(
            "/accounts/{account_id}/settings/{name}",
            write_setting,
            op("Writes a setting of an account")
                .note(
                    "`sms_sender` must be the account's own number, verified or assigned, or be \
                     listed for its user (`PUT /users/{user_id}/sms_senders`).",
                )
                .requires(&["value"])
                .fields(&SETTING),
        )
        .delete(
            "/accounts/{account_id}/settings/{name}",
            delete_setting,
            op("Removes a setting of an account").fields(&SETTING),
        )
}

async fn subscribe(
    accounts: Writer<Account, Update>,
    Path((id, program)): Path<(Id<Account>, ProgramRef)>,
) -> Result<Answer> {
    let program = resolve(&accounts, program).await?;
    let store = accounts.commands().store();
    let taken_in_by = store.load(program).await?.aggregate.owner();
    let owner = accounts.load(id).await?.aggregate.owner();
    // An account and the programs that it is subscribed to belong to the same tenant.
    if owner.map(|it| it.tenant) != taken_in_by.map(|it| it.tenant) {
        return Err(Error::NotFound);
    }
    accounts
        .updated::<AccountRow>(id, AccountCommand::Subscribe(program))
        .await
}

async fn unsubscribe(
    accounts: Writer<Account, Update>,
    Path((id, program)): Path<(Id<Account>, ProgramRef)>,
) -> Result<Answer> {
    // A deleted program too, if given by id: an account keeps its reference to it.
    let program = match program {
        ProgramRef::Id(program) => program,
        named => resolve(&accounts, named).await?,
    };
    accounts
        .updated::<AccountRow>(id, AccountCommand::Unsubscribe(program))
        .await
}

async fn unsubscribe_all(
    accounts: Writer<Account, Update>,
    Path(id): Path<Id<Account>>,
) -> Result<Answer> {
    accounts
        .updated::<AccountRow>(id, AccountCommand::UnsubscribeAll)
        .await
}

async fn assign(
    accounts: Writer<Account, Update>,
    users: Reader<User, Update>,
    Path((id, user)): Path<(Id<Account>, Id<User>)>,
) -> Result<Answer> {
    let row = users.row::<UserRow>(user.get()).await?;
    let tenant = accounts.load(id).await?.aggregate.owner();
    let tenant = tenant.ok_or(Error::NotFound)?.tenant;
    users.must_in(tenant)?;
    let assigned = accounts.caller().access_cache().user(user);
    if assigned.is_none_or(|user| user.rights_in(tenant).is_none()) {
        return Err(Error::NotFound);
    }
    if !row.active {
        let reason = "its user is not active".to_owned();
        accounts
            .send(id, AccountCommand::Deactivate { reason })
            .await?;
    }
    accounts
        .updated::<AccountRow>(id, AccountCommand::Assign(Owner::new(tenant, user)))
        .await
}

async fn dissociate(
    accounts: Writer<Account, Update>,
    users: Reader<User, Update>,
    Path(id): Path<Id<Account>>,
) -> Result<Answer> {
    let owner = accounts.load(id).await?.aggregate.owner();
    users.must_in(owner.ok_or(Error::NotFound)?.tenant)?;
    accounts
        .updated::<AccountRow>(id, AccountCommand::Dissociate)
        .await
}

async fn read_setting(
    accounts: Reader<Account, Read>,
    Path((id, name)): Path<(Id<Account>, String)>,
) -> Result<Answer> {
    let account: AccountRow = accounts.row(id.get()).await?;
    let value = accounts::setting(accounts.pool(), id.get(), &name).await?;
    let value = value.ok_or(Error::NotFound)?;
    Ok(Answer::from_value(&json!({ "name": name, "value": value }))?.version_of(&account))
}

async fn write_setting(
    accounts: Writer<Account, Update>,
    Path((id, name)): Path<(Id<Account>, String)>,
    Input(Setting(value)): Input<Setting>,
) -> Result<Answer> {
    check_name(&name)?;
    let value = value.ok_or_else(|| Error::invalid("value", "is required"))?;
    if name == SMS_SENDER {
        must_be_allowed(&accounts, id, &value).await?;
    }
    let answer = Answer::from_value(&json!({ "name": &name, "value": &value }))?;
    let done = accounts
        .send(id, AccountCommand::SetSetting { name, value })
        .await?;
    Ok(answer.late(done))
}

/// Refuses a sender of short messages that the account may not name.
async fn must_be_allowed(
    accounts: &Writer<Account, Update>,
    id: Id<Account>,
    sender: &str,
) -> Result<()> {
    let account = accounts.load(id).await?.aggregate;
    // The account itself refuses a text that is no sender at all.
    let is_sender = sender.parse::<SenderId>().is_ok();
    let app = accounts.caller().app();
    if !is_sender || app.config().addresses == AddressPolicy::Trusted {
        return Ok(());
    }
    let user = match account.owning_user() {
        Some(owner) => Some(app.commands().store().load(owner).await?.aggregate),
        None => None,
    };
    let terms = SenderTerms {
        trusted: false,
        user: user.as_ref(),
        at: clock::now(),
    };
    if account.may_text_as(sender, terms) {
        Ok(())
    } else {
        Err(Error::invalid(
            SMS_SENDER,
            "must be the account's own number, verified or assigned, or one of the senders that \
             an account administrator listed for its user",
        ))
    }
}

async fn delete_setting(
    accounts: Writer<Account, Update>,
    Path((id, name)): Path<(Id<Account>, String)>,
) -> Result<Answer> {
    let clear = AccountCommand::ClearSetting { name: name.clone() };
    let done = accounts.send(id, clear).await?;
    Ok(Answer::from_value(&json!({ "name": name, "value": null }))?.late(done))
}

async fn resolve(accounts: &Writer<Account, Update>, program: ProgramRef) -> Result<Id<Program>> {
    match program {
        ProgramRef::Id(id) => {
            let scope = accounts.caller().scope::<Program>();
            accounts.commands().load(id, &scope).await?;
            Ok(id)
        }
        ProgramRef::Kind(kind) => {
            let user = accounts.user().get();
            let newest = programs::newest_of_type(accounts.pool(), user, kind.as_str()).await?;
            newest.map(Id::new).ok_or(Error::NotFound)
        }
    }
}

fn check_name(name: &str) -> Result<()> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-.:".contains(c);
    if (1..=64).contains(&name.len()) && name.chars().all(plain) {
        return Ok(());
    }
    Err(Error::invalid(
        "name",
        "must be 1 to 64 of a-z, A-Z, 0-9, _, -, . and :",
    ))
}

/// A setting's value: text, a number or a flag, kept as text.
struct Setting(Option<String>);

impl FromFields for Setting {
    fn from_fields(fields: &mut Fields) -> Self {
        use crate::extract::Given;
        use domain::values::Body;
        let value = fields.parse("value", |value| match value {
            serde_json::Value::String(text) => match text.parse::<Body>() {
                Ok(_) => Ok(Some(text.clone())),
                Err(error) => Err(error.to_string()),
            },
            serde_json::Value::Number(_) | serde_json::Value::Bool(_) => {
                Ok(Some(value.to_string()))
            }
            _ => Err("must be a string, a number or a flag".to_owned()),
        });
        Self(value.given())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_has_a_plain_name() {
        assert!(check_name("emailtofax_coversheet").is_ok());
        for name in ["", "a b", "ä", &"x".repeat(65), "a/b", "a\0"] {
            assert!(check_name(name).is_err(), "{name:?}");
        }
    }
}
