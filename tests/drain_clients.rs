//! The layer that drains, in axum on real connections: bare sockets, Node's `fetch`, and connect-node.
#![cfg(feature = "drain")]

mod support;

use std::{
    net::SocketAddr,
    process::{Command, Stdio},
    time::Duration,
};

use axum::{
    Router,
    routing::{any, get},
};
use support::{openid::node, secrets::*};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};
use tower_authn::{AuthenticateLayer, Authenticator, drain::DrainLayer, respond::Negotiate};

/// Nothing that should happen takes as long, however busy the machine is.
const LONG: Duration = Duration::from_secs(60);

/// The layer of a service that speaks gRPC-Web.
fn grpc_web() -> AuthenticateLayer<impl Authenticator<Identity = &'static str>, Negotiate> {
    AuthenticateLayer::new(by_bearer()).for_grpc_web().respond_with(Negotiate)
}

/// Serves what takes a body, behind the authentication and the drain.
async fn serve(drain: &DrainLayer) -> SocketAddr {
    let app = Router::new()
        .route("/", any(async |body: String| format!("{} bytes", body.len())))
        .route("/unread", get(async || "unread").post(async || "unread"))
        .route("/test.Whoami/Ask", any(async || "not reached"))
        .layer(grpc_web())
        .layer(drain.clone());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async { axum::serve(listener, app).await });
    address
}

/// A connection, and what of the answers was read.
struct Connection(TcpStream);

impl Connection {
    async fn to(address: SocketAddr) -> Self {
        Self(TcpStream::connect(address).await.unwrap())
    }

    async fn send(&mut self, text: &str) {
        self.0.write_all(text.as_bytes()).await.unwrap();
    }

    /// Reads the head of an answer, up to the empty line.
    async fn head(&mut self) -> String {
        let read = async {
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(self.0.read_u8().await.unwrap());
            }
            String::from_utf8(head).unwrap()
        };
        tokio::time::timeout(LONG, read).await.expect("there is no answer")
    }

    /// Reads an answer, and returns its status.
    async fn status(&mut self) -> String {
        let head = self.head().await;
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
        let mut body = vec![0; length.parse().unwrap()];
        self.0.read_exact(&mut body).await.unwrap();
        head[9..12].to_owned()
    }

    /// Waits until the server closes the connection, in order or not.
    async fn is_closed(&mut self) {
        let read =
            tokio::time::timeout(LONG, self.0.read(&mut [0])).await.expect("the connection stays open");
        assert!(read.is_err() || matches!(read, Ok(0)), "the server sends more");
    }

    /// A second request on the same connection is let in.
    async fn is_usable(&mut self) {
        let bearer = bearer();
        self.send(&format!("GET /unread HTTP/1.1\r\nhost: x\r\nauthorization: {bearer}\r\n\r\n")).await;
        assert_eq!(self.status().await, "200");
    }
}

