//! The connections of a process to Postgres: never more than the setting, under any load.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use futures::future::join_all;
use serde_json::{Value, json};
use sqlx::{Connection as _, PgConnection, query_scalar};
use tokio::task::JoinHandle;

use crate::harness::{
    Campaigning, Client, Database, EventLog, ReadModels, Server, Setup, eventually,
    sandbox_provider, seconds,
};

/// The least setting that a process of each role accepts.
const LEAST: [(&str, i64); 4] = [("all", 8), ("api", 7), ("worker", 6), ("projector", 6)];
/// Connections of a rebuild beside the server.
const REBUILD: i64 = 6;

/// The most sessions of the program that a database had at once, polled continually.
struct Watched {
    most: Arc<AtomicI64>,
    task: JoinHandle<()>,
}

impl Watched {
    async fn new(server: &Server) -> Self {
        let mut db = server.sql().await;
        let most = Arc::new(AtomicI64::new(0));
        let seen = Arc::clone(&most);
        let task = tokio::spawn(async move {
            let sql = "select count(*) from pg_stat_activity
                       where backend_type = 'client backend' and datname = current_database()
                         and application_name like 'ledgerline%'";
            loop {
                let now: i64 = query_scalar(sql).fetch_one(&mut db).await.unwrap();
                seen.fetch_max(now, Ordering::Relaxed);
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        });
        Self { most, task }
    }

    /// Resets the count; answers the most until now.
    fn most(&self) -> i64 {
        assert!(!self.task.is_finished(), "nobody looked");
        self.most.swap(0, Ordering::Relaxed)
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn least(role: &str) -> i64 {
    let (_, least) = LEAST.iter().find(|(name, _)| *name == role).unwrap();
    *least
}

fn process(database: &Database, role: &str) -> Setup {
    Setup::on(database)
        .set("ROLE", role)
        .set("POSTGRES_CONNECTIONS", &least(role).to_string())
}

/// Repeats a request while a busy server answers 503.
async fn ask(client: &Client, method: &str, path: &str, body: &Value) -> Value {
    eventually("there is an answer", seconds(120), async || {
        let request = client.request(method, path);
        let request = match method {
            "POST" => request.json(body),
            _ => request,
        };
        let answer = client.send(request).await;
        (answer.status != 503).then(|| answer.ok())
    })
    .await
}

/// Sends many reads and writes concurrently.
async fn burst(client: &Client) {
    let requests = (0..60).map(async |n| {
        let contact = json!({"first_name": "Ada", "phone": format!("+1777{n:04}")});
        ask(client, "POST", "/contacts", &contact).await;
        ask(client, "GET", "/contacts?limit=50", &Value::Null).await;
        ask(client, "GET", "/statistics", &Value::Null).await;
    });
    join_all(requests).await;
}

/// Sends requests, imports into several groups, and a campaign, concurrently.
async fn work(server: &Server) {
    let campaigns = Campaigning::new(&server.admin().await).await;
    let groups = join_all((0..4).map(|_| campaigns.group(60)));
    let (groups, ()) = tokio::join!(groups, burst(&campaigns.client));
    let id = campaigns.running(groups[0], json!({"cpm": 30})).await;
    let ended = campaigns.ended(id);
    let (ended, ()) = tokio::join!(ended, burst(&campaigns.client));
    assert_eq!(ended["delivered"], 60, "{ended}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_busy_process_opens_no_more_than_its_setting() {
    let server = process(&Database::create().await, "all").start().await;
    sandbox_provider(&server.admin().await).await;
    let watched = Watched::new(&server).await;
    work(&server).await;
    let most = watched.most();
    let allowed = least("all");
    assert!((6..=allowed).contains(&most), "{most} instead of {allowed}");

    let mut rebuild = server.command(&["rebuild"]);
    rebuild.env("LEDGERLINE_POSTGRES_CONNECTIONS", REBUILD.to_string());
    let rebuild = tokio::task::spawn_blocking(move || rebuild.output());
    work(&server).await;
    let rebuilt = rebuild.await.unwrap().unwrap();
    assert!(rebuilt.status.success(), "{rebuilt:?}");
    let (most, allowed) = (watched.most(), least("all") + REBUILD);
    assert!(most <= allowed, "{most} instead of {allowed}");
    ReadModels::assert_whole(&server).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_role_works_with_its_least_connections() {
    let database = Database::create().await;
    let _projector = process(&database, "projector").spawn();
    let api = process(&database, "api").start().await;
    let _worker = process(&database, "worker").spawn();
    sandbox_provider(&api.admin().await).await;
    let watched = Watched::new(&api).await;
    work(&api).await;
    let allowed: i64 = ["projector", "api", "worker"].map(least).iter().sum();
    let most = watched.most();
    assert!(most <= allowed, "{most} instead of {allowed}");
    ReadModels::assert_whole(&api).await;
}

#[tokio::test]
async fn too_few_connections_are_refused_at_the_start() {
    let server = Setup::on(&Database::create().await).start().await;
    for (role, least) in LEAST {
        let mut serve = server.command(&["serve", "--role", role]);
        let serve = serve.env("LEDGERLINE_POSTGRES_CONNECTIONS", (least - 1).to_string());
        let output = serve
            .env("LEDGERLINE_LISTEN", "127.0.0.1:0")
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success(), "{role}: {said}");
        assert!(
            said.contains("LEDGERLINE_POSTGRES_CONNECTIONS is"),
            "{said}"
        );
        let why = match least {
            6 => "6 to 500".to_owned(),
            _ => format!("at least {least} for role {role}"),
        };
        assert!(said.contains(&why), "{said}");
    }
}

/// Terminates the connections that hold the processes' locks; answers their number.
async fn cut_locks(db: &mut PgConnection) -> i64 {
    let sql = "select count(pg_terminate_backend(pid)) from pg_stat_activity
               where datname = current_database() and application_name = 'ledgerline locks'";
    query_scalar(sql).fetch_one(db).await.unwrap()
}

/// The number of leader locks that are held, by any process.
async fn locks(db: &mut PgConnection) -> i64 {
    let sql = "select count(*) from pg_locks
               where locktype = 'advisory' and granted and classid = x'4c454144'::int
                 and database = (select oid from pg_database where datname = current_database())";
    query_scalar(sql).fetch_one(db).await.unwrap()
}

/// The number of subscribers that this process leads, and of all subscribers.
async fn led(server: &Server) -> Option<(usize, usize)> {
    let answer = server.stranger().get("/readyz").await;
    let ready: Value = serde_json::from_str(&answer.text()).ok()?;
    let rows = ready["projections"].as_array()?;
    let led = rows.iter().filter(|row| row["leader"] == true).count();
    Some((led, rows.len()))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_lead_is_taken_again_and_no_event_is_missed() {
    let database = Database::create().await;
    let servers = [
        process(&database, "all").start().await,
        process(&database, "all").start().await,
    ];
    let mut db = PgConnection::connect_with(&database.options())
        .await
        .unwrap();
    let campaigns = Campaigning::on(&servers[0]).await;
    let group = campaigns.group(60).await;
    let id = campaigns.running(group, json!({"cpm": 10})).await;
    let contact = json!({"first_name": "Ada", "phone": "+15550100"});
    for round in 0..3 {
        campaigns.done(id, 10 * round).await;
        assert!(cut_locks(&mut db).await >= 1, "nobody held a lock");
        eventually("each lead is taken once", seconds(60), async || {
            let (one, all) = led(&servers[0]).await?;
            let (other, _) = led(&servers[1]).await?;
            // The policies have a leader too.
            let is_each = one + other == all && locks(&mut db).await == all as i64 + 1;
            is_each.then_some(())
        })
        .await;
        for server in &servers {
            let client = server.admin().await;
            ask(&client, "POST", "/contacts", &contact).await;
        }
    }
    let ended = campaigns.ended(id).await;
    assert_eq!(ended["delivered"], 60, "{ended}");
    let mut log = EventLog::open(&servers[0]).await;
    assert_eq!(log.made(id).await, (60, 60));
    ReadModels::assert_whole(&servers[0]).await;
}

/// The most connections of a server with nothing to do.
const IDLE: i64 = 14;

#[tokio::test]
async fn an_idle_server_gives_back_the_connections_of_a_busy_moment() {
    let server = Setup::on(&Database::create().await).start().await;
    let watched = Watched::new(&server).await;
    let admin = server.admin().await;
    sandbox_provider(&admin).await;
    burst(&admin).await;
    let busy = watched.most();
    assert!(busy > IDLE, "{busy} connections while it was busy");

    eventually("few connections are left", seconds(120), async || {
        watched.most();
        tokio::time::sleep(seconds(2)).await;
        (watched.most() <= IDLE).then_some(())
    })
    .await;
}
