//! `/pbx/route` and `/pbx/check`: where a call would go and why, and what is wrong with a tenant's
//! configuration.

use std::collections::HashSet;

use axum::{extract::FromRequestParts, http::request::Parts};
use chrono::{DateTime, Utc};
use domain::{
    Id,
    access::Tenant,
    pbx::routing::{
        Call, Entry, Hop, Phones, Problem, Route, Status, Step, StepOutcome, Table, next,
    },
};
use eventstore::clock;
use serde::Serialize;
use utoipa::{
    ToSchema,
    openapi::{ObjectBuilder, schema::Type},
};

use crate::{
    App, Error, Result,
    answer::Answer,
    authorization::{Read, Reader, TENANT_ID},
    extract::query_pairs,
    openapi::{Describe, Routes, Sketch, op},
    pbx::configuration::Pbx,
};

/// The most problems that are listed.
const MAX_PROBLEMS: usize = 1_000;
/// The most outcomes that a request may name.
const MAX_OUTCOMES: usize = 64;
/// The most calls that a hunt group is told to have had.
const MAX_TURN: usize = 1_000_000;

pub(super) fn routes() -> Routes {
    Routes::new()
        .get(
            "/pbx/route",
            route,
            op("Shows where a call would go, and why")
                .note(
                    "`did` is the number that is called. Each step is what would be done with the \
                     call; `outcomes` says how the steps before it come out, and without it the \
                     first step is shown. `hops` are the rules that led there.",
                )
                .json::<Explained>(),
        )
        .get(
            "/pbx/check",
            checked,
            op("Lists what is wrong with the configuration of a tenant")
                .note("The first 1,000 problems, by record.")
                .array_of::<Found>(),
        )
}

/// The way of a call.
#[derive(Serialize, ToSchema)]
struct Explained {
    tenant_id: i64,
    did_id: i64,
    /// The steps, in order.
    steps: Vec<ExplainedStep>,
    /// The rules that were applied, in order.
    hops: Vec<ExplainedHop>,
    /// The rule that decided where the call is: the last that moved it.
    rule: Option<&'static str>,
}

/// A step that a call would take.
#[derive(Serialize, ToSchema)]
struct ExplainedStep {
    /// `ring`, `play_ivr`, `voicemail`, `forward`, `ask_pin`, `connected` or `hang_up`.
    step: &'static str,
    /// The id of the record that asks for the step.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false)]
    id: Option<i64>,
    /// The extensions that ring, in their order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    extensions: Vec<i64>,
    /// True if the extensions ring at the same time.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false)]
    at_once: Option<bool>,
    /// True if they ring again and again until somebody answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false)]
    repeats: Option<bool>,
    /// The seconds that the step lasts at most; of extensions that ring one after the other, each.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false)]
    seconds: Option<u32>,
    /// The number that the call is forwarded to.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false)]
    number: Option<String>,
    /// The reason for which the call is hung up.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false)]
    reason: Option<&'static str>,
}

/// A rule that was applied.
#[derive(Serialize, ToSchema)]
struct ExplainedHop {
    /// The word of the source, or the name of the rule.
    rule: &'static str,
    /// The kind of the record that the rule was applied to.
    kind: Option<&'static str>,
    /// The id of the record.
    id: Option<i64>,
    /// The destination that was taken or passed over.
    destination_id: Option<i64>,
    /// In plain words.
    said: String,
}

/// Something that is wrong with a configuration.
#[derive(Serialize, ToSchema)]
struct Found {
    /// The word for programs, such as `dangling_target`.
    problem: &'static str,
    /// The kind of the record.
    kind: &'static str,
    /// The id of the record.
    id: i64,
    /// In plain words.
    message: String,
}

async fn route(pbxs: Reader<Pbx, Read>, asked: Asked) -> Result<Answer> {
    let caller = pbxs.caller();
    let routing = caller.app().routing();
    routing.current().await;
    let is_seen = |tenant: i64| {
        caller.is_installation_admin() || caller.may_in::<Pbx, Read>(Id::<Tenant>::new(tenant))
    };
    let (did, table) = routing.did(&asked.did, is_seen).ok_or(Error::NotFound)?;
    Answer::from_value(&explain(&table, (did.tenant, did.did), &asked))
}

