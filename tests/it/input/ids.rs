//! Invalid ids.

use serde_json::json;

use crate::harness::Server;

#[tokio::test]
async fn an_absurd_id_is_an_unknown_one() {
    let admin = Server::shared().await.admin().await;
    let absurd = [
        "0",
        "-1",
        "1.5",
        "abc",
        "9223372036854775807",
        "9223372036854775808",
        "18446744073709551616",
        "1e3",
        "%00",
        "1%20or%201=1",
        "%F0%9F%92%A9",
        "1'",
        "0x1",
        "+1",
    ];
    for plural in [
        "contacts",
        "messages/templates",
        "programs",
        "transmissions",
        "accounts",
        "users",
        "roles",
        "providers",
    ] {
        for id in absurd {
            for method in ["GET", "DELETE"] {
                let path = format!("/{plural}/{id}");
                let answer = admin.send(admin.request(method, &path)).await;
                assert_eq!(answer.status, 404, "{method} {path}: {}", answer.text());
            }
        }
    }
    for id in absurd {
        for (method, path) in [
            ("POST", format!("/transmissions/{id}/send")),
            ("GET", format!("/transmissions/{id}/detail")),
            ("GET", format!("/spools/{id}/status")),
            ("PUT", format!("/messages/templates/{id}/media")),
            ("PUT", format!("/users/1/roles/{id}")),
            ("PUT", format!("/users/{id}/roles/1")),
        ] {
            let request = admin.request(method, &path);
            let request = if method == "GET" {
                request
            } else {
                request.json(&json!({}))
            };
            let answer = admin.send(request).await;
            assert_eq!(answer.status, 404, "{method} {path}: {}", answer.text());
        }
    }
}
