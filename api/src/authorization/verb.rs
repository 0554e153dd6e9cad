//! Verbs: the second half of a permission's name, an action.

/// A verb in the names of permissions.
pub(crate) trait Verb: Send + Sync + 'static {
    /// The word in the names of permissions.
    const NAME: &'static str;
}

/// `_create`.
pub(crate) enum Create {}
/// `_list`.
pub(crate) enum List {}
/// `_read`.
pub(crate) enum Read {}
/// `_update`.
pub(crate) enum Update {}
/// `_delete`.
pub(crate) enum Delete {}
/// `_send`.
pub(crate) enum Sending {}
/// `_start`.
pub(crate) enum Start {}
/// `_stop`.
pub(crate) enum Stop {}
/// `_password`.
pub(crate) enum Password {}
/// `_secret`.
pub(crate) enum Secret {}
/// `_admin`.
pub(crate) enum Admin {}

impl Verb for Create {
    const NAME: &'static str = "create";
}
impl Verb for List {
    const NAME: &'static str = "list";
}
impl Verb for Read {
    const NAME: &'static str = "read";
}
impl Verb for Update {
    const NAME: &'static str = "update";
}
impl Verb for Delete {
    const NAME: &'static str = "delete";
}
impl Verb for Sending {
    const NAME: &'static str = "send";
}
impl Verb for Start {
    const NAME: &'static str = "start";
}
impl Verb for Stop {
    const NAME: &'static str = "stop";
}
impl Verb for Password {
    const NAME: &'static str = "password";
}
impl Verb for Secret {
    const NAME: &'static str = "secret";
}
impl Verb for Admin {
    const NAME: &'static str = "admin";
}
