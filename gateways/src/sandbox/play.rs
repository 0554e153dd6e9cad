//! The simulated outcome of a destination, and its result rows and outbox entry.

use domain::{
    delivery::{Outcome, SpoolResult},
    flow::{Action, Flow, SUCCESS, StepAnswer, StepResult},
};

use crate::{Content, content::CallAction};

/// The behaviour that a destination simulates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Play {
    Deliver,
    Busy,
    NoAnswer,
    Fail,
    Slow,
    Unknown,
    Unavailable,
}

impl Play {
    /// Looks up the behaviour by the local part of an email address, or by the number.
    pub fn for_destination(destination: &str) -> Self {
        let name = match destination.split_once('@') {
            Some((local, _)) => local.split('+').next().unwrap_or(local),
            None => destination.trim_start_matches('+'),
        };
        match name.to_ascii_lowercase().as_str() {
            "busy" | "9990001" => Self::Busy,
            "noanswer" | "9990002" => Self::NoAnswer,
            "fail" | "9990003" => Self::Fail,
            "slow" | "9990004" => Self::Slow,
            "unknown" | "9990005" => Self::Unknown,
            "unavailable" | "9990006" => Self::Unavailable,
            _ => Self::Deliver,
        }
    }
}

/// The outcome, the response in the terms of the service, and the result of the first step.
pub(super) fn words(content: &Content, play: Play) -> (Outcome, &'static str, &'static str) {
    let call = matches!(content, Content::Fax(_) | Content::Voice(_));
    match play {
        Play::Deliver | Play::Slow if call => (Outcome::Delivered, "NORMAL_CLEARING", SUCCESS),
        Play::Deliver | Play::Slow => (
            Outcome::Delivered,
            "delivered to the sandbox's outbox",
            SUCCESS,
        ),
        Play::Busy => (Outcome::Unanswered, "USER_BUSY", "busy"),
        Play::NoAnswer => (Outcome::Unanswered, "NO_ANSWER", "noanswer"),
        Play::Fail if call => (Outcome::Rejected, "CALL_REJECTED", "failed"),
        Play::Fail => (Outcome::Rejected, "rejected by the sandbox", "failed"),
        Play::Unavailable => (
            Outcome::Unavailable,
            "the sandbox plays unreachable",
            "failed",
        ),
        Play::Unknown => (
            Outcome::Unknown,
            "the sandbox plays a lost answer",
            "unknown",
        ),
    }
}

/// The result rows of an attempt of this flow whose first step has the result `first`. The other
/// steps succeed, and no key is pressed.
pub(super) fn results(flow: &Flow, content: &Content, first: &str) -> Vec<SpoolResult> {
    let mut first = Some(StepResult::new(first));
    let played = flow.play(|_, action| {
        let result = first.take().unwrap_or_else(|| usual(action, Some(content)));
        StepAnswer::Result(result)
    });
    played.results
}

/// The result of a step that succeeds; no key is pressed.
pub(super) fn usual(action: &Action, content: Option<&Content>) -> StepResult {
    match (action, content) {
        (Action::FaxSend { .. }, Some(Content::Fax(fax))) => {
            StepResult::success().with("pages", fax.pages.to_string())
        }
        _ => action.usual(),
    }
}

/// The subject and the content in the outbox.
pub(super) fn shown(content: &Content) -> (Option<String>, Option<String>) {
    match content {
        Content::Email(email) => {
            let text = email.html.as_ref().unwrap_or(&email.text);
            (Some(email.subject.clone()), Some(text.clone()))
        }
        Content::Sms(sms) => (None, Some(sms.text.clone())),
        Content::Fax(fax) => (Some(fax.name.clone()), Some(pages(fax.pages))),
        Content::Voice(call) => {
            let heard = call.actions.iter().filter_map(heard);
            (None, Some(heard.collect::<Vec<_>>().join("\n")))
        }
    }
}

fn pages(count: u32) -> String {
    match count {
        1 => "1 page".to_owned(),
        _ => format!("{count} pages"),
    }
}

