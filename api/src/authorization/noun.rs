//! Nouns: the first half of a permission's name, a kind of thing.

use domain::{
    access::{Permission, Role, User},
    delivery::{Campaign, Provider, Schedule, Spool, Transmission},
    outreach::{Document, Program, Recording, Template, Text},
    people::{Account, Contact, Group, OptOut},
};

/// A kind of thing in the names of permissions.
pub(crate) trait Noun: Send + Sync + 'static {
    /// The word in the names of permissions.
    const NAME: &'static str;
    /// The permission to see and change everybody's things of this kind; none if the things belong
    /// to the installation and the permission alone decides.
    const ADMIN: Option<&'static str>;
}

/// The results of attempts: `result_…`.
pub(crate) enum ResultRow {}
/// The log: `event_…`.
pub(crate) enum EventLog {}
/// The statistics: `statistic_…`. Whose things are counted follows from the kinds counted.
pub(crate) enum Statistic {}

impl Noun for Account {
    const NAME: &'static str = "account";
    const ADMIN: Option<&'static str> = Some("account_admin");
}
impl Noun for Campaign {
    const NAME: &'static str = "campaign";
    const ADMIN: Option<&'static str> = Some("campaign_admin");
}
impl Noun for Contact {
    const NAME: &'static str = "contact";
    const ADMIN: Option<&'static str> = Some("contact_admin");
}
impl Noun for Document {
    const NAME: &'static str = "document";
    const ADMIN: Option<&'static str> = Some("document_admin");
}
impl Noun for Group {
    const NAME: &'static str = "group";
    const ADMIN: Option<&'static str> = Some("group_admin");
}
impl Noun for OptOut {
    const NAME: &'static str = "optout";
    const ADMIN: Option<&'static str> = Some("optout_admin");
}
impl Noun for Program {
    const NAME: &'static str = "program";
    const ADMIN: Option<&'static str> = Some("program_admin");
}
impl Noun for Recording {
    const NAME: &'static str = "recording";
    const ADMIN: Option<&'static str> = Some("recording_admin");
}
impl Noun for Schedule {
    const NAME: &'static str = "schedule";
    const ADMIN: Option<&'static str> = Some("schedule_admin");
}
impl Noun for Template {
    const NAME: &'static str = "template";
    const ADMIN: Option<&'static str> = Some("template_admin");
}
impl Noun for Text {
    const NAME: &'static str = "text";
    const ADMIN: Option<&'static str> = Some("text_admin");
}
impl Noun for Transmission {
    const NAME: &'static str = "transmission";
    const ADMIN: Option<&'static str> = Some("transmission_admin");
}
impl Noun for User {
    const NAME: &'static str = "user";
    const ADMIN: Option<&'static str> = Some("user_admin");
}
/// An attempt belongs to the owner of its transmission.
impl Noun for Spool {
    const NAME: &'static str = "spool";
    const ADMIN: Option<&'static str> = Some("transmission_admin");
}
impl Noun for ResultRow {
    const NAME: &'static str = "result";
    const ADMIN: Option<&'static str> = Some("transmission_admin");
}
impl Noun for EventLog {
    const NAME: &'static str = "event";
    const ADMIN: Option<&'static str> = None;
}
impl Noun for Statistic {
    const NAME: &'static str = "statistic";
    const ADMIN: Option<&'static str> = None;
}
impl Noun for Permission {
    const NAME: &'static str = "permission";
    const ADMIN: Option<&'static str> = None;
}
impl Noun for Provider {
    const NAME: &'static str = "provider";
    const ADMIN: Option<&'static str> = None;
}
impl Noun for Role {
    const NAME: &'static str = "role";
    const ADMIN: Option<&'static str> = None;
}
