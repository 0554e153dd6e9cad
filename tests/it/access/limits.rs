//! Rate limits on logins: passwords cannot be guessed, and an attacker locks no other user out.

use std::{
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    time::{Duration, Instant},
};

use futures::{StreamExt as _, future::join_all, stream};
use serde_json::json;

use crate::harness::{
    Answer, Client, Database, Server, Setup, USER_PASSWORD, eventually, seconds, unique_name,
};

async fn login(client: &Client, login: &str, password: &str) -> Answer {
    let body = json!({"username": login, "password": password});
    client.post("/authenticate", body).await
}

/// A login of a client that a proxy saw at this address.
async fn login_from(client: &Client, address: &str, login: &str, password: &str) -> Answer {
    let body = json!({"username": login, "password": password});
    let request = client.request("POST", "/authenticate").json(&body);
    client
        .send(request.header("x-forwarded-for", address))
        .await
}

/// The seconds that a refusal asks to wait.
fn retry_after(refused: &Answer) -> u64 {
    let wait = refused.header("retry-after").expect("Retry-After");
    wait.parse().unwrap()
}

async fn limited(per_address: &str) -> Server {
    Setup::on(&Database::create().await)
        .set("LOGIN_ATTEMPTS_PER_ADDRESS", per_address)
        .set("TRUST_PROXY", "true")
        .start()
        .await
}

#[tokio::test]
async fn after_ten_failures_even_the_right_password_waits() {
    let server = Server::shared().await;
    let name = unique_name("guessed");
    server.named_user(&name, &[]).await;
    for _ in 0..10 {
        let wrong = login(&server.stranger(), &name, "wrong").await;
        assert_eq!(wrong.status, 401);
    }
    let refused = login(&server.stranger(), &name, USER_PASSWORD).await;
    assert_eq!(refused.status, 429);
    let wait = retry_after(&refused);
    assert!((1..=300).contains(&wait), "{wait}");
}

#[tokio::test]
async fn the_failures_of_one_user_are_not_held_against_another() {
    let server = Server::shared().await;
    for _ in 0..11 {
        login(&server.stranger(), "never-there", "wrong").await;
    }
    let name = unique_name("innocent");
    server.named_user(&name, &[]).await;
}

#[tokio::test]
async fn a_lock_does_not_tell_which_address_belongs_to_which_name() {
    let server = Server::shared().await;
    let name = unique_name("private");
    server.named_user(&name, &[]).await;
    let email = format!("{name}@users.example");
    let nobody = unique_name("nobody");
    let stranger = server.stranger();
    let mut told = Vec::new();
    for typed in [&name, &email, &nobody] {
        // Locked or not, other spellings of a user are answered as before.
        let mut answers = Vec::new();
        for _ in 0..12 {
            let answer = login(&stranger, typed, "wrong").await;
            answers.push((answer.status, answer.json()["detail"].clone()));
        }
        told.push(answers);
    }
    let statuses: Vec<u16> = told[0].iter().map(|(status, _)| *status).collect();
    assert_eq!(statuses, [[401; 10].as_slice(), &[429; 2]].concat());
    assert_eq!(told[0], told[1]);
    assert_eq!(told[0], told[2]);
}

