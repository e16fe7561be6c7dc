//! nginx in front of a server, one hop or several.

use std::{
    fmt::Write as _,
    net::{TcpListener, TcpStream},
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

/// A running nginx with one listening port for each configured server; it dies with the test.
pub struct Nginx {
    child: Child,
    folder: PathBuf,
    pub ports: Vec<u16>,
}

impl Nginx {
    /// Starts servers, each with these lines in its `location`; `{NEXT}` stands for the port of the server after it, and
    /// `{LAST}` for `upstream`. `None` where there is no nginx.
    pub fn start(name: &str, upstream: &str, locations: &[&str]) -> Option<Self> {
        if Command::new("nginx").arg("-v").stderr(Stdio::null()).status().is_err() {
            super::skipped("nginx");
            return None;
        }
        let folder = std::env::temp_dir().join(format!("tower-authn-nginx-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
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
            .map(|kind| format!("{kind}_temp_path {}/{kind};\n", folder.display()))
            .concat();
        let configuration = format!(
            "daemon off; master_process off; pid {0}/pid;\nevents {{ }}\nhttp {{ access_log off;\n{temporary}{servers}}}\n",
            folder.display()
        );
        let file = folder.join("nginx.conf");
        std::fs::write(&file, configuration).unwrap();
        let child = super::example::died_with_stdin(&PathBuf::from("nginx"))
            .args(["-e", &format!("{}/err.log", folder.display()), "-p", folder.to_str().unwrap(), "-c"])
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
        std::fs::read_to_string(self.folder.join("err.log")).unwrap_or_default()
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
