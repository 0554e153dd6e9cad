//! One SMPP session: our requests and their responses, and the requests of the other side.
//!
//! Responses belong to requests by their sequence numbers (SMPP 3.4, 2.6 and 3.2). PDUs are
//! written in batches; the error of a lost request says whether it was written.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU8, AtomicU32, Ordering},
    },
    time::Duration,
};

use bytes::BytesMut;
use futures::StreamExt;
use rusmpp::{
    Command, CommandId, CommandStatus, Pdu, pdus::DeliverSmResp, tokio_codec::CommandCodec,
};
use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadHalf, WriteHalf},
    sync::{mpsc, oneshot},
    time::timeout,
};
use tokio_util::{
    codec::{Encoder, FramedRead},
    sync::CancellationToken,
};

use super::pdu::{Frame, Frames};

/// The most PDUs that are written together.
const TOGETHER: usize = 100;
/// The most deliver_sm that may wait to be handled; those beyond are answered with a
/// temporary error.
const WAITING: usize = 1_000;
/// The time-out of the last writes on a closed session.
const GOODBYE: Duration = Duration::from_secs(1);
/// The highest bit of the command id, which is set in responses (3.4, 5.1.2.1).
const ANSWER: u32 = 0x8000_0000;

/// The error of a request without a response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Lost {
    /// True if the request was written, so that the other side may have it.
    pub sent: bool,
    /// The reason.
    pub reason: &'static str,
}

/// A session. Clones share it.
#[derive(Clone, Debug)]
pub(super) struct Session(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    outgoing: mpsc::Sender<Outgoing>,
    asked: Mutex<HashMap<u32, oneshot::Sender<Frame>>>,
    sequence: AtomicU32,
    time_limit: Duration,
    closed: CancellationToken,
}

#[derive(Debug)]
struct Outgoing {
    command: Command,
    write_state: Arc<WriteState>,
}

/// The state of a command: written to the connection or withdrawn before, never both.
#[derive(Debug, Default)]
struct WriteState(AtomicU8);

impl WriteState {
    const WRITTEN: u8 = 1;
    const WITHDRAWN: u8 = 2;

    /// Marks the command as written; false if it was withdrawn.
    fn write(&self) -> bool {
        self.settle(Self::WRITTEN)
    }

    /// Withdraws the command; false if it was written.
    fn withdraw(&self) -> bool {
        self.settle(Self::WITHDRAWN)
    }

    fn settle(&self, state: u8) -> bool {
        let order = Ordering::AcqRel;
        let settled = self.0.compare_exchange(0, state, order, Ordering::Acquire);
        settled.is_ok()
    }
}

/// The time-outs of a session.
#[derive(Clone, Copy, Debug)]
pub(super) struct Timing {
    /// The time-out of a response.
    pub time_limit: Duration,
    /// The interval of enquire_link.
    pub enquire: Duration,
}

impl Session {
    /// Starts a session on a connection. The channel receives the deliver_sm of the other side.
    pub fn start<S>(stream: S, timing: Timing) -> (Self, mpsc::Receiver<Frame>)
    where
        S: AsyncRead + AsyncWrite + Send + 'static,
    {
        let (outgoing, to_write) = mpsc::channel(TOGETHER);
        let (delivered, deliveries) = mpsc::channel(WAITING);
        let session = Self(Arc::new(Shared {
            outgoing,
            asked: Mutex::default(),
            sequence: AtomicU32::new(0),
            time_limit: timing.time_limit,
            closed: CancellationToken::new(),
        }));
        let (reader, writer) = tokio::io::split(stream);
        let closed = session.0.closed.clone();
        tokio::spawn(write(writer, to_write, closed));
        tokio::spawn(session.clone().read(reader, delivered));
        tokio::spawn(session.clone().enquire(timing.enquire));
        (session, deliveries)
    }

    pub fn is_open(&self) -> bool {
        !self.0.closed.is_cancelled()
    }

    /// Waits until the session is closed, by either side.
    pub async fn closed(&self) {
        self.0.closed.cancelled().await;
    }

    pub fn close(&self) {
        self.0.closed.cancel();
    }

    /// Sends a request and waits for the response.
    pub async fn request(&self, pdu: impl Into<Pdu>) -> Result<Frame, Lost> {
        let sequence = self.next_sequence();
        let (answer, answered) = oneshot::channel();
        self.asked().insert(sequence, answer);
        let write_state = Arc::<WriteState>::default();
        let _forgotten = Forgotten(self, sequence, Arc::clone(&write_state));
        let outgoing = Outgoing {
            command: Command::new(CommandStatus::EsmeRok, sequence, pdu),
            write_state: Arc::clone(&write_state),
        };
        let lost = |reason| Lost {
            sent: !write_state.withdraw(),
            reason,
        };
        let answer = async {
            if !self.is_open() {
                return None;
            }
            self.0.outgoing.send(outgoing).await.ok()?;
            tokio::select! {
                // A response counts also on a session that has been closed since.
                biased;
                answer = answered => answer.ok(),
                () = self.closed() => None,
            }
        };
        match timeout(self.0.time_limit, answer).await {
            Ok(Some(answer)) => Ok(answer),
            Ok(None) => Err(lost("the connection was lost")),
            Err(_) => Err(lost("the message centre did not answer in time")),
        }
    }

