//! What fetches: any HTTP client.

use std::error::Error;
use std::pin::Pin;

use bytes::Bytes;
use http::{Request, Response};

/// Why a client got no answer; for the operator only.
pub(crate) type Cause = Box<dyn Error + Send + Sync>;

/// An HTTP client, or a closure around one. Feature `jwks` brings [`HttpsClient`](super::HttpsClient).
///
/// It sends the request as it is, follows no redirects, reads at most 512 KiB of a body, and leaves time limits to the
/// caller, who drops the future after five seconds.
///
/// # Examples
///
/// With reqwest:
///
/// ```ignore
/// let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build()?;
/// let client = move |request: http::Request<()>| {
///     let http = http.clone();
///     async move {
///         let (head, ()) = request.into_parts();
///         let mut answer = http.get(head.uri.to_string()).headers(head.headers).send().await?;
///         let mut response = http::Response::new(bytes::Bytes::new());
///         *response.status_mut() = answer.status();
///         *response.headers_mut() = answer.headers().clone();
///         let mut body = Vec::new();
///         while let Some(chunk) = answer.chunk().await? {
///             body.extend_from_slice(&chunk);
///             if body.len() > 512 * 1024 {
///                 return Err("the key set is too long".into());
///             }
///         }
///         *response.body_mut() = body.into();
///         Ok::<_, Box<dyn std::error::Error + Send + Sync>>(response)
///     }
/// };
/// ```
///
/// One that never leaves the process:
///
/// ```
/// use std::io::Error;
/// use bytes::Bytes;
/// use http::{Request, Response};
/// use tower_authn::validator::jwt::{Jwt, StandardClaims};
///
/// let client = |request: Request<()>| async move {
///     assert_eq!(request.uri(), "https://idp.example/keys");
///     Ok::<_, Error>(Response::new(Bytes::from_static(br#"{"keys": []}"#)))
/// };
/// let jwt = Jwt::<StandardClaims>::issuer("https://idp.example")
///     .audience("orders")
///     .jwks_uri("https://idp.example/keys", client)
///     .build()?;
/// # let _ = jwt;
/// # Ok::<(), tower_authn::validator::jwt::JwtError>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no HTTP client",
    note = "a closure is one if it takes `http::Request<()>` and returns a future of `Result<http::Response<Bytes>, E>`"
)]
pub trait HttpClient: Send + Sync + 'static {
    /// Sends a `GET` request without a body, and reads the answer.
    ///
    /// # Errors
    ///
    /// There was no answer, or a body that is too long.
    fn send(
        &self,
        request: Request<()>,
    ) -> impl Future<Output = Result<Response<Bytes>, Box<dyn Error + Send + Sync>>> + Send;
}

impl<F, Fut, E> HttpClient for F
where
    F: Fn(Request<()>) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<Response<Bytes>, E>> + Send,
    E: Into<Cause> + Send,
{
    async fn send(&self, request: Request<()>) -> Result<Response<Bytes>, Cause> {
        self(request).await.map_err(Into::into)
    }
}

type Answer<'a> = Pin<Box<dyn Future<Output = Result<Response<Bytes>, Cause>> + Send + 'a>>;

/// A client whose future has no name.
pub(crate) trait DynClient: Send + Sync {
    fn send(&self, request: Request<()>) -> Answer<'_>;
}

impl<C: HttpClient> DynClient for C {
    fn send(&self, request: Request<()>) -> Answer<'_> {
        Box::pin(HttpClient::send(self, request))
    }
}
