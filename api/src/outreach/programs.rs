//! `/programs`.

use axum::extract::MatchedPath;
use domain::{
    Id,
    outreach::{Program, ProgramCommand, ProgramPatch, ProgramType, ProgramUses},
};
use projections::{
    delivery::campaigns,
    outreach::{programs::ProgramRow, uses},
};
use serde_json::json;

use super::program_fields::ProgramRequest;
use crate::{
    Error, Result,
    answer::Answer,
    authorization::{Create, Delete, List, Noun, Owned, Read, Reader, Update, Verb, Writer},
    extract::{Input, Listing, Path},
    openapi::{Routes, op},
};

impl Noun for Program {
    const NAME: &'static str = "program";
    const OWNED: Owned = Owned::ByUsers("program_admin");
}

pub(super) fn routes() -> Routes {
    let resource = Routes::new()
        .post(
            "/programs",
            create,
            op("Creates a program of the type it names")
                .requires(&["type"])
                .example(json!({"type": "sendemail", "name": "Spring news", "template_id": 1}))
                .answers(501, "No type was said; the routes that have one are named.")
                .id("program"),
        )
        .get("/programs", list, op("Lists programs"))
        .get(
            "/programs/{program}",
            read,
            op("Reads a program").row::<ProgramRow>(),
        )
        .put(
            "/programs/{program}",
            update,
            op("Changes a program")
                .note("What was sent before shows the program as it was then. The type stays.")
                .row::<ProgramRow>(),
        )
        .delete(
            "/programs/{program}",
            delete,
            op("Deletes a program").id("program"),
        )
        .aliases(&["GET /programs/{program}/delete"]);
    ProgramType::ALL.into_iter().fold(resource, |routes, kind| {
        let path = format!("/programs/{}", kind.as_str());
        let (summary, needs) = creating(kind);
        let about = op(summary)
            .requires(needs)
            .note("A `type` in the body, and the parameters of other types, do not matter.")
            .id("program");
        routes.post(&path, create_of_kind, about)
    })
}

/// The summary of the operation that creates a program of this type, and its required fields.
fn creating(kind: ProgramType) -> (&'static str, &'static [&'static str]) {
    let account: &[&str] = &["account_id"];
    match kind {
        ProgramType::EmailToFax => (
            "Creates a program that faxes what an account is mailed",
            account,
        ),
        ProgramType::FaxToEmail => ("Creates a program that mails an account its faxes", account),
        ProgramType::ReceiveEmail => ("Creates a program that takes in mails", account),
        ProgramType::ReceiveFax => ("Creates a program that takes in faxes", account),
        ProgramType::ReceiveSms => ("Creates a program that takes in short messages", account),
        ProgramType::SendEmail => ("Creates a program that sends a mail", &["template_id"]),
        ProgramType::SendFax => ("Creates a program that sends a fax", &["document_id"]),
        ProgramType::SendSms => ("Creates a program that sends a short message", &["text_id"]),
        ProgramType::VoiceMessage => (
            "Creates a program that calls and plays a recording",
            &["recording_id"],
        ),
        ProgramType::VoiceTts => (
            "Creates a program that calls and reads out a text",
            &["text"],
        ),
    }
}

async fn create(
    programs: Writer<Program, Create>,
    Input(said): Input<ProgramRequest>,
) -> Result<Answer> {
    let kind = said.kind()?;
    let patch = said
        .checked((programs.caller(), programs.owner()?.tenant), kind)
        .await?;
    let (id, create) = creation(&programs, kind, patch).await?;
    programs.created(id, create).await
}

async fn create_of_kind(
    programs: Writer<Program, Create>,
    route: MatchedPath,
    Input(said): Input<ProgramRequest>,
) -> Result<Answer> {
    let word = route.as_str().trim_start_matches("/programs/");
    let kind = ProgramType::from_word(word).ok_or(Error::NotFound)?;
    let patch = said
        .checked((programs.caller(), programs.owner()?.tenant), kind)
        .await?;
    let (id, create) = creation(&programs, kind, patch).await?;
    programs.created(id, create).await
}

async fn list(programs: Reader<Program, List>, listing: Listing<ProgramRow>) -> Result<Answer> {
    programs.list(listing).await
}

async fn read(programs: Reader<Program, Read>, Path(id): Path<Id<Program>>) -> Result<Answer> {
    programs.find::<ProgramRow>(id.get()).await
}

async fn update(
    programs: Writer<Program, Update>,
    Path(id): Path<Id<Program>>,
    Input(said): Input<ProgramRequest>,
) -> Result<Answer> {
    let program = programs.load(id).await?.aggregate;
    let patch = said.changing(programs.caller(), &program).await?;
    let update = ProgramCommand::Update(Box::new(patch));
    programs.updated::<ProgramRow>(id, update).await
}

async fn delete(programs: Writer<Program, Delete>, Path(id): Path<Id<Program>>) -> Result<Answer> {
    programs.load(id).await?;
    let pool = programs.pool();
    let (transmissions, accounts, campaigns) = futures::try_join!(
        uses::open_transmissions(pool, id.get()),
        uses::subscribed_accounts(pool, id.get()),
        campaigns::open_of_program(pool, id.get()),
    )?;
    let uses = ProgramUses {
        transmissions,
        accounts,
        campaigns,
    };
    programs.deleted(id, ProgramCommand::Delete(uses)).await
}

/// A new program's id, and the command that creates it.
pub(super) async fn creation<V: Verb>(
    programs: &Writer<Program, V>,
    kind: ProgramType,
    patch: ProgramPatch,
) -> Result<(Id<Program>, ProgramCommand)> {
    let (id, owner) = (programs.next_id().await?, programs.owner()?);
    Ok((
        id,
        ProgramCommand::Create {
            id,
            owner,
            kind,
            patch: Box::new(patch),
        },
    ))
}
