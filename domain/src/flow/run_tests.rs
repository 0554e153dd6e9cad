use super::*;
use crate::flow::{
    After,
    examples::{call, detail, own, play, short, with_a_menu},
};

fn key(pressed: &str) -> StepResult {
    StepResult::success().with("key", pressed)
}

/// The index of the next step; `None` at the end.
fn at(next: Next<'_>) -> Option<usize> {
    match next {
        Next::Step { at, .. } => Some(at),
        Next::End(_) => None,
    }
}

#[test]
fn a_key_decides_which_step_is_next() {
    let flow = with_a_menu();
    let mut run = Run::new(&flow);
    assert_eq!(at(run.next()), Some(0));
    assert_eq!(at(run.advance(StepResult::success())), Some(1));
    assert_eq!(at(run.advance(key("1"))), Some(2));
    assert_eq!(at(run.advance(StepResult::success())), Some(1));
    assert_eq!(at(run.advance(key("2"))), Some(3));
    let end = run.advance(StepResult::success());
    assert_eq!(end, Next::End(Ending::Completed));
    assert_eq!(
        short(run.results()),
        [
            "application originate success",
            "application play_menu success",
            "info key 1",
            "application voice_play success",
            "application play_menu success",
            "info key 2",
            "application disconnect success",
        ]
    );
    let path: Vec<usize> = run.path().iter().map(|visit| visit.step).collect();
    assert_eq!(path, [0, 1, 2, 1, 3]);
}

#[test]
fn a_result_that_nothing_follows_on_ends_the_run() {
    let flow = with_a_menu();
    let mut run = Run::new(&flow);
    let end = run.advance(StepResult::new("busy"));
    assert_eq!(end, Next::End(Ending::Completed));
    assert_eq!(short(run.results()), ["application originate busy"]);
    let mut run = Run::new(&flow);
    run.advance(StepResult::success());
    let end = run.advance(key("7"));
    assert_eq!(end, Next::End(Ending::Completed));
}

#[test]
fn an_interruption_ends_the_run_at_any_step() {
    let flow = with_a_menu();
    for (by, rows) in [
        (
            Interruption::Hangup(Side::Remote),
            &[
                "application play_menu hangup",
                "info tries 2",
                "info hangup remote",
            ][..],
        ),
        (
            Interruption::Hangup(Side::Local),
            &[
                "application play_menu hangup",
                "info tries 2",
                "info hangup local",
            ],
        ),
        (
            Interruption::Cancelled,
            &["application play_menu cancelled", "info tries 2"],
        ),
        (
            Interruption::Deadline,
            &["application play_menu deadline", "info tries 2"],
        ),
    ] {
        let mut run = Run::new(&flow);
        run.advance(StepResult::success());
        let details = StepResult::success().with("tries", "2").details;
        run.interrupt(by, details);
        assert_eq!(run.next(), Next::End(Ending::Interrupted(by)));
        assert_eq!(short(&run.results()[1..]), rows);
    }
}

#[test]
fn nothing_is_added_to_a_run_that_has_ended() {
    let flow = with_a_menu();
    let mut run = Run::new(&flow);
    run.interrupt(Interruption::Cancelled, vec![]);
    let (rows, end) = (run.results().to_vec(), run.next());
    run.interrupt(Interruption::Hangup(Side::Remote), vec![]);
    assert_eq!(run.advance(StepResult::success()), end);
    assert_eq!(run.results(), rows);
    assert_eq!(end, Next::End(Ending::Interrupted(Interruption::Cancelled)));
}

#[test]
fn a_circle_is_stopped_and_the_last_row_says_so() {
    let flow = call([
        (Action::Originate, vec![]),
        (play(), vec![After::success(0), After::success(1)]),
    ]);
    let mut run = Run::new(&flow);
    while at(run.advance(StepResult::success())).is_some() {}
    assert_eq!(run.next(), Next::End(Ending::Stopped));
    assert_eq!(run.path().len(), Run::MOST_STEPS);
    let last = short(run.results()).pop();
    assert_eq!(last.unwrap(), "error flow stopped after 256 steps");
}

#[test]
fn the_last_step_within_the_bound_can_still_complete_a_run() {
    let flow = call([
        (Action::Originate, vec![]),
        (play(), vec![After::success(0), After::success(1)]),
    ]);
    let mut run = Run::new(&flow);
    for _ in 1..Run::MOST_STEPS {
        run.advance(StepResult::success());
    }
    let end = run.advance(StepResult::new("failed"));
    assert_eq!(end, Next::End(Ending::Completed));
}

#[test]
fn steps_that_follow_on_the_same_result_are_taken_in_turn() {
    let flow = call([
        (Action::Originate, vec![]),
        (Action::Amd, vec![After::success(0)]),
        (play(), vec![After::success(0), After::success(1)]),
        (Action::Disconnect, vec![detail(1, "amd", "machine")]),
    ]);
    let played = |kind: &str| {
        let mut run = Run::new(&flow);
        run.advance(StepResult::success());
        run.advance(StepResult::success().with("amd", kind));
        while at(run.advance(StepResult::success())).is_some() {}
        run.path().iter().map(|it| it.step).collect::<Vec<_>>()
    };
    assert_eq!(played("human"), [0, 1, 2]);
    assert_eq!(played("machine"), [0, 1, 2, 3]);
}

#[test]
fn nothing_is_taken_after_a_disconnect() {
    let flow = call([
        (Action::Originate, vec![]),
        (Action::Disconnect, vec![After::success(0)]),
        (play(), vec![After::success(0), After::success(1)]),
        (play(), vec![own(1, "failed")]),
    ]);
    let mut run = Run::new(&flow);
    run.advance(StepResult::success());
    let end = run.advance(StepResult::success());
    assert_eq!(end, Next::End(Ending::Completed));
}

#[test]
fn a_flow_without_a_first_step_ends_at_once() {
    let circle = call([(play(), vec![After::success(0)])]);
    for flow in [call([]), circle] {
        let run = Run::new(&flow);
        assert_eq!(run.next(), Next::End(Ending::Completed));
        assert_eq!(run.results(), []);
    }
}