fn heard(action: &CallAction) -> Option<String> {
    match action {
        CallAction::Play(recorded) => {
            Some(format!("played: {}, {} s", recorded.name, recorded.seconds))
        }
        CallAction::Say(speech) => Some(format!("said: {}", speech.text)),
        CallAction::Wait(time) => Some(format!("silence: {} s", time.as_secs())),
        CallAction::Originate | CallAction::Disconnect => None,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use bytes::Bytes;
    use domain::{
        Id,
        flow::{After, Run, Service, Step},
        outreach::ProgramKind,
    };

    use super::*;
    use crate::content::{Call, Fax, Speech};

    #[test]
    fn destinations_play_their_outcome_and_tags_do_not_matter() {
        assert_eq!(Play::for_destination("busy@example.com"), Play::Busy);
        assert_eq!(
            Play::for_destination("Unknown+7@example.com"),
            Play::Unknown
        );
        assert_eq!(Play::for_destination("+9990003"), Play::Fail);
        assert_eq!(Play::for_destination("bob@busy.example"), Play::Deliver);
        assert_eq!(Play::for_destination("15550100"), Play::Deliver);
    }

    fn content() -> Content {
        let say = || {
            CallAction::Say(Speech {
                text: "Hello".to_owned(),
                language: None,
            })
        };
        let wait = CallAction::Wait(Duration::from_secs(2));
        Content::Voice(Box::new(Call {
            caller: None,
            actions: vec![CallAction::Originate, say(), wait, say()],
        }))
    }

    /// The flow of that call, its steps under these conditions.
    fn flow(ways: [Vec<After>; 4]) -> Flow {
        let say = || Action::Tts {
            program_id: Id::new(1),
            version: 1,
        };
        let actions = [Action::Originate, say(), Action::Wait { seconds: 2 }, say()];
        let steps = actions.into_iter().zip(ways);
        Flow {
            service: Service::Voice,
            steps: steps
                .map(|(action, after)| Step { action, after })
                .collect(),
        }
    }

    fn rows(flow: &Flow, content: &Content, first: &str) -> Vec<String> {
        let rows = results(flow, content, first).into_iter();
        rows.map(|row| format!("{} {}", row.name, row.data))
            .collect()
    }

    #[test]
    fn a_call_goes_on_while_its_steps_succeed() {
        let after = |step| vec![After::success(step)];
        let chain = flow([Vec::new(), after(0), after(1), after(2)]);
        assert_eq!(
            rows(&chain, &content(), SUCCESS),
            [
                "originate success",
                "tts success",
                "wait success",
                "tts success"
            ]
        );
        assert_eq!(rows(&chain, &content(), "busy"), ["originate busy"]);
        let (subject, content) = shown(&content());
        assert_eq!(subject, None);
        assert_eq!(content.unwrap(), "said: Hello\nsilence: 2 s\nsaid: Hello");
    }

    #[test]
    fn a_call_in_circles_comes_to_an_end() {
        let after = |step| vec![After::success(step)];
        let circle = flow([
            Vec::new(),
            vec![After::success(0), After::success(2)],
            after(1),
            vec![After::success(0)],
        ]);
        let rows = rows(&circle, &content(), SUCCESS);
        assert_eq!(rows.len(), Run::MOST_STEPS + 1);
        assert_eq!(rows.last().unwrap(), "flow stopped after 256 steps");
    }

    #[test]
    fn a_sent_fax_has_its_pages() {
        let fax = Content::Fax(Box::new(Fax {
            name: "letter".to_owned(),
            tiff: Bytes::new(),
            pages: 3,
            caller: None,
        }));
        let kind = ProgramKind::SendFax {
            document_id: Id::new(2),
            account_id: None,
        };
        let flow = Flow::compile(Id::new(1), &kind, 1);
        assert_eq!(
            rows(&flow, &fax, SUCCESS),
            [
                "originate success",
                "fax_send success",
                "pages 3",
                "disconnect success"
            ]
        );
        assert_eq!(rows(&flow, &fax, "busy"), ["originate busy"]);
    }
}
