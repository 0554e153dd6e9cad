//! The sender of a request.

use axum::{extract::FromRequestParts, http::request::Parts};
use domain::{
    FIRST_TENANT, Id, Scope, Tenants,
    access::{Tenant, User, vocabulary},
};
use eventstore::{Late, Metadata};

use super::{List, Noun, Owned, Read, Verb};
use crate::{
    App, Error, Result,
    auth::{AccessCache, Network, Proof},
    client,
    idempotency::IdempotentRequest,
    middleware::RequestId,
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

    /// Refuses a caller whose credential is not valid any more.
    pub fn must_be_known(&self) -> Result<()> {
        self.app.auth().confirm(&self.proof)
    }

    /// The metadata of the events that the request causes, for what takes no permission;
    /// [`Writer::metadata`](super::Writer::metadata) is for the rest. It is given to a caller who is
    /// still known: a body may have come in long after the credential was checked.
    pub fn metadata(&self) -> Result<Metadata> {
        self.must_be_known()?;
        Ok(self.metadata.clone())
    }

    /// The caller of a request that must be carried out only once.
    pub fn idempotent(mut self, request: IdempotentRequest) -> Self {
        self.metadata.effect = Some(Late::new(request));
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

    /// The tenant within which the caller creates things by default.
    pub fn home(&self) -> Id<Tenant> {
        let user = self.access_cache().user(self.user());
        user.map_or(FIRST_TENANT, |user| user.home())
    }

    /// True if the caller has the permission for `V` with things of kind `N` within some tenant, at
    /// least with their own.
    pub fn may<N: Noun, V: Verb>(&self) -> bool {
        self.must::<N, V>().is_ok()
    }

    /// True if the caller has that permission within this tenant.
    pub fn may_in<N: Noun, V: Verb>(&self, tenant: Id<Tenant>) -> bool {
        let wanted = permission::<N, V>();
        self.access_cache().may_in(self.user(), tenant, &wanted)
    }

    /// Refuses a caller who does not have that permission within this tenant.
    pub fn must_in<N: Noun, V: Verb>(&self, tenant: Id<Tenant>) -> Result<()> {
        if self.may_in::<N, V>(tenant) {
            return Ok(());
        }
        let wanted = permission::<N, V>();
        let needed = format!("permission {wanted} is needed within the tenant");
        Err(Error::Forbidden(needed.into()))
    }

    /// The tenant within which the caller has that permission, if it is the only one.
    pub fn only_tenant<N: Noun, V: Verb>(&self) -> Option<Id<Tenant>> {
        if self.is_installation_admin() {
            return self.access_cache().only_tenant();
        }
        let held = self.tenants_where(&permission::<N, V>());
        held.first().copied().filter(|_| held.len() == 1)
    }

    /// Refuses a caller who does not have that permission.
    pub fn must<N: Noun, V: Verb>(&self) -> Result<()> {
        let wanted = permission::<N, V>();
        let held = self.tenants_where(&wanted);
        let is_enough = match N::OWNED {
            Owned::ByInstallation => self.reaches_installation(&held),
            Owned::Shared if !matches!(V::NAME, List::NAME | Read::NAME) => {
                self.reaches_installation(&held)
            }
            _ => !held.is_empty(),
        };
        if is_enough {
            Ok(())
        } else {
            Err(needed(&wanted))
        }
    }

    /// The scope of things of these owners for which the caller has the permission of this name.
    pub fn reach(&self, permission: &str, owned: Owned) -> Scope {
        self.scope_of(owned, self.tenants_where(permission))
    }

    /// Refuses a caller who does not have the permission of this name within any tenant.
    pub fn must_hold(&self, permission: &str) -> Result<()> {
        if self.tenants_where(permission).is_empty() {
            Err(needed(permission))
        } else {
            Ok(())
        }
    }

    /// Refuses a caller who does not administer the installation.
    pub fn must_administer_installation(&self) -> Result<()> {
        if self.is_installation_admin() {
            Ok(())
        } else {
            Err(needed(vocabulary::INSTALLATION_ADMIN))
        }
    }

    /// True if the caller administers the installation.
    pub fn is_installation_admin(&self) -> bool {
        self.access_cache().is_installation_admin(self.user())
    }

    /// The scope of the things of this kind that the caller may refer to.
    pub fn scope<N: Noun>(&self) -> Scope {
        self.scope_in::<N>(self.access_cache().tenants_of(self.user()))
    }

    /// The scope of the things of this kind with which the caller may do `V`.
    pub fn scope_for<N: Noun, V: Verb>(&self) -> Scope {
        self.scope_in::<N>(self.tenants_where(&permission::<N, V>()))
    }

    /// As [`Caller::scope_for`], within the tenants only in which the caller may do `W` with things
    /// of kind `M` too.
    pub fn scope_for_both<N: Noun, V: Verb, M: Noun, W: Verb>(&self) -> Scope {
        let tenants = self.tenants_where(&permission::<N, V>());
        self.scope_in::<N>(&tenants & &self.tenants_where(&permission::<M, W>()))
    }

    /// The scope of the things of kind `N` within the tenants in which the caller may do `W` with
    /// things of kind `M`.
    pub fn scope_where<N: Noun, M: Noun, W: Verb>(&self) -> Scope {
        self.scope_in::<N>(self.tenants_where(&permission::<M, W>()))
    }

    fn scope_in<N: Noun>(&self, tenants: Tenants) -> Scope {
        self.scope_of(N::OWNED, tenants)
    }

    fn scope_of(&self, owned: Owned, tenants: Tenants) -> Scope {
        match owned {
            Owned::Shared | Owned::ByInstallation | Owned::Derived => Scope::Installation,
            Owned::ByTenants if self.reaches_installation(&tenants) => Scope::Installation,
            Owned::ByTenants => Scope::within(self.user(), Tenants::new(), tenants),
            Owned::ByUsers(admin) => {
                let administered = self.tenants_where(admin);
                if !administered.is_empty() && self.is_installation_admin() {
                    return Scope::Installation;
                }
                let whole = &administered & &tenants;
                Scope::within(self.user(), &tenants - &whole, whole)
            }
        }
    }

    fn tenants_where(&self, permission: &str) -> Tenants {
        self.access_cache().tenants_where(self.user(), permission)
    }

    /// True if a permission that is held within these tenants reaches what belongs to the
    /// installation: it does where there is one tenant only.
    fn reaches_installation(&self, held: &Tenants) -> bool {
        let is_alone = || self.access_cache().has_one_tenant();
        !held.is_empty() && (is_alone() || self.is_installation_admin())
    }
}

fn permission<N: Noun, V: Verb>() -> String {
    format!("{}_{}", N::NAME, V::NAME)
}

fn needed(permission: &str) -> Error {
    Error::Forbidden(format!("permission {permission} is needed").into())
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
