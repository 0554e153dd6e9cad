//! A session: a token that was issued. Issuing a token writes no event; the session exists in the
//! log from its revocation. `Absent → Revoked`.

use chrono::{DateTime, Utc};
use cqrs_es::{Aggregate, DomainEvent, event_sink::EventSink};
use serde::{Deserialize, Serialize};

use crate::{Entity, Id, Refusal, access::User};

/// A session's state. Its id is that of the token (`jti`).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Session {
    revoked: bool,
}

/// A command to a session.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub enum SessionCommand {
    Revoke {
        user: Id<User>,
        expires_at: DateTime<Utc>,
    },
}

/// An event of a session.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub enum SessionEvent {
    SessionRevoked {
        user: Id<User>,
        /// The expiry of the token, from which it is invalid in any case.
        expires_at: DateTime<Utc>,
    },
}
use SessionEvent::SessionRevoked;

impl Aggregate for Session {
    const TYPE: &'static str = "session";
    type Command = SessionCommand;
    type Event = SessionEvent;
    type Error = Refusal;
    type Services = ();

    async fn handle(
        &mut self,
        SessionCommand::Revoke { user, expires_at }: SessionCommand,
        (): &(),
        sink: &EventSink<Self>,
    ) -> Result<(), Refusal> {
        if !self.revoked {
            sink.write(SessionRevoked { user, expires_at }, self).await;
        }
        Ok(())
    }

    fn apply(&mut self, SessionRevoked { .. }: SessionEvent) {
        self.revoked = true;
    }
}

impl DomainEvent for SessionEvent {
    fn event_type(&self) -> String {
        "SessionRevoked".to_owned()
    }

    fn event_version(&self) -> String {
        "1.0.0".to_owned()
    }
}

impl Entity for Session {
    fn exists(&self) -> bool {
        self.revoked
    }
}
