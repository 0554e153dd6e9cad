//! `/messages/texts`, also `/texts`.

use domain::{
    Id, Patch,
    outreach::{MessageId, Text, TextClass, TextCommand, TextPatch, sms::Encoding},
};
use projections::outreach::{texts::TextRow, uses};
use serde_json::json;

use crate::{
    Result,
    answer::Answer,
    authorization::{Create, Delete, List, Noun, Owned, Read, Reader, Update, Writer},
    extract::{Fields, FromFields, Input, Listing, Path},
    openapi::{Routes, op},
};

impl Noun for Text {
    const NAME: &'static str = "text";
    const OWNED: Owned = Owned::ByUsers("text_admin");
}

pub(super) fn routes() -> Routes {
    Routes::crud::<TextRow>("/messages/texts", "text")
        .create(
            create,
            op("Creates a text")
                .requires(&["name", "data"])
                .example(json!({
                    "name": "Spring news",
                    "data": "Hello [contact:first_name]",
                    "type": "plain",
                })),
        )
        .list(list, op("Lists texts"))
        .read(read, op("Reads a text"))
        .update(update, op("Changes a text"))
        .delete(
            delete,
            op("Deletes a text").note("423 while a program names it."),
        )
        .done()
        .spelt_also("/messages/texts", "/texts")
}

async fn create(texts: Writer<Text, Create>, Input(patch): Input<TextPatch>) -> Result<Answer> {
    let (id, owner) = (texts.next_id().await?, texts.owner()?);
    texts
        .created(id, TextCommand::Create { id, owner, patch })
        .await
}

async fn list(texts: Reader<Text, List>, listing: Listing<TextRow>) -> Result<Answer> {
    texts.list(listing).await
}

async fn read(texts: Reader<Text, Read>, Path(id): Path<Id<Text>>) -> Result<Answer> {
    texts.find::<TextRow>(id.get()).await
}

async fn update(
    texts: Writer<Text, Update>,
    Path(id): Path<Id<Text>>,
    Input(patch): Input<TextPatch>,
) -> Result<Answer> {
    texts
        .updated::<TextRow>(id, TextCommand::Update(patch))
        .await
}

async fn delete(texts: Writer<Text, Delete>, Path(id): Path<Id<Text>>) -> Result<Answer> {
    texts.load(id).await?;
    let message = MessageId::Text(id);
    let uses = uses::uses_of_message(texts.pool(), message).await?;
    texts.deleted(id, TextCommand::Delete(uses)).await
}

impl FromFields for TextPatch {
    fn from_fields(fields: &mut Fields) -> Self {
        Self {
            name: fields.text("name"),
            description: fields.text("description"),
            data: fields.text("data"),
            class: numbered(fields, "class", 8, "0, 1, 2, 4 or 8", TextClass::of_number),
            encoding: encoding(fields),
        }
    }
}

/// The encoding, given as `type` in words or as `encoding` in numbers.
fn encoding(fields: &mut Fields) -> Patch<Encoding> {
    let expected = "plain, unicode, binary or a charset";
    let kind = match fields.word("type", expected, charset) {
        Patch::Set(Some(encoding)) => Patch::Set(encoding),
        // A charset that does not determine the encoding leaves it to the text.
        Patch::Set(None) | Patch::Clear => Patch::Clear,
        Patch::Keep => Patch::Keep,
    };
    let number = numbered(fields, "encoding", 2, "0, 1 or 2", Encoding::of_number);
    match (kind, number) {
        (Patch::Set(kind), Patch::Set(number)) if kind != number => {
            fields.refuse("encoding", "contradicts type");
            Patch::Keep
        }
        (Patch::Set(encoding), _) | (_, Patch::Set(encoding)) => Patch::Set(encoding),
        (Patch::Clear, _) | (_, Patch::Clear) => Patch::Clear,
        (Patch::Keep, Patch::Keep) => Patch::Keep,
    }
}

/// The encoding that a `type` asks for; `Some(None)` for a charset that determines none.
fn charset(word: &str) -> Option<Option<Encoding>> {
    Some(match word {
        "plain" | "gsm" | "gsm7" | "gsm-7" => Some(Encoding::Gsm),
        "binary" => Some(Encoding::Binary),
        "unicode" | "ucs2" | "ucs-2" | "utf16" | "utf-16" => Some(Encoding::Unicode),
        "utf8" | "utf-8" | "ascii" | "us-ascii" | "latin1" | "iso-8859-1" => None,
        _ => return None,
    })
}

fn numbered<T>(
    fields: &mut Fields,
    field: &'static str,
    highest: i64,
    expected: &'static str,
    of: impl Fn(i32) -> Option<T>,
) -> Patch<T> {
    match fields.number(field, 0..=highest) {
        Patch::Set(number) => match of(number) {
            Some(value) => Patch::Set(value),
            None => {
                fields.refuse(field, format_args!("must be {expected}"));
                Patch::Keep
            }
        },
        Patch::Clear => Patch::Clear,
        Patch::Keep => Patch::Keep,
    }
}
