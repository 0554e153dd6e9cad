//! What an attempt delivers: its program's message, the recipient's values filled in.

use std::{collections::HashMap, sync::Arc};

use bytes::{Bytes, BytesMut};
use commands::{Commands, media::MediaStore};
use domain::{
    Entity, Id,
    access::User,
    delivery::Transmission,
    flow::Action,
    outreach::{
        Program, Template,
        tokens::{Person, Tokens},
    },
    people::{Account, Contact},
};
use eventstore::{Loaded, StoreError};
use futures::TryStreamExt;
use quick_cache::{Weighter, sync::Cache};

use crate::{
    Content,
    compose::{Parts, compose},
    email::Attachment,
};

/// How much memory messages may take between attempts, in bytes.
const KEPT: u64 = 64 << 20;

/// Why an attempt has nothing to deliver.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoContent {
    /// It never will have; the attempt is rejected with these words.
    #[error("{0}")]
    Never(&'static str),
    /// It cannot be read just now.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The attachment cannot be read just now.
    #[error("the attachment cannot be read: {0}")]
    Media(String),
}

/// Finds and fills messages. What cannot change (a template at a version, a
/// program's name) is kept.
pub(crate) struct Contents {
    commands: Commands,
    media: MediaStore,
    company: Option<String>,
    templates: Cache<(Id<Template>, u64), Arc<Message>, BySize>,
    programs: Cache<Id<Program>, Option<String>>,
}

struct Message {
    subject: String,
    html: String,
    text: Option<String>,
    attachments: Vec<Attachment>,
}

#[derive(Clone)]
struct BySize;

impl Weighter<(Id<Template>, u64), Arc<Message>> for BySize {
    fn weight(&self, _: &(Id<Template>, u64), message: &Arc<Message>) -> u64 {
        let files: usize = message
            .attachments
            .iter()
            .map(|file| file.content.len())
            .sum();
        let text = message.text.as_ref().map_or(0, String::len);
        (message.html.len() + text + files + 512) as u64
    }
}

/// The people whom a batch of attempts is about, read with one query for each kind.
#[derive(Default)]
pub(crate) struct People {
    contacts: HashMap<Id<Contact>, Loaded<Contact>>,
    accounts: HashMap<Id<Account>, Loaded<Account>>,
    users: HashMap<Id<User>, Loaded<User>>,
}

impl Contents {
    pub fn new(commands: Commands, media: MediaStore, company: Option<String>) -> Self {
        Self {
            commands,
            media,
            company,
            templates: Cache::with_weighter(256, KEPT, BySize),
            programs: Cache::new(1_024),
        }
    }

    /// Everyone these transmissions are about.
    pub async fn people(&self, transmissions: &[&Transmission]) -> Result<People, StoreError> {
        let store = self.commands.store();
        let orders = transmissions
            .iter()
            .filter_map(|transmission| transmission.order());
        let assignments = transmissions
            .iter()
            .filter_map(|transmission| transmission.assignment());
        let owners = transmissions.iter().filter_map(|t| t.owner());
        Ok(People {
            contacts: store
                .load_many(&unique(orders.map(|order| order.contact_id)))
                .await?,
            accounts: store
                .load_many(&unique(assignments.map(|it| it.account_id)))
                .await?,
            users: store.load_many(&unique(owners)).await?,
        })
    }

    /// The message of one transmission.
    pub async fn of(
        &self,
        transmission: &Transmission,
        people: &People,
    ) -> Result<Content, NoContent> {
        let order = transmission
            .order()
            .ok_or(NoContent::Never("there is no order"))?;
        let assignment = transmission.assignment();
        let assignment = assignment.ok_or(NoContent::Never("there is nothing to do"))?;
        let step = assignment
            .flow
            .steps
            .first()
            .ok_or(NoContent::Never("the flow is empty"))?;
        let recipient = people.contacts.get(&order.contact_id);
        // What the transmission says of them may stem from a memory older than that.
        if recipient.is_some_and(|contact| contact.aggregate.erased().is_some()) {
            return Err(NoContent::Never("the recipient was erased"));
        }
        let account = people
            .accounts
            .get(&assignment.account_id)
            .map(|it| &it.aggregate);
        let owner = transmission.owner();
        let tokens = Tokens {
            contact: recipient
                .map(|it| contact(&it.aggregate))
                .unwrap_or_default(),
            account: account.map(account_person).unwrap_or_default(),
            user: owner
                .and_then(|owner| people.users.get(&owner))
                .map(|it| user(&it.aggregate))
                .unwrap_or_default(),
            title: order.title.as_ref().map(ToString::to_string),
            program_name: self.program_name(order.program_id).await?,
            company_name: self.company.clone(),
            ..Tokens::default()
        };
        let from = account.and_then(|account| {
            let email = account.profile().email.as_ref()?.to_string();
            Some((email, full_name(&account_person(account))))
        });
        match step.action {
            Action::EmailSend {
                template_id,
                version,
            } => {
                let message = self.message(template_id, version).await?;
                let parts = Parts {
                    subject: &message.subject,
                    html: Some(&message.html),
                    text: message.text.as_deref(),
                    attachments: message.attachments.clone(),
                };
                Ok(Content::Email(Box::new(compose(parts, &tokens, from))))
            }
        }
    }

