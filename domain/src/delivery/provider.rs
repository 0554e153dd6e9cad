//! A provider: a way out, such as a mail server or a trunk. It belongs to the
//! installation. `Absent → Live → Deleted`.

use cqrs_es::{Aggregate, DomainEvent, event_sink::EventSink};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{
    Entity, Id, Patch, Refusal,
    flow::Service,
    personal::has_mark,
    values::{Line, Sealed},
};

/// A provider's state.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Provider {
    stage: Stage,
    id: Option<Id<Provider>>,
    details: Option<ProviderDetails>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
enum Stage {
    #[default]
    Absent,
    Live,
    Deleted,
}
use Stage::{Absent, Deleted, Live};

/// What speaks to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs)]
pub enum ProviderKind {
    Sip,
    Smpp,
    Http,
    Smtp,
    Sandbox,
}

impl ProviderKind {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Sip, Self::Smpp, Self::Http, Self::Smtp, Self::Sandbox];

    /// The documented type word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sip => "sip",
            Self::Smpp => "smpp",
            Self::Http => "http",
            Self::Smtp => "smtp",
            Self::Sandbox => "sandbox",
        }
    }

    /// The services it can serve, as a `service_flag` mask; also its default.
    pub const fn services(self) -> i32 {
        match self {
            Self::Sip => 3,
            Self::Smpp | Self::Http => 4,
            Self::Smtp => 8,
            Self::Sandbox => 15,
        }
    }

    /// The documented `gateway_flag` that follows from the type.
    pub const fn gateway_flag(self) -> i32 {
        match self {
            Self::Sip => 16,
            Self::Smpp => 32,
            Self::Http => 2,
            Self::Smtp => 4,
            Self::Sandbox => 128,
        }
    }

    /// The port it listens on where none is given.
    pub const fn default_port(self) -> Option<u16> {
        match self {
            Self::Sip => Some(5060),
            Self::Smpp => Some(2775),
            Self::Http => Some(80),
            Self::Smtp => Some(25),
            Self::Sandbox => None,
        }
    }

    /// Whether it works without a username.
    const fn needs_username(self) -> bool {
        matches!(self, Self::Smpp)
    }
}

/// Everything about a provider.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct ProviderDetails {
    pub name: Line,
    pub kind: ProviderKind,
    pub service_flag: i32,
    pub gateway_flag: i32,
    pub node_id: Option<i32>,
    pub host: Option<Line>,
    pub port: Option<u16>,
    pub username: Option<Line>,
    pub password: Option<Sealed>,
    pub dialstring: Option<Line>,
    pub prefix: Option<Line>,
    pub settings: Map<String, Value>,
    pub register: bool,
    pub weight: i32,
    pub active: bool,
}

/// What a create or an update says.
#[derive(Clone, Debug, Default)]
#[allow(missing_docs)]
pub struct ProviderPatch {
    pub name: Patch<Line>,
    pub kind: Patch<ProviderKind>,
    pub service_flag: Patch<i32>,
    pub gateway_flag: Patch<i32>,
    pub node_id: Patch<i32>,
    pub host: Patch<Line>,
    pub port: Patch<u16>,
    pub username: Patch<Line>,
    pub password: Patch<Sealed>,
    pub dialstring: Patch<Line>,
    pub prefix: Patch<Line>,
    pub settings: Patch<Map<String, Value>>,
    pub register: Patch<bool>,
    pub weight: Patch<i32>,
    pub active: Patch<bool>,
}

/// What one can ask of a provider.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub enum ProviderCommand {
    Create {
        id: Id<Provider>,
        patch: Box<ProviderPatch>,
    },
    Update(Box<ProviderPatch>),
    Delete,
}

/// What happened to a provider.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub enum ProviderEvent {
    ProviderCreated {
        id: Id<Provider>,
        details: Box<ProviderDetails>,
    },
    ProviderUpdated {
        details: Box<ProviderDetails>,
    },
    ProviderDeleted {},
}
use ProviderEvent::{ProviderCreated, ProviderDeleted, ProviderUpdated};

