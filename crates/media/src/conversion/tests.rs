//! Tests of conversions with the shell in place of a program, since it runs a test's script.

use std::{collections::HashMap, time::Duration};

use nix::{errno::Errno, sys::signal::killpg, unistd::Pid};
use tokio::time::{Instant, sleep};

use domain::Id;

use super::{
    Confinement, ConfinementConfig, ConfinementPolicy, ConversionError, Conversions, Finished,
    Limits, Program, WAITING_PER_USER, Workroom,
};

fn shop(limits: Limits) -> Conversions {
    let found = HashMap::from([(Program::PdfInfo, "/bin/sh".into())]);
    Conversions::with(limits, Confinement::none(), found)
}

fn room(time: Duration) -> Workroom {
    let limits = Limits {
        time,
        ..Limits::default()
    };
    shop(limits).room(Id::new(1)).unwrap()
}

async fn sh(room: &mut Workroom, script: &str) -> Result<Finished, ConversionError> {
    room.run(Program::PdfInfo, ["-c", script]).await
}

/// Time limit for an expected event, on a busy machine.
const LONG: Duration = Duration::from_secs(180);

/// The process group that a script has written to the file `pid`.
async fn group(room: &std::path::Path) -> Pid {
    loop {
        let noted = std::fs::read_to_string(room.join("pid")).unwrap_or_default();
        if let Ok(pid) = noted.trim().parse() {
            return Pid::from_raw(pid);
        }
        sleep(Duration::from_millis(5)).await;
    }
}

async fn is_gone(group: Pid) -> bool {
    let until = Instant::now() + LONG;
    while Instant::now() < until {
        if killpg(group, None) == Err(Errno::ESRCH) {
            return true;
        }
        sleep(Duration::from_millis(5)).await;
    }
    false
}

#[tokio::test]
async fn a_program_works_in_its_room_and_says_how_it_ended() {
    let mut room = room(LONG);
    std::fs::write(room.path("in"), b"hello").unwrap();
    let done = sh(&mut room, "cat in > out; echo said; echo loud >&2; exit 3").await;
    let done = done.unwrap();
    assert_eq!(done.status.code(), Some(3));
    assert_eq!(
        (done.text().as_str(), &done.stderr[..]),
        ("said\n", &b"loud\n"[..])
    );
    assert_eq!(std::fs::read(room.path("out")).unwrap(), b"hello");
}

#[tokio::test]
async fn nothing_of_our_environment_is_passed_on() {
    let mut room = room(LONG);
    let done = sh(&mut room, "env; cat").await.unwrap();
    let home = room
        .path("")
        .to_string_lossy()
        .trim_end_matches('/')
        .to_owned();
    for line in done.text().lines() {
        let (name, value) = line.split_once('=').unwrap();
        let known = match name {
            "HOME" | "TMPDIR" | "PWD" => value == home,
            "PATH" | "LC_ALL" => true,
            _ => ["_", "SHLVL", "OLDPWD"].contains(&name),
        };
        assert!(known, "{line}");
    }
}

#[tokio::test]
async fn what_is_too_slow_is_killed_with_all_it_started() {
    // Long enough for the script to begin, also on a busy machine.
    let mut room = room(Duration::from_secs(5));
    let ended = sh(&mut room, "echo $$ > pid; sleep 1000 & sleep 1000").await;
    assert!(
        matches!(ended, Err(ConversionError::TooSlow(_))),
        "{ended:?}"
    );
    assert!(is_gone(group(&room.path("")).await).await);
}

#[tokio::test]
async fn the_time_is_for_all_programs_of_a_room_together() {
    let mut room = room(LONG);
    sh(&mut room, "true").await.unwrap();
    assert!(room.spent > Duration::ZERO);
    room.spent = LONG;
    let ended = sh(&mut room, "sleep 1000").await;
    assert!(
        matches!(ended, Err(ConversionError::TooSlow(_))),
        "{ended:?}"
    );
}

