//! `/sandbox/calls`: somebody calls in through the sandbox.

use commands::{
    receiving::{InboundMessage, InboundSession, NotReceived, OpenResult, WAITS},
    sandbox::{Caller, placed},
};
use cqrs_es::Aggregate as _;
use domain::{
    Id,
    delivery::{Message, Provider, Spool, Transmission},
    flow::Service,
    values::{Line, PhoneNumber},
};
use eventstore::{Position, clock};
use projections::delivery::providers;
use serde_json::{Value, json};

use crate::{
    Error, Result,
    answer::Answer,
    authorization::{Done, Noun, Sending, Writer},
    extract::{Fields, FromFields, Given, Input},
    idempotency::{IdempotentRequest, Recipe},
    openapi::{Routes, Shape, op},
};

/// The longest time after which a caller hangs up, in seconds, and the most pages of their fax.
const MAX_HANG_UP_SECONDS: i64 = 3_600;
const MOST_PAGES: i64 = 500;
/// The most keys that a caller presses.
const MOST_KEYS: usize = 32;

pub(super) fn routes() -> Routes {
    Routes::new().post(
        "/sandbox/calls",
        call,
        op("Calls a number through the sandbox")
            .note(
                "Somebody calls `to` from `from`: the program of the account that receives there \
                 is run in real time. Answers when the call is on record, with its transmission \
                 and its attempt, which `GET /spools/{spool_id}` shows while it lasts. `keys` are \
                 pressed where the program asks for some, `hangs_up_after` counts from the answer, \
                 and `pages` are those of a fax. A `call_id` that came before answers the call that \
                 it came with. 423 if no account within the caller's reach receives there, if it \
                 has no program for it, or if no sandbox is active.",
            )
            .requires(&["from", "to", "service"])
            .example(json!({
                "from": "+15550142", "to": "+4930123456", "service": "fax", "pages": 3,
                "keys": "1", "hangs_up_after": 60, "call_id": "3c26700857a8",
            }))
            .fields(&[("transmission_id", Shape::Id), ("spool_id", Shape::Id)]),
    )
}

type Transmissions = Writer<Transmission, Sending>;

async fn call(transmissions: Transmissions, Input(call): Input<Placed>) -> Result<Answer> {
    let (from, to, service) = call.sides()?;
    let app = transmissions.caller().app();
    let owner = app.parts().sessions.owner_at(service, &to).await?;
    let owner = owner.filter(|owner| transmissions.scope().covers(Some(*owner)));
    let owner = owner.ok_or_else(|| refused(NotReceived::NoAccount))?;
    let provider = providers::sandbox(app.pool(), service, owner.tenant).await?;
    let provider = provider.map(Id::<Provider>::new).ok_or_else(no_sandbox)?;
    let ids = (
        transmissions.next_id().await?,
        app.commands().next_id(Spool::NAME).await?,
    );
    let message = Message {
        source: Some(from),
        destination: to,
        ..Message::default()
    };
    let session = call.session(&transmissions, ids, (service, provider, message))?;
    match app.parts().sessions.open(session).await? {
        OpenResult::Opened(position) => opened(&transmissions, ids, position).await,
        OpenResult::Known(transmission, spool) => {
            Answer::from_value(&answer((transmission, spool)))
        }
        OpenResult::Refused(reason) => Err(refused(reason)),
    }
}

fn refused(reason: NotReceived) -> Error {
    Error::NotReady(reason.as_str().to_owned())
}

fn no_sandbox() -> Error {
    Error::NotReady("there is no active provider of type sandbox for it".to_owned())
}

type Ids = (Id<Transmission>, Id<Spool>);

async fn opened(
    transmissions: &Transmissions,
    ids: Ids,
    position: Option<Position>,
) -> Result<Answer> {
    let app = transmissions.caller().app();
    let late = app.settle(Transmission::TYPE, position).await;
    Ok(Answer::from_value(&answer(ids))?.late(Done { late }))
}

fn answer((transmission, spool): Ids) -> Value {
    json!({ "transmission_id": transmission, "spool_id": spool })
}

/// A call as it is asked for.
struct Placed {
    from: Option<PhoneNumber>,
    to: Option<PhoneNumber>,
    service: Option<Service>,
    call_id: Option<Line>,
    caller: Caller,
}

impl FromFields for Placed {
    fn from_fields(fields: &mut Fields) -> Self {
        let service = |word: &str| {
            let mut calls = [Service::Voice, Service::Fax].into_iter();
            calls.find(|service| service.name() == word)
        };
        Self {
            from: fields.phone("from").given(),
            to: fields.phone("to").given(),
            service: fields.one_of("service", &["voice", "fax"], service).given(),
            call_id: fields.text("call_id").given(),
            caller: Caller {
                keys: fields.text::<Keys>("keys").given().map(|keys| keys.0),
                hangs_up_after: fields
                    .number("hangs_up_after", 0..=MAX_HANG_UP_SECONDS)
                    .given(),
                pages: fields.number("pages", 1..=MOST_PAGES).given().unwrap_or(1),
            },
        }
    }
}

impl Placed {
    fn sides(&self) -> Result<(String, String, Service)> {
        let required = |field| move || Error::invalid(field, "is required");
        let number = |number: &Option<PhoneNumber>| number.as_ref().map(ToString::to_string);
        Ok((
            number(&self.from).ok_or_else(required("from"))?,
            number(&self.to).ok_or_else(required("to"))?,
            self.service.ok_or_else(required("service"))?,
        ))
    }

    fn session(
        self,
        transmissions: &Transmissions,
        ids: Ids,
        (service, provider, message): (Service, Id<Provider>, Message),
    ) -> Result<InboundSession> {
        let (at, (transmission, spool)) = (clock::now(), ids);
        let mut metadata = transmissions.caller().metadata()?;
        IdempotentRequest::answer(&mut metadata, || Recipe::Body(answer(ids)).text());
        let call = match &self.call_id {
            Some(call_id) => format!("{provider}/{call_id}"),
            None => format!("{provider}/spool/{spool}"),
        };
        Ok(InboundSession {
            transmission,
            spool,
            call: InboundMessage {
                service,
                provider: Some(provider),
                at,
                key: format!("call/{call}"),
                earlier_key: None,
                message,
                results: Vec::new(),
            },
            deadline: at + WAITS,
            effects: vec![placed(spool, &self.caller, at)],
            metadata,
        })
    }
}

/// Keys of a telephone.
struct Keys(String);

impl std::str::FromStr for Keys {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_key = |key: u8| key.is_ascii_digit() || key == b'*' || key == b'#';
        let fits = (1..=MOST_KEYS).contains(&text.len()) && text.bytes().all(is_key);
        fits.then(|| Self(text.to_owned()))
            .ok_or("must be 1 to 32 of 0 to 9, * and #")
    }
}
