//! `POST /programs/{program_id}/simulate`: a program's flow, played against given answers.

use std::collections::BTreeMap;

use commands::flows::current_flow;
use domain::{
    Id,
    flow::{Action, Answers, Flow, Given, Played, Unfit},
    outreach::Program,
};
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

use super::simulation_fields::SimulationRequest;
use crate::{
    Error, Result,
    answer::Answer,
    authorization::{Read, Reader},
    error::Invalid,
    extract::{Input, Path},
    openapi::{Routes, op},
};

pub(super) fn routes() -> Routes {
    Routes::new().post(
        "/programs/{program}/simulate",
        simulate,
        op("Plays a program's flow against given answers")
            .note(
                "Nothing is sent and nothing is written. A step without an answer succeeds, and no \
                 key is pressed.",
            )
            .example(json!({"answers": {"0": "failed"}}))
            .json::<Simulation>(),
    )
}

/// A flow that was played.
#[derive(Debug, Serialize, ToSchema)]
struct Simulation {
    /// `completed`, `hangup`, `cancelled`, `deadline`, or `stopped` after the most steps.
    ending: &'static str,
    /// The steps that were taken, in order.
    path: Vec<SimulatedStep>,
    /// The result rows, as an attempt would have them.
    results: Vec<SimulatedResult>,
}

/// A step that was taken.
#[derive(Debug, Serialize, ToSchema)]
struct SimulatedStep {
    /// The step's number in the flow, counted from 0.
    step: usize,
    /// The application, and what it is applied to.
    #[schema(value_type = Object)]
    action: Option<Action>,
    /// The application's own result.
    result: String,
}

/// A result row: that of a spool, with null for the ids.
#[derive(Debug, Serialize, ToSchema)]
struct SimulatedResult {
    spool_result_id: Option<i64>,
    spool_id: Option<i64>,
    #[serde(rename = "type")]
    kind: &'static str,
    name: String,
    data: String,
}

async fn simulate(
    programs: Reader<Program, Read>,
    Path(id): Path<Id<Program>>,
    Input(SimulationRequest(given)): Input<SimulationRequest>,
) -> Result<Answer> {
    let program = programs.load(id).await?;
    let commands = programs.caller().app().commands();
    let flow = current_flow(commands, id, &program).await?;
    Answer::from_value(&simulated(&flow, &given)?)
}

fn simulated(flow: &Flow, given: &BTreeMap<String, Vec<Given>>) -> Result<Simulation> {
    let answers = Answers::read(flow, given);
    let answers = answers.map_err(|unfit| Error::Invalid(unfit.into_iter().map(invalid).collect()));
    Ok(Simulation::new(flow, flow.play(answers?.each())))
}

/// The answer that does not fit, named as a field of the body.
fn invalid(unfit: Unfit) -> Invalid {
    let Unfit {
        name,
        detail,
        reason,
    } = unfit;
    let field = match detail {
        Some(detail) => format!("answers.{name}.{detail}"),
        None => format!("answers.{name}"),
    };
    Invalid {
        field: field.into(),
        message: reason,
    }
}

