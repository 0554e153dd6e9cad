//! Filters and pagination of lists.

use serde_json::{Value, json};

use crate::{
    contract::routes,
    harness::{Client, Server, unique_name},
};

/// Names that would match too much, or inject SQL, if they were not treated as plain text.
const ODD: [&str; 6] = ["50%", "a_b", r"c:\d", "O'Hara", "--'; x", "100% pure_\\'"];

async fn named(user: &Client, name: &str) -> i64 {
    let contact = json!({"first_name": name, "phone": "+15550199"});
    user.post("/contacts", contact).await.id("contact_id")
}

/// The ids in a list with these parameters, which are escaped as by a client.
async fn ids(user: &Client, pairs: &[(&str, &str)]) -> Vec<i64> {
    let list = user.get(&path(pairs)).await.ok();
    let id = |row: &Value| row["contact_id"].as_i64().unwrap();
    list.as_array().unwrap().iter().map(id).collect()
}

fn path(pairs: &[(&str, &str)]) -> String {
    let escaped =
        |text: &str| -> String { text.bytes().map(|byte| format!("%{byte:02X}")).collect() };
    let pairs: Vec<_> = pairs
        .iter()
        .map(|(name, value)| format!("{name}={}", escaped(value)))
        .collect();
    format!("/contacts?{}", pairs.join("&"))
}

#[tokio::test]
async fn quotes_and_wildcards_are_only_what_they_are() {
    let server = Server::shared().await;
    let user = server.user(&["user"]).await;
    let plain = named(&user, "50 or acb or cd or OHara").await;
    for name in ODD {
        let id = named(&user, name).await;
        assert_eq!(ids(&user, &[("first_name", name)]).await, [id], "{name}");
        let shouted = name.to_uppercase();
        assert_eq!(
            ids(&user, &[("first_name", &shouted)]).await,
            [id],
            "{shouted}"
        );
    }
    for everything in ["%", "_", "%%", "\\", "'", "' or '1'='1", "%' --"] {
        let found = ids(&user, &[("first_name", everything)]).await;
        assert!(!found.contains(&plain), "{everything} finds everything");
    }
    assert_eq!(
        ids(&user, &[("phone", "(01) 99")]).await.len(),
        ODD.len() + 1
    );
    for nobody in ["%", "_"] {
        assert!(ids(&user, &[("phone", nobody)]).await.is_empty());
        assert!(ids(&user, &[("email", nobody)]).await.is_empty());
    }
}

#[tokio::test]
async fn every_list_takes_times_and_refuses_what_it_does_not_know() {
    let server = Server::shared().await;
    let admin = server.admin().await;
    let lists = routes::all().into_iter();
    let lists =
        lists.filter(|route| route.operation.ends_with(".list") && route.alias_of.is_empty());
    for list in lists
        .filter(|route| route.permission.ends_with("_list"))
        .map(|it| it.path)
    {
        for query in ["before=1", "after=4102444800"] {
            let found = admin.get(&format!("{list}?{query}")).await.ok();
            assert_eq!(found, json!([]), "{list}?{query}");
        }
        for (query, field) in [
            ("no_such_field=1", "no_such_field"),
            ("passwd=x", "passwd"),
            ("after=now", "after"),
            ("limit=1&cursor=1.1", "cursor"),
            ("limit=1&sort=%27", "sort"),
        ] {
            let refused = admin.get(&format!("{list}?{query}")).await;
            assert_eq!(refused.status, 412, "{list}?{query}: {}", refused.text());
            assert_eq!(refused.fields(), [field], "{list}?{query}");
        }
    }
}

#[tokio::test]
async fn whose_and_when_narrow_a_list() {
    let server = Server::shared().await;
    let (user, admin) = (server.user(&["user"]).await, server.admin().await);
    let id = named(&user, "Ada").await;
    let whose = user.user_id.to_string();
    for field in ["created_by", "user_id"] {
        assert_eq!(ids(&admin, &[(field, &whose)]).await, [id]);
        assert_eq!(ids(&user, &[(field, "1")]).await, Vec::<i64>::new());
    }
    let narrowed = |after: &'static str, before: &'static str| {
        let (user, whose) = (&admin, whose.clone());
        async move {
            let pairs = [
                ("created_by", whose.as_str()),
                ("after", after),
                ("before", before),
            ];
            ids(user, &pairs).await
        }
    };
    assert_eq!(narrowed("1700000000", "4102444800").await, [id]);
    assert_eq!(
        narrowed("1700000000", "1700000001").await,
        Vec::<i64>::new()
    );
    assert_eq!(
        narrowed("4102444800", "4102444801").await,
        Vec::<i64>::new()
    );
}

