//! The PDUs that a message centre receives.

use domain::delivery::Outcome;

use super::*;

async fn submitted(settings: Value, to: &str, content: Content) -> (Report, Vec<Value>) {
    let centre = Centre::start(&json!({}));
    let mut settings = settings;
    settings["reports"] = json!(0);
    let gateway = gateway(centre.port, settings);
    let report = reported(attempt(&gateway, to, content).await);
    (report, centre.all_by_now("submit").await)
}

#[tokio::test]
async fn letters_of_the_gsm_alphabet_arrive_as_they_are() {
    let (report, submitted) = submitted(json!({}), "+4930900", text("Grüße [€]")).await;
    assert_eq!(report.outcome, Outcome::Delivered, "{report:?}");
    let submit = &submitted[0];
    assert_eq!(submit["text"], "Grüße [€]", "{submit}");
    assert_eq!(
        (&submit["to"], &submit["from"]),
        (&json!("4930900"), &json!("4930123"))
    );
    assert_eq!(submit["ton"], json!([1, 1]));
    assert_eq!(submit["npi"], json!([1, 1]));
    assert_eq!(
        (&submit["coding"], &submit["esm_class"]),
        (&json!(0), &json!(0))
    );
}

#[tokio::test]
async fn other_letters_arrive_as_utf_16() {
    let (_, submitted) = submitted(json!({}), "+4930900", text("مر😀")).await;
    assert_eq!(submitted[0]["coding"], 8);
    assert_eq!(submitted[0]["text"], "مر😀");
}

#[tokio::test]
async fn a_long_text_is_divided_and_no_letter_with_it() {
    let long = "a😀".repeat(60);
    let (_, submitted) = submitted(json!({}), "+4930900", text(&long)).await;
    let parts: Vec<_> = submitted
        .iter()
        .map(|it| it["text"].as_str().unwrap())
        .collect();
    assert_eq!(parts.concat(), long);
    for (at, part) in submitted.iter().enumerate() {
        assert_eq!(part["esm_class"], 0x40);
        let header = format!("00032c{:02x}{:02x}", submitted.len(), at + 1);
        assert_eq!(part["udh"], header, "{part}");
    }
}

#[tokio::test]
async fn bytes_and_classes_have_their_codings() {
    for (content, coding) in [
        (
            content("00FFc3", Some(Encoding::Binary), TextClass::Off),
            0x04,
        ),
        (content("hi", None, TextClass::Flash), 0x10),
        (content("مر", None, TextClass::Flash), 0x18),
        (content("hi", None, TextClass::Normal), 0x11),
    ] {
        let (_, submitted) = submitted(json!({}), "+4930900", content).await;
        assert_eq!(submitted[0]["coding"], coding);
    }
}

#[tokio::test]
async fn a_name_and_a_short_number_are_addresses_of_their_kind() {
    let Content::Sms(mut sms) = text("hi") else {
        panic!("it is one");
    };
    sms.sender = granted("ACME Shop");
    let (_, submitted) = submitted(json!({}), "90012", Content::Sms(sms)).await;
    assert_eq!(submitted[0]["from"], "ACME Shop");
    assert_eq!(submitted[0]["ton"], json!([5, 3]));
    assert_eq!(submitted[0]["npi"], json!([0, 0]));
}

#[tokio::test]
async fn a_message_centre_of_latin_1_gets_latin_1_or_unicode() {
    let settings = json!({"alphabet": "latin1"});
    let (_, submitted) = submitted(settings.clone(), "+4930900", text("Aé")).await;
    // The peer decodes the octets as GSM 03.38, where 0xe9 is no character.
    assert_ne!(submitted[0]["text"], "Aé");
    assert_eq!(submitted[0]["coding"], 0);
    let (_, submitted) = self::submitted(settings, "+4930900", text("A€")).await;
    assert_eq!(
        (&submitted[0]["coding"], &submitted[0]["text"]),
        (&json!(8), &json!("A€"))
    );
}

#[tokio::test]
async fn a_text_of_too_many_parts_is_refused_and_not_cut() {
    let few = json!({"max_messages": 1});
    let (report, submitted) = submitted(few, "+4930900", text(&"a".repeat(161))).await;
    assert_eq!(report.outcome, Outcome::Rejected);
    assert!(report.response.contains("2 messages"), "{report:?}");
    assert!(submitted.is_empty());
}

#[tokio::test]
async fn binds_are_of_the_kind_and_the_number_that_was_said() {
    for (bind, kinds) in [
        ("transceiver", vec!["transceiver", "transceiver"]),
        ("transmitter", vec!["transmitter", "transmitter"]),
        (
            "transmitter_and_receiver",
            vec!["receiver", "receiver", "transmitter", "transmitter"],
        ),
        ("receiver", vec!["receiver", "receiver"]),
    ] {
        let centre = Centre::start(&json!({}));
        let settings = json!({"bind": bind, "connections": 2, "system_type": "VMA"});
        let gateway = gateway(centre.port, settings);
        gateway.listen(Arc::new(Kept::default()));
        let binds = centre.said("bind", kinds.len()).await;
        let mut seen: Vec<_> = binds
            .iter()
            .map(|it| it["kind"].as_str().unwrap())
            .collect();
        seen.sort_unstable();
        assert_eq!(seen, kinds);
        assert_eq!(binds[0]["system_id"], "ledgerline");
        assert_eq!(binds[0]["system_type"], "VMA");
        assert_eq!(binds[0]["version"], 0x34);
    }
}

#[tokio::test]
async fn no_more_wait_for_their_answer_than_the_window_has_places() {
    let centre = Centre::start(&json!({"behaviour": "904"}));
    let settings = json!({"window": 3, "timeout_seconds": 10});
    let gateway = Arc::new(gateway(centre.port, settings));
    let attempts = (0..6).map(|_| {
        let gateway = Arc::clone(&gateway);
        tokio::spawn(async move { attempt(&gateway, "+4930999", text("hi")).await })
    });
    let attempts: Vec<_> = attempts.collect();
    centre.said("submit", 3).await;
    tokio::time::sleep(Duration::from_millis(600)).await;
    assert_eq!(centre.all("submit").len(), 3, "{:?}", gateway.health());
    for attempt in attempts {
        assert_eq!(reported(attempt.await.unwrap()).outcome, Outcome::Unknown);
    }
}
