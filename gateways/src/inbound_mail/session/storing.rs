//! Records a mail that was read to its end.

use std::io;

use chrono::{DateTime, Utc};
use commands::{envelope::Envelope, media::MediaError, receiving::InboundMessage};
use domain::{
    delivery::{Attachment, Message},
    flow::Service,
    outreach::MediaHash,
};
use eventstore::clock;
use futures::stream;
use sha2::{Digest, Sha256};

use super::{
    super::{
        Dialect, LATER,
        letter::{self, Letter},
        structure,
    },
    Session, worded,
};
use crate::InboundAnswer;

/// The most bytes of a mail and its files that are stored with one statement.
const SMALL: usize = 1 << 20;

/// The size in bytes above which a mail is looked up before it is stored, in case it is here.
const ASK_FIRST: usize = 64 << 10;
/// The deduplication window in seconds: identical mails without a Message-ID within it are
/// one mail.
const WINDOW: i64 = 3_600;

/// The identity of a mail for deduplication: the digest of its bytes. It is unique if the mail
/// has a Message-ID (RFC 5322, 3.6.4); without one, as in alarms of machines, an identical
/// mail may be another one later.
struct Recognised {
    digest: String,
    has_id: bool,
}

/// The deduplication keys of a mail to one recipient, of the present window and the one before.
struct Key {
    now: String,
    earlier: Option<String>,
}

impl Recognised {
    fn read(mail: &[u8]) -> Self {
        const ID: &[u8] = b"\nmessage-id:";
        let head = structure::head(mail);
        let is_first = head.len() > ID.len() && head[..ID.len() - 1].eq_ignore_ascii_case(&ID[1..]);
        let mut lines = head.windows(ID.len());
        Self {
            digest: hex::encode(Sha256::digest(mail)),
            has_id: is_first || lines.any(|line| line.eq_ignore_ascii_case(ID)),
        }
    }

    fn of_recipient(&self, recipient: &str, at: DateTime<Utc>) -> Key {
        let mail = format!("mail/{recipient}/{}", self.digest);
        if self.has_id {
            return Key {
                now: mail,
                earlier: None,
            };
        }
        let window = at.timestamp().div_euclid(WINDOW);
        Key {
            now: format!("{mail}/{window}"),
            earlier: Some(format!("{mail}/{}", window - 1)),
        }
    }
}

impl Session<'_> {
    /// Records the mail for each recipient. In SMTP, the one answer is the worst of all:
    /// recipients for whom it is on record are recognised when the mail is sent again.
    pub(super) async fn store(&self, bytes: Vec<u8>) -> Vec<String> {
        let at = clock::now();
        let recognised = Recognised::read(&bytes);
        let returns = &self.mail_server.0.returns;
        let mut answers = Vec::with_capacity(self.recipients.len());
        let mut message = None;
        for recipient in &self.recipients {
            if let Some(to) = returns.at(recipient) {
                answers.push(match returns.take(to, &bytes).await {
                    Ok(words) => words.to_owned(),
                    Err(error) => later("what came back could not be recorded", &error),
                });
                continue;
            }
            let key = recognised.of_recipient(recipient, at);
            if bytes.len() > ASK_FIRST && self.is_known(&key).await {
                answers.push(worded(InboundAnswer::Ack(None)));
                continue;
            }
            let message = match &mut message {
                Some(message) => message,
                None => match self.filed(bytes.clone()).await {
                    Ok(filed) => message.insert(filed),
                    Err(error) => {
                        answers.push(later("a mail could not be stored", &*error));
                        continue;
                    }
                },
            };
            answers.push(worded(self.taken(recipient, &key, message, at).await));
        }
        match self.dialect {
            Dialect::Lmtp => answers,
            Dialect::Smtp => answers.into_iter().max().into_iter().collect(),
        }
    }

    async fn taken(
        &self,
        recipient: &str,
        key: &Key,
        message: &Message,
        at: DateTime<Utc>,
    ) -> InboundAnswer {
        let source = message.source.clone().or_else(|| self.sender.clone());
        let brought = InboundMessage {
            service: Service::Email,
            provider: None,
            at,
            key: key.now.clone(),
            earlier_key: key.earlier.clone(),
            message: Message {
                source: source.filter(|source| !source.is_empty()),
                destination: recipient.to_owned(),
                ..message.clone()
            },
            results: Vec::new(),
        };
        self.mail_server.0.entrance.message(brought).await
    }

    async fn is_known(&self, key: &Key) -> bool {
        let keys = std::iter::once(&key.now).chain(&key.earlier);
        self.mail_server.0.entrance.knows(keys).await
    }

    /// Parses a mail, and stores its original and its files.
    async fn filed(
        &self,
        bytes: Vec<u8>,
    ) -> Result<Message, Box<dyn std::error::Error + Send + Sync>> {
        let (bytes, letter) = tokio::task::spawn_blocking(move || {
            let letter = letter::read(&bytes);
            (bytes, letter)
        })
        .await?;
        let Letter { mut message, files } = letter;
        let envelope = Envelope::make()?;
        let media: Vec<&[u8]> = files.iter().map(|file| &*file.bytes).collect();
        let mut stored = self
            .keep(&envelope, &[&[&*bytes], &*media].concat())
            .await?;
        message.original = Some(stored.remove(0));
        for (file, media) in files.into_iter().zip(stored) {
            message.attachments.push(Attachment {
                name: file.name,
                media_type: file.media_type,
                size: file.bytes.len() as u64,
                media,
            });
        }
        message.media_key = Some(envelope.key());
        Ok(message)
    }

    /// Seals and stores media; large ones one after the other, since each is in memory twice
    /// meanwhile.
    async fn keep(
        &self,
        envelope: &Envelope,
        media: &[&[u8]],
    ) -> Result<Vec<MediaHash>, Box<dyn std::error::Error + Send + Sync>> {
        if media.iter().map(|it| it.len()).sum::<usize>() <= SMALL {
            let sealed = media.iter().map(|it| envelope.seal(it));
            let sealed = sealed.collect::<Result<Vec<_>, _>>()?;
            return Ok(self.mail_server.0.media.put_small(&sealed).await?);
        }
        let mut stored = Vec::with_capacity(media.len());
        for one in media {
            stored.push(self.put(envelope.seal(one)?).await?);
        }
        Ok(stored)
    }

    async fn put(&self, bytes: Vec<u8>) -> Result<MediaHash, MediaError> {
        let limit = bytes.len();
        let piece = Ok::<_, io::Error>(bytes::Bytes::from(bytes));
        let stored = self.mail_server.0.media.put(stream::iter([piece]), limit);
        stored.await.map(|(media, _)| media)
    }
}

fn later(what: &str, error: &dyn std::fmt::Display) -> String {
    tracing::warn!(%error, "{what}");
    LATER.to_owned()
}
