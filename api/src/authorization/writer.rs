//! Permission to change things of a kind.

use std::marker::PhantomData;

use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, header, request::Parts},
};
use commands::{Actor, AtomicAppend, CommandError, Commands};
use domain::{
    Entity, Id, Owner, Refusal, Scope,
    access::{Tenant, User},
};
use eventstore::{Committed, Loaded, Position};
use projections::View;
use serde_json::Value;
use sqlx::PgPool;
use utoipa::openapi::{ObjectBuilder, schema::Type};

use super::{Caller, Create, Noun, Owned, RequestedTenant, TENANT_ID, Verb};
use crate::{
    App, Error, Result,
    answer::{Answer, id_of},
    once::{Once, Recipe},
    openapi::{CREATED_WITHIN, Describe, Sketch},
};

/// The permission to do `V` with things of kind `A`. A command that is sent through it carries the
/// caller's name, changes only things in the caller's scope, and has been taken in by the read
/// models when it returns.
pub(crate) struct Writer<A, V> {
    caller: Caller,
    expected_versions: Option<Vec<u64>>,
    asked: RequestedTenant,
    leave: PhantomData<fn() -> (A, V)>,
}

/// The result of a command.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Done {
    /// The position, if the read models have not reached it in time.
    pub late: Option<Position>,
}

