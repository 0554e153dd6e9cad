//! Permission to change things of a kind.

use std::{
    marker::PhantomData,
    sync::{Mutex, PoisonError},
};

use axum::{extract::FromRequestParts, http::request::Parts};
use commands::{Actor, AtomicAppend, CommandError, Commands};
use domain::{
    Entity, Id, Owner, Refusal, Scope,
    access::{Tenant, User},
};
use eventstore::{Committed, Loaded, Metadata, Position};
use projections::View;
use serde_json::Value;
use sqlx::PgPool;
use utoipa::openapi::{ObjectBuilder, schema::Type};

use super::{Caller, Create, Noun, Owned, RequestedTenant, TENANT_ID, Verb, if_match::if_match};
use crate::{
    App, Error, Result,
    answer::{Answer, id_of},
    idempotency::{IdempotentRequest, Recipe},
    openapi::{CREATED_WITHIN, Describe, Sketch},
};

/// The types that a writer is for, of which it holds nothing.
type Leave<A, V, N> = PhantomData<fn() -> (A, V, N)>;

/// The permission to do `V` with things of kind `A`. A command that is sent through it carries the
/// caller's name, changes only things in the caller's scope, and has been taken in by the read
/// models when it returns. It is sent only while the caller is still known and still has the
/// permission: a body may come in long after the request's headers.
///
/// `N` names the permission where it is not that of the aggregate's own name: an extension is an
/// account, and takes `extension_…`.
pub(crate) struct Writer<A, V, N = A> {
    caller: Caller,
    /// Refuses a caller who does not have the permission.
    demand: fn(&Caller) -> Result<()>,
    /// The tenant within which the caller was last found to have the permission.
    within: Mutex<Option<Id<Tenant>>>,
    expected_versions: Option<Vec<u64>>,
    asked: RequestedTenant,
    leave: Leave<A, V, N>,
}

/// The result of a command.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Done {
    /// The position, if the read models have not reached it in time.
    pub late: Option<Position>,
}

impl<A: Noun, V: Verb> Writer<A, V> {
    /// The writer of a caller who has the permission.
    pub fn of(caller: &Caller) -> Result<Self> {
        caller.must::<A, V>()?;
        Ok(Self {
            caller: caller.clone(),
            demand: Caller::must::<A, V>,
            within: Mutex::default(),
            expected_versions: None,
            asked: RequestedTenant::default(),
            leave: PhantomData,
        })
    }
}

impl<A, V: Verb, N: Noun> Writer<A, V, N> {
    /// The caller.
    pub fn caller(&self) -> &Caller {
        &self.caller
    }

    /// The scope of the things that the caller may change.
    pub fn scope(&self) -> Scope {
        self.caller.scope_for::<N, V>()
    }

    /// Refuses a caller who does not have the permission within this tenant.
    pub fn must_in(&self, tenant: Id<Tenant>) -> Result<()> {
        self.caller.must_in::<N, V>(tenant)
    }

    /// Refuses a caller who does not have the permission for things of this owner.
    pub fn must_reach(&self, owner: Owner) -> Result<()> {
        if self.scope().covers(Some(owner)) {
            return Ok(());
        }
        let needed = format!("permission {}_{} is needed for this", N::NAME, V::NAME);
        Err(Error::Forbidden(needed.into()))
    }

    /// Refuses a caller who is not known any more, or has lost the permission. Waits for the cache
    /// of rights where it is late, so that a long import does not end because of that.
    pub async fn must_still(&self) -> Result<()> {
        self.caller.access_cache().fresh().await?;
        self.caller.must_be_known()?;
        (self.demand)(&self.caller)
    }

    /// The metadata of the events that the request causes, for a caller who is still known and
    /// still has the permission, within the tenant of what they create too.
    pub fn metadata(&self) -> Result<Metadata> {
        let metadata = self.caller.metadata()?;
        (self.demand)(&self.caller)?;
        let within = *self.within.lock().unwrap_or_else(PoisonError::into_inner);
        within.map_or(Ok(()), |tenant| self.must_in(tenant))?;
        Ok(metadata)
    }

    /// The connections for reading.
    pub fn pool(&self) -> &PgPool {
        self.caller.app().pool()
    }

    /// The command bus.
    pub fn commands(&self) -> &Commands {
        self.caller.app().commands()
    }
}

