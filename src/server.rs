//! One process: the parts its role asks for, started in order and stopped in order.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use api::{ApiConfig, App, FirstUser, Gateways, Health, Parts};
use commands::{
    Actor, Commands,
    addresses::Adoption,
    conversion::{Confinement, ConfinementConfig, Conversions},
    media::MediaStore,
    policies::{Policies, Running},
    receiving::Receiving,
    sending::{Deadlines, Sending},
};
use domain::{
    Id, Patch,
    delivery::{Provider, ProviderCommand, ProviderKind, ProviderPatch},
};
use eventstore::{MasterKey, Store, clock};
use futures::future::join_all;
use gateways::{
    Installation, Reception, Registry, Worker, WorkerConfig,
    callbacks::{Addresses, Callbacks, ClientNetwork, Guesses},
    codes::Codes,
    mailbox::Returns,
    reports::{Gathered, Reports},
    smtp::Tags,
    unsubscribe::Unsubscribe,
};
use projections::{Projector, Watermarks};
use secrecy::SecretString;
use sqlx::PgPool;
use tokio_util::sync::CancellationToken;

use crate::{
    config::{Config, Connections, Role},
    database::Database,
    http::{Http, Listeners},
    identity,
    mailbox::{self, Listening},
    telemetry,
};

/// How long the end may take altogether; what is on the wire gets most of it.
const LAST_REQUESTS: Duration = Duration::from_secs(2);
const LAST_ATTEMPTS: Duration = Duration::from_secs(6);
const LAST_QUERIES: Duration = Duration::from_millis(500);
/// How long one attempt may take on the wire.
const ATTEMPT: Duration = Duration::from_secs(60);

/// A running process.
pub struct Server {
    /// Where it listens.
    pub address: Option<SocketAddr>,
    /// The first user's password, if this start made it up.
    pub first_password: Option<(String, SecretString)>,
    database: Database,
    http: Option<Http>,
    health: Option<Http>,
    conversions: Option<Conversions>,
    worker: Option<Worker>,
    policies: Option<Running>,
    mail: Option<Listening>,
    projector: Projector,
    pools: Vec<PgPool>,
    /// Of what streams to clients without end.
    closing: CancellationToken,
    stop: CancellationToken,
}

impl Server {
    /// Starts what the role asks for.
    pub async fn start(config: &Config) -> anyhow::Result<Self> {
        // Before anything else: a port in use is a wrong setting.
        let listeners = Listeners::bind(config).await?;
        let shares = Connections::share(config.database.connections, config.process.role)?;
        let master = config.master_key()?;
        let database = Database::open(config).await?;
        match Self::start_on(config, shares, &master, &database, listeners).await {
            Ok(parts) => Ok(Self {
                address: parts.address,
                first_password: parts.first_password,
                http: parts.http,
                health: parts.health,
                conversions: parts.conversions,
                worker: parts.worker,
                policies: parts.policies,
                mail: parts.mail,
                projector: parts.projector,
                pools: parts.pools,
                closing: parts.closing,
                stop: parts.stop,
                database,
            }),
            Err(error) => {
                database.close().await;
                Err(error)
            }
        }
    }

