//! Inbound sessions: attempts that others make. A worker has one from its beginning, by the append
//! that opens it, or claims one that another process has put on record as waiting.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use commands::{
    CommandError,
    receiving::{InboundSession, OpenResult, Receiving, TakenBy},
};
use dispatch::queue::Job;
use domain::{Id, delivery::Holder, flow::Service};
use eventstore::{StoreError, clock, random_id};
use tokio::{
    sync::{OnceCell, oneshot},
    time::{Instant, sleep},
};
use tokio_util::task::TaskTracker;

use super::{
    NO_PROVIDER_PAUSE, Shared,
    attempt::{Attempt, QueueAction, SuppressionCheck},
    live::Live,
    start::{Start, Started},
};
use crate::{
    Channel, InboundCall,
    content::longest,
    entrance::Host,
    registry::{Place, Trial},
};

/// The worker, as the entrance of its process knows it.
#[derive(Clone)]
pub(super) struct SessionHost {
    shared: Arc<Shared>,
    tasks: TaskTracker,
    /// The claim under which it has sessions from their beginning: one for all, so that their leases
    /// are renewed together.
    claim: Arc<OnceCell<String>>,
}

/// A provider that an inbound session uses, with a permit.
type Line = (Channel, Trial, Place);

impl SessionHost {
    pub fn new(shared: &Arc<Shared>, tasks: &TaskTracker) -> Self {
        Self {
            shared: Arc::clone(shared),
            tasks: tasks.clone(),
            claim: Arc::default(),
        }
    }

    fn free_line(&self, session: &InboundSession) -> Option<Line> {
        let (provider, service) = (session.call.provider?, session.call.service);
        if self.shared.stopping.is_cancelled() || !self.shared.has_room(service) {
            return None;
        }
        let (channel, trial) = self.shared.registry.of_session(provider, service)?;
        let permit = channel.free_permit(service)?;
        Some((channel, trial, permit))
    }

    async fn take(
        &self,
        receiving: &Receiving,
        session: InboundSession,
        line: Line,
        answer: oneshot::Sender<Result<OpenResult, CommandError>>,
    ) {
        let by = match self.taken_by().await {
            Ok(by) => by,
            Err(error) => return drop(answer.send(Err(error.into()))),
        };
        let (job, live) = (job(&session, &by.holder), Live::default());
        // Before the start is on record, and so before anybody can ask for the end.
        let _call = live.enter(&self.shared.calls, job.spool_id);
        let until = Instant::now() + by.lease;
        self.shared.leases.take(&job, until);
        let spool = job.spool_id;
        let opened = receiving.open(&session, Some(&by)).await;
        let runs = matches!(opened, Ok(OpenResult::Opened(_)));
        let _ = answer.send(opened);
        if !runs {
            self.shared.leases.drop(spool);
            return;
        }
        match self.attempt(job).await {
            Ok(attempt) => attempt.run_session(line, live).await,
            // The lease runs out, and another worker records the end.
            Err(error) => {
                tracing::warn!(spool.id = spool, %error, "a call that was taken cannot be read");
                self.shared.leases.drop(spool);
            }
        }
    }

    async fn taken_by(&self) -> Result<TakenBy, StoreError> {
        let claim = self.claim.get_or_try_init(async || random_id()).await?;
        Ok(TakenBy {
            holder: Holder {
                claim: claim.clone(),
                worker: self.shared.config.name.clone(),
            },
            lease: self.shared.config.lease,
        })
    }

    async fn attempt(&self, job: Job) -> Result<Attempt, StoreError> {
        let store = self.shared.commands.store();
        let loaded = store.load(Id::new(job.transmission_id)).await?;
        let position = loaded.last.as_ref().and_then(|last| last.causation);
        let people = self.shared.contents.people(&[&loaded.aggregate]).await?;
        Ok(Attempt {
            shared: Arc::clone(&self.shared),
            transmission: loaded.aggregate,
            people: Arc::new(people),
            suppression_check: SuppressionCheck {
                at: Instant::now(),
                listed: None,
                owner_left: None,
            },
            job: Job {
                position: position.unwrap_or_default(),
                ..job
            },
        })
    }
}

