//! The layer that drains, over bodies in memory: what is read is counted, and the clock stands still.
#![cfg(feature = "drain")]

mod support;

use std::{
    convert::Infallible,
    panic::{AssertUnwindSafe, catch_unwind},
    task::{Context, Poll, Waker},
    time::Duration,
};

use http::{HeaderMap, HeaderName, HeaderValue, Request, Version, header};
use http_body::Body as _;
use http_body_util::BodyExt as _;
use support::{
    now,
    upload::{Client, Upload},
};
use tower::{Layer as _, Service, ServiceExt as _, service_fn};
use tower_authn::drain::{DrainLayer, RequestBody};

type Body = RequestBody<Upload>;

/// Sends a body to a service that answers at once, and drops the body unread.
async fn refuse(layer: &DrainLayer, upload: Upload) {
    refuse_request(layer, Request::new(upload)).await;
}

async fn refuse_request(layer: &DrainLayer, request: Request<Upload>) {
    let service = service_fn(async |request: Request<Body>| {
        drop(request);
        Ok::<_, Infallible>("refused")
    });
    assert_eq!(layer.layer(service).oneshot(request).await, Ok("refused"));
}

/// Sends a body to a service that reads some frames of it, and answers.
async fn read_some(layer: &DrainLayer, request: Request<Upload>, frames: usize) {
    let service = service_fn(async |request: Request<Body>| {
        let mut body = Box::pin(request.into_body());
        for _ in 0..frames {
            let _ = body.frame().await;
        }
        Ok::<_, Infallible>("some was read")
    });
    assert_eq!(layer.layer(service).oneshot(request).await, Ok("some was read"));
}

/// Sends a body to a service that answers, and keeps the body.
async fn keep(layer: &DrainLayer, upload: Upload) -> Body {
    let service = service_fn(async |request: Request<Body>| Ok::<_, Infallible>(request.into_body()));
    layer.layer(service).oneshot(Request::new(upload)).await.unwrap()
}

/// Lets everything happen that needs no time to pass.
async fn settle() {
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
}

/// Nothing was asked of the body after so many times, and it was dropped.
#[track_caller]
fn is_left_alone(client: &Client, polls: usize) {
    assert_eq!((client.polls(), client.is_dropped()), (polls, true));
}

#[track_caller]
fn is_drained(layer: &DrainLayer, client: &Client, frames: usize) {
    assert_eq!((client.frames(), client.is_dropped(), layer.under_way()), (frames, true, 0));
}

// ===== when it begins =====

#[tokio::test(start_paused = true)]
async fn the_rest_is_read_once_the_request_is_answered() {
    let layer = DrainLayer::new();
    let (client, upload) = Client::new();
    client.sends(5);
    let (answer, decided) = tokio::sync::watch::channel(false);
    let service = service_fn(move |request: Request<Body>| {
        drop(request);
        let mut decided = decided.clone();
        async move { decided.changed().await }
    });
    let response = tokio::spawn(layer.layer(service).oneshot(Request::new(upload)));
    settle().await;
    assert_eq!((client.polls(), client.is_dropped()), (0, false), "it waits for the answer");

    answer.send(true).unwrap();
    response.await.unwrap().unwrap();
    settle().await;
    assert_eq!((client.frames(), layer.under_way()), (1, 1));
    client.sends(5);
    settle().await;
    assert_eq!((client.frames(), client.is_dropped()), (2, false));
    client.ends();
    settle().await;
    is_drained(&layer, &client, 2);
}

#[tokio::test(start_paused = true)]
async fn the_service_reads_as_without_the_layer() {
    let (client, upload) = Client::of_length(5);
    client.sends(2);
    client.sends(3);
    let mut body = Box::pin(keep(&DrainLayer::new(), upload).await);
    assert_eq!((body.size_hint().exact(), body.is_end_stream()), (Some(5), false));
    assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap().len(), 2);
    assert_eq!(body.size_hint().exact(), Some(3));
    assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap().len(), 3);
    assert!(body.is_end_stream());
}

#[tokio::test(start_paused = true)]
async fn what_the_service_still_holds_is_its_own() {
    let layer = DrainLayer::new();
    let (client, upload) = Client::new();
    client.sends(5);
    let body = keep(&layer, upload).await;
    settle().await;
    assert_eq!((client.polls(), client.is_dropped()), (0, false));
    client.ends();
    drop(body);
    settle().await;
    is_drained(&layer, &client, 1);
}

