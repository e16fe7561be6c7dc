//! The HTTPS client that comes along (feature `jwks`).

use std::error::Error;
use std::fmt;
use std::io;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

use super::HttpClient;
use super::fetch::LONGEST_BODY;

/// Fetches key sets over HTTPS; trusts the certificate authorities the operating system trusts, or those in the file
/// that `SSL_CERT_FILE` names. Cheap to clone.
///
/// # Examples
///
/// ```no_run
/// use tower_authn::validator::jwt::{Jwt, StandardClaims, remote::HttpsClient};
///
/// let jwt = Jwt::<StandardClaims>::issuer("https://idp.example")
///     .audience("orders")
///     .discover(HttpsClient::new()?)
///     .build()?;
/// # let _ = jwt;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct HttpsClient(Client<HttpsConnector<HttpConnector>, Empty<Bytes>>);

impl HttpsClient {
    /// Makes a client.
    ///
    /// # Errors
    ///
    /// The operating system has no certificate authorities.
    pub fn new() -> io::Result<Self> {
        let provider = rustls::crypto::aws_lc_rs::default_provider();
        // `http` never leaves this machine: every URL is checked before it gets here.
        let connector = HttpsConnectorBuilder::new()
            .with_provider_and_native_roots(provider)?
            .https_or_http()
            .enable_http1()
            .build();
        // A connection kept for the next fetch, minutes away, would be dead by then.
        let client = Client::builder(TokioExecutor::new()).pool_max_idle_per_host(0).build(connector);
        Ok(Self(client))
    }
}

impl HttpClient for HttpsClient {
    async fn send(&self, request: Request<()>) -> Result<Response<Bytes>, Box<dyn Error + Send + Sync>> {
        let (head, body) = self.0.request(request.map(|()| Empty::new())).await?.into_parts();
        let body = Limited::new(body, LONGEST_BODY).collect().await?;
        Ok(Response::from_parts(head, body.to_bytes()))
    }
}

impl fmt::Debug for HttpsClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HttpsClient(..)")
    }
}
