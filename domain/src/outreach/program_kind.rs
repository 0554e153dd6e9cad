//! The types of program, each with its parameters.

use serde::{Deserialize, Serialize};

use crate::{
    Id, Patch, Personal, Refusal, Subject,
    delivery::Direction,
    flow::Service,
    outreach::{Document, Recording, Template, Text},
    people::Account,
    values::{Body, Language},
};

/// The default pause of `voicetts` between its two readings, in seconds.
pub const DEFAULT_DELAY: u32 = 2;

/// The documented types of program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum ProgramType {
    EmailToFax,
    FaxToEmail,
    ReceiveEmail,
    ReceiveFax,
    ReceiveSms,
    SendEmail,
    SendFax,
    SendSms,
    VoiceMessage,
    VoiceTts,
}

impl ProgramType {
    /// All types, sorted by name.
    pub const ALL: [Self; 10] = [
        Self::EmailToFax,
        Self::FaxToEmail,
        Self::ReceiveEmail,
        Self::ReceiveFax,
        Self::ReceiveSms,
        Self::SendEmail,
        Self::SendFax,
        Self::SendSms,
        Self::VoiceMessage,
        Self::VoiceTts,
    ];

    /// The documented name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::EmailToFax => "emailtofax",
            Self::FaxToEmail => "faxtoemail",
            Self::ReceiveEmail => "receiveemail",
            Self::ReceiveFax => "receivefax",
            Self::ReceiveSms => "receivesms",
            Self::SendEmail => "sendemail",
            Self::SendFax => "sendfax",
            Self::SendSms => "sendsms",
            Self::VoiceMessage => "voicemessage",
            Self::VoiceTts => "voicetts",
        }
    }

    /// The type of this name.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }

    /// The service of the program's transmissions.
    pub const fn service(self) -> Service {
        match self {
            Self::EmailToFax | Self::ReceiveEmail | Self::SendEmail => Service::Email,
            Self::FaxToEmail | Self::ReceiveFax | Self::SendFax => Service::Fax,
            Self::ReceiveSms | Self::SendSms => Service::Sms,
            Self::VoiceMessage | Self::VoiceTts => Service::Voice,
        }
    }

    /// The direction of the program's transmissions.
    pub const fn direction(self) -> Direction {
        match self {
            Self::EmailToFax
            | Self::FaxToEmail
            | Self::ReceiveEmail
            | Self::ReceiveFax
            | Self::ReceiveSms => Direction::Inbound,
            Self::SendEmail
            | Self::SendFax
            | Self::SendSms
            | Self::VoiceMessage
            | Self::VoiceTts => Direction::Outbound,
        }
    }
}

/// A program's type and parameters. Programs that send may name the account they were made for;
/// those that receive must.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
#[allow(missing_docs)]
pub enum ProgramKind {
    /// Sends each file attached to the mails of an account as a fax.
    EmailToFax { account_id: Id<Account> },
    /// Sends the faxes that an account receives to it by email.
    FaxToEmail { account_id: Id<Account> },
    /// Receives an account's mails.
    ReceiveEmail { account_id: Id<Account> },
    /// Receives an account's faxes.
    ReceiveFax { account_id: Id<Account> },
    /// Receives an account's short messages.
    ReceiveSms { account_id: Id<Account> },
    /// Sends a template as an email.
    SendEmail {
        template_id: Id<Template>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        account_id: Option<Id<Account>>,
    },
    /// Sends a document as a fax.
    SendFax {
        document_id: Id<Document>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        account_id: Option<Id<Account>>,
    },
    /// Sends a text as a short message.
    SendSms {
        text_id: Id<Text>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        account_id: Option<Id<Account>>,
    },
    /// Calls and plays a recording.
    VoiceMessage {
        recording_id: Id<Recording>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        account_id: Option<Id<Account>>,
    },
    /// Calls and reads out a text, twice.
    VoiceTts {
        text: Personal<Body>,
        /// The silence between the two readings, in seconds.
        delay: u32,
        /// The language of the speech, `en` or `en-GB` for instance.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        language: Option<Language>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        account_id: Option<Id<Account>>,
    },
}

