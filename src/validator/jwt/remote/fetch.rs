//! One attempt to get a key set.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, Uri, header};

use super::client::{Cause, DynClient};
use super::date::skew;
use super::lifetime::lifetime;
use super::location::{Location, absolute, jwks_uri, metadata};
use crate::timer;

/// How long one request may take.
pub(crate) const TIME_LIMIT: Duration = Duration::from_secs(5);
/// The longest body that is read, in bytes.
pub(crate) const LONGEST_BODY: usize = 512 * 1024;
const MOST_REDIRECTS: usize = 3;

/// What an attempt begins with, and what the next one can build on.
#[derive(Default)]
pub(crate) struct Known {
    /// Where the metadata says the keys are.
    found: Option<Uri>,
    etag: Option<HeaderValue>,
}

/// A key set, or the news that there is none.
pub(crate) struct Fetched {
    /// `None`: unchanged.
    pub(crate) body: Option<Bytes>,
    pub(crate) lifetime: Duration,
    pub(crate) skew: Option<Duration>,
}

impl Known {
    /// Asks for the key set, and for the metadata first where that is what is known. After a failure everything is asked
    /// for anew.
    pub(crate) async fn fetch(
        &mut self,
        location: &Location,
        client: &dyn DynClient,
        allows_http: bool,
        now: impl Fn() -> SystemTime,
    ) -> Result<Fetched, Cause> {
        let fetched = self.attempt(location, client, allows_http, now).await;
        if fetched.is_err() {
            self.found = None;
        }
        fetched
    }

    /// Makes the next attempt ask for the whole set, since the one that came could not be used.
    pub(crate) fn forget(&mut self) {
        *self = Self::default();
    }

    async fn attempt(
        &mut self,
        location: &Location,
        client: &dyn DynClient,
        allows_http: bool,
        now: impl Fn() -> SystemTime,
    ) -> Result<Fetched, Cause> {
        let uri = match (location, &self.found) {
            (Location::KeySet(url), _) => absolute(url).ok_or("no absolute URL")?,
            (Location::Issuer(_), Some(uri)) => uri.clone(),
            (Location::Issuer(issuer), None) => discover(issuer, client, allows_http).await?,
        };
        let answer = get(client, uri.clone(), self.etag.as_ref()).await?;
        if matches!(location, Location::Issuer(_)) {
            self.found = Some(uri);
        }
        let (lifetime, skew) = (lifetime(answer.headers()), skew(answer.headers(), now()));
        match answer.status() {
            StatusCode::OK => {
                self.etag = answer.headers().get(header::ETAG).cloned();
                Ok(Fetched { body: Some(answer.into_body()), lifetime, skew })
            }
            StatusCode::NOT_MODIFIED if self.etag.is_some() => Ok(Fetched { body: None, lifetime, skew }),
            status => Err(format!("the key set's URL answered {status}").into()),
        }
    }
}

async fn discover(issuer: &str, client: &dyn DynClient, allows_http: bool) -> Result<Uri, Cause> {
    let mut failures = Vec::new();
    for uri in metadata(issuer).ok_or("the issuer is no absolute URL")? {
        let failure = match get(client, uri.clone(), None).await {
            Ok(answer) if answer.status() == StatusCode::OK => {
                match jwks_uri(answer.body(), issuer, allows_http) {
                    Ok(found) => return Ok(found),
                    Err(failure) => failure,
                }
            }
            Ok(answer) => format!("answered {}", answer.status()),
            Err(error) => error.to_string(),
        };
        failures.push(format!("{uri}: {failure}"));
    }
    Err(failures.join("; ").into())
}

/// Sends one request; follows redirects within the origin.
async fn get(
    client: &dyn DynClient,
    mut uri: Uri,
    etag: Option<&HeaderValue>,
) -> Result<Response<Bytes>, Cause> {
    for _ in 0..=MOST_REDIRECTS {
        let mut request = Request::new(());
        *request.uri_mut() = uri.clone();
        request.headers_mut().insert(header::ACCEPT, HeaderValue::from_static("application/json, */*;q=0.5"));
        if let Some(etag) = etag {
            request.headers_mut().insert(header::IF_NONE_MATCH, etag.clone());
        }
        let answer =
            timer::timeout(TIME_LIMIT, client.send(request)).map_err(|error| error.to_string())?.await;
        let answer = answer.map_err(|_| format!("{uri}: no answer within {} s", TIME_LIMIT.as_secs()))??;
        if answer.body().len() > LONGEST_BODY {
            return Err(format!("{uri}: more than {LONGEST_BODY} bytes").into());
        }
        match redirect(&answer, &uri) {
            None => return Ok(answer),
            Some(Some(next)) => uri = next,
            Some(None) => return Err(format!("{uri}: a redirect to another origin").into()),
        }
    }
    Err(format!("{uri}: more than {MOST_REDIRECTS} redirects").into())
}

/// `Some(None)`: a redirect that is not followed.
#[allow(clippy::option_option)]
fn redirect(answer: &Response<Bytes>, from: &Uri) -> Option<Option<Uri>> {
    let is_redirect = matches!(answer.status().as_u16(), 301 | 302 | 303 | 307 | 308);
    is_redirect.then(|| target(answer.headers(), from))
}

fn target(headers: &HeaderMap, from: &Uri) -> Option<Uri> {
    let target = headers.get(header::LOCATION)?.to_str().ok()?;
    let (scheme, authority) = (from.scheme_str()?, from.authority()?);
    if target.starts_with('/') && !target.starts_with("//") {
        return absolute(&format!("{scheme}://{authority}{target}"));
    }
    absolute(target).filter(|to| to.scheme_str() == Some(scheme) && to.authority() == Some(authority))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[allow(clippy::option_option)]
    fn goes(status: u16, location: &str) -> Option<Option<String>> {
        let answer =
            Response::builder().status(status).header("location", location).body(Bytes::new()).unwrap();
        let from = Uri::from_static("https://idp.example:8443/keys");
        redirect(&answer, &from).map(|to| to.map(|uri| uri.to_string()))
    }

    #[test]
    fn redirects_stay_within_the_origin() {
        assert_eq!(goes(200, "/k"), None);
        assert_eq!(goes(307, "/k?x"), Some(Some("https://idp.example:8443/k?x".into())));
        assert_eq!(goes(302, "https://idp.example:8443/k"), Some(Some("https://idp.example:8443/k".into())));
        for location in [
            "https://idp.example/k",
            "http://idp.example:8443/k",
            "//evil.example/k",
            "https://evil.example",
            "k",
            "",
        ] {
            assert_eq!(goes(302, location), Some(None), "{location}");
        }
    }
}
