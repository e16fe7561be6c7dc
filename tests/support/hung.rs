//! A file that hangs: a real file system (FUSE) that hands another file through, or holds up
//! whoever asks.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    path::Path,
    process::{Child, ChildStdout, Command, Stdio},
};

pub struct Hung {
    child: Child,
    lines: BufReader<ChildStdout>,
}

impl Hung {
    /// Mounts it over `target`. Where nothing can be mounted, says so and returns `None`, also with
    /// `CI` set.
    pub fn mount(source: &Path, target: &Path) -> Option<Self> {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/python/hung.py");
        let mut child = Command::new("/usr/bin/python3")
            .arg(script)
            .args([source, target])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .inspect_err(|_| super::skipped("python3"))
            .ok()?;
        let lines = BufReader::new(child.stdout.take().unwrap());
        let mut hung = Self { child, lines };
        let said = hung.line();
        if said != "mounted" {
            super::skipped_anywhere(&format!("no file system can be mounted here: {said}"));
            return None;
        }
        Some(hung)
    }

    /// Tells it what to do, and returns the number that it answers; see the program.
    pub fn tell(&mut self, command: &str) -> usize {
        writeln!(self.child.stdin.as_mut().unwrap(), "{command}").unwrap();
        self.line().parse().unwrap()
    }

    /// Waits until it holds a request up.
    pub fn wait(&mut self) {
        while self.tell("held") == 0 {
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.lines.read_line(&mut line).unwrap();
        line.trim().to_owned()
    }
}

/// Whoever still waits gets an error.
impl Drop for Hung {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}
