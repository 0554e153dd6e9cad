//! `/docs` in Chromium: a user reads the description, logs in and tries an operation, all with
//! the controls of the page.

use serde_json::{Value, json};

use crate::harness::{ADMIN_PASSWORD, Browser, Server, eventually, seconds, unique_name};

/// An operation on the page, by its tag and its id.
struct Operation<'b> {
    browser: &'b Browser,
    css: String,
}

impl<'b> Operation<'b> {
    /// Opens the tag and the operation, with the fields to try it.
    async fn opened(browser: &'b Browser, tag: &str, id: &str) -> Self {
        browser.click(&format!("#operations-tag-{tag}")).await;
        let css = format!("#operations-{tag}-{id}");
        browser
            .click(&format!("{css} .opblock-summary-control"))
            .await;
        browser.click(&format!("{css} .try-out__btn")).await;
        Self { browser, css }
    }

    /// Presses Execute; answers the status and the body that the page shows.
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

/// The number of elements of this CSS selector that the page has.
async fn number_of(browser: &Browser, css: &str) -> i64 {
    let script = format!("return document.querySelectorAll('{css}').length");
    browser.run(&script).await.as_i64().unwrap()
}

#[tokio::test]
async fn a_phone_lays_the_page_out_in_its_own_width() {
    let server = Server::shared().await;
    let browser = Browser::start().await;
    browser.hold_as_phone(390).await;
    browser
        .open(&format!("{}/docs/index.html", server.url))
        .await;
    browser.text(".info .title").await;
    let width = browser
        .run("return document.documentElement.clientWidth")
        .await;
    assert_eq!(width, 390);
}

#[tokio::test]
async fn nothing_of_the_page_is_wider_than_a_phone() {
    let server = Server::shared().await;
    let browser = Browser::start().await;
    browser.hold_as_phone(390).await;
    browser.open(&format!("{}/docs/", server.url)).await;
    browser.text(".info .title").await;
    let width = async || {
        let width = "return document.documentElement.scrollWidth";
        browser.run(width).await.as_i64().unwrap()
    };
    assert_eq!(width().await, 390);
    browser.click("#operations-tag-contacts").await;
    for id in ["post_contacts", "get_contacts"] {
        let css = format!("#operations-contacts-{id}");
        let control = format!("{css} .opblock-summary-control");
        browser.click(&control).await;
        browser.text(&format!("{css} .responses-table")).await;
        assert_eq!(width().await, 390, "{id}");
        browser.click(&control).await;
    }
    browser.click(".btn.authorize").await;
    browser.text(".modal-ux").await;
    let right = "return document.querySelector('.modal-ux').getBoundingClientRect().right";
    let right = browser.run(right).await.as_f64().unwrap();
    assert!(right <= 390.0, "{right}");
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
        browser.text(".info .title").await.lines().next(),
        Some("Ledgerline")
    );
    assert_eq!(
        browser.address().await,
        format!("{}/docs/index.html", server.url)
    );
    assert_eq!(browser.run("return document.title").await, "Ledgerline API");
    let tags = number_of(&browser, ".opblock-tag").await;
    assert!(tags > 20, "{tags} tags");
    assert_eq!(number_of(&browser, ".opblock").await, 0);

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

    browser.fill(".operation-filter-input", "contacts").await;
    eventually("one tag is left", seconds(60), async || {
        (number_of(&browser, ".opblock-tag").await == 1).then_some(())
    })
    .await;
    let list = Operation::opened(&browser, "contacts", "get_contacts").await;
    let summary = format!("{} .opblock-summary-description", list.css);
    assert_eq!(browser.text(&summary).await, "Lists contacts");
    let filter = format!("{} tr[data-param-name=first_name] input", list.css);
    browser.fill(&filter, &name).await;
    let (status, answered) = list.executed().await;
    assert_eq!(status, "200", "{answered}");
    assert_eq!(answered[0]["first_name"], name, "{answered}");

    let mut said = browser.console().await;
    // Advice of Chromium about password fields.
    said.retain(|line| !line.contains("[DOM]"));
    assert!(said.is_empty(), "{said:#?}");
}