async fn is_idle(drain: &DrainLayer) {
    let idle = async {
        while drain.under_way() > 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(LONG, idle).await.expect("it is still draining");
}

fn patient() -> DrainLayer {
    DrainLayer::new().timeout(LONG * 10)
}

// ===== bare sockets =====

#[tokio::test]
async fn a_connection_stays_usable_once_all_was_sent() {
    let address = serve(&patient()).await;
    let rest = "x".repeat(300_000);
    for request in ["POST / HTTP/1.1", "HEAD / HTTP/1.1"] {
        let mut connection = Connection::to(address).await;
        for _ in 0..2 {
            connection.send(&format!("{request}\r\nhost: x\r\ncontent-length: 300001\r\n\r\nx")).await;
            // The answer is here before the rest is sent.
            if request.starts_with("HEAD") {
                assert!(connection.head().await.starts_with("HTTP/1.1 401 "));
            } else {
                assert_eq!(connection.status().await, "401");
            }
            connection.send(&rest).await;
            connection.is_usable().await;
        }
    }
}

#[tokio::test]
async fn a_connection_that_ends_with_its_answer_ends_in_order() {
    let address = serve(&patient()).await;
    for head in ["POST / HTTP/1.1\r\nconnection: close", "POST / HTTP/1.0"] {
        let mut connection = Connection::to(address).await;
        connection.send(&format!("{head}\r\nhost: x\r\ncontent-length: 300000\r\n\r\n")).await;
        assert_eq!(connection.status().await, "401");
        // A connection that is closed takes the first, and not the second.
        connection.send(&"x".repeat(150_000)).await;
        connection.send(&"x".repeat(150_000)).await;
        assert_eq!(connection.0.read(&mut [0]).await.unwrap(), 0, "{head}");
    }
}

#[tokio::test]
async fn chunks_and_trailers_are_read_to_their_end() {
    let address = serve(&patient()).await;
    let mut connection = Connection::to(address).await;
    connection
        .send("POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\ntrailer: a\r\n\r\n3\r\nabc\r\n")
        .await;
    assert_eq!(connection.status().await, "401");
    connection.send("2\r\nde\r\n0\r\na: b\r\n\r\n").await;
    connection.is_usable().await;
}

#[tokio::test]
async fn every_answer_that_comes_early_is_followed_by_a_drain() {
    let address = serve(&patient()).await;
    let bearer = bearer();
    let head = |path: &str, length: usize| {
        format!(
            "POST {path} HTTP/1.1\r\nhost: x\r\nauthorization: {bearer}\r\ncontent-length: {length}\r\n\r\n"
        )
    };
    let mut connection = Connection::to(address).await;
    // A handler that does not look at the body.
    connection.send(&head("/unread", 300_000)).await;
    assert_eq!(connection.status().await, "200");
    connection.send(&"x".repeat(300_000)).await;
    // axum's own limit of 2 MiB.
    connection.send(&head("/", 3_000_000)).await;
    connection.send(&"x".repeat(2_100_000)).await;
    assert_eq!(connection.status().await, "413");
    connection.send(&"x".repeat(900_000)).await;
    // One that reads it.
    connection.send(&head("/", 300_000)).await;
    connection.send(&"x".repeat(300_000)).await;
    assert_eq!(connection.status().await, "200");
    connection.is_usable().await;
}

#[tokio::test]
async fn what_is_longer_than_a_drain_may_read_is_closed() {
    let address = serve(&patient()).await;
    let mut connection = Connection::to(address).await;
    connection.send("POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 16777217\r\n\r\n").await;
    assert_eq!(connection.status().await, "401");
    connection.is_closed().await;

    let address = serve(&patient().max_len(10)).await;
    let mut connection = Connection::to(address).await;
    connection.send("POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n").await;
    assert_eq!(connection.status().await, "401");
    connection.send("b\r\n12345678901\r\n").await;
    connection.is_closed().await;
}

#[tokio::test]
async fn a_client_that_stops_sending_is_closed_in_time() {
    let drain = DrainLayer::new().timeout(Duration::from_millis(50));
    let mut connection = Connection::to(serve(&drain).await).await;
    connection.send("POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\n12345").await;
    assert_eq!(connection.status().await, "401");
    connection.is_closed().await;
    is_idle(&drain).await;
}

#[tokio::test]
async fn a_client_that_waits_for_100_continue_is_closed_at_once() {
    let drain = patient();
    let mut connection = Connection::to(serve(&drain).await).await;
    connection.send("POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\nexpect: 100-continue\r\n\r\n").await;
    assert_eq!(connection.status().await, "401");
    connection.is_closed().await;
}

#[tokio::test]
async fn a_client_that_hangs_up_ends_its_drain() {
    let drain = patient();
    let mut connection = Connection::to(serve(&drain).await).await;
    connection.send("POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\n12345").await;
    assert_eq!(connection.status().await, "401");
    assert_eq!(drain.under_way(), 1);
    drop(connection);
    is_idle(&drain).await;
}

// ===== Node =====

/// Runs a Node program, and returns the lines that it prints; `None` where there is no Node.
async fn lines_of(program: &str, arguments: &[&str]) -> Option<Vec<String>> {
    let mut command = Command::new("node");
    command.arg(program).args(arguments).current_dir(node()?).stderr(Stdio::inherit());
    let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
    assert!(output.status.success(), "{program}: {}", output.status);
    Some(String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect())
}

async fn fetch_gets_every_answer(bytes: &str) {
    let url = format!("http://{}/", serve(&patient()).await);
    let Some(lines) = lines_of("fetch.mjs", &[&url, bytes, "25"]).await else { return };
    assert_eq!(lines, ["401"; 25]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn node_s_fetch_gets_every_answer_to_5_mb() {
    fetch_gets_every_answer("5000000").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn node_s_fetch_gets_every_answer_to_300_kb() {
    fetch_gets_every_answer("300000").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connect_node_gets_every_answer() {
    let url = format!("http://{}", serve(&patient()).await);
    let Some(lines) = lines_of("connect.mjs", &[&url, "30"]).await else { return };
    assert_eq!(lines, ["Unauthenticated: unauthenticated"; 30]);
}
