//! The REST API: routes, requests and answers, authentication and authorization.
//!
//! One folder per area (`access`, `people`, `outreach`, `delivery`, `pbx`, `system`), one file per
//! resource. Shared modules:
//!
//! - `authorization`: permission as a type, `Writer<Contact, Create>`;
//! - `extract`: bodies, paths and queries, read leniently and refused by name;
//! - `csv`: import and export of lists as files;
//! - `answer`: successful answers; `error`: the one place of status codes;
//! - `openapi`: the registration of routes, and the description made of them;
//! - `auth`: tokens, passwords, and the access cache of users and roles;
//! - `bodies`: the memory and the time that bodies of requests may take, and `draining` of those
//!   that are refused;
//! - `middleware`: request ids, limits on time, and the log line of each request;
//! - `cors_and_compression`: the two layers outside of all others;
//! - `cross_site`: protection from requests that foreign pages cause, and `origin`: the allowed
//!   origins;
//! - `idempotency`: writes with an Idempotency-Key;
//! - `sealing`: secrets of requests, sealed for their field.
//!
//! To add an endpoint: a handler of three to ten lines in its resource's file, whose first
//! parameter is a `Writer`, a `Reader` or a `Caller` (a path comes after it, so that 403 is decided
//! before 404), and a line in the resource's `routes`. To add a resource: its file, with the `Noun`
//! of its permissions, and a line in its area's list.

mod access;
mod answer;
mod auth;
mod authorization;
mod bodies;
mod client;
mod config;
mod cors_and_compression;
mod cross_site;
mod csv;
mod delivery;
mod draining;
mod error;
mod exclusive;
mod extract;
mod idempotency;
mod middleware;
mod openapi;
mod origin;
mod outreach;
mod pbx;
mod people;
mod sealing;
mod system;

use std::{sync::Arc, time::Duration};

use axum::Router;
use commands::{
    Commands,
    addresses::Addresses,
    media::MediaStore,
    receiving::Sessions,
    routing::Routing,
    sending::Sending,
    verification::{SendCode, Verification},
};
use cqrs_es::Aggregate;
use domain::access::{Permission, Role, Session, Tenant, User};
use eventstore::{Position, Vault, subscriber::HighWaterMarks};
use media::conversion::Conversions;
use metrics_exporter_prometheus::PrometheusHandle;
use projections::Finders;
use secrecy::SecretSlice;
use sqlx::PgPool;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio_util::sync::CancellationToken;

pub use auth::{
    FirstUser, PasswordPolicy, ShowPassword, bootstrap, check_first_user, reset_password,
    user_named,
};
pub use client::{client_network, network};
pub use config::ApiConfig;
pub use error::{Error, Invalid, Result};
pub use openapi::openapi;
pub use origin::{is_origin, is_web_url};
pub use system::Health;

use auth::{AccessCache, Authenticator, LoginLimits, Passwords, Tokens};
use bodies::BodyMemory;
use idempotency::Claims;
use openapi::Routes;
use origin::Origins;

/// Time limit for a write to become readable.
const READABLE_WITHIN: Duration = Duration::from_secs(2);
/// The most whole configurations of PBXs that are read and written at once.
const CONFIGURATIONS: usize = 4;
/// The most clients that follow campaigns at once; each asks the database twice a second.
const FOLLOWERS: usize = 256;

/// The aggregate types in the access cache.
const CACHED: [&str; 5] = [
    User::TYPE,
    Tenant::TYPE,
    Role::TYPE,
    Permission::TYPE,
    Session::TYPE,
];

/// Interval of sweeping broken-off uploads and old idempotency keys.
const SWEEP_EVERY: Duration = Duration::from_secs(60 * 60);

/// The state of the gateways that `/readyz` shows.
pub type Gateways = Arc<dyn Fn() -> serde_json::Value + Send + Sync>;

/// The parts that the API is built from.
pub struct Parts {
    /// The command bus.
    pub commands: Commands,
    /// The positions of the log's subscribers.
    pub high_water_marks: HighWaterMarks,
    /// The connections for reading; best a pool of its own, so that lists do not hold up writers.
    pub pool: PgPool,
    /// The programs that convert uploads.
    pub conversions: Conversions,
    /// The metrics that `/metrics` renders.
    pub metrics: PrometheusHandle,
    /// The state of the gateways that `/readyz` shows.
    pub gateways: Gateways,
    /// The sender of verification codes.
    pub codes: Arc<dyn SendCode>,
    /// The entrance of inbound sessions.
    pub sessions: Arc<dyn Sessions>,
    /// The key from which verification codes are derived.
    pub code_key: SecretSlice<u8>,
    /// Cancelled when the server is about to stop: endless streams end.
    pub closing: CancellationToken,
}

