//! One SMTP session, over lettre's low-level connection. It is cheap to start, and sending a
//! mail may be cancelled at any await, since a [`Connection`] that is not
//! [`Reusable::is_sound`] is dropped by its holder.

use std::{net::TcpStream as StdStream, panic::AssertUnwindSafe, time::Duration};

use domain::delivery::settings::Tls;
use futures::FutureExt;
use lettre::transport::smtp::{
    authentication::Mechanism,
    client::{AsyncSmtpConnection, AsyncTokioStream, TlsParameters},
    commands::{Data, Ehlo, Mail, Noop, Quit, Rcpt, Rset},
    extension::{ClientId, MailBodyParameter, MailParameter},
    response::{Response, Severity},
};
use tokio::time::{Instant, timeout_at};

use super::{
    config::SmtpConfig,
    letter::Letter,
    stream::{self, Bounded},
    trouble::{Fault, Step, Trouble},
};
use crate::pool::Reusable;

/// The idle time after which a connection is probed with NOOP before it is used.
const FRESH: Duration = Duration::from_secs(5);

/// The idle time after which a connection that is not needed is closed.
const STALE: Duration = Duration::from_secs(60);

/// The time-out of a probe: a longer one would cost more than a new connection.
const PROBE: Duration = Duration::from_secs(2);

/// The slowest transfer that the time-out allows for, in bytes per second.
const SLOWEST: u64 = 16 * 1024;

/// The extensions in the server's EHLO answer that matter here.
#[derive(Debug, Default)]
pub(super) struct Offers {
    pub pipelining: bool,
    pub smtputf8: bool,
    pub starttls: bool,
    /// The largest message that it takes, in bytes; `None` where it names no limit.
    pub size: Option<usize>,
}

impl Offers {
    fn read(answer: &Response) -> Self {
        let mut offers = Self::default();
        for line in answer.message() {
            let mut words = line.split_ascii_whitespace();
            let keyword = words.next().unwrap_or_default().to_ascii_uppercase();
            match keyword.as_str() {
                "PIPELINING" => offers.pipelining = true,
                "SMTPUTF8" => offers.smtputf8 = true,
                "STARTTLS" => offers.starttls = true,
                // SIZE and SIZE 0 both mean that there is no fixed limit.
                "SIZE" => {
                    offers.size = words.next().and_then(|n| n.parse().ok()).filter(|n| *n > 0)
                }
                _ => {}
            }
        }
        offers
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// The server waits for MAIL.
    Ready,
    /// A mail was refused half-way: RSET must come before the next MAIL.
    Refused,
    /// In the middle of a transaction, or broken.
    Unsound,
}

/// A connection that is past EHLO, TLS and AUTH.
pub(super) struct Connection {
    smtp: AsyncSmtpConnection,
    /// A second handle on the socket, to see whether the server closed it.
    watch: StdStream,
    pub offers: Offers,
    time_limit: Duration,
    used: Instant,
    state: State,
}

impl Connection {
    /// Connects, encrypts and logs in, as the configuration says.
    pub async fn open(
        config: &SmtpConfig,
        hello: &ClientId,
        tls: Option<&TlsParameters>,
        until: Instant,
    ) -> Result<Self, Trouble> {
        // lettre panics on an EHLO answer with a blank line in it.
        AssertUnwindSafe(Self::try_open(config, hello, tls, until))
            .catch_unwind()
            .await
            .unwrap_or_else(|_| {
                let fault = Fault::Nonsense("its greeting cannot be read".to_owned());
                Err(Trouble {
                    step: Step::Greet,
                    fault,
                })
            })
    }

