//! The message centre of centre.js, on the npm package `smpp`. If the package is not installed
//! the test fails and says so.

use std::{
    io::{BufRead, BufReader, Write},
    process::{Child, ChildStdin, Command, Stdio},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use serde_json::{Value, json};

/// A running message centre; it ends with the test.
pub struct Centre {
    /// Its port on loopback.
    pub port: u16,
    log: Arc<Mutex<Vec<Value>>>,
    input: Mutex<ChildStdin>,
    process: Child,
}

impl Drop for Centre {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Centre {
    /// Starts a message centre with these options, see centre.js.
    pub fn start(options: &Value) -> Self {
        let modules = std::env::var("LEDGERLINE_TEST_NODE_PATH");
        let modules = modules.expect("LEDGERLINE_TEST_NODE_PATH is not set: run ./dev test");
        let mut process = Command::new("node")
            .args(["-e", include_str!("centre.js"), "--"])
            .arg(options.to_string())
            .env("NODE_PATH", &modules)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("node cannot be started: {error}"));
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let first = lines
            .next()
            .unwrap_or_else(|| panic!("the npm package smpp is missing in {modules}"));
        let first: Value = serde_json::from_str(&first.unwrap()).unwrap();
        let log = Arc::<Mutex<Vec<Value>>>::default();
        let written = Arc::clone(&log);
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let entry = serde_json::from_str(&line).unwrap();
                written.lock().unwrap().push(entry);
            }
        });
        Self {
            port: u16::try_from(first["port"].as_u64().unwrap()).unwrap(),
            log,
            input: Mutex::new(process.stdin.take().unwrap()),
            process,
        }
    }

    /// The events of this name that it has logged so far.
    pub fn all(&self, event: &str) -> Vec<Value> {
        let log = self.log.lock().unwrap();
        let said = log.iter().filter(|entry| entry["event"] == event);
        said.cloned().collect()
    }

    /// Waits until it has logged `times` events of this name, and returns them.
    pub async fn said(&self, event: &str, times: usize) -> Vec<Value> {
        let deadline = Instant::now() + Duration::from_secs(180);
        loop {
            let said = self.all(event);
            if said.len() >= times {
                return said;
            }
            assert!(Instant::now() < deadline, "{times} times {event}: {said:?}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Makes the message centre deliver a message.
    pub fn deliver(&self, message: &Value) {
        writeln!(self.input.lock().unwrap(), "{message}").unwrap();
    }

    /// The events of this name until now, with those whose log entries are still on their way.
    pub async fn all_by_now(&self, event: &str) -> Vec<Value> {
        let before = self.all("echo").len();
        self.deliver(&json!({"echo": true}));
        self.said("echo", before + 1).await;
        self.all(event)
    }

    /// Makes the message centre hang up.
    pub fn hang_up(&self) {
        self.deliver(&json!({"drop": true}));
    }
}
