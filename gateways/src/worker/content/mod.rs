//! The content of an attempt: its program's message, the recipient's values filled in.

mod messages;
mod people;

use std::{borrow::Cow, time::Duration};

use commands::{Commands, media::MediaStore};
use domain::{
    Id,
    delivery::Transmission,
    flow::{Action, Flow, Service},
    outreach::{
        Document, Template, Text, TextContent, sms,
        tokens::{Landing, Tokens, fill},
    },
};
use eventstore::StoreError;

use self::messages::Messages;
pub(crate) use self::people::People;
pub(crate) use self::people::Senders;
use crate::{
    Content,
    compose::{Parts, compose},
    content::{Call, CallAction, Fax, Sms, Speech},
};

/// The reason for which an attempt has nothing to deliver.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoContent {
    /// Permanent: the attempt is rejected for this reason.
    #[error("{0}")]
    Never(Cow<'static, str>),
    /// The message cannot be read just now.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A file of the message cannot be read just now.
    #[error("a file of the message cannot be read: {0}")]
    Media(String),
}

impl NoContent {
    pub const fn never(reason: &'static str) -> Self {
        Self::Never(Cow::Borrowed(reason))
    }
}

/// Loads messages and fills in their tokens.
pub(crate) struct Contents {
    commands: Commands,
    messages: Messages,
    company: Option<String>,
}

/// The values to fill into a message, and its senders.
struct Filling {
    tokens: Tokens,
    senders: Senders,
}

impl Filling {
    /// The caller ID, if the account has a right to it.
    fn caller(&self) -> Option<String> {
        let caller = self.senders.caller.as_ref()?;
        caller.permitted().map(ToOwned::to_owned)
    }
}

impl Contents {
    pub fn new(commands: Commands, media: MediaStore, company: Option<String>) -> Self {
        Self {
            messages: Messages::new(commands.clone(), media),
            commands,
            company,
        }
    }

    /// Loads the contacts, accounts and users of these transmissions.
    pub async fn people(&self, transmissions: &[&Transmission]) -> Result<People, StoreError> {
        People::load(self.commands.store(), transmissions).await
    }

    /// Creates the content of one transmission, from these senders.
    pub async fn compose(
        &self,
        transmission: &Transmission,
        people: &People,
        senders: Senders,
    ) -> Result<Content, NoContent> {
        let order = transmission
            .order()
            .ok_or(NoContent::never("there is no order"))?;
        let assignment = transmission.assignment();
        let assignment = assignment.ok_or(NoContent::never("there is nothing to do"))?;
        let program = self
            .messages
            .program(order.program_id, assignment.program_version)
            .await?;
        let filling = Filling {
            tokens: Tokens {
                title: order.title.as_ref().map(ToString::to_string),
                program_name: program.name.clone(),
                company_name: self.company.clone(),
                ..people.tokens(transmission)?
            },
            senders,
        };
        self.filled(assignment.flow, filling).await
    }

    async fn filled(&self, flow: &Flow, filling: Filling) -> Result<Content, NoContent> {
        if flow.service == Service::Voice {
            return self.call(flow, filling).await;
        }
        for step in &flow.steps {
            match step.action {
                Action::EmailSend {
                    template_id,
                    version,
                } => return self.email(template_id, version, filling).await,
                Action::FaxSend {
                    document_id,
                    version,
                } => return self.fax(document_id, version, filling).await,
                Action::SmsSend { text_id, version } => {
                    return self.sms(text_id, version, filling).await;
                }
                Action::SmsConfirm { ref words } => {
                    let content = TextContent::default();
                    return short(words.clone(), &content, filling);
                }
                _ => {}
            }
        }
        Err(NoContent::never("the flow sends nothing"))
    }

    async fn email(
        &self,
        id: Id<Template>,
        version: u64,
        filling: Filling,
    ) -> Result<Content, NoContent> {
        let letter = self.messages.template(id, version).await?;
        let has_text = letter.text.is_some();
        let composing = move || {
            let parts = Parts {
                subject: &letter.subject,
                html: Some(&letter.html),
                text: letter.text.as_deref(),
                attachments: letter.attachments.clone(),
            };
            let from = (filling.senders.mail, filling.senders.name);
            compose(parts, &filling.tokens, from)
        };
        let email = if has_text {
            composing()
        } else {
            // HTML is turned into text, which may take as long as a second.
            let composed = tokio::task::spawn_blocking(composing).await;
            composed.map_err(|error| NoContent::Media(error.to_string()))?
        };
        Ok(Content::Email(Box::new(email)))
    }

    async fn fax(
        &self,
        id: Id<Document>,
        version: u64,
        filling: Filling,
    ) -> Result<Content, NoContent> {
        let scan = self.messages.document(id, version).await?;
        Ok(Content::Fax(Box::new(Fax {
            name: scan.name.clone(),
            tiff: scan.tiff.clone(),
            pages: scan.pages,
            caller: filling.caller(),
        })))
    }

    async fn sms(
        &self,
        id: Id<Text>,
        version: u64,
        filling: Filling,
    ) -> Result<Content, NoContent> {
        let content = self.messages.text(id, version).await?;
        let gone = NoContent::never("the text's content was erased");
        let data = content.data.as_ref().ok_or(gone)?;
        let text = fill(data.as_str(), &filling.tokens, Landing::Plain);
        short(text, &content, filling)
    }

    async fn call(&self, flow: &Flow, filling: Filling) -> Result<Content, NoContent> {
        let mut actions = Vec::with_capacity(flow.steps.len());
        for step in &flow.steps {
            actions.push(self.on_the_phone(&step.action, &filling.tokens).await?);
        }
        Ok(Content::Voice(Box::new(Call {
            caller: filling.caller(),
            actions,
        })))
    }

    async fn on_the_phone(
        &self,
        action: &Action,
        tokens: &Tokens,
    ) -> Result<CallAction, NoContent> {
        Ok(match *action {
            Action::Originate => CallAction::Originate,
            Action::VoicePlay {
                recording_id,
                version,
            } => {
                let recorded = self.messages.recording(recording_id, version).await?;
                CallAction::Play(recorded.as_ref().clone())
            }
            Action::Tts {
                program_id,
                version,
            } => {
                let program = self.messages.program(program_id, version).await?;
                let gone = NoContent::never("the program's text was erased");
                let speech = program.speech.as_ref().ok_or(gone)?;
                CallAction::Say(Speech {
                    text: fill(&speech.text, tokens, Landing::Plain),
                    language: speech.language.clone(),
                })
            }
            Action::Wait { seconds } => CallAction::Wait(Duration::from_secs(seconds.into())),
            Action::Disconnect => CallAction::Disconnect,
            _ => return Err(NoContent::never("a step of the flow is none of a call")),
        })
    }
}

/// A short message with this text, in the encoding and class that were asked for.
fn short(text: String, asked: &TextContent, filling: Filling) -> Result<Content, NoContent> {
    if text.trim().is_empty() {
        let reason = "the text is empty once its tokens are filled";
        return Err(NoContent::never(reason));
    }
    // A value that was filled in may not fit what was asked for.
    let encoded = sms::Sms::encode(&text, asked.encoding)
        .map_err(|unfit| NoContent::Never(format!("the text {unfit}").into()))?;
    Ok(Content::Sms(Box::new(Sms {
        text,
        encoded,
        class: asked.class,
        sender: filling.senders.text,
    })))
}
