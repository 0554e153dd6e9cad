//! `ledgerline password`, and passwords that a terminal asks for.

use std::{
    io::Write,
    process::{Command, Output, Stdio},
};

use serde_json::{Value, json};

use crate::harness::{
    ADMIN_PASSWORD, Server, TIMEOUT, USER_PASSWORD, eventually, python, unique_name,
};

/// The result of `ledgerline password` with this standard input.
fn set(server: &Server, username: &str, password: &str) -> Output {
    let mut command = server.command(&["password", username]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    // The command may have ended without reading it.
    let _ = writeln!(input, "{password}");
    drop(input);
    child.wait_with_output().unwrap()
}

#[tokio::test]
async fn a_lost_password_is_set_at_the_command_line() {
    let server = Server::shared().await;
    let name = unique_name("forgetful");
    let user = server.named_user(&name, &["user"]).await;
    user.get("/contacts").await.ok();

    let set = set(server, &name.to_uppercase(), "remembered-again-1");
    let complaint = String::from_utf8_lossy(&set.stderr);
    assert!(set.status.success(), "{complaint}");

    eventually("the token ends", TIMEOUT, async || {
        (user.get("/contacts").await.status == 401).then_some(())
    })
    .await;
    let login = |password: &str| json!({"username": name, "password": password});
    let stranger = server.stranger();
    let old = stranger.post("/authenticate", login(USER_PASSWORD)).await;
    assert_eq!(old.status, 401);
    let new = login("remembered-again-1");
    stranger.post("/authenticate", new).await.ok();
    let id = user.user_id.to_string();
    let events = ["events", "--aggregate-type", "user", "--aggregate-id", &id];
    let event_type = ["--event-type", "UserPasswordChanged", "--format", "json"];
    let event = server.run_ok(&[events.as_slice(), &event_type].concat());
    let event: Value = serde_json::from_str(&event).unwrap();
    assert_eq!(event["metadata"]["process"], "command line", "{event}");
}

#[tokio::test]
async fn a_new_password_at_the_command_line_follows_the_policy() {
    let server = Server::shared().await;
    let name = unique_name("careless");
    server.named_user(&name, &[]).await;
    for (username, password, reason) in [
        (name.as_str(), "short", "must have at least 8 characters"),
        (&name, "", "no password was given"),
        (
            "never-there",
            "long-enough-9",
            "there is no user never-there",
        ),
    ] {
        let refused = set(server, username, password);
        assert!(!refused.status.success(), "{username} {password}");
        let said = String::from_utf8(refused.stderr).unwrap();
        assert!(said.trim_end().ends_with(reason), "{said}");
    }
    server.stranger().login(&name, USER_PASSWORD).await;
}

/// Runs a command on a terminal of its own, answers its first question, and prints whether the
/// terminal shows what is typed during the question and at the end, the exit code, and what the
/// terminal showed.
const TERMINAL: &str = r#"
import fcntl, os, pty, subprocess, sys, termios
answer, command = sys.argv[1].encode().decode("unicode_escape").encode(), sys.argv[2:]
def shows(terminal):
    return bool(termios.tcgetattr(terminal)[3] & termios.ECHO)
def lead():
    os.setsid()
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
# The far side is kept open, so that the terminal outlives the command.
terminal, kept = pty.openpty()
child = subprocess.Popen(command, stdin=kept, stdout=kept, stderr=kept, preexec_fn=lead)
shown = b""
while b": " not in shown:
    shown += os.read(terminal, 1024)
print(shows(kept))
os.write(terminal, answer)
ended = child.wait()
print(shows(kept))
print(ended)
os.set_blocking(terminal, False)
try:
    while True:
        shown += os.read(terminal, 65536)
except BlockingIOError:
    pass
print(shown.decode())
"#;

/// The lines that [`TERMINAL`] prints about `ledgerline campaign watch 999999999`.
fn on_a_terminal(server: &Server, answer: &str) -> String {
    let watch = server.command(&["campaign", "watch", "999999999", "--url", &server.url]);
    let mut command = Command::new(python());
    command
        .args(["-c", TERMINAL, answer])
        .arg(watch.get_program());
    command.args(watch.get_args()).env_clear();
    for (name, value) in watch.get_envs() {
        if let Some(value) = value.filter(|_| name != "LEDGERLINE_ADMIN_PASSWORD") {
            command.env(name, value);
        }
    }
    let output = command.stdin(Stdio::null()).output().unwrap();
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{complaint}");
    String::from_utf8(output.stdout).unwrap()
}

#[tokio::test]
async fn a_password_that_is_typed_is_not_shown() {
    let server = Server::shared().await;
    let said = on_a_terminal(server, &format!("{ADMIN_PASSWORD}\\n"));
    assert!(
        said.starts_with("False\nTrue\n1\nPassword of admin: "),
        "{said}"
    );
    assert!(!said.contains(ADMIN_PASSWORD), "{said}");
    // The login succeeded: what is not found is the campaign.
    assert!(said.contains("404"), "{said}");
}

#[tokio::test]
async fn a_terminal_shows_typing_again_after_ctrl_c() {
    let server = Server::shared().await;
    let said = on_a_terminal(server, "\\x03");
    assert!(
        said.starts_with("False\nTrue\n130\nPassword of admin: "),
        "{said}"
    );
}
