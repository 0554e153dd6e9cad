//! Inbound mail, from the first byte to the readable transmission.

use std::process::Command;

use serde_json::json;

use crate::harness::{
    Database, EventLog, MailDesk, Mailing, Postfix, Postman, Receiving, eventually,
    every_event_names_its_causes, seconds, unique_name,
};

const MAIL: &str = "From: =?utf-8?q?Ada_L=C3=B6we?= <ada@example.com>\r\n\
    Subject: Hello\r\nMIME-Version: 1.0\r\n\
    Content-Type: multipart/mixed; boundary=x\r\n\r\n\
    --x\r\nContent-Type: multipart/alternative; boundary=y\r\n\r\n\
    --y\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nGrüße\r\n..dots\r\n\
    --y\r\nContent-Type: text/html\r\n\r\n<p>Hi</p>\r\n--y--\r\n\
    --x\r\nContent-Type: application/octet-stream\r\n\
    Content-Disposition: attachment; filename=\"a.pdf\"\r\n\r\n%PDF-1.4 x\r\n--x--";

#[tokio::test]
async fn a_mail_becomes_a_transmission_with_its_text_and_its_files() {
    let desk = MailDesk::open().await;
    let to = desk.receiving.address.to_uppercase();
    let answers = desk.lmtp().await.bring(&[&to], MAIL).await;
    assert!(answers[0].starts_with("250 2.0.0"), "{answers:?}");
    let row = desk.receiving.arrived(&desk.client, 1).await.remove(0);
    assert_eq!(row["status"], "completed");
    assert_eq!(row["service_flag"], 8);
    let message = Receiving::message(&desk.client, &row).await;
    assert_eq!(message["subject"], "Hello");
    assert_eq!(message["source"], "ada@example.com");
    let text = message["text"].as_str().unwrap();
    assert_eq!(text.lines().collect::<Vec<_>>(), ["Grüße", ".dots"]);
    assert_eq!(message["html"].as_str().unwrap().trim(), "<p>Hi</p>");
    let file = &message["attachments"][0];
    assert_eq!(file["name"], "a.pdf");
    assert_eq!(file["media_type"], "application/pdf");
    let path = format!("/transmissions/{}/message", row["transmission_id"]);
    let bytes = desk.client.get(&format!("{path}/attachments/1")).await;
    assert_eq!(bytes.text().trim(), "%PDF-1.4 x");
    let none = desk.client.get(&format!("{path}/attachments/2")).await;
    assert_eq!(none.status, 404);
    let original = desk.client.get(&format!("{path}/original")).await.text();
    assert!(original.starts_with("From: =?utf-8?q?Ada"), "{original}");
    let contact = format!("/contacts/{}", row["contact_id"]);
    let contact = desk.client.get(&contact).await.ok();
    assert_eq!(contact["first_name"], "Ada Löwe");
    assert_eq!(contact["email"], "ada@example.com");
}

#[tokio::test]
async fn each_recipient_has_its_own_answer_and_strangers_are_refused() {
    let desk = MailDesk::open().await;
    let other = Receiving::mail(&desk.client).await;
    let to = [
        &desk.receiving.address[..],
        "nobody@desk.example",
        &other.address,
    ];
    let answers = desk.lmtp().await.bring(&to, MAIL).await;
    assert!(answers[0].starts_with("550 5.1.1"), "{answers:?}");
    let taken = answers[1..].iter().filter(|it| it.starts_with("250"));
    assert_eq!(taken.count(), 2, "{answers:?}");
    for receiving in [&desk.receiving, &other] {
        assert_eq!(receiving.arrived(&desk.client, 1).await.len(), 1);
    }
    let relayed = desk
        .smtp()
        .await
        .bring(&["someone@example.org"], MAIL)
        .await;
    assert!(relayed[0].starts_with("550"), "{relayed:?}");
}

