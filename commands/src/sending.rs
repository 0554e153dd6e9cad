//! What a send needs to be there, whoever asks for it: a request, a schedule, a
//! campaign. What is sent is fixed at that moment, by id and version.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use domain::{
    Entity, Id, Personal, Refusal,
    access::User,
    delivery::{
        SendPlan, Campaign, CampaignCommand, Direction, Order, ProviderSenders, Spool,
        TransmissionCommand,
    },
    flow::{Flow, Service},
    outreach::{MessageId, Program},
    people::{Account, Contact, SenderTerms},
};
use eventstore::{Loaded, StoreError, clock};
use projections::{
    access::users,
    delivery::providers,
    people::{accounts, groups},
};
use sqlx::PgPool;

use crate::{CommandError, Commands, Scope, addresses::AddressPolicy};

/// How long a send is tried until everything about it must have ended, by service.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs)]
pub struct Deadlines {
    pub voice: Duration,
    pub fax: Duration,
    pub sms: Duration,
    pub email: Duration,
}

impl Default for Deadlines {
    fn default() -> Self {
        Self {
            voice: Duration::from_secs(2 * 60),
            fax: Duration::from_secs(30 * 60),
            sms: Duration::from_secs(3_600),
            email: Duration::from_secs(24 * 3_600),
        }
    }
}

impl Deadlines {
    /// That of a service.
    pub fn of(&self, service: Service) -> TimeDelta {
        let within = match service {
            Service::Voice => self.voice,
            Service::Fax => self.fax,
            Service::Sms => self.sms,
            Service::Email => self.email,
        };
        TimeDelta::from_std(within).unwrap_or(TimeDelta::days(7))
    }
}

/// Looks up the facts that sends need.
#[derive(Clone, Debug)]
pub struct Sending {
    commands: Commands,
    pool: PgPool,
    deadlines: Deadlines,
    addresses: AddressPolicy,
}

/// The facts that one send needs.
#[derive(Clone, Debug)]
pub struct Ready {
    plan: SendPlan,
    destination: Personal<String>,
    within: TimeDelta,
}

/// The options of a send.
#[derive(Clone, Copy, Debug, Default)]
pub struct SendOptions {
    /// True if only a failed transmission may be sent.
    pub again: bool,
    /// True if it may be sent although its outcome is unknown.
    pub force: bool,
}

impl Sending {
    /// `pool` is for the read models; `addresses` says as which addresses accounts may send.
    pub fn new(
        commands: Commands,
        pool: PgPool,
        deadlines: Deadlines,
        addresses: AddressPolicy,
    ) -> Self {
        Self {
            commands,
            pool,
            deadlines,
            addresses,
        }
    }

    /// How long the sends of a service are tried.
    pub fn within(&self, service: Service) -> TimeDelta {
        self.deadlines.of(service)
    }

    /// Looks everything up at once.
    ///
    /// # Errors
    /// [`Refusal::NotReady`] says what is missing.
    pub async fn ready(&self, order: &Order, owner: Id<User>) -> Result<Ready, CommandError> {
        if order.direction == Direction::Inbound {
            return Err(not_ready("it is inbound"));
        }
        let (plan, destination) = futures::try_join!(
            self.plan(order.program_id, order.service, order.account_id, owner),
            self.destination(order.contact_id, order.service),
        )?;
        Ok(Ready {
            plan,
            destination,
            within: self.within(order.service),
        })
    }

    /// The same without a recipient, for many of them.
    ///
    /// # Errors
    /// [`Refusal::NotReady`] says what is missing.
    pub async fn plan(
        &self,
        program: Id<Program>,
        service: Service,
        account: Option<Id<Account>>,
        owner: Id<User>,
    ) -> Result<SendPlan, CommandError> {
        let (sender, flow, account, carriers) = futures::join!(
            self.sender(owner),
            self.flow(program),
            self.account(account, owner),
            self.carriers(service),
        );
        // The accounts of an owner who is not active are not active either: the owner counts.
        sender?;
        let ((flow, program_version), (account_id, account)) = (flow?, account?);
        self.check_sender(service, &account, &carriers?).await?;
        Ok(SendPlan {
            flow,
            program_version,
            account_id,
        })
    }

