//! Chromium without a window, driven over WebDriver (<https://www.w3.org/TR/webdriver2/>) by
//! the chromedriver of the same package source.

use std::{
    fs,
    io::{BufRead, BufReader},
    process::{Command, Stdio},
};

use serde_json::{Value, json};

use super::{TIMEOUT, eventually, guardian::Guardian, process::Process, scratch_dir};

/// The key of an element's reference in WebDriver's JSON.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";
/// Arguments of Chromium: without a window, as root, and with requests to the opened pages only.
const ARGUMENTS: [&str; 9] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
];

/// A running browser with one page.
pub struct Browser {
    http: reqwest::Client,
    session: String,
    // In this order: the driver ends first, then the rest of the browser.
    _driver: Process,
    _guardian: Guardian,
}

impl Browser {
    /// Starts a browser with a fresh profile.
    pub async fn start() -> Self {
        let dir = scratch_dir("browser");
        let guardian = Guardian::new(&dir);
        let mut command = Command::new("chromedriver");
        // Chromium keeps reports of crashes in the home directory.
        command
            .arg("--port=0")
            .env("HOME", &dir)
            .stdin(Stdio::null());
        command.stdout(Stdio::piped()).stderr(Stdio::null());
        let (driver, output) = Process::spawn_piped(command, &dir, "chromedriver");
        let mut lines = BufReader::new(output).lines().map_while(Result::ok);
        let port = lines.find_map(|line| {
            let (_, port) = line.split_once("started successfully on port ")?;
            Some(port.trim_end_matches('.').to_owned())
        });
        let port = port.expect("chromedriver listens");
        std::thread::spawn(move || lines.for_each(drop));
        let http = reqwest::Client::builder()
            .timeout(TIMEOUT * 2)
            .no_proxy()
            .build()
            .unwrap();
        let profile = format!("--user-data-dir={}", dir.join("profile").display());
        let arguments: Vec<&str> = ARGUMENTS.into_iter().chain([profile.as_str()]).collect();
        let wanted = json!({"capabilities": {"alwaysMatch": {
            "browserName": "chrome",
            "timeouts": {"script": TIMEOUT.as_millis() as u64},
            "goog:loggingPrefs": {"browser": "ALL"},
            "goog:chromeOptions": {"args": arguments},
        }}});
        let root = format!("http://127.0.0.1:{port}/session");
        let begun = answer(http.post(&root).json(&wanted))
            .await
            .expect("a session");
        let pid = &begun["capabilities"]["goog:processID"];
        fs::write(dir.join("chromium.pid"), pid.to_string()).unwrap();
        Self {
            session: format!("{root}/{}", begun["sessionId"].as_str().unwrap()),
            http,
            _driver: driver,
            _guardian: guardian,
        }
    }

    /// Opens a page and waits until it has loaded.
    pub async fn open(&self, url: &str) {
        self.post("url", json!({ "url": url })).await.expect(url);
    }

    /// The address of the page.
    pub async fn address(&self) -> String {
        let url = self.http.get(format!("{}/url", self.session));
        let url = answer(url).await.unwrap();
        url.as_str().unwrap().to_owned()
    }

    /// Clicks on the first element of this CSS selector, once it can be clicked.
    pub async fn click(&self, css: &str) {
        eventually(&format!("{css} is clicked"), TIMEOUT, async || {
            let path = format!("{}/click", self.element(css).await.ok()?);
            self.post(&path, json!({})).await.ok()
        })
        .await;
    }

    /// Puts a text into a field in place of what is there.
    pub async fn fill(&self, css: &str, text: &str) {
        eventually(&format!("{css} is filled"), TIMEOUT, async || {
            let element = self.element(css).await.ok()?;
            self.post(&format!("{element}/clear"), json!({}))
                .await
                .ok()?;
            let typed = json!({ "text": text });
            self.post(&format!("{element}/value"), typed).await.ok()
        })
        .await;
    }

    /// The text of the first element of this CSS selector, once it has one.
    pub async fn text(&self, css: &str) -> String {
        eventually(&format!("{css} shows something"), TIMEOUT, async || {
            let element = self.element(css).await.ok()?;
            let text = self.http.get(format!("{}/{element}/text", self.session));
            let text = answer(text).await.ok()?;
            let text = text.as_str()?.trim().to_owned();
            (!text.is_empty()).then_some(text)
        })
        .await
    }

    /// The result of a script.
    pub async fn run(&self, script: &str) -> Value {
        let body = json!({"script": script, "args": []});
        self.post("execute/sync", body).await.expect(script)
    }

    /// Adds an `Authorization` to every request from now on, from pages of any origin, as a browser
    /// does that has stored a password for the server.
    pub async fn authorize(&self, value: &str) {
        let headers = json!({"headers": {"Authorization": value}});
        self.devtools("Network.enable", json!({})).await;
        self.devtools("Network.setExtraHTTPHeaders", headers).await;
    }

    /// Emulates a phone of this width.
    pub async fn hold_as_phone(&self, width: u32) {
        let screen = json!({"width": width, "height": 844, "deviceScaleFactor": 1, "mobile": true});
        self.devtools("Emulation.setDeviceMetricsOverride", screen)
            .await;
    }

    async fn devtools(&self, command: &str, parameters: Value) {
        let command = json!({"cmd": command, "params": parameters});
        self.post("goog/cdp/execute", command).await.unwrap();
    }

    /// The console messages of pages since the last call: errors of scripts, and requests that a
    /// Content-Security-Policy blocked.
    pub async fn console(&self) -> Vec<String> {
        let said = self.post("se/log", json!({"type": "browser"})).await;
        let said = said.unwrap();
        let said = said.as_array().unwrap().iter();
        said.map(|entry| entry["message"].as_str().unwrap().to_owned())
            .collect()
    }

    /// The path of an element, below the session.
    async fn element(&self, css: &str) -> Result<String, Value> {
        let by = json!({"using": "css selector", "value": css});
        let found = self.post("element", by).await?;
        Ok(format!("element/{}", found[ELEMENT].as_str().unwrap()))
    }

    async fn post(&self, path: &str, body: Value) -> Result<Value, Value> {
        let request = self.http.post(format!("{}/{path}", self.session));
        answer(request.json(&body)).await
    }
}

/// The value of a response, or the value of its error.
async fn answer(request: reqwest::RequestBuilder) -> Result<Value, Value> {
    let response = request.send().await.expect("chromedriver answers");
    let is_fine = response.status().is_success();
    let mut body: Value = response.json().await.expect("JSON of chromedriver");
    let value = body["value"].take();
    if is_fine { Ok(value) } else { Err(value) }
}
