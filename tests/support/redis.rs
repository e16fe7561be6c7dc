//! A real redis-server that writes down each command before it answers, so that killing it loses nothing.

use std::{
    net::TcpStream,
    path::Path,
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicU16, Ordering},
    time::{Duration, Instant},
};

use super::{example::died_with_stdin, folder::Folder};

/// A Redis with a port and a folder of its own, up or down; it dies with the test.
pub struct Redis {
    running: Option<Child>,
    folder: Folder,
    options: &'static [&'static str],
    pub port: u16,
    pub url: String,
}

impl Redis {
    /// Starts one, and waits until it answers; `None` where there is none. The name must be another for each test.
    pub fn up(name: &str) -> Option<Self> {
        let mut redis = Self::down(name)?;
        redis.start();
        Some(redis)
    }

    /// Starts one that is a cluster by itself, and refuses calls whose keys are in several hash slots.
    pub fn cluster(name: &str) -> Option<Self> {
        let mut redis = Self::down(name)?;
        redis.options = &["--cluster-enabled", "yes"];
        redis.start();
        redis.cli(&["CLUSTER", "ADDSLOTSRANGE", "0", "16383"]);
        comes_true(|| redis.cli(&["CLUSTER", "INFO"]).contains("cluster_state:ok"));
        Some(redis)
    }

    /// Picks a port, and starts nothing.
    pub fn down(name: &str) -> Option<Self> {
        for program in ["redis-server", "redis-cli"] {
            if Command::new(program).arg("--version").stdout(Stdio::null()).status().is_err() {
                super::skipped(program);
                return None;
            }
        }
        let port = free_port();
        let url = format!("redis://127.0.0.1:{port}");
        Some(Self { running: None, folder: Folder::new(&format!("redis-{name}")), options: &[], port, url })
    }

    /// Starts it, for the first time or again, and waits until it answers.
    pub fn start(&mut self) {
        assert!(self.running.is_none());
        let (port, folder) = (self.port.to_string(), self.folder.root().to_str().unwrap());
        let child = died_with_stdin(Path::new("redis-server"))
            .args(["--bind", "127.0.0.1", "--port", &port, "--dir", folder, "--save", ""])
            .args(["--appendonly", "yes", "--appendfsync", "always", "--pidfile", "pid", "--logfile", "log"])
            .args(self.options)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        self.running = Some(child);
        let started = Instant::now();
        while self.try_cli(&["PING"]).is_none_or(|answer| answer != "PONG") {
            let log = || std::fs::read_to_string(self.folder.path("log")).unwrap_or_default();
            assert!(started.elapsed() < Duration::from_secs(20), "redis-server does not answer: {}", log());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Ends it without a warning.
    pub fn kill(&mut self) {
        self.signal("KILL");
        self.wait();
    }

    /// Lets it answer nothing, though its port stays open.
    pub fn freeze(&self) {
        self.signal("STOP");
    }

    /// Lets it answer again.
    pub fn thaw(&self) {
        self.signal("CONT");
    }

    /// Runs a command, and returns what redis-cli prints.
    pub fn cli(&self, arguments: &[&str]) -> String {
        self.try_cli(arguments).unwrap_or_else(|| panic!("redis-cli {arguments:?}"))
    }

    /// Makes it fail to save, so that it refuses to write from then on.
    pub fn cannot_save(&self) {
        std::fs::create_dir(self.folder.path("dump.rdb")).unwrap(); // where a file would have to go
        assert_eq!(self.cli(&["CONFIG", "SET", "save", "3600 1"]), "OK");
        self.cli(&["BGSAVE"]);
        comes_true(|| self.cli(&["INFO", "persistence"]).contains("rdb_last_bgsave_status:err"));
    }

    /// Makes up for [`cannot_save`](Self::cannot_save).
    pub fn can_save(&self) {
        assert_eq!(self.cli(&["CONFIG", "SET", "save", ""]), "OK");
    }

    /// Returns the key of the only session.
    pub fn session_key(&self) -> String {
        let keys = self.cli(&["KEYS", "*:session:*"]);
        assert_eq!(keys.lines().count(), 1, "{keys}");
        keys
    }

    /// Returns the key of a session, by what the session is known by.
    pub fn key_of(session: &impl std::fmt::Display) -> String {
        format!("{{tower-authn}}:session:{session}")
    }

    /// Returns all that it wrote to its disk.
    pub fn written(&self) -> Vec<u8> {
        let files = std::fs::read_dir(self.folder.path("appendonlydir")).unwrap();
        files.flat_map(|file| std::fs::read(file.unwrap().path()).unwrap()).collect()
    }

    fn try_cli(&self, arguments: &[&str]) -> Option<String> {
        let port = self.port.to_string();
        let output = Command::new("redis-cli").args(["-p", &port]).args(arguments).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).trim_end().to_owned();
        output.status.success().then_some(text)
    }

    fn signal(&self, signal: &str) {
        assert!(self.try_signal(signal), "{signal}");
    }

    fn try_signal(&self, signal: &str) -> bool {
        let pid = std::fs::read_to_string(self.folder.path("pid")).unwrap_or_default();
        // The shell knows `kill`, where no program of that name is installed.
        let script = format!("kill -{signal} {}", pid.trim());
        Command::new("sh").args(["-c", &script]).status().is_ok_and(|status| status.success())
    }

    fn wait(&mut self) {
        if let Some(mut child) = self.running.take() {
            drop(child.stdin.take());
            let _ = child.wait();
        }
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        if self.running.is_some() {
            self.try_signal("KILL"); // one that is frozen, or cannot save, would not end otherwise
        }
        self.wait();
    }
}

/// A moment; what Redis was told to keep since then.
pub struct Since(Instant);

impl Since {
    pub fn now() -> Self {
        Self(Instant::now())
    }

    /// Asserts that a key lives for so long, counted from a moment since then.
    #[track_caller]
    pub fn lives_for(&self, redis: &Redis, key: &str, time: Duration) {
        let left: u128 = redis.cli(&["PTTL", key]).parse().expect("it has a time to live");
        let (most, passed) = (time.as_millis(), self.0.elapsed().as_millis() + 1);
        assert!((most.saturating_sub(passed)..=most).contains(&left), "{left} of {most}, {passed} passed");
    }
}

/// A port that no client is given: one that tries to connect to such a port, where nobody listens, can meet itself there.
fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let start = u16::try_from(std::process::id() % 8_000).unwrap();
    let candidates = (0..1_000).map(|_| 20_000 + (start + NEXT.fetch_add(1, Ordering::SeqCst)) % 10_000);
    // Nothing is bound here, since a program that is being started at the same time would hold it too for a moment.
    let is_free = |port: &u16| TcpStream::connect(("127.0.0.1", *port)).is_err();
    candidates.into_iter().find(is_free).expect("a free port")
}

/// Waits until something holds, which takes another process a moment.
#[track_caller]
pub fn comes_true(what: impl Fn() -> bool) {
    let started = Instant::now();
    while !what() {
        assert!(started.elapsed() < Duration::from_secs(20), "it does not come true");
        std::thread::sleep(Duration::from_millis(20));
    }
}
