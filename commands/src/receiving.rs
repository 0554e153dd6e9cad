//! What is done with what comes in, whoever brings it: the account that it came to, the
//! program that takes it in, the contact that it came from, and one append of all that.

use chrono::{DateTime, Utc};
use domain::{
    Entity, Id, Personal,
    delivery::{
        Arrival, Direction, Message, Order, Provider, ResultKind, SpoolResult, Transmission,
        TransmissionCommand,
    },
    flow::{Flow, Service, application},
    outreach::{Program, ProgramType},
    people::{
        Channel, Contact, ContactCommand, ContactProfile, OptOut, OptOutCommand, OptOutSource,
        StopWords, Wish, normal_address, spellings,
    },
};
use eventstore::{Metadata, StoreError};
use projections::people::{accounts, contacts};
use sqlx::PgPool;

use crate::{CommandError, Commands, Scope, sending::Deadlines, suppression::Suppression};

/// How often it is begun anew when somebody else was faster.
const ATTEMPTS: usize = 5;

/// Takes in what comes. Clones share it.
#[derive(Clone, Debug)]
pub struct Receiving {
    commands: Commands,
    pool: PgPool,
    suppression: Suppression,
    words: StopWords,
    deadlines: Deadlines,
}

/// Something that somebody brings.
#[derive(Clone, Debug)]
pub struct Brought {
    /// What it is.
    pub service: Service,
    /// Who brings it, where that is a provider.
    pub provider: Option<Id<Provider>>,
    /// When it came.
    pub at: DateTime<Utc>,
    /// What it is recognised by when it is brought again.
    pub key: String,
    /// What it says, from whom, and to where.
    pub message: Message,
    /// What is worth knowing beside that.
    pub results: Vec<SpoolResult>,
}

/// What became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Receipt {
    /// It is on record as this transmission.
    Taken(Id<Transmission>),
    /// It was before.
    Known,
    /// Nobody here takes it in, and why.
    Refused(&'static str),
}

/// Whose account takes it in, and what with.
struct Desk {
    recipient: accounts::Recipient,
    program: Id<Program>,
    program_version: u64,
    flow: Flow,
}

/// Whom it came from.
enum From {
    Known(Id<Contact>),
    New(Id<Contact>, Box<ContactCommand>),
}

impl Receiving {
    /// `pool` is for the read models, `words` are those that stop short messages.
    pub fn new(commands: Commands, pool: PgPool, words: StopWords, deadlines: Deadlines) -> Self {
        Self {
            suppression: Suppression::new(commands.store().clone()),
            commands,
            pool,
            words,
            deadlines,
        }
    }

