//! One SMTP or LMTP session with a client.

mod receiving;
mod storing;

use std::{io, time::Duration};

use bytes::BytesMut;
use domain::flow::Service;
use smtp_proto::{Error as Syntax, MailFrom, RcptTo, Request};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    time::{Instant, timeout, timeout_at},
};
use tokio_util::sync::CancellationToken;

use super::{
    Dialect, MailServer,
    wire::{self, Found},
};
use crate::entrance::{InboundAnswer, Rejection};

/// The most recipients of a mail; further ones are deferred (RFC 5321, 4.5.3.1.8 asks for 100).
const RECIPIENTS: usize = 100;
/// The most errors of a client, and the most unknown recipients of an SMTP client.
const ERRORS: usize = 20;
const READ: usize = 64 << 10;

/// The further use of the connection.
pub(super) enum Next<S> {
    /// None: the session has ended.
    Done,
    /// A new session after a TLS handshake on this stream.
    Encrypt(S),
}

/// The state of a session.
pub(super) struct Session<'m> {
    mail_server: &'m MailServer,
    dialect: Dialect,
    encrypted: bool,
    stopping: CancellationToken,
    greeted: bool,
    sender: Option<String>,
    recipients: Vec<String>,
    errors: usize,
    guesses: usize,
}

/// The action after an answer.
enum After {
    GoOn,
    Receive,
    Encrypt,
    HangUp,
}

type Reply = (String, After);

fn answer(words: impl Into<String>) -> Reply {
    (words.into(), After::GoOn)
}

impl<'m> Session<'m> {
    pub fn new(
        mail_server: &'m MailServer,
        dialect: Dialect,
        encrypted: bool,
        stopping: CancellationToken,
    ) -> Self {
        Self {
            mail_server,
            dialect,
            encrypted,
            stopping,
            greeted: false,
            sender: None,
            recipients: Vec::new(),
            errors: 0,
            guesses: 0,
        }
    }

