//! A flood of sign-ins beside another route, and what a remembered password costs.
//!
//! `cargo bench --bench passwords --features passwords`. Server and clients share the machine's cores; the ratios are of
//! one run, and the budgets stand beside them. Linux only: the server's memory is read from `/proc`.

use std::{
    io::{BufRead as _, BufReader, Read, Write as _},
    net::TcpStream,
    process::{Child, Command, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    thread,
    time::{Duration, Instant},
};

use axum::{Router, routing::get};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use tower_authn::{
    AuthenticateLayer, Scheme as _, Validator as _,
    scheme::{Basic, UserPassword},
    validator::passwords::{Passwords, Remember},
};

const PASSWORD: &str = "correct horse battery";
/// So many connections sign in at the same time.
const FLOOD: usize = 64;
/// So many ask for the other route.
const OTHERS: usize = 4;
const SPAN: Duration = Duration::from_secs(5);
/// What one hash takes: 19 MiB.
const HASH_KIB: u64 = 19 * 1024;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if let [_, role, hash] = &arguments[..]
        && role == "server"
    {
        return serve(hash);
    }
    flood();
    remembered();
}

// ===== the flood =====

fn flood() {
    println!(
        "{FLOOD} connections sign in (argon2id, 19 MiB), {OTHERS} ask for another route, {SPAN:?} each\n"
    );
    println!(
        "flood             other route/s    idle/s  of idle   p99 ms (idle)   sign-ins/s   503/s   memory MiB"
    );
    let cases = [
        (FLOOD, "waits Retry-After", Some(Duration::from_secs(1))),
        (FLOOD, "tries at once", None),
        (8 * FLOOD, "the same, 8-fold", None),
    ];
    for (connections, name, politeness) in cases {
        let server = Server::start();
        others(&server.address, Duration::from_secs(1)); // warms up
        let before = others(&server.address, SPAN);
        let idle_memory = server.memory_kib("VmHWM:");

        let flood = Flood::start(&server.address, connections, politeness);
        thread::sleep(Duration::from_secs(1));
        flood.reset();
        let (rate, p99) = others(&server.address, SPAN);
        let (signed_in, turned_away) = flood.stop();
        let memory = server.memory_kib("VmHWM:").saturating_sub(idle_memory);
        thread::sleep(Duration::from_secs(1));
        let after = others(&server.address, SPAN);
        let (idle_rate, idle_p99) = (before.0.midpoint(after.0), before.1.midpoint(after.1));
        println!(
            "{name:17} {rate:13.0} {idle_rate:9.0} {:7.0}% {p99:8.2} {idle_p99:6.2} {:12.0} {:7.0} {:12.1}",
            rate / idle_rate * 100.0,
            per_second(signed_in),
            per_second(turned_away),
            kib_in_mib(memory),
        );
    }
    let permits = thread::available_parallelism().map_or(1, |cores| (cores.get() / 2).max(1)) as u64;
    println!(
        "\nbudget: other route >= 80 % of idle; memory <= permits ({permits}) x 19 MiB + 10 % = {:.1} MiB\n",
        kib_in_mib(permits * HASH_KIB * 11 / 10)
    );
}

#[allow(clippy::cast_precision_loss)]
fn per_second(count: u64) -> f64 {
    count as f64 / SPAN.as_secs_f64()
}

#[allow(clippy::cast_precision_loss)]
fn kib_in_mib(kib: u64) -> f64 {
    kib as f64 / 1024.0
}

/// Requests of the other route in a second, and the time within which 99 of 100 are answered, in milliseconds.
#[allow(clippy::cast_precision_loss)]
fn others(address: &str, span: Duration) -> (f64, f64) {
    let times = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..OTHERS {
            scope.spawn(|| {
                let mut client = Client::connect(address, "/open", "");
                let (started, mut mine) = (Instant::now(), Vec::new());
                while started.elapsed() < span {
                    let asked = Instant::now();
                    assert_eq!(client.ask(), 200);
                    mine.push(asked.elapsed());
                }
                times.lock().unwrap().append(&mut mine);
            });
        }
    });
    let mut times = times.into_inner().unwrap();
    times.sort_unstable();
    (times.len() as f64 / span.as_secs_f64(), times[times.len() * 99 / 100].as_secs_f64() * 1000.0)
}

struct Flood {
    stop: Arc<AtomicBool>,
    counts: Arc<[AtomicU64; 2]>,
    threads: Vec<thread::JoinHandle<()>>,
}

