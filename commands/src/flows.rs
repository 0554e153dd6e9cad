//! The flow that a program has now, whether or not it could be sent.

use domain::{
    Id, Refusal,
    flow::Flow,
    outreach::{MessageId, Program},
};
use eventstore::{Loaded, StoreError};

use crate::{CommandError, Commands};

/// The compiled program with the present version of its message: of programs that only receive, and
/// of those whose message is not ready, too.
///
/// # Errors
/// When the log cannot be read.
pub async fn current_flow(
    commands: &Commands,
    id: Id<Program>,
    program: &Loaded<Program>,
) -> Result<Flow, CommandError> {
    let kind = program.aggregate.kind().ok_or(Refusal::NotFound)?;
    let version = match kind.message() {
        Some(message) => version(commands, message).await?,
        None => program.version,
    };
    Ok(Flow::compile(id, kind, version))
}

async fn version(commands: &Commands, message: MessageId) -> Result<u64, StoreError> {
    let store = commands.store();
    Ok(match message {
        MessageId::Document(id) => store.load(id).await?.version,
        MessageId::Recording(id) => store.load(id).await?.version,
        MessageId::Template(id) => store.load(id).await?.version,
        MessageId::Text(id) => store.load(id).await?.version,
    })
}
