//! Classifies a message centre's responses to a submit_sm.

use domain::delivery::Outcome;
use rusmpp::{CommandId, CommandStatus};

use super::{
    pdu::{Frame, message_id},
    session::Lost,
};

/// A classified response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum SubmitResult {
    /// Accepted, with the message centre's id of the message.
    Accepted(String),
    /// Throttled, or its queue is full: the message can be sent again later.
    Throttled(String),
    /// Not accepted, with the outcome and the reason.
    Refused(Outcome, String),
}

/// Classifies a response, or the lack of one: once a message was written, only a response
/// proves that it was not accepted.
pub(super) fn read(answer: Result<Frame, Lost>) -> SubmitResult {
    match answer {
        Ok(answer) if answer.status != CommandStatus::EsmeRok => refused(answer.status),
        Ok(Frame {
            id: CommandId::SubmitSmResp,
            body,
            ..
        }) => SubmitResult::Accepted(message_id(&body)),
        Ok(_) => unknown("the message centre answered with something else"),
        Err(Lost { sent: true, reason }) => unknown(reason),
        Err(Lost { reason, .. }) => SubmitResult::Refused(Outcome::Unavailable, reason.to_owned()),
    }
}

fn unknown(words: &str) -> SubmitResult {
    SubmitResult::Refused(Outcome::Unknown, words.to_owned())
}

fn refused(status: CommandStatus) -> SubmitResult {
    use CommandStatus::{EsmeRmsgqful, EsmeRsubmitfail, EsmeRsyserr, EsmeRthrottled, EsmeRxTAppn};
    let words = format!("{} ({:#010x})", words(status), u32::from(status));
    match status {
        EsmeRthrottled | EsmeRmsgqful => SubmitResult::Throttled(words),
        EsmeRsyserr | EsmeRsubmitfail | EsmeRxTAppn => {
            SubmitResult::Refused(Outcome::Unavailable, words)
        }
        // The bind does not allow sending; that is no error of the message.
        CommandStatus::EsmeRinvbndsts => SubmitResult::Refused(Outcome::Unavailable, words),
        _ => SubmitResult::Refused(Outcome::Rejected, words),
    }
}

/// The name of a status with its meaning (SMPP 3.4, 5.1.3).
pub(super) fn words(status: CommandStatus) -> String {
    match status {
        CommandStatus::EsmeRinvmsglen => "ESME_RINVMSGLEN: the message is too long",
        CommandStatus::EsmeRinvbndsts => "ESME_RINVBNDSTS: the bind does not allow it",
        CommandStatus::EsmeRalybnd => "ESME_RALYBND: bound already",
        CommandStatus::EsmeRsyserr => "ESME_RSYSERR: system error",
        CommandStatus::EsmeRinvsrcadr => "ESME_RINVSRCADR: invalid source address",
        CommandStatus::EsmeRinvdstadr => "ESME_RINVDSTADR: invalid destination address",
        CommandStatus::EsmeRbindfail => "ESME_RBINDFAIL: bind failed",
        CommandStatus::EsmeRinvpaswd => "ESME_RINVPASWD: invalid password",
        CommandStatus::EsmeRinvsysid => "ESME_RINVSYSID: invalid system id",
        CommandStatus::EsmeRmsgqful => "ESME_RMSGQFUL: message queue full",
        CommandStatus::EsmeRsubmitfail => "ESME_RSUBMITFAIL: submit failed",
        CommandStatus::EsmeRthrottled => "ESME_RTHROTTLED: throttling limit exceeded",
        CommandStatus::EsmeRxTAppn => "ESME_RX_T_APPN: temporary error",
        CommandStatus::EsmeRxPAppn => "ESME_RX_P_APPN: permanent error",
        CommandStatus::EsmeRxRAppn => "ESME_RX_R_APPN: rejected",
        _ => "refused",
    }
    .to_owned()
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn answered(status: u32) -> SubmitResult {
        read(Ok(Frame {
            id: CommandId::GenericNack,
            status: CommandStatus::from(status),
            sequence: 1,
            body: Bytes::new(),
        }))
    }

    #[test]
    fn a_status_says_what_it_means_for_the_message() {
        for throttled in [0x58, 0x14] {
            assert!(matches!(answered(throttled), SubmitResult::Throttled(_)));
        }
        for (status, outcome) in [
            (0x08, Outcome::Unavailable),
            (0x45, Outcome::Unavailable),
            (0x04, Outcome::Unavailable),
            (0x0b, Outcome::Rejected),
            (0x01, Outcome::Rejected),
            (0x0400, Outcome::Rejected),
            (0x00, Outcome::Unknown),
        ] {
            let SubmitResult::Refused(known, words) = answered(status) else {
                panic!("{status:#x}");
            };
            assert_eq!(known, outcome, "{status:#x} {words}");
        }
    }

    #[test]
    fn without_an_answer_nobody_can_tell_unless_nothing_was_sent() {
        for (sent, outcome) in [(true, Outcome::Unknown), (false, Outcome::Unavailable)] {
            let reason = "the connection was lost";
            let answer = read(Err(Lost { sent, reason }));
            assert_eq!(answer, SubmitResult::Refused(outcome, reason.to_owned()));
        }
    }
}