impl Simulation {
    fn new(flow: &Flow, played: Played) -> Self {
        let path = played.path.into_iter().map(|visit| SimulatedStep {
            step: visit.step,
            action: flow.steps.get(visit.step).map(|step| step.action.clone()),
            result: visit.result,
        });
        let results = played.results.into_iter().map(|row| SimulatedResult {
            spool_result_id: None,
            spool_id: None,
            kind: row.kind.as_str(),
            name: row.name,
            data: row.data,
        });
        Self {
            ending: played.ending.as_str(),
            path: path.collect(),
            results: results.collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, to_value};

    use super::*;
    use crate::extract::{Fields, FromFields};

    /// A call with a menu, as an event has it: 1 plays a recording and comes back, 2 hangs up.
    fn menu() -> Flow {
        let flow = json!({"service": "voice", "steps": [
            {"application": "originate"},
            {"application": "play_menu", "recording_id": 4, "version": 1, "after": [0, 2]},
            {"application": "voice_play", "recording_id": 5, "version": 2,
             "after": [{"step": 1, "name": "key", "is": "1"}]},
            {"application": "disconnect",
             "after": [{"step": 1, "name": "key", "is": "2"}, {"step": 1, "is": "timeout"}]},
        ]});
        let flow: Flow = serde_json::from_value(flow).unwrap();
        assert_eq!(flow.check(), Ok(()));
        flow
    }

    fn simulate(answers: Value) -> Result<Value> {
        let Value::Object(body) = json!({ "answers": answers }) else {
            panic!("an object")
        };
        let mut fields = Fields::new(body);
        let request = SimulationRequest::from_fields(&mut fields);
        let SimulationRequest(given) = fields.finish(request)?;
        Ok(to_value(simulated(&menu(), &given)?).unwrap())
    }

    fn path(answers: Value) -> (Vec<u64>, Value) {
        let simulation = simulate(answers).unwrap();
        let path = simulation["path"].as_array().unwrap().iter();
        let steps = path.map(|visit| visit["step"].as_u64().unwrap());
        (steps.collect(), simulation["ending"].clone())
    }

    #[test]
    fn each_key_of_a_menu_leads_to_its_branch() {
        assert_eq!(path(json!({})), (vec![0, 1, 3], json!("completed")));
        assert_eq!(
            path(json!({"originate": "busy"})),
            (vec![0], json!("completed"))
        );
        let keys = json!({"play_menu": ["1", {"key": 1}, {"result": "success", "key": "2"}]});
        assert_eq!(path(keys), (vec![0, 1, 2, 1, 2, 1, 3], json!("completed")));
        assert_eq!(
            path(json!({"1": 7})),
            (vec![0, 1], json!("completed")),
            "a key without a branch"
        );
        let gone = json!({"play_menu": 1, "2": "hangup"});
        assert_eq!(path(gone), (vec![0, 1, 2], json!("hangup")));
    }

    #[test]
    fn a_step_shows_its_action_and_a_row_its_type() {
        let simulation = simulate(json!({"1": 1, "2": "hangup"})).unwrap();
        let played = json!({"application": "voice_play", "recording_id": 5, "version": 2});
        assert_eq!(
            simulation["path"][2],
            json!({"step": 2, "action": played, "result": "hangup"})
        );
        let row = |kind: &str, name: &str, data: &str| json!({"spool_result_id": null, "spool_id": null, "type": kind, "name": name, "data": data});
        assert_eq!(
            simulation["results"],
            json!([
                row("application", "originate", "success"),
                row("application", "play_menu", "success"),
                row("info", "key", "1"),
                row("application", "voice_play", "hangup"),
                row("info", "hangup", "remote"),
            ])
        );
    }

    #[test]
    fn going_round_without_an_end_is_stopped() {
        let (steps, ending) = path(json!({"play_menu": "1"}));
        assert_eq!(ending, "stopped");
        assert_eq!(steps.len(), domain::flow::Run::MOST_STEPS);
    }

    #[test]
    fn an_answer_that_does_not_fit_is_a_field_by_name() {
        for (answers, field) in [
            (json!({"4": "success"}), "answers.4"),
            (json!({"tts": "success"}), "answers.tts"),
            (json!({"play_menu": "11"}), "answers.play_menu"),
            (json!({"play_menu": "success"}), "answers.play_menu.key"),
            (json!({"1": {"key": "x"}}), "answers.1.key"),
            (json!({"1": []}), "answers.1"),
        ] {
            let Err(Error::Invalid(errors)) = simulate(answers) else {
                panic!("{field}")
            };
            assert_eq!(errors.len(), 1, "{field}");
            assert_eq!(errors[0].field, field);
        }
    }
}
