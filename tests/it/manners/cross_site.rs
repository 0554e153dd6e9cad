//! Requests that a page of another origin makes a browser send.

use serde_json::json;

use crate::{
    contract::routes::{self, Route},
    harness::{
        ADMIN_PASSWORD, Answer, Client, Database, Mailing, Receiving, Server, Setup, USER_PASSWORD,
    },
};

/// The first user with a token of this test's own, which the test may revoke.
async fn administrator(server: &Server) -> Client {
    server.stranger().login("admin", ADMIN_PASSWORD).await
}

type Headers<'h> = &'h [(&'h str, &'h str)];

async fn ask(client: &Client, method: &str, path: &str, headers: Headers<'_>) -> Answer {
    let request = client.request(method, path);
    let request = headers.iter().fold(request, |request, (name, value)| {
        request.header(*name, *value)
    });
    client.send(request).await
}

/// The routes of `tests/contract/routes.tsv` that write, or the others.
fn routes(changing: bool) -> impl Iterator<Item = Route> {
    let all = routes::all().into_iter();
    all.filter(move |route| route.changes_something() == changing)
}

/// The routes that are refused with 403, and those that are not.
async fn refusals(
    client: &Client,
    routes: impl Iterator<Item = Route>,
    headers: Headers<'_>,
) -> (Vec<String>, Vec<String>) {
    let (mut refused, mut admitted) = (Vec::new(), Vec::new());
    for route in routes {
        let answer = ask(client, route.method, &route.unknown(), headers).await;
        let list = match answer.status {
            403 => &mut refused,
            _ => &mut admitted,
        };
        list.push(format!("{} {}", route.name(), answer.status));
    }
    (refused, admitted)
}

#[tokio::test]
async fn another_origin_changes_nothing_on_any_route() {
    let server = Server::shared().await;
    let admin = administrator(server).await;
    let near = server.url.replace("127.0.0.1", "localhost");
    for headers in [
        &[("origin", "https://evil.example")][..],
        &[("origin", "null")],
        &[("origin", near.as_str())],
        &[("origin", "http://127.0.0.1")],
        &[("sec-fetch-site", "cross-site")],
        &[("sec-fetch-site", "same-site")],
        &[("sec-fetch-site", "none")],
        &[
            ("origin", server.url.as_str()),
            ("sec-fetch-site", "same-site"),
        ],
    ] {
        let (refused, admitted) = refusals(&admin, routes(true), headers).await;
        assert!(refused.len() > 100, "{headers:?}");
        assert!(admitted.is_empty(), "{headers:?}: {admitted:#?}");
    }
}

#[tokio::test]
async fn a_page_of_our_own_origin_changes_things() {
    let server = Server::shared().await;
    let admin = administrator(server).await;
    let own = [
        ("origin", server.url.as_str()),
        ("sec-fetch-site", "same-origin"),
        ("sec-fetch-mode", "cors"),
    ];
    // Except the one that would end the login.
    let routes = routes(true).filter(|route| route.path != "/authenticate/cancel");
    let (refused, _) = refusals(&admin, routes, &own).await;
    assert!(refused.is_empty(), "{refused:#?}");
}

#[tokio::test]
async fn reading_is_not_refused_whoever_asks() {
    let admin = administrator(Server::shared().await).await;
    let navigation = [
        ("origin", "https://evil.example"),
        ("referer", "https://evil.example/"),
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-mode", "navigate"),
        ("upgrade-insecure-requests", "1"),
    ];
    let (refused, _) = refusals(&admin, routes(false), &navigation).await;
    assert!(refused.is_empty(), "{refused:#?}");
}

