//! The accepted content types of bodies.

use serde_json::json;

use crate::{
    contract::routes::{self, Route},
    harness::{ADMIN_PASSWORD, Answer, Client, Server, USER_PASSWORD, unique_name},
};

/// The content types that a form on a web page can send without a preflight request.
const FORMS: [&str; 3] = [
    "text/plain",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x",
];

async fn send(client: &Client, method: &str, path: &str, kind: Option<&str>) -> Answer {
    let request = client.request(method, path).body("a=b");
    client
        .send(match kind {
            Some(kind) => request.header("content-type", kind),
            None => request,
        })
        .await
}

/// Every route that writes, with a path. It has an existing id for routes that reject unknown ids
/// before they read the body.
async fn paths(client: &Client) -> Vec<(Route, String)> {
    let mut ids = Vec::new();
    for (kind, body) in [
        ("group", json!({"name": unique_name("group")})),
        ("document", json!({"name": "paper"})),
        ("recording", json!({"name": "sound"})),
        (
            "template",
            json!({"name": "letter", "subject": "s", "body": "b"}),
        ),
    ] {
        let field = format!("{kind}_id");
        let id = client.post(&format!("/{kind}s"), body).await.id(&field);
        ids.push((format!("{{{field}}}"), id.to_string()));
    }
    let takes_files =
        |route: &Route| route.path.ends_with("/media") || route.operation.ends_with(".import_csv");
    let path = |route: Route| {
        let known = ids.iter().filter(|_| takes_files(&route));
        let path = known.fold(route.path.to_owned(), |path, (name, id)| {
            path.replace(name, id)
        });
        if path.contains('{') {
            (route, route.unknown())
        } else {
            (route, path)
        }
    };
    let changing = routes::all().into_iter().filter(Route::changes_something);
    changing.map(path).collect()
}

#[tokio::test]
async fn forms_are_taken_by_the_documented_pbx_api() {
    let server = Server::shared().await;
    let admin = server.stranger().login("admin", ADMIN_PASSWORD).await;
    let routes = routes::all().into_iter().filter(Route::takes_forms);
    let mut asked = 0;
    for route in routes {
        let form = [("no_such_field", "x")];
        let urlencoded = admin.request(route.method, route.path).form(&form);
        let parts =
            "--x\r\ncontent-disposition: form-data; name=\"no_such_field\"\r\n\r\nx\r\n--x--";
        let multipart = admin.request(route.method, route.path);
        let multipart = multipart.header("content-type", FORMS[2]).body(parts);
        for request in [urlencoded, multipart] {
            let answer = admin.send(request).await;
            let refused = answer.expect(412);
            assert_eq!(refused["status"], "failed", "{}", route.name());
        }
        asked += 1;
    }
    assert_eq!(asked, 27);
}

#[tokio::test]
async fn a_form_is_taken_by_no_other_route_that_changes_something() {
    let server = Server::shared().await;
    let admin = server.stranger().login("admin", ADMIN_PASSWORD).await;
    let mut taken = Vec::new();
    for (route, path) in paths(&admin).await {
        for kind in FORMS {
            // Text files may be attached to a template.
            if kind == "text/plain" && path.contains("/templates/") && path.ends_with("/media") {
                continue;
            }
            if kind != "text/plain" && route.takes_forms() {
                continue;
            }
            let answer = send(&admin, route.method, &path, Some(kind)).await;
            if answer.status != 415 {
                taken.push(format!("{} {kind}: {}", route.name(), answer.status));
            }
        }
    }
    assert!(taken.is_empty(), "{taken:#?}");
}

#[tokio::test]
async fn a_body_without_a_type_is_taken_for_lists_only() {
    let server = Server::shared().await;
    let admin = server.stranger().login("admin", ADMIN_PASSWORD).await;
    for (route, path) in paths(&admin).await {
        let answer = send(&admin, route.method, &path, None).await;
        let is_list = route.operation.ends_with(".import_csv");
        let expected = if is_list { 200 } else { 415 };
        assert_eq!(answer.status, expected, "{}", route.name());
    }
}

#[tokio::test]
async fn a_refusal_says_what_is_accepted() {
    let server = Server::shared().await;
    let admin = server.stranger().login("admin", ADMIN_PASSWORD).await;
    for (path, accepted) in [
        ("/contacts", "application/json"),
        ("/users/csv", "text/csv"),
        ("/authenticate/cancel", "application/json"),
    ] {
        let refused = send(&admin, "POST", path, Some("text/plain")).await;
        let problem = refused.expect(415);
        let kind = refused.header("content-type");
        assert_eq!(kind, Some("application/problem+json"));
        for said in [&problem["detail"], &problem["error"]["message"]] {
            assert!(said.as_str().unwrap().contains(accepted), "{problem}");
        }
    }
}

#[tokio::test]
async fn an_empty_body_needs_no_type() {
    let user = Server::shared().await.user(&["user"]).await;
    for kind in FORMS {
        let contact = user.contact("empty@example.com").await;
        let path = format!("/contacts/{contact}");
        let request = user.request("DELETE", &path).header("content-type", kind);
        user.send(request.body("")).await.ok();
    }
}

#[tokio::test]
async fn a_text_form_sets_nobodys_password() {
    let server = Server::shared().await;
    let admin = server.admin().await;
    let name = unique_name("victim");
    server.named_user(&name, &["user"]).await;
    // `<form enctype=text/plain>` with a field `…username,passwd\r\n…` of this value.
    for kind in FORMS {
        let form = format!("username,passwd\r\n{name},taken-over-9-times\r\n,=\r\n");
        let request = admin.request("POST", "/users/csv?update=passwords");
        let request = request.header("content-type", kind);
        admin.send(request.body(form)).await.expect(415);
    }
    server.stranger().login(&name, USER_PASSWORD).await;
}
