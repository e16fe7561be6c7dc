//! A flood of sign-ins beside another route, and what a remembered password costs.
//!
//! `cargo bench --bench passwords --features passwords`. Server and clients share the machine's cores, so look at ratios,
//! not at rates. Linux only: the server's memory is read from `/proc`. Of one run on two busy cores, with one permit:
//!
//! | flood | other route, of idle | p99 (idle) | memory | budget |
//! |---|--:|--:|--:|---|
//! | 64 connections that wait when told to | 107 % | 0.14 ms (0.14) | 20.4 MiB | ≥ 80 %, ≤ 20.9 MiB |
//! | 64 that try again at once | 137 % | 0.18 ms (0.16) | 20.5 MiB | the same |
//! | 512 that try again at once | 1 % | 32 ms (0.26) | 31.0 MiB | |
//! | 512 on a route that says 503 and does nothing | 1 % | 24 ms (0.28) | 9.1 MiB | |
//!
//! The last two are alike: beyond the queue a sign-in costs what any request costs, and 512 connections that never pause leave
//! four others their share. The throttle, or a limit before the server, is against that. A remembered password takes
//! 0.4 to 0.8 µs (budget: 1 µs), one that is hashed 13 to 30 ms.

use std::{
    io::{BufRead as _, BufReader, Read, Write as _},
    net::TcpStream,
    process::{Child, Command, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    thread,
    time::{Duration, Instant},
};

use axum::{Router, routing::get};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use tower_authn::{
    AuthenticateLayer, Scheme as _, Validator as _, Visit,
    scheme::{Basic, UserPassword},
    validator::passwords::{Passwords, Remember},
};

const PASSWORD: &str = "correct horse battery";
/// So many connections sign in at the same time.
const FLOOD: usize = 64;
/// So many ask for the other route.
const OTHERS: usize = 4;
const SPAN: Duration = Duration::from_secs(1);
/// With and without the flood in turn, so that whatever else the machine does falls on both.
const ROUNDS: u32 = 8;
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
        "argon2id, 19 MiB; {OTHERS} connections ask for another route, {ROUNDS} rounds of a second with and without a flood\n"
    );
    println!(
        "flood                          other route/s    idle/s  of idle   p99 ms (idle)   sign-ins/s   503/s   memory MiB"
    );
    let cases = [
        ("64 wait when told to", FLOOD, "/", Some(Duration::from_secs(1))),
        ("64 try again at once", FLOOD, "/", None),
        ("512 try again at once", 8 * FLOOD, "/", None),
        // What so many requests cost where nothing is hashed.
        ("512, any route that says 503", 8 * FLOOD, "/busy", None),
    ];
    for (name, connections, path, politeness) in cases {
        let server = Server::start();
        let flood = Flood::start(&server.address, connections, path, politeness);
        others(&server.address, SPAN); // warms up
        let idle_memory = server.memory_kib("VmHWM:");
        let (mut idle, mut flooded) = (Others::default(), Others::default());
        for _ in 0..ROUNDS {
            idle.add(others(&server.address, SPAN));
            flood.run();
            flooded.add(others(&server.address, SPAN));
            flood.pause();
        }
        let memory = server.memory_kib("VmHWM:").saturating_sub(idle_memory);
        let (signed_in, turned_away) = flood.stop();
        println!(
            "{name:30} {:13.0} {:9.0} {:7.0}% {:8.2} {:6.2} {:12.0} {:7.0} {:12.1}",
            flooded.rate(),
            idle.rate(),
            flooded.rate() / idle.rate() * 100.0,
            flooded.p99(),
            idle.p99(),
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
    count as f64 / (SPAN * ROUNDS).as_secs_f64()
}

#[allow(clippy::cast_precision_loss)]
fn kib_in_mib(kib: u64) -> f64 {
    kib as f64 / 1024.0
}

/// How long each request of the other route took.
fn others(address: &str, span: Duration) -> Vec<Duration> {
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
    times.into_inner().unwrap()
}

#[derive(Default)]
struct Others(Vec<Duration>);

impl Others {
    fn add(&mut self, mut times: Vec<Duration>) {
        self.0.append(&mut times);
        self.0.sort_unstable();
    }

    fn rate(&self) -> f64 {
        per_second(self.0.len() as u64)
    }

    /// The time within which 99 of 100 are answered, in milliseconds.
    fn p99(&self) -> f64 {
        self.0[self.0.len() * 99 / 100].as_secs_f64() * 1000.0
    }
}

/// Connections that sign in, except while they pause.
struct Flood {
    state: Arc<Mutex<State>>,
    signed_in: Arc<AtomicU64>,
    turned_away: Arc<AtomicU64>,
    threads: Vec<thread::JoinHandle<()>>,
}

#[derive(Clone, Copy, PartialEq)]
enum State {
    Runs,
    Pauses,
    Stops,
}

impl Flood {
    fn start(address: &str, connections: usize, path: &'static str, politeness: Option<Duration>) -> Self {
        let state = Arc::new(Mutex::new(State::Pauses));
        let (signed_in, turned_away) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
        let threads = (0..connections)
            .map(|index| {
                let (address, state) = (address.to_owned(), Arc::clone(&state));
                let (signed_in, turned_away) = (Arc::clone(&signed_in), Arc::clone(&turned_away));
                thread::spawn(move || {
                    // Half of them with a user that exists.
                    let user = if index % 2 == 0 { "alice" } else { "nobody" };
                    let mut client = Client::connect(&address, path, &basic(user, &format!("guess {index}")));
                    loop {
                        let now = *state.lock().unwrap();
                        match now {
                            State::Stops => return,
                            State::Pauses => thread::sleep(Duration::from_millis(20)),
                            State::Runs => match client.ask() {
                                401 => drop(signed_in.fetch_add(1, Relaxed)),
                                503 => {
                                    turned_away.fetch_add(1, Relaxed);
                                    thread::sleep(politeness.unwrap_or_default());
                                }
                                other => panic!("status {other}"),
                            },
                        }
                    }
                })
            })
            .collect();
        Self { state, signed_in, turned_away, threads }
    }

    fn run(&self) {
        *self.state.lock().unwrap() = State::Runs;
    }

    fn pause(&self) {
        *self.state.lock().unwrap() = State::Pauses;
        thread::sleep(Duration::from_millis(1500)); // until the queue is empty and all are back
    }

    fn stop(self) -> (u64, u64) {
        *self.state.lock().unwrap() = State::Stops;
        self.threads.into_iter().for_each(|thread| thread.join().unwrap());
        (self.signed_in.load(Relaxed), self.turned_away.load(Relaxed))
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
    let app = Router::new()
        .route("/", get(async || "in"))
        .route_layer(files)
        .route("/open", get(async || "open"))
        .route("/busy", get(async || axum::http::StatusCode::SERVICE_UNAVAILABLE));
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
        assert!(passwords.validate(credentials(), &mut Visit::outside()).await.unwrap().is_some());
    }
    println!("a sign-in that hashes     {:12.1} us", started.elapsed().as_secs_f64() * 1e6 / 20.0);

    let passwords = passwords.cached(Remember::default()).unwrap();
    assert!(passwords.validate(credentials(), &mut Visit::outside()).await.unwrap().is_some());
    let started = Instant::now();
    for _ in 0..200_000 {
        assert!(passwords.validate(credentials(), &mut Visit::outside()).await.unwrap().is_some());
    }
    let one = started.elapsed().as_secs_f64() / 200_000.0;
    println!(
        "one that is remembered    {:12.3} us   budget: 1 us, 10,000/s on one core: {:.0}/s",
        one * 1e6,
        one.recip()
    );
}
