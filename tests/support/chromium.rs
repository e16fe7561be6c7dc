//! Chromium without a head, over its debugging pipe. It alone can answer or cancel a prompt for Basic.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    process::{Child, ChildStdin, Command, Stdio},
    sync::mpsc::{Receiver, channel},
    time::Duration,
};

use serde_json::{Value, json};

/// What a person does when the browser asks for a user name and a password.
#[derive(Clone, Debug)]
pub enum Prompt {
    Cancel,
    Answer { user: String, password: String },
}

/// One browser with one page; it ends with the test, when its pipe does.
pub struct Browser {
    child: Child,
    pipe: Option<ChildStdin>,
    messages: Receiver<Value>,
    last_id: u64,
    session: Option<String>,
    prompt: Prompt,
    /// How often the browser would have asked for a user name and a password.
    pub prompts: usize,
    profile: std::path::PathBuf,
}

const FLAGS: &str = "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --hide-scrollbars \
    --disable-background-networking --disable-component-update --disable-sync --window-size=760,560";

impl Browser {
    /// Starts Chromium with an empty profile; `None` where there is none.
    pub fn start() -> Option<Self> {
        if Command::new("chromium")
            .arg("--version")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .is_err()
        {
            super::skipped("chromium");
            return None;
        }
        let profile = std::env::temp_dir().join(format!(
            "tower-authn-browser-{}-{:?}",
            std::process::id(),
            std::thread::current().id()
        ));
        let script = format!(
            "exec chromium {FLAGS} --remote-debugging-pipe --user-data-dir='{}' 3<&0 4>&1 >/dev/null 2>&1",
            profile.display()
        );
        let mut child = Command::new("sh")
            .args(["-c", &script])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let pipe = child.stdin.take();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let (sender, messages) = channel();
        std::thread::spawn(move || {
            let mut message = Vec::new();
            while output.read_until(0, &mut message).is_ok_and(|length| length > 0) {
                message.pop(); // the zero that ends it
                if sender.send(serde_json::from_slice(&message).unwrap()).is_err() {
                    return;
                }
                message.clear();
            }
        });
        let mut browser = Self {
            child,
            pipe,
            messages,
            last_id: 0,
            session: None,
            prompt: Prompt::Cancel,
            prompts: 0,
            profile,
        };
        let target = browser.call("Target.createTarget", &json!({"url": "about:blank"}))["targetId"].clone();
        let attached = browser.call("Target.attachToTarget", &json!({"targetId": target, "flatten": true}));
        browser.session = attached["sessionId"].as_str().map(str::to_owned);
        browser.call("Page.enable", &json!({}));
        browser.call("Fetch.enable", &json!({"handleAuthRequests": true}));
        Some(browser)
    }

    /// Opens a page and waits until it is loaded.
    pub fn open(&mut self, url: &str, prompt: Prompt) {
        self.prompt = prompt;
        let navigation = self.call("Page.navigate", &json!({"url": url}));
        assert_eq!(navigation.get("errorText"), None, "{url}");
        self.evaluate("new Promise(done => document.readyState == 'complete' ? done() : addEventListener('load', done))");
    }

    /// Runs a script in the page, and waits for its promise.
    pub fn evaluate(&mut self, script: &str) -> Value {
        let parameters = json!({"expression": script, "awaitPromise": true, "returnByValue": true});
        let result = self.call("Runtime.evaluate", &parameters);
        assert_eq!(result.get("exceptionDetails"), None, "{script}");
        result["result"]["value"].clone()
    }

    /// Returns the text that a person sees.
    pub fn text(&mut self) -> String {
        self.evaluate("document.body.innerText").as_str().unwrap().to_owned()
    }

    /// Writes a picture of the page.
    pub fn screenshot(&mut self, file: &std::path::Path) {
        use base64::Engine as _;
        let picture = self.call("Page.captureScreenshot", &json!({"format": "png"}));
        let bytes =
            base64::engine::general_purpose::STANDARD.decode(picture["data"].as_str().unwrap()).unwrap();
        std::fs::write(file, bytes).unwrap();
    }

    /// Calls a method of the debugging protocol, and meanwhile does what a person would.
    pub fn call(&mut self, method: &str, parameters: &Value) -> Value {
        let id = self.send(method, parameters);
        loop {
            let message =
                self.messages.recv_timeout(Duration::from_secs(30)).expect("an answer of the browser");
            if message["id"] == id {
                assert_eq!(message.get("error"), None, "{method}");
                return message["result"].clone();
            }
            let request = &message["params"]["requestId"];
            match message["method"].as_str() {
                Some("Fetch.requestPaused") => {
                    self.send("Fetch.continueRequest", &json!({"requestId": request}));
                }
                Some("Fetch.authRequired") => {
                    self.prompts += 1;
                    let answer = match &self.prompt {
                        Prompt::Cancel => json!({"response": "CancelAuth"}),
                        Prompt::Answer { user, password } => {
                            json!({"response": "ProvideCredentials", "username": user, "password": password})
                        }
                    };
                    self.send(
                        "Fetch.continueWithAuth",
                        &json!({"requestId": request, "authChallengeResponse": answer}),
                    );
                }
                _ => {}
            }
        }
    }

    /// Runs a script that leaves the page, and waits until the next one is loaded.
    pub fn leave_by(&mut self, script: &str) {
        self.send("Runtime.evaluate", &json!({"expression": script}));
        loop {
            let message = self.messages.recv_timeout(Duration::from_secs(30)).expect("the next page");
            match message["method"].as_str() {
                Some("Page.loadEventFired") => return,
                Some("Fetch.requestPaused") => {
                    let request = &message["params"]["requestId"];
                    self.send("Fetch.continueRequest", &json!({"requestId": request}));
                }
                _ => {}
            }
        }
    }

    fn send(&mut self, method: &str, parameters: &Value) -> u64 {
        self.last_id += 1;
        let mut message = json!({"id": self.last_id, "method": method, "params": parameters});
        if let Some(session) = &self.session {
            message["sessionId"] = json!(session);
        }
        let pipe = self.pipe.as_mut().unwrap();
        pipe.write_all(format!("{message}\0").as_bytes()).unwrap();
        pipe.flush().unwrap();
        self.last_id
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        drop(self.pipe.take());
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.profile);
    }
}
