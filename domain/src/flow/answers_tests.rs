use super::*;
use crate::flow::{
    Ending, Played,
    examples::{short, with_a_menu},
};

fn word(result: &str) -> Given {
    Given {
        result: Some(result.to_owned()),
        details: vec![],
    }
}

fn fields(result: Option<&str>, name: &str, value: &str) -> Given {
    Given {
        result: result.map(str::to_owned),
        details: vec![(name.to_owned(), value.to_owned())],
    }
}

fn read<const N: usize>(
    flow: &Flow,
    given: [(&str, Vec<Given>); N],
) -> Result<Answers, Vec<Unfit>> {
    let given = given.into_iter();
    let given = given.map(|(name, list)| (name.to_owned(), list));
    Answers::read(flow, &given.collect())
}

fn played<const N: usize>(given: [(&str, Vec<Given>); N]) -> Played {
    let flow = with_a_menu();
    flow.play(read(&flow, given).unwrap().each())
}

fn steps(played: &Played) -> Vec<usize> {
    played.path.iter().map(|visit| visit.step).collect()
}

#[test]
fn without_answers_every_step_succeeds_and_no_key_is_pressed() {
    let silent = played([]);
    assert_eq!(steps(&silent), [0, 1, 4, 3]);
    assert_eq!(silent.ending, Ending::Completed);
    let timeout = &short(&silent.results)[1];
    assert_eq!(timeout, "application play_menu timeout");
}

#[test]
fn visits_get_their_answers_in_turn_and_then_the_last() {
    let keys = || vec![word("1"), word("1"), word("2")];
    assert_eq!(steps(&played([("1", keys())])), [0, 1, 2, 1, 2, 1, 3]);
    let round = played([("play_menu", vec![fields(None, "key", "1")])]);
    assert_eq!(round.ending, Ending::Stopped);
    assert_eq!(round.path.len(), Run::MOST_STEPS);
}

#[test]
fn a_number_goes_before_the_name_of_an_application() {
    let mixed = played([
        ("voice_play", vec![word("failed")]),
        ("4", vec![word("success")]),
    ]);
    assert_eq!(steps(&mixed), [0, 1, 4, 3]);
    let failed = played([("voice_play", vec![word("failed")])]);
    assert_eq!(steps(&failed), [0, 1, 4]);
}

#[test]
fn the_other_side_can_hang_up_at_any_step() {
    let gone = played([("1", vec![word("1")]), ("2", vec![word("hangup")])]);
    assert_eq!(steps(&gone), [0, 1, 2]);
    let by = Interruption::Hangup(Side::Remote);
    assert_eq!(gone.ending, Ending::Interrupted(by));
    assert_eq!(short(&gone.results)[4], "info hangup remote");
    let ours = played([("originate", vec![word("hangup_local")])]);
    assert_eq!(short(&ours.results)[1], "info hangup local");
}

#[test]
fn an_answer_that_does_not_fit_is_refused_by_name() {
    let flow = with_a_menu();
    for (name, given, detail) in [
        ("5", vec![word("success")], None),
        ("tts", vec![word("success")], None),
        ("", vec![word("success")], None),
        ("originate", vec![word("timeout")], None),
        ("play_menu", vec![word("11")], None),
        ("play_menu", vec![word("success")], Some("key")),
        ("play_menu", vec![fields(None, "key", "x")], Some("key")),
        (
            "play_menu",
            vec![fields(Some("timeout"), "key", "1")],
            Some("key"),
        ),
        ("play_menu", vec![fields(Some("hangup"), "key", "1")], None),
        ("0", vec![fields(None, "pages", "1")], Some("pages")),
        ("0", vec![], None),
        ("0", vec![word("busy"); Run::MOST_STEPS + 1], None),
    ] {
        let unfit = read(&flow, [(name, given)]).unwrap_err();
        let said: Vec<_> = unfit
            .iter()
            .map(|it| (it.name.as_str(), it.detail.as_deref()))
            .collect();
        assert_eq!(said, [(name, detail)]);
    }
    let two = read(&flow, [("9", vec![word("x")]), ("tts", vec![word("x")])]);
    assert_eq!(two.unwrap_err().len(), 2);
}

#[test]
fn only_a_call_can_be_hung_up() {
    let flow = Flow::send_sms(crate::Id::new(1), 1);
    let refused = read(&flow, [("0", vec![word("hangup")])]).unwrap_err();
    assert_eq!(
        refused[0].reason,
        "must be one of success; busy; noanswer; failed; unknown; cancelled; deadline"
    );
    let late = read(&flow, [("0", vec![word("deadline")])]).unwrap();
    assert_eq!(
        short(&flow.play(late.each()).results),
        ["application sms_send deadline"]
    );
}
