//! Sending: what is sent is fixed at this moment, by id and version.

use chrono::TimeDelta;
use commands::{CommandError, Scope};
use domain::{
    Entity, Id, Personal, Refusal,
    access::User,
    delivery::{Direction, Order, Spool, Transmission, TransmissionCommand},
    flow::{Flow, Service},
    outreach::{MessageId, Program},
    people::{Account, Contact},
};
use eventstore::{Loaded, clock};
use projections::{delivery::providers, people::accounts};
use serde_json::json;

use crate::{
    App, Error, Result,
    answer::Answer,
    extract::{Fields, FromFields, Given, Input, Path},
    openapi::{Routes, alias, op},
    permit::{Noun, Sending, Writer},
};

pub(super) fn routes() -> Routes {
    let send_as = "POST /transmissions/{transmission_id}/send";
    Routes::new()
        .post(
            "/transmissions/{transmission_id}/send",
            send,
            op("Sends a transmission")
                .note("Answers the first attempt. What is sent is fixed at this moment.")
                .id("spool"),
        )
        .get(
            "/transmissions/{transmission_id}/send",
            send,
            alias(send_as),
        )
        .get(
            "/transmissions/{transmission_id}/call",
            send,
            alias(send_as),
        )
        .get(
            "/transmissions/{transmission_id}/dial",
            send,
            alias(send_as),
        )
        .post(
            "/transmissions/{transmission_id}/retry",
            retry,
            op("Sends a failed transmission again").id("spool"),
        )
        .get(
            "/transmissions/{transmission_id}/retry",
            retry,
            alias("POST /transmissions/{transmission_id}/retry"),
        )
}

type Transmissions = Writer<Transmission, Sending>;

async fn send(
    transmissions: Transmissions,
    Path(id): Path<Id<Transmission>>,
    Input(Force(force)): Input<Force>,
) -> Result<Answer> {
    queue(&transmissions, id, false, force).await
}

async fn retry(
    transmissions: Transmissions,
    Path(id): Path<Id<Transmission>>,
    Input(Force(force)): Input<Force>,
) -> Result<Answer> {
    queue(&transmissions, id, true, force).await
}

async fn queue(
    transmissions: &Transmissions,
    id: Id<Transmission>,
    again: bool,
    force: bool,
) -> Result<Answer> {
    let transmission = transmissions.load(id).await?.aggregate;
    let order = transmission.order().ok_or(Error::NotFound)?;
    let owner = transmission.owner().unwrap_or(transmissions.user());
    let app = transmissions.caller().app();
    let ready = Ready::check(app, order, owner).await?;
    let spool: Id<Spool> = app.commands().next_id(Spool::NAME).await?;
    let command = ready.command(app, order.service, spool, again, force)?;
    let answer = json!({ "spool_id": spool });
    transmissions.answered(id, command, answer).await
}

/// Everything that a send needs to be there.
struct Ready {
    flow: Flow,
    program_version: u64,
    account_id: Id<Account>,
    destination: Personal<String>,
}

impl Ready {
    /// Looks everything up at once; what is missing is why it cannot be sent.
    async fn check(app: &App, order: &Order, owner: Id<User>) -> Result<Self> {
        if order.direction == Direction::Inbound {
            return Err(not_ready("it is inbound"));
        }
        let ((flow, program_version), destination, account_id, ()) = futures::try_join!(
            flow(app, order.program_id),
            destination(app, order),
            account(app, order.account_id, owner),
            provider(app, order.service),
        )?;
        Ok(Self {
            flow,
            program_version,
            account_id,
            destination,
        })
    }

    fn command(
        self,
        app: &App,
        service: Service,
        spool: Id<Spool>,
        again: bool,
        force: bool,
    ) -> Result<TransmissionCommand> {
        let (at, within) = (clock::now(), app.config().deadlines.of(service));
        let within = TimeDelta::from_std(within).map_err(|_| Error::Internal)?;
        Ok(TransmissionCommand::Send {
            spool,
            at,
            deadline: at.checked_add_signed(within).ok_or(Error::Internal)?,
            flow: self.flow,
            program_version: self.program_version,
            account_id: self.account_id,
            destination: self.destination,
            again,
            force,
        })
    }
}

