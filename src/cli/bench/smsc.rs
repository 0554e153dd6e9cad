//! A message centre that takes everything, reports everything as delivered, and delivers
//! what it is told to, again if it is put off. It is ours, so that what is measured is not another program's pace.

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

/// When it delivers again what it was told to deliver later.
const AGAIN: Duration = Duration::from_secs(1);
/// How many of its messages may wait for their answer.
const WINDOW: usize = 50;

/// A running message centre.
pub struct Smsc {
    /// Where it listens.
    pub address: SocketAddr,
    written: mpsc::Sender<DeliverSm>,
}

impl Smsc {
    /// Starts one; it serves one bind at a time.
    pub async fn start() -> anyhow::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let (written, mut to_deliver) = mpsc::channel(WINDOW);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                // The other side hanging up ends a bind; there is nothing to tell.
                let _ = serve(stream, &mut to_deliver).await;
            }
        });
        Ok(Self { address, written })
    }

    /// Has it deliver what somebody wrote.
    pub async fn deliver(&self, from: &str, to: &str, text: &str) -> anyhow::Result<()> {
        let deliver = DeliverSm::builder()
            .source_addr_ton(Ton::International)
            .source_addr(c_string(from)?)
            .dest_addr_ton(Ton::International)
            .destination_addr(c_string(to)?)
            // rusmpp's default says that it is an acknowledgement.
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
