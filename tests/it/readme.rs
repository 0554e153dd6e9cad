//! The README's commands, run unchanged.

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

use crate::harness::{ADMIN_PASSWORD, Server, Setup, free_port, scratch_dir};

/// The first line of the walk-through, in which a test has to replace the URL.
const URL_LINE: &str = "SERVER=http://127.0.0.1:8000";

fn readme() -> String {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    fs::read_to_string(here.join("README.md")).expect("README.md")
}

/// The shell blocks between the marks of this name.
fn walk(name: &str) -> String {
    let readme = readme();
    let mark = |which: &str| {
        let mark = format!("<!-- {name}:{which} -->");
        readme
            .find(&mark)
            .unwrap_or_else(|| panic!("README.md has no {mark}"))
    };
    let mut commands = Vec::new();
    let mut inside = false;
    for line in readme[mark("start")..mark("end")].lines() {
        match line.trim() {
            "```shell" => inside = true,
            "```" => inside = false,
            _ if inside => commands.push(line),
            _ => {}
        }
    }
    commands.join("\n")
}

/// Runs commands against this server, and ends the background jobs that they start.
fn run(commands: &str, server: &Server) -> Output {
    assert!(
        commands.trim_start().starts_with(URL_LINE),
        "the walk begins with: {URL_LINE}"
    );
    let url = format!("SERVER={}", server.url);
    let commands = commands.replacen(URL_LINE, &url, 1);
    assert!(!commands.contains(":8000"), "a command does not use SERVER");
    let tidy = "trap 'kill $(jobs -p) 2>/dev/null || true' EXIT\n";
    let dir = scratch_dir("walk");
    let output = Command::new("bash")
        .args(["-euo", "pipefail", "-c", &format!("{tidy}{commands}")])
        .current_dir(&dir)
        .env("LEDGERLINE_ADMIN_PASSWORD", ADMIN_PASSWORD)
        .output()
        .expect("bash");
    let _ = fs::remove_dir_all(&dir);
    output
}

fn said(output: &Output) -> String {
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}\n{complaint}");
    said
}

#[tokio::test]
async fn its_walk_leads_from_login_to_the_delivered_mails_report() {
    let server = Setup::embedded().start().await;
    let said = said(&run(&walk("walk"), &server));
    assert!(said.contains("completed"), "{said}");
    assert!(said.contains("\"outcome\": \"delivered\""), "{said}");
    assert!(said.contains("Hello Ada"), "the outbox shows it: {said}");
}

#[tokio::test]
async fn its_way_to_a_real_mail_server_leads_there() {
    let server = Setup::embedded().start().await;
    let commands = format!("{}\n{}", walk("walk"), walk("smtp-walk"));
    let said = said(&run(
        &commands.replace("2525", &free_port().to_string()),
        &server,
    ));
    let (_, after) = said.rsplit_once("spool_id").expect("a report");
    let report = said.len() - after.len();
    assert!(
        said[report.saturating_sub(50)..].contains("delivered"),
        "{said}"
    );
    assert!(
        said.contains("\"response\": \"250"),
        "the mail server's words: {said}"
    );
}