fn explain(table: &Table, (tenant_id, did_id): (i64, i64), asked: &Asked) -> Explained {
    let call = Call {
        to: Entry::Did(did_id),
        from: asked.from.clone(),
        at: asked.at,
        phones: asked,
    };
    let mut route = Route::new();
    let outcomes = [StepOutcome::Arrived].into_iter();
    let mut steps = Vec::new();
    for outcome in outcomes.chain(asked.outcomes.iter().cloned()) {
        steps.push(ExplainedStep::from(next(table, &call, &mut route, outcome)));
        if route.end().is_some() {
            break;
        }
    }
    Explained {
        tenant_id,
        did_id,
        steps,
        rule: route.deciding().map(|hop| hop.rule.as_str()),
        hops: route.hops().iter().map(ExplainedHop::from).collect(),
    }
}

impl From<Step> for ExplainedStep {
    fn from(step: Step) -> Self {
        let mut explained = Self {
            step: "hang_up",
            id: None,
            extensions: Vec::new(),
            at_once: None,
            repeats: None,
            seconds: None,
            number: None,
            reason: None,
        };
        match step {
            Step::Ring(ring) => {
                explained.step = "ring";
                explained.id = Some(ring.by.id);
                explained.at_once = Some(ring.at_once);
                explained.repeats = Some(ring.repeats);
                explained.seconds = Some(ring.seconds);
                explained.extensions = ring.extensions;
            }
            Step::PlayIvr { id, timeout, .. } => {
                explained.step = "play_ivr";
                (explained.id, explained.seconds) = (Some(id), Some(timeout));
            }
            Step::Voicemail { id } => {
                (explained.step, explained.id) = ("voicemail", Some(id));
            }
            Step::Forward { number, by } => {
                (explained.step, explained.id) = ("forward", Some(by.id));
                explained.number = Some(number.as_str().to_owned());
            }
            Step::AskPin { id } => (explained.step, explained.id) = ("ask_pin", Some(id)),
            Step::Connected => explained.step = "connected",
            Step::HangUp { reason } => explained.reason = Some(reason.as_str()),
        }
        explained
    }
}

impl From<&Hop> for ExplainedHop {
    fn from(hop: &Hop) -> Self {
        Self {
            rule: hop.rule.as_str(),
            kind: hop.subject.map(|subject| subject.kind.as_str()),
            id: hop.subject.map(|subject| subject.id),
            destination_id: hop.destination,
            said: hop.said.clone(),
        }
    }
}

impl From<Problem> for Found {
    fn from(problem: Problem) -> Self {
        Self {
            problem: problem.kind.as_str(),
            kind: problem.subject.kind.as_str(),
            id: problem.subject.id,
            message: problem.said,
        }
    }
}

async fn checked(pbxs: Reader<Pbx, Read>, Within(tenant): Within) -> Result<Answer> {
    let caller = pbxs.caller();
    let tenant = tenant.unwrap_or_else(|| caller.home());
    let is_there = caller.access_cache().tenant(tenant).is_some();
    if !(is_there && (pbxs.must_in(tenant).is_ok() || caller.is_installation_admin())) {
        return Err(Error::NotFound);
    }
    let routing = caller.app().routing();
    routing.current().await;
    let problems = routing.problems(tenant).await.into_iter();
    let found: Vec<Found> = problems.take(MAX_PROBLEMS).map(Found::from).collect();
    Answer::from_value(&found)
}

/// The facts of a call, as the query string gives them.
struct Asked {
    did: String,
    from: Option<String>,
    at: DateTime<Utc>,
    busy: HashSet<i64>,
    offline: HashSet<i64>,
    turn: usize,
    outcomes: Vec<StepOutcome>,
}

impl Phones for Asked {
    fn turn(&self, _hunt: i64) -> usize {
        self.turn
    }

    fn status(&self, extension: i64) -> Status {
        if self.busy.contains(&extension) {
            Status::Busy
        } else if self.offline.contains(&extension) {
            Status::Offline
        } else {
            Status::Available
        }
    }
}

impl FromRequestParts<App> for Asked {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _app: &App) -> Result<Self> {
        let mut asked = Self {
            did: String::new(),
            from: None,
            at: clock::now(),
            busy: HashSet::new(),
            offline: HashSet::new(),
            turn: 0,
            outcomes: Vec::new(),
        };
        for (name, value) in query_pairs(parts)? {
            match name.as_str() {
                "did" => asked.did = value,
                "from" => asked.from = Some(value).filter(|from| !from.is_empty()),
                "at" => asked.at = time(&value)?,
                "busy" => asked.busy = ids("busy", &value)?,
                "offline" => asked.offline = ids("offline", &value)?,
                "turn" => asked.turn = turn(&value)?,
                "outcomes" => asked.outcomes = outcomes(&value)?,
                _ => return Err(Error::invalid(name, "is not known here")),
            }
        }
        if asked.did.is_empty() {
            return Err(Error::invalid("did", "is required"));
        }
        Ok(asked)
    }
}