impl Provider {
    /// Everything about it, while it exists.
    pub fn details(&self) -> Option<&ProviderDetails> {
        self.details.as_ref().filter(|_| self.stage == Live)
    }

    /// Its id, once created.
    pub fn id(&self) -> Option<Id<Provider>> {
        self.id
    }

    fn decide(&self, command: ProviderCommand) -> Result<Vec<ProviderEvent>, Refusal> {
        use ProviderCommand::{Create, Delete, Update};
        Ok(match (self.stage, command) {
            (Absent, Create { id, patch }) => {
                let details = Box::new(ProviderDetails::new(*patch)?);
                vec![ProviderCreated { id, details }]
            }
            (_, Create { .. }) => return Err(Refusal::AlreadyExists),
            (Live, Update(patch)) => {
                let current = self.details.clone().ok_or(Refusal::NotFound)?;
                let details = Box::new(current.patched(*patch)?);
                if self.details.as_ref() == Some(details.as_ref()) {
                    vec![]
                } else {
                    vec![ProviderUpdated { details }]
                }
            }
            (Live, Delete) => vec![ProviderDeleted {}],
            (Absent | Deleted, _) => return Err(Refusal::NotFound),
        })
    }
}

impl ProviderDetails {
    /// Whether it serves this service now.
    pub fn serves(&self, service: Service) -> bool {
        self.active && self.service_flag & service.flag() != 0
    }

    fn new(patch: ProviderPatch) -> Result<Self, Refusal> {
        let required = |field| Refusal::invalid(field, "is required");
        let Patch::Set(name) = patch.name.clone() else {
            return Err(required("name"));
        };
        let Patch::Set(kind) = patch.kind else {
            return Err(required("type"));
        };
        let blank = Self {
            name,
            kind,
            service_flag: kind.services(),
            gateway_flag: kind.gateway_flag(),
            node_id: None,
            host: None,
            port: kind.default_port(),
            username: None,
            password: None,
            dialstring: None,
            prefix: None,
            settings: Map::new(),
            register: false,
            weight: 10,
            active: true,
        };
        blank.patched(patch)
    }

    fn patched(mut self, patch: ProviderPatch) -> Result<Self, Refusal> {
        let kept = patch.name.apply_required(&mut self.name);
        if !kept {
            return Err(Refusal::invalid("name", "is required"));
        }
        if !matches!(patch.kind, Patch::Keep) && patch.kind != Patch::Set(self.kind) {
            return Err(Refusal::invalid("type", "cannot be changed"));
        }
        patch.node_id.apply(&mut self.node_id);
        patch.host.apply(&mut self.host);
        patch.port.apply(&mut self.port);
        patch.username.apply(&mut self.username);
        patch.password.apply(&mut self.password);
        patch.dialstring.apply(&mut self.dialstring);
        patch.prefix.apply(&mut self.prefix);
        let numbers = [
            ("service_flag", patch.service_flag, &mut self.service_flag),
            ("gateway_flag", patch.gateway_flag, &mut self.gateway_flag),
            ("weight", patch.weight, &mut self.weight),
        ];
        for (field, patch, value) in numbers {
            if !patch.apply_required(value) {
                return Err(Refusal::invalid(field, "must not be null"));
            }
        }
        for (field, patch, value) in [
            ("register", patch.register, &mut self.register),
            ("active", patch.active, &mut self.active),
        ] {
            if !patch.apply_required(value) {
                return Err(Refusal::invalid(field, "must not be null"));
            }
        }
        match patch.settings {
            Patch::Keep => {}
            Patch::Clear => self.settings = Map::new(),
            Patch::Set(settings) => self.settings = settings,
        }
        self.checked()
    }

