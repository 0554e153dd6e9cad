//! `POST /programs/{program_id}/simulate`.

use serde_json::{Value, json};
use sqlx::query_scalar;

use crate::harness::{Client, EventLog, Mailing, Server};

/// A program that calls and reads out a text.
async fn speaking(client: &Client) -> i64 {
    let body = json!({"text": "Good morning", "delay": 1});
    let program = client.post("/programs/voicetts", body).await;
    program.id("program_id")
}

async fn user() -> Client {
    Server::shared().await.user(&["user"]).await
}

fn path(program: i64) -> String {
    format!("/programs/{program}/simulate")
}

/// The simulation with these answers.
async fn simulated(client: &Client, program: i64, answers: Value) -> Value {
    let body = json!({ "answers": answers });
    client.post(&path(program), body).await.ok()
}

/// The steps that were taken, with their results.
fn steps(simulation: &Value) -> Vec<String> {
    let path = simulation["path"].as_array().unwrap().iter();
    let step = |visit: &Value| {
        let application = visit["action"]["application"].as_str().unwrap();
        let result = visit["result"].as_str().unwrap();
        format!("{} {application} {result}", visit["step"])
    };
    path.map(step).collect()
}

/// Result rows without ids, which differ.
fn rows(rows: &Value) -> Vec<String> {
    let rows = rows.as_array().unwrap().iter();
    let row = |row: &Value| {
        let word = |field: &str| row[field].as_str().unwrap().to_owned();
        format!("{} {} {}", word("type"), word("name"), word("data"))
    };
    rows.map(row).collect()
}

#[tokio::test]
async fn without_answers_all_steps_of_a_call_succeed() {
    let user = user().await;
    let program = speaking(&user).await;
    let simulation = user.post(&path(program), json!({})).await.ok();
    assert_eq!(
        steps(&simulation),
        [
            "0 originate success",
            "1 tts success",
            "2 wait success",
            "3 tts success",
            "4 disconnect success"
        ]
    );
    assert_eq!(simulation["ending"], "completed");
    let said = &simulation["path"][1]["action"];
    assert_eq!(
        *said,
        json!({"application": "tts", "program_id": program, "version": 1})
    );
}

#[tokio::test]
async fn answers_decide_how_far_a_call_goes() {
    let user = user().await;
    let program = speaking(&user).await;
    let busy = simulated(&user, program, json!({"originate": "busy"})).await;
    assert_eq!(steps(&busy), ["0 originate busy"]);
    assert_eq!(rows(&busy["results"]), ["application originate busy"]);
    let by_name = simulated(&user, program, json!({"tts": ["success", "failed"]})).await;
    // Each step has its own visits.
    assert_eq!(by_name["path"].as_array().unwrap().len(), 5);
    let second = simulated(&user, program, json!({"3": "failed"})).await;
    assert_eq!(steps(&second)[3..], ["3 tts failed"]);
    let gone = simulated(&user, program, json!({"1": "hangup"})).await;
    assert_eq!(gone["ending"], "hangup");
    assert_eq!(
        rows(&gone["results"])[1..],
        ["application tts hangup", "info hangup remote"]
    );
}

#[tokio::test]
async fn a_simulation_has_the_rows_of_the_sandbox() {
    let user = user().await;
    let program = speaking(&user).await;
    let mailing = Mailing {
        client: user.clone(),
        template_id: 0,
        program_id: program,
    };
    for (phone, answer) in [("15550177", "success"), ("9990001", "busy")] {
        let contact = json!({"first_name": "Ada", "phone": phone});
        let contact = user.post("/contacts", contact).await.id("contact_id");
        let transmission = mailing.with(json!({"contact_id": contact, "try_allowed": 1}));
        let transmission = transmission.await;
        let spool = mailing.send(transmission).await;
        mailing.ended(transmission).await;
        let sent = user.get(&format!("/spools/{spool}/result")).await.ok();
        let simulation = simulated(&user, program, json!({"originate": answer})).await;
        assert_eq!(rows(&simulation["results"]), rows(&sent));
        let fields = |rows: &Value| -> Vec<String> {
            let row = rows[0].as_object().unwrap();
            row.keys().cloned().collect()
        };
        assert_eq!(fields(&simulation["results"]), fields(&sent));
    }
}