#[tokio::test]
async fn a_kelvin_sign_is_no_k_whatever_the_locale_of_the_database() {
    let database = Database::in_locale("C.UTF-8").await;
    let desk = MailDesk::on(&database, &[]).await;
    let mut log = EventLog::open(&desk.server).await;
    let folded = sqlx::query_scalar("select lower($1)").bind("\u{212a}");
    let folded: String = folded.fetch_one(log.sql()).await.unwrap();
    assert_eq!(folded, "k", "this database takes one for the other");
    let like = format!("bac\u{212a}up-{}@desk.example", unique_name("box"));
    let plain = like.replace('\u{212a}', "k");
    let client = &desk.client;
    Receiving::new(client, "receiveemail", "email", like).await;
    let answers = desk.lmtp().await.bring(&[&plain], MAIL).await;
    assert!(answers[0].starts_with("550 5.1.1"), "{answers:?}");
    let own = Receiving::new(client, "receiveemail", "email", plain.clone()).await;
    let answers = desk.lmtp().await.bring(&[&plain], MAIL).await;
    assert!(answers[0].starts_with("250"), "{answers:?}");
    assert_eq!(own.arrived(client, 1).await.len(), 1);
}

#[tokio::test]
async fn mail_that_is_to_become_a_fax_is_refused_with_the_reason() {
    const REASON: &str = "550 5.3.3 faxes cannot be sent yet";
    let desk = MailDesk::open().await;
    let address = format!("{}@desk.example", unique_name("fax"));
    let fax = Receiving::new(&desk.client, "emailtofax", "email", address).await;
    let mut postman = desk.lmtp().await;
    let to = [&fax.address[..], &desk.receiving.address];
    let answers = postman.bring(&to, MAIL).await;
    assert!(answers[0].starts_with(REASON), "{answers:?}");
    assert!(answers[1].starts_with("250"), "{answers:?}");

    // Also for an account that is subscribed to such a program between RCPT and DATA.
    let late = Receiving::mail(&desk.client).await;
    postman.say("MAIL FROM:<ada@example.com>").await;
    for to in [&late.address, &desk.receiving.address] {
        let answer = postman.say(&format!("RCPT TO:<{to}>")).await;
        assert!(answer.starts_with("250"), "{answer}");
    }
    let program = json!({"name": unique_name("fax"), "account_id": late.account_id});
    let program = desk.client.post("/programs/emailtofax", program).await;
    let path = format!(
        "/accounts/{}/programs/{}",
        late.account_id,
        program.id("program_id")
    );
    desk.client.put(&path, json!({})).await.ok();
    assert!(postman.say("DATA").await.starts_with("354"));
    let answer = postman.say(&format!("Another: one\r\n{MAIL}\r\n.")).await;
    assert!(answer.starts_with(REASON), "{answer}");
    assert!(postman.hear().await.starts_with("250"));

    assert_eq!(desk.receiving.arrived(&desk.client, 2).await.len(), 2);
    for refused in [&fax, &late] {
        assert!(refused.rows(&desk.client).await.is_empty());
    }
    let mut relayed = desk.smtp().await;
    let answers = relayed.bring(&[&fax.address], MAIL).await;
    assert!(answers[0].starts_with(REASON), "{answers:?}");
}

#[tokio::test]
async fn a_mail_that_is_brought_again_is_taken_in_once() {
    let desk = MailDesk::open().await;
    let mut postman = desk.lmtp().await;
    for _ in 0..2 {
        let answers = postman.bring(&[&desk.receiving.address], MAIL).await;
        assert!(answers[0].starts_with("250"), "{answers:?}");
    }
    let another = MAIL.replace("Hello", "Hello again");
    postman.bring(&[&desk.receiving.address], &another).await;
    assert_eq!(desk.receiving.arrived(&desk.client, 2).await.len(), 2);
}