#[tokio::test(start_paused = true)]
async fn what_the_service_left_is_read() {
    let layer = DrainLayer::new();
    let (client, upload) = Client::new();
    (0..3).for_each(|_| client.sends(5));
    client.ends();
    read_some(&layer, Request::new(upload), 2).await;
    settle().await;
    is_drained(&layer, &client, 3);
}

#[tokio::test(start_paused = true)]
async fn readiness_is_the_inner_service_s() {
    let mut drain = DrainLayer::new().layer(tower::util::BoxService::new(Busy));
    let mut cx = Context::from_waker(Waker::noop());
    assert!(Service::<Request<Upload>>::poll_ready(&mut drain, &mut cx).is_pending());
}

/// axum's routes take the body as it is, and tonic's as whatever its own body is made from.
#[test]
fn it_fits_around_routers() {
    fn is_service<S: Service<Request<axum::body::Body>> + Clone + Send + Sync + 'static>(_: S)
    where
        S::Future: Send,
    {
    }
    is_service(DrainLayer::new().layer(axum::Router::<()>::new()));
    let tonic = service_fn(async |request: Request<RequestBody<axum::body::Body>>| {
        Ok::<_, Infallible>(request.map(tonic::body::Body::new))
    });
    is_service(DrainLayer::new().layer(tonic));
}

struct Busy;

impl Service<Request<Body>> for Busy {
    type Response = ();
    type Error = Infallible;
    type Future = std::future::Ready<Result<(), Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Pending
    }

    fn call(&mut self, _: Request<Body>) -> Self::Future {
        std::future::ready(Ok(()))
    }
}

// ===== what is left alone =====

#[tokio::test(start_paused = true)]
async fn a_body_that_was_read_to_its_end_is_left_alone() {
    let (client, upload) = Client::new();
    client.sends(5);
    client.ends();
    read_some(&DrainLayer::new(), Request::new(upload), 2).await;
    settle().await;
    is_left_alone(&client, 2);

    // One that knows its length ends with its last frame.
    let (client, upload) = Client::of_length(5);
    client.sends(5);
    read_some(&DrainLayer::new(), Request::new(upload), 1).await;
    settle().await;
    is_left_alone(&client, 1);
}

#[tokio::test(start_paused = true)]
async fn a_body_that_failed_is_left_alone() {
    let (client, upload) = Client::new();
    client.fails();
    read_some(&DrainLayer::new(), Request::new(upload), 1).await;
    settle().await;
    is_left_alone(&client, 1);
}

#[tokio::test(start_paused = true)]
async fn an_empty_body_is_left_alone() {
    let (client, upload) = Client::of_length(0);
    let layer = DrainLayer::new();
    refuse(&layer, upload).await;
    assert_eq!(layer.under_way(), 0);
    is_left_alone(&client, 0);
}

