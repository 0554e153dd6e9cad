//! Nouns: the first half of a permission's name, a kind of thing. Those of aggregates are beside
//! the routes of their resource.

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