    fn checked(self) -> Result<Self, Refusal> {
        if self.service_flag == 0 || self.service_flag & !self.kind.services() != 0 {
            return Err(Refusal::invalid(
                "service_flag",
                format!("must be made of the bits of {}", self.kind.services()),
            ));
        }
        if !(1..=1000).contains(&self.weight) {
            return Err(Refusal::invalid("weight", "must be from 1 to 1000"));
        }
        if self.kind.needs_username() && self.username.is_none() {
            return Err(Refusal::invalid("username", "is required"));
        }
        if self.kind != ProviderKind::Sandbox && self.host.is_none() {
            return Err(Refusal::invalid("host", "is required"));
        }
        let fits = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | ':' | '[' | ']');
        if self
            .host
            .as_ref()
            .is_some_and(|host| !host.as_str().chars().all(fits))
        {
            return Err(Refusal::invalid(
                "host",
                "must be a host name or an IP address",
            ));
        }
        if self.settings.iter().any(|(name, it)| has_mark(name, it)) {
            return Err(Refusal::invalid("settings", "names must not begin with $"));
        }
        Ok(self)
    }
}

impl Aggregate for Provider {
    const TYPE: &'static str = "provider";
    type Command = ProviderCommand;
    type Event = ProviderEvent;
    type Error = Refusal;
    type Services = ();

    async fn handle(
        &mut self,
        command: ProviderCommand,
        (): &(),
        sink: &EventSink<Self>,
    ) -> Result<(), Refusal> {
        for event in self.decide(command)? {
            sink.write(event, self).await;
        }
        Ok(())
    }

    fn apply(&mut self, event: ProviderEvent) {
        match event {
            ProviderCreated { id, details } => {
                self.stage = Live;
                self.id = Some(id);
                self.details = Some(*details);
            }
            ProviderUpdated { details } => self.details = Some(*details),
            ProviderDeleted {} => self.stage = Deleted,
        }
    }
}

impl DomainEvent for ProviderEvent {
    fn event_type(&self) -> String {
        match self {
            ProviderCreated { .. } => "ProviderCreated",
            ProviderUpdated { .. } => "ProviderUpdated",
            ProviderDeleted {} => "ProviderDeleted",
        }
        .to_owned()
    }

    fn event_version(&self) -> String {
        "1.0.0".to_owned()
    }
}

impl Entity for Provider {
    fn exists(&self) -> bool {
        self.stage == Live
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patch() -> ProviderPatch {
        ProviderPatch {
            name: Patch::Set("mail".parse().unwrap()),
            kind: Patch::Set(ProviderKind::Smtp),
            host: Patch::Set("127.0.0.1".parse().unwrap()),
            ..ProviderPatch::default()
        }
    }

    #[test]
    fn what_is_not_said_follows_from_the_type() {
        let details = ProviderDetails::new(patch()).unwrap();
        assert_eq!((details.service_flag, details.gateway_flag), (8, 4));
        assert_eq!(
            (details.port, details.weight, details.active),
            (Some(25), 10, true)
        );
    }

    #[test]
    fn a_mail_server_cannot_serve_voice() {
        let patch = ProviderPatch {
            service_flag: Patch::Set(9),
            ..patch()
        };
        assert!(matches!(
            ProviderDetails::new(patch),
            Err(Refusal::Invalid {
                field: "service_flag",
                ..
            })
        ));
    }

    #[test]
    fn a_host_that_is_a_path_or_a_url_is_refused() {
        for host in ["/etc/passwd", "file:///x", "a b", "http://mail"] {
            let host = Patch::Set(host.parse().unwrap());
            let refused = ProviderDetails::new(ProviderPatch { host, ..patch() });
            assert!(matches!(
                refused,
                Err(Refusal::Invalid { field: "host", .. })
            ));
        }
    }

    #[test]
    fn a_weight_of_nothing_is_refused() {
        let patch = ProviderPatch {
            weight: Patch::Set(0),
            ..patch()
        };
        assert!(matches!(
            ProviderDetails::new(patch),
            Err(Refusal::Invalid {
                field: "weight",
                ..
            })
        ));
    }

    #[test]
    fn settings_cannot_pass_for_personal_data() {
        let forged = serde_json::json!({"a": {"$of": "contact/1", "$sealed": "AAAA"}});
        let patch = ProviderPatch {
            settings: Patch::Set(forged.as_object().unwrap().clone()),
            ..patch()
        };
        assert!(matches!(
            ProviderDetails::new(patch),
            Err(Refusal::Invalid {
                field: "settings",
                ..
            })
        ));
    }
}
