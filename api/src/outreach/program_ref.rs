//! A program in a path: by its id or by the name of its type.

use domain::{Id, outreach::Program};

use crate::{Error, extract::Segment};

/// The documented types of program, and whether they are there yet.
pub(super) const KINDS: [(&str, bool); 10] = [
    ("emailtofax", false),
    ("faxtoemail", false),
    ("receiveemail", false),
    ("receivefax", false),
    ("receivesms", false),
    ("sendemail", true),
    ("sendfax", false),
    ("sendsms", false),
    ("voicemessage", false),
    ("voicetts", false),
];

/// A program in a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ProgramRef {
    /// This one.
    Id(Id<Program>),
    /// Those of this type.
    Kind(&'static str),
}

impl Segment for ProgramRef {
    fn read(text: &str) -> Option<Self> {
        if let Some(id) = Id::read(text) {
            return Some(Self::Id(id));
        }
        let known = KINDS.iter().find(|(kind, _)| *kind == text);
        known.map(|(kind, _)| Self::Kind(kind))
    }
}

/// A documented type that is still to come.
pub(super) fn to_come(kind: &str) -> Error {
    Error::NotImplemented(format!("programs of type {kind} are not there yet"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_goes_by_number_or_by_type() {
        assert_eq!(ProgramRef::read("7"), Some(ProgramRef::Id(Id::new(7))));
        assert_eq!(
            ProgramRef::read("sendfax"),
            Some(ProgramRef::Kind("sendfax"))
        );
        for text in ["0", "-1", "SendFax", "nothing", ""] {
            assert_eq!(ProgramRef::read(text), None, "{text:?}");
        }
    }
}