#[tokio::test(start_paused = true)]
async fn only_http_1_is_drained() {
    for (version, is_drained) in [
        (Version::HTTP_09, true),
        (Version::HTTP_10, true),
        (Version::HTTP_11, true),
        (Version::HTTP_2, false),
        (Version::HTTP_3, false),
    ] {
        let layer = DrainLayer::new();
        let (client, upload) = Client::new();
        let mut request = Request::new(upload);
        *request.version_mut() = version;
        refuse_request(&layer, request).await;
        assert_eq!((layer.under_way() == 1, !client.is_dropped()), (is_drained, is_drained), "{version:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_waits_for_the_server_s_word_is_not_waited_for() {
    let expecting = |upload| Request::put("/").header(header::EXPECT, "100-continue").body(upload).unwrap();
    let layer = DrainLayer::new();
    let (client, upload) = Client::new();
    refuse_request(&layer, expecting(upload)).await;
    is_left_alone(&client, 0);
    assert_eq!(layer.under_way(), 0);

    // Once the service has let it go on, it sends.
    let (client, upload) = Client::new();
    client.sends(5);
    read_some(&layer, expecting(upload), 1).await;
    assert_eq!(layer.under_way(), 1);
    client.sends(5);
    client.ends();
    settle().await;
    is_drained(&layer, &client, 2);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_drained_without_an_answer() {
    let layer = DrainLayer::new();
    let fails = service_fn(async |request: Request<Body>| {
        drop(request);
        Err::<(), _>("no answer")
    });
    let (client, upload) = Client::new();
    assert_eq!(layer.layer(fails).oneshot(Request::new(upload)).await, Err("no answer"));
    is_left_alone(&client, 0);

    // The future is dropped: a client that hung up, or a time-out outside.
    let hangs = service_fn(async |request: Request<Body>| {
        drop(request);
        std::future::pending::<Result<(), Infallible>>().await
    });
    let (client, upload) = Client::new();
    let response = layer.layer(hangs).oneshot(Request::new(upload));
    assert!(tokio::time::timeout(Duration::from_secs(1), response).await.is_err());
    is_left_alone(&client, 0);
    assert_eq!(layer.under_way(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_response_that_panics_is_cut_off() {
    let layer = DrainLayer::new();
    let (client, upload) = Client::new();
    let body = keep(&layer, upload).await;
    let panics = catch_unwind(AssertUnwindSafe(move || {
        let _body = body;
        panic!("a response that panics");
    }));
    assert!(panics.is_err());
    is_left_alone(&client, 0);
    assert_eq!(layer.under_way(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_service_that_panicked_and_was_answered_for_is_drained() {
    let layer = DrainLayer::new();
    let panics = service_fn(async |request: Request<Body>| {
        let caught = catch_unwind(AssertUnwindSafe(move || {
            let _request = request;
            panic!("a service that panics");
        }));
        Ok::<_, Infallible>(caught.is_err())
    });
    let (client, upload) = Client::new();
    assert_eq!(layer.layer(panics).oneshot(Request::new(upload)).await, Ok(true));
    assert_eq!((client.is_dropped(), layer.under_way()), (false, 1));
}

#[test]
fn without_timers_nothing_is_drained() {
    let layer = DrainLayer::new();
    let (client, upload) = Client::new();
    now(refuse(&layer, upload));
    is_left_alone(&client, 0);

    let without_timers = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let (client, upload) = Client::new();
    without_timers.block_on(refuse(&layer, upload));
    is_left_alone(&client, 0);
    assert_eq!(layer.under_way(), 0);
}

// ===== where it ends =====

#[tokio::test(start_paused = true)]
async fn it_ends_at_so_many_bytes() {
    for (sent, read) in [(&[4, 6][..], 2), (&[4, 6, 1, 1], 3), (&[11, 1], 1)] {
        let layer = DrainLayer::new().max_len(10);
        let (client, upload) = Client::new();
        for bytes in sent {
            client.sends(*bytes);
        }
        refuse(&layer, upload).await;
        settle().await;
        let is_within = sent.iter().sum::<usize>() <= 10;
        assert_eq!((client.frames(), client.is_dropped()), (read, !is_within), "{sent:?}");
        client.ends();
        settle().await;
        is_drained(&layer, &client, read);
    }
}

#[tokio::test(start_paused = true)]
async fn it_ends_at_16_mib() {
    const MIB: usize = 1 << 20;
    let layer = DrainLayer::new();
    let (client, upload) = Client::endless(MIB);
    refuse(&layer, upload).await;
    settle().await;
    is_drained(&layer, &client, 17);
}

#[tokio::test(start_paused = true)]
async fn trailers_count() {
    for (name, is_read_on) in [("abcde", true), ("abcdef", false)] {
        let layer = DrainLayer::new().max_len(10);
        let (client, upload) = Client::new();
        let name = HeaderName::from_static(name);
        client.sends_trailers(HeaderMap::from_iter([(name, HeaderValue::from_static("12345"))]));
        refuse(&layer, upload).await;
        settle().await;
        assert_eq!((client.frames(), client.is_dropped()), (1, !is_read_on));
    }
}

#[tokio::test(start_paused = true)]
async fn empty_frames_end_too() {
    let layer = DrainLayer::new().max_len(100);
    let (client, upload) = Client::endless(0);
    refuse(&layer, upload).await;
    settle().await;
    is_drained(&layer, &client, 101);
}

#[tokio::test(start_paused = true)]
async fn a_body_that_says_it_is_too_long_is_not_begun() {
    let layer = DrainLayer::new().max_len(10);
    let (client, upload) = Client::of_length(11);
    client.sends(11);
    refuse(&layer, upload).await;
    settle().await;
    is_left_alone(&client, 0);

    let (client, upload) = Client::of_length(10);
    client.sends(10);
    client.ends();
    refuse(&layer, upload).await;
    settle().await;
    is_drained(&layer, &client, 1);

    // What counts is what is left.
    let (client, upload) = Client::of_length(11);
    client.sends(1);
    client.sends(10);
    client.ends();
    read_some(&layer, Request::new(upload), 1).await;
    settle().await;
    is_drained(&layer, &client, 2);
}

#[tokio::test(start_paused = true)]
async fn it_ends_after_two_seconds() {
    let layer = DrainLayer::new();
    let (client, upload) = Client::new();
    refuse(&layer, upload).await;
    for frames in 1..=4 {
        client.sends(5);
        tokio::time::sleep(Duration::from_millis(499)).await;
        assert_eq!((client.frames(), client.is_dropped()), (frames, false));
    }
    tokio::time::sleep(Duration::from_millis(5)).await;
    is_drained(&layer, &client, 4);
}

#[tokio::test(start_paused = true)]
async fn its_time_can_be_set_and_begins_with_the_drain() {
    let layer = DrainLayer::new().timeout(Duration::from_secs(60));
    let (client, upload) = Client::new();
    let body = keep(&layer, upload).await;
    tokio::time::sleep(Duration::from_secs(600)).await;
    drop(body);
    tokio::time::sleep(Duration::from_secs(59)).await;
    assert!(!client.is_dropped());
    tokio::time::sleep(Duration::from_secs(2)).await;
    is_drained(&layer, &client, 0);
}

#[tokio::test(start_paused = true)]
async fn a_body_that_never_waits_lets_others_have_their_turn_and_ends_in_time() {
    let layer = DrainLayer::new().max_len(u64::MAX);
    let (client, upload) = Client::endless(1);
    refuse(&layer, upload).await;
    settle().await;
    assert!(client.frames() > 1000 && !client.is_dropped());
    tokio::time::advance(Duration::from_secs(3)).await;
    settle().await;
    assert!(client.is_dropped());
}

#[tokio::test(start_paused = true)]
async fn a_body_that_fails_or_panics_ends_it() {
    let layer = DrainLayer::new();
    let (client, upload) = Client::new();
    client.fails();
    refuse(&layer, upload).await;
    settle().await;
    is_drained(&layer, &client, 0);

    let (client, upload) = Client::panicking();
    refuse(&layer, upload).await;
    settle().await;
    is_drained(&layer, &client, 0);
}

// ===== how many at once =====

#[tokio::test(start_paused = true)]
async fn the_257th_at_once_is_closed() {
    let layer = DrainLayer::new();
    let mut under_way = Vec::new();
    for number in 1..=256 {
        let (client, upload) = Client::new();
        // Clones count together, also where their other bounds are set.
        refuse(&layer.clone().max_len(number), upload).await;
        under_way.push(client);
    }
    assert_eq!(layer.under_way(), 256);
    assert!(under_way.iter().all(|client| !client.is_dropped()));

    let (client, upload) = Client::new();
    refuse(&layer, upload).await;
    is_left_alone(&client, 0);

    under_way[0].ends();
    settle().await;
    assert_eq!(layer.under_way(), 255);
    let (client, upload) = Client::new();
    refuse(&layer, upload).await;
    assert_eq!((client.is_dropped(), layer.under_way()), (false, 256));

    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(layer.under_way(), 0);
}

#[tokio::test(start_paused = true)]
async fn how_many_at_once_can_be_set() {
    for at_most in [0, 1, 2] {
        let layer = DrainLayer::new().at_most(at_most);
        let mut clients = Vec::new();
        for _ in 0..3 {
            let (client, upload) = Client::new();
            refuse(&layer, upload).await;
            clients.push(client);
        }
        assert_eq!(clients.iter().filter(|client| !client.is_dropped()).count(), at_most);
    }
    assert_eq!(DrainLayer::new().at_most(usize::MAX).under_way(), 0);
}