/// The running API's state. Clones share it.
#[derive(Clone)]
pub struct App(Arc<Inner>);

struct Inner {
    parts: Parts,
    config: ApiConfig,
    media: MediaStore,
    sending: Sending,
    routing: Routing,
    addresses: Addresses,
    verification: Verification,
    followers: Arc<Semaphore>,
    configurations: Semaphore,
    finders: Finders,
    auth: Authenticator,
    idempotency: Claims,
    bodies: BodyMemory,
    rights: tokio::sync::Mutex<()>,
    rooms: tokio::sync::Mutex<()>,
}

impl App {
    /// Loads the token key and the users, and begins to follow the log.
    ///
    /// # Errors
    /// When the database does not answer, or the master key is not the one that the token key was
    /// sealed with.
    pub async fn start(parts: Parts, config: ApiConfig) -> Result<Self> {
        let store = parts.commands.store();
        let tokens = Tokens::load(&parts.pool, store.vault(), config.token_ttl).await?;
        let access_cache = AccessCache::start(store.log().clone()).await?;
        let passwords = Passwords::new(store.vault().clone())?;
        let limits = LoginLimits {
            per_name: config.login_attempts,
            per_network: config.login_attempts_per_address,
        };
        let routing = Routing::start(store.log().clone()).await?;
        let auth = Authenticator::new(access_cache, tokens, passwords, limits)?;
        let fingerprints = auth::key(&parts.pool, store.vault(), "fingerprint").await?;
        // On the writers' connections, like the appends whose marks it reads.
        let idempotency = Claims::new(store.pool().clone(), store.vault().clone(), fingerprints);
        let media = MediaStore::new(parts.pool.clone());
        let finders = Finders::new(parts.pool.clone());
        let sending = Sending::new(
            parts.commands.clone(),
            parts.pool.clone(),
            config.deadlines,
            config.addresses,
        );
        let verification = Verification::new(
            parts.commands.clone(),
            parts.code_key.clone(),
            Arc::clone(&parts.codes),
        );
        let app = Self(Arc::new(Inner {
            addresses: Addresses::new(parts.commands.clone()),
            verification,
            bodies: BodyMemory::new(config.body_memory),
            parts,
            config,
            media,
            sending,
            routing,
            followers: Arc::new(Semaphore::new(FOLLOWERS)),
            configurations: Semaphore::new(CONFIGURATIONS),
            finders,
            auth,
            idempotency,
            rights: tokio::sync::Mutex::default(),
            rooms: tokio::sync::Mutex::default(),
        }));
        tokio::spawn(sweep(Arc::downgrade(&app.0)));
        Ok(app)
    }

    pub(crate) fn config(&self) -> &ApiConfig {
        &self.0.config
    }

    pub(crate) fn commands(&self) -> &Commands {
        &self.0.parts.commands
    }

    pub(crate) fn high_water_marks(&self) -> &HighWaterMarks {
        &self.0.parts.high_water_marks
    }

    pub(crate) fn pool(&self) -> &PgPool {
        &self.0.parts.pool
    }

    pub(crate) fn parts(&self) -> &Parts {
        &self.0.parts
    }

    pub(crate) fn media(&self) -> &MediaStore {
        &self.0.media
    }

    /// The configuration of PBXs.
    pub(crate) fn routing(&self) -> &Routing {
        &self.0.routing
    }