    pub async fn run<S>(mut self, mut stream: S) -> io::Result<Next<S>>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let config = &self.mail_server.0.config;
        let protocol = match self.dialect {
            Dialect::Lmtp => "LMTP",
            Dialect::Smtp => "ESMTP",
        };
        if !self.encrypted {
            let greeting = format!("220 {} {protocol}", config.host);
            say(&mut stream, &greeting, config.time_limit).await?;
        }
        let mut buffer = BytesMut::new();
        let mut until = Instant::now() + config.whole_patience;
        loop {
            let line = match wire::line(&mut buffer) {
                Found::Line(line) => line,
                Found::Nothing => {
                    match timeout_at(until, self.fill(&mut stream, &mut buffer)).await {
                        Ok(Ok(true)) => continue,
                        Ok(filled) => return filled.map(|_| Next::Done),
                        // The client sends something now and then, and never a mail.
                        Err(_) => {
                            let words = "421 4.4.2 it took too long";
                            return self.goodbye(&mut stream, words).await;
                        }
                    }
                }
                Found::TooLong => {
                    let words = "500 5.5.2 the line is too long";
                    return self.goodbye(&mut stream, words).await;
                }
                Found::Bare => {
                    let words = "500 5.5.2 lines end with CR LF";
                    return self.goodbye(&mut stream, words).await;
                }
            };
            let (words, after) = self.command(&line).await;
            say(&mut stream, &words, config.time_limit).await?;
            match after {
                After::GoOn => {}
                After::HangUp => return self.close(&mut stream).await,
                // Plain text that was sent ahead must not count as encrypted.
                After::Encrypt if !buffer.is_empty() => return self.close(&mut stream).await,
                After::Encrypt => return Ok(Next::Encrypt(stream)),
                After::Receive => match self.receive(&mut stream, &mut buffer).await? {
                    After::HangUp => return self.close(&mut stream).await,
                    _ => {
                        self.forget();
                        until = Instant::now() + config.whole_patience;
                    }
                },
            }
        }
    }

    /// Reads more bytes; false if the session has ended.
    async fn fill<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        stream: &mut S,
        buffer: &mut BytesMut,
    ) -> io::Result<bool> {
        let config = &self.mail_server.0.config;
        buffer.reserve(READ);
        let read = tokio::select! {
            read = timeout(config.time_limit, stream.read_buf(buffer)) => read,
            () = self.stopping.cancelled() => {
                let words = format!("421 4.3.2 {} closes", config.host);
                say(stream, &words, Duration::from_secs(1)).await?;
                return Ok(false);
            }
        };
        match read {
            Ok(read) => Ok(read? > 0),
            Err(_) => {
                let words = format!("421 4.4.2 {} waited too long", config.host);
                say(stream, &words, Duration::from_secs(1)).await?;
                Ok(false)
            }
        }
    }

    async fn goodbye<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        stream: &mut S,
        words: &str,
    ) -> io::Result<Next<S>> {
        say(stream, words, Duration::from_secs(1)).await?;
        self.close(stream).await
    }

    async fn close<S: AsyncWrite + Unpin>(&self, stream: &mut S) -> io::Result<Next<S>> {
        let _ = timeout(Duration::from_secs(1), stream.shutdown()).await;
        Ok(Next::Done)
    }

    fn forget(&mut self) {
        self.sender = None;
        self.recipients.clear();
    }

    async fn command(&mut self, line: &[u8]) -> Reply {
        let whole = [line, b"\r\n"].concat();
        let request = match Request::parse(&mut whole.iter()) {
            Ok(request) => request,
            Err(error) => return self.mistaken(syntax(&error)),
        };
        let host = &self.mail_server.0.config.host;
        match (self.dialect, request) {
            (Dialect::Lmtp, Request::Lhlo { .. }) | (Dialect::Smtp, Request::Ehlo { .. }) => {
                self.forget();
                self.greeted = true;
                answer(self.extensions())
            }
            (Dialect::Smtp, Request::Helo { .. }) => {
                self.forget();
                self.greeted = true;
                answer(format!("250 {host}"))
            }
            (_, Request::Mail { from }) => self.mail(&from.into_owned()),
            (_, Request::Rcpt { to }) => self.recipient(&to.into_owned()).await,
            (_, Request::Data) => self.data(),
            (_, Request::StartTls) if self.offers_tls() => {
                ("220 2.0.0 go ahead".to_owned(), After::Encrypt)
            }
            (_, Request::Rset) => {
                self.forget();
                answer("250 2.0.0 ok")
            }
            (_, Request::Noop { .. }) => answer("250 2.0.0 ok"),
            (_, Request::Vrfy { .. }) => answer("252 2.1.5 cannot verify, will attempt delivery"),
            (_, Request::Quit) => (format!("221 2.0.0 {host} closes"), After::HangUp),
            (_, Request::Ehlo { .. } | Request::Helo { .. } | Request::Lhlo { .. }) => {
                self.mistaken("500 5.5.1 that is the greeting of another protocol")
            }
            _ => self.mistaken("502 5.5.1 that is not done here"),
        }
    }

    fn offers_tls(&self) -> bool {
        self.dialect == Dialect::Smtp && !self.encrypted && self.mail_server.0.config.tls.is_some()
    }

    fn extensions(&self) -> String {
        let config = &self.mail_server.0.config;
        let mut lines = vec![
            config.host.clone(),
            "PIPELINING".to_owned(),
            "8BITMIME".to_owned(),
            "SMTPUTF8".to_owned(),
            "ENHANCEDSTATUSCODES".to_owned(),
            format!("SIZE {}", config.limit),
        ];
        if self.offers_tls() {
            lines.push("STARTTLS".to_owned());
        }
        let last = lines.len() - 1;
        let line = |(at, line): (usize, &String)| {
            if at == last {
                format!("250 {line}")
            } else {
                format!("250-{line}")
            }
        };
        let lines: Vec<_> = lines.iter().enumerate().map(line).collect();
        lines.join("\r\n")
    }

    fn mistaken(&mut self, words: &str) -> Reply {
        self.errors += 1;
        if self.errors > ERRORS {
            ("421 4.7.0 too many errors".to_owned(), After::HangUp)
        } else {
            answer(words)
        }
    }

    fn mail(&mut self, from: &MailFrom<String>) -> Reply {
        if !self.greeted {
            return self.mistaken("503 5.5.1 send EHLO or LHLO first");
        }
        if self.sender.is_some() {
            return self.mistaken("503 5.5.1 nested MAIL command");
        }
        // The database takes no NUL, and no valid address has a control character.
        if from.address.contains(char::is_control) {
            return self.mistaken(syntax(&Syntax::InvalidSenderAddress));
        }
        if from.size > self.mail_server.0.config.limit {
            return answer("552 5.3.4 it is too large");
        }
        self.sender = Some(from.address.clone());
        answer("250 2.1.0 ok")
    }

    async fn recipient(&mut self, to: &RcptTo<String>) -> Reply {
        if self.sender.is_none() {
            return self.mistaken("503 5.5.1 need MAIL first");
        }
        if self.recipients.len() >= RECIPIENTS {
            return answer("452 4.5.3 too many recipients");
        }
        if to.address.contains(char::is_control) {
            return self.mistaken(syntax(&Syntax::InvalidRecipientAddress));
        }
        if self.mail_server.0.returns.at(&to.address).is_some() {
            self.recipients.push(to.address.clone());
            return answer("250 2.1.5 ok");
        }
        let entrance = &self.mail_server.0.entrance;
        match entrance.preview(Service::Email, None, &to.address).await {
            InboundAnswer::Ack(_) => {
                self.recipients.push(to.address.clone());
                answer("250 2.1.5 ok")
            }
            InboundAnswer::Reject(Rejection::NobodyThere(_)) => {
                self.guesses += 1;
                // A mail server in front does not look recipients up, and does not guess.
                if self.guesses > ERRORS && self.dialect == Dialect::Smtp {
                    (
                        "421 4.7.0 too many unknown recipients".to_owned(),
                        After::HangUp,
                    )
                } else {
                    answer("550 5.1.1 no such recipient")
                }
            }
            later @ (InboundAnswer::Retry(_) | InboundAnswer::Reject(_)) => answer(worded(later)),
        }
    }

    fn data(&mut self) -> Reply {
        if self.recipients.is_empty() {
            return self.mistaken("503 5.5.1 need RCPT first");
        }
        let words = "354 end data with <CR><LF>.<CR><LF>".to_owned();
        (words, After::Receive)
    }
}

