//! nginx in front of a server, one hop or several.

use std::{
    fmt::Write as _,
    net::{TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use super::{example::died_with_stdin, folder::Folder};

/// A running nginx with one listening port for each configured server; it dies with the test.
pub struct Nginx {
    child: Child,
    folder: Folder,
    pub ports: Vec<u16>,
}

impl Nginx {
    /// Starts servers, each with these lines in its `location`, and each in front of the next, the last one in front of
    /// `upstream`. `None` where there is no nginx.
    pub fn start(name: &str, upstream: &str, locations: &[&str]) -> Option<Self> {
        if Command::new("nginx").arg("-v").stderr(Stdio::null()).status().is_err() {
            super::skipped("nginx");
            return None;
        }
        let folder = Folder::new(&format!("nginx-{name}"));
        let root = folder.root().display();
        let ports: Vec<u16> = locations.iter().map(|_| free_port()).collect();
        let upstream = upstream.trim_start_matches("http://");
        let mut servers = String::new();
        for (index, location) in locations.iter().enumerate() {
            let next = ports.get(index + 1).map_or(upstream.to_owned(), |port| format!("127.0.0.1:{port}"));
            let port = ports[index];
            let _ = writeln!(
                servers,
                "server {{ listen 127.0.0.1:{port}; location / {{ {location} proxy_pass http://{next}; }} }}"
            );
        }
        let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|kind| format!("{kind}_temp_path {root}/{kind};\n"))
            .concat();
        let configuration = format!(
            "daemon off; master_process off; pid {root}/pid;\nevents {{ }}\nhttp {{ access_log off;\n{temporary}{servers}}}\n"
        );
        let file = folder.write("nginx.conf", &configuration);
        let child = died_with_stdin(Path::new("nginx"))
            .args(["-e", &format!("{root}/err.log"), "-p", &root.to_string(), "-c"])
            .arg(&file)
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        let nginx = Self { child, folder, ports };
        let started = Instant::now();
        while nginx.ports.iter().any(|port| TcpStream::connect(("127.0.0.1", *port)).is_err()) {
            assert!(started.elapsed() < Duration::from_secs(20), "nginx does not listen: {}", nginx.log());
            std::thread::sleep(Duration::from_millis(10));
        }
        Some(nginx)
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path("err.log")).unwrap_or_default()
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