#[tokio::test]
async fn no_link_sets_off_a_get_that_changes_something() {
    let server = Server::shared().await;
    let admin = administrator(server).await;
    let own_page = format!("{}/docs/index.html", server.url);
    let gets = || routes(true).filter(|route| route.method == "GET");
    for headers in [
        &[
            ("sec-fetch-site", "same-origin"),
            ("sec-fetch-mode", "navigate"),
        ][..],
        &[("sec-purpose", "prefetch")],
        &[("upgrade-insecure-requests", "1")],
        &[("referer", "https://evil.example/page")],
    ] {
        let (_, admitted) = refusals(&admin, gets(), headers).await;
        assert!(admitted.is_empty(), "{headers:?}: {admitted:#?}");
    }
    let script = [
        ("referer", own_page.as_str()),
        ("sec-fetch-site", "same-origin"),
        ("sec-fetch-mode", "cors"),
    ];
    let (refused, _) = refusals(&admin, gets(), &script).await;
    assert!(refused.is_empty(), "{refused:#?}");
}

#[tokio::test]
async fn a_program_with_basic_uses_the_gets_that_change_something() {
    let server = Server::shared().await;
    let user = server.user(&["user"]).await;
    let contact = user.contact("basic@example.com").await;
    let row = user.get(&format!("/users/{}", user.user_id)).await.ok();
    let path = format!("/contacts/{contact}/delete");
    let request = server
        .stranger()
        .request("GET", &path)
        .basic_auth(row["username"].as_str().unwrap(), Some(USER_PASSWORD));
    server.stranger().send(request).await.ok();
    let gone = user.get(&format!("/contacts/{contact}")).await;
    assert_eq!(gone.status, 404);
}

#[tokio::test]
async fn what_is_refused_changes_nothing() {
    let user = Server::shared().await.user(&["user"]).await;
    let contact = user.contact("csrf@example.com").await;
    let mailing = Mailing::new(&user).await;
    let transmission = mailing.to(contact).await;
    for path in [
        format!("/contacts/{contact}/delete"),
        format!("/transmissions/{transmission}/send"),
        format!("/transmissions/{transmission}/clone"),
    ] {
        let from = [("sec-fetch-site", "cross-site")];
        let refused = ask(&user, "GET", &path, &from).await;
        let problem = refused.expect(403);
        assert_eq!(problem["error"]["code"], 403, "{problem}");
    }
    user.get(&format!("/contacts/{contact}")).await.ok();
    let transmissions = user.get("/transmissions").await.ok();
    assert_eq!(transmissions.as_array().unwrap().len(), 1);
    assert_eq!(transmissions[0]["status"], "pending");
}

#[tokio::test]
async fn ours_is_the_url_and_listed_is_who_is_named() {
    let setup = Setup::on(&Database::create().await)
        .set("URL", "https://uc.example/")
        .set("CORS_ORIGINS", "https://app.example");
    let server = setup.start().await;
    let admin = server.admin().await;
    let post = async |origin: &str, site: &str| {
        let headers = [("origin", origin), ("sec-fetch-site", site)];
        ask(&admin, "POST", "/contacts", &headers).await.status
    };
    assert_eq!(post("https://UC.example:443", "same-origin").await, 412);
    assert_eq!(post("https://app.example", "cross-site").await, 412);
    assert_eq!(post("https://uc.example", "cross-site").await, 403);
    assert_eq!(post(&server.url, "same-origin").await, 403);
    assert_eq!(post("http://app.example", "cross-site").await, 403);
}

#[tokio::test]
async fn a_star_lets_pages_read_and_change_nothing() {
    let setup = Setup::on(&Database::create().await).set("CORS_ORIGINS", "*");
    let server = setup.start().await;
    let admin = server.admin().await;
    let from = [("origin", "https://any.example")];
    let read = ask(&admin, "GET", "/contacts", &from).await;
    assert_eq!(read.status, 200);
    assert_eq!(read.header("access-control-allow-origin"), Some("*"));
    let login = ask(&admin, "POST", "/authenticate", &from).await;
    assert_eq!(login.status, 403);
}