    /// That whose it is may send.
    async fn sender(&self, owner: Id<User>) -> Result<(), CommandError> {
        let user = self.there(owner, "its owner was deleted").await?;
        if user.aggregate.is_active() {
            Ok(())
        } else {
            Err(not_ready("its owner is not active"))
        }
    }

    /// The program compiled, with the message that it sends as it is now.
    async fn flow(&self, id: Id<Program>) -> Result<(Flow, u64), CommandError> {
        let program = self.there(id, "its program was deleted").await?;
        let kind = program.aggregate.kind().ok_or(Refusal::NotFound)?;
        if kind.kind().direction() == Direction::Inbound {
            let word = kind.kind().as_str();
            let reason = format!("a program of type {word} only receives");
            return Err(not_ready(&reason));
        }
        let version = match kind.message() {
            Some(message) => self.sendable(message).await?,
            None => program.version,
        };
        Ok((Flow::of(id, kind, version), program.version))
    }

    /// The version of a message that can be sent.
    async fn sendable(&self, message: MessageId) -> Result<u64, CommandError> {
        match message {
            MessageId::Document(id) => {
                let document = self.there(id, "its document was deleted").await?;
                match document.aggregate.pages() {
                    Some(_) => Ok(document.version),
                    None => Err(not_ready("its document has no media yet")),
                }
            }
            MessageId::Recording(id) => {
                let recording = self.there(id, "its recording was deleted").await?;
                match recording.aggregate.sound() {
                    Some(_) => Ok(recording.version),
                    None => Err(not_ready("its recording has no media yet")),
                }
            }
            MessageId::Template(id) => {
                Ok(self.there(id, "its template was deleted").await?.version)
            }
            MessageId::Text(id) => Ok(self.there(id, "its text was deleted").await?.version),
        }
    }

    async fn destination(
        &self,
        contact: Id<Contact>,
        service: Service,
    ) -> Result<Personal<String>, CommandError> {
        let known = self.there(contact, "its contact was deleted").await?;
        match known.aggregate.address(service) {
            Some(address) => Ok(Personal::of(contact.subject(), address)),
            None => Err(not_ready(&format!("its contact has {}", lacking(service)))),
        }
    }

    async fn account(
        &self,
        given: Option<Id<Account>>,
        owner: Id<User>,
    ) -> Result<(Id<Account>, Account), CommandError> {
        let none = "there is no active account to send as";
        let Some(id) = given else {
            let newest = accounts::newest_active(&self.pool, owner.get()).await;
            let newest = newest.map_err(StoreError::Database)?.map(Id::new);
            let id = newest.ok_or_else(|| not_ready(none))?;
            return Ok((id, self.there(id, none).await?.aggregate));
        };
        let account = self.there(id, "its account was deleted").await?.aggregate;
        // It may have been given to somebody else since, who is nobody's sender.
        if account.owner() != Some(owner) {
            let everybodys = users::may(&self.pool, owner.get(), "account_admin").await;
            if !everybodys.map_err(StoreError::Database)? {
                return Err(not_ready("its account is somebody else's by now"));
            }
        }
        Ok((id, account))
    }

