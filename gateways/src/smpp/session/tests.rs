use futures::SinkExt;
use tokio::io::DuplexStream;
use tokio_util::codec::Framed;

use super::*;

fn pair() -> (
    Session,
    mpsc::Receiver<Frame>,
    Framed<DuplexStream, CommandCodec>,
) {
    let (ours, theirs) = tokio::io::duplex(1 << 16);
    let timing = Timing {
        time_limit: Duration::from_secs(1),
        enquire: Duration::from_secs(10),
    };
    let (session, delivered) = Session::start(ours, timing);
    (session, delivered, Framed::new(theirs, CommandCodec::new()))
}

async fn answer(theirs: &mut Framed<DuplexStream, CommandCodec>, asked: &Command, pdu: Pdu) {
    let answer = Command::new(CommandStatus::EsmeRok, asked.sequence_number(), pdu);
    theirs.send(answer).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn answers_come_to_those_who_asked_in_any_order() {
    let (session, _delivered, mut theirs) = pair();
    let asking = |pdu: Pdu| {
        let session = session.clone();
        tokio::spawn(async move { session.request(pdu).await })
    };
    let (one, two) = (asking(Pdu::EnquireLink), asking(Pdu::Unbind));
    let first = theirs.next().await.unwrap().unwrap();
    let second = theirs.next().await.unwrap().unwrap();
    answer(&mut theirs, &second, Pdu::UnbindResp).await;
    answer(&mut theirs, &first, Pdu::EnquireLinkResp).await;
    let one = one.await.unwrap().unwrap();
    assert_eq!(one.id, CommandId::EnquireLinkResp);
    let two = two.await.unwrap().unwrap();
    assert_eq!(two.id, CommandId::UnbindResp);
}

#[tokio::test(start_paused = true)]
async fn a_request_without_an_answer_was_sent_and_one_on_a_closed_connection_was_not() {
    let (session, _delivered, mut theirs) = pair();
    let lost = session.request(Pdu::Unbind).await.unwrap_err();
    assert!(lost.sent, "{lost:?}");
    assert_eq!(
        theirs.next().await.unwrap().unwrap().id(),
        CommandId::Unbind
    );
    session.close();
    let lost = session.request(Pdu::Unbind).await.unwrap_err();
    assert!(!lost.sent, "{lost:?}");
}

#[tokio::test(start_paused = true)]
async fn one_who_does_not_say_that_it_is_there_is_left() {
    let (session, _delivered, mut theirs) = pair();
    let asked = theirs.next().await.unwrap().unwrap();
    assert_eq!(asked.id(), CommandId::EnquireLink);
    answer(&mut theirs, &asked, Pdu::EnquireLinkResp).await;
    assert!(session.is_open());
    theirs.next().await.unwrap().unwrap();
    session.closed().await;
    assert!(theirs.next().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn questions_are_answered_and_strange_ones_too() {
    let (session, _delivered, mut theirs) = pair();
    for (asked, answer) in [
        (Pdu::EnquireLink, CommandId::EnquireLinkResp),
        (
            rusmpp::pdus::QuerySm::default().into(),
            CommandId::GenericNack,
        ),
        (Pdu::Unbind, CommandId::UnbindResp),
    ] {
        let asked = Command::new(CommandStatus::EsmeRok, 7, asked);
        theirs.send(asked).await.unwrap();
        let answered = theirs.next().await.unwrap().unwrap();
        assert_eq!((answered.id(), answered.sequence_number()), (answer, 7));
    }
    session.closed().await;
}

#[tokio::test(start_paused = true)]
async fn an_unreadable_pdu_keeps_the_connection() {
    let (session, mut delivered, theirs) = pair();
    let mut theirs = theirs.into_inner();
    // A malformed deliver_sm, and a response to no request with a body that it must not have.
    let deliver = b"\0\0\0\x13\0\0\0\x05\0\0\0\0\0\0\0\x07\xff\xff\xff";
    let answer = b"\0\0\0\x13\x80\0\0\x15\0\0\0\0\0\0\0\x63abc";
    theirs.write_all(deliver).await.unwrap();
    theirs.write_all(answer).await.unwrap();
    theirs.write_all(deliver).await.unwrap();
    for _ in 0..2 {
        let frame = delivered.recv().await.unwrap();
        assert_eq!((frame.id, frame.sequence), (CommandId::DeliverSm, 7));
    }
    assert!(session.is_open());
}

#[tokio::test(start_paused = true)]
async fn bytes_that_are_no_pdu_end_the_connection() {
    let (session, _delivered, theirs) = pair();
    let mut theirs = theirs.into_inner();
    theirs.write_all(&[0, 0, 0, 3, 1, 2, 3]).await.unwrap();
    session.closed().await;
}

#[tokio::test(start_paused = true)]
async fn a_flood_is_put_off_and_not_kept() {
    let (_session, mut delivered, mut theirs) = pair();
    let flood = WAITING as u32 + 5;
    for sequence in 1..=flood {
        let pdu = rusmpp::pdus::DeliverSm::default();
        let deliver = Command::new(CommandStatus::EsmeRok, sequence, pdu);
        theirs.send(deliver).await.unwrap();
    }
    for sequence in WAITING as u32 + 1..=flood {
        let answer = theirs.next().await.unwrap().unwrap();
        assert_eq!(answer.sequence_number(), sequence);
        assert_eq!(answer.status(), CommandStatus::EsmeRxTAppn);
    }
    let mut kept = Vec::new();
    assert_eq!(delivered.recv_many(&mut kept, 2 * WAITING).await, WAITING);
}