#[tokio::test]
async fn the_forwarded_host_is_ours_behind_a_trusted_proxy() {
    let forwarded = [
        ("origin", "https://uc.example"),
        ("x-forwarded-host", "uc.example"),
    ];
    let direct = Server::shared().await.admin().await;
    let refused = ask(&direct, "POST", "/contacts", &forwarded).await;
    assert_eq!(refused.status, 403);
    let setup = Setup::on(&Database::create().await).set("TRUST_PROXY", "true");
    let server = setup.start().await;
    let admin = server.admin().await;
    let taken = ask(&admin, "POST", "/contacts", &forwarded).await;
    assert_eq!(taken.status, 412);
    let other = [
        ("origin", "https://evil.example"),
        ("x-forwarded-host", "evil.example, uc.example"),
    ];
    let refused = ask(&admin, "POST", "/contacts", &other).await;
    assert_eq!(refused.status, 403);
}

#[tokio::test]
async fn providers_report_from_wherever_they_are() {
    let server = Server::alone().await;
    let admin = server.admin().await;
    let receiving = Receiving::sms(&admin).await;
    let provider = receiving.kannel(&admin).await;
    let path = format!(
        "/callbacks/sms/{}?from=%2B4930999&to={}&data=hi",
        provider.provider_id, receiving.address
    );
    let request = server.stranger().request("GET", &path);
    let request = request
        .basic_auth("ledgerline", Some("wrong"))
        .header("origin", "null")
        .header("sec-fetch-site", "cross-site");
    let answer = server.stranger().send(request).await;
    assert_eq!(answer.status, 401, "its password decides");
}

/// The challenges of a 401.
async fn offered(headers: Headers<'_>) -> Vec<String> {
    let stranger = Server::shared().await.stranger();
    let answer = ask(&stranger, "GET", "/contacts", headers).await;
    assert_eq!(answer.status, 401, "{headers:?}");
    let challenges = answer.headers.get_all("www-authenticate").iter();
    let challenges = challenges.map(|value| value.to_str().unwrap().to_owned());
    challenges.collect()
}

#[tokio::test]
async fn a_browser_is_never_offered_basic() {
    let program = offered(&[("user-agent", "curl/8.14.1"), ("accept", "*/*")]).await;
    assert!(program[0].starts_with("Bearer "), "{program:?}");
    assert!(program[1].starts_with("Basic "), "{program:?}");
    for sign in [
        ("sec-fetch-site", "none"),
        ("sec-fetch-dest", "image"),
        ("origin", "https://evil.example"),
        ("accept", "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8"),
        ("upgrade-insecure-requests", "1"),
        ("user-agent", "Mozilla/5.0 (X11; Linux x86_64) Chrome/156.0"),
    ] {
        let browser = offered(&[sign]).await;
        assert_eq!(browser, program[..1], "{sign:?}");
    }
    // Nor in response to a wrong password.
    let server = Server::shared().await;
    let request = server.stranger().request("GET", "/contacts");
    let request = request
        .basic_auth("admin", Some(format!("{ADMIN_PASSWORD}x")))
        .header("accept", "text/html");
    let answer = server.stranger().send(request).await;
    assert_eq!(answer.status, 401);
    assert_eq!(answer.headers.get_all("www-authenticate").iter().count(), 1);
}

#[tokio::test]
async fn a_key_or_a_token_changes_nothing_about_it() {
    let user = Server::shared().await.user(&["user"]).await;
    let body = json!({"first_name": "Ada", "phone": "15550100"});
    let keyed = |origin: &str| {
        let request = user.request("POST", "/contacts").json(&body);
        let request = request.header("idempotency-key", "one");
        user.send(request.header("origin", origin))
    };
    let first = keyed(&user.url).await.id("contact_id");
    assert_eq!(keyed("https://evil.example").await.status, 403);
    assert_eq!(keyed(&user.url).await.id("contact_id"), first);
}