    async fn start_on(
        config: &Config,
        shares: Connections,
        master: &MasterKey,
        database: &Database,
        listeners: Listeners,
    ) -> anyhow::Result<Started> {
        let stop = CancellationToken::new();
        let metrics = telemetry::metrics()?;
        let pool = database.pool(shares.store).await?;
        if let Some(password) = &config.database.reader_password {
            Database::set_reader_password(&pool, password).await?;
        }
        let store = Store::open(pool, master).await?;
        let commands = Commands::new(store.clone());
        let watermarks = Watermarks::new(store.log().clone(), &projections::all());
        let led = match has(config, Role::Projector) {
            true => projections::all(),
            false => Vec::new(),
        };
        let projector =
            Projector::start(store.log(), led, shares.lanes as usize, &watermarks, &stop);
        let adoption = Adoption {
            policy: config.identity.policy,
            until: clock::now() + config.identity.grace,
            at: clock::now(),
        };
        identity::start(&commands, adoption, &watermarks).await?;
        let at = match &listeners.api {
            Some((listener, _)) => listener.local_addr()?,
            None => config.server.listen,
        };
        let installation = installation(config, master, at);
        let addresses = installation.addresses.clone();
        let tags = Tags::new(installation.tag_key.clone());
        let retry_base_seconds = worker(config).retry_base_seconds;
        let registry = Registry::follow(store.clone(), installation).await?;
        let reports = Reports::new(commands.clone(), retry_base_seconds);
        let receiving = Receiving::start(
            commands.clone(),
            store.pool().clone(),
            config.receiving.words.clone(),
            deadlines(config),
        );
        let reception = Reception::new(store.clone(), receiving.clone(), reports.clone());
        let mail = match has(config, Role::Worker) {
            true => {
                let media = MediaStore::new(store.pool().clone());
                let host = host_name();
                let complaints = config.receiving.complaints.clone();
                let returns = Returns::new(tags, commands.clone(), complaints);
                let receiving = &receiving;
                Some(mailbox::listen(&config.receiving, host, receiving, returns, &media).await?)
            }
            false => None,
        };
        let worker = has(config, Role::Worker).then(|| {
            let media = MediaStore::new(store.pool().clone());
            let queued = watermarks.queue_signal();
            Worker::start(
                commands.clone(),
                media,
                registry.clone(),
                reception.clone(),
                queued,
                worker(config),
            )
        });
        let policies = has(config, Role::Worker).then(|| {
            let pool = store.pool().clone();
            let sending = Sending::new(
                commands.clone(),
                pool.clone(),
                deadlines(config),
                config.identity.policy,
            );
            Policies::new(commands.clone(), pool, sending, watermarks.clone()).start()
        });
        let mut started = Started {
            address: None,
            first_password: None,
            http: None,
            health: None,
            conversions: None,
            worker,
            policies,
            mail,
            projector,
            pools: vec![store.pool().clone()],
            closing: CancellationToken::new(),
            stop,
        };
        let status = registry.clone();
        let gateways: Gateways = Arc::new(move || status.status());
        if let Some((listener, http)) = listeners.health {
            let health = Health {
                watermarks: watermarks.clone(),
                pool: store.pool().clone(),
                gateways: Arc::clone(&gateways),
                metrics: metrics.clone(),
                company: config.delivery.company.clone(),
                confinement: None,
            };
            started.health = Some(Http::serve(listener, health.router(), http));
        }
        let Some((listener, http)) = listeners.api else {
            return Ok(started);
        };
        let readers = database.readers(shares.readers);
        started.pools.push(readers.clone());
        let confinement = Confinement::find(confinement(config)).await;
        let conversions = Conversions::find(config.conversion.limits, confinement);
        started.conversions = Some(conversions.clone());
        let parts = Parts {
            commands: commands.clone(),
            watermarks,
            pool: readers,
            conversions,
            metrics,
            codes: Arc::new(Codes::new(commands.clone(), registry.clone())),
            code_key: master.derive("verification").to_vec().into(),
            gateways,
            closing: started.closing.clone(),
        };
        let app = App::start(parts, api(config)).await.map_err(plain)?;
        let first = FirstUser {
            username: config.access.admin_username.clone(),
            password: config.access.admin_password.clone(),
        };
        let bootstrapped = api::bootstrap(&app, first).await.map_err(plain)?;
        if bootstrapped.created && database.is_embedded() {
            register_sandbox(&commands).await?;
        }
        started.first_password = bootstrapped
            .generated_password
            .map(|password| (config.access.admin_username.clone(), password));
        started.address = Some(listener.local_addr()?);
        let unsubscribe = Unsubscribe {
            commands: commands.clone(),
            addresses: addresses.clone(),
        };
        let callbacks = Callbacks {
            reports: Gathered::start(reports),
            addresses,
            reception,
            store: commands.store().clone(),
            guesses: Guesses::new(client_network(config.server.trust_proxy)),
        };
        started.http = Some(Http::serve(
            listener,
            api::router(app)
                .merge(callbacks.router())
                .merge(unsubscribe.router()),
            http,
        ));
        Ok(started)
    }

    /// Stops taking requests, finishes what is on the wire, and closes everything,
    /// within ten seconds.
    pub async fn stop(self) {
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
        self.stop.cancel();
        self.projector.ended().await;
        let closing = self.pools.iter().map(PgPool::close);
        if tokio::time::timeout(LAST_QUERIES, join_all(closing))
            .await
            .is_err()
        {
            tracing::warn!("queries were still running at the end");
        }
        self.database.close().await;
    }
}