/// The reply about a mail to a recipient. Who does not take it has 5.3.3 if it exists (RFC 3463: the
/// system lacks the requested feature), else 5.1.1.
fn worded(answer: InboundAnswer) -> String {
    match answer {
        InboundAnswer::Ack(Some(id)) => format!("250 2.0.0 ok, transmission {id}"),
        InboundAnswer::Ack(None) => "250 2.0.0 ok, it is here".to_owned(),
        InboundAnswer::Retry(reason) => format!("451 4.3.0 {reason}"),
        InboundAnswer::Reject(Rejection::NotSupported(reason)) => format!("550 5.3.3 {reason}"),
        InboundAnswer::Reject(reason) => format!("550 5.1.1 {}", reason.as_str()),
    }
}

fn syntax(error: &Syntax) -> &'static str {
    match error {
        Syntax::UnknownCommand => "500 5.5.1 that is no command",
        Syntax::InvalidSenderAddress => "501 5.1.7 that is no address",
        Syntax::InvalidRecipientAddress => "501 5.1.3 that is no address",
        Syntax::UnsupportedParameter { .. } => "555 5.5.4 that parameter is not known here",
        _ => "501 5.5.4 that cannot be read",
    }
}

async fn say<S: AsyncWrite + Unpin>(
    stream: &mut S,
    words: &str,
    time_limit: Duration,
) -> io::Result<()> {
    if words.is_empty() {
        return Ok(());
    }
    let line = format!("{words}\r\n");
    let written = async {
        stream.write_all(line.as_bytes()).await?;
        stream.flush().await
    };
    timeout(time_limit, written).await?
}
