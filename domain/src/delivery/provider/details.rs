//! What a provider may look like, and how an update changes it.

use serde_json::Map;

use super::{ProviderDetails, ProviderKind, ProviderPatch};
use crate::{Patch, Refusal, flow::Service, personal::has_mark};

impl ProviderDetails {
    /// Whether it serves this service now.
    pub fn serves(&self, service: Service) -> bool {
        self.active && self.service_flag & service.flag() != 0
    }

    pub(super) fn new(patch: ProviderPatch) -> Result<Self, Refusal> {
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

    pub(super) fn patched(mut self, patch: ProviderPatch) -> Result<Self, Refusal> {
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
