//! Uploads made into media: sound into samples, documents into pages.
//!
//! - [`conversion`] runs the programs of the system that convert, confined and limited.
//! - [`documents`] makes pages that can be faxed.
//! - [`sound`] makes the samples of recordings.
//!
//! Nothing here is stored: results are files in a workroom, and the caller takes them from
//! there. To convert with another program: a line in each list of [`conversion::Program`]; to
//! accept another kind of upload: the lists of [`documents::Kind`], or those in `sound/kind.rs`.

pub mod conversion;
pub mod documents;
pub mod sound;