impl Flood {
    fn start(address: &str, connections: usize, politeness: Option<Duration>) -> Self {
        let (stop, counts) =
            (Arc::new(AtomicBool::new(false)), Arc::new([AtomicU64::new(0), AtomicU64::new(0)]));
        let threads = (0..connections)
            .map(|index| {
                let (address, stop, counts) = (address.to_owned(), Arc::clone(&stop), Arc::clone(&counts));
                thread::spawn(move || {
                    // Half of them with a user that exists.
                    let user = if index % 2 == 0 { "alice" } else { "nobody" };
                    let mut client = Client::connect(&address, "/", &basic(user, &format!("guess {index}")));
                    while !stop.load(Relaxed) {
                        match client.ask() {
                            401 => drop(counts[0].fetch_add(1, Relaxed)),
                            503 => {
                                counts[1].fetch_add(1, Relaxed);
                                thread::sleep(politeness.unwrap_or_default());
                            }
                            other => panic!("status {other}"),
                        }
                    }
                })
            })
            .collect();
        Self { stop, counts, threads }
    }

    fn reset(&self) {
        self.counts.iter().for_each(|count| count.store(0, Relaxed));
    }

    fn stop(self) -> (u64, u64) {
        let counts = (self.counts[0].load(Relaxed), self.counts[1].load(Relaxed));
        self.stop.store(true, Relaxed);
        self.threads.into_iter().for_each(|thread| thread.join().unwrap());
        counts
    }
}

fn basic(user: &str, password: &str) -> String {
    format!("Authorization: Basic {}\r\n", STANDARD.encode(format!("{user}:{password}")))
}

struct Client {
    stream: BufReader<TcpStream>,
    request: String,
}

impl Client {
    fn connect(address: &str, path: &str, header: &str) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_nodelay(true).unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\n{header}\r\n");
        Self { stream: BufReader::new(stream), request }
    }

    fn ask(&mut self) -> u16 {
        self.stream.get_mut().write_all(self.request.as_bytes()).unwrap();
        let (mut status, mut length, mut line) = (0, 0, String::new());
        loop {
            line.clear();
            self.stream.read_line(&mut line).unwrap();
            let text = line.trim_end().to_ascii_lowercase();
            if let Some(rest) = text.strip_prefix("http/1.1 ") {
                status = rest[..3].parse().unwrap();
            } else if let Some(rest) = text.strip_prefix("content-length: ") {
                length = rest.parse().unwrap();
            } else if text.is_empty() {
                break;
            }
        }
        std::io::copy(&mut self.stream.by_ref().take(length), &mut std::io::sink()).unwrap();
        status
    }
}

/// The server, in a process of its own.
struct Server {
    child: Child,
    address: String,
}

impl Server {
    fn start() -> Self {
        let program = std::env::current_exe().unwrap();
        // Made here, lest it count among the server's memory.
        let hash = Passwords::hash(PASSWORD).unwrap();
        let mut child = Command::new(program)
            .args(["server", hash.as_str()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut address = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut address).unwrap();
        Self { child, address: address.trim().to_owned() }
    }

    fn memory_kib(&self, name: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

#[tokio::main]
async fn serve(hash: &str) {
    let passwords = Passwords::from_hashes([("alice", hash, "alice")]).unwrap();
    let files = AuthenticateLayer::new(Basic::new("files").validated_by(passwords));
    let app =
        Router::new().route("/", get(async || "in")).route_layer(files).route("/open", get(async || "open"));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    println!("{}", listener.local_addr().unwrap());
    // Ends with the benchmark, however that ends.
    let ended = tokio::task::spawn_blocking(|| std::io::stdin().read(&mut [0]));
    tokio::select! {
        served = async { axum::serve(listener, app).await } => served.unwrap(),
        _ = ended => std::process::exit(0),
    }
}

// ===== remembered passwords =====

#[tokio::main(flavor = "current_thread")]
async fn remembered() {
    let hash = Passwords::hash(PASSWORD).unwrap();
    let passwords = Passwords::from_hashes([("alice", hash.as_str(), "alice")]).unwrap();
    let credentials = || UserPassword::new("alice", PASSWORD);
    let started = Instant::now();
    for _ in 0..20 {
        assert!(passwords.validate(credentials()).await.unwrap().is_some());
    }
    println!("a sign-in that hashes     {:12.1} us", started.elapsed().as_secs_f64() * 1e6 / 20.0);

    let passwords = passwords.cached(Remember::default()).unwrap();
    assert!(passwords.validate(credentials()).await.unwrap().is_some());
    let started = Instant::now();
    for _ in 0..200_000 {
        assert!(passwords.validate(credentials()).await.unwrap().is_some());
    }
    let one = started.elapsed().as_secs_f64() / 200_000.0;
    println!(
        "one that is remembered    {:12.3} us   budget: 1 us, 10,000/s on one core: {:.0}/s",
        one * 1e6,
        one.recip()
    );
}
