//! The few facts of a request that choose how its rejection is drawn.

use std::sync::OnceLock;

use http::{HeaderValue, Method, Uri, Version, header, request::Parts};

use crate::respond::accept::{self, Accept, Format};

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
    accept: Accept,
    /// Read from `accept` when it is first wanted, which is never for most accepted requests.
    format: OnceLock<Format>,
    fetch: Fetch,
    grpc: Option<&'static str>,
}

/// Which clients get gRPC answers; nobody, unless the layer's settings say so: a client's header alone must not turn a refusal
/// into a status of 200.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct GrpcClients {
    pub(crate) grpc: bool,
    pub(crate) grpc_web: bool,
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
        Self::of_target(head, &head.uri, GrpcClients::default())
    }

    /// Reads the facts where a router took a prefix off the target. One walk over the headers costs less than a look-up of
    /// each name.
    pub(crate) fn of_target(head: &Parts, target: &Uri, clients: GrpcClients) -> Self {
        let (mut accept, mut fetch, mut grpc) = (Accept::default(), Fetch::Untold, None);
        for (name, value) in &head.headers {
            if name == header::ACCEPT {
                accept.add(value);
            } else if name == header::CONTENT_TYPE {
                grpc = grpc.or_else(|| clients.content_type(head, value));
            } else if name == SEC_FETCH_MODE {
                let mode = if value == "navigate" { Fetch::Navigation } else { Fetch::Script };
                fetch = if fetch == Fetch::Untold { mode } else { fetch };
            } else if name == X_REQUESTED_WITH {
                fetch = Fetch::Script;
            }
        }
        Self {
            method: head.method.clone(),
            target: target.clone(),
            accept,
            format: OnceLock::new(),
            fetch,
            grpc,
        }
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
        !self.is_grpc() && self.format() == Format::Html
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

    /// Whether the answer is a gRPC status, with status 200 and an empty body: only where the layer is set
    /// [for gRPC](crate::AuthenticateLayer::for_grpc) or [gRPC-Web](crate::AuthenticateLayer::for_grpc_web).
    pub fn is_grpc(&self) -> bool {
        self.grpc.is_some()
    }

    pub(crate) fn format(&self) -> Format {
        *self.format.get_or_init(|| accept::best(&self.accept))
    }

    /// The content type that a gRPC answer carries.
    pub(crate) fn grpc(&self) -> Option<&'static str> {
        self.grpc
    }

    /// The facts where no request is known.
    pub(crate) fn unknown() -> Self {
        Self {
            method: Method::GET,
            target: Uri::default(),
            accept: Accept::default(),
            format: OnceLock::new(),
            fetch: Fetch::Untold,
            grpc: None,
        }
    }
}

impl GrpcClients {
    /// Returns the content type of the answer, if the request is one of gRPC: POST over HTTP/2, or of gRPC-Web: POST.
    fn content_type(self, head: &Parts, sent: &HeaderValue) -> Option<&'static str> {
        if !(self.grpc || self.grpc_web) || head.method != Method::POST {
            return None;
        }
        let is = |kind: &str| {
            let sent = sent.as_bytes();
            let (start, rest) = sent.split_at(kind.len().min(sent.len()));
            start.eq_ignore_ascii_case(kind.as_bytes()) && matches!(rest, [] | [b'+' | b';', ..])
        };
        if self.grpc && head.version == Version::HTTP_2 && is("application/grpc") {
            return Some("application/grpc");
        }
        let web = ["application/grpc-web", "application/grpc-web-text"];
        web.into_iter().find(|kind| self.grpc_web && is(kind))
    }
}