#[tokio::test]
async fn many_users_are_not_guessed_from_one_address() {
    let server = limited("100").await;
    let (here, stranger) = ("203.0.113.7", server.stranger());
    let admin = server.admin().await;
    let (colleague, newcomer) = (unique_name("colleague"), unique_name("newcomer"));
    for name in [&colleague, &newcomer] {
        let user = json!({"username": name, "passwd": USER_PASSWORD, "active": 1});
        admin.post("/users", user).await.ok();
    }
    login_from(&stranger, here, &colleague, USER_PASSWORD)
        .await
        .ok();

    let (start, checked) = (Instant::now(), AtomicUsize::new(0));
    let guess = async |n: usize| {
        let name = format!("user{n}");
        loop {
            let answer = login_from(&stranger, here, &name, "password1").await;
            match answer.status {
                401 => checked.fetch_add(1, Ordering::Relaxed),
                429 => {
                    assert!((1..=300).contains(&retry_after(&answer)));
                    0
                }
                // The machine is too busy to check so many.
                503 => continue,
                other => panic!("{other}: {}", answer.text()),
            };
            break;
        }
    };
    let flood = stream::iter(0..362).map(guess).buffer_unordered(32);
    let flood = flood.collect::<Vec<()>>();
    let at_work = async {
        eventually("guesses are refused", seconds(60), async || {
            (checked.load(Ordering::Relaxed) >= 90).then_some(())
        })
        .await;
        // A user who logged in from this address before is not delayed by the attack.
        login_from(&stranger, here, &colleague, USER_PASSWORD)
            .await
            .ok();
    };
    tokio::join!(flood, at_work);
    // A burst of a hundred, and then one in three seconds.
    let allowed = 100 + start.elapsed().as_secs() as usize / 3 + 2;
    let checked = checked.into_inner();
    assert!((100..=allowed).contains(&checked), "{checked} of {allowed}");

    // A user new to the address can log in as soon as the address has an attempt left.
    eventually("a newcomer logs in", seconds(60), async || {
        let answer = login_from(&stranger, here, &newcomer, USER_PASSWORD).await;
        if answer.status == 429 {
            tokio::time::sleep(Duration::from_secs(retry_after(&answer))).await;
        }
        (answer.status == 200).then_some(())
    })
    .await;
    let elsewhere = login_from(&stranger, "198.51.100.7", "user1", "password1").await;
    assert_eq!(elsewhere.status, 401, "another address");
}

#[tokio::test]
async fn an_ipv6_network_counts_as_one_address() {
    let server = limited("5").await;
    let stranger = server.stranger();
    let mut statuses = Vec::new();
    for host in 1..=8 {
        let address = format!("2001:db8:0:1::{host}");
        let answer = login_from(&stranger, &address, &format!("user{host}"), "wrong").await;
        statuses.push(answer.status);
    }
    assert_eq!(statuses, [401, 401, 401, 401, 401, 429, 429, 429]);
    let elsewhere = login_from(&stranger, "2001:db8:0:2::1", "user1", "wrong").await;
    assert_eq!(elsewhere.status, 401);
}

#[tokio::test]
async fn a_crowd_of_logins_holds_up_its_own_address_only() {
    let server = limited("100000").await;
    let stranger = server.stranger();
    let name = unique_name("elsewhere");
    let user = json!({"username": name, "passwd": USER_PASSWORD, "active": 1});
    server.admin().await.post("/users", user).await.ok();
    let answered = AtomicUsize::new(0);
    let is_over = AtomicBool::new(false);
    // Each retries until the other user is answered, so that the load never ends.
    let guess = async |n: usize| {
        while !is_over.load(Ordering::Relaxed) {
            login_from(&stranger, "203.0.113.7", &format!("user{n}"), "wrong").await;
            answered.fetch_add(1, Ordering::Relaxed);
        }
    };
    let crowd = join_all((0..300).map(guess));
    let other = async {
        let waiting = eventually("a crowd waits", seconds(60), async || {
            let metrics = stranger.get("/metrics").await.text();
            let mut lines = metrics.lines();
            let waiting =
                lines.find_map(|it| it.strip_prefix("ledgerline_password_hashes_waiting "));
            let waiting: f64 = waiting?.parse().ok()?;
            (waiting >= 100.0).then_some(waiting as usize)
        })
        .await;
        let before = answered.load(Ordering::Relaxed);
        login_from(&stranger, "198.51.100.7", &name, USER_PASSWORD)
            .await
            .ok();
        is_over.store(true, Ordering::Relaxed);
        (waiting, answered.load(Ordering::Relaxed) - before)
    };
    let (_, (waiting, overtaken_by)) = tokio::join!(crowd, other);
    assert!(overtaken_by < waiting, "it waited for all of the crowd");
}
