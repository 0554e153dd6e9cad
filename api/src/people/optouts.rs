//! `/optouts`: the do-not-contact list.

use cqrs_es::Aggregate as _;
use domain::{
    Entity as _, Id, Owner, Patch,
    people::{Address, Channel, Contact, OptOut, OptOutCommand, OptOutPatch, OptOutSource},
    values::Line,
};
use projections::people::optouts::OptOutRow;
use serde_json::{Value, json};

use super::optout_listing::{Put, Wanted, put, suppression};
use crate::{
    Error, Result,
    answer::{Answer, id_of},
    authorization::{
        Create, Delete, Done, List, Noun, Owned, Read, Reader, Update, Verb, Writer, own,
    },
    extract::{Fields, FromFields, Given, Input, Listing, Path},
    idempotency::Recipe,
    openapi::{Routes, op},
};

impl Noun for OptOut {
    const NAME: &'static str = "optout";
    const OWNED: Owned = Owned::ByUsers("optout_admin");
}

pub(super) fn routes() -> Routes {
    Routes::crud::<OptOutRow>("/optouts", "optout")
        .create(
            create,
            op("Lists an address as not to be contacted")
                .note(
                    "One of address, phone, email and contact_id is needed; a contact's phone and \
                     email are listed as the channel takes them, and with both of them the answer \
                     also has optout_ids. The channel is voice, fax, sms, email or any, which is \
                     the default. An address that is listed already answers the opt-out that is \
                     there, however it is written.",
                )
                .example(json!({"phone": "+15550100", "channel": "sms"})),
        )
        .list(list, op("Lists opt-outs"))
        .read(read, op("Reads an opt-out"))
        .update(
            update,
            op("Changes the reason of an opt-out")
                .note("Channel and address stay; another one of either is 412.")
                .example(json!({"reason": "asked by phone"})),
        )
        .delete(
            delete,
            op("Removes an opt-out").note("The address may be contacted again."),
        )
        .done()
}

async fn create(
    optouts: Writer<OptOut, Create>,
    Input(said): Input<OptOutRequest>,
) -> Result<Answer> {
    let (owner, wanted) = said.wanted(&optouts).await?;
    let answer = |puts: &[Put]| answer(puts);
    let recipe = |puts: &[Put]| Some(Recipe::Body(answer(puts)));
    let (app, source) = (optouts.caller().app(), OptOutSource::Api);
    let (puts, position) = put(&optouts, owner, source, &wanted, recipe).await?;
    let late = app.settle(OptOut::TYPE, position).await;
    Ok(Answer::from_value(&answer(&puts))?.late(Done { late }))
}

fn answer(puts: &[Put]) -> Value {
    let ids: Vec<i64> = puts.iter().map(|put| put.id.get()).collect();
    let mut answer = id_of(OptOut::NAME, ids.first().copied().unwrap_or_default());
    if ids.len() > 1 {
        answer["optout_ids"] = json!(ids);
    }
    answer
}

async fn list(optouts: Reader<OptOut, List>, listing: Listing<OptOutRow>) -> Result<Answer> {
    optouts.list(listing).await
}

async fn read(optouts: Reader<OptOut, Read>, Path(id): Path<Id<OptOut>>) -> Result<Answer> {
    optouts.find::<OptOutRow>(id.get()).await
}

async fn update(
    optouts: Writer<OptOut, Update>,
    Path(id): Path<Id<OptOut>>,
    Input(said): Input<OptOutRequest>,
) -> Result<Answer> {
    let optout = optouts.load(id).await?.aggregate;
    let owner = optout.owner().ok_or(Error::NotFound)?;
    let lists = suppression(optouts.caller());
    let address = said.address.and_then(|(_, address)| address);
    let patch = OptOutPatch {
        reason: said.reason,
        channel: said.channel,
        fingerprint: address
            .map(|address| lists.fingerprint(owner, optout.channel(), address.as_str())),
    };
    optouts
        .updated::<OptOutRow>(id, OptOutCommand::Update(patch))
        .await
}