    /// Refuses what no provider can carry under a sender that its account may name.
    async fn check_sender(
        &self,
        service: Service,
        account: &Account,
        carriers: &[ProviderSenders],
    ) -> Result<(), CommandError> {
        let user = match account.owner().filter(|_| service == Service::Sms) {
            Some(owner) => Some(self.commands.store().load(owner).await?.aggregate),
            None => None,
        };
        let terms = SenderTerms {
            trusted: self.addresses == AddressPolicy::Trusted,
            user: user.as_ref(),
            at: clock::now(),
        };
        let sender = match service {
            Service::Email => account.mail_sender(terms),
            Service::Sms => account.text_sender(terms),
            Service::Voice | Service::Fax => account.caller_id(terms),
        };
        let refused = carriers.iter().map(|it| it.check(sender.as_ref()));
        match refused.reduce(Result::or) {
            Some(Err(reason)) => Err(not_ready(reason)),
            Some(Ok(())) | None => Ok(()),
        }
    }

    /// The senders of the providers that can carry this service, at least one.
    async fn carriers(&self, service: Service) -> Result<Vec<ProviderSenders>, CommandError> {
        let carriers = providers::senders(&self.pool, service).await;
        let carriers = carriers.map_err(StoreError::Database)?;
        if carriers.is_empty() {
            Err(no_provider(service))
        } else {
            Ok(carriers)
        }
    }

    /// The command that starts a campaign, or goes on with it.
    ///
    /// # Errors
    /// [`Refusal::NotReady`] says what is missing.
    pub async fn start(
        &self,
        campaign: &Campaign,
        at: DateTime<Utc>,
    ) -> Result<CampaignCommand, CommandError> {
        let details = campaign.details().ok_or(Refusal::NotFound)?;
        let owner = campaign.owner().ok_or(Refusal::NotFound)?;
        self.there(details.group_id, "its group was deleted")
            .await?;
        let contacts = groups::contacts(&self.pool, details.group_id.get()).await;
        let contacts = contacts.map_err(StoreError::Database)?;
        // Nobody to reach is what one wants to hear before anything about how.
        let plan = if contacts == 0 && campaign.reached().is_none() {
            return Err(not_ready("its group is empty"));
        } else {
            let (program, account) = (details.program_id, details.account_id);
            self.plan(program, details.service, account, owner)
                .await?
        };
        Ok(CampaignCommand::Start {
            at,
            briefing: Box::new(plan),
            contacts: u64::try_from(contacts).unwrap_or_default(),
        })
    }

    /// That something can carry this service.
    ///
    /// # Errors
    /// [`Refusal::NotReady`] if nothing can.
    pub async fn provider(&self, service: Service) -> Result<(), CommandError> {
        let active = providers::active(&self.pool, service).await;
        match active.map_err(StoreError::Database)? {
            0 => Err(no_provider(service)),
            _ => Ok(()),
        }
    }

    /// What the transmission was made of, whosever it is by now.
    async fn there<A: Entity>(
        &self,
        id: Id<A>,
        otherwise: &str,
    ) -> Result<Loaded<A>, CommandError> {
        let loaded = self.commands.load(id, Scope::All).await;
        loaded.map_err(|error| match error {
            CommandError::Refused(Refusal::NotFound) => not_ready(otherwise),
            error => error,
        })
    }
}

impl Ready {
    /// The command that sends it.
    pub fn command(
        self,
        spool: Id<Spool>,
        at: DateTime<Utc>,
        options: SendOptions,
    ) -> TransmissionCommand {
        let SendPlan {
            flow,
            program_version,
            account_id,
        } = self.plan;
        TransmissionCommand::Send {
            spool,
            at,
            deadline: at + self.within,
            flow,
            program_version,
            account_id,
            destination: self.destination,
            again: options.again,
            force: options.force,
            paced: false,
        }
    }
}

/// What a contact has not that cannot be reached by a service.
pub(crate) const fn lacking(service: Service) -> &'static str {
    match service {
        Service::Email => "no email address",
        Service::Voice | Service::Fax | Service::Sms => "no phone number",
    }
}

fn no_provider(service: Service) -> CommandError {
    not_ready(&format!(
        "there is no provider for service {}: none that can carry it is active",
        service.name()
    ))
}

fn not_ready(reason: &str) -> CommandError {
    Refusal::not_ready(reason).into()
}