struct Started {
    address: Option<SocketAddr>,
    first_password: Option<(String, SecretString)>,
    http: Option<Http>,
    health: Option<Http>,
    conversions: Option<Conversions>,
    worker: Option<Worker>,
    policies: Option<Running>,
    mail: Option<Listening>,
    projector: Projector,
    pools: Vec<PgPool>,
    closing: CancellationToken,
    stop: CancellationToken,
}

fn has(config: &Config, part: Role) -> bool {
    config.process.role == Role::All || config.process.role == part
}

/// Tells clients apart by network, as the API does.
fn client_network(trust_proxy: bool) -> ClientNetwork {
    Arc::new(move |parts| api::client_network(parts, trust_proxy))
}

fn api(config: &Config) -> ApiConfig {
    ApiConfig {
        token_ttl: config.access.token_ttl,
        login_attempts: config.access.login_attempts,
        login_attempts_per_address: config.access.login_attempts_per_address,
        password_policy: config.access.password_policy,
        upload_limit: config.server.upload_limit,
        document_pages: config.conversion.document_pages,
        recording_seconds: config.conversion.recording_seconds,
        import_limit: config.server.import_limit,
        body_memory: config.limits.body_memory,
        company: config.delivery.company.clone(),
        cpm_unit: config.delivery.cpm_unit,
        duplicates: config.delivery.campaign_duplicates,
        addresses: config.identity.policy,
        trust_proxy: config.server.trust_proxy,
        url: config.server.url.clone(),
        cors_origins: config.server.cors_origins.clone(),
        deadlines: deadlines(config),
        ..ApiConfig::default()
    }
}

fn confinement(config: &Config) -> ConfinementConfig {
    ConfinementConfig {
        policy: config.conversion.confinement,
        helper: std::env::current_exe().ok(),
        hidden: config.conversion.hidden.clone(),
    }
}

fn deadlines(config: &Config) -> Deadlines {
    Deadlines {
        voice: config.delivery.voice_deadline,
        fax: config.delivery.fax_deadline,
        sms: config.delivery.sms_deadline,
        email: config.delivery.email_deadline,
    }
}

fn worker(config: &Config) -> WorkerConfig {
    let company = config.delivery.company.clone();
    WorkerConfig {
        name: format!("{}-{}", host_name(), std::process::id()),
        lease: config.delivery.lease,
        retry_base_seconds: config
            .delivery
            .retry_base
            .as_secs()
            .try_into()
            .unwrap_or(u32::MAX),
        attempt: ATTEMPT,
        company: (!company.is_empty()).then_some(company),
        addresses: config.identity.policy,
    }
}

/// `at` is where it listens; others reach it there unless `LEDGERLINE_URL` says where.
fn installation(config: &Config, master: &MasterKey, at: SocketAddr) -> Installation {
    let url = config.server.url.clone();
    let url = url.unwrap_or_else(|| format!("http://{at}"));
    Installation {
        addresses: Addresses::new(&url, master.derive("report").to_vec().into()),
        domain: host_name(),
        tag_key: master.derive("return-path").to_vec().into(),
        node_id: config.process.node_id.and_then(|id| i32::try_from(id).ok()),
        networks: config.delivery.provider_networks.clone(),
    }
}

fn host_name() -> String {
    let name = nix::unistd::gethostname()
        .ok()
        .and_then(|name| name.into_string().ok());
    name.filter(|name| !name.is_empty())
        .unwrap_or_else(|| "localhost".to_owned())
}

/// So that a first mail can be sent at once.
async fn register_sandbox(commands: &Commands) -> anyhow::Result<()> {
    let id: Id<Provider> = commands.next_id("provider").await?;
    let patch = ProviderPatch {
        name: Patch::Set("sandbox".parse()?),
        kind: Patch::Set(ProviderKind::Sandbox),
        ..ProviderPatch::default()
    };
    let create = ProviderCommand::Create {
        id,
        patch: Box::new(patch),
    };
    commands.send_new(id, create, &Actor::default()).await?;
    Ok(())
}

fn plain(error: api::Error) -> anyhow::Error {
    anyhow::anyhow!("{error}")
}
