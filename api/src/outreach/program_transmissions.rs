//! `/programs/{program}/transmissions`: by id for an existing program, by type for a program that
//! is created along with the transmission.

use domain::{
    Entity as _,
    delivery::{Transmission, TransmissionCommand},
    outreach::{Program, ProgramCommand, ProgramType, ProgramUses},
};
use projections::delivery::transmissions::TransmissionRow;

use super::{ProgramRef, program_fields::ProgramRequest, programs::creation};
use crate::{
    Error, Result,
    answer::Answer,
    authorization::{Create, List, Reader, Writer},
    delivery::{TransmissionRequest, order},
    extract::{Fields, FromFields, Input, Listing, Path},
    openapi::{Routes, op},
};

pub(super) fn routes() -> Routes {
    Routes::new()
        .put(
            "/programs/{program}/transmissions",
            create,
            op("Creates a transmission of a program")
                .note(
                    "By the type of a program instead of its id: creates that program too, of \
                     `program_data`, or of the fields side by side.",
                )
                .id("transmission"),
        )
        .aliases(&["POST /programs/{program}/transmissions"])
        .get(
            "/programs/{program}/transmissions",
            list,
            op("Lists the transmissions of a program, or of all of the caller's of a type"),
        )
}

async fn create(
    transmissions: Writer<Transmission, Create>,
    Path(program): Path<ProgramRef>,
    Input(said): Input<ProgramTransmissionRequest>,
) -> Result<Answer> {
    match program {
        ProgramRef::Id(program) => {
            let owner = transmissions.owner()?;
            let scope = transmissions.caller().scope::<Program>();
            let loaded = transmissions.commands().load(program, &scope).await?;
            if loaded.aggregate.owner().map(|it| it.tenant) != Some(owner.tenant) {
                return Err(Error::NotFound);
            }
            let caller = (transmissions.caller(), owner.tenant);
            let kind = loaded.aggregate.kind().ok_or(Error::NotFound)?.kind();
            let order = order(caller, said.transmission, program, kind).await?;
            let id = transmissions.next_id().await?;
            transmissions
                .created(id, TransmissionCommand::Create { id, owner, order })
                .await
        }
        ProgramRef::Kind(kind) => {
            let programs = transmissions.also()?;
            create_both(&transmissions, &programs, kind, said).await
        }
    }
}

/// Creates a program and its transmission. Everything is checked before anything is written; if the
/// store fails between the two, the program is deleted again.
async fn create_both(
    transmissions: &Writer<Transmission, Create>,
    programs: &Writer<Program, Create>,
    kind: ProgramType,
    said: ProgramTransmissionRequest,
) -> Result<Answer> {
    let patch = said
        .program
        .checked((programs.caller(), programs.owner()?.tenant), kind)
        .await?;
    let (program, create) = creation(programs, kind, patch).await?;
    let (id, owner) = (transmissions.next_id().await?, transmissions.owner()?);
    let caller = (transmissions.caller(), owner.tenant);
    let order = order(caller, said.transmission, program, kind).await?;
    let undoing = programs.own_actor()?;
    programs.create(program, create).await?;
    let created = transmissions
        .created(id, TransmissionCommand::Create { id, owner, order })
        .await;
    if created.is_err() {
        let unused = ProgramCommand::Delete(ProgramUses::default());
        let commands = programs.commands();
        commands.send(program, unused, &undoing).await?;
    }
    created
}

async fn list(
    transmissions: Reader<Transmission, List>,
    Path(program): Path<ProgramRef>,
    mut listing: Listing<TransmissionRow>,
) -> Result<Answer> {
    match program {
        ProgramRef::Id(program) => {
            let scope = transmissions.caller().scope::<Program>();
            transmissions
                .caller()
                .app()
                .commands()
                .load(program, &scope)
                .await?;
            narrow(&mut listing.query.filter.program_id, program.get())?;
        }
        ProgramRef::Kind(kind) => {
            // Only the caller's own transmissions, whatever else they may see.
            let own = transmissions.caller().user().get();
            narrow(&mut listing.query.owner, own)?;
            listing.query.filter.program_type = Some(kind.as_str().to_owned());
        }
    }
    transmissions.list(listing).await
}

/// Sets a filter to the value in the path; a filter in the query must have the same value.
fn narrow(filter: &mut Option<i64>, to: i64) -> Result<()> {
    if filter.is_some_and(|given| given != to) {
        return Err(Error::invalid("program_id", "contradicts the path"));
    }
    *filter = Some(to);
    Ok(())
}

/// The fields of both, in two objects or side by side.
struct ProgramTransmissionRequest {
    program: ProgramRequest,
    transmission: TransmissionRequest,
}

impl FromFields for ProgramTransmissionRequest {
    fn from_fields(fields: &mut Fields) -> Self {
        let mut program = fields.object("program_data");
        let mut transmission = fields.object("transmission_data");
        let read = Self {
            transmission: match transmission.as_mut() {
                Some(apart) => TransmissionRequest::from_fields(apart),
                // Side by side, `account_id` belongs to both.
                None => fields.leaving("account_id", TransmissionRequest::from_fields),
            },
            program: ProgramRequest::from_fields(program.as_mut().unwrap_or(fields)),
        };
        for (field, within) in [
            ("program_data", program),
            ("transmission_data", transmission),
        ] {
            if let Some(within) = within {
                fields.adopt(field, within);
            }
        }
        read
    }
}
