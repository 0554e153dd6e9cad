//! The preconditions of a send by a request, a schedule or a campaign. The content of the send is
//! fixed at that moment, by id and version.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use domain::{
    Entity, Id, Owner, Personal, Refusal, Scope,
    access::{Tenant, User},
    delivery::{
        Campaign, CampaignCommand, Direction, Order, ProviderSenders, SendPlan, Spool,
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

use crate::{CommandError, Commands, addresses::AddressPolicy};

/// The time from a send to the deadline at which all its attempts must have ended, by service.
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
    /// The deadline of a service.
    pub fn within(&self, service: Service) -> TimeDelta {
        let within = match service {
            Service::Voice => self.voice,
            Service::Fax => self.fax,
            Service::Sms => self.sms,
            Service::Email => self.email,
        };
        TimeDelta::from_std(within).unwrap_or(TimeDelta::days(7))
    }
}

/// Looks up the facts for sends.
#[derive(Clone, Debug)]
pub struct Sending {
    commands: Commands,
    pool: PgPool,
    deadlines: Deadlines,
    addresses: AddressPolicy,
}

/// The facts for one send.
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
    /// `pool` is for the read models; `addresses` is the policy on sender addresses.
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

    /// The time for which the sends of a service are tried.
    pub fn within(&self, service: Service) -> TimeDelta {
        self.deadlines.within(service)
    }

    /// Looks up the facts for the send of an order, concurrently.
    ///
    /// # Errors
    /// [`Refusal::NotReady`] says what is missing.
    pub async fn ready(&self, order: &Order, owner: Owner) -> Result<Ready, CommandError> {
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

    /// The send plan of a program for many recipients: all facts but a destination.
    ///
    /// # Errors
    /// [`Refusal::NotReady`] says what is missing.
    pub async fn plan(
        &self,
        program: Id<Program>,
        service: Service,
        account: Option<Id<Account>>,
        owner: Owner,
    ) -> Result<SendPlan, CommandError> {
        let (sender, flow, account, carriers) = futures::join!(
            self.sender(owner),
            self.flow(program),
            self.account(account, owner),
            self.carriers(service, owner.tenant),
        );
        // Checked first, since the accounts of an inactive owner are inactive too.
        sender?;
        let ((flow, program_version), (account_id, account)) = (flow?, account?);
        self.check_sender(service, &account, &carriers?).await?;
        Ok(SendPlan {
            flow,
            program_version,
            account_id,
        })
    }

    /// Refuses unless the owner exists and is active.
    async fn sender(&self, owner: Owner) -> Result<(), CommandError> {
        let deleted = "its owner was deleted";
        let user = owner.user.ok_or_else(|| not_ready(deleted))?;
        let user = self.there(user, deleted).await?;
        Ok(must_send_within(&user.aggregate, owner.tenant)?)
    }

    /// The compiled program with the present version of its message, and the program's version.
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
        Ok((Flow::compile(id, kind, version), program.version))
    }

    /// The present version of a message; refuses one that cannot be sent.
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
            Some(address) => Ok(Personal::new(contact.subject(), address)),
            None => Err(not_ready(&format!("its contact has {}", lacking(service)))),
        }
    }

    async fn account(
        &self,
        given: Option<Id<Account>>,
        owner: Owner,
    ) -> Result<(Id<Account>, Account), CommandError> {
        let none = "there is no active account to send as";
        let Some(id) = given else {
            let newest = accounts::newest_active(&self.pool, owner).await;
            let newest = newest.map_err(StoreError::Database)?.map(Id::new);
            let id = newest.ok_or_else(|| not_ready(none))?;
            return Ok((id, self.there(id, none).await?.aggregate));
        };
        let account = self.there(id, "its account was deleted").await?.aggregate;
        // The account may have another owner by now, as whom only an administrator may send.
        if account.owner() != Some(owner) {
            let everybodys = users::may(&self.pool, owner, "account_admin").await;
            if !everybodys.map_err(StoreError::Database)? {
                return Err(not_ready("its account is somebody else's by now"));
            }
        }
        Ok((id, account))
    }

    /// Refuses unless a provider can carry the service with the sender that the account may use.
    async fn check_sender(
        &self,
        service: Service,
        account: &Account,
        carriers: &[ProviderSenders],
    ) -> Result<(), CommandError> {
        let user = match account.owning_user().filter(|_| service == Service::Sms) {
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

    /// The sender settings of the providers that can carry this service; refuses if there is none.
    async fn carriers(
        &self,
        service: Service,
        tenant: Id<Tenant>,
    ) -> Result<Vec<ProviderSenders>, CommandError> {
        let carriers = providers::senders(&self.pool, service, tenant).await;
        let carriers = carriers.map_err(StoreError::Database)?;
        if carriers.is_empty() {
            Err(no_provider(service))
        } else {
            Ok(carriers)
        }
    }

    /// The command that starts or resumes a campaign.
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
        // An empty group is reported before any other missing precondition.
        let plan = if contacts == 0 && campaign.reached().is_none() {
            return Err(not_ready("its group is empty"));
        } else {
            let (program, account) = (details.program_id, details.account_id);
            self.plan(program, details.service, account, owner).await?
        };
        Ok(CampaignCommand::Start {
            at,
            briefing: Box::new(plan),
            contacts: u64::try_from(contacts).unwrap_or_default(),
        })
    }

    /// Checks that an active provider can carry this service for a tenant.
    ///
    /// # Errors
    /// [`Refusal::NotReady`] if there is none.
    pub async fn provider(&self, service: Service, tenant: Id<Tenant>) -> Result<(), CommandError> {
        let active = providers::active(&self.pool, service, tenant).await;
        match active.map_err(StoreError::Database)? {
            0 => Err(no_provider(service)),
            _ => Ok(()),
        }
    }

    /// Loads an aggregate that a send refers to, whoever owns it; refuses with `otherwise` if it is
    /// deleted.
    async fn there<A: Entity>(
        &self,
        id: Id<A>,
        otherwise: &str,
    ) -> Result<Loaded<A>, CommandError> {
        let loaded = self.commands.load(id, &Scope::Installation).await;
        loaded.map_err(|error| match error {
            CommandError::Refused(Refusal::NotFound) => not_ready(otherwise),
            error => error,
        })
    }
}

/// Refuses unless this user, who exists, is active and assigned to the tenant.
pub(crate) fn must_send_within(user: &User, tenant: Id<Tenant>) -> Result<(), Refusal> {
    match user.absence_from(tenant) {
        None => Ok(()),
        Some(_) if !user.is_active() => Err(Refusal::not_ready("its owner is not active")),
        Some(reason) => Err(Refusal::not_ready(reason)),
    }
}

impl Ready {
    /// The command that sends the transmission.
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

/// The address that a contact lacks if a service cannot reach it, in words.
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