#[tokio::test]
async fn a_large_mail_that_is_brought_again_is_not_stored_again() {
    let desk = MailDesk::open().await;
    let mut postman = desk.lmtp().await;
    let mail = format!("{MAIL}\r\n{}", "x".repeat(70) + "\r\n").repeat(1_500);
    for expected in ["ok, transmission", "ok, it is here"] {
        let answers = postman.bring(&[&desk.receiving.address], &mail).await;
        assert!(answers[0].contains(expected), "{answers:?}");
    }
}

#[tokio::test]
async fn nothing_is_smuggled_behind_a_mail() {
    let desk = MailDesk::open().await;
    let address = &desk.receiving.address;
    for end in ["\n.\n", "\n.\r\n", "\r.\r", "\r\n.\n", "\r\n.\r"] {
        let mut postman = desk.smtp().await;
        postman.say("MAIL FROM:<ada@example.com>").await;
        postman.say(&format!("RCPT TO:<{address}>")).await;
        assert!(postman.say("DATA").await.starts_with("354"));
        let inner = format!("MAIL FROM:<x@y.z>\r\nRCPT TO:<{address}>\r\nDATA\r\nsmuggled");
        let mail = format!("Subject: a\r\n\r\nb{end}{inner}\r\n.\r\nNOOP\r\n");
        postman.send(mail.as_bytes()).await;
        let rest = postman.rest().await;
        assert!(rest.starts_with("554 5.6.0"), "{end:?}: {rest}");
        assert_eq!(rest.lines().count(), 1, "{end:?}: {rest}");
    }
    let mut postman = desk.smtp().await;
    postman.send(b"NOOP\nNOOP\r\n").await;
    assert!(postman.rest().await.starts_with("500 5.5.2"));
    assert!(desk.receiving.rows(&desk.client).await.is_empty());
}

#[tokio::test]
async fn what_is_too_large_or_too_much_is_refused_in_words() {
    let desk = MailDesk::with(&[("MAIL_LIMIT_MB", "1")]).await;
    let address = desk.receiving.address.clone();
    let mut postman = desk.lmtp().await;
    let announced = postman
        .say("MAIL FROM:<ada@example.com> SIZE=209715200")
        .await;
    assert!(announced.starts_with("552 5.3.4"), "{announced}");
    let long = format!("Subject: x\r\n\r\n{}", "x".repeat(2_000_000));
    let answers = postman.bring(&[&address], &long).await;
    assert!(answers[0].starts_with("552 5.3.4"), "{answers:?}");
    postman.say("MAIL FROM:<ada@example.com>").await;
    let mut put_off = 0;
    for _ in 0..150 {
        let answer = postman.say(&format!("RCPT TO:<{address}>")).await;
        put_off += usize::from(answer.starts_with("452 4.5.3"));
    }
    assert_eq!(put_off, 50);
    assert!(postman.say("RSET").await.starts_with("250"));
    // The connection can still be used for a valid mail.
    let answers = postman.bring(&[&address], MAIL).await;
    assert!(answers[0].starts_with("250"), "{answers:?}");
    assert_eq!(desk.receiving.arrived(&desk.client, 1).await.len(), 1);
}

#[tokio::test]
async fn one_who_guesses_or_talks_nonsense_is_left() {
    let desk = MailDesk::open().await;
    let mut guessing = desk.smtp().await;
    let nobody = guessing.say("MAIL FROM:<\"a\0b\"@example.com>").await;
    assert!(nobody.starts_with("501"), "{nobody}");
    guessing.say("MAIL FROM:<>").await;
    let nobody = guessing.say("RCPT TO:<\"a\0b\"@desk.example>").await;
    assert!(nobody.starts_with("501"), "{nobody}");
    let mut last = String::new();
    for guess in 0..30 {
        let guess = format!("RCPT TO:<a{guess}@desk.example>");
        last = guessing.say(&guess).await;
        if !last.starts_with("550") {
            break;
        }
    }
    assert!(last.starts_with("421 4.7.0"), "{last}");
    let mut talking = desk.smtp().await;
    for nonsense in [
        "",
        "\0",
        "DATA",
        "RCPT TO:<a@b.c>",
        "BDAT 5",
        "STARTTLS",
        "LHLO x",
    ] {
        let answer = talking.say(nonsense).await;
        assert!(answer.starts_with('5'), "{nonsense:?}: {answer}");
    }
    let many = "GET / HTTP/1.1\r\n".repeat(30);
    talking.send(many.as_bytes()).await;
    assert!(talking.rest().await.contains("421 4.7.0"));
    let mut long = desk.smtp().await;
    long.send(&vec![b'x'; 10_000]).await;
    assert!(long.rest().await.starts_with("500 5.5.2"));
}

