//! A certified OpenID provider (oidc-provider, from npm), started beside a test.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use super::example::died_with_stdin;

/// The folder of the Node programs, if what they need is installed.
pub fn node() -> Option<PathBuf> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/node");
    if !folder.join("node_modules").is_dir() {
        super::skipped("tests/node/node_modules (npm ci --prefix tests/node)");
        return None;
    }
    if Command::new("node").arg("--version").output().is_err() {
        super::skipped("node");
        return None;
    }
    Some(folder)
}

/// A provider with a place for its keys, so that it can stop and come back.
pub struct OpenId {
    child: Option<Child>,
    folder: PathBuf,
    keys: PathBuf,
    port: String,
}

impl OpenId {
    pub fn start(name: &str) -> Option<Self> {
        let keys = std::env::temp_dir().join(format!("tower-authn-{name}-{}.json", std::process::id()));
        let mut provider = Self { child: None, folder: node()?, keys, port: "0".into() };
        provider.resume();
        Some(provider)
    }

    /// Starts it, on the same port and with the same keys as before.
    pub fn resume(&mut self) {
        let mut child = died_with_stdin(Path::new("node"))
            .arg("provider.mjs")
            .args([self.port.as_str(), self.keys.to_str().unwrap()])
            .current_dir(&self.folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let port = line.trim().rsplit(':').next().unwrap_or_default();
        assert!(port.parse::<u16>().is_ok(), "the provider says {line:?}");
        port.clone_into(&mut self.port);
        self.child = Some(child);
    }

    pub fn stop(&mut self) {
        if let Some(mut child) = self.child.take() {
            drop(child.stdin.take());
            child.wait().unwrap();
        }
    }

    pub fn issuer(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Makes new keys for every algorithm; the old ones stay in the set.
    pub fn rotate(&self) {
        self.curl(&["-X", "POST"], "/rotate");
    }

    /// An access token for the audience `orders`, signed with this algorithm.
    pub fn token(&self, algorithm: &str) -> String {
        let resource = format!("resource=urn:orders:{algorithm}");
        let form = [
            "-u",
            "shop:not-much-of-a-secret",
            "-d",
            "grant_type=client_credentials",
            "-d",
            "scope=read",
            "-d",
            &resource,
        ];
        let answer: Value = serde_json::from_str(&self.curl(&form, "/token")).unwrap();
        answer["access_token"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned()
    }

    fn curl(&self, arguments: &[&str], path: &str) -> String {
        let url = self.issuer() + path;
        let output = Command::new("curl")
            .args(["-sf", "--max-time", "20"])
            .args(arguments)
            .arg(&url)
            .output()
            .unwrap();
        assert!(output.status.success(), "{url}: {}", output.status);
        String::from_utf8(output.stdout).unwrap()
    }
}

impl Drop for OpenId {
    fn drop(&mut self) {
        self.stop();
        let _ = std::fs::remove_file(&self.keys);
    }
}

/// How long a test waits for what is there within two seconds on a machine that has nothing else to
/// do.
pub const PATIENCE: Duration = Duration::from_secs(60);
