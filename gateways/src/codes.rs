//! Verification codes, sent past the dispatch queue: entries of the queue and the log name
//! a stored message by its id, and a code must not be stored anywhere.

use async_trait::async_trait;
use commands::{
    Commands,
    verification::{NotSent, OutgoingCode, SendCode},
};
use domain::{
    Id, Owner,
    delivery::{Outcome, SpoolResult, Transmission},
    flow::{Flow, Service},
    outreach::{TextClass, sms},
    people::Contact,
};
use tokio::time::{Duration, Instant, timeout};

use crate::{
    Cancelled, Content, Ended, NotOurs, Registry, Session, Spool, content::Sms, email::Email,
};

/// Time limit over all providers that are tried: a client waits for the answer.
const TIME_LIMIT: Duration = Duration::from_secs(20);
/// The most providers that are tried.
const PROVIDERS: usize = 3;
const SUBJECT: &str = "Your code";

/// Sends codes through the providers of a registry, except the sandbox: users who may read
/// its outbox could read the code.
pub struct Codes {
    commands: Commands,
    registry: Registry,
}

impl Codes {
    /// Creates a sender of codes through the providers of this registry.
    pub fn new(commands: Commands, registry: Registry) -> Self {
        Self { commands, registry }
    }

    async fn attempt(&self, code: &OutgoingCode) -> Result<(), NotSent> {
        let mut tried: Vec<i64> = Vec::new();
        while tried.len() < PROVIDERS {
            let picked = self.registry.pick_confidential(code.service, &tried);
            let Ok((channel, trial)) = picked else { break };
            if tried.contains(&channel.provider.get()) {
                break;
            }
            tried.push(channel.provider.get());
            let _permit = channel.permit(code.service, false).await;
            let spool = self.spool(code).await?;
            match channel.gateway.attempt(&spool, &Unrecorded).await {
                Ended::Reported(report) => {
                    trial.ended(&report);
                    match report.outcome {
                        Outcome::Delivered | Outcome::Unknown => return Ok(()),
                        Outcome::Unavailable => {}
                        _ => return Err(NotSent::Refused),
                    }
                }
                Ended::Accepted(_) => return Ok(()),
                Ended::NotOurs | Ended::NoRoom => {}
            }
        }
        Err(NotSent::Unavailable)
    }

    async fn spool(&self, code: &OutgoingCode) -> Result<Spool, NotSent> {
        let id = self.commands.next_id("spool").await;
        Ok(Spool {
            id: id.map_err(|_| NotSent::Unavailable)?,
            transmission: Id::<Transmission>::new(0),
            owner: Owner::in_first_tenant(Id::new(0)),
            contact: Id::<Contact>::new(0),
            destination: code.destination.clone(),
            flow: match code.service {
                Service::Email => Flow::send_email(Id::new(0), 0),
                _ => Flow::send_sms(Id::new(0), 0),
            },
            content: content(code)?,
            bulk: false,
            deadline: Instant::now() + TIME_LIMIT,
        })
    }
}

#[async_trait]
impl SendCode for Codes {
    fn carries(&self, service: Service) -> bool {
        self.registry.carries_confidential(service)
    }

    async fn send(&self, code: OutgoingCode) -> Result<(), NotSent> {
        let sent = timeout(TIME_LIMIT, self.attempt(&code)).await;
        sent.unwrap_or(Err(NotSent::Refused))
    }
}

fn content(code: &OutgoingCode) -> Result<Content, NotSent> {
    Ok(match code.service {
        Service::Email => Content::Email(Box::new(Email {
            from: None,
            from_name: None,
            to_name: None,
            subject: SUBJECT.to_owned(),
            html: None,
            text: code.text.clone(),
            attachments: Vec::new(),
        })),
        Service::Sms => {
            let encoded = sms::Sms::encode(&code.text, Default::default());
            Content::Sms(Box::new(Sms {
                text: code.text.clone(),
                encoded: encoded.map_err(|_| NotSent::Refused)?,
                class: TextClass::default(),
                sender: None,
            }))
        }
        Service::Voice | Service::Fax => return Err(NotSent::Refused),
    })
}

/// The session of an attempt without a transmission: it has no start to put on record.
struct Unrecorded;

#[async_trait]
impl Session for Unrecorded {
    async fn started(&self) -> Result<(), NotOurs> {
        Ok(())
    }

    fn connected(&self) {}

    fn result(&self, _: Vec<SpoolResult>) {}

    async fn cancelled(&self) -> Cancelled {
        std::future::pending().await
    }
}