#[tokio::test]
async fn commands_may_be_sent_ahead_and_levels_may_be_many() {
    let desk = MailDesk::open().await;
    let address = &desk.receiving.address;
    let mut nested = String::from("Subject: deep\r\n");
    for level in 0..100 {
        nested.push_str(&format!(
            "Content-Type: multipart/mixed; boundary=b{level}\r\n\r\n--b{level}\r\n"
        ));
    }
    nested.push_str("Content-Type: text/plain\r\n\r\nbottom");
    let mut postman = desk.lmtp().await;
    let ahead = format!(
        "MAIL FROM:<ada@example.com>\r\nRCPT TO:<{address}>\r\nDATA\r\n{nested}\r\n.\r\nQUIT\r\n"
    );
    postman.send(ahead.as_bytes()).await;
    let rest = postman.rest().await;
    let codes: Vec<_> = rest.lines().map(|line| &line[..3]).collect();
    assert_eq!(codes, ["250", "250", "354", "250", "221"], "{rest}");
    assert_eq!(desk.receiving.arrived(&desk.client, 1).await.len(), 1);
}

#[tokio::test]
async fn texts_of_an_erased_person_are_gone() {
    let desk = MailDesk::open().await;
    let mut postman = desk.lmtp().await;
    postman.bring(&[&desk.receiving.address], MAIL).await;
    let row = desk.receiving.arrived(&desk.client, 1).await.remove(0);
    let path = format!("/transmissions/{}/message", row["transmission_id"]);
    desk.client.get(&path).await.ok();
    let contact = row["contact_id"].to_string();
    desk.server.run_ok(&["erase", "contact", &contact]);
    eventually("it is gone", seconds(20), async || {
        (desk.client.get(&path).await.status == 404).then_some(())
    })
    .await;
    let original = desk.client.get(&format!("{path}/original")).await;
    assert_eq!(original.status, 404);
}