/// The message that a program refers to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum MessageId {
    Document(Id<Document>),
    Recording(Id<Recording>),
    Template(Id<Template>),
    Text(Id<Text>),
}

/// The parameters of all types of program together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Parameters {
    pub account_id: Option<Id<Account>>,
    pub document_id: Option<Id<Document>>,
    pub recording_id: Option<Id<Recording>>,
    pub template_id: Option<Id<Template>>,
    pub text_id: Option<Id<Text>>,
    pub text: Option<Body>,
    pub delay: Option<u32>,
    pub language: Option<Language>,
}

/// A partial update of the parameters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct ParametersPatch {
    pub account_id: Patch<Id<Account>>,
    pub document_id: Patch<Id<Document>>,
    pub recording_id: Patch<Id<Recording>>,
    pub template_id: Patch<Id<Template>>,
    pub text_id: Patch<Id<Text>>,
    pub text: Patch<Body>,
    pub delay: Patch<u32>,
    pub language: Patch<Language>,
}

impl ParametersPatch {
    /// Keeps the parameters that this type of program uses, and drops the others.
    pub fn only_for(self, kind: ProgramType) -> Self {
        let needed = Self {
            account_id: self.account_id,
            ..Self::default()
        };
        match kind {
            ProgramType::EmailToFax
            | ProgramType::FaxToEmail
            | ProgramType::ReceiveEmail
            | ProgramType::ReceiveFax
            | ProgramType::ReceiveSms => needed,
            ProgramType::SendEmail => Self {
                template_id: self.template_id,
                ..needed
            },
            ProgramType::SendFax => Self {
                document_id: self.document_id,
                ..needed
            },
            ProgramType::SendSms => Self {
                text_id: self.text_id,
                ..needed
            },
            ProgramType::VoiceMessage => Self {
                recording_id: self.recording_id,
                ..needed
            },
            ProgramType::VoiceTts => Self {
                text: self.text,
                delay: self.delay,
                language: self.language,
                ..needed
            },
        }
    }
}

impl ProgramKind {
    /// Makes a program of this type. The text of `voicetts` is personal data of `whose`.
    ///
    /// # Errors
    /// A parameter that the type needs is missing.
    pub fn new(kind: ProgramType, said: ParametersPatch, whose: Subject) -> Result<Self, Refusal> {
        Parameters::default().patched(said).into_kind(kind, whose)
    }

    /// The program with the parameters updated.
    ///
    /// # Errors
    /// A parameter that the type needs is cleared.
    pub fn patched(&self, said: ParametersPatch, whose: Subject) -> Result<Self, Refusal> {
        self.parameters()
            .patched(said)
            .into_kind(self.kind(), whose)
    }

    /// The type.
    pub const fn kind(&self) -> ProgramType {
        match self {
            Self::EmailToFax { .. } => ProgramType::EmailToFax,
            Self::FaxToEmail { .. } => ProgramType::FaxToEmail,
            Self::ReceiveEmail { .. } => ProgramType::ReceiveEmail,
            Self::ReceiveFax { .. } => ProgramType::ReceiveFax,
            Self::ReceiveSms { .. } => ProgramType::ReceiveSms,
            Self::SendEmail { .. } => ProgramType::SendEmail,
            Self::SendFax { .. } => ProgramType::SendFax,
            Self::SendSms { .. } => ProgramType::SendSms,
            Self::VoiceMessage { .. } => ProgramType::VoiceMessage,
            Self::VoiceTts { .. } => ProgramType::VoiceTts,
        }
    }

    /// The service of the program's transmissions.
    pub const fn service(&self) -> Service {
        self.kind().service()
    }

