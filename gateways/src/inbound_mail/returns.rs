//! Returned mail: bounces, to the return paths of attempts, and complaints, to the address
//! registered with mailbox providers for them.

use commands::{CommandError, Commands, suppression::Suppression};
use cqrs_es::Aggregate as _;
use domain::{
    Id,
    delivery::{Spool, Transmission, TransmissionCommand, TransmissionError},
    people::{OptOutSource, normal_address},
    values::EmailAddress,
};
use eventstore::{Metadata, StoreError, clock, subscriber::is_behind};
use projections::delivery::spools;
use sha2::{Digest, Sha256};

use super::{
    LATER,
    bounce::{self, DsnOutcome},
    complaint,
};
use crate::smtp::Verp;

const NOTED: &str = "250 2.0.0 ok, noted";
const RECORDED: &str = "250 2.0.0 ok, it is on record";
const UNKNOWN: &str = "550 5.1.1 there is no such attempt any more";

/// Recognises and records bounces and complaints.
#[derive(Clone)]
pub struct Returns {
    verp: Verp,
    commands: Commands,
    complaints: Option<EmailAddress>,
}

/// A recipient address for returned mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Return {
    /// The return path of this attempt.
    Path(Id<Spool>),
    /// The address for complaints.
    Complaints,
}

impl Returns {
    /// `verp` creates the return paths of sent mails, `complaints` is the address that mailbox
    /// providers report to.
    pub fn new(verp: Verp, commands: Commands, complaints: Option<EmailAddress>) -> Self {
        Self {
            verp,
            commands,
            complaints,
        }
    }

    /// The kind of returned mail that this address receives; `None` if it is none of ours.
    pub(super) fn at(&self, address: &str) -> Option<Return> {
        let (local_part, _) = address.rsplit_once('@')?;
        if let Some(spool) = self.verp.bounced(local_part) {
            return Some(Return::Path(spool));
        }
        let complaints = self.complaints.as_ref()?;
        let is_it = normal_address(&complaints.to_string()) == normal_address(address);
        is_it.then_some(Return::Complaints)
    }

    /// Records a returned mail, and returns the SMTP answer to it.
    ///
    /// # Errors
    /// If the log does not answer.
    pub(super) async fn take(&self, to: Return, mail: &[u8]) -> Result<&'static str, CommandError> {
        let (mail, verp) = (mail.to_vec(), self.verp.clone());
        let read = move || {
            let digest = hex::encode(Sha256::digest(&mail));
            (complaint::read(&mail, &verp), bounce::read(&mail), digest)
        };
        let Ok((complaint, bounce, digest)) = tokio::task::spawn_blocking(read).await else {
            return Ok(LATER);
        };
        let fingerprint = self
            .commands
            .store()
            .fingerprint(&format!("returned/{digest}"));
        match (complaint, to) {
            (Some(report), _) if !report.complains => Ok(NOTED),
            (Some(_), Return::Path(spool)) => self.complained(spool, fingerprint).await,
            (Some(report), Return::Complaints) => match report.spool {
                Some(spool) => self.complained(spool, fingerprint).await,
                None => Ok("550 5.6.0 it names no mail that was sent from here"),
            },
            (None, Return::Path(spool)) => self.bounced(spool, bounce, fingerprint).await,
            (None, Return::Complaints) => Ok("550 5.6.0 only reports of complaints are taken here"),
        }
    }

    /// Marks the attempt as failed, if the report is about a failure.
    async fn bounced(
        &self,
        spool: Id<Spool>,
        outcome: Option<DsnOutcome>,
        message_id: String,
    ) -> Result<&'static str, CommandError> {
        let words = match outcome {
            Some(DsnOutcome::Failed(words)) => words,
            Some(DsnOutcome::Other) => return Ok(NOTED),
            None => return Ok("550 5.6.0 only reports of delivery are taken here"),
        };
        let Some(transmission) = self.transmission_of(spool).await? else {
            return self.unknown().await;
        };
        let bounce = TransmissionCommand::Bounce {
            spool,
            at: clock::now(),
            response: words,
        };
        let bounces = vec![(transmission, bounce)];
        let metadata = Metadata {
            message_id: Some(message_id),
            ..Metadata::of_reaction("returned mail")
        };
        let answers = self.commands.send_many(bounces, &metadata, Vec::new());
        Ok(match answers.await?.into_iter().next() {
            Some(Ok(_) | Err(TransmissionError::AlreadyEnded)) => {
                metrics::counter!("ledgerline_bounces_total").increment(1);
                RECORDED
            }
            _ => UNKNOWN,
        })
    }

    /// The answer about an attempt that is not found: temporary while the read model of
    /// transmissions is behind.
    async fn unknown(&self) -> Result<&'static str, CommandError> {
        let behind = is_behind(
            self.commands.store().pool(),
            "transmissions",
            Transmission::TYPE,
        )
        .await;
        Ok(if behind.map_err(StoreError::from)? {
            LATER
        } else {
            UNKNOWN
        })
    }

    /// Puts the recipient of that attempt on the suppression list.
    async fn complained(
        &self,
        spool: Id<Spool>,
        message_id: String,
    ) -> Result<&'static str, CommandError> {
        let Some(transmission) = self.transmission_of(spool).await? else {
            return self.unknown().await;
        };
        let lists = Suppression::new(self.commands.store().clone());
        let attempt = (transmission, spool);
        let (source, report) = (OptOutSource::Complaint, Some(message_id));
        let listing = lists.add_recipient(&self.commands, attempt, source, report);
        Ok(if listing.await? {
            metrics::counter!("ledgerline_complaints_total").increment(1);
            RECORDED
        } else {
            UNKNOWN
        })
    }

    async fn transmission_of(
        &self,
        spool: Id<Spool>,
    ) -> Result<Option<Id<Transmission>>, StoreError> {
        let pool = self.commands.store().pool();
        let transmission = spools::transmission_of(pool, spool.get()).await?;
        Ok(transmission.map(Id::new))
    }
}
