//! The sender of a request.

use axum::{extract::FromRequestParts, http::request::Parts};
use commands::Scope;
use domain::{Id, access::User};
use eventstore::{Late, Metadata};

use super::{Noun, Verb};
use crate::{
    App, Error, Result,
    auth::{AccessCache, Network, Proof},
    client,
    middleware::RequestId,
    once::Once,
    openapi::{Describe, Sketch},
};

/// An authenticated user, whatever their permissions.
#[derive(Clone)]
pub(crate) struct Caller {
    app: App,
    proof: Proof,
    metadata: Metadata,
}

impl Caller {
    /// The id of the user.
    pub fn user(&self) -> Id<User> {
        self.proof.user
    }

    /// The proof of the caller's identity.
    pub fn proof(&self) -> Proof {
        self.proof
    }

    /// The network that the request comes from.
    pub fn network(&self) -> Network {
        self.metadata.client.map(client::network)
    }

    /// The metadata of the events that the request causes.
    pub fn metadata(&self) -> Metadata {
        self.metadata.clone()
    }

    /// The caller of a request that must be carried out only once.
    pub fn once(mut self, once: Once) -> Self {
        self.metadata.effect = Some(Late::new(once));
        self
    }

    /// The API's state.
    pub fn app(&self) -> &App {
        &self.app
    }

    /// The cache of users and their rights.
    pub fn access_cache(&self) -> &AccessCache {
        &self.app.auth().access_cache
    }

    /// True if the caller has the permission for `V` with things of kind `N`, at least with their
    /// own.
    pub fn may<N: Noun, V: Verb>(&self) -> bool {
        let wanted = format!("{}_{}", N::NAME, V::NAME);
        self.access_cache().may(self.user(), &wanted)
    }

    /// Refuses a caller who does not have that permission.
    pub fn must<N: Noun, V: Verb>(&self) -> Result<()> {
        self.must_hold(&format!("{}_{}", N::NAME, V::NAME))
    }

    /// Refuses a caller who does not have the permission of this name.
    pub fn must_hold(&self, permission: &str) -> Result<()> {
        if self.access_cache().may(self.user(), permission) {
            return Ok(());
        }
        let needed = format!("permission {permission} is needed");
        Err(Error::Forbidden(needed.into()))
    }

    /// The scope of the things of this kind that the caller may see and change.
    pub fn scope<N: Noun>(&self) -> Scope {
        match N::ADMIN {
            Some(admin) if !self.access_cache().may(self.user(), admin) => {
                Scope::OwnedBy(self.user())
            }
            _ => Scope::All,
        }
    }

    /// The scope, in the read side's type.
    pub fn view<N: Noun>(&self) -> projections::Scope {
        match self.scope::<N>() {
            Scope::All => projections::Scope::All,
            Scope::OwnedBy(user) => projections::Scope::OwnedBy(user.get()),
        }
    }
}

impl FromRequestParts<App> for Caller {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self> {
        // A handler may ask for several permissions; the credential is checked once.
        if let Some(caller) = parts.extensions.get::<Caller>() {
            return Ok(caller.clone());
        }
        let client = client::address(parts, app.config().trust_proxy);
        let proof = app.auth().recognise(&parts.headers, client).await?;
        let request_id = parts.extensions.get::<RequestId>().map(|id| id.0.clone());
        let caller = Self {
            app: app.clone(),
            proof,
            metadata: Metadata {
                user_id: Some(proof.user),
                correlation_id: request_id.clone(),
                request_id,
                client,
                ..Metadata::default()
            },
        };
        parts.extensions.insert(caller.clone());
        Ok(caller)
    }
}

impl Describe for Caller {
    fn describe(sketch: &mut Sketch) {
        sketch.authenticated = true;
        sketch.refuses(&[401, 429]);
    }
}