#[tokio::test]
async fn what_is_cancelled_is_killed_and_its_room_removed() {
    let mut room = room(LONG);
    let path = room.path("");
    let task = tokio::spawn(async move {
        sh(
            &mut room,
            "echo $$ > pid; sleep 1000 & while true; do echo x >> junk; done",
        )
        .await
    });
    let group = group(&path).await;
    task.abort();
    assert!(is_gone(group).await);
    let until = Instant::now() + LONG;
    while path.exists() {
        assert!(Instant::now() < until, "the room is still there");
        sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn processes_that_a_converter_leaves_are_killed() {
    let mut room = room(LONG);
    sh(&mut room, "echo $$ > pid; sleep 1000 & exit 0")
        .await
        .unwrap();
    assert!(is_gone(group(&room.path("")).await).await);
}

#[tokio::test]
async fn a_flood_of_words_is_cut_and_holds_nobody_up() {
    let mut room = room(LONG);
    let done = sh(&mut room, "head -c 5000000 /dev/zero; echo end >&2")
        .await
        .unwrap();
    assert!(done.success());
    assert_eq!(
        (done.stdout.len(), &done.stderr[..]),
        (64 << 10, &b"end\n"[..])
    );
}

#[tokio::test]
async fn a_file_does_not_grow_past_its_limit() {
    let limits = Limits {
        file: 1 << 20,
        ..Limits::default()
    };
    let mut room = shop(limits).room(Id::new(1)).unwrap();
    let ended = sh(&mut room, "exec head -c 5000000 /dev/zero > big").await;
    assert!(
        matches!(ended, Err(ConversionError::TooLarge(_))),
        "{ended:?}"
    );
    assert_eq!(room.path("big").metadata().unwrap().len(), 1 << 20);
}

#[tokio::test]
async fn memory_does_not_grow_past_its_limit() {
    let limits = Limits {
        memory: 64 << 20,
        ..Limits::default()
    };
    let mut room = shop(limits).room(Id::new(1)).unwrap();
    // `tail` keeps an unfinished line in memory.
    let done = sh(&mut room, "head -c 200000000 /dev/zero | tail -n 1 | wc -c").await;
    assert_eq!(done.unwrap().text().trim(), "0");
}

#[tokio::test]
async fn no_more_run_at_once_than_may() {
    let limits = Limits {
        at_once: 1,
        ..Limits::default()
    };
    let shop = shop(limits);
    let mut first = shop.room(Id::new(1)).unwrap();
    let path = first.path("");
    let wait = "echo $$ > pid; until test -e go; do sleep 0.01; done";
    let first = tokio::spawn(async move { sh(&mut first, wait).await });
    group(&path).await;
    let mut room = shop.room(Id::new(2)).unwrap();
    {
        let mut second = std::pin::pin!(sh(&mut room, "true"));
        assert!(futures::poll!(&mut second).is_pending());
        std::fs::write(path.join("go"), b"").unwrap();
        second.await.unwrap();
    }
    first.await.unwrap().unwrap();
    // The time is counted from the turn on, not from the wait.
    assert!(room.spent < LONG);
}

#[tokio::test]
async fn one_user_does_not_have_all_turns() {
    let shop = shop(Limits::default());
    let (mut mine, mut also_mine) = (
        shop.room(Id::new(1)).unwrap(),
        shop.room(Id::new(1)).unwrap(),
    );
    let path = mine.path("");
    let first = tokio::spawn(async move { sh(&mut mine, "echo $$ > pid; sleep 1000").await });
    group(&path).await;
    let second = tokio::spawn(async move { sh(&mut also_mine, "true").await });
    sh(&mut shop.room(Id::new(2)).unwrap(), "true")
        .await
        .unwrap();
    assert!(!first.is_finished() && !second.is_finished());
    first.abort();
    second.await.unwrap().unwrap();
}

#[tokio::test]
async fn too_many_of_one_user_are_refused_before_they_upload() {
    let shop = shop(Limits::default());
    let mut first = shop.room(Id::new(1)).unwrap();
    let path = first.path("");
    let first = tokio::spawn(async move { sh(&mut first, "echo $$ > pid; sleep 1000").await });
    group(&path).await;
    let mut rooms: Vec<_> = (0..WAITING_PER_USER)
        .map(|_| shop.room(Id::new(1)).unwrap())
        .collect();
    let waiting = rooms.iter_mut().map(|room| sh(room, "true"));
    let mut waiting = std::pin::pin!(futures::future::join_all(waiting));
    assert!(futures::poll!(&mut waiting).is_pending());
    let refused = shop.room(Id::new(1));
    assert!(matches!(refused, Err(ConversionError::Busy)));
    shop.room(Id::new(2)).unwrap();
    first.abort();
    assert!(waiting.await.iter().all(Result::is_ok));
}

/// Confinement by bubblewrap, or an error that it does not work on this machine.
async fn bubblewrap() -> Result<Confinement, &'static str> {
    let config = ConfinementConfig {
        helper: None,
        ..ConfinementConfig::default()
    };
    let found = Confinement::find(config).await;
    match found.name() {
        "bubblewrap" => Ok(found),
        _ => Err("bubblewrap does not work on this machine"),
    }
}

#[tokio::test]
async fn a_program_in_bubblewrap_keeps_its_folder_and_its_limits() {
    let limits = Limits {
        file: 1 << 20,
        ..Limits::default()
    };
    let found = HashMap::from([(Program::PdfInfo, "/bin/sh".into())]);
    let confinement = match bubblewrap().await {
        Ok(confinement) => confinement,
        Err(reason) => {
            eprintln!("{reason}");
            return;
        }
    };
    let shop = Conversions::with(limits, confinement, found);
    let mut room = shop.room(Id::new(1)).unwrap();
    std::fs::write(room.path("in"), b"hello").unwrap();
    let script = "cat in > out; pwd; echo $TMPDIR; echo x > /dev/shm/x; echo x > /x; exit 3";
    let done = sh(&mut room, script).await.unwrap();
    assert_eq!(done.status.code(), Some(3));
    assert_eq!(done.text(), "/tmp\n/tmp\n");
    assert_eq!(std::fs::read(room.path("out")).unwrap(), b"hello");
    let big = sh(&mut room, "exec head -c 5000000 /dev/zero > big").await;
    assert!(matches!(big, Err(ConversionError::TooLarge(_))), "{big:?}");
}

#[tokio::test]
async fn where_nothing_confines_what_must_be_confined_is_refused() {
    let required = Confinement::find(ConfinementConfig {
        policy: ConfinementPolicy::Required,
        helper: Some("/usr/bin/false".into()),
        ..ConfinementConfig::default()
    });
    let required = required.await;
    let is_confined = required.name() == "bubblewrap";
    let found = HashMap::from([(Program::PdfInfo, "/bin/sh".into())]);
    let shop = Conversions::with(Limits::default(), required, found);
    match shop.need(&[Program::PdfInfo]) {
        Ok(()) => assert!(is_confined),
        Err(error) => assert!(matches!(error, ConversionError::Unconfined), "{error}"),
    }
}

#[tokio::test]
async fn at_the_end_everything_is_killed_and_every_room_is_gone() {
    let shop = shop(Limits::default());
    let (mut runs, mut fills) = (
        shop.room(Id::new(1)).unwrap(),
        shop.room(Id::new(1)).unwrap(),
    );
    let paths = [runs.path(""), fills.path("")];
    let running = tokio::spawn(async move { sh(&mut runs, "echo $$ > pid; sleep 1000").await });
    let filling = tokio::spawn(async move { fills.fill(std::future::pending::<()>()).await });
    let group = group(&paths[0]).await;
    shop.stop().await;
    assert!(paths.iter().all(|path| !path.exists()));
    assert!(is_gone(group).await);
    let run = running.await.unwrap();
    assert!(matches!(run, Err(ConversionError::Stopping)), "{run:?}");
    assert!(matches!(
        filling.await.unwrap(),
        Err(ConversionError::Stopping)
    ));
}

#[tokio::test]
async fn what_is_not_installed_is_named() {
    let shop = shop(Limits::default());
    shop.need(&[Program::PdfInfo]).unwrap();
    let missing = shop.need(&[Program::PdfInfo, Program::LibreOffice]);
    assert_eq!(
        missing.unwrap_err().to_string(),
        "LibreOffice (soffice) is not installed"
    );
    let run = shop
        .room(Id::new(1))
        .unwrap()
        .run(Program::Ghostscript, ["-h"])
        .await;
    assert!(matches!(
        run,
        Err(ConversionError::Missing("Ghostscript (gs)"))
    ));
}
