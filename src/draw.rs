//! From a rejection to a response: the protocol's part of it, which no responder can forget.

use std::time::Duration;

use http::{Extensions, HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};

use crate::{
    Challenges, Rejection, RejectionKind,
    asked::Asked,
    observe::{Observers, Occurrence, Outcome, Severity},
    respond::{Answer, Respond},
};

/// Tells layers further inside that there is one around them; a type without size, so that nothing is allocated for it.
#[derive(Clone, Copy)]
pub(crate) struct Around;

impl Around {
    pub(crate) fn is_in(extensions: &Extensions) -> bool {
        extensions.get::<Self>().is_some()
    }
}

/// Marks a response from inside as a rejection that a layer further out may draw.
#[derive(Clone, Debug)]
pub(crate) struct Undrawn {
    pub(crate) rejection: Rejection,
    /// What the nearest layer with a challenge has to offer, if no layer further out has any.
    pub(crate) offers: Challenges,
    /// Whether a layer has drawn it that does not own its scheme, since it knew of no layer further out.
    pub(crate) is_drawn: bool,
}

/// Makes a response that is to be drawn; as it stands, it is the bare status.
pub(crate) fn undrawn<B: Default>(rejection: Rejection) -> Response<B> {
    if rejection.kind() == RejectionKind::Misconfigured && !rejection.is_told_by_a_layer() {
        Observers::standard().tell_of(
            &Occurrence::new("misconfigured", Severity::Error, &format_args!("500: {rejection}")).with(&[
                ("outcome", &Outcome::Misconfigured.as_str()),
                ("reason", &rejection.reason().as_str()),
                ("kind", &rejection.kind().as_str()),
                ("error_type", &rejection.reason().as_str()),
                ("status", &500),
            ]),
        );
    }
    let mut response = Response::new(B::default());
    let undrawn = Undrawn { rejection, offers: Challenges::default(), is_drawn: false };
    hand_on(&mut response, undrawn, &Challenges::default());
    response
}

/// Hands a rejection to a layer further out, under the head that the client sees if there is none, or if a middleware in between
/// loses it.
pub(crate) fn hand_on<B>(response: &mut Response<B>, undrawn: Undrawn, challenges: &Challenges) {
    *response.status_mut() = undrawn.rejection.kind().status(challenges.any());
    own_headers(response.headers_mut(), &undrawn.rejection, challenges);
    response.extensions_mut().insert(undrawn);
}

/// Lets the responder draw the body, and sets everything that the protocol prescribes. The caller puts the rejection
/// into the extensions.
pub(crate) fn draw<B, R: Respond<B>>(
    rejection: &Rejection,
    challenges: &Challenges,
    asked: &Asked,
    responder: &R,
) -> Response<B> {
    let status = rejection.kind().status(challenges.any());
    let mut response = responder.respond(&Answer::new(status, rejection, challenges, asked));
    let redirects = status == StatusCode::UNAUTHORIZED
        && !asked.is_grpc()
        && matches!(response.status(), StatusCode::FOUND | StatusCode::SEE_OTHER)
        && response.headers().contains_key(header::LOCATION);
    if redirects {
        own_headers(response.headers_mut(), rejection, &Challenges::default());
    } else {
        *response.status_mut() = status;
        own_headers(response.headers_mut(), rejection, challenges);
    }
    if let Some(content_type) = asked.grpc() {
        trailers_only(&mut response, rejection, content_type);
    }
    response
}

/// Draws over a response from inside, whose headers stay but for those that speak of its body.
pub(crate) fn draw_over<B>(response: &mut Response<B>, drawn: Response<B>) {
    let (inner, _) = std::mem::replace(response, drawn).into_parts();
    let of_the_body = |name: &HeaderName| {
        let policy = name.as_str().starts_with("content-security-policy"); // of the site, or its report-only twin
        (name.as_str().starts_with("content-") && !policy)
            || [header::TRANSFER_ENCODING, header::ETAG, header::LAST_MODIFIED, header::WWW_AUTHENTICATE]
                .contains(name)
    };
    let mut last = None;
    let kept: Vec<_> = inner
        .headers
        .into_iter()
        .filter_map(|(name, value)| {
            last = name.or(last.take());
            last.clone().filter(|name| !of_the_body(name)).map(|name| (name, value))
        })
        .collect();
    add_missing(response.headers_mut(), kept);
    let own = std::mem::replace(response.extensions_mut(), inner.extensions);
    response.extensions_mut().extend(own);
}

