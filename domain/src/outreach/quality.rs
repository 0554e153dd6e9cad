//! The quality of faxes.

use serde::{Deserialize, Serialize};

/// One of the six documented qualities of a fax.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs)]
pub enum Quality {
    Basic,
    #[default]
    Standard,
    Fine,
    Super,
    Superior,
    Ultra,
}

impl Quality {
    /// All qualities, from the coarsest to the finest.
    pub const ALL: [Self; 6] = [
        Self::Basic,
        Self::Standard,
        Self::Fine,
        Self::Super,
        Self::Superior,
        Self::Ultra,
    ];

    /// The name in the API.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Basic => "basic",
            Self::Standard => "standard",
            Self::Fine => "fine",
            Self::Super => "super",
            Self::Superior => "superior",
            Self::Ultra => "ultra",
        }
    }

    /// The quality of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|quality| quality.name() == name)
    }

    /// The horizontal and vertical resolution in dots per inch.
    pub const fn resolution(self) -> (u32, u32) {
        match self {
            Self::Basic => (100, 98),
            Self::Standard => (204, 98),
            Self::Fine => (204, 196),
            Self::Super => (204, 391),
            Self::Superior => (300, 300),
            Self::Ultra => (408, 391),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_quality_is_found_by_its_name() {
        for quality in Quality::ALL {
            assert_eq!(Quality::named(quality.name()), Some(quality));
            let read = serde_json::from_value(quality.name().into());
            assert_eq!(read.ok(), Some(quality));
        }
        assert_eq!(Quality::named("best"), None);
    }
}
