//! The list of senders that short messages of a user's accounts may name.

use domain::{
    Id,
    access::{User, UserCommand},
    outreach::SenderId,
    people::Account,
};
use projections::access::user_senders::{self, SmsSendersRow};
use serde_json::Value;
use utoipa::openapi::{ArrayBuilder, ObjectBuilder, schema::Type};

use crate::{
    Error, Result,
    answer::Answer,
    authorization::{Admin, Read, Reader, Writer},
    extract::{Fields, FromFields, Given, Input, Path},
    openapi::{Routes, op},
};

/// The most entries of a body that are looked at.
const MOST_ENTRIES: usize = 1_000;

pub(super) fn routes() -> Routes {
    Routes::new()
        .get(
            "/users/{user_id}/sms_senders",
            read,
            op("Reads a user's senders of short messages")
                .note(
                    "One's own; everybody's with `account_admin`. `provisional` are those that \
                     were in use before there was a list; they end with `provisional_until`.",
                )
                .json::<SmsSendersRow>(),
        )
        .put(
            "/users/{user_id}/sms_senders",
            write,
            op("Sets a user's senders of short messages")
                .note(
                    "At most 50, each a name of at most 11 letters, digits and spaces, or a \
                     number; accounts of the user may have them as their setting `sms_sender`. \
                     It replaces the list and the provisional ones. What is not listed any more \
                     is not sent under from then on.",
                )
                .requires(&["names"])
                .json::<SmsSendersRow>(),
        )
}

async fn read(accounts: Reader<Account, Read>, Path(id): Path<Id<User>>) -> Result<Answer> {
    let caller = accounts.caller();
    let user = caller.access_cache().user(id);
    let may_see = |user: User| caller.may_in::<Account, Admin>(user.home());
    if id != caller.user() && !user.is_some_and(may_see) {
        return Err(Error::NotFound);
    }
    let senders = user_senders::sms_senders(accounts.pool(), id.get()).await?;
    Answer::from_value(&senders.ok_or(Error::NotFound)?)
}

async fn write(
    accounts: Writer<Account, Admin>,
    Path(id): Path<Id<User>>,
    Input(Names(names)): Input<Names>,
) -> Result<Answer> {
    let actor = accounts.own_actor()?;
    accounts.commands().load(id, &actor.scope).await?;
    let names = senders(names).map_err(|reason| Error::invalid("names", reason))?;
    let list = UserCommand::ListSmsSenders(names);
    let committed = accounts.commands().send(id, list, &actor).await?;
    let done = accounts.implied::<User>().settle(committed).await;
    let senders = user_senders::sms_senders(accounts.pool(), id.get()).await?;
    Ok(Answer::from_value(&senders.ok_or(Error::NotFound)?)?.late(done))
}

/// The senders that a body names.
fn senders(names: Option<Value>) -> Result<Vec<SenderId>, String> {
    let Some(names) = names else {
        return Err("is required".to_owned());
    };
    let names = names.as_array().ok_or("must be a list")?;
    if names.len() > MOST_ENTRIES {
        return Err(format!("must be at most {MOST_ENTRIES}"));
    }
    let sender = |name: &Value| {
        let text = name.as_str().unwrap_or_default();
        text.parse().map_err(|reason| format!("each {reason}"))
    };
    names.iter().map(sender).collect()
}

/// The request body, parsed only after the user is known to exist.
struct Names(Option<Value>);

impl FromFields for Names {
    fn from_fields(fields: &mut Fields) -> Self {
        fields.note("names", || {
            ArrayBuilder::new().items(ObjectBuilder::new().schema_type(Type::String))
        });
        Self(
            fields
                .parse("names", |names| Ok(Some(names.clone())))
                .given(),
        )
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_no_list_of_senders_is_refused() {
        assert_eq!(senders(Some(json!(["ACME", "+4930123"]))).unwrap().len(), 2);
        assert!(senders(Some(json!([]))).unwrap().is_empty());
        for wrong in [
            json!("ACME"),
            json!([7]),
            json!(["far too long a name"]),
            json!([""]),
        ] {
            assert!(senders(Some(wrong.clone())).is_err(), "{wrong}");
        }
        assert!(senders(None).is_err());
        assert!(senders(Some(json!(vec!["A"; MOST_ENTRIES + 1]))).is_err());
    }
}
