//! The request fields of a program.

use domain::{
    Entity, Id, Patch,
    access::Tenant,
    outreach::{ParametersPatch, Program, ProgramKind, ProgramPatch, ProgramType},
};

use crate::{
    Error, Result,
    authorization::{Caller, Noun, own_in},
    extract::{Fields, FromFields},
};

/// The longest delay, in seconds: silence that a caller is asked to sit through.
const MAX_DELAY_SECONDS: i64 = 60;

/// A program's fields, of whatever type.
#[derive(Debug)]
pub(super) struct ProgramRequest {
    kind: Patch<String>,
    patch: ProgramPatch,
}

impl FromFields for ProgramRequest {
    fn from_fields(fields: &mut Fields) -> Self {
        Self {
            kind: fields.text("type"),
            patch: ProgramPatch {
                name: fields.text("name"),
                parent_id: fields.id("parent_id"),
                parameters: ParametersPatch {
                    account_id: fields.id("account_id"),
                    document_id: fields.id("document_id"),
                    recording_id: fields.id("recording_id"),
                    template_id: fields.id("template_id"),
                    text_id: fields.id("text_id"),
                    text: fields.text("text"),
                    delay: fields.number("delay", 0..=MAX_DELAY_SECONDS),
                    language: fields.text("language"),
                },
            },
        }
    }
}

impl ProgramRequest {
    /// The type that the fields name; without one, an error that lists the routes with a type.
    pub fn kind(&self) -> Result<ProgramType> {
        let names = ProgramType::ALL.map(ProgramType::as_str);
        let kind = match &self.kind {
            Patch::Set(kind) => ProgramType::from_word(kind),
            Patch::Clear => None,
            Patch::Keep => {
                let routes = names.map(|kind| format!("POST /programs/{kind}"));
                let routes = routes.join(", ");
                return Err(Error::NotImplemented(format!(
                    "say a type, or use one of {routes}"
                )));
            }
        };
        kind.ok_or_else(|| Error::invalid("type", format!("must be one of {}", names.join(", "))))
    }

    /// The patch of a program of this type, new or existing; whatever it refers to must exist and
    /// be the caller's, within the program's tenant.
    pub async fn checked(
        mut self,
        (caller, tenant): (&Caller, Id<Tenant>),
        kind: ProgramType,
    ) -> Result<ProgramPatch> {
        self.patch.parameters = self.patch.parameters.only_for(kind);
        let ParametersPatch {
            account_id,
            document_id,
            recording_id,
            template_id,
            text_id,
            ..
        } = &self.patch.parameters;
        futures::try_join!(
            owned((caller, tenant), "account_id", account_id),
            owned((caller, tenant), "document_id", document_id),
            owned((caller, tenant), "recording_id", recording_id),
            owned((caller, tenant), "template_id", template_id),
            owned((caller, tenant), "text_id", text_id),
            owned((caller, tenant), "parent_id", &self.patch.parent_id),
        )?;
        Ok(self.patch)
    }

    /// The patch of an existing program, whose type cannot be changed.
    pub async fn changing(self, caller: &Caller, program: &Program) -> Result<ProgramPatch> {
        let kind = program
            .kind()
            .map(ProgramKind::kind)
            .ok_or(Error::NotFound)?;
        if let Patch::Set(said) = &self.kind
            && said != kind.as_str()
        {
            return Err(Error::invalid("type", "cannot be changed"));
        }
        let tenant = program.owner().ok_or(Error::NotFound)?.tenant;
        self.checked((caller, tenant), kind).await
    }
}

async fn owned<A>(
    (caller, tenant): (&Caller, Id<Tenant>),
    field: &'static str,
    said: &Patch<Id<A>>,
) -> Result<()>
where
    A: Noun + Entity,
{
    match said {
        Patch::Set(id) => own_in(caller, tenant, field, *id).await.map(drop),
        Patch::Keep | Patch::Clear => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn kind(body: Value) -> Result<ProgramType> {
        let Value::Object(map) = body else {
            panic!("an object")
        };
        ProgramRequest::from_fields(&mut Fields::new(map)).kind()
    }

    #[test]
    fn a_program_without_a_type_is_shown_the_ways() {
        let voice = kind(json!({"type": "voicetts"}));
        assert_eq!(voice, Ok(ProgramType::VoiceTts));
        let Err(Error::NotImplemented(ways)) = kind(json!({})) else {
            panic!("501")
        };
        assert!(ways.contains("POST /programs/sendemail"));
        for wrong in [json!("dance"), json!(""), json!(null)] {
            let said = kind(json!({"type": wrong}));
            assert!(matches!(said, Err(Error::Invalid(_))), "{wrong}");
        }
    }
}
