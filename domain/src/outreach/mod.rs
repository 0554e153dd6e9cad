//! What is said and how: messages and programs.

mod program;
mod template;
pub mod tokens;

pub use program::{Program, ProgramCommand, ProgramEvent, ProgramKind};
pub use template::{
    Attachment, MediaHash, Template, TemplateCommand, TemplateContent, TemplateEvent, TemplatePatch,
};
