//! Outreach: the messages and the programs that send them.

mod document;
mod program;
mod program_kind;
mod quality;
mod recording;
mod sender_id;
pub mod sms;
mod template;
mod text;
pub mod tokens;
mod uses;

pub use document::{
    Document, DocumentCommand, DocumentContent, DocumentEvent, DocumentPatch, Pages,
};
pub use program::{Program, ProgramCommand, ProgramEvent, ProgramPatch, ProgramUses};
pub use program_kind::{
    DEFAULT_DELAY, MessageId, Parameters, ParametersPatch, ProgramKind, ProgramType,
};
pub use quality::Quality;
pub use recording::{
    Recording, RecordingCommand, RecordingContent, RecordingEvent, RecordingPatch, Sound,
};
pub use sender_id::{SMS_SENDER, SenderId, is_same_sender};
pub use template::{
    Attachment, MediaHash, Template, TemplateCommand, TemplateContent, TemplateEvent, TemplatePatch,
};
pub use text::{Text, TextClass, TextCommand, TextContent, TextEvent, TextPatch};
pub use uses::MessageUses;
pub(crate) use uses::{Use, must_be_unused};
