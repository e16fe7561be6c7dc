//! The layer, and the bounds that its clones share.

use std::{fmt, sync::Arc, time::Duration};

use tokio::sync::Semaphore;
use tower_layer::Layer;

use super::Drain;

/// Reads on and drops what is left of a request's body once the request was answered, so that a
/// client that is still sending gets the answer in place of a broken pipe.
///
/// Put it outside everything that may answer early: authentication, limits on bodies, time-outs.
/// The answer does not wait for the client: its head and its body go out at once, while a task of
/// its own reads the rest. If the rest ends within the bounds, the connection stays usable for the
/// next request. If it does not, the connection is closed, as it is without the layer. By default a
/// drain reads at most 16 MiB in at most 2 seconds, and at most 256 drains are under way at once.
///
/// A body is drained after the inner service has returned its response *and* has dropped the body;
/// a response that streams out what it reads of the request is left alone until it is done. Nothing
/// is drained
///
/// - if the body was read to its end, or failed;
/// - over HTTP/2 and later, where closing one stream harms no answer;
/// - after `Expect: 100-continue` if nothing of the body has come: the client waits for the
///   server's word, and does not send (RFC 9110 §10.1.1);
/// - if the body says, by its `Content-Length`, that more is left than a drain may read;
/// - if the future of the response was dropped, as by a time-out outside, or the service returned
///   an error;
/// - if there is no tokio runtime with timers.
///
/// Clones share the bound on drains at once. With axum:
///
/// ```
/// use axum::{Router, routing::post};
/// use tower_authn::{AuthenticateLayer, Scheme, Tokens, drain::DrainLayer, scheme::Bearer};
///
/// let auth = AuthenticateLayer::new(Bearer::new("api").validated_by(Tokens::<String>::new()));
/// let app: Router = Router::new()
///     .route("/upload", post(async |_: String| "stored"))
///     .route_layer(auth)
///     .layer(DrainLayer::new()); // outside, so it comes last
/// ```
///
/// The inner service gets a [`RequestBody`](super::RequestBody) around the server's body. A service
/// or a layer that takes one body type and no other, such as axum's `from_fn` in a
/// `ServiceBuilder`, needs it changed back:
///
/// ```
/// use axum::{Router, body::Body, extract::Request, middleware::from_fn, response::Response};
/// use tower::{ServiceBuilder, ServiceExt as _};
/// use tower_authn::drain::{DrainLayer, RequestBody};
///
/// let layers = ServiceBuilder::new()
///     .layer(DrainLayer::new())
///     .map_request(|request: http::Request<RequestBody<Body>>| request.map(Body::new))
///     .layer(from_fn(async |request: Request, next: axum::middleware::Next| next.run(request).await));
/// let app: Router = Router::new().layer(layers);
/// ```
///
/// # Security
///
/// Whoever sends requests that are refused can make the server read what it would not have read
/// otherwise: by default 16 MiB for each request, on 256 connections at once, 4 GiB in all before
/// one of them has to begin anew. Each byte costs the sender a byte. What was read is dropped at
/// once, so no memory is used up; a connection is held up to 2 seconds longer.
#[derive(Clone, Debug)]
#[must_use]
pub struct DrainLayer(Arc<Bounds>);

#[derive(Clone)]
pub(super) struct Bounds {
    /// In bytes.
    pub(super) max_len: u64,
    pub(super) timeout: Duration,
    at_most: usize,
    pub(super) permits: Arc<Semaphore>,
}

impl DrainLayer {
    /// Makes a layer with the default bounds: 16 MiB and 2 seconds for one drain, 256 drains at
    /// once.
    pub fn new() -> Self {
        let at_most = 256;
        let permits = Arc::new(Semaphore::new(at_most));
        Self(Arc::new(Bounds { max_len: 16 << 20, timeout: Duration::from_secs(2), at_most, permits }))
    }

    /// Sets how much one drain reads, in bytes; 16 MiB by default. Trailers count, by the lengths
    /// of their names and values. The connection of a client that sends more is closed, at once if
    /// its `Content-Length` says so.
    ///
    /// ```
    /// use tower_authn::drain::DrainLayer;
    ///
    /// let layer = DrainLayer::new().max_len(64 << 20); // for larger uploads
    /// # let _ = layer;
    /// ```
    pub fn max_len(self, bytes: u64) -> Self {
        self.with(|bounds| bounds.max_len = bytes)
    }

    /// Sets how long one drain takes; 2 seconds by default. The connection of a client that takes
    /// longer is closed.
    ///
    /// ```
    /// use std::time::Duration;
    /// use tower_authn::drain::DrainLayer;
    ///
    /// let layer = DrainLayer::new().timeout(Duration::from_secs(10)); // for slower networks
    /// # let _ = layer;
    /// ```
    pub fn timeout(self, timeout: Duration) -> Self {
        self.with(|bounds| bounds.timeout = timeout)
    }

    /// Sets how many drains are under way at once; 256 by default. While that many are, the
    /// connection of a client that was answered early is closed. The count begins anew, and is no
    /// longer shared with earlier clones.
    ///
    /// ```
    /// use tower_authn::drain::DrainLayer;
    ///
    /// let layer = DrainLayer::new().at_most(1024);
    /// # let _ = layer;
    /// ```
    pub fn at_most(self, drains: usize) -> Self {
        self.with(|bounds| {
            bounds.at_most = drains.min(Semaphore::MAX_PERMITS);
            bounds.permits = Arc::new(Semaphore::new(bounds.at_most));
        })
    }

    /// Returns how many drains are under way, of this layer and its clones: for a gauge.
    ///
    /// ```
    /// use tower_authn::drain::DrainLayer;
    ///
    /// assert_eq!(DrainLayer::new().under_way(), 0);
    /// ```
    pub fn under_way(&self) -> usize {
        self.0.under_way()
    }

    fn with(mut self, set: impl FnOnce(&mut Bounds)) -> Self {
        set(Arc::make_mut(&mut self.0));
        self
    }
}

impl Default for DrainLayer {
    fn default() -> Self {
        Self::new()
    }
}

impl<S> Layer<S> for DrainLayer {
    type Service = Drain<S>;

    fn layer(&self, inner: S) -> Drain<S> {
        Drain::new(inner, Arc::clone(&self.0))
    }
}

// ===== impl Bounds =====

impl Bounds {
    fn under_way(&self) -> usize {
        self.at_most - self.permits.available_permits()
    }
}

impl fmt::Debug for Bounds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bounds")
            .field("max_len", &self.max_len)
            .field("timeout", &self.timeout)
            .field("at_most", &self.at_most)
            .field("under_way", &self.under_way())
            .finish_non_exhaustive()
    }
}
