//! The simulated outcome of a destination, and its result rows and outbox entry.

use domain::{
    delivery::{Outcome, ResultKind, SpoolResult},
    flow::{SUCCESS, application},
};

use crate::{
    Content,
    content::{Call, CallAction, Fax},
};

/// The most steps of a call that are played, should its steps form a cycle.
const MOST_STEPS: usize = 24;

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

/// The result rows of an attempt whose first step ended with the result `first`.
pub(super) fn results(content: &Content, first: &str) -> Vec<SpoolResult> {
    match content {
        Content::Email(_) => vec![row(application::EMAIL_SEND, first)],
        Content::Sms(_) => vec![row(application::SMS_SEND, first)],
        Content::Fax(fax) => faxed(fax, first),
        Content::Voice(call) => called(call, first),
    }
}

fn row(application: &str, result: &str) -> SpoolResult {
    SpoolResult::new(ResultKind::Application, application, result)
}

fn faxed(fax: &Fax, first: &str) -> Vec<SpoolResult> {
    let mut rows = vec![row(application::ORIGINATE, first)];
    if first == SUCCESS {
        let pages = SpoolResult::new(ResultKind::Info, "pages", fax.pages.to_string());
        rows.extend([
            row(application::FAX_SEND, SUCCESS),
            pages,
            row(application::DISCONNECT, SUCCESS),
        ]);
    }
    rows
}

/// The rows of a call: the call itself ends with `first`, every other step with success.
fn called(call: &Call, first: &str) -> Vec<SpoolResult> {
    let mut rows = Vec::new();
    let mut next: Vec<usize> = call.first().collect();
    while let Some(at) = next.pop() {
        if rows.len() == MOST_STEPS {
            break;
        }
        let Some(step) = call.steps.get(at) else {
            continue;
        };
        let result = match step.action {
            CallAction::Originate => first,
            _ => SUCCESS,
        };
        let now = [row(step.action.application(), result)];
        next.extend(call.following(at, &now));
        rows.extend(now);
    }
    rows
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
            let heard = call.steps.iter().filter_map(|step| heard(&step.action));
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

    use domain::flow::After;

    use super::*;
    use crate::content::{CallStep, Speech};

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

    fn call(ways: [Vec<After>; 4]) -> Content {
        let say = || {
            CallAction::Say(Speech {
                text: "Hello".to_owned(),
                language: None,
            })
        };
        let wait = CallAction::Wait(Duration::from_secs(2));
        let actions = [CallAction::Originate, say(), wait, say()];
        let steps = actions.into_iter().zip(ways);
        Content::Voice(Box::new(Call {
            caller: None,
            steps: steps
                .map(|(action, after)| CallStep { action, after })
                .collect(),
        }))
    }

    fn rows(content: &Content, first: &str) -> Vec<String> {
        let rows = results(content, first).into_iter();
        rows.map(|row| format!("{} {}", row.name, row.data))
            .collect()
    }

    #[test]
    fn a_call_goes_on_while_its_steps_succeed() {
        let after = |step| vec![After::success(step)];
        let chain = call([Vec::new(), after(0), after(1), after(2)]);
        assert_eq!(
            rows(&chain, SUCCESS),
            [
                "originate success",
                "tts success",
                "wait success",
                "tts success"
            ]
        );
        assert_eq!(rows(&chain, "busy"), ["originate busy"]);
        let (subject, content) = shown(&chain);
        assert_eq!(subject, None);
        assert_eq!(content.unwrap(), "said: Hello\nsilence: 2 s\nsaid: Hello");
    }

    #[test]
    fn a_call_in_circles_comes_to_an_end() {
        let after = |step| vec![After::success(step)];
        let circle = call([
            Vec::new(),
            vec![After::success(0), After::success(2)],
            after(1),
            vec![],
        ]);
        assert_eq!(rows(&circle, SUCCESS).len(), MOST_STEPS);
    }
}
