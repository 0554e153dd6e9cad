//! Flows of the tests.

use super::*;

/// A flow of calls with these steps.
pub(super) fn call<const N: usize>(steps: [(Action, Vec<After>); N]) -> Flow {
    let steps = steps.into_iter();
    Flow {
        service: Service::Voice,
        steps: steps
            .map(|(action, after)| Step { action, after })
            .collect(),
    }
}

/// The condition that a detail of a step has this value.
pub(super) fn detail(step: usize, name: &str, is: &str) -> After {
    After {
        step,
        name: Some(name.to_owned()),
        is: is.to_owned(),
    }
}

/// The condition that a step has this result of its own.
pub(super) fn own(step: usize, is: &str) -> After {
    After {
        step,
        name: None,
        is: is.to_owned(),
    }
}

pub(super) fn play() -> Action {
    Action::VoicePlay {
        recording_id: Id::new(3),
        version: 1,
    }
}

pub(super) fn menu() -> Action {
    Action::PlayMenu {
        recording_id: Id::new(4),
        version: 1,
    }
}

/// A call with a menu: 1 plays a recording and comes back, 2 hangs up, no key is a farewell.
pub(super) fn with_a_menu() -> Flow {
    let back = vec![After::success(0), After::success(2)];
    call([
        (Action::Originate, vec![]),
        (menu(), back),
        (play(), vec![detail(1, "key", "1")]),
        (
            Action::Disconnect,
            vec![detail(1, "key", "2"), After::success(4)],
        ),
        (play(), vec![own(1, "timeout")]),
    ])
}

/// Result rows in short.
pub(super) fn short(rows: &[SpoolResult]) -> Vec<String> {
    let rows = rows.iter();
    rows.map(|row| format!("{} {} {}", row.kind.as_str(), row.name, row.data))
        .collect()
}