impl<A, V, N> Writer<A, V, N>
where
    A: Entity<Command: Clone, Error: Into<Refusal>>,
    V: Verb,
    N: Noun,
{
    /// The caller's user id.
    pub fn user(&self) -> Id<User> {
        self.caller.user()
    }

    /// The owner of what the caller creates: within their home tenant, unless the request names
    /// another one of theirs as `tenant_id`.
    pub fn owner(&self) -> Result<Owner> {
        self.owner_in(self.asked.tenant()?.unwrap_or_else(|| self.caller.home()))
    }

    /// The owner of what the caller creates within this tenant, which must be one of theirs.
    pub fn owner_in(&self, tenant: Id<Tenant>) -> Result<Owner> {
        let tenants = self.caller.access_cache().tenants_of(self.user());
        if !tenants.contains(&tenant) {
            return Err(Error::unknown(TENANT_ID));
        }
        self.must_in(tenant)?;
        *self.within.lock().unwrap_or_else(PoisonError::into_inner) = Some(tenant);
        Ok(Owner::new(tenant, self.user()))
    }

    /// The owner of what the caller creates for a tenant as a whole: their home tenant, unless the
    /// request names another one as `tenant_id` within which they have the permission.
    pub fn whole_tenant(&self) -> Result<Owner> {
        self.whole_tenant_of(self.asked.tenant()?.unwrap_or_else(|| self.caller.home()))
    }

    /// The owner of what the caller creates for this tenant as a whole.
    pub fn whole_tenant_of(&self, tenant: Id<Tenant>) -> Result<Owner> {
        let (cache, owner) = (self.caller.access_cache(), Owner::whole(tenant));
        let is_theirs = cache.tenants_of(self.user()).contains(&tenant);
        let is_known = is_theirs || self.scope().covers(Some(owner));
        if !is_known || cache.tenant(tenant).is_none() {
            return Err(Error::unknown(TENANT_ID));
        }
        self.must_in(tenant)?;
        *self.within.lock().unwrap_or_else(PoisonError::into_inner) = Some(tenant);
        Ok(owner)
    }

    /// The tenant that the request names as `tenant_id`, if it names one.
    pub fn requested_tenant(&self) -> Result<Option<Id<Tenant>>> {
        self.asked.tenant()
    }

    /// An id for something new.
    pub async fn next_id(&self) -> Result<Id<A>> {
        Ok(self.commands().next_id(A::TYPE).await?)
    }

    /// Loads something that exists and that the caller may change, in the version that they expect.
    pub async fn load(&self, id: Id<A>) -> Result<Loaded<A>> {
        let loaded = self.commands().load(id, &self.scope()).await?;
        match &self.expected_versions {
            Some(versions) if !versions.contains(&loaded.version) => {
                Err(Error::Stale(loaded.version))
            }
            _ => Ok(loaded),
        }
    }

    /// Sends a command to something that exists.
    pub async fn send(&self, id: Id<A>, command: A::Command) -> Result<Done> {
        self.sent(id, command, self.actor(self.scope())?).await
    }

    /// Sends a command whose answer is known before it is carried out. The answer is recorded with
    /// the events for repeated requests, so it holds only ids.
    pub async fn answered(&self, id: Id<A>, command: A::Command, answer: Value) -> Result<Answer> {
        let recipe = || Recipe::Body(answer.clone());
        let actor = self.actor(self.scope())?.answering(recipe);
        let done = self.sent(id, command, actor).await?;
        Ok(Answer::from_value(&answer)?.late(done))
    }

    /// Sends the command that creates something.
    pub async fn create(&self, id: Id<A>, command: A::Command) -> Result<Done> {
        self.made(id, command, self.actor(Scope::Installation)?)
            .await
    }

    /// Creates something and answers its id.
    pub async fn created(&self, id: Id<A>, command: A::Command) -> Result<Answer> {
        let answer = id_of(N::NAME, id.get());
        let recipe = || Recipe::Body(answer.clone());
        let actor = self.actor(Scope::Installation)?.answering(recipe);
        let done = self.made(id, command, actor).await?;
        Ok(Answer::from_value(&answer)?.late(done))
    }

    /// Deletes something and answers its id.
    pub async fn deleted(&self, id: Id<A>, command: A::Command) -> Result<Answer> {
        self.answered(id, command, id_of(N::NAME, id.get())).await
    }

    /// Changes something and answers its present state.
    pub async fn updated<R: View>(&self, id: Id<A>, command: A::Command) -> Result<Answer> {
        self.updated_within::<R>(self.scope(), id, command).await
    }

    /// As [`Writer::updated`], within another scope, whose reach the caller was checked for.
    pub async fn updated_within<R: View>(
        &self,
        scope: Scope,
        id: Id<A>,
        command: A::Command,
    ) -> Result<Answer> {
        let recipe = || Recipe::row::<R>(id.get());
        let actor = self.actor(scope)?.answering(recipe);
        let done = self.sent(id, command, actor).await?;
        self.now::<R>(id, done).await
    }

    /// The state of something after a change: also if the change took it out of the caller's scope.
    pub async fn now<R: View>(&self, id: Id<A>, done: Done) -> Result<Answer> {
        let found = projections::find::<R>(self.pool(), id.get(), &Scope::Installation).await?;
        let row = found.ok_or(Error::NotFound)?;
        Answer::row(&row).map(|answer| answer.late(done))
    }

    /// A writer of another kind, if the caller has that permission too.
    pub fn also<B: Noun, W: Verb>(&self) -> Result<Writer<B, W>> {
        self.caller.must::<B, W>()?;
        Ok(Writer {
            caller: self.caller.clone(),
            demand: Caller::must::<B, W>,
            within: Mutex::default(),
            expected_versions: None,
            asked: self.asked.clone(),
            leave: PhantomData,
        })
    }

    /// A writer of another kind, for consequences of a change that the caller may make.
    pub fn implied<B: Noun>(&self) -> Writer<B, V> {
        Writer {
            caller: self.caller.clone(),
            demand: self.demand,
            within: Mutex::default(),
            expected_versions: None,
            asked: self.asked.clone(),
            leave: PhantomData,
        }
    }

    /// The caller as the command bus knows them, for services that send commands by themselves.
    pub fn own_actor(&self) -> Result<Actor> {
        self.actor(self.scope())
    }

    /// Appends the decisions of several aggregates for this request, and waits until read models of
    /// these kinds show them. `None` if another writer was faster: the decisions must be made
    /// again.
    pub async fn commit(
        &self,
        append: AtomicAppend<'_>,
        recipe: Option<Recipe>,
        kinds: &[&str],
    ) -> Result<Option<Done>> {
        let mut metadata = self.metadata()?;
        if let Some(recipe) = recipe {
            IdempotentRequest::answer(&mut metadata, || recipe.text());
        }
        let committed = match append.commit(&metadata).await {
            Ok(committed) => committed,
            Err(CommandError::Contended) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let position = committed.iter().filter_map(|it| it.position).max();
        let mut late = None;
        for kind in kinds {
            late = late.max(self.caller.app().settle(kind, position).await);
        }
        Ok(Some(Done { late }))
    }

    fn actor(&self, scope: Scope) -> Result<Actor> {
        Ok(Actor {
            metadata: self.metadata()?,
            scope,
            expected_versions: self.expected_versions.clone(),
        })
    }

    async fn sent(&self, id: Id<A>, command: A::Command, actor: Actor) -> Result<Done> {
        let committed = self.commands().send(id, command, &actor).await?;
        Ok(self.settle(committed).await)
    }

    async fn made(&self, id: Id<A>, command: A::Command, actor: Actor) -> Result<Done> {
        let committed = self.commands().send_new(id, command, &actor).await?;
        Ok(self.settle(committed).await)
    }

    /// Waits until an append can be read.
    pub async fn settle(&self, committed: Committed) -> Done {
        let app = self.caller.app();
        Done {
            late: app.settle(A::TYPE, committed.position).await,
        }
    }
}

impl<A, V: Verb, N: Noun> FromRequestParts<App> for Writer<A, V, N> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self> {
        let caller = Caller::from_request_parts(parts, app).await?;
        caller.must::<N, V>()?;
        Ok(Self {
            caller,
            demand: Caller::must::<N, V>,
            within: Mutex::default(),
            expected_versions: if_match(&parts.headers)?,
            asked: RequestedTenant::of_request(parts),
            leave: PhantomData,
        })
    }
}

impl<A, V: Verb, N: Noun> Describe for Writer<A, V, N> {
    fn describe(sketch: &mut Sketch) {
        sketch.needs(format!("{}_{}", N::NAME, V::NAME), N::OWNED);
        sketch.changes = true;
        if V::NAME == Create::NAME && matches!(N::OWNED, Owned::ByUsers(_)) {
            sketch.created_within = Some(CREATED_WITHIN);
        }
        let said = "The `ETag` of what is to be changed; another version is 409.";
        let text = || ObjectBuilder::new().schema_type(Type::String);
        sketch.header("If-Match", said, text());
        let said = "A unique key chosen by the client: within 24 hours a repeated request with \
                    the same key gets the same answer and is not carried out again; another request \
                    with it is 409.";
        sketch.header("Idempotency-Key", said, text());
        sketch.refuses(&[409, 412, 423]);
    }
}

/// Puts the recipe for the answer into the mark of a request that must be carried out only once.
trait Answering {
    fn answering(self, recipe: impl FnOnce() -> Recipe) -> Self;
}

impl Answering for Actor {
    fn answering(mut self, recipe: impl FnOnce() -> Recipe) -> Self {
        IdempotentRequest::answer(&mut self.metadata, || recipe().text());
        self
    }
}
