use chrono::{DateTime, TimeDelta, Utc};
use domain::Id;
use eventstore::Metadata;
use testkit::transmissions::{
    arrived_call, connected, ended, hung_up, noon, personal, queued, queued_call,
};

use super::{super::Disposition, *};

const CALL: i64 = 7;
const CONTACT: i64 = 3;

fn started() -> TransmissionEvent {
    TransmissionEvent::SpoolStarted {
        spool: Id::new(CALL),
        at: at(1),
        claim: String::new(),
        provider: Id::new(8),
        worker: String::new(),
        campaign: None,
    }
}

fn end(outcome: Outcome, words: &str) -> TransmissionEvent {
    let [end, _] = ended(CALL, CONTACT, outcome, words);
    end
}

fn resolved(outcome: Outcome) -> TransmissionEvent {
    TransmissionEvent::SpoolResolved {
        spool: Id::new(CALL),
        at: at(60),
        outcome,
        response: personal(CONTACT, "late".to_owned()),
    }
}

fn at(seconds: i64) -> DateTime<Utc> {
    noon() + TimeDelta::seconds(seconds)
}

fn dialled(rest: impl IntoIterator<Item = TransmissionEvent>) -> Vec<TransmissionEvent> {
    let mut events = vec![queued_call(CALL, 1, CONTACT), started()];
    events.extend(rest);
    events
}

fn fold(open: BTreeMap<i64, OpenCall>, events: &[(u64, TransmissionEvent)]) -> Changes {
    let recorded: Vec<_> = events
        .iter()
        .map(|(sequence, event)| Recorded {
            position: 100 + *sequence as i64,
            aggregate_type: "transmission".into(),
            aggregate_id: 1,
            sequence: *sequence,
            event_type: String::new(),
            occurred_at: noon(),
            metadata: Metadata::default(),
            event: event.clone().into(),
        })
        .collect();
    let events = recorded.iter().zip(events.iter().map(|(_, event)| event));
    Changes::fold(open, events)
}

/// The call after these events, which must be the same wherever a batch ends.
fn after(events: Vec<TransmissionEvent>) -> EndedCall {
    let events: Vec<_> = (1..).zip(events).collect();
    let mut whole = fold(BTreeMap::new(), &events);
    let call = whole.ended.remove(&CALL).unwrap();
    for cut in 0..events.len() {
        let (first, rest) = events.split_at(cut);
        let before = fold(BTreeMap::new(), first);
        let mut after = fold(before.open, rest);
        let found = match before.ended.get(&CALL) {
            None => after.ended.remove(&CALL).unwrap(),
            Some(ended) => {
                let mut ended = ended.clone();
                after.resolved.iter().for_each(|it| ended.resolve(it));
                ended
            }
        };
        assert_eq!(found, call, "cut at {cut}");
    }
    call
}

/// The seconds of a call and of its answered part.
fn lengths(call: &EndedCall) -> (i32, i32) {
    (call.duration(), call.billed())
}

#[test]
fn an_answered_call_lasts_from_dialling_to_its_end() {
    let call = after(dialled([
        connected(CALL, 2),
        end(Outcome::Delivered, "NORMAL_CLEARING"),
    ]));
    assert_eq!(call.disposition, Disposition::Answered);
    assert_eq!((call.started_at(), call.answered_at), (at(1), Some(at(2))));
    assert_eq!(lengths(&call), (2, 1));
    assert_eq!(call.call.dst.as_deref(), Some("+15550100"));
    assert_eq!(
        (call.call.user_id, call.call.contact_id),
        (Some(5), Some(CONTACT))
    );
    assert_eq!((call.position, call.version), (104, 4));
}

#[test]
fn reaching_a_busy_callee_is_no_answer() {
    for (outcome, words, expected) in [
        (Outcome::Unanswered, "USER_BUSY", Disposition::Busy),
        (Outcome::Unanswered, "NO_ANSWER", Disposition::NoAnswer),
        (Outcome::Rejected, "CALL_REJECTED", Disposition::Failed),
        (Outcome::Unknown, "OUTCOME_UNKNOWN", Disposition::Failed),
    ] {
        let call = after(dialled([connected(CALL, 3), end(outcome, words)]));
        assert_eq!(call.disposition, expected, "{words}");
        assert_eq!(call.answered_at, None, "{words}");
        assert_eq!(lengths(&call), (2, 0), "{words}");
    }
}

#[test]
fn a_call_that_is_hung_up_was_answered_or_not() {
    let end = || end(Outcome::Rejected, "CANCELLED on request");
    let talking = after(dialled([connected(CALL, 2), hung_up(CALL), end()]));
    assert_eq!(talking.disposition, Disposition::Answered);
    assert_eq!(lengths(&talking), (2, 1));
    let ringing = after(dialled([hung_up(CALL), end()]));
    assert_eq!(ringing.disposition, Disposition::NoAnswer);
    assert_eq!(lengths(&ringing), (2, 0));
}

#[test]
fn a_call_that_was_never_dialled_takes_no_time() {
    let call = after(vec![
        queued_call(CALL, 1, CONTACT),
        end(Outcome::Unavailable, "no provider"),
    ]);
    assert_eq!(call.disposition, Disposition::Failed);
    assert_eq!(call.started_at(), call.ended_at);
    assert_eq!(lengths(&call), (0, 0));
}

#[test]
fn a_call_that_comes_in_starts_with_its_arrival() {
    let call = after(vec![
        arrived_call(CALL, CONTACT),
        started(),
        connected(CALL, 2),
        end(Outcome::Delivered, "NORMAL_CLEARING"),
    ]);
    assert_eq!(call.started_at(), at(0));
    assert_eq!(lengths(&call), (3, 1));
    assert_eq!(call.call.clid.as_deref(), Some("\"Ada\" <+15550142>"));
    assert_eq!(call.call.src.as_deref(), Some("+15550142"));
    assert_eq!(call.call.dst.as_deref(), Some("+4930123456"));
}

#[test]
fn a_late_outcome_changes_the_disposition_of_what_was_not_answered() {
    let unknown = || end(Outcome::Unknown, "OUTCOME_UNKNOWN");
    for (outcome, expected) in [
        (Outcome::Delivered, Disposition::Answered),
        (Outcome::Unanswered, Disposition::NoAnswer),
        (Outcome::Rejected, Disposition::Failed),
    ] {
        let call = after(dialled([unknown(), resolved(outcome)]));
        assert_eq!(call.disposition, expected, "{outcome}");
        assert_eq!((call.position, call.version), (103, 4));
        let answered = dialled([connected(CALL, 2), unknown(), resolved(outcome)]);
        assert_eq!(after(answered).disposition, Disposition::Answered);
    }
}

#[test]
fn neither_a_message_nor_a_withdrawn_call_leaves_a_record() {
    let withdrawn = TransmissionEvent::SpoolWithdrawn {
        spool: Id::new(CALL),
        attempt: 1,
        at: at(1),
        reason: String::new(),
        open_at: at(2),
    };
    let message = end(Outcome::Delivered, "250 ok");
    for events in [
        vec![queued_call(CALL, 1, CONTACT), withdrawn],
        vec![queued(CALL, 1, CONTACT), started(), message],
    ] {
        let events: Vec<_> = (1..).zip(events).collect();
        let changes = fold(BTreeMap::new(), &events);
        assert!(changes.open.is_empty() && changes.ended.is_empty());
    }
}
