//! Receives a mail, from DATA to the final dot.

use std::{io, time::Duration};

use bytes::BytesMut;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::SemaphorePermit,
    time::{Instant, timeout_at},
};

use super::{
    super::{Dialect, PIECE, wire::Data},
    After, Session, say,
};

impl Session<'_> {
    /// Reads a mail, records it and answers: for each recipient in LMTP, once in SMTP.
    pub(super) async fn receive<S: AsyncRead + AsyncWrite + Unpin>(
        &mut self,
        stream: &mut S,
        buffer: &mut BytesMut,
    ) -> io::Result<After> {
        let config = &self.mail_server.0.config;
        let until = Instant::now() + config.whole_patience;
        let mut data = Data::default();
        let mut memory: Option<SemaphorePermit<'_>> = None;
        let mut pieces = 0;
        while !data.take(buffer, config.limit) {
            let needed = data.bytes.len() / PIECE + 1;
            while pieces < needed && !data.too_long {
                match self.mail_server.0.memory.try_acquire() {
                    Ok(permit) => {
                        pieces += 1;
                        match &mut memory {
                            Some(held) => held.merge(permit),
                            None => memory = Some(permit),
                        }
                    }
                    Err(_) => {
                        let words = "452 4.3.1 too much comes in at once, try again later";
                        say(stream, words, config.time_limit).await?;
                        return Ok(After::HangUp);
                    }
                }
            }
            match timeout_at(until, self.fill(stream, buffer)).await {
                Ok(Ok(true)) => {}
                Ok(filled) => return filled.map(|_| After::HangUp),
                Err(_) => {
                    let words = "421 4.4.2 it took too long";
                    say(stream, words, Duration::from_secs(1)).await?;
                    return Ok(After::HangUp);
                }
            }
        }
        if data.bare {
            let words = "554 5.6.0 a CR or LF stands by itself in it";
            for _ in 0..self.answers() {
                say(stream, words, config.time_limit).await?;
            }
            return Ok(After::HangUp);
        }
        let answers = if data.too_long {
            vec!["552 5.3.4 it is too large".to_owned(); self.answers()]
        } else {
            self.store(data.bytes).await
        };
        drop(memory);
        say(stream, &answers.join("\r\n"), config.time_limit).await?;
        Ok(After::GoOn)
    }

    /// The number of answers to a mail.
    fn answers(&self) -> usize {
        match self.dialect {
            Dialect::Lmtp => self.recipients.len(),
            Dialect::Smtp => 1,
        }
    }
}