async fn delete(optouts: Writer<OptOut, Delete>, Path(id): Path<Id<OptOut>>) -> Result<Answer> {
    optouts.deleted(id, OptOutCommand::Remove).await
}

/// The request fields of an opt-out.
struct OptOutRequest {
    channel: Option<Channel>,
    /// The field in which an address was given, and the address, unless it was blank.
    address: Option<(&'static str, Option<Address>)>,
    contact_id: Option<Id<Contact>>,
    reason: Patch<Line>,
}

impl FromFields for OptOutRequest {
    fn from_fields(fields: &mut Fields) -> Self {
        let words = ["voice", "fax", "sms", "email", "any"];
        let channel = fields.one_of("channel", &words, Channel::named).given();
        let spellings = [
            ("address", fields.text_or_number("address")),
            ("phone", mapped(fields.phone("phone"), Address::Phone)),
            ("email", mapped(fields.text("email"), Address::Email)),
        ];
        let mut given = spellings
            .into_iter()
            .filter(|(_, said)| !matches!(said, Patch::Keep))
            .map(|(name, said)| (name, said.given()));
        let address = given.next();
        let contact_id = fields.id("contact_id").given();
        let second = given.next().map(|(name, _)| name);
        let second = second.or(address.as_ref().and(contact_id.map(|_| "contact_id")));
        if let Some(name) = second {
            fields.refuse(
                name,
                "is one too many; give one of address, phone, email, contact_id",
            );
        }
        Self {
            channel,
            address,
            contact_id,
            reason: fields.text("reason"),
        }
    }
}

fn mapped<T, U>(patch: Patch<T>, map: fn(T) -> U) -> Patch<U> {
    match patch {
        Patch::Keep => Patch::Keep,
        Patch::Clear => Patch::Clear,
        Patch::Set(value) => Patch::Set(map(value)),
    }
}

impl OptOutRequest {
    /// The addresses to be listed, and the owner of the list.
    async fn wanted<V: Verb>(self, optouts: &Writer<OptOut, V>) -> Result<(Owner, Vec<Wanted>)> {
        let channel = self.channel.unwrap_or_default();
        let reason = self.reason.given();
        let wanted = |address| Wanted {
            channel,
            address,
            reason: reason.clone(),
        };
        if let Some(contact) = self.contact_id {
            let (owner, addresses) = addresses_of(optouts, contact, channel).await?;
            return Ok((owner, addresses.into_iter().map(wanted).collect()));
        }
        let (field, address) = self.address.unwrap_or(("address", None));
        let address = address.ok_or_else(|| Error::invalid(field, "is required"))?;
        if channel.takes(&address) {
            Ok((optouts.owner()?, vec![wanted(address)]))
        } else {
            Err(Error::invalid(field, channel.wanted()))
        }
    }
}

/// The addresses of a contact for this channel. The list is that of the contact's owner, since it
/// is they who would send.
async fn addresses_of<V: Verb>(
    optouts: &Writer<OptOut, V>,
    id: Id<Contact>,
    channel: Channel,
) -> Result<(Owner, Vec<Address>)> {
    const FIELD: &str = "contact_id";
    // Reading is needed too, since the opt-out will show the contact's address.
    let caller = optouts.caller();
    caller.must::<Contact, Read>()?;
    let readable = caller.scope_for::<Contact, Read>();
    let contact = own(caller, FIELD, id).await?.aggregate;
    let owner = contact.owner().ok_or(Error::NotFound)?;
    if !optouts.scope().covers(Some(owner)) || !readable.covers(Some(owner)) {
        return Err(Error::unknown(FIELD));
    }
    let profile = contact.profile();
    let phone = profile.phone.clone().map(Address::Phone);
    let email = profile.email.clone().map(Address::Email);
    let all = phone.into_iter().chain(email);
    let addresses: Vec<_> = all.filter(|address| channel.takes(address)).collect();
    if addresses.is_empty() {
        Err(Error::invalid(FIELD, "has no address for this channel"))
    } else {
        Ok((owner, addresses))
    }
}
