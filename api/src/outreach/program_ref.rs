//! A program in a path: by its id or by the name of its type.

use domain::{
    Id,
    outreach::{Program, ProgramType},
};

use crate::extract::Segment;

/// A program in a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ProgramRef {
    /// The program with this id.
    Id(Id<Program>),
    /// The programs of this type.
    Kind(ProgramType),
}

impl Segment for ProgramRef {
    fn read(text: &str) -> Option<Self> {
        if let Some(id) = Id::read(text) {
            return Some(Self::Id(id));
        }
        ProgramType::from_word(text).map(Self::Kind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_goes_by_number_or_by_type() {
        assert_eq!(ProgramRef::read("7"), Some(ProgramRef::Id(Id::new(7))));
        assert_eq!(
            ProgramRef::read("sendfax"),
            Some(ProgramRef::Kind(ProgramType::SendFax))
        );
        for text in ["0", "-1", "SendFax", "nothing", ""] {
            assert_eq!(ProgramRef::read(text), None, "{text:?}");
        }
    }
}