    /// The message that the program sends; `None` if it receives, or holds the text itself.
    pub const fn message(&self) -> Option<MessageId> {
        Some(match *self {
            Self::SendEmail { template_id, .. } => MessageId::Template(template_id),
            Self::SendFax { document_id, .. } => MessageId::Document(document_id),
            Self::SendSms { text_id, .. } => MessageId::Text(text_id),
            Self::VoiceMessage { recording_id, .. } => MessageId::Recording(recording_id),
            _ => return None,
        })
    }

    /// The parameters.
    pub fn parameters(&self) -> Parameters {
        let mut all = Parameters::default();
        match self {
            Self::EmailToFax { account_id }
            | Self::FaxToEmail { account_id }
            | Self::ReceiveEmail { account_id }
            | Self::ReceiveFax { account_id }
            | Self::ReceiveSms { account_id } => all.account_id = Some(*account_id),
            Self::SendEmail {
                template_id,
                account_id,
            } => (all.template_id, all.account_id) = (Some(*template_id), *account_id),
            Self::SendFax {
                document_id,
                account_id,
            } => (all.document_id, all.account_id) = (Some(*document_id), *account_id),
            Self::SendSms {
                text_id,
                account_id,
            } => (all.text_id, all.account_id) = (Some(*text_id), *account_id),
            Self::VoiceMessage {
                recording_id,
                account_id,
            } => (all.recording_id, all.account_id) = (Some(*recording_id), *account_id),
            Self::VoiceTts {
                text,
                delay,
                language,
                account_id,
            } => {
                all.text = text.get().cloned();
                all.delay = Some(*delay);
                all.language.clone_from(language);
                all.account_id = *account_id;
            }
        }
        all
    }
}

impl Parameters {
    fn patched(mut self, said: ParametersPatch) -> Self {
        said.account_id.apply(&mut self.account_id);
        said.document_id.apply(&mut self.document_id);
        said.recording_id.apply(&mut self.recording_id);
        said.template_id.apply(&mut self.template_id);
        said.text_id.apply(&mut self.text_id);
        said.text.apply(&mut self.text);
        said.delay.apply(&mut self.delay);
        said.language.apply(&mut self.language);
        self
    }

    fn into_kind(self, kind: ProgramType, whose: Subject) -> Result<ProgramKind, Refusal> {
        use ProgramKind as Kind;
        let account_id = self.account_id;
        let account = || required("account_id", account_id);
        Ok(match kind {
            ProgramType::EmailToFax => Kind::EmailToFax {
                account_id: account()?,
            },
            ProgramType::FaxToEmail => Kind::FaxToEmail {
                account_id: account()?,
            },
            ProgramType::ReceiveEmail => Kind::ReceiveEmail {
                account_id: account()?,
            },
            ProgramType::ReceiveFax => Kind::ReceiveFax {
                account_id: account()?,
            },
            ProgramType::ReceiveSms => Kind::ReceiveSms {
                account_id: account()?,
            },
            ProgramType::SendEmail => Kind::SendEmail {
                template_id: required("template_id", self.template_id)?,
                account_id,
            },
            ProgramType::SendFax => Kind::SendFax {
                document_id: required("document_id", self.document_id)?,
                account_id,
            },
            ProgramType::SendSms => Kind::SendSms {
                text_id: required("text_id", self.text_id)?,
                account_id,
            },
            ProgramType::VoiceMessage => Kind::VoiceMessage {
                recording_id: required("recording_id", self.recording_id)?,
                account_id,
            },
            ProgramType::VoiceTts => Kind::VoiceTts {
                text: Personal::new(whose, required("text", self.text)?),
                delay: self.delay.unwrap_or(DEFAULT_DELAY),
                language: self.language,
                account_id,
            },
        })
    }
}

fn required<T>(field: &'static str, value: Option<T>) -> Result<T, Refusal> {
    value.ok_or_else(|| Refusal::invalid(field, "is required"))
}