    /// Sends a response to a request of the other side.
    pub async fn answer(&self, sequence: u32, status: CommandStatus, pdu: impl Into<Pdu>) {
        let outgoing = Outgoing {
            command: Command::new(status, sequence, pdu),
            write_state: Arc::default(),
        };
        let _ = self.0.outgoing.send(outgoing).await;
    }

    fn next_sequence(&self) -> u32 {
        let next = self.0.sequence.fetch_add(1, Ordering::Relaxed);
        // Sequence numbers go from 1 to 0x7fffffff (3.4, 3.2).
        next % 0x7fff_ffff + 1
    }

    fn asked(&self) -> MutexGuard<'_, HashMap<u32, oneshot::Sender<Frame>>> {
        self.0.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn read<S: AsyncRead>(self, reader: ReadHalf<S>, delivered: mpsc::Sender<Frame>) {
        let mut frames = FramedRead::new(reader, Frames);
        loop {
            let next = tokio::select! {
                next = frames.next() => next,
                () = self.closed() => return,
            };
            match next {
                Some(Ok(frame)) => self.take(frame, &delivered).await,
                Some(Err(error)) => {
                    tracing::info!(%error, "an SMPP connection ends");
                    return self.close();
                }
                None => return self.close(),
            }
        }
    }

    async fn take(&self, frame: Frame, delivered: &mpsc::Sender<Frame>) {
        let sequence = frame.sequence;
        if u32::from(frame.id) & ANSWER != 0 {
            let asked = self.asked().remove(&sequence);
            let waits = asked.is_some_and(|asked| asked.send(frame).is_ok());
            if !waits {
                metrics::counter!("ledgerline_smpp_late_answers_total").increment(1);
            }
            return;
        }
        let ok = CommandStatus::EsmeRok;
        match frame.id {
            CommandId::EnquireLink => self.answer(sequence, ok, Pdu::EnquireLinkResp).await,
            CommandId::Unbind => {
                self.answer(sequence, ok, Pdu::UnbindResp).await;
                self.close();
            }
            CommandId::DeliverSm => {
                if delivered.try_send(frame).is_err() {
                    let later = CommandStatus::EsmeRxTAppn;
                    self.answer(sequence, later, DeliverSmResp::default()).await;
                }
            }
            _ => {
                let unknown = CommandStatus::EsmeRinvcmdid;
                self.answer(sequence, unknown, Pdu::GenericNack).await;
            }
        }
    }

    async fn enquire(self, every: Duration) {
        loop {
            tokio::select! {
                () = tokio::time::sleep(every) => {}
                () = self.closed() => return,
            }
            if let Err(lost) = self.request(Pdu::EnquireLink).await {
                tracing::info!(reason = lost.reason, "an SMPP connection is given up");
                return self.close();
            }
        }
    }
}

/// Forgets a request when its caller does not wait any more, and withdraws it.
struct Forgotten<'s>(&'s Session, u32, Arc<WriteState>);

impl Drop for Forgotten<'_> {
    fn drop(&mut self) {
        self.0.asked().remove(&self.1);
        self.2.withdraw();
    }
}

/// Writes PDUs until the session is closed and none is left, such as the response to an
/// unbind.
async fn write<S: AsyncWrite>(
    mut writer: WriteHalf<S>,
    mut outgoing: mpsc::Receiver<Outgoing>,
    closed: CancellationToken,
) {
    let mut codec = CommandCodec::new();
    let mut bytes = BytesMut::new();
    let mut batch = Vec::with_capacity(TOGETHER);
    loop {
        tokio::select! {
            biased;
            count = outgoing.recv_many(&mut batch, TOGETHER) => if count == 0 { break },
            () = closed.cancelled() => break,
        }
        for Outgoing {
            command,
            write_state,
        } in batch.drain(..)
        {
            // Encoding only fails for want of memory.
            if write_state.write() && codec.encode(&command, &mut bytes).is_err() {
                break;
            }
        }
        let writing = async {
            writer.write_all(&bytes).await?;
            writer.flush().await
        };
        let written = tokio::select! {
            biased;
            written = writing => written.is_ok(),
            () = overtime(&closed) => false,
        };
        if !written {
            break;
        }
        bytes.clear();
    }
    closed.cancel();
    let _ = timeout(GOODBYE, writer.shutdown()).await;
}

/// Waits until [`GOODBYE`] after the session was closed.
async fn overtime(closed: &CancellationToken) {
    closed.cancelled().await;
    tokio::time::sleep(GOODBYE).await;
}

#[cfg(test)]
mod tests;
