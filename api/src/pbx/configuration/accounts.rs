//! The plans of extensions and DIDs, which are accounts.

use domain::{
    Id, Patch,
    people::{Account, AccountCommand, AccountPatch},
};
use eventstore::clock;
use projections::outreach::uses;

use super::{
    document::{Entry, Section},
    export::Present,
    plan::Plan,
};
use crate::{
    Result,
    pbx::{
        dids::DidRequest,
        extensions::{self, ExtensionRequest},
    },
    people::{active_user_of, assigned_addresses},
};

/// Plans the extensions.
pub(super) async fn extensions(
    plan: &mut Plan<'_>,
    entries: Vec<Entry>,
    present: &[Present],
    rehearsal: bool,
) -> Result<()> {
    let section = Section::Extensions;
    let targets = plan.targets(section, &entries, present).await?;
    for (Entry { key, fields }, (id, is_new)) in entries.into_iter().zip(targets) {
        let id = Id::new(id);
        let Some(request) = plan.read::<ExtensionRequest>(section, &key, fields, is_new) else {
            continue;
        };
        let app = plan.writer.caller().app();
        let patch = if is_new {
            extensions::create_command(app, id, request)
        } else {
            request.patch(app, id)
        };
        match patch {
            Ok(patch) => account(plan, section, (id, is_new), key, patch, rehearsal).await?,
            Err(error) => plan.refuse(section, &key, &error)?,
        }
    }
    deleted(plan, section, present).await
}

/// Plans the DIDs.
pub(super) async fn dids(
    plan: &mut Plan<'_>,
    entries: Vec<Entry>,
    present: &[Present],
    rehearsal: bool,
) -> Result<()> {
    let section = Section::Dids;
    let targets = plan.targets(section, &entries, present).await?;
    for (Entry { key, fields }, (id, is_new)) in entries.into_iter().zip(targets) {
        let id = Id::new(id);
        let Some(request) = plan.read::<DidRequest>(section, &key, fields, is_new) else {
            continue;
        };
        let patch = if is_new {
            request.new_patch(id)
        } else {
            request.patch()
        };
        match patch {
            Ok(patch) => account(plan, section, (id, is_new), key, patch, rehearsal).await?,
            Err(error) => plan.refuse(section, &key, &error)?,
        }
    }
    deleted(plan, section, present).await
}

async fn account(
    plan: &mut Plan<'_>,
    section: Section,
    (id, is_new): (Id<Account>, bool),
    key: String,
    patch: AccountPatch,
    rehearsal: bool,
) -> Result<()> {
    // An assignment may take an address out of another account's quarantine, which is a change.
    let assigned = if rehearsal {
        Vec::new()
    } else {
        assigned_addresses(plan.writer, (id, plan.owner.tenant), &patch).await?
    };
    let loaded = plan.writer.commands().store().load(id).await?;
    if !is_new && patch.active == Patch::Set(true) {
        let active = active_user_of(plan.writer.caller(), &loaded.aggregate);
        if let Err(error) = active {
            return plan.refuse(section, &key, &error);
        }
    }
    let (change, command) = if is_new {
        let owner = plan.owner;
        let create = AccountCommand::Create {
            id,
            owner,
            patch,
            assigned,
        };
        ("create", create)
    } else {
        let at = clock::now();
        let update = AccountCommand::Update {
            patch,
            assigned,
            at,
        };
        ("update", update)
    };
    let before = plan.append.len();
    let decided = plan.append.send(id, &loaded, command).await?;
    plan.note(section, key, change, before, decided)
}

async fn deleted(plan: &mut Plan<'_>, section: Section, present: &[Present]) -> Result<()> {
    for (id, key) in plan.gone(section, present) {
        let id = Id::<Account>::new(id);
        let loaded = plan.writer.commands().store().load(id).await?;
        let uses = uses::uses_of_account(plan.writer.pool(), id).await?;
        let at = clock::now();
        let before = plan.append.len();
        let delete = AccountCommand::Delete { at, uses };
        let decided = plan.append.send(id, &loaded, delete).await?;
        plan.note(section, key, "delete", before, decided)?;
    }
    Ok(())
}