    /// A turn to read or write a whole configuration, which takes much memory.
    pub(crate) async fn configurations(&self) -> Result<SemaphorePermit<'_>> {
        let turn = tokio::time::timeout(exclusive::TIMEOUT, self.0.configurations.acquire());
        let busy = Error::Unavailable("too many configurations are read and written; try again");
        turn.await.ok().and_then(Result::ok).ok_or(busy)
    }

    /// The places of the clients that follow campaigns.
    pub(crate) fn followers(&self) -> &Arc<Semaphore> {
        &self.0.followers
    }

    pub(crate) fn sending(&self) -> &Sending {
        &self.0.sending
    }

    /// The rights to use addresses.
    pub(crate) fn addresses(&self) -> &Addresses {
        &self.0.addresses
    }

    /// The verification of addresses.
    pub(crate) fn verification(&self) -> &Verification {
        &self.0.verification
    }

    pub(crate) fn vault(&self) -> &Vault {
        self.commands().store().vault()
    }

    pub(crate) fn finders(&self) -> &Finders {
        &self.0.finders
    }

    pub(crate) fn auth(&self) -> &Authenticator {
        &self.0.auth
    }

    pub(crate) fn idempotency(&self) -> &Claims {
        &self.0.idempotency
    }

    /// The memory for bodies of requests.
    pub(crate) fn bodies(&self) -> &BodyMemory {
        &self.0.bodies
    }

    /// The health of the process.
    pub(crate) fn health(&self) -> Health {
        let parts = self.parts();
        Health {
            high_water_marks: parts.high_water_marks.clone(),
            // Not the readers', which a crowd of them may use up.
            pool: parts.commands.store().pool().clone(),
            gateways: Arc::clone(&parts.gateways),
            metrics: parts.metrics.clone(),
            company: self.config().company.clone(),
            confinement: Some(parts.conversions.confinement().name()),
        }
    }

    /// The lock on rights within this process; see `auth/rights_lock.rs`.
    pub(crate) fn rights(&self) -> &tokio::sync::Mutex<()> {
        &self.0.rights
    }

    /// The lock on room in tenants within this process; see `access/tenant_limits.rs`.
    pub(crate) fn rooms(&self) -> &tokio::sync::Mutex<()> {
        &self.0.rooms
    }

    /// Waits until a write can be read and, for users, their rights and tenants, until this process
    /// applies it; returns the position if that takes too long.
    pub(crate) async fn settle(&self, kind: &str, position: Option<Position>) -> Option<Position> {
        let position = position?;
        let read = self
            .high_water_marks()
            .wait_for(kind, position, READABLE_WITHIN);
        let held = async {
            if CACHED.contains(&kind) {
                self.auth()
                    .access_cache
                    .reaches(position, READABLE_WITHIN)
                    .await
            } else {
                true
            }
        };
        let (read, held) = tokio::join!(read, held);
        (!(read && held)).then_some(position)
    }
}

/// The API, ready to be served. The limits on logins need connect info
/// (`into_make_service_with_connect_info::<SocketAddr>`).
pub fn router(app: App) -> Router {
    let config = app.config();
    let origins = config.cors_origins.clone();
    let admitted = Origins::new(config.url.as_deref(), &origins, config.trust_proxy);
    let router = routes()
        .into_router()
        // Another spelling of a documented route.
        .route("/docs/", axum::routing::get(openapi::docs))
        .fallback(error::unknown_path)
        .method_not_allowed_fallback(error::unknown_path)
        .layer(axum::middleware::from_fn_with_state(
            app.clone(),
            idempotency::answer_repeated,
        ))
        .layer(axum::middleware::from_fn_with_state(
            Arc::new(admitted),
            cross_site::guard,
        ))
        .layer(axum::middleware::from_fn_with_state(
            app.clone(),
            middleware::frame,
        ))
        .layer(axum::middleware::from_fn(pbx::envelope))
        .layer(cors_and_compression::compression())
        .with_state(app);
    cors_and_compression::cors(router, &origins)
}

/// All routes, one line per area.
fn routes() -> Routes {
    Routes::new()
        .merge(access::routes())
        .merge(people::routes())
        .merge(outreach::routes())
        .merge(delivery::routes())
        .merge(pbx::routes())
        .merge(system::routes())
        .merge(openapi::page_routes())
}

async fn sweep(app: std::sync::Weak<Inner>) {
    while let Some(app) = app.upgrade() {
        if let Err(error) = app.media.sweep().await {
            tracing::warn!(%error, "broken uploads could not be swept");
        }
        if let Err(error) = app.idempotency.sweep().await {
            tracing::warn!(%error, "old idempotency keys could not be swept");
        }
        drop(app);
        tokio::time::sleep(SWEEP_EVERY).await;
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn no_two_routes_are_in_each_others_way() {
        let _panics_if_they_are = super::routes();
    }
}
