//! The commands of docs/pbx.md, run unchanged.

use std::process::Command;

use crate::harness::{ADMIN_PASSWORD, Setup, scratch_dir};

/// The first line of the walk, in which the URL is replaced.
const URL_LINE: &str = "SERVER=http://127.0.0.1:8000";

fn commands() -> String {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/pbx.md");
    let page = std::fs::read_to_string(path).expect("docs/pbx.md");
    let start = page.find("<!-- pbx:start -->").expect("a start");
    let end = page.find("<!-- pbx:end -->").expect("an end");
    let blocks = page[start..end].split("```shell\n").skip(1);
    let blocks = blocks.filter_map(|block| block.split("```").next());
    blocks.collect::<Vec<_>>().join("\n")
}

#[tokio::test]
async fn its_walk_leads_from_nothing_to_a_call() {
    let server = Setup::embedded().start().await;
    let commands = commands();
    assert!(commands.starts_with(URL_LINE), "{commands}");
    let commands = commands.replacen(URL_LINE, &format!("SERVER={}", server.url), 1);
    let dir = scratch_dir("pbx-walk");
    let output = Command::new("bash")
        .args(["-euo", "pipefail", "-c", &commands])
        .current_dir(&dir)
        .env("LEDGERLINE_ADMIN_PASSWORD", ADMIN_PASSWORD)
        .output()
        .expect("bash");
    let _ = std::fs::remove_dir_all(&dir);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}\n{complaint}");
    for expected in [
        r#""sip_user":"100-acme""#,
        r#""display_name":"Sally Sales""#,
        r#""step":"play_ivr""#,
        r#""step":"ring""#,
        r#""step":"voicemail""#,
        r#""rule":"IVR_2""#,
        "HUNTLIST-TIMEOUT",
        r#""ex_number":"101""#,
    ] {
        assert!(said.contains(expected), "{expected} is missing: {said}");
    }
    assert!(said.trim_end().ends_with("[]"), "nothing is wrong: {said}");
}