/// Adds headers that are not there yet: name by name, cookies by the cookie's name.
pub(crate) fn add_missing(headers: &mut HeaderMap, more: Vec<(HeaderName, HeaderValue)>) {
    let is_missing = |(name, value): &(HeaderName, HeaderValue)| {
        if *name == header::SET_COOKIE {
            !headers.get_all(name).iter().any(|known| cookie_name(known) == cookie_name(value))
        } else {
            !headers.contains_key(name)
        }
    };
    let missing: Vec<_> = more.into_iter().filter(is_missing).collect();
    for (name, value) in missing {
        headers.append(name, value);
    }
}

fn cookie_name(set_cookie: &HeaderValue) -> &[u8] {
    let bytes = set_cookie.as_bytes();
    let end = bytes.iter().position(|byte| matches!(byte, b'=' | b';')).unwrap_or(bytes.len());
    bytes[..end].trim_ascii()
}

/// Sets the headers that are the layer's own, whatever the responder or the rejection put there.
fn own_headers(headers: &mut HeaderMap, rejection: &Rejection, challenges: &Challenges) {
    for (name, value) in rejection.headers() {
        if *name == header::SET_COOKIE {
            headers.append(name, value.clone());
        } else {
            headers.insert(name, value.clone());
        }
    }
    // They are hardly ever there, and to look at a few names costs less than to look two up.
    if headers.keys().any(|name| name == header::WWW_AUTHENTICATE || name == header::RETRY_AFTER) {
        headers.remove(header::WWW_AUTHENTICATE);
        headers.remove(header::RETRY_AFTER);
    }
    challenges.append_to(headers);
    headers.insert(header::CACHE_CONTROL, const { HeaderValue::from_static("no-store") });
    if let Some(wait) = rejection.retry_after() {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(whole_seconds(wait)));
    }
}

/// Rounded up, at least one: a client that comes back too early is only turned away again.
fn whole_seconds(wait: Duration) -> u64 {
    wait.as_secs().saturating_add(u64::from(wait.subsec_nanos() > 0)).max(1)
}

static GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");
static GRPC_MESSAGE: HeaderName = HeaderName::from_static("grpc-message");
static GRPC_RETRY_PUSHBACK_MS: HeaderName = HeaderName::from_static("grpc-retry-pushback-ms");

/// Turns the answer into what gRPC calls trailers-only: status 200, and the outcome among the headers.
fn trailers_only<B>(response: &mut Response<B>, rejection: &Rejection, content_type: &'static str) {
    let (code, message) = match response.status() {
        StatusCode::UNAUTHORIZED => ("16", "unauthenticated"),
        StatusCode::BAD_REQUEST => ("3", "malformed credentials"),
        StatusCode::FORBIDDEN => ("7", "permission denied"),
        StatusCode::NOT_FOUND => ("5", "not found"),
        StatusCode::TOO_MANY_REQUESTS => ("8", "too many failures"),
        StatusCode::SERVICE_UNAVAILABLE => ("14", "authentication unavailable"),
        _ => ("13", "authentication misconfigured"),
    };
    *response.status_mut() = StatusCode::OK;
    let headers = response.headers_mut();
    headers.remove(header::LOCATION); // of a responder that would redirect
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(&GRPC_STATUS, HeaderValue::from_static(code));
    headers.insert(&GRPC_MESSAGE, HeaderValue::from_static(message));
    if let Some(wait) = rejection.retry_after() {
        let milliseconds = whole_seconds(wait).saturating_mul(1000);
        headers.insert(&GRPC_RETRY_PUSHBACK_MS, HeaderValue::from(milliseconds));
    }
}

/// The status of an answer as it is told of: a gRPC client looks for it among the headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sent {
    pub(crate) status: StatusCode,
    pub(crate) grpc_status: Option<u8>,
}

impl Sent {
    pub(crate) fn in_response<B>(response: &Response<B>) -> Self {
        let status = response.status();
        // No other answer to a refused request has a 2xx status.
        let grpc = if status.is_success() { response.headers().get(&GRPC_STATUS) } else { None };
        let grpc_status = grpc.and_then(|code| code.to_str().ok()?.parse().ok());
        Self { status, grpc_status }
    }
}
