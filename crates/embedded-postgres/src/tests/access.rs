//! Access to the server and its files, and refusals.

use super::*;

#[tokio::test]
async fn commits_are_durable_and_only_the_socket_is_open() {
    let scratch = Scratch::new();
    let postgres = scratch.start().await;
    let mut connection = PgConnection::connect_with(&postgres.connect_options())
        .await
        .unwrap();
    let settings: Vec<String> = sqlx::query_scalar(
        "select name || '=' || setting from pg_settings
         where name in ('fsync', 'synchronous_commit', 'listen_addresses', 'jit') order by name",
    )
    .fetch_all(&mut connection)
    .await
    .unwrap();
    assert_eq!(
        settings,
        [
            "fsync=on",
            "jit=off",
            "listen_addresses=",
            "synchronous_commit=on"
        ]
    );
    let locale: String = sqlx::query_scalar(
        "select pg_encoding_to_char(encoding) || ' ' || datcollate from pg_database where datname = 'ledgerline'",
    )
    .fetch_one(&mut connection)
    .await
    .unwrap();
    assert_eq!(locale, "UTF8 C.UTF-8");
    let socket_dir = fs::metadata(&postgres.way_in.socket_dir).unwrap();
    assert_eq!(socket_dir.permissions().mode() & 0o777, 0o700);
    drop(connection);
    postgres.stop().await;
}

#[tokio::test]
async fn a_second_process_finds_the_running_database_and_none_when_it_is_stopped() {
    let scratch = Scratch::new();
    let nothing = EmbeddedPostgres::locate(&scratch.data_dir()).unwrap_err();
    assert!(matches!(nothing, EmbeddedError::NotRunning(_)), "{nothing}");

    let postgres = scratch.start().await;
    let located = EmbeddedPostgres::locate(&scratch.data_dir()).unwrap();
    PgConnection::connect_with(&located.connect_options())
        .await
        .unwrap()
        .close()
        .await
        .unwrap();
    let output = located
        .psql_command(SUPERUSER)
        .args([
            "--no-psqlrc",
            "--tuples-only",
            "--no-align",
            "--command",
            "select 40 + 2",
        ])
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "42\n");
    postgres.stop().await;

    let stopped = EmbeddedPostgres::locate(&scratch.data_dir()).unwrap_err();
    assert!(matches!(stopped, EmbeddedError::NotRunning(_)), "{stopped}");
}

#[tokio::test]
async fn analysts_get_in_over_tcp_with_a_password_and_the_superuser_does_not() {
    let scratch = Scratch::new();
    let free = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let config = EmbeddedConfig {
        data_dir: scratch.data_dir(),
        bin_dir: None,
        listen: Some(free),
    };
    let postgres = EmbeddedPostgres::start_in(config, &scratch.surroundings())
        .await
        .unwrap();
    let mut connection = PgConnection::connect_with(&postgres.connect_options())
        .await
        .unwrap();
    sqlx::raw_sql(
        "create role analyst login password 'secret'; alter role ledgerline password 'secret'",
    )
    .execute(&mut connection)
    .await
    .unwrap();

    let tcp = PgConnectOptions::new_without_pgpass()
        .host("127.0.0.1")
        .port(free.port())
        .database(DATABASE)
        .password("secret");
    let analyst = PgConnection::connect_with(&tcp.clone().username("analyst")).await;
    assert!(analyst.is_ok(), "{analyst:?}");
    let wrong = tcp.clone().username("analyst").password("guessed");
    assert!(PgConnection::connect_with(&wrong).await.is_err());
    assert!(
        PgConnection::connect_with(&tcp.username(SUPERUSER))
            .await
            .is_err()
    );
    drop((connection, analyst));
    postgres.stop().await;
}

#[tokio::test]
async fn tcp_on_an_address_that_others_reach_is_refused() {
    let scratch = Scratch::new();
    for address in ["0.0.0.0:5433", "192.0.2.1:5433", "127.0.0.1:0"] {
        let listen = Some(address.parse().unwrap());
        let config = EmbeddedConfig {
            data_dir: scratch.data_dir(),
            bin_dir: None,
            listen,
        };
        let error = EmbeddedPostgres::start(config).await.unwrap_err();
        assert!(error.to_string().contains(address), "{error}");
    }
}

#[tokio::test]
async fn a_server_that_cannot_start_says_why() {
    let scratch = Scratch::new();
    scratch.start().await.stop().await;
    let settings = scratch.data_dir().join("postgres.conf");
    fs::write(&settings, "shared_buffers = much\n").unwrap();
    let error = scratch.try_start().await.unwrap_err();
    assert!(
        matches!(error, EmbeddedError::DidNotStart { .. }),
        "{error}"
    );
    assert!(error.to_string().contains("postgres.conf"), "{error}");
}

#[tokio::test]
async fn a_planted_socket_directory_is_passed_over() {
    let scratch = Scratch::new();
    let postgres = scratch.start().await;
    let first = postgres.way_in.socket_dir.clone();
    postgres.stop().await;
    fs::remove_dir(&first).unwrap();
    // A link is never accepted as the socket's directory, whoever made it.
    symlink(&scratch.root, &first).unwrap();

    let postgres = scratch.start().await;
    assert_ne!(postgres.way_in.socket_dir, first);
    postgres.stop().await;
}

#[tokio::test]
async fn binaries_are_not_taken_from_a_folder_without_them() {
    let scratch = Scratch::new();
    let config = EmbeddedConfig {
        data_dir: scratch.data_dir(),
        bin_dir: Some(scratch.root.clone()),
        listen: None,
    };
    let error = EmbeddedPostgres::start_in(config, &scratch.surroundings())
        .await
        .unwrap_err();
    assert!(
        error.to_string().contains("LEDGERLINE_POSTGRES_BIN"),
        "{error}"
    );
}

#[tokio::test]
async fn data_of_a_version_that_is_not_installed_is_not_touched() {
    let scratch = Scratch::new();
    scratch.start().await.stop().await;
    fs::write(scratch.cluster().join("PG_VERSION"), "9\n").unwrap();
    let error = scratch.try_start().await.unwrap_err();
    assert!(
        matches!(error, EmbeddedError::OtherVersion { made_by: 9, .. }),
        "{error}"
    );
}
