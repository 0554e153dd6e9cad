//! `/groups`.

use domain::{
    Id,
    people::{Contact, Group, GroupCommand, GroupPatch},
};
use projections::{
    delivery::campaigns,
    people::{contacts::ContactRow, groups::GroupRow},
};

use crate::{
    Error, Result,
    answer::Answer,
    authorization::{Create, Delete, List, Noun, Owned, Read, Reader, Update, Writer},
    extract::{Fields, FromFields, Input, Listing, Path},
    openapi::{Routes, op},
};

impl Noun for Group {
    const NAME: &'static str = "group";
    const OWNED: Owned = Owned::ByUsers("group_admin");
}

pub(super) fn routes() -> Routes {
    Routes::crud::<GroupRow>("/groups", "group")
        .create(create, op("Creates a group").requires(&["name"]))
        .list(list, op("Lists groups"))
        .read(read, op("Reads a group"))
        .update(update, op("Changes a group"))
        .delete(
            delete,
            op("Deletes a group").note("Its contacts stay; they are in it no more."),
        )
        .done()
        .get(
            "/groups/{group_id}/contacts",
            contacts,
            op("Lists the contacts of a group"),
        )
}

async fn create(groups: Writer<Group, Create>, Input(patch): Input<GroupPatch>) -> Result<Answer> {
    let (id, owner) = (groups.next_id().await?, groups.owner()?);
    groups
        .created(id, GroupCommand::Create { id, owner, patch })
        .await
}

async fn list(groups: Reader<Group, List>, listing: Listing<GroupRow>) -> Result<Answer> {
    groups.list(listing).await
}

async fn read(groups: Reader<Group, Read>, Path(id): Path<Id<Group>>) -> Result<Answer> {
    groups.find::<GroupRow>(id.get()).await
}

async fn update(
    groups: Writer<Group, Update>,
    Path(id): Path<Id<Group>>,
    Input(patch): Input<GroupPatch>,
) -> Result<Answer> {
    groups
        .updated::<GroupRow>(id, GroupCommand::Update(patch))
        .await
}

async fn delete(groups: Writer<Group, Delete>, Path(id): Path<Id<Group>>) -> Result<Answer> {
    groups.load(id).await?;
    let campaigns = campaigns::open_of_group(groups.pool(), id.get()).await?;
    groups.deleted(id, GroupCommand::Delete { campaigns }).await
}

async fn contacts(
    groups: Reader<Group, Read>,
    contacts: Reader<Contact, List>,
    Path(id): Path<Id<Group>>,
    mut listing: Listing<ContactRow>,
) -> Result<Answer> {
    groups.row::<GroupRow>(id.get()).await?;
    let wanted = listing.query.filter.group_id.replace(id.get());
    if wanted.is_some_and(|wanted| wanted != id.get()) {
        return Err(Error::invalid("group_id", "is another than in the path"));
    }
    contacts.list(listing).await
}

impl FromFields for GroupPatch {
    fn from_fields(fields: &mut Fields) -> Self {
        Self {
            name: fields.text("name"),
            description: fields.text("description"),
        }
    }
}
