//! `/programs`.

use axum::extract::MatchedPath;
use domain::{
    Id,
    outreach::{Program, ProgramCommand},
};
use projections::outreach::programs::{self, ProgramRow};

use super::{
    program_fields::{Checked, Said},
    program_ref::KINDS,
};
use crate::{
    Error, Result,
    answer::Answer,
    extract::{Input, Listing, Path},
    openapi::{Routes, alias, op},
    permit::{Create, Delete, List, Read, Reader, Verb, Writer},
};

pub(super) fn routes() -> Routes {
    let resource = Routes::new()
        .post(
            "/programs",
            create,
            op("Creates a program of the type it names")
                .requires(&["type"])
                .answers(501, "No type was said; the routes that have one are named.")
                .id("program"),
        )
        .get("/programs", list, op("Lists programs"))
        .get(
            "/programs/{program}",
            read,
            op("Reads a program").row::<ProgramRow>(),
        )
        .delete(
            "/programs/{program}",
            delete,
            op("Deletes a program").id("program"),
        )
        .get(
            "/programs/{program}/delete",
            delete,
            alias("DELETE /programs/{program}"),
        );
    KINDS.iter().fold(resource, |routes, (kind, _)| {
        // A route of its own takes nothing from the general one: its other methods stay.
        routes
            .post(
                &format!("/programs/{kind}"),
                create_of_kind,
                op("Creates a program of this type").id("program"),
            )
            .hidden_get(&format!("/programs/{kind}"), read)
            .hidden_delete(&format!("/programs/{kind}"), delete)
    })
}

async fn create(programs: Writer<Program, Create>, Input(said): Input<Said>) -> Result<Answer> {
    let kind = said.kind()?;
    let checked = said.checked(programs.caller(), kind).await?;
    let (id, create) = creation(&programs, checked).await?;
    programs.created(id, create).await
}

async fn create_of_kind(
    programs: Writer<Program, Create>,
    route: MatchedPath,
    Input(said): Input<Said>,
) -> Result<Answer> {
    let kind = route.as_str().trim_start_matches("/programs/");
    let checked = said.checked(programs.caller(), kind).await?;
    let (id, create) = creation(&programs, checked).await?;
    programs.created(id, create).await
}

async fn list(programs: Reader<Program, List>, listing: Listing<ProgramRow>) -> Result<Answer> {
    programs.list(listing).await
}

async fn read(programs: Reader<Program, Read>, Path(id): Path<Id<Program>>) -> Result<Answer> {
    programs.find::<ProgramRow>(id.get()).await
}

async fn delete(programs: Writer<Program, Delete>, Path(id): Path<Id<Program>>) -> Result<Answer> {
    programs.load(id).await?;
    let open = programs::open_transmissions(programs.pool(), id.get()).await?;
    programs.deleted(id, ProgramCommand::Delete { open }).await
}

/// A new program's id, and the command that creates it.
pub(super) async fn creation<V: Verb>(
    programs: &Writer<Program, V>,
    checked: Checked,
) -> Result<(Id<Program>, ProgramCommand), Error> {
    let Checked {
        name,
        kind,
        parent_id,
    } = checked;
    let (id, owner) = (programs.next_id().await?, programs.user());
    Ok((
        id,
        ProgramCommand::Create {
            id,
            owner,
            name,
            kind,
            parent_id,
        },
    ))
}
