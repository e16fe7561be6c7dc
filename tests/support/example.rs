//! An example server that runs beside a test, and curl to ask it.

use std::{
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex, mpsc},
    time::{Duration, Instant},
};

/// A running example; it dies with the test, however that ends.
pub struct Example {
    child: Child,
    pub url: String,
    log: Arc<Mutex<Vec<String>>>,
}

impl Example {
    /// Starts an example on a free port, and waits until it listens.
    pub fn start(name: &str, environment: &[(&str, &str)]) -> Self {
        Self::start_at("127.0.0.1:0", name, environment)
    }

    /// Starts an example on this address, and waits until it listens.
    pub fn start_at(address: &str, name: &str, environment: &[(&str, &str)]) -> Self {
        let mut child = died_with_stdin(&program(name))
            .env("ADDR", address)
            .envs(environment.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let log = Arc::<Mutex<Vec<String>>>::default();
        let (stderr, lines) = (BufReader::new(child.stderr.take().unwrap()), Arc::clone(&log));
        std::thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                eprintln!("{line}");
                lines.lock().unwrap().push(line);
            }
        });
        let (sender, receiver) = mpsc::channel();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        std::thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                if let Some(url) = line.strip_prefix("listening on ") {
                    let _ = sender.send(url.to_owned());
                }
            }
        });
        let url = receiver
            .recv_timeout(Duration::from_secs(20))
            .unwrap_or_else(|_| panic!("{name} does not listen"));
        Self { child, url, log }
    }

    /// Waits for lines on standard error that hold a text, and returns them.
    pub fn grep(&self, text: &str) -> Vec<String> {
        let deadline = Instant::now() + Duration::from_secs(5);
        loop {
            let log = self.log.lock().unwrap();
            let found: Vec<_> = log.iter().filter(|line| line.contains(text)).cloned().collect();
            drop(log);
            if !found.is_empty() || Instant::now() > deadline {
                return found;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Example {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

/// Where an example was built.
pub fn program(name: &str) -> PathBuf {
    let mut program = std::env::current_exe().unwrap();
    program.pop(); // deps
    program.pop();
    program.extend(["examples", name]);
    program
}

/// A command under a shell that stops it when its standard input ends.
pub fn died_with_stdin(program: &Path) -> Command {
    let mut command = Command::new("sh");
    command
        .args(["-c", r#""$@" & p=$!; read -r _; kill $p 2>/dev/null; wait $p 2>/dev/null"#, "sh"])
        .arg(program);
    command
}

/// Runs curl with `-si`, and returns the head and the body; `None` where there is no curl.
pub fn curl(arguments: &[&str]) -> Option<(String, String)> {
    let output = match Command::new("curl").args(["-si", "--max-time", "20"]).args(arguments).output() {
        Ok(output) => output,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            super::skipped("curl");
            return None;
        }
        Err(error) => panic!("curl: {error}"),
    };
    assert!(output.status.success(), "curl {arguments:?}: {}", output.status);
    let text = String::from_utf8(output.stdout).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no head in {text:?}"));
    let lines: Vec<_> = head.lines().filter(|line| !line.starts_with("date: ")).collect();
    Some((lines.join("\n"), body.to_owned()))
}
