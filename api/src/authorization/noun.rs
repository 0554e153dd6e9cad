//! Nouns: the first half of a permission's name, a kind of thing. Those of aggregates are beside
//! the routes of their resource.

/// A kind of thing in the names of permissions.
pub(crate) trait Noun: Send + Sync + 'static {
    /// The word in the names of permissions.
    const NAME: &'static str;
    /// The owners of things of this kind.
    const OWNED: Owned;
}

/// The owners of the things of a kind, by which a permission reaches some of them. Where there is
/// one tenant only, whoever has a permission within it counts as an administrator of the
/// installation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Owned {
    /// Users. Everybody's things within a tenant take this permission too.
    ByUsers(&'static str),
    /// Tenants, or the installation. Those of the installation, and of all tenants, are reached by
    /// administrators of the installation.
    ByTenants,
    /// The installation, whose things are seen with the permission within any tenant, and changed
    /// by administrators of the installation.
    Shared,
    /// The installation, whose things only its administrators see.
    ByInstallation,
    /// None of their own: the kinds that they are derived from decide.
    Derived,
}

/// The results of attempts: `result_…`.
pub(crate) enum ResultRow {}
/// The log: `event_…`.
pub(crate) enum EventLog {}
/// The statistics: `statistic_…`. Whose things are counted follows from the kinds counted, within
/// the tenants where the permission is held.
pub(crate) enum Statistic {}

/// Accounts of type extension, as parts of a PBX: `extension_…`.
pub(crate) enum Extension {}
/// Accounts of type did, as parts of a PBX: `did_…`.
pub(crate) enum Did {}

impl Noun for Extension {
    const NAME: &'static str = "extension";
    const OWNED: Owned = Owned::ByTenants;
}
impl Noun for Did {
    const NAME: &'static str = "did";
    const OWNED: Owned = Owned::ByTenants;
}
impl Noun for ResultRow {
    const NAME: &'static str = "result";
    const OWNED: Owned = Owned::ByUsers("transmission_admin");
}
impl Noun for EventLog {
    const NAME: &'static str = "event";
    const OWNED: Owned = Owned::ByInstallation;
}
impl Noun for Statistic {
    const NAME: &'static str = "statistic";
    const OWNED: Owned = Owned::Derived;
}
