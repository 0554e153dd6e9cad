//! Starting, dying and starting again.

use super::*;

#[tokio::test]
async fn what_was_written_is_there_after_a_restart() {
    let scratch = Scratch::new();
    let postgres = scratch.start().await;
    write(&postgres, "kept").await;
    postgres.stop().await;
    assert!(!scratch.cluster().join("postmaster.pid").exists());

    let postgres = scratch.start().await;
    assert_eq!(read(&postgres).await.unwrap(), ["kept"]);
    assert_eq!(postgres.notice(), None);
    postgres.stop().await;
}

#[tokio::test]
async fn a_second_instance_on_the_same_data_is_refused() {
    let scratch = Scratch::new();
    let postgres = scratch.start().await;
    let error = scratch.try_start().await.unwrap_err();
    assert!(matches!(error, EmbeddedError::InUse(_)), "{error}");
    write(&postgres, "undisturbed").await;
    postgres.stop().await;
}

#[tokio::test]
async fn a_killed_server_is_restarted_with_its_data() {
    let scratch = Scratch::new();
    let postgres = scratch.start().await;
    write(&postgres, "acknowledged").await;
    let killed = postgres.postmaster_pid().unwrap();
    kill(Pid::from_raw(killed.try_into().unwrap()), Signal::SIGKILL).unwrap();

    let deadline = Instant::now() + Duration::from_secs(180);
    let notes = loop {
        match read(&postgres).await {
            Ok(notes) if postgres.postmaster_pid().is_some_and(|pid| pid != killed) => break notes,
            Err(error) if Instant::now() > deadline => panic!("{error}"),
            _ => sleep(Duration::from_millis(20)).await,
        }
    };
    assert_eq!(notes, ["acknowledged"]);
    postgres.stop().await;
}

#[tokio::test]
async fn the_orphan_of_a_killed_instance_is_stopped_at_the_next_start() {
    let scratch = Scratch::new();
    let postgres = scratch.start().await;
    write(&postgres, "acknowledged").await;
    let orphan = postgres.abandon();
    assert!(is_alive(orphan));

    let postgres = scratch.start().await;
    assert!(!is_alive(orphan));
    assert_eq!(read(&postgres).await.unwrap(), ["acknowledged"]);
    postgres.stop().await;
}

#[tokio::test]
async fn lock_files_naming_a_zombie_do_not_keep_the_server_from_starting() {
    let scratch = Scratch::new();
    let postgres = scratch.start().await;
    write(&postgres, "acknowledged").await;
    let socket_dir = postgres.way_in.socket_dir.clone();
    postgres.stop().await;
    // Postgres takes a zombie process to be alive.
    let mut zombie = std::process::Command::new("true")
        .stdin(Stdio::null())
        .spawn()
        .unwrap();
    let pid_file = format!(
        "{}\n{}\n1700000000\n5432\n{}\n\n  5432001         0\nready   \n",
        zombie.id(),
        scratch.cluster().display(),
        socket_dir.display()
    );
    fs::write(scratch.cluster().join("postmaster.pid"), &pid_file).unwrap();
    fs::write(socket_dir.join(".s.PGSQL.5432.lock"), &pid_file).unwrap();

    let postgres = scratch.start().await;
    assert_eq!(read(&postgres).await.unwrap(), ["acknowledged"]);
    postgres.stop().await;
    zombie.wait().unwrap();
}

#[tokio::test]
async fn a_process_that_took_over_the_recorded_id_is_left_alone() {
    let scratch = Scratch::new();
    scratch.start().await.stop().await;
    let mut stranger = std::process::Command::new("sleep")
        .arg("60")
        .stdin(Stdio::null())
        .spawn()
        .unwrap();
    fs::write(
        scratch.cluster().join("postmaster.pid"),
        format!("{}\n", stranger.id()),
    )
    .unwrap();

    scratch.start().await.stop().await;
    assert!(stranger.try_wait().unwrap().is_none());
    stranger.kill().unwrap();
    stranger.wait().unwrap();
}

#[tokio::test]
async fn a_half_made_cluster_is_made_anew() {
    let scratch = Scratch::new();
    create_data_dir(&scratch.data_dir().join("postgres.new")).unwrap();
    fs::write(scratch.data_dir().join("postgres.new/PG_VERSION"), "15\n").unwrap();
    scratch.start().await.stop().await;
    assert!(!scratch.data_dir().join("postgres.new").exists());
}
