//! A hostile client that knows nothing but `/openapi.json`.

use std::{fs, process::Command};

use serde_json::json;

use crate::harness::{Server, python, unique_name};

/// What would shut the door on the client itself, leads away from the API, or never ends.
const LEFT_OUT: &str =
    "^/(docs|campaigns/[^/]+/progress|authenticate/cancel|users/.*|roles/.*|user/)";
/// Any answer but an error of ours, of a described status, kind and form.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,\
    response_schema_conformance";
/// 501 is what the documents have POST /programs say to one who names no type, 503 what a
/// server says on a machine so busy that it is behind its log.
const EXPECTED: &str = "[checks.not_a_server_error]
expected-statuses = [\"2xx\", \"3xx\", \"4xx\", 501, 503]
";
/// Enough to find what is wrong within a minute.
const EXAMPLES: &str = "4";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_the_description_allows_is_answered_as_it_says() {
    let server = Server::alone().await;
    let admin = server.admin().await;
    let sandbox = json!({"name": unique_name("sandbox"), "type": "sandbox"});
    admin.post("/providers", sandbox).await.ok();
    fs::write(server.data_dir.join("schemathesis.toml"), EXPECTED).unwrap();
    let program = python().with_file_name("schemathesis");
    let output = Command::new(program)
        .current_dir(&server.data_dir)
        .args(["run", &format!("{}/openapi.json", server.url)])
        .args([
            "--header",
            &format!("Authorization: Bearer {}", admin.token()),
        ])
        .args(["--max-examples", EXAMPLES, "--checks", CHECKS])
        .args(["--exclude-path-regex", LEFT_OUT, "--exclude-deprecated"])
        .args([
            "--continue-on-failure",
            "--request-timeout",
            "180",
            "--no-color",
        ])
        .output()
        .expect("./dev test installs schemathesis");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}");
    // Otherwise all it has seen is a 401.
    admin.get("/contacts?limit=1").await.ok();
}
