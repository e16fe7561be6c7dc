//! The few facts of a request that choose how its rejection is drawn.

use http::{HeaderValue, Method, Uri, header, request::Parts};

use crate::respond::accept;

/// What is known of the request that an [`Answer`](crate::Answer) is for. No credential is among it.
///
/// ```
/// use tower_authn::Asked;
///
/// let (head, ()) = http::Request::get("/docs").header("accept", "text/html, */*;q=0.8").body(())?.into_parts();
/// let asked = Asked::of(&head);
/// assert!(asked.wants_html() && asked.is_navigation());
/// # Ok::<(), http::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Asked {
    method: Method,
    target: Uri,
    accept: Option<HeaderValue>,
    fetch: Fetch,
    grpc: Option<&'static str>,
    authorization: bool,
}

/// What the browser says of where the request comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fetch {
    Navigation,
    Script,
    /// Neither `Sec-Fetch-Mode` nor `X-Requested-With`: an old browser, or none.
    Untold,
}

static X_REQUESTED_WITH: header::HeaderName = header::HeaderName::from_static("x-requested-with");
static SEC_FETCH_MODE: header::HeaderName = header::HeaderName::from_static("sec-fetch-mode");

impl Asked {
    /// Reads the facts from a request's head.
    pub fn of(head: &Parts) -> Self {
        Self::of_target(head, &head.uri)
    }

    /// Reads the facts where a router took a prefix off the target. One walk over the headers costs less than a look-up of
    /// each name.
    pub(crate) fn of_target(head: &Parts, target: &Uri) -> Self {
        let (mut accept, mut fetch, mut grpc, mut authorization) = (None, Fetch::Untold, None, false);
        for (name, value) in &head.headers {
            if name == header::ACCEPT {
                accept = Some(match accept.take() {
                    None => value.clone(),
                    Some(before) => accept::joined(&before, value).unwrap_or(before),
                });
            } else if name == header::AUTHORIZATION {
                authorization = true;
            } else if name == header::CONTENT_TYPE {
                grpc = grpc.or_else(|| grpc_type(value));
            } else if name == SEC_FETCH_MODE {
                let mode = if value == "navigate" { Fetch::Navigation } else { Fetch::Script };
                fetch = if fetch == Fetch::Untold { mode } else { fetch };
            } else if name == X_REQUESTED_WITH {
                fetch = Fetch::Script;
            }
        }
        Self { method: head.method.clone(), target: target.clone(), accept, fetch, grpc, authorization }
    }

    /// Returns the request's method.
    pub fn method(&self) -> &Method {
        &self.method
    }

    /// Returns the request's target as this layer saw it: inside axum's `nest` it lacks the prefix, unless the layer is told
    /// [where to find it](crate::AuthenticateLayer::target_from).
    pub fn target(&self) -> &Uri {
        &self.target
    }

    /// Whether the client prefers a page to data.
    pub fn wants_html(&self) -> bool {
        !self.is_grpc() && accept::best(self.accept.as_ref()) == accept::Format::Html
    }

    /// Whether a person follows a link or submits a form: `Sec-Fetch-Mode: navigate`, or without that header a client that
    /// prefers a page.
    pub fn is_navigation(&self) -> bool {
        match self.fetch {
            Fetch::Navigation => true,
            Fetch::Script => false,
            Fetch::Untold => self.wants_html(),
        }
    }

    /// Whether a script in a browser asks: `Sec-Fetch-Mode` other than `navigate`, or `X-Requested-With`.
    pub fn is_script(&self) -> bool {
        self.fetch == Fetch::Script
    }

    /// Whether a gRPC client asks; it must get an empty body.
    pub fn is_grpc(&self) -> bool {
        self.grpc.is_some()
    }

    pub(crate) fn format(&self) -> accept::Format {
        accept::best(self.accept.as_ref())
    }

    /// The content type that a gRPC answer carries.
    pub(crate) fn grpc(&self) -> Option<&'static str> {
        self.grpc
    }

    /// Whether shared caches are already kept off by the request (RFC 9111 §3.5).
    pub(crate) fn has_authorization(&self) -> bool {
        self.authorization
    }

    /// The facts where no request is known.
    pub(crate) fn unknown() -> Self {
        Self {
            method: Method::GET,
            target: Uri::default(),
            accept: None,
            fetch: Fetch::Untold,
            grpc: None,
            authorization: false,
        }
    }
}

fn grpc_type(content_type: &HeaderValue) -> Option<&'static str> {
    let kind = content_type.as_bytes();
    let starts_with = |prefix: &str| {
        kind.len() >= prefix.len() && kind[..prefix.len()].eq_ignore_ascii_case(prefix.as_bytes())
    };
    // The longest first: each is a prefix of the one before.
    ["application/grpc-web-text", "application/grpc-web", "application/grpc"]
        .into_iter()
        .find(|prefix| starts_with(prefix))
}
