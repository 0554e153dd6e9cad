//! Content: programs, templates, texts, documents and recordings.

pub mod documents;
pub mod programs;
pub mod recordings;
pub mod templates;
pub mod texts;
pub mod uses;

use self::{
    documents::{DocumentRow, Documents},
    programs::{ProgramRow, Programs},
    recordings::{RecordingRow, Recordings},
    templates::{TemplateRow, Templates},
    texts::{TextRow, Texts},
};
use crate::registered::registered;

registered! {
    projections: Documents, Programs, Recordings, Templates, Texts;
    views: DocumentRow, ProgramRow, RecordingRow, TemplateRow, TextRow;
}