#[tokio::test]
async fn pages_follow_each_other_to_the_end_by_any_order() {
    let server = Server::shared().await;
    let user = server.user(&["user"]).await;
    let mut made = Vec::new();
    for name in ["Ümit", "ada", "Ada", "", "zoë", "x.y/=&?", "ada"] {
        made.push(named(&user, &format!("{name} {}", unique_name("n"))).await);
    }
    let whole = made.len().to_string();
    for narrowed in [
        "",
        "sort=first_name",
        "sort=-first_name",
        "sort=-contact_id",
        "after=1",
    ] {
        let expected = ids_of(&user.get(&format!("/contacts?{narrowed}")).await.ok());
        assert_eq!(expected.len(), made.len(), "{narrowed}");
        let (mut seen, mut next) = (Vec::new(), Some(format!("/contacts?limit=3&{narrowed}")));
        while let Some(path) = next {
            let page = user.get(&path).await;
            assert_eq!(page.header("x-total-count"), Some(whole.as_str()), "{path}");
            next = page.header("link").map(|link| {
                let path = link.strip_prefix('<').unwrap();
                path.strip_suffix(">; rel=\"next\"").unwrap().to_owned()
            });
            seen.extend(ids_of(&page.ok()));
        }
        assert_eq!(seen, expected, "{narrowed}");
    }
}

/// The row that a cursor names may have been deleted or changed.
#[tokio::test]
async fn a_page_goes_on_behind_a_row_that_is_gone() {
    let server = Server::shared().await;
    let user = server.user(&["user"]).await;
    let mut made = Vec::new();
    for name in ["a", "b", "c", "d"] {
        made.push(named(&user, name).await);
    }
    for sort in ["contact_id", "first_name"] {
        let page = user.get(&format!("/contacts?limit=2&sort={sort}")).await;
        let link = page.header("link").unwrap().to_owned();
        let rows = ids_of(&page.ok());
        let last = rows[1];
        user.delete(&format!("/contacts/{last}")).await.ok();
        let next = link.trim_start_matches('<').split('>').next().unwrap();
        let rest = ids_of(&user.get(next).await.ok());
        assert_eq!(rest[0], *made.iter().find(|id| **id > last).unwrap());
    }
}

#[tokio::test]
async fn totals_follow_what_comes_goes_and_changes_hands() {
    let server = Server::shared().await;
    let (user, admin) = (server.user(&["user"]).await, server.admin().await);
    let total = async |client: &Client, path: &str| -> i64 {
        let page = client.get(path).await;
        page.header("x-total-count").unwrap().parse().unwrap()
    };
    let ids = [named(&user, "a").await, named(&user, "b").await];
    let one = "/contacts?limit=1";
    assert_eq!(total(&user, one).await, 2);
    let whose = format!("{one}&created_by={}", user.user_id);
    assert_eq!(total(&admin, &whose).await, 2);
    user.delete(&format!("/contacts/{}", ids[0])).await.ok();
    assert_eq!(total(&user, one).await, 1);
    assert_eq!(total(&admin, &format!("{whose}&cursor=0")).await, 1);

    let of = |user_id: i64| format!("/accounts?limit=1&cursor=0&created_by={user_id}");
    let other = server.user(&["user"]).await;
    let account = json!({"username": unique_name("desk")});
    let account = admin.post("/accounts", account).await.id("account_id");
    let (mine, theirs) = (
        total(&admin, &of(user.user_id)).await,
        total(&admin, &of(other.user_id)).await,
    );
    for (owner, more) in [(&user, (1, 0)), (&other, (0, 1))] {
        let assign = format!("/accounts/{account}/users/{}", owner.user_id);
        admin.put(&assign, json!({})).await.ok();
        assert_eq!(total(&admin, &of(user.user_id)).await, mine + more.0);
        assert_eq!(total(&admin, &of(other.user_id)).await, theirs + more.1);
    }
}

fn ids_of(list: &Value) -> Vec<i64> {
    let id = |row: &Value| row["contact_id"].as_i64().unwrap();
    list.as_array().unwrap().iter().map(id).collect()
}

#[tokio::test]
async fn a_row_reads_the_same_in_a_list_of_any_kind() {
    let server = Server::shared().await;
    let user = server.user(&["user"]).await;
    let contact = json!({"first_name": "Zoë \"z\" \u{1f600}", "phone": "0049 (15) 0100", "email": "z@example.com"});
    let id = user.post("/contacts", contact).await.id("contact_id");
    let single = user.get(&format!("/contacts/{id}")).await.ok();
    assert_eq!(single["phone"], "0049150100");
    for list in [
        "/contacts",
        "/contacts?limit=1",
        "/contacts?sort=phone",
        "/contacts?after=1",
    ] {
        assert_eq!(user.get(list).await.ok(), json!([single]), "{list}");
    }
}
