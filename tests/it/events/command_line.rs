//! `ledgerline events` and `ledgerline sql`.

use serde_json::Value;

use crate::harness::Server;

#[tokio::test]
async fn the_terminal_shows_the_log_as_json_lines() {
    let server = Server::shared().await;
    let id = server.admin().await.contact("terminal@example.com").await;
    let id_text = id.to_string();
    let arguments = [
        "events",
        "--aggregate-type",
        "contact",
        "--aggregate-id",
        &id_text,
        "--format",
        "json",
    ];
    let output = server.run_ok(&arguments);
    let lines: Vec<Value> = output
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len(), 1, "{output}");
    assert_eq!(
        (&lines[0]["event_type"], &lines[0]["aggregate_id"]),
        (&"ContactCreated".into(), &id.into())
    );
}

#[tokio::test]
async fn the_terminal_shows_the_log_as_a_table() {
    let server = Server::shared().await;
    let output = server.run_ok(&["events", "--limit", "5"]);
    assert_eq!(output.lines().count(), 6, "{output}");
    assert!(output.lines().next().unwrap().contains("EVENT"), "{output}");
}

#[tokio::test]
async fn an_analyst_reads_the_read_models_and_nothing_else() {
    let server = Server::shared().await;
    let id = server.admin().await.contact("analyst@example.com").await;
    let query = format!("select email from read.contacts where contact_id = {id}");
    let output = server.run_ok(&["sql", "-At", "-c", &query]);
    assert_eq!(output.trim(), "analyst@example.com");
    for forbidden in [
        "delete from read.contacts",
        "select * from events",
        "select * from subject_keys",
        "select * from dispatch.queue",
        "set session authorization ledgerline",
        "set default_transaction_read_only = off; delete from read.contacts",
    ] {
        assert!(
            !server.run(&["sql", "-c", forbidden]).status.success(),
            "{forbidden}"
        );
    }
}

#[tokio::test]
async fn every_read_model_and_column_is_explained() {
    let server = Server::shared().await;
    let sql = "select format('%s.%s', c.relname, a.attname) from pg_class c
               join pg_attribute a on a.attrelid = c.oid and a.attnum >= 0 and not a.attisdropped
               where c.relnamespace = 'read'::regnamespace and c.relkind in ('r', 'v')
                 and (col_description(c.oid, a.attnum) is null or obj_description(c.oid) is null)";
    let bare: Vec<String> = sqlx::query_scalar(sql)
        .fetch_all(&mut server.sql().await)
        .await
        .unwrap();
    assert_eq!(bare, Vec::<String>::new());
}

/// The questions that a comment answers instead of naming a thing.
const QUESTIONS: &str = r"^(What|Whose|Who|How|Whether|When|Where|Which|By which)\M";

#[tokio::test]
async fn comments_of_tables_and_columns_name_things() {
    let server = Server::shared().await;
    let sql = "select description from pg_description d join pg_class c on c.oid = d.objoid
               where d.classoid = 'pg_class'::regclass and description ~ $1
                 and c.relnamespace::regnamespace::text in ('dispatch', 'public', 'read', 'sandbox')";
    let asked: Vec<String> = sqlx::query_scalar(sql)
        .bind(QUESTIONS)
        .fetch_all(&mut server.sql().await)
        .await
        .unwrap();
    assert_eq!(asked, Vec::<String>::new());
}

#[tokio::test]
async fn a_wrong_setting_stops_the_start_with_a_sentence_that_names_it() {
    let server = Server::shared().await;
    for (name, value) in [
        ("LEDGERLINE_LEASE_SECONDS", "soon"),
        ("LEDGERLINE_LISTEN", "nowhere"),
        ("LEDGERLINE_LEASE_SECOND", "10"),
        ("LEDGERLINE_ROLE", "king"),
        ("LEDGERLINE_ROLE", "worker"),
    ] {
        let output = server
            .command(&["serve"])
            .env(name, value)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(
            !output.status.success() && said.contains(name),
            "{name}={value}: {said}"
        );
    }
}

#[tokio::test]
async fn a_database_of_ones_own_wants_a_master_key_of_ones_own() {
    let server = Server::shared().await;
    let mut serve = server.command(&["serve"]);
    let output = serve
        .env("LEDGERLINE_DATABASE_URL", "postgres://someone@localhost/x")
        .output();
    let output = output.unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        !output.status.success() && said.contains("LEDGERLINE_MASTER_KEY"),
        "{said}"
    );
    assert!(
        !said.contains("someone"),
        "a URL may hold a password: {said}"
    );
}

#[tokio::test]
async fn the_help_lists_every_setting_with_its_default() {
    let server = Server::shared().await;
    let help = server.run_ok(&["--help"]);
    for (name, default) in [
        ("LEDGERLINE_LISTEN", "127.0.0.1:8000"),
        ("LEDGERLINE_LEASE_SECONDS", "10"),
        ("LEDGERLINE_DATA_DIR", "./var"),
    ] {
        assert!(
            help.contains(name) && help.contains(default),
            "{name}: {help}"
        );
    }
}

#[tokio::test]
async fn a_command_on_what_is_not_there_says_so() {
    let server = Server::shared().await;
    let url = server.url.as_str();
    for (arguments, reason) in [
        (
            ["erase", "contact", "999999999"].as_slice(),
            "there is no contact 999999999",
        ),
        (
            &["campaign", "watch", "999999999", "--url", url],
            "404 Not Found: not found",
        ),
    ] {
        let refused = server.run(arguments);
        assert!(!refused.status.success(), "{arguments:?}");
        let said = String::from_utf8(refused.stderr).unwrap();
        assert!(said.trim_end().ends_with(reason), "{said}");
    }
}

#[tokio::test]
async fn a_data_directory_that_cannot_be_made_is_named_once() {
    let server = Server::shared().await;
    let mut serve = server.command(&["serve"]);
    serve.env("LEDGERLINE_DATA_DIR", "/proc/ledgerline");
    serve.env("LEDGERLINE_LISTEN", "127.0.0.1:0");
    let refused = serve.output().unwrap();
    assert!(!refused.status.success());
    let said = String::from_utf8(refused.stderr).unwrap();
    assert!(
        said.starts_with("ledgerline: LEDGERLINE_DATA_DIR: "),
        "{said}"
    );
    assert_eq!(said.matches("os error").count(), 1, "{said}");

    let mut erase = server.command(&["erase", "contact", "1"]);
    erase.env("LEDGERLINE_DATA_DIR", "/nonexistent");
    let said = String::from_utf8(erase.output().unwrap().stderr).unwrap();
    assert!(said.contains("(LEDGERLINE_DATA_DIR)"), "{said}");
}