impl Describe for Asked {
    fn describe(sketch: &mut Sketch) {
        let text = || ObjectBuilder::new().schema_type(Type::String);
        let seconds = ObjectBuilder::new().schema_type(Type::Integer);
        sketch.query("did", "The number that is called; required.", text());
        sketch.query("from", "The caller's number.", text());
        sketch.query(
            "at",
            "The time of the call, unix seconds; now without it.",
            seconds,
        );
        sketch.query(
            "busy",
            "The ids of extensions in a call, with commas.",
            text(),
        );
        sketch.query(
            "offline",
            "The ids of extensions without a phone, with commas.",
            text(),
        );
        let calls = ObjectBuilder::new().schema_type(Type::Integer);
        let calls = calls.minimum(Some(0)).maximum(Some(MAX_TURN));
        let said = "The calls that hunt groups have had, of those that take turns; 0 without it.";
        sketch.query("turn", said, calls);
        let said = "The outcomes of the steps before, with commas: answered, no_answer, busy, \
                    offline, timeout, wrong_digit, operator, pin_refused, pin_accepted:NUMBER \
                    with the number that is dialled then, or the key that is pressed.";
        sketch.query("outcomes", said, text());
        sketch.refuses(&[404, 412]);
    }
}

fn time(text: &str) -> Result<DateTime<Utc>> {
    let seconds = text.parse::<i64>().ok();
    let time = seconds.and_then(|seconds| DateTime::from_timestamp(seconds, 0));
    time.ok_or_else(|| Error::invalid("at", "must be a time in unix seconds"))
}

fn turn(text: &str) -> Result<usize> {
    let turn = text.parse().ok().filter(|turn| *turn <= MAX_TURN);
    turn.ok_or_else(|| Error::invalid("turn", format!("must be from 0 to {MAX_TURN}")))
}

fn ids(field: &'static str, text: &str) -> Result<HashSet<i64>> {
    let ids = text.split(',').map(|id| id.trim().parse::<i64>());
    let ids: Result<HashSet<i64>, _> = ids.collect();
    ids.map_err(|_| Error::invalid(field, "must be ids with commas between"))
}

fn outcomes(text: &str) -> Result<Vec<StepOutcome>> {
    let outcome = |word: &str| {
        Some(match word {
            "answered" => StepOutcome::Answered,
            "no_answer" => StepOutcome::NoAnswer,
            "busy" => StepOutcome::Busy,
            "offline" => StepOutcome::Offline,
            "timeout" => StepOutcome::TimedOut,
            "wrong_digit" => StepOutcome::WrongDigit,
            "operator" => StepOutcome::Operator,
            "pin_refused" => StepOutcome::PinRefused,
            "0" | "1" | "2" | "3" | "4" | "5" | "6" | "7" | "8" | "9" | "*" | "#" => {
                StepOutcome::Digit(word.chars().next()?)
            }
            word => StepOutcome::PinAccepted {
                number: word.strip_prefix("pin_accepted:")?.to_owned(),
            },
        })
    };
    let words: Vec<&str> = text.split(',').map(str::trim).collect();
    if words.len() > MAX_OUTCOMES {
        let said = format!("must be at most {MAX_OUTCOMES}");
        return Err(Error::invalid("outcomes", said));
    }
    let outcomes: Option<Vec<_>> = words.into_iter().map(outcome).collect();
    outcomes.ok_or_else(|| Error::invalid("outcomes", "has a word that is no outcome"))
}

/// The tenant that is asked about.
struct Within(Option<Id<Tenant>>);

impl FromRequestParts<App> for Within {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _app: &App) -> Result<Self> {
        let mut tenant = None;
        for (name, value) in query_pairs(parts)? {
            if name != TENANT_ID {
                return Err(Error::invalid(name, "is not known here"));
            }
            let id = value.parse::<i64>();
            let id = id.map_err(|_| Error::invalid(TENANT_ID, "must be a whole number"))?;
            tenant = Some(Id::new(id));
        }
        Ok(Self(tenant))
    }
}

impl Describe for Within {
    fn describe(sketch: &mut Sketch) {
        let id = ObjectBuilder::new().schema_type(Type::Integer);
        sketch.query(
            TENANT_ID,
            "The tenant; the home tenant without it.",
            id.minimum(Some(1)),
        );
        sketch.refuses(&[404, 412]);
    }
}
