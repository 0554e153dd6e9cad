//! Services that are called by template.

use serde_json::{Value, json};

use super::*;

fn by_template(more: Value) -> Value {
    let mut settings = json!({
        "url_template": "/send?to={to}", "body_template": "text={text}&key={password}",
        "success": "^0: ([A-Z][a-z]+)",
    });
    let more = more.as_object().unwrap().clone();
    settings.as_object_mut().unwrap().extend(more);
    settings
}

struct TemplatePeer;

#[async_trait]
impl Peer for TemplatePeer {
    async fn stage(&self, behaviour: PeerBehaviour) -> Option<Stage> {
        staged(behaviour, by_template(json!({}))).await
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn it_keeps_the_contract() {
    contract_suite::run(&TemplatePeer).await;
}

#[tokio::test]
async fn a_message_is_one_request_however_long_it_is() {
    let long = "Grüße & €".repeat(40);
    let (ended, heard) = sent(text(&long, TextClass::Off), by_template(json!({}))).await;
    assert_eq!(reported(ended).outcome, Outcome::Delivered);
    let [request] = heard.as_slice() else {
        panic!("{heard:?}");
    };
    for part in [
        "post /send?to=%2b4930999 http/1.1\n",
        "content-type: application/x-www-form-urlencoded\n",
        "\n\ntext=Gr%C3%BC%C3%9Fe%20%26%20%E2%82%ACGr",
        "&key=sesame",
    ] {
        assert!(request.contains(part), "{part:?} in {request}");
    }
}

#[tokio::test]
async fn values_are_written_as_the_body_wants_them() {
    let said = "\"<a> & 'b'\\\n";
    for (kind, expected) in [
        ("application/json", r#"{"text": "\"<a> & 'b'\\\n"}"#),
        (
            "text/xml",
            r#"{"text": "&quot;&lt;a&gt; &amp; &apos;b&apos;\"#,
        ),
        ("text/plain", "{\"text\": \"\"<a> & 'b'\\"),
    ] {
        let template = by_template(json!({
            "content_type": kind, "body_template": r#"{"text": "{text}"}"#,
        }));
        let (_, heard) = sent(text(said, TextClass::Off), template).await;
        assert!(heard[0].contains(expected), "{kind}: {heard:?}");
    }
}

#[tokio::test]
async fn without_a_body_it_is_asked_for_with_headers_that_say_who_asks() {
    let template = by_template(json!({
        "url_template": "/send?to={to}&from={from}&text={text}", "body_template": null,
        "headers": {"X-Key": "{username}/{password}"}, "authentication": "basic",
    }));
    let (ended, heard) = sent(text("a b", TextClass::Off), template).await;
    assert_eq!(reported(ended).outcome, Outcome::Delivered);
    for part in [
        "get /send?to=%2b4930999&from=%2b4930123&text=a%20b http/1.1\n",
        "x-key: user/sesame\n",
        // user:sesame, in lower case like all recorded requests.
        "authorization: basic dxnlcjpzzxnhbwu=\n",
    ] {
        assert!(heard[0].contains(part), "{part:?} in {heard:?}");
    }
}

#[tokio::test]
async fn the_id_that_the_service_gave_is_kept_where_reports_are_asked_for() {
    let template = by_template(json!({"headers": {"x-report": "{report_url}"}}));
    let (ended, heard) = sent(text("hi", TextClass::Off), template).await;
    let Ended::Accepted(accepted) = ended else {
        panic!("{ended:?}");
    };
    assert_eq!(accepted.message_id.as_deref(), Some("Accepted"));
    let address = "x-report: http://here/callbacks/reports/7/1/300/";
    assert!(heard[0].contains(address), "{heard:?}");
}

#[tokio::test]
async fn an_answer_that_does_not_say_success_is_a_refusal() {
    let template = by_template(json!({"success": "^OK"}));
    let (ended, _) = sent(text("hi", TextClass::Off), template).await;
    let report = reported(ended);
    assert_eq!(report.outcome, Outcome::Rejected);
    assert_eq!(report.response, "202: the answer does not match `success`");
}

#[tokio::test]
async fn what_a_template_cannot_say_is_refused() {
    for class in [TextClass::Flash, TextClass::Sim] {
        let (ended, heard) = sent(text("hi", class), by_template(json!({}))).await;
        let report = reported(ended);
        assert_eq!(report.outcome, Outcome::Rejected);
        assert!(report.response.contains("without a class"), "{report:?}");
        assert!(heard.is_empty(), "{heard:?}");
    }
    let long = "a".repeat(161);
    let few = by_template(json!({"max_messages": 1}));
    let (ended, heard) = sent(text(&long, TextClass::Off), few).await;
    assert!(reported(ended).response.contains("2 messages"));
    assert!(heard.is_empty(), "{heard:?}");
}