impl<A, V> Writer<A, V>
where
    A: Noun + Entity<Command: Clone, Error: Into<Refusal>>,
    V: Verb,
{
    /// The caller.
    pub fn caller(&self) -> &Caller {
        &self.caller
    }

    /// The caller's user id.
    pub fn user(&self) -> Id<User> {
        self.caller.user()
    }

    /// The scope of the things that the caller may change.
    pub fn scope(&self) -> Scope {
        self.caller.scope_for::<A, V>()
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
        Ok(Owner::new(tenant, self.user()))
    }

    /// The tenant that the request names as `tenant_id`, if it names one.
    pub fn requested_tenant(&self) -> Result<Option<Id<Tenant>>> {
        self.asked.tenant()
    }

    /// Refuses a caller who does not have the permission within this tenant.
    pub fn must_in(&self, tenant: Id<Tenant>) -> Result<()> {
        if self.caller.may_in::<A, V>(tenant) {
            return Ok(());
        }
        let needed = format!(
            "permission {}_{} is needed within the tenant",
            A::NAME,
            V::NAME
        );
        Err(Error::Forbidden(needed.into()))
    }

    /// The connections for reading.
    pub fn pool(&self) -> &PgPool {
        self.caller.app().pool()
    }

    /// The command bus.
    pub fn commands(&self) -> &Commands {
        self.caller.app().commands()
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
        self.sent(id, command, self.actor(self.scope())).await
    }

    /// Sends a command whose answer is known before it is carried out. The answer is recorded with
    /// the events for repeated requests, so it holds only ids.
    pub async fn answered(&self, id: Id<A>, command: A::Command, answer: Value) -> Result<Answer> {
        let recipe = || Recipe::Body(answer.clone());
        let actor = self.actor(self.scope()).answering(recipe);
        let done = self.sent(id, command, actor).await?;
        Ok(Answer::from_value(&answer)?.late(done))
    }

    /// Sends the command that creates something.
    pub async fn create(&self, id: Id<A>, command: A::Command) -> Result<Done> {
        self.made(id, command, self.actor(Scope::Installation))
            .await
    }

    /// Creates something and answers its id.
    pub async fn created(&self, id: Id<A>, command: A::Command) -> Result<Answer> {
        let answer = id_of(A::NAME, id.get());
        let recipe = || Recipe::Body(answer.clone());
        let actor = self.actor(Scope::Installation).answering(recipe);
        let done = self.made(id, command, actor).await?;
        Ok(Answer::from_value(&answer)?.late(done))
    }

    /// Deletes something and answers its id.
    pub async fn deleted(&self, id: Id<A>, command: A::Command) -> Result<Answer> {
        self.answered(id, command, id_of(A::NAME, id.get())).await
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
        let actor = self.actor(scope).answering(recipe);
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
            expected_versions: None,
            asked: self.asked.clone(),
            leave: PhantomData,
        })
    }

    /// A writer of another kind, for consequences of a change that the caller may make.
    pub fn implied<B: Noun>(&self) -> Writer<B, V> {
        Writer {
            caller: self.caller.clone(),
            expected_versions: None,
            asked: self.asked.clone(),
            leave: PhantomData,
        }
    }

    /// The caller as the command bus knows them, for services that send commands by themselves.
    pub fn own_actor(&self) -> Actor {
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
        let mut metadata = self.caller.metadata();
        if let Some(recipe) = recipe {
            Once::answer(&mut metadata, || recipe.text());
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

    fn actor(&self, scope: Scope) -> Actor {
        Actor {
            metadata: self.caller.metadata(),
            scope,
            expected_versions: self.expected_versions.clone(),
        }
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

impl<A: Noun, V: Verb> FromRequestParts<App> for Writer<A, V> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self> {
        let caller = Caller::from_request_parts(parts, app).await?;
        caller.must::<A, V>()?;
        Ok(Self {
            caller,
            expected_versions: if_match(&parts.headers)?,
            asked: RequestedTenant::of_request(parts),
            leave: PhantomData,
        })
    }
}

impl<A: Noun, V: Verb> Describe for Writer<A, V> {
    fn describe(sketch: &mut Sketch) {
        sketch.needs(format!("{}_{}", A::NAME, V::NAME));
        sketch.changes = true;
        if V::NAME == Create::NAME && matches!(A::OWNED, Owned::ByUsers(_)) {
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
        Once::answer(&mut self.metadata, || recipe().text());
        self
    }
}

/// The versions in `If-Match`, as `ETag` gave them; `None` for `*`, which asks for nothing but that
/// the thing exists. A weak tag never matches (RFC 9110, 13.1.1), and neither does a tag that this
/// API did not give out.
fn if_match(headers: &HeaderMap) -> Result<Option<Vec<u64>>> {
    let mut lines = headers.get_all(header::IF_MATCH).iter().peekable();
    if lines.peek().is_none() {
        return Ok(None);
    }
    let mut versions = Vec::new();
    let mut any = false;
    for line in lines {
        let text = line.to_str().map_err(|_| not_a_tag())?.trim();
        if text == "*" {
            any = true;
            continue;
        }
        for tag in text.split(',').map(str::trim).filter(|tag| !tag.is_empty()) {
            let strong = tag.strip_prefix("W/").unwrap_or(tag);
            let opaque = strong
                .strip_prefix('"')
                .and_then(|tag| tag.strip_suffix('"'));
            let opaque = opaque.filter(|opaque| !opaque.contains('"'));
            let version = opaque.ok_or_else(not_a_tag)?.parse::<u64>();
            versions.extend(version.ok().filter(|_| strong == tag));
        }
    }
    Ok((!any).then_some(versions))
}

fn not_a_tag() -> Error {
    Error::invalid("If-Match", "must be *, or one or more ETags in quotes")
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn expected(values: &[&'static str]) -> Result<Option<Vec<u64>>> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(header::IF_MATCH, HeaderValue::from_static(value));
        }
        if_match(&headers)
    }

    #[test]
    fn an_expected_version_is_read_from_an_etag() {
        assert_eq!(expected(&[]), Ok(None));
        assert_eq!(expected(&["\"7\""]), Ok(Some(vec![7])));
        assert_eq!(expected(&["*"]), Ok(None));
        assert_eq!(
            expected(&["\"7\", \"9\"", "\"11\""]),
            Ok(Some(vec![7, 9, 11]))
        );
    }

    #[test]
    fn a_tag_that_cannot_be_the_same_is_that_of_no_version() {
        for other in ["W/\"7\"", "\"a\"", "\"\""] {
            assert_eq!(expected(&[other]), Ok(Some(vec![])), "{other}");
        }
        for wrong in ["7", "\"7", "W/7", "\"7\" \"8\""] {
            assert!(expected(&[wrong]).is_err(), "{wrong}");
        }
    }
}
