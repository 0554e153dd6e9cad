//! Permission to look at things of a kind.

use std::marker::PhantomData;

use axum::{extract::FromRequestParts, http::request::Parts};
use domain::{Entity, Id, Scope, access::Tenant};
use eventstore::Loaded;
use projections::View;
use sqlx::PgPool;

use super::{Caller, Noun, Verb};
use crate::{
    App, Error, Result,
    answer::{Answer, listed},
    extract::Listing,
    openapi::{Describe, Sketch},
};

/// The permission to do `V` with things of kind `N`, without changing any.
pub(crate) struct Reader<N, V> {
    caller: Caller,
    leave: PhantomData<fn() -> (N, V)>,
}

impl<N: Noun, V: Verb> Reader<N, V> {
    /// The caller.
    pub fn caller(&self) -> &Caller {
        &self.caller
    }

    /// The connections for reading.
    pub fn pool(&self) -> &PgPool {
        self.caller.app().pool()
    }

    /// The scope of the things that the caller may see.
    pub fn scope(&self) -> Scope {
        self.caller.scope_for::<N, V>()
    }

    /// Refuses a caller who does not have the permission within this tenant.
    pub fn must_in(&self, tenant: Id<Tenant>) -> Result<()> {
        self.caller.must_in::<N, V>(tenant)
    }

    /// Loads something that exists and that the caller may see, in its present state in the log.
    pub async fn load(&self, id: Id<N>) -> Result<Loaded<N>>
    where
        N: Entity,
    {
        let commands = self.caller.app().commands();
        Ok(commands.load(id, &self.scope()).await?)
    }

    /// One row, if the caller may see it.
    pub async fn row<R: View>(&self, id: i64) -> Result<R> {
        let found = self.caller.app().finders().find(id, &self.scope()).await?;
        found.ok_or(Error::NotFound)
    }

    /// One row, as the answer.
    pub async fn find<R: View>(&self, id: i64) -> Result<Answer> {
        Answer::row(&self.row::<R>(id).await?)
    }

    /// A list, as the answer.
    pub async fn list<R: View>(&self, listing: Listing<R>) -> Result<Answer> {
        listed(self.pool(), listing, &self.scope()).await
    }
}

impl<N: Noun, V: Verb> FromRequestParts<App> for Reader<N, V> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self> {
        let caller = Caller::from_request_parts(parts, app).await?;
        caller.must::<N, V>()?;
        Ok(Self {
            caller,
            leave: PhantomData,
        })
    }
}

impl<N: Noun, V: Verb> Describe for Reader<N, V> {
    fn describe(sketch: &mut Sketch) {
        sketch.needs(format!("{}_{}", N::NAME, V::NAME), N::OWNED);
    }
}