    async fn program_name(&self, id: Id<Program>) -> Result<Option<String>, StoreError> {
        if let Some(name) = self.programs.get(&id) {
            return Ok(name);
        }
        let program = self.commands.store().load(id).await?.aggregate;
        let name = program.name().map(str::to_owned);
        self.programs.insert(id, name.clone());
        Ok(name)
    }

    async fn message(&self, id: Id<Template>, version: u64) -> Result<Arc<Message>, NoContent> {
        if let Some(message) = self.templates.get(&(id, version)) {
            return Ok(message);
        }
        let template = self
            .commands
            .store()
            .load_until(id, version)
            .await?
            .aggregate;
        let content = template.content();
        let gone = NoContent::Never("the template's content was erased");
        let (Some(subject), Some(body)) = (&content.subject, &content.body) else {
            return Err(gone);
        };
        let mut attachments = Vec::new();
        for file in template.attachments() {
            attachments.push(Attachment {
                file_name: file.file_name.clone(),
                content_type: file.content_type.clone(),
                content: self.read(&file.media).await?,
            });
        }
        let message = Arc::new(Message {
            subject: subject.to_string(),
            html: body.to_string(),
            text: content.body_alt.as_ref().map(ToString::to_string),
            attachments,
        });
        self.templates.insert((id, version), Arc::clone(&message));
        Ok(message)
    }

    async fn read(&self, media: &domain::outreach::MediaHash) -> Result<Bytes, NoContent> {
        let failed = |error: &dyn std::fmt::Display| NoContent::Media(error.to_string());
        let found = self
            .media
            .get(media)
            .await
            .map_err(|error| failed(&error))?;
        let (_, chunks) = found.ok_or(NoContent::Never("the attachment is gone"))?;
        let mut chunks = std::pin::pin!(chunks);
        let mut bytes = BytesMut::new();
        while let Some(chunk) = chunks.try_next().await.map_err(|error| failed(&error))? {
            bytes.extend_from_slice(&chunk);
        }
        Ok(bytes.freeze())
    }
}

fn unique<T: Ord>(ids: impl Iterator<Item = T>) -> Vec<T> {
    let mut ids: Vec<T> = ids.collect();
    ids.sort();
    ids.dedup();
    ids
}

fn full_name(person: &Person) -> Option<String> {
    let names = [&person.first_name, &person.last_name];
    let names: Vec<&str> = names
        .into_iter()
        .filter_map(|name| name.as_deref())
        .collect();
    (!names.is_empty()).then(|| names.join(" "))
}

fn contact(contact: &Contact) -> Person {
    let profile = contact.profile();
    Person {
        first_name: text(&profile.first_name),
        last_name: text(&profile.last_name),
        phone: text(&profile.phone),
        email: text(&profile.email),
        address: text(&profile.address),
        custom1: text(&profile.custom1),
        custom2: text(&profile.custom2),
        custom3: text(&profile.custom3),
        description: text(&profile.description),
        username: None,
    }
}

fn account_person(account: &Account) -> Person {
    let profile = account.profile();
    Person {
        username: text(&profile.username),
        first_name: text(&profile.first_name),
        last_name: text(&profile.last_name),
        phone: text(&profile.phone),
        email: text(&profile.email),
        address: text(&profile.address),
        ..Person::default()
    }
}

fn user(user: &User) -> Person {
    let profile = user.profile();
    Person {
        username: text(&profile.username),
        first_name: text(&profile.first_name),
        last_name: text(&profile.last_name),
        phone: text(&profile.phone),
        email: text(&profile.email),
        address: text(&profile.address),
        ..Person::default()
    }
}

fn text(value: &Option<impl ToString>) -> Option<String> {
    value.as_ref().map(ToString::to_string)
}
