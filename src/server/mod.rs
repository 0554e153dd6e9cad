//! One process: the parts of its role, started in order and stopped in order.

mod begun;
mod core;
mod parts;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use api::{App, FirstUser, Parts, ShowPassword};
use commands::{Actor, Commands, policies::Running};
use domain::{
    Id, Patch,
    delivery::{Provider, ProviderCommand, ProviderKind, ProviderPatch},
};
use eventstore::MasterKey;
use gateways::{Worker, codes::Codes};
use media::conversion::{Confinement, Conversions};
use sqlx::PgPool;
use tokio_util::sync::CancellationToken;

use self::{
    begun::Begun,
    core::{Core, has},
};
use crate::{
    config::{Config, Connections, Role},
    database::Database,
    http::{Http, Listeners},
    inbound_mail::Listening,
};

/// Time limits of the parts when stopping, most of it for attempts on the wire.
const LAST_REQUESTS: Duration = Duration::from_secs(2);
const LAST_ATTEMPTS: Duration = Duration::from_secs(6);
const LAST_QUERIES: Duration = Duration::from_millis(500);
/// Time limit of all parts together: a database that is silent holds up none of them for longer.
const ALL_PARTS: Duration = Duration::from_secs(9);

/// A running process.
pub struct Server {
    parts: Started,
    database: Database,
}

impl Server {
    /// Starts the parts of the role; the random password of a first user is shown by
    /// `show_password`.
    ///
    /// # Errors
    /// When a setting is wrong, an address is taken, or the database does not answer.
    pub async fn start(config: &Config, show_password: ShowPassword) -> anyhow::Result<Self> {
        // Before anything else, since a port in use is a wrong setting.
        let listeners = Listeners::bind(config).await?;
        let shares = Connections::share(config.database.connections, config.process.role)?;
        config.check_first_user()?;
        let master = config.master_key()?;
        let database = Database::open(config).await?;
        let parts = Started::start(config, shares, &master, &database, listeners, show_password);
        match parts.await {
            Ok(parts) => Ok(Self { parts, database }),
            Err(error) => {
                database.close().await;
                Err(error)
            }
        }
    }

    /// The address of the API, if this process has it.
    pub fn address(&self) -> Option<SocketAddr> {
        self.parts.address
    }

    /// Stops taking requests, finishes the attempts on the wire, and closes everything, within ten
    /// seconds.
    pub async fn stop(self) {
        let parts = tokio::time::timeout(ALL_PARTS, self.parts.stop()).await;
        if parts.is_err() {
            tracing::warn!("parts were still running at the end");
        }
        self.database.close().await;
    }
}

/// The parts of a process that end before its database.
struct Started {
    address: Option<SocketAddr>,
    http: Option<Http>,
    health: Option<Http>,
    conversions: Option<Conversions>,
    worker: Option<Worker>,
    policies: Option<Running>,
    mail: Option<Listening>,
    begun: Begun,
    /// Ends streams to clients, which have no end of their own.
    closing: CancellationToken,
}

impl Started {
    /// Starts the parts, and ends them in order if one of them cannot start.
    async fn start(
        config: &Config,
        shares: Connections,
        master: &MasterKey,
        database: &Database,
        listeners: Listeners,
        show_password: ShowPassword,
    ) -> anyhow::Result<Self> {
        let mut started = Self {
            address: None,
            http: None,
            health: None,
            conversions: None,
            worker: None,
            policies: None,
            mail: None,
            begun: Begun::nothing(),
            closing: CancellationToken::new(),
        };
        let parts = started.start_parts(config, shares, master, database, listeners, show_password);
        match parts.await {
            Ok(()) => Ok(started),
            Err(error) => {
                started.stop().await;
                Err(error)
            }
        }
    }

