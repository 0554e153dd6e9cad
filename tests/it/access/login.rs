//! The methods of authentication.

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::json;

use crate::harness::{ADMIN_PASSWORD, Client, Server};

async fn who(client: &Client, header: &str, value: String) -> u16 {
    let request = client.request("GET", "/contacts").header(header, value);
    client.send(request).await.status
}

#[tokio::test]
async fn a_token_comes_with_what_clients_of_oauth_look_for() {
    let stranger = Server::shared().await.stranger();
    let body = json!({"username": "admin", "password": ADMIN_PASSWORD});
    let answer = stranger.post("/authenticate", body).await.ok();
    assert_eq!(answer["access_token"], answer["token"]);
    assert_eq!(answer["token_type"], "Bearer");
    assert!(answer["expires_in"].as_i64().unwrap() > 0);
}

#[tokio::test]
async fn every_spelling_of_the_login_lets_in() {
    let server = Server::shared().await;
    let user = server.named_user("speller", &["user"]).await;
    let password = crate::harness::USER_PASSWORD;
    for path in ["/authenticate", "/authentication", "/users/authenticate"] {
        for body in [
            json!({"username": "speller", "password": password}),
            json!({"email": "speller@users.example", "password": password}),
            json!({"username": "speller@users.example", "password": password}),
            json!({"username": "speller", "passowrd": password}),
        ] {
            let token = server.stranger().post(path, body.clone()).await.ok();
            let again = user.with_token(token["token"].as_str().unwrap());
            assert_eq!(again.get("/contacts").await.status, 200, "{path} {body}");
        }
    }
}

#[tokio::test]
async fn both_header_names_are_read() {
    let server = Server::shared().await;
    let token = server.admin().await.token().to_owned();
    for name in ["Authorization", "Authentication"] {
        assert_eq!(
            who(&server.stranger(), name, format!("Bearer {token}")).await,
            200,
            "{name}"
        );
        assert_eq!(
            who(&server.stranger(), name, "Bearer nonsense".into()).await,
            401,
            "{name}"
        );
    }
}

#[tokio::test]
async fn basic_takes_the_username_and_the_address() {
    let server = Server::shared().await;
    server.named_user("basic", &["user"]).await;
    for login in ["basic", "basic@users.example", "BASIC"] {
        let pair = STANDARD.encode(format!("{login}:{}", crate::harness::USER_PASSWORD));
        assert_eq!(
            who(&server.stranger(), "Authorization", format!("Basic {pair}")).await,
            200,
            "{login}"
        );
    }
    let wrong = STANDARD.encode("basic:wrong");
    assert_eq!(
        who(
            &server.stranger(),
            "Authorization",
            format!("Basic {wrong}")
        )
        .await,
        401
    );
}

#[tokio::test]
async fn wrong_passwords_and_unknown_users_get_the_same_words() {
    let server = Server::shared().await;
    server.named_user("known", &[]).await;
    let mut said = Vec::new();
    for username in ["known", "nobody-of-this-name"] {
        let body = json!({"username": username, "password": "wrong"});
        said.push(
            server
                .stranger()
                .post("/authenticate", body)
                .await
                .expect(401),
        );
    }
    assert_eq!(said[0], said[1]);
}

#[tokio::test]
async fn a_forged_token_is_refused() {
    let server = Server::shared().await;
    let token = server.admin().await.token().to_owned();
    let (head, signature) = token.rsplit_once('.').unwrap();
    let flipped = if signature.starts_with('A') { "B" } else { "A" };
    let unsigned = format!(
        "{}.{}.",
        STANDARD.encode(r#"{"alg":"none"}"#),
        head.split('.').nth(1).unwrap()
    );
    for forged in [
        format!("{head}.{flipped}{}", &signature[1..]),
        format!("{head}."),
        unsigned,
    ] {
        assert_eq!(
            who(
                &server.stranger(),
                "Authorization",
                format!("Bearer {forged}")
            )
            .await,
            401
        );
    }
}
