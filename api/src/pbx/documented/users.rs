//! `user/…` of document 004.

use commands::Actor;
use domain::{
    Entity as _, Id, Scope,
    access::{Tenant, User, UserCommand},
};
use projections::{
    Query,
    access::{tenants::TenantRow, users::UserRow},
};
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

use super::{Updated, documented, required};
use crate::{
    Error, Result,
    access::{NewPassword, change_password, sealed_password},
    answer::Answer,
    authorization::{Admin, Caller, List, Reader, Writer},
    extract::{Fields, Form, FromFields, Given},
    openapi::Routes,
};

/// The caller.
#[derive(Serialize, ToSchema)]
struct LoggedIn {
    user_id: String,
}

/// A user in a list.
#[derive(Serialize, ToSchema)]
struct ListedUser {
    us_id: String,
    us_username: String,
}

/// The tenants of a user.
#[derive(Serialize, ToSchema)]
struct UserTenants {
    user_id: String,
    tenants: Vec<NamedTenant>,
}

/// A tenant of a user.
#[derive(Serialize, ToSchema)]
struct NamedTenant {
    te_id: String,
    te_name: String,
}

pub(super) fn routes() -> Routes {
    Routes::new()
        .get(
            "/user/login",
            login,
            documented("Tells who is logged in").json::<LoggedIn>(),
        )
        .get(
            "/user/get",
            get,
            documented("Lists users").array_of::<ListedUser>(),
        )
        .post(
            "/user/tenants",
            tenants,
            documented("Lists the tenants of a user")
                .requires(&["user"])
                .example(json!({"user": "admin"}))
                .json::<UserTenants>(),
        )
        .post(
            "/user/updatebyid",
            update,
            documented("Sets the password of a user")
                .note("The user's tokens are revoked. Of others it takes `user_admin`.")
                .requires(&["user_id", "password"])
                .example(json!({"user_id": 1, "password": null}))
                .json::<Updated>(),
        )
}

async fn login(caller: Caller) -> Result<Answer> {
    let user_id = caller.user().to_string();
    Answer::from_value(&LoggedIn { user_id })
}

async fn get(users: Reader<User, List>) -> Result<Answer> {
    super::listed(
        users.pool(),
        Query::<UserRow>::default(),
        &users.scope(),
        |row| ListedUser {
            us_id: row.user_id.to_string(),
            us_username: row.username.unwrap_or_default(),
        },
    )
    .await
}

async fn tenants(
    tenants: Reader<Tenant, List>,
    Form(UserName(name)): Form<UserName>,
) -> Result<Answer> {
    let caller = tenants.caller();
    let name = required("user", name)?;
    let (id, user) = caller.access_cache().login(&name).ok_or(Error::NotFound)?;
    let is_seen = id == caller.user() || caller.scope_for::<User, List>().covers(user.owner());
    if !is_seen {
        return Err(Error::NotFound);
    }
    let mut named = Vec::new();
    for tenant in caller.access_cache().tenants_of(id) {
        let finders = caller.app().finders();
        let row: Option<TenantRow> = finders.find(tenant.get(), &tenants.scope()).await?;
        named.extend(row.map(|row| NamedTenant {
            te_id: row.tenant_id.to_string(),
            te_name: row.name.unwrap_or(row.code),
        }));
    }
    Answer::from_value(&UserTenants {
        user_id: id.to_string(),
        tenants: named,
    })
}

async fn update(
    caller: Caller,
    Form(NewUserPassword { id, password }): Form<NewUserPassword>,
) -> Result<Answer> {
    let id = required("user_id", id)?;
    if password.given().is_none() {
        return Err(Error::invalid("password", "is required"));
    }
    if id == caller.user() {
        let user = caller.access_cache().user(id).ok_or(Error::NotFound)?;
        let sealed = sealed_password(&caller, (id, &user), &password).await?;
        let actor = Actor {
            metadata: caller.metadata()?,
            scope: Scope::Installation,
            expected_versions: None,
        };
        let change = UserCommand::ChangePassword(sealed);
        caller.app().commands().send(id, change, &actor).await?;
    } else {
        let users = Writer::<User, Admin>::of(&caller)?;
        change_password(&users, id, &password).await?;
    }
    Answer::from_value(&Updated::new())
}

/// The name of a user: the login name or the email address.
struct UserName(Option<String>);

impl FromFields for UserName {
    fn from_fields(fields: &mut Fields) -> Self {
        Self(fields.text("user").given())
    }
}

/// A new password for a user.
struct NewUserPassword {
    id: Option<Id<User>>,
    password: NewPassword,
}

impl FromFields for NewUserPassword {
    fn from_fields(fields: &mut Fields) -> Self {
        Self {
            id: fields.id("user_id").given(),
            password: NewPassword::from_fields(fields),
        }
    }
}
