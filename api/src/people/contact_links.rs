//! The links of contacts to groups.

use domain::{
    Entity as _, Id, Refusal,
    people::{Contact, ContactCommand, Group},
};
use projections::people::contacts::ContactRow;

use crate::{
    Result,
    answer::Answer,
    authorization::{Reader, Update, Writer},
    extract::Path,
    openapi::{Routes, op},
};

pub(super) fn routes() -> Routes {
    const LINK: &str = "/contacts/{contact_id}/link/{group_id}";
    Routes::new()
        .put(
            LINK,
            link,
            op("Puts a contact into a group")
                .note("Both must be the same user's. Saying it again changes nothing.")
                .row::<ContactRow>(),
        )
        .delete(
            LINK,
            unlink,
            op("Takes a contact out of a group").row::<ContactRow>(),
        )
        .aliases(&["GET /contacts/{contact_id}/link/{group_id}/delete"])
}

async fn link(
    contacts: Writer<Contact, Update>,
    groups: Reader<Group, Update>,
    Path((id, group)): Path<(Id<Contact>, Id<Group>)>,
) -> Result<Answer> {
    let owner = groups.load(group).await?.aggregate.owner();
    let owner = owner.ok_or(Refusal::NotFound)?;
    contacts
        .updated::<ContactRow>(id, ContactCommand::Link { group, owner })
        .await
}

async fn unlink(
    contacts: Writer<Contact, Update>,
    groups: Reader<Group, Update>,
    Path((id, group)): Path<(Id<Contact>, Id<Group>)>,
) -> Result<Answer> {
    groups.load(group).await?;
    contacts
        .updated::<ContactRow>(id, ContactCommand::Unlink(group))
        .await
}