    /// Whether something for this address would be taken in, as far as that can be said
    /// beforehand.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn expects(&self, service: Service, to: &str) -> Result<bool, CommandError> {
        let recipient = self.recipient(service, to).await?;
        Ok(recipient.is_some_and(|it| it.program_id.is_some()))
    }

    /// Puts it on record, and whatever follows from it, together.
    ///
    /// # Errors
    /// When the database does not answer; then nothing of it happened.
    pub async fn take(&self, brought: &Brought) -> Result<Receipt, CommandError> {
        let key = self.commands.store().fingerprint(&brought.key);
        let claim = Transmission::received_claim(key.clone());
        let desk = match self.desk(brought).await? {
            Ok(desk) => desk,
            Err(reason) => return Ok(Receipt::Refused(reason)),
        };
        for _ in 0..ATTEMPTS {
            match self.try_take(brought, &desk, &key).await {
                Err(CommandError::Store(StoreError::Taken { field })) if field == claim.field => {
                    return Ok(Receipt::Known);
                }
                // The contact or the opt-out is there by now.
                Err(CommandError::Store(StoreError::Taken { .. }) | CommandError::Contended) => {}
                taken => return taken.map(Receipt::Taken),
            }
        }
        match self.commands.store().holder_of(&claim).await? {
            Some(_) => Ok(Receipt::Known),
            None => Err(CommandError::Contended),
        }
    }

    async fn try_take(
        &self,
        brought: &Brought,
        desk: &Desk,
        key: &str,
    ) -> Result<Id<Transmission>, CommandError> {
        let owner = Id::new(desk.recipient.user_id);
        let mut together = self.commands.together();
        let contact = match self.sender(brought, desk).await? {
            From::Known(id) => id,
            From::New(id, meet) => {
                settled(together.create(id, vec![*meet]).await?)?;
                id
            }
        };
        let wish = self.wish(brought);
        let arrival = self.arrival(brought, desk, contact, key, wish).await?;
        let id = arrival.id;
        let receive = TransmissionCommand::Receive(Box::new(arrival));
        settled(together.create(id, vec![receive]).await?)?;
        let source = brought.message.source.as_deref().unwrap_or_default();
        let listed = [self.suppression.fingerprint(owner, Channel::Sms, source)];
        let holders = match wish {
            Some(_) => self.suppression.with(&listed).await?,
            None => Default::default(),
        };
        match (wish, holders.get(&listed[0])) {
            (Some(Wish::Stop { answer }), None) => {
                let id = self.commands.next_id("optout").await?;
                let stop = OptOutSource::Stop;
                let listing = self
                    .suppression
                    .listing(id, (owner, Channel::Sms), source, stop);
                // A name cannot be written to, and need not be listed.
                if let Ok(add) = listing {
                    settled(together.create(id, vec![add]).await?)?;
                    if let Some(words) = answer {
                        let (id, commands) =
                            self.confirmation(brought, desk, contact, words).await?;
                        settled(together.create(id, commands).await?)?;
                    }
                }
            }
            (Some(Wish::Start), Some(id)) => {
                let optout = self.commands.store().load::<OptOut>(*id).await?;
                if optout.aggregate.exists() {
                    settled(together.send(*id, &optout, OptOutCommand::Remove).await?)?;
                }
            }
            _ => {}
        }
        let metadata = Metadata::default();
        together.commit(&metadata).await?;
        Ok(id)
    }

    async fn recipient(
        &self,
        service: Service,
        to: &str,
    ) -> Result<Option<accounts::Recipient>, CommandError> {
        let spellings = spellings(&normal_address(to));
        let types: Vec<_> = ProgramType::ALL
            .into_iter()
            .filter(|kind| kind.direction() == Direction::Inbound && kind.service() == service)
            .map(ProgramType::as_str)
            .collect();
        let recipient = accounts::reached_at(&self.pool, service, &spellings, &types).await;
        Ok(recipient.map_err(StoreError::Database)?)
    }

    async fn desk(&self, brought: &Brought) -> Result<Result<Desk, &'static str>, CommandError> {
        let to = &brought.message.destination;
        let Some(recipient) = self.recipient(brought.service, to).await? else {
            return Ok(Err("nobody is reached there"));
        };
        let none = "nothing is received there: the account is subscribed to no program for it";
        let Some(program) = recipient.program_id.map(Id::<Program>::new) else {
            return Ok(Err(none));
        };
        let loaded = match self.commands.load(program, Scope::All).await {
            Ok(loaded) => loaded,
            Err(CommandError::Refused(_)) => return Ok(Err(none)),
            Err(error) => return Err(error),
        };
        let Some(kind) = loaded.aggregate.kind() else {
            return Ok(Err(none));
        };
        Ok(Ok(Desk {
            recipient,
            program,
            program_version: loaded.version,
            flow: Flow::of(program, kind, loaded.version),
        }))
    }

    /// The contact that it came from: one that is known by this address, or a new one.
    async fn sender(&self, brought: &Brought, desk: &Desk) -> Result<From, CommandError> {
        let owner = Id::new(desk.recipient.user_id);
        let source = brought.message.source.as_deref().unwrap_or_default();
        let normal = normal_address(source);
        let spellings = spellings(&normal);
        let user = desk.recipient.user_id;
        let found = contacts::reached_at(&self.pool, user, brought.service, &spellings).await;
        if let Some(id) = found.map_err(StoreError::Database)? {
            return Ok(From::Known(Id::new(id)));
        }
        let store = self.commands.store();
        let known_by = store.fingerprint(&format!("contact/{owner}/{normal}"));
        let holder = store
            .holder_of(&Contact::met_claim(known_by.clone()))
            .await?;
        let met = holder.and_then(|holder| holder.rsplit_once('/')?.1.parse().ok());
        if let Some(id) = met {
            return Ok(From::Known(id));
        }
        let id = self.commands.next_id("contact").await?;
        let name = brought.message.sender.as_deref().unwrap_or(source);
        let profile = ContactProfile {
            first_name: name.parse().ok().or_else(|| "unknown".parse().ok()),
            phone: source
                .parse()
                .ok()
                .filter(|_| brought.service != Service::Email),
            email: source
                .parse()
                .ok()
                .filter(|_| brought.service == Service::Email),
            ..ContactProfile::default()
        };
        let meet = ContactCommand::Meet {
            id,
            owner,
            profile,
            known_by,
        };
        Ok(From::New(id, Box::new(meet)))
    }

    async fn arrival(
        &self,
        brought: &Brought,
        desk: &Desk,
        contact: Id<Contact>,
        key: &str,
        wish: Option<&Wish>,
    ) -> Result<Arrival, CommandError> {
        let message = &brought.message;
        let info = |name: &str, data: &str| SpoolResult::new(ResultKind::Info, name, data);
        let mut results = vec![SpoolResult::new(
            ResultKind::Application,
            received_by(brought.service),
            "success",
        )];
        results.extend(message.source.as_deref().map(|it| info("source", it)));
        results.push(info("destination", &message.destination));
        results.extend(message.subject.as_deref().map(|it| info("subject", it)));
        if brought.service == Service::Sms {
            results.extend(message.text.as_deref().map(|it| info("text", it)));
        }
        results.extend(wish.map(|wish| match wish {
            Wish::Stop { .. } => info("wish", "stop"),
            Wish::Start => info("wish", "start"),
        }));
        results.extend(brought.results.iter().cloned());
        Ok(Arrival {
            id: self.commands.next_id("transmission").await?,
            owner: Id::new(desk.recipient.user_id),
            order: self.order(brought.service, desk, contact, Direction::Inbound),
            spool: self.commands.next_id("spool").await?,
            at: brought.at,
            provider: brought.provider,
            account_id: Id::new(desk.recipient.account_id),
            flow: desk.flow.clone(),
            program_version: desk.program_version,
            key: key.to_owned(),
            message: message.clone(),
            results,
        })
    }

    fn order(
        &self,
        service: Service,
        desk: &Desk,
        contact: Id<Contact>,
        direction: Direction,
    ) -> Order {
        Order {
            title: None,
            origin: "inbound".parse().ok(),
            contact_id: contact,
            account_id: Some(Id::new(desk.recipient.account_id)),
            program_id: desk.program,
            service,
            direction,
            try_allowed: 1,
            campaign_id: None,
            hours: None,
        }
    }

    /// What the sender wishes, if the message is nothing but that.
    fn wish(&self, brought: &Brought) -> Option<&Wish> {
        let text = brought.message.text.as_deref()?;
        let is_sms = brought.service == Service::Sms;
        is_sms.then(|| self.words.wish(text)).flatten()
    }

    /// The one message that they get who wished no more of them.
    async fn confirmation(
        &self,
        brought: &Brought,
        desk: &Desk,
        contact: Id<Contact>,
        words: &str,
    ) -> Result<(Id<Transmission>, Vec<TransmissionCommand>), CommandError> {
        let id = self.commands.next_id("transmission").await?;
        let source = brought.message.source.clone().unwrap_or_default();
        let create = TransmissionCommand::Create {
            id,
            owner: Id::new(desk.recipient.user_id),
            order: self.order(Service::Sms, desk, contact, Direction::Outbound),
        };
        let send = TransmissionCommand::Send {
            spool: self.commands.next_id("spool").await?,
            at: brought.at,
            deadline: brought.at + self.deadlines.of(Service::Sms),
            flow: Flow::confirming(words.to_owned()),
            program_version: desk.program_version,
            account_id: Id::new(desk.recipient.account_id),
            destination: Personal::of(contact.subject(), source),
            again: false,
            force: false,
            paced: false,
        };
        Ok((id, vec![create, send]))
    }
}

const fn received_by(service: Service) -> &'static str {
    match service {
        Service::Email => application::EMAIL_RECEIVE,
        Service::Fax => application::FAX_RECEIVE,
        Service::Sms => application::SMS_RECEIVE,
        Service::Voice => application::INBOUND,
    }
}

/// What an aggregate refused in spite of what was looked up: somebody was faster.
fn settled<E>(decided: Result<(), E>) -> Result<(), CommandError> {
    decided.map_err(|_| CommandError::Contended)
}