/// Runs swaks with these arguments; answers its success and its output.
fn swaks(arguments: &[&str]) -> (bool, String) {
    let said = Command::new("swaks")
        .args(["--from", "ada@example.com", "--timeout", "180"])
        .args(arguments)
        .output()
        .expect("peer swaks is missing: install swaks and libnet-ssleay-perl");
    let words = String::from_utf8_lossy(&said.stdout).into_owned();
    (said.status.success(), words)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_client_brings_mail_encrypted_ahead_and_with_what_is_not_known_here() {
    let desk = MailDesk::encrypting().await;
    let smtp = format!("127.0.0.1:{}", desk.server.mail_port("smtp"));
    let lmtp = format!("127.0.0.1:{}", desk.server.mail_port("lmtp"));
    let to = ["--to", &desk.receiving.address];
    for (more, subject) in [
        (&["--server", &smtp, "--tls"][..], "tls"),
        (&["--server", &smtp, "--pipeline"], "pipeline"),
        (&["--server", &lmtp, "--protocol", "LMTP"], "lmtp"),
        (&["--server", &smtp, "--body", "a\n.\nb\n..\nc"], "dots"),
    ] {
        let subject = format!("Subject: {subject}");
        let (content, said) = swaks(&[&to[..], &["--header", &subject], more].concat());
        assert!(content, "{more:?}: {said}");
    }
    let rows = desk.receiving.arrived(&desk.client, 4).await;
    let dots = Receiving::message(&desk.client, &rows[3]).await;
    let text: Vec<_> = dots["text"].as_str().unwrap().trim().lines().collect();
    assert_eq!(text, ["a", ".", "b", "..", "c"]);
    for (more, answer) in [
        (
            &[
                "--auth",
                "PLAIN",
                "--auth-user",
                "a",
                "--auth-password",
                "b",
            ][..],
            "",
        ),
        (&["--protocol", "LMTP"], "500 5.5.1"),
        (&["--from", "a b@@c"], "5"),
        (&["--tls-on-connect"], ""),
    ] {
        let server = ["--server", &smtp];
        let (content, said) = swaks(&[&to[..], &server, more].concat());
        assert!(!content && said.contains(answer), "{more:?}: {said}");
    }
    assert_eq!(desk.receiving.rows(&desk.client).await.len(), 4);
}

#[tokio::test]
async fn postfix_hands_over_with_an_answer_for_each_recipient() {
    let desk = MailDesk::open().await;
    let lmtp = desk.server.mail_port("lmtp");
    let postfix = Postfix::handing_over("desk.example", lmtp).await;
    let mut postman = Postman::greeted(postfix.port, "EHLO tests").await;
    postman.say("MAIL FROM:<>").await;
    for to in [&desk.receiving.address, "nobody@desk.example"] {
        let answer = postman.say(&format!("RCPT TO:<{to}>")).await;
        assert!(answer.starts_with("250"), "{answer}");
    }
    assert!(postman.say("DATA").await.starts_with("354"));
    let answer = postman.say(&format!("{MAIL}\r\n.")).await;
    assert!(answer.starts_with("250"), "{answer}");
    let row = desk.receiving.arrived(&desk.client, 1).await.remove(0);
    let message = Receiving::message(&desk.client, &row).await;
    assert_eq!(message["subject"], "Hello");
    let log = eventually("both are answered", seconds(20), async || {
        let log = postfix.log();
        (log.contains("status=sent") && log.contains("status=bounced")).then_some(log)
    })
    .await;
    assert!(log.contains("no such recipient"), "{log}");
}

#[tokio::test]
async fn a_mail_that_comes_back_has_failed_with_the_words_it_was_refused_with() {
    let desk = MailDesk::open().await;
    let lmtp = desk.server.mail_port("lmtp");
    let postfix = Postfix::handing_over("desk.example", lmtp).await;
    let provider = json!({
        "name": "postfix", "type": "smtp", "host": "127.0.0.1", "port": postfix.port,
        "settings": {
            "tls": "none", "from_domain": "desk.example", "verp_domain": "desk.example",
        },
    });
    desk.client.post("/providers", provider).await.ok();
    let mailing = Mailing::new(&desk.client).await;
    let transmission = mailing.send_to("nobody@desk.example").await;
    let path = format!("/transmissions/{transmission}");
    let bounced = eventually("it comes back", seconds(30), async || {
        let read = desk.client.get(&path).await.ok();
        (read["status"] == "failed").then_some(read)
    })
    .await;
    assert_eq!(bounced["outcome"], "rejected", "{bounced}");
    let words = bounced["response"].as_str().unwrap();
    assert!(words.contains("550 5.1.1 no such recipient"), "{bounced}");
    let attempts = mailing.attempts(transmission).await;
    assert_eq!(attempts[0]["outcome"], "rejected", "{attempts:?}");
    every_event_names_its_causes(&desk.server).await;
    // A forged bounce address is refused.
    let forged = ["bounce+1.0011223344@desk.example"];
    let answers = desk.lmtp().await.bring(&forged, MAIL).await;
    assert!(answers[0].starts_with("550 5.1.1"), "{answers:?}");
}
