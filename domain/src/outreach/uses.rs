//! The uses of something by others, according to the read models: as long as there are any, it is
//! not deleted.

use crate::Refusal;

/// The uses of a message: a template, text, document or recording.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MessageUses {
    /// The number of programs that name it.
    pub programs: i64,
}

impl MessageUses {
    /// Refuses the deletion of a message that is in use.
    pub(super) fn check(self) -> Result<(), Refusal> {
        must_be_unused(&[Use {
            count: self.programs,
            one: "program names this message",
            many: "programs name this message",
        }])
    }
}

/// A number of uses of one kind, in words for one and for many.
pub(crate) struct Use {
    pub count: i64,
    pub one: &'static str,
    pub many: &'static str,
}

/// Refuses a deletion for the first of these uses that there is.
pub(crate) fn must_be_unused(uses: &[Use]) -> Result<(), Refusal> {
    match uses.iter().find(|one| one.count > 0) {
        None => Ok(()),
        Some(Use { count: 1, one, .. }) => Err(Refusal::not_ready(format!("1 {one}"))),
        Some(Use { count, many, .. }) => Err(Refusal::not_ready(format!("{count} {many}"))),
    }
}