    /// Starts the parts. The API is prepared first and served last: an error in it (a refused first
    /// password, say) is known before anything is sent.
    async fn start_parts(
        &mut self,
        config: &Config,
        shares: Connections,
        master: &MasterKey,
        database: &Database,
        listeners: Listeners,
        show_password: ShowPassword,
    ) -> anyhow::Result<()> {
        let listening = match &listeners.api {
            Some((listener, _)) => listener.local_addr()?,
            None => config.server.listen,
        };
        let begun = &mut self.begun;
        let core = Core::start(config, master, database, shares, listening, begun).await?;
        let app = match &listeners.api {
            Some(_) => {
                let readers = database.readers(shares.readers);
                let is_embedded = database.is_embedded();
                let prepared = self.prepare_api(&core, readers, is_embedded, show_password);
                Some(prepared.await?)
            }
            None => None,
        };
        if let Some(bound) = listeners.mail {
            self.mail = Some(core.serve_mail(bound)?);
        }
        if has(config, Role::Worker) {
            self.worker = Some(core.start_worker());
            self.policies = Some(core.start_policies());
        }
        let confinement = self.conversions.as_ref().map(|it| it.confinement().name());
        let health = listeners.health;
        self.health = health.map(|bound| core.serve_health(bound, confinement));
        if let (Some(app), Some((listener, http))) = (app, listeners.api) {
            let routes = api::router(app).merge(core.public_routes());
            self.http = Some(Http::serve(listener, routes, http));
            self.address = Some(listening);
        }
        Ok(())
    }

    /// Prepares the API, and creates the first user.
    async fn prepare_api(
        &mut self,
        core: &Core<'_>,
        readers: PgPool,
        is_embedded: bool,
        show_password: ShowPassword,
    ) -> anyhow::Result<App> {
        let config = core.config;
        self.begun.pools.push(readers.clone());
        let confinement = Confinement::find(parts::confinement(config)).await;
        let conversions = Conversions::find(config.conversion.limits, confinement);
        self.conversions = Some(conversions.clone());
        let commands = core.commands.clone();
        let parts = Parts {
            commands: commands.clone(),
            high_water_marks: core.high_water_marks.clone(),
            pool: readers,
            conversions,
            metrics: core.metrics.clone(),
            codes: Arc::new(Codes::new(commands, core.registry.clone())),
            code_key: core.master.derive("verification").to_vec().into(),
            gateways: core.gateways(),
            sessions: core.sessions(),
            closing: self.closing.clone(),
        };
        let app = App::start(parts, parts::api(config)).await.map_err(plain)?;
        let first = FirstUser {
            username: config.access.admin_username.clone(),
            password: config.access.admin_password.clone(),
            show_password,
        };
        let is_first_start = api::bootstrap(&app, first).await.map_err(plain)?;
        if is_first_start && is_embedded {
            register_sandbox(&core.commands).await?;
        }
        Ok(app)
    }

    async fn stop(self) {
        self.closing.cancel();
        if let Some(http) = self.http
            && !http.stop(LAST_REQUESTS).await
        {
            tracing::warn!("requests were still open at the end");
        }
        if let Some(conversions) = self.conversions {
            conversions.stop().await;
        }
        if let Some(mail) = self.mail {
            mail.stop().await;
        }
        if let Some(policies) = self.policies {
            policies.stop().await;
        }
        if let Some(worker) = self.worker {
            worker.stop(LAST_ATTEMPTS).await;
        }
        if let Some(health) = self.health {
            health.stop(LAST_QUERIES).await;
        }
        self.begun.end().await;
    }
}

/// Registers a provider with which a first mail can be sent at once.
async fn register_sandbox(commands: &Commands) -> anyhow::Result<()> {
    let id: Id<Provider> = commands.next_id("provider").await?;
    let patch = ProviderPatch {
        name: Patch::Set("sandbox".parse()?),
        kind: Patch::Set(ProviderKind::Sandbox),
        ..ProviderPatch::default()
    };
    let create = ProviderCommand::Create {
        id,
        tenant: None,
        patch: Box::new(patch),
    };
    commands
        .send_new(id, create, &Actor::process("first start"))
        .await?;
    Ok(())
}

fn plain(error: api::Error) -> anyhow::Error {
    anyhow::anyhow!("{error}")
}