    async fn try_open(
        config: &SmtpConfig,
        hello: &ClientId,
        tls: Option<&TlsParameters>,
        until: Instant,
    ) -> Result<Self, Trouble> {
        let limit = Limit {
            until,
            time_limit: config.timeout,
        };
        let (tcp, watch) = limit.at(Step::Connect, stream::open(config)).await?;
        let implicit = tls.filter(|_| config.tls == Tls::Implicit);
        let wire: Box<dyn AsyncTokioStream> = match implicit {
            Some(tls) => {
                let encrypted = stream::encrypted(tcp, tls.clone());
                Box::new(Bounded::new(limit.at(Step::Encrypt, encrypted).await?))
            }
            None => Box::new(Bounded::new(tcp)),
        };
        let greeted = AsyncSmtpConnection::connect_with_transport(wire, hello);
        let mut smtp = limit.at(Step::Greet, greeted).await?;
        let mut offers = greet(&mut smtp, hello, &limit).await?;
        if let Some(tls) = tls.filter(|_| implicit.is_none()) {
            if offers.starttls {
                limit
                    .at(Step::Encrypt, smtp.starttls(tls.clone(), hello))
                    .await?;
                // The extensions offered before the encryption may have been forged.
                offers = greet(&mut smtp, hello, &limit).await?;
            } else if config.verified() {
                let fault = Fault::Nonsense("it does not offer STARTTLS".to_owned());
                return Err(Trouble {
                    step: Step::Encrypt,
                    fault,
                });
            }
        }
        if let Some(credentials) = config.credentials() {
            let mechanisms = [Mechanism::Plain, Mechanism::Login];
            limit
                .at(Step::LogIn, smtp.auth(&mechanisms, &credentials))
                .await?;
        }
        tracing::debug!(provider.id = config.provider.get(), "mail server connected");
        Ok(Self {
            smtp,
            watch,
            offers,
            time_limit: config.timeout,
            used: Instant::now(),
            state: State::Ready,
        })
    }

    /// Sends one mail and returns the server's answer to it.
    pub async fn send(&mut self, letter: &Letter, until: Instant) -> Result<Response, Trouble> {
        let limit = Limit {
            until,
            time_limit: self.time_limit,
        };
        self.state = State::Unsound;
        let sent = match self.envelope(letter, &limit).await {
            Ok(()) => self.message(&letter.wire, &limit).await,
            Err(trouble) => Err(trouble),
        };
        self.used = Instant::now();
        sent
    }

    /// Sends MAIL, RCPT and DATA, pipelined where the server offers that.
    async fn envelope(&mut self, letter: &Letter, limit: &Limit) -> Result<(), Trouble> {
        let mut parameters = Vec::new();
        if self.offers.size.is_some() {
            parameters.push(MailParameter::Size(letter.wire.len()));
        }
        if letter.international {
            parameters.push(MailParameter::SmtpUtfEight);
            parameters.push(MailParameter::Body(MailBodyParameter::EightBitMime));
        }
        let mut commands = [
            (
                Step::Mail,
                Mail::new(Some(letter.sender.clone()), parameters).to_string(),
            ),
            (
                Step::Recipient,
                Rcpt::new(letter.recipient.clone(), Vec::new()).to_string(),
            ),
            (Step::Data, Data.to_string()),
        ];
        let pipelined = self.offers.pipelining;
        if pipelined {
            commands[0].1 = commands
                .iter()
                .map(|(_, command)| command.as_str())
                .collect();
        }
        let mut refusal = None;
        let mut asked = false;
        for (step, command) in commands {
            let answer = if pipelined && step != Step::Mail {
                limit.at(step, self.smtp.read_response()).await
            } else {
                limit.at(step, self.smtp.command(command)).await
            };
            match answer {
                Ok(answer) if step == Step::Data && answer.has_code(354) => asked = true,
                Ok(answer) if step != Step::Data && completed(&answer) => {}
                Ok(answer) => return Err(refusal.unwrap_or_else(|| unexpected(step, &answer))),
                Err(trouble) if !trouble.reachable() => return Err(refusal.unwrap_or(trouble)),
                Err(trouble) => {
                    refusal.get_or_insert(trouble);
                    // The pipelined commands after it have answers, too, which must be read.
                    if !pipelined {
                        break;
                    }
                }
            }
        }
        let Some(trouble) = refusal else {
            return Ok(());
        };
        // A server that asks for a message although it refused the recipient is left
        // waiting: the connection stays unsound.
        if !asked {
            self.state = State::Refused;
        }
        Err(trouble)
    }

