//! Logging in and out.

use std::net::IpAddr;

use axum::{extract::FromRequestParts, extract::State, http::request::Parts};
use commands::Actor;
use cqrs_es::Aggregate;
use domain::{
    Scope,
    access::{Session, SessionCommand},
};
use secrecy::SecretString;
use serde_json::json;

use crate::{
    App, Error, Result,
    answer::Answer,
    authorization::{Caller, Done},
    client,
    extract::{Fields, FromFields, Given, Input},
    openapi::{Describe, EXAMPLE_PASSWORD, Routes, Shape, Sketch, op},
};

pub(super) fn routes() -> Routes {
    Routes::new()
        .post(
            "/authenticate",
            create,
            op("Logs in")
                .requires(&["password"])
                .example(json!({"username": "ada", "password": EXAMPLE_PASSWORD}))
                .fields(&[
                    ("token", Shape::Text),
                    ("access_token", Shape::Text),
                    ("token_type", Shape::Text),
                    ("expires_in", Shape::Number),
                ])
                .answers(401, "Wrong credentials.")
                .answers(
                    429,
                    "Too many failed logins of this name or from this address; `Retry-After` \
                     says when to try again.",
                ),
        )
        .aliases(&["POST /authentication", "POST /users/authenticate"])
        .post(
            "/authenticate/cancel",
            cancel,
            op("Revokes the presented token")
                .fields(&[("session_id", Shape::Id)])
                .answers(412, "No token was presented."),
        )
}

async fn create(
    State(app): State<App>,
    Client(client): Client,
    Input(login): Input<Login>,
) -> Result<Answer> {
    let Login { login, password } = login;
    let (login, password) = (login.unwrap_or_default(), password.unwrap_or_default());
    let (user, epoch) = app.auth().by_password(&login, &password, client).await?;
    let session = app.commands().next_id(Session::TYPE).await?;
    let issued = app.auth().issue(user, epoch, session)?;
    Answer::from_value(&json!({
        "token": &issued.token,
        "access_token": &issued.token,
        "token_type": "Bearer",
        "expires_in": issued.expires_in.as_secs(),
    }))
}

async fn cancel(caller: Caller) -> Result<Answer> {
    let (session, expires_at) = caller.proof().session.ok_or_else(no_token)?;
    let actor = Actor {
        metadata: caller.metadata()?,
        scope: Scope::Installation,
        expected_versions: None,
    };
    let user = caller.user();
    let revoke = SessionCommand::Revoke { user, expires_at };
    let committed = caller
        .app()
        .commands()
        .send_new(session, revoke, &actor)
        .await?;
    let late = caller.app().settle(Session::TYPE, committed.position).await;
    Ok(Answer::from_value(&json!({ "session_id": session }))?.late(Done { late }))
}

fn no_token() -> Error {
    Error::invalid(
        "Authorization",
        "must be the Bearer token that is to be cancelled",
    )
}

/// The address of a client that need not be logged in.
struct Client(Option<IpAddr>);

impl FromRequestParts<App> for Client {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Self::Rejection> {
        Ok(Self(client::address(parts, app.config().trust_proxy)))
    }
}

impl Describe for Client {
    fn describe(_sketch: &mut Sketch) {}
}

/// The fields of a login.
struct Login {
    login: Option<String>,
    password: Option<SecretString>,
}

impl FromFields for Login {
    const LIMIT: usize = 64 << 10;

    fn from_fields(fields: &mut Fields) -> Self {
        let names = ["username", "email"];
        let login = names.map(|field| fields.text_or_number::<String>(field).given());
        let password = fields.secret("password").given();
        // A misspelling in the published documents, which clients have copied.
        let slip = fields.undescribed(|fields| fields.secret("passowrd").given());
        let read = Self {
            login: login.into_iter().flatten().next(),
            password: password.or(slip),
        };
        if read.login.is_none() {
            fields.refuse("username", "is required");
        }
        if read.password.is_none() {
            fields.refuse("password", "is required");
        }
        read
    }
}
