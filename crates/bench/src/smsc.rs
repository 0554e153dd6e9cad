//! A message centre that accepts every message, reports every message as delivered, and delivers
//! the messages that it is given, again if they are deferred. It is the bench's own, so that the
//! pace of another program is not measured.

use std::{
    collections::{HashMap, VecDeque},
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

use futures::{SinkExt, StreamExt};
use rusmpp::{
    Command, CommandStatus, Pdu,
    pdus::{BindTransceiverResp, DeliverSm, SubmitSm, SubmitSmResp},
    tokio_codec::CommandCodec,
    types::{COctetString, OctetString},
    values::{EsmClass, Ton},
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::mpsc,
};
use tokio_util::codec::Framed;

/// The pause until it delivers deferred messages again.
const AGAIN: Duration = Duration::from_secs(1);
/// The most messages of its own that may wait for their answer.
const WINDOW: usize = 50;

/// A running message centre.
pub struct Smsc {
    /// The address at which it listens.
    pub address: SocketAddr,
    written: mpsc::Sender<DeliverSm>,
}

impl Smsc {
    /// Starts a message centre, which serves one bind at a time.
    pub async fn start() -> anyhow::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let (written, mut to_deliver) = mpsc::channel(WINDOW);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                // A peer that hangs up ends a bind; no error needs reporting.
                let _ = serve(stream, &mut to_deliver).await;
            }
        });
        Ok(Self { address, written })
    }

    /// Lets it deliver a message.
    pub async fn deliver(&self, from: &str, to: &str, text: &str) -> anyhow::Result<()> {
        let deliver = DeliverSm::builder()
            .source_addr_ton(Ton::International)
            .source_addr(c_string(from)?)
            .dest_addr_ton(Ton::International)
            .destination_addr(c_string(to)?)
            // The default of rusmpp marks the message as an acknowledgement.
            .esm_class(EsmClass::from(0))
            .short_message(OctetString::from_slice(text.as_bytes())?)
            .build();
        Ok(self.written.send(deliver).await?)
    }
}

fn c_string<const MOST: usize>(text: &str) -> anyhow::Result<COctetString<1, MOST>> {
    Ok(COctetString::from_vec([text.as_bytes(), &[0]].concat())?)
}

async fn serve(
    stream: TcpStream,
    to_deliver: &mut mpsc::Receiver<DeliverSm>,
) -> anyhow::Result<()> {
    stream.set_nodelay(true)?;
    let mut framed = Framed::new(stream, CommandCodec::new());
    let ok = CommandStatus::EsmeRok;
    let (mut number, mut sequence, mut waiting) = (0_u64, 0_u32, 0_usize);
    let (mut under_way, mut put_off) = (HashMap::new(), VecDeque::new());
    let mut later = tokio::time::interval(AGAIN);
    loop {
        let command = tokio::select! {
            command = framed.next() => command,
            Some(deliver) = to_deliver.recv(), if waiting < WINDOW => {
                (sequence, waiting) = (sequence + 1, waiting + 1);
                under_way.insert(sequence, deliver.clone());
                framed.send(Command::new(ok, sequence, deliver)).await?;
                continue;
            }
            _ = later.tick() => {
                for deliver in put_off.drain(..) {
                    (sequence, waiting) = (sequence + 1, waiting + 1);
                    under_way.insert(sequence, DeliverSm::clone(&deliver));
                    framed.send(Command::new(ok, sequence, deliver)).await?;
                }
                continue;
            }
        };
        let Some(command) = command else {
            return Ok(());
        };
        let command = command.map_err(|error| anyhow::anyhow!("{error}"))?;
        let answer = command.sequence_number();
        match command.pdu() {
            Some(Pdu::BindTransceiver(_)) => {
                let bound = BindTransceiverResp::default();
                framed.send(Command::new(ok, answer, bound)).await?;
            }
            Some(Pdu::EnquireLink) => {
                framed
                    .send(Command::new(ok, answer, Pdu::EnquireLinkResp))
                    .await?;
            }
            Some(Pdu::SubmitSm(submit)) => {
                number += 1;
                let id = c_string(&number.to_string())?;
                let taken = SubmitSmResp::builder().message_id(id).build();
                framed.feed(Command::new(ok, answer, taken)).await?;
                sequence += 1;
                let receipt = receipt(number, submit)?;
                under_way.insert(sequence, receipt.clone());
                waiting += 1;
                framed.send(Command::new(ok, sequence, receipt)).await?;
            }
            Some(Pdu::DeliverSmResp(_)) => {
                waiting = waiting.saturating_sub(1);
                let delivered = under_way.remove(&answer);
                if command.status() == CommandStatus::EsmeRxTAppn {
                    put_off.extend(delivered);
                }
            }
            _ => {}
        }
    }
}

fn receipt(number: u64, submit: &SubmitSm) -> anyhow::Result<DeliverSm> {
    let text = format!("id:{number} sub:001 dlvrd:001 stat:DELIVRD err:000 text:");
    Ok(DeliverSm::builder()
        .source_addr(submit.destination_addr.clone())
        .destination_addr(submit.source_addr.clone())
        .esm_class(EsmClass::from(4))
        .short_message(OctetString::from_slice(text.as_bytes())?)
        .build())
}