    /// Sends the message and the dot that ends it, in one write.
    async fn message(&mut self, wire: &str, limit: &Limit) -> Result<Response, Trouble> {
        let transfer = Duration::from_secs(wire.len() as u64 / SLOWEST);
        let limit = Limit {
            until: limit.until,
            time_limit: limit.time_limit + transfer,
        };
        let trouble = match limit.at(Step::Message, self.smtp.command(wire)).await {
            Ok(answer) if completed(&answer) => {
                self.state = State::Ready;
                return Ok(answer);
            }
            Ok(answer) => return Err(unexpected(Step::Message, &answer)),
            Err(trouble) => trouble,
        };
        match trouble.fault {
            Fault::Replied { code, .. } if code != 421 => self.state = State::Refused,
            // A server that refuses half-way through has answered before it hung up.
            Fault::Lost(_, Some(_)) => {
                let limit = Limit {
                    until: limit.until,
                    time_limit: PROBE,
                };
                if let Err(Trouble {
                    step,
                    fault: fault @ Fault::Replied { .. },
                }) = limit.at(Step::Message, self.smtp.read_response()).await
                {
                    return Err(Trouble { step, fault });
                }
            }
            _ => {}
        }
        Err(trouble)
    }

    /// Sends QUIT and waits for the answer, at most for [`PROBE`].
    pub async fn quit(mut self) {
        let limit = Limit {
            until: Instant::now() + PROBE,
            time_limit: PROBE,
        };
        let _ = limit.at(Step::Mail, self.smtp.command(Quit)).await;
    }
}

impl Reusable for Connection {
    fn is_sound(&self) -> bool {
        self.state != State::Unsound
    }

    fn is_stale(&self) -> bool {
        self.used.elapsed() > STALE
    }

    /// Brings the connection to where the server waits for MAIL.
    async fn revive(&mut self, until: Instant) -> bool {
        let limit = Limit {
            until,
            time_limit: PROBE,
        };
        let spoke = match self.watch.peek(&mut [0]) {
            Ok(0) => return false,
            // An unsolicited 421, or a TLS record: only the probe can tell.
            Ok(_) => true,
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => false,
            Err(_) => return false,
        };
        let refused = self.state == State::Refused;
        if !refused && !spoke && self.used.elapsed() < FRESH {
            return true;
        }
        self.state = State::Unsound;
        let answer = if refused {
            limit.at(Step::Mail, self.smtp.command(Rset)).await
        } else {
            limit.at(Step::Mail, self.smtp.command(Noop)).await
        };
        let alive = answer.is_ok_and(|answer| completed(&answer));
        if alive {
            self.state = State::Ready;
            self.used = Instant::now();
        }
        alive
    }
}

/// Sends EHLO again, since lettre does not expose all of the answer to the first one.
async fn greet(
    smtp: &mut AsyncSmtpConnection,
    hello: &ClientId,
    limit: &Limit,
) -> Result<Offers, Trouble> {
    let answer = limit
        .at(Step::Greet, smtp.command(Ehlo::new(hello.clone())))
        .await?;
    Ok(Offers::read(&answer))
}

fn completed(answer: &Response) -> bool {
    answer.code().severity == Severity::PositiveCompletion
}

fn unexpected(step: Step, answer: &Response) -> Trouble {
    Trouble {
        step,
        fault: Fault::Nonsense(format!("unexpected {}", answer.code())),
    }
}

/// The time limits of a step: an absolute one, and one from its beginning.
struct Limit {
    until: Instant,
    time_limit: Duration,
}

impl Limit {
    async fn at<T, E: Into<Fault>>(
        &self,
        step: Step,
        work: impl Future<Output = Result<T, E>>,
    ) -> Result<T, Trouble> {
        let begun = Instant::now();
        match timeout_at(self.until.min(begun + self.time_limit), work).await {
            Ok(done) => done.map_err(|error| Trouble::new(step, error)),
            Err(_) => Err(Trouble {
                step,
                fault: Fault::Silent(begun.elapsed()),
            }),
        }
    }
}
