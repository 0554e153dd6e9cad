//! The walk-through of the documents with curl, its bodies without the surplus commas and with
//! `-u` for `-user`.

use std::process::Command;

use serde_json::{Value, json};

use crate::harness::{Server, eventually, seconds, unique_name};

/// Basic auth on the command line, as the guide has it: fine for a password of a test.
struct Curl<'a> {
    server: &'a str,
    login: String,
}

impl Curl<'_> {
    fn ask(&self, path: &str, data: Option<&Value>) -> Value {
        let mut command = Command::new("curl");
        command.args(["-s", "-f", "-u", &self.login]);
        let body = data.map(Value::to_string);
        if let Some(body) = &body {
            command.args([
                "-H",
                "Content-Type: application/json",
                "-X",
                "POST",
                "-d",
                body,
            ]);
        }
        let output = command
            .arg(format!("{}{path}", self.server))
            .output()
            .unwrap();
        assert!(output.status.success(), "{path}: {output:?}");
        serde_json::from_slice(&output.stdout).unwrap()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_guide_leads_from_a_message_to_a_sent_mail() {
    let server = Server::alone().await;
    let admin = server.admin().await;
    let sandbox = json!({"name": unique_name("sandbox"), "type": "sandbox"});
    admin.post("/providers", sandbox).await.ok();
    let curl = Curl {
        server: &server.url,
        login: format!("admin:{}", crate::harness::ADMIN_PASSWORD),
    };
    let accounts = curl.ask("/accounts", None);
    assert!(curl.ask("/recordings", None).is_array());
    let template = curl.ask(
        "/messages/templates",
        Some(&json!({
            "name": "sampleEmail",
            "subject": "Hello World!",
            "body": "<h1> hello HTML! </h1>",
            "body_alt": "hello text!",
        })),
    );
    let program = curl.ask(
        "/programs/sendemail",
        Some(&json!({
            "account_id": accounts[0]["account_id"].to_string(),
            "template_id": template["template_id"].to_string(),
        })),
    );
    let contact = curl.ask(
        "/contacts",
        Some(&json!({
            "first_name": "Test",
            "last_name": "Contact",
            "phone": "1111111111",
            "email": "user@domain.com",
        })),
    );
    let to = json!({"contact_id": contact["contact_id"].to_string()});
    let made = curl.ask(
        &format!("/programs/{}/transmissions", program["program_id"]),
        Some(&to),
    );
    let transmission = format!("/transmissions/{}", made["transmission_id"]);
    // The guide posts its last body again, whose content does not matter.
    assert!(curl.ask(&format!("{transmission}/send"), Some(&to))["spool_id"].is_i64());
    eventually("the mail is sent", seconds(30), async || {
        let read = curl.ask(&format!("{transmission}/status"), None);
        (read["status"] == "completed").then_some(())
    })
    .await;
}