/// The program compiled, with the message that it sends as it is now.
async fn flow(app: &App, id: Id<Program>) -> Result<(Flow, u64)> {
    let program = there(app, id, "its program was deleted").await?;
    let kind = program.aggregate.kind().ok_or(Error::NotFound)?;
    if kind.kind().direction() == Direction::Inbound {
        let word = kind.kind().as_str();
        return Err(not_ready(&format!(
            "a program of type {word} only receives"
        )));
    }
    let version = match kind.message() {
        Some(message) => sendable(app, message).await?,
        None => program.version,
    };
    Ok((Flow::of(id, kind, version), program.version))
}

/// The version of a message that can be sent.
async fn sendable(app: &App, message: MessageId) -> Result<u64> {
    match message {
        MessageId::Document(id) => {
            let document = there(app, id, "its document was deleted").await?;
            match document.aggregate.pages() {
                Some(_) => Ok(document.version),
                None => Err(not_ready("its document has no media yet")),
            }
        }
        MessageId::Recording(id) => {
            let recording = there(app, id, "its recording was deleted").await?;
            match recording.aggregate.sound() {
                Some(_) => Ok(recording.version),
                None => Err(not_ready("its recording has no media yet")),
            }
        }
        MessageId::Template(id) => {
            let template = there(app, id, "its template was deleted").await?;
            Ok(template.version)
        }
        MessageId::Text(id) => Ok(there(app, id, "its text was deleted").await?.version),
    }
}

async fn destination(app: &App, order: &Order) -> Result<Personal<String>> {
    let contact: Id<Contact> = order.contact_id;
    let known = there(app, contact, "its contact was deleted").await?;
    let profile = known.aggregate.profile();
    let (address, missing) = match order.service {
        Service::Email => {
            let email = profile.email.as_ref().map(ToString::to_string);
            (email, "its contact has no email address")
        }
        Service::Voice | Service::Fax | Service::Sms => {
            let phone = profile.phone.as_ref().map(ToString::to_string);
            (phone, "its contact has no phone number")
        }
    };
    let address = address.ok_or_else(|| not_ready(missing))?;
    Ok(Personal::of(contact.subject(), address))
}

async fn account(app: &App, given: Option<Id<Account>>, owner: Id<User>) -> Result<Id<Account>> {
    if let Some(id) = given {
        let account = there(app, id, "its account was deleted").await?.aggregate;
        // It may have been given to somebody else since, who is nobody's sender.
        let everybody = Account::ADMIN.is_some_and(|admin| app.auth().mirror.may(owner, admin));
        if account.owner() != Some(owner) && !everybody {
            return Err(not_ready("its account is somebody else's by now"));
        }
        return Ok(id);
    }
    let newest = accounts::newest_active(app.pool(), owner.get()).await?;
    newest
        .map(Id::new)
        .ok_or_else(|| not_ready("there is no active account to send as"))
}

async fn provider(app: &App, service: Service) -> Result<()> {
    match providers::active(app.pool(), service).await? {
        0 => Err(not_ready(&format!(
            "there is no provider for service {}: none that can carry it is active",
            service.name()
        ))),
        _ => Ok(()),
    }
}

/// What the transmission was made of, whosever it is by now.
async fn there<A: Entity>(app: &App, id: Id<A>, otherwise: &str) -> Result<Loaded<A>> {
    let loaded = app.commands().load(id, Scope::All).await;
    loaded.map_err(|error| match error {
        CommandError::Refused(Refusal::NotFound) => not_ready(otherwise),
        error => error.into(),
    })
}

fn not_ready(reason: &str) -> Error {
    Error::NotReady(reason.to_owned())
}

/// `{"force": true}`: also what may have arrived already.
struct Force(bool);

impl FromFields for Force {
    fn from_fields(fields: &mut Fields) -> Self {
        Self(fields.flag("force").given().unwrap_or(false))
    }
}
