//! `/docs` in Chromium: the description is read, somebody logs in and tries an operation,
//! all with the controls of the page.

use serde_json::{Value, json};

use crate::harness::{ADMIN_PASSWORD, Browser, Server, unique_name};

/// An operation on the page, by its tag and its id.
struct Operation<'b> {
    browser: &'b Browser,
    css: String,
}

impl<'b> Operation<'b> {
    /// Opens its part of the page, with the fields to try it in.
    async fn opened(browser: &'b Browser, tag: &str, id: &str) -> Self {
        let css = format!("#operations-{tag}-{id}");
        browser
            .click(&format!("{css} .opblock-summary-control"))
            .await;
        browser.click(&format!("{css} .try-out__btn")).await;
        Self { browser, css }
    }

    /// Presses Execute; the status and the body that the page shows.
    async fn executed(&self) -> (String, Value) {
        let Self { browser, css } = self;
        browser.click(&format!("{css} .execute")).await;
        let answer = format!("{css} .live-responses-table .response");
        let status = browser
            .text(&format!("{answer} .response-col_status"))
            .await;
        let body = browser
            .text(&format!("{answer} .highlight-code code"))
            .await;
        let body = serde_json::from_str(&body).unwrap_or_else(|_| panic!("{status}: {body}"));
        (status, body)
    }
}

#[tokio::test]
async fn the_page_is_read_and_an_operation_is_tried() {
    let server = Server::shared().await;
    let name = unique_name("browsed");
    let contact = json!({"first_name": name, "phone": "15550100"});
    server.admin().await.post("/contacts", contact).await.ok();
    let browser = Browser::start().await;

    browser.open(&server.url).await;
    assert_eq!(
        browser.text("h2.title").await.lines().next(),
        Some("Ledgerline")
    );
    assert_eq!(
        browser.address().await,
        format!("{}/docs/index.html", server.url)
    );
    let shown = browser
        .run("return document.querySelectorAll('.opblock').length")
        .await;
    assert!(shown.as_i64().unwrap() > 200, "{shown} operations");
    let summary = "#operations-contacts-get_contacts .opblock-summary-description";
    assert_eq!(browser.text(summary).await, "Lists contacts");

    let login = Operation::opened(&browser, "authenticate", "post_authenticate").await;
    let body = json!({"username": "admin", "password": ADMIN_PASSWORD}).to_string();
    browser
        .fill(&format!("{} textarea", login.css), &body)
        .await;
    let (status, answered) = login.executed().await;
    assert_eq!(status, "200", "{answered}");
    browser.click(".btn.authorize").await;
    let token = answered["token"].as_str().unwrap();
    browser.fill("#auth-bearer-value", token).await;
    browser
        .click("form:has(#auth-bearer-value) .authorize")
        .await;
    browser.click(".auth-container .btn-done").await;

    let list = Operation::opened(&browser, "contacts", "get_contacts").await;
    let filter = format!("{} tr[data-param-name=first_name] input", list.css);
    browser.fill(&filter, &name).await;
    let (status, answered) = list.executed().await;
    assert_eq!(status, "200", "{answered}");
    assert_eq!(answered[0]["first_name"], name, "{answered}");

    let mut said = browser.console().await;
    // What Chromium advises about fields for passwords.
    said.retain(|line| !line.contains("[DOM]"));
    assert!(said.is_empty(), "{said:#?}");
}
