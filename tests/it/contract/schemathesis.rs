//! Schemathesis, a fuzzer that generates requests from `/openapi.json`.

use std::{fs, process::Command};

use serde_json::json;

use crate::harness::{Server, python, unique_name};

/// Excluded paths: those that would end the client's own access, lead away from the API, or
/// never end.
const LEFT_OUT: &str =
    "^/(docs|campaigns/[^/]+/progress|authenticate/cancel|users/.*|roles/.*|user/)";
/// The checks: no server error, and a documented status, content type and schema.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,\
    response_schema_conformance";
/// The expected statuses: 501 is the documented answer of POST /programs to a body without a
/// type, 503 the answer of a server that is behind its log on a busy machine.
const EXPECTED: &str = "[checks.not_a_server_error]
expected-statuses = [\"2xx\", \"3xx\", \"4xx\", 501, 503]
";
/// The number of examples for each operation, enough to find errors within a minute.
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
            // They judge the generator: now and then it throws away most of what it makes.
            "--suppress-health-check",
            "filter_too_much,too_slow",
            "--no-color",
        ])
        .output()
        .expect("./dev test installs schemathesis");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}");
    // The token must still be valid: otherwise the fuzzer would have seen only 401.
    admin.get("/contacts?limit=1").await.ok();
}
