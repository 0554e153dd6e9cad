//! The shared parts of every role: the log, the command bus, providers, and the inbound side.

use std::{net::SocketAddr, sync::Arc};

use api::{Gateways, Health};
use commands::{
    Commands,
    media::MediaStore,
    policies::{Policies, Running},
    receiving::{Receiving, Sessions},
    sending::Sending,
};
use dispatch::{WorkSignal, queue::Feed};
use eventstore::{
    MasterKey, Store,
    subscriber::{HighWaterMarks, Subscriber, Subscribers},
};
use gateways::{
    Entrance, Registry, Worker,
    callbacks::{Addresses, Callbacks, Guesses},
    inbound_mail::Returns,
    reports::{Gathered, Reports},
    smtp::Verp,
    unsubscribe::Unsubscribe,
};
use metrics_exporter_prometheus::PrometheusHandle;

use super::{begun::Begun, parts};
use crate::{
    config::{Config, Connections, Role},
    database::{Database, open_store},
    http::{Bound, Http},
    identity,
    inbound_mail::{self, Listening},
    telemetry,
};

/// The shared parts of a process.
pub struct Core<'a> {
    /// The settings.
    pub config: &'a Config,
    /// The key from which others are derived.
    pub master: &'a MasterKey,
    /// The command bus, on the log.
    pub commands: Commands,
    /// Positions of the log's subscribers.
    pub high_water_marks: HighWaterMarks,
    /// Wakes workers.
    work: WorkSignal,
    /// The providers.
    pub registry: Registry,
    /// The metrics that `/metrics` shows.
    pub metrics: PrometheusHandle,
    addresses: Addresses,
    verp: Verp,
    reports: Reports,
    entrance: Entrance,
}

impl<'a> Core<'a> {
    /// Opens the log, starts the subscribers if the role leads them, upgrades addresses, and
    /// follows the providers. `listening` is the address of the API; `begun` gets what has to be
    /// ended, also when this fails.
    ///
    /// # Errors
    /// When the database does not answer or its schema cannot be brought up to date.
    pub async fn start(
        config: &'a Config,
        master: &'a MasterKey,
        database: &Database,
        shares: Connections,
        listening: SocketAddr,
        begun: &mut Begun,
    ) -> anyhow::Result<Self> {
        let metrics = telemetry::metrics()?;
        let pool = database.pool(shares.store).await?;
        begun.pools.push(pool.clone());
        if let Some(password) = &config.database.reader_password {
            Database::set_reader_password(&pool, password).await?;
        }
        let store = open_store(config, pool, master).await?;
        let commands = Commands::new(store.clone());
        let work = WorkSignal::new(store.log());
        let all = subscribers(&work);
        let high_water_marks = HighWaterMarks::new(store.log().clone(), &all);
        let led = if has(config, Role::Projector) {
            all
        } else {
            Vec::new()
        };
        let lanes = shares.lanes as usize;
        let subscribers =
            Subscribers::start(store.log(), led, lanes, &high_water_marks, &begun.stop);
        begun.subscribers = Some(subscribers);
        identity::start(&commands, parts::adoption(config), &high_water_marks).await?;

        let installation = parts::installation(config, master, listening);
        let addresses = installation.addresses.clone();
        let verp = Verp::new(installation.tag_key.clone());
        let registry = Registry::follow(store.clone(), installation).await?;
        let reports = Reports::new(commands.clone(), parts::retry_base_seconds(config));
        let receiving = Receiving::start(
            commands.clone(),
            store.pool().clone(),
            config.receiving.words.clone(),
            parts::deadlines(config),
        );
        let entrance = Entrance::new(store, receiving, reports.clone());
        Ok(Self {
            config,
            master,
            commands,
            high_water_marks,
            work,
            registry,
            metrics,
            addresses,
            verp,
            reports,
            entrance,
        })
    }

    /// The log.
    pub fn store(&self) -> &Store {
        self.commands.store()
    }

    /// Serves the listeners for mail.
    ///
    /// # Errors
    /// When the system does not tell the address of a listener.
    pub fn serve_mail(&self, bound: inbound_mail::Bound) -> anyhow::Result<Listening> {
        let config = &self.config.receiving;
        let complaints = config.complaints.clone();
        let returns = Returns::new(self.verp.clone(), self.commands.clone(), complaints);
        let (host, media) = (parts::host_name(), self.media());
        bound.serve(config, host, &self.entrance, &returns, &media)
    }

    /// Starts the worker, which sends the queued transmissions.
    pub fn start_worker(&self) -> Worker {
        Worker::start(
            self.commands.clone(),
            self.media(),
            self.registry.clone(),
            self.entrance.clone(),
            self.work.clone(),
            parts::worker(self.config),
        )
    }

    /// Starts the process managers.
    pub fn start_policies(&self) -> Running {
        let pool = self.store().pool().clone();
        let sending = Sending::new(
            self.commands.clone(),
            pool.clone(),
            parts::deadlines(self.config),
            self.config.identity.policy,
        );
        Policies::new(
            self.commands.clone(),
            pool,
            sending,
            self.high_water_marks.clone(),
        )
        .start()
    }

    /// A function that returns the state of the providers.
    pub fn gateways(&self) -> Gateways {
        let registry = self.registry.clone();
        Arc::new(move || registry.status())
    }

    /// The entrance of inbound sessions.
    pub fn sessions(&self) -> Arc<dyn Sessions> {
        Arc::new(self.entrance.clone())
    }

    /// Serves health and metrics only; with the name of the confinement, if this process converts
    /// uploads.
    pub fn serve_health(
        &self,
        (listener, config): Bound,
        confinement: Option<&'static str>,
    ) -> Http {
        let health = Health {
            high_water_marks: self.high_water_marks.clone(),
            pool: self.store().pool().clone(),
            gateways: self.gateways(),
            metrics: self.metrics.clone(),
            company: self.config.delivery.company.clone(),
            confinement,
        };
        Http::serve(listener, health.router(), config)
    }

    /// The routes whose URL or password is the authority: callbacks of providers, and
    /// unsubscribing.
    pub fn public_routes(&self) -> axum::Router {
        let unsubscribe = Unsubscribe {
            commands: self.commands.clone(),
            addresses: self.addresses.clone(),
        };
        let callbacks = Callbacks {
            reports: Gathered::start(self.reports.clone()),
            addresses: self.addresses.clone(),
            entrance: self.entrance.clone(),
            store: self.store().clone(),
            guesses: Guesses::new(parts::client_network(self.config)),
        };
        callbacks.router().merge(unsubscribe.router())
    }

    fn media(&self) -> MediaStore {
        MediaStore::new(self.store().pool().clone())
    }
}

/// The subscribers to the log that write: read models, and the queue.
fn subscribers(work: &WorkSignal) -> Vec<Arc<dyn Subscriber>> {
    let mut all = projections::subscribers();
    all.push(Arc::new(Feed(work.clone())));
    all
}

/// True if this process runs the part of this role.
pub fn has(config: &Config, part: Role) -> bool {
    config.process.role == Role::All || config.process.role == part
}
