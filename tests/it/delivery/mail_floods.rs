//! Mail clients that send too much, too slowly, or not to the end.

use crate::harness::{MailDesk, Postman, Receiving, eventually, seconds};

const MAIL: &str = "Subject: Hello\r\n\r\nHello";

/// Asserts that the server takes in another mail, after `so_far` ones.
async fn is_well(desk: &MailDesk, so_far: usize) {
    let to = [desk.receiving.address.as_str()];
    let answers = desk.lmtp().await.bring(&to, MAIL).await;
    assert!(answers[0].starts_with("250"), "{answers:?}");
    let rows = desk.receiving.arrived(&desk.client, so_far + 1).await;
    assert_eq!(rows.len(), so_far + 1);
}

#[tokio::test]
async fn ten_thousand_recipients_are_put_off_beyond_a_hundred() {
    let desk = MailDesk::open().await;
    let mut postman = desk.lmtp().await;
    postman.say("MAIL FROM:<ada@example.com>").await;
    let line = format!("RCPT TO:<{}>\r\n", desk.receiving.address);
    let (mut taken, mut put_off) = (0, 0);
    for _ in 0..100 {
        postman.send(line.repeat(100).as_bytes()).await;
        for _ in 0..100 {
            let answer = postman.hear().await;
            taken += usize::from(answer.starts_with("250 2.1.5"));
            put_off += usize::from(answer.starts_with("452 4.5.3"));
        }
    }
    assert_eq!((taken, put_off), (100, 9_900));
    assert!(postman.say("DATA").await.starts_with("354"));
    postman.send(format!("{MAIL}\r\n.\r\n").as_bytes()).await;
    for recipient in 0..100 {
        let answer = postman.hear().await;
        assert!(answer.starts_with("250"), "{recipient}: {answer}");
    }
    // All of them were duplicates of one mail.
    assert_eq!(desk.receiving.arrived(&desk.client, 1).await.len(), 1);
}

#[tokio::test]
async fn two_hundred_megabytes_are_read_to_their_end_and_refused() {
    let desk = MailDesk::open().await;
    let mut postman = desk.lmtp().await;
    // The announced size is false.
    let start = [
        "MAIL FROM:<ada@example.com> SIZE=10",
        &format!("RCPT TO:<{}>", desk.receiving.address),
    ];
    for line in start {
        assert!(postman.say(line).await.starts_with("250"), "{line}");
    }
    assert!(postman.say("DATA").await.starts_with("354"));
    let head = "Content-Type: application/zip\r\nContent-Length: 3\r\n\
                Content-Transfer-Encoding: base64\r\n\r\n";
    postman.send(head.as_bytes()).await;
    let megabyte = ("A".repeat(62) + "\r\n").repeat((1 << 20) / 64);
    for _ in 0..200 {
        postman.send(megabyte.as_bytes()).await;
    }
    let answer = postman.say(".").await;
    assert!(answer.starts_with("552 5.3.4"), "{answer}");
    is_well(&desk, 0).await;
}

#[tokio::test]
async fn a_mail_cut_off_before_its_end_is_not_recorded() {
    let desk = MailDesk::open().await;
    let mut postman = desk.lmtp().await;
    postman.say("MAIL FROM:<ada@example.com>").await;
    postman
        .say(&format!("RCPT TO:<{}>", desk.receiving.address))
        .await;
    postman.say("DATA").await;
    postman.send(MAIL.as_bytes()).await;
    drop(postman);
    is_well(&desk, 0).await;
}

#[tokio::test]
async fn one_address_has_fifty_connections_and_no_more() {
    let desk = MailDesk::open().await;
    let mut many = Vec::new();
    for _ in 0..50 {
        many.push(desk.lmtp().await);
    }
    let mut refused = Postman::calling(desk.server.mail_port("lmtp")).await;
    let answer = refused.hear().await;
    assert!(answer.starts_with("421 4.7.0"), "{answer}");
    drop(many);
    eventually("there is room", seconds(20), async || {
        let mut next = Postman::calling(desk.server.mail_port("lmtp")).await;
        next.hear().await.starts_with("220").then_some(())
    })
    .await;
    is_well(&desk, 0).await;
}

#[tokio::test]
async fn text_before_starttls_is_dropped_after_it() {
    let desk = MailDesk::encrypting().await;
    let mut postman = desk.smtp().await;
    postman
        .send(b"STARTTLS\r\nMAIL FROM:<ada@example.com>\r\n")
        .await;
    assert_eq!(postman.rest().await, "220 2.0.0 go ahead\r\n");
}