#[async_trait]
impl Host for SessionHost {
    async fn open(
        &self,
        receiving: &Receiving,
        session: InboundSession,
    ) -> Result<Result<OpenResult, CommandError>, InboundSession> {
        let Some(line) = self.free_line(&session) else {
            return Err(session);
        };
        let (answer, answered) = oneshot::channel();
        let (this, receiving) = (self.clone(), receiving.clone());
        // The call goes on, also if the one who opens it does not wait for the answer.
        self.tasks
            .spawn(async move { this.take(&receiving, session, line, answer).await });
        let closed = || Err(StoreError::Closed.into());
        Ok(answered.await.unwrap_or_else(|_| closed()))
    }
}

fn job(session: &InboundSession, holder: &Holder) -> Job {
    let metadata = &session.metadata;
    Job {
        spool_id: session.spool.get(),
        transmission_id: session.transmission.get(),
        campaign_id: None,
        service: i16::try_from(session.call.service.flag()).unwrap_or_default(),
        due_at: session.call.at,
        deadline: session.deadline,
        avoid: Vec::new(),
        attempt: 1,
        request_id: metadata.request_id.clone(),
        correlation_id: metadata.correlation_id.clone(),
        position: 0,
        claim_token: holder.claim.clone(),
        lease_until: session.deadline,
        reclaimed: false,
    }
}

impl Attempt {
    /// Takes a session that waits for a process, and runs it.
    pub(super) async fn receive(&self) -> QueueAction {
        let Some(service) = Service::from_flag(i32::from(self.job.service)) else {
            return QueueAction::Back(clock::now() + NO_PROVIDER_PAUSE);
        };
        match self.line(service).await {
            Ok(line) => self.converse(line, Live::default(), None).await,
            Err(action) => action,
        }
    }

    /// Waits for the session's provider and its permit, until the caller gives up.
    async fn line(&self, service: Service) -> Result<Line, QueueAction> {
        if self.is_too_late() {
            return Err(self.expire("no process took it in time").await);
        }
        let registry = &self.shared.registry;
        let provider = self.transmission.provider_of(self.id());
        let line = provider.and_then(|provider| registry.of_session(provider, service));
        let Some((channel, trial)) = line else {
            return Err(self.back_in(NO_PROVIDER_PAUSE));
        };
        let left = (self.job.deadline - clock::now()).to_std();
        let permit = tokio::select! {
            permit = channel.permit(service, false) => permit,
            () = sleep(left.unwrap_or(Duration::ZERO)) => return Err(self.back_in(Duration::ZERO)),
            () = self.shared.stopping.cancelled() => return Err(QueueAction::Back(clock::now())),
        };
        Ok((channel, trial, permit))
    }

    /// Runs a session whose start is on record.
    async fn run_session(self, line: Line, live: Live) {
        self.run_as(self.converse(line, live, Some(Started::Now)))
            .await;
    }

    /// Runs the session to its end. `started` is given if its start is on record.
    async fn converse(&self, line: Line, live: Live, started: Option<Started>) -> QueueAction {
        let (channel, trial, _place) = line;
        let Some(call) = self.call() else {
            return self.reject("there is nothing to do").await;
        };
        let start = Start {
            attempt: self,
            live: &live,
            channel: &channel,
            trial: &trial,
            sender: (call.flow.service, None),
            until: call.until(),
            answer: OnceCell::new_with(started),
        };
        let session = channel.gateway.receive(&call, &start);
        let ended = live.follow(self, session).await;
        self.conclude(ended, &start, 0).await
    }

    fn call(&self) -> Option<InboundCall> {
        let flow = self.transmission.assignment()?.flow.clone();
        let usual = longest(flow.service).unwrap_or(self.shared.config.attempt);
        Some(InboundCall {
            id: self.id(),
            transmission: Id::new(self.job.transmission_id),
            flow,
            deadline: Instant::now() + usual,
        })
    }
}