#[tokio::test]
async fn a_program_that_only_receives_is_played_too() {
    let user = user().await;
    let accounts = user.get("/accounts").await.ok();
    let body = json!({"account_id": accounts[0]["account_id"]});
    let program = user.post("/programs/receivefax", body).await;
    let program = program.id("program_id");
    let received = simulated(&user, program, json!({"fax_receive": {"pages": 3}})).await;
    assert_eq!(
        rows(&received["results"]),
        [
            "application inbound success",
            "application connect success",
            "application fax_receive success",
            "info pages 3",
            "application disconnect success"
        ]
    );
}

#[tokio::test]
async fn a_message_is_played_before_it_has_its_media() {
    let user = user().await;
    let recording = json!({"name": "greeting"});
    let recording = user.post("/messages/recordings", recording).await;
    let recording = recording.id("recording_id");
    let body = json!({"recording_id": recording});
    let program = user.post("/programs/voicemessage", body).await;
    let simulation = simulated(&user, program.id("program_id"), json!({})).await;
    assert_eq!(
        simulation["path"][1]["action"],
        json!({"application": "voice_play", "recording_id": recording, "version": 1})
    );
}

#[tokio::test]
async fn an_answer_that_does_not_fit_is_refused_by_name() {
    let user = user().await;
    let program = speaking(&user).await;
    for (answers, field) in [
        (json!("busy"), "answers"),
        (json!({"5": "success"}), "answers.5"),
        (json!({"voice_play": "success"}), "answers.voice_play"),
        (json!({"originate": "sleepy"}), "answers.originate"),
        (json!({"tts": ["success", "busy"]}), "answers.tts"),
        (json!({"1": {"key": "1"}}), "answers.1.key"),
        (json!({"1": {"result": true}}), "answers.1"),
        (json!({"1": vec!["success"; 257]}), "answers.1"),
    ] {
        let body = json!({ "answers": answers });
        let answer = user.post(&path(program), body).await;
        answer.expect(412);
        assert_eq!(answer.fields(), [field]);
    }
    let long = json!({"answers": {"1": "x".repeat(70_000)}});
    user.post(&path(program), long).await.expect(413);
}

#[tokio::test]
async fn only_who_may_read_a_program_can_play_it() {
    let (owner, other) = (user().await, user().await);
    let program = speaking(&owner).await;
    let theirs = other.post(&path(program), json!({})).await;
    let nobodys = other.post(&path(999_999_999), json!({})).await;
    assert_eq!(theirs.expect(404), nobodys.expect(404));
    let server = Server::shared().await;
    let nobody = server.user(&[]).await;
    nobody.post(&path(program), json!({})).await.expect(403);
    let admin = server.admin().await;
    admin.post(&path(program), json!({})).await.ok();
    let at = format!("/programs/{program}");
    owner.delete(&at).await.ok();
    owner.post(&path(program), json!({})).await.expect(404);
}

#[tokio::test]
async fn a_simulation_writes_nothing() {
    let user = user().await;
    let program = speaking(&user).await;
    let mut log = EventLog::open(Server::shared().await).await;
    let mut written = async || {
        let sql = "select count(*) from events where metadata->>'user_id' = $1";
        let count = query_scalar::<_, i64>(sql).bind(user.user_id.to_string());
        count.fetch_one(log.sql()).await.unwrap()
    };
    let before = written().await;
    assert!(before > 0);
    simulated(&user, program, json!({"originate": "busy"})).await;
    assert_eq!(written().await, before);
    let transmissions = user.get("/transmissions").await.ok();
    assert_eq!(transmissions, json!([]));
}
