//! Passwords cannot be tried out.

use serde_json::json;

use crate::harness::{Server, USER_PASSWORD, unique_name};

#[tokio::test]
async fn after_ten_failures_even_the_right_password_waits() {
    let server = Server::shared().await;
    let name = unique_name("guessed");
    server.named_user(&name, &[]).await;
    let try_with = async |password: &str| {
        let body = json!({"username": name, "password": password});
        server.stranger().post("/authenticate", body).await
    };
    for _ in 0..10 {
        assert_eq!(try_with("wrong").await.status, 401);
    }
    let refused = try_with(USER_PASSWORD).await;
    assert_eq!(refused.status, 429);
    let wait: u64 = refused
        .header("retry-after")
        .expect("Retry-After")
        .parse()
        .unwrap();
    assert!((1..=300).contains(&wait), "{wait}");
}

#[tokio::test]
async fn the_failures_of_one_user_are_not_held_against_another() {
    let server = Server::shared().await;
    for _ in 0..11 {
        let body = json!({"username": "never-there", "password": "wrong"});
        server.stranger().post("/authenticate", body).await;
    }
    let name = unique_name("innocent");
    server.named_user(&name, &[]).await;
}
