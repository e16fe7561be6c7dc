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

/// One of the browser's pages.
#[derive(Clone)]
pub struct Tab {
    target: String,
    session: String,
}

/// How far the browser is on its way to another page.
#[derive(PartialEq, Eq)]
enum Navigation {
    Awaited,
    Committed,
    Loaded,
}

/// One browser, and the page that a person looks at; it ends with the test, when its pipe does.
pub struct Browser {
    child: Child,
    pipe: Option<ChildStdin>,
    messages: Receiver<Value>,
    last_id: u64,
    tab: Option<Tab>,
    prompt: Prompt,
    navigation: Navigation,
    address: String,
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
        let (child, pipe, messages) = launch(&profile);
        let mut browser = Self {
            child,
            pipe: Some(pipe),
            messages,
            last_id: 0,
            tab: None,
            prompt: Prompt::Cancel,
            navigation: Navigation::Loaded,
            address: String::new(),
            prompts: 0,
            profile,
        };
        browser.open_tab();
        Some(browser)
    }

    /// Closes the browser as a person does, and starts it again with what it has kept.
    pub fn restart(&mut self) {
        self.tab = None;
        self.send("Browser.close", &json!({}));
        self.child.wait().unwrap();
        let (child, pipe, messages) = launch(&self.profile);
        (self.child, self.pipe, self.messages) = (child, Some(pipe), messages);
        self.open_tab();
    }

    /// Opens one more tab, and looks at it. Returns the one that was looked at before.
    pub fn open_tab(&mut self) -> Option<Tab> {
        let before = self.tab.take();
        let created = self.call("Target.createTarget", &json!({"url": "about:blank"}));
        let target = created["targetId"].as_str().unwrap().to_owned();
        let attached = self.call("Target.attachToTarget", &json!({"targetId": target, "flatten": true}));
        let session = attached["sessionId"].as_str().unwrap().to_owned();
        self.tab = Some(Tab { target, session });
        self.call("Page.enable", &json!({}));
        self.call("Fetch.enable", &json!({"handleAuthRequests": true}));
        before
    }

    /// Looks at another tab. Returns the one that was looked at before.
    pub fn look_at(&mut self, tab: Tab) -> Option<Tab> {
        let before = self.tab.take();
        self.call("Target.activateTarget", &json!({"targetId": tab.target}));
        self.tab = Some(tab);
        before
    }

    /// Opens a page and waits until it is loaded.
    pub fn open(&mut self, url: &str, prompt: Prompt) {
        self.prompt = prompt;
        self.led_by(|browser| {
            let navigation = browser.call("Page.navigate", &json!({"url": url}));
            assert_eq!(navigation.get("errorText"), None, "{url}");
        });
    }

    /// Does what leads to another page, and waits until that is loaded.
    pub fn led_by(&mut self, act: impl FnOnce(&mut Self)) {
        self.navigation = Navigation::Awaited;
        act(self);
        while self.navigation != Navigation::Loaded {
            self.receive();
        }
    }

    /// Waits until the page itself has led to another one.
    pub fn wait_for(&mut self, path: &str) {
        while self.navigation != Navigation::Loaded || !self.address.ends_with(path) {
            self.receive();
        }
    }

    /// Puts the text cursor into a field, empties the field, and types.
    pub fn type_into(&mut self, selector: &str, text: &str) {
        self.evaluate(&format!("document.querySelector({selector:?}).select()"));
        self.call("Input.insertText", &json!({"text": text}));
    }

    /// Clicks at the middle of an element.
    pub fn click(&mut self, selector: &str) {
        let script = format!(
            "(box => [box.x + box.width / 2, box.y + box.height / 2])(document.querySelector({selector:?}).getBoundingClientRect())"
        );
        let at = self.evaluate(&script);
        for kind in ["mousePressed", "mouseReleased"] {
            let event = json!({"type": kind, "x": at[0], "y": at[1], "button": "left", "clickCount": 1});
            self.call("Input.dispatchMouseEvent", &event);
        }
    }

    /// Presses the button that reloads the page.
    pub fn reload(&mut self) {
        self.led_by(|browser| drop(browser.call("Page.reload", &json!({}))));
    }

    /// Presses the button that leads to the page before.
    pub fn go_back(&mut self) {
        let history = self.call("Page.getNavigationHistory", &json!({}));
        let before = usize::try_from(history["currentIndex"].as_u64().unwrap() - 1).unwrap();
        let entry = history["entries"][before]["id"].clone();
        self.led_by(|browser| drop(browser.call("Page.navigateToHistoryEntry", &json!({"entryId": entry}))));
    }

    /// Returns the path and query of the page.
    pub fn path(&mut self) -> String {
        self.evaluate("location.pathname + location.search").as_str().unwrap().to_owned()
    }

    /// Returns the status that the page was answered with.
    pub fn status(&mut self) -> Value {
        self.evaluate("performance.getEntriesByType('navigation')[0].responseStatus")
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
            let message = self.receive();
            if message["id"] == id {
                assert_eq!(message.get("error"), None, "{method}");
                return message["result"].clone();
            }
        }
    }

    /// Takes the next message, and does what a person would if it asks for that.
    fn receive(&mut self) -> Value {
        let message = self.messages.recv_timeout(Duration::from_secs(30)).expect("a message of the browser");
        let session = message["sessionId"].as_str();
        let request = &message["params"]["requestId"];
        match message["method"].as_str() {
            Some("Fetch.requestPaused") => {
                self.send_to(session, "Fetch.continueRequest", &json!({"requestId": request}));
            }
            Some("Fetch.authRequired") => {
                self.prompts += 1;
                let answer = match &self.prompt {
                    Prompt::Cancel => json!({"response": "CancelAuth"}),
                    Prompt::Answer { user, password } => {
                        json!({"response": "ProvideCredentials", "username": user, "password": password})
                    }
                };
                let answer = json!({"requestId": request, "authChallengeResponse": answer});
                self.send_to(session, "Fetch.continueWithAuth", &answer);
            }
            Some("Page.frameNavigated") => {
                message["params"]["frame"]["url"].as_str().unwrap().clone_into(&mut self.address);
                // A page that was kept whole is not loaded again.
                let is_kept = message["params"]["type"] == "BackForwardCacheRestore";
                self.navigation = if is_kept { Navigation::Loaded } else { Navigation::Committed };
            }
            // The last page may say so late.
            Some("Page.loadEventFired") if self.navigation == Navigation::Committed => {
                self.navigation = Navigation::Loaded;
            }
            _ => {}
        }
        message
    }

    /// Runs a script that leaves the page, and waits until the next one is loaded.
    pub fn leave_by(&mut self, script: &str) {
        self.led_by(|browser| {
            browser.send("Runtime.evaluate", &json!({"expression": script}));
        });
    }

    fn send(&mut self, method: &str, parameters: &Value) -> u64 {
        let session = self.tab.as_ref().map(|tab| tab.session.clone());
        self.send_to(session.as_deref(), method, parameters)
    }

    fn send_to(&mut self, session: Option<&str>, method: &str, parameters: &Value) -> u64 {
        self.last_id += 1;
        let mut message = json!({"id": self.last_id, "method": method, "params": parameters});
        if let Some(session) = session {
            message["sessionId"] = json!(session);
        }
        let pipe = self.pipe.as_mut().unwrap();
        pipe.write_all(format!("{message}\0").as_bytes()).unwrap();
        pipe.flush().unwrap();
        self.last_id
    }
}

/// Starts a process, and reads what it says.
fn launch(profile: &std::path::Path) -> (Child, ChildStdin, Receiver<Value>) {
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
    let pipe = child.stdin.take().unwrap();
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
    (child, pipe, messages)
}

impl Drop for Browser {
    fn drop(&mut self) {
        drop(self.pipe.take());
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.profile);
    }
}