#[tokio::test]
async fn an_international_address_is_the_same_in_either_form() {
    let desk = MailDesk::open().await;
    let kind = "receiveemail";
    for (stored, brought) in [
        ("ada@xn--bcher-kva.example", "ada@bücher.example"),
        ("bob@bücher.example", "bob@xn--bcher-kva.example"),
        ("bär@bücher.example", "BÄR@xn--bcher-kva.example"),
    ] {
        let receiving = Receiving::new(&desk.client, kind, "email", stored.to_owned()).await;
        let mut postman = desk.lmtp().await;
        let start = "MAIL FROM:<grüße@bücher.example> SMTPUTF8";
        assert!(postman.say(start).await.starts_with("250"));
        let answer = postman.say(&format!("RCPT TO:<{brought}>")).await;
        assert!(answer.starts_with("250"), "{brought}: {answer}");
        postman.say("DATA").await;
        let answer = postman.say(&format!("{MAIL}\r\n.")).await;
        assert!(answer.starts_with("250"), "{brought}: {answer}");
        receiving.arrived(&desk.client, 1).await;
    }
    // All three mails have the same sender.
    let contacts = desk.client.get("/contacts").await.ok();
    assert_eq!(contacts.as_array().unwrap().len(), 1, "{contacts}");
}

#[tokio::test]
async fn mails_that_are_made_to_be_expensive_are_taken_as_they_are() {
    let desk = MailDesk::open().await;
    let mut postman = desk.lmtp().await;
    let enclosed = "Content-Type:message/rfc822\r\n\r\n";
    let digest = "Content-Type:multipart/digest;boundary=b\r\n\r\n";
    let endless = "--b\r\nContent-Type:multipart/x;boundary=q\r\n\r\n";
    for mail in [
        enclosed.repeat(150_000),
        format!(
            "{digest}{}",
            "--b\n\na:b\n\nx\n".replace('\n', "\r\n").repeat(100_000)
        ),
        endless.repeat(100_000),
        "a:\r\n".repeat(1_000_000),
    ] {
        let mail = format!("Subject: expensive\r\n{mail}x");
        let answers = postman.bring(&[&desk.receiving.address], &mail).await;
        assert!(answers[0].starts_with("250"), "{answers:?}");
    }
    let rows = desk.receiving.arrived(&desk.client, 4).await;
    for row in &rows {
        let message = Receiving::message(&desk.client, row).await;
        assert_eq!(message["subject"], "expensive");
    }
    is_well(&desk, 4).await;
}

#[tokio::test]
async fn fields_out_of_bounds_hold_up_no_other_mail() {
    let desk = MailDesk::open().await;
    let parameters: String = (0..100_000).map(|at| format!(";a{at}*1=b")).collect();
    let words = "=?ab?q?x ".repeat(100_000);
    let types = "Content-Type:".repeat(200_000);
    for mail in [
        format!("Content-Type: text/plain{parameters}\r\n\r\nx"),
        format!(
            "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Disposition: x{parameters}"
        ),
        format!("From: {words}\r\n\r\nx"),
        format!("X: {types}\r\n\r\nx"),
    ] {
        let mail = format!("Subject: out of bounds\r\n{mail}");
        let mut hostile = desk.lmtp().await;
        let to = [desk.receiving.address.as_str()];
        let (answers, behind) = tokio::join!(hostile.bring(&to, &mail), async {
            desk.lmtp().await.bring(&to, MAIL).await
        });
        assert!(answers[0].starts_with("250"), "{answers:?}");
        assert!(behind[0].starts_with("250"), "{behind:?}");
    }
    // The identical mail that followed each of them is one transmission.
    let rows = desk.receiving.arrived(&desk.client, 5).await;
    let mut subjects = Vec::new();
    for row in &rows {
        let message = Receiving::message(&desk.client, row).await;
        assert!(
            message["text"]
                .as_str()
                .is_some_and(|text| !text.is_empty())
        );
        subjects.push(message["subject"].as_str().unwrap_or_default().to_owned());
    }
    subjects.sort();
    // Of the first and the third mail only the header is out of bounds; the text is complete.
    let read = "out of bounds";
    assert_eq!(subjects, ["", "", "Hello", read, read]);
}

#[tokio::test]
async fn a_report_out_of_bounds_is_refused_with_a_reason() {
    let complaints = "complaints@desk.example";
    let desk = MailDesk::with(&[("COMPLAINT_ADDRESS", complaints)]).await;
    let parameters: String = (0..200_000).map(|at| format!(";a{at}*1=b")).collect();
    let report = format!(
        "Content-Type: multipart/report; boundary=b{parameters}\r\n\r\n--b\r\n\
         Content-Type: message/feedback-report\r\n\r\nFeedback-Type: abuse\r\n\r\n--b--"
    );
    let mut postman = desk.lmtp().await;
    let answers = postman.bring(&[complaints], &report).await;
    assert!(answers[0].starts_with("550 5.6.0"), "{answers:?}");
    is_well(&desk, 0).await;
}
