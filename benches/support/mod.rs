//! What the benches share: cases that are timed, or counted under valgrind.
#![allow(dead_code, unreachable_pub, clippy::unused_async)]

use std::{
    convert::Infallible,
    hint::black_box,
    pin::{Pin, pin},
    process::Command,
    task::{Context, Poll, Waker},
    time::Instant,
};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use tower::Service;

pub type Body = Full<Bytes>;

/// Runs something so many times.
pub type Run = Box<dyn Fn(u32)>;
/// A name, and what sets it up.
pub type Case = (&'static str, Box<dyn FnOnce() -> Run>);

/// The service that answers at once.
pub async fn inner(_: Request<Body>) -> Result<Response<Body>, Infallible> {
    Ok(Response::new(Body::default()))
}

/// Each call has a request of its own, which is made and dropped in the loop, for the bare service as well.
pub fn calls<S>(service: S, header: Option<(&'static str, String)>) -> Run
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible> + Clone + 'static,
{
    let header = header.map(|(name, value)| (name, http::HeaderValue::try_from(value).expect("a header")));
    let run = move |times: u32| {
        let mut service = service.clone();
        let mut context = Context::from_waker(Waker::noop());
        for _ in 0..times {
            let mut request = Request::new(Body::default());
            if let Some((name, value)) = &header {
                request.headers_mut().insert(*name, value.clone());
            }
            let _ = service.poll_ready(&mut context);
            drop(black_box(now(pin!(service.call(request)))));
        }
    };
    Box::new(run)
}

/// Runs a future that never waits.
pub fn now<F: Future>(future: Pin<&mut F>) -> F::Output {
    match future.poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("nothing here waits"),
    }
}

/// Runs the cases as the command line says, and prints a table.
pub fn report(cases: Vec<Case>) {
    let arguments: Vec<String> = std::env::args().collect();
    if let Some(at) = arguments.iter().position(|argument| argument == "--case") {
        let times = arguments[at + 2].parse().expect("how often");
        let (_, set_up) = cases.into_iter().find(|(name, _)| *name == arguments[at + 1]).expect("a case");
        return set_up()(times);
    }
    let count = arguments.iter().any(|argument| argument == "--instructions");
    let unit = if count { "instructions" } else { "ns" };
    println!("{:<30} {unit:>12}  over bare", "");
    let mut bare = None;
    for (name, set_up) in cases {
        let cost = if count { instructions(name) } else { nanoseconds(&*set_up()) };
        println!("{name:<30} {cost:>12.0}  {:>8.2}", cost / *bare.get_or_insert(cost));
    }
}

/// The best of several rounds.
fn nanoseconds(run: &dyn Fn(u32)) -> f64 {
    const TIMES: u32 = 20_000;
    run(TIMES);
    let rounds = (0..20).map(|_| {
        let start = Instant::now();
        run(TIMES);
        start.elapsed().as_secs_f64() * 1e9 / f64::from(TIMES)
    });
    rounds.fold(f64::INFINITY, f64::min)
}

/// The difference of two runs under callgrind, so that what is made once does not count.
#[allow(clippy::cast_precision_loss)]
fn instructions(case: &str) -> f64 {
    let times = |times| collected(&["--case", case, times]) as f64;
    (times("1100") - times("100")) / 1_000.0
}

/// The instructions of this program, run with these arguments under callgrind.
pub fn collected(arguments: &[&str]) -> u64 {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(std::env::current_exe().expect("this program"))
        .args(arguments)
        .output()
        .expect("valgrind");
    let log = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {log}");
    let line = log.lines().find_map(|line| line.split_once("Collected : ")).expect("callgrind's sum");
    line.1.trim().parse().expect("a number")
}
