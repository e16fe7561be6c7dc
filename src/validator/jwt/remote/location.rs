//! Where a key set lies.

use std::{net::IpAddr, num::NonZeroU16};

use http::{Uri, uri::Authority};
use serde::Deserialize;

use crate::validator::jwt::{Mistake, json::is_object};

/// What is configured: a URL, or an issuer whose metadata names one.
#[derive(Clone, Debug)]
pub(crate) enum Location {
    KeySet(String),
    Issuer(String),
}

impl Location {
    pub(crate) fn mistake(&self, issuer: &str, allows_http: bool) -> Option<Mistake> {
        let url = match self {
            // An issuer without a scheme is a mistake of its own.
            Self::Issuer(url) if !url.contains(':') => return None,
            Self::KeySet(url) | Self::Issuer(url) => url,
        };
        let (issuer, url) = (issuer.to_owned(), url.clone());
        let is_identifier = matches!(self, Self::Issuer(_));
        match absolute(&url) {
            Some(uri) if is_identifier && uri.query().is_some() => Some(Mistake::Url { issuer, url }),
            Some(uri) if !is_safe(&uri, allows_http) => Some(Mistake::Insecure { issuer, url }),
            Some(_) => None,
            None => Some(Mistake::Url { issuer, url }),
        }
    }
}

/// Parses a URL with scheme and host, without user or fragment; its port, if any, is one that can be connected to.
pub(crate) fn absolute(url: &str) -> Option<Uri> {
    let uri: Uri = url.parse().ok()?;
    let authority = uri.authority()?;
    let is_plain = !authority.as_str().contains('@') && !authority.host().is_empty() && !url.contains('#');
    (uri.scheme().is_some() && is_plain && has_good_port(authority)).then_some(uri)
}

/// `Authority::port` takes a port that is no number for none at all, and a client would connect to the default one.
fn has_good_port(authority: &Authority) -> bool {
    let after_host = authority.as_str().strip_prefix(authority.host());
    match after_host.map(|rest| rest.strip_prefix(':').ok_or(rest)) {
        Some(Err(rest)) => rest.is_empty(),
        Some(Ok(port)) => {
            port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<NonZeroU16>().is_ok()
        }
        None => false,
    }
}

/// Whether keys may be fetched from there: over TLS, or from this machine where that is allowed.
pub(crate) fn is_safe(uri: &Uri, allows_http: bool) -> bool {
    match uri.scheme_str() {
        Some("https") => true,
        Some("http") => allows_http && uri.host().is_some_and(is_loopback),
        _ => false,
    }
}

fn is_loopback(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    host.eq_ignore_ascii_case("localhost") || address.is_ok_and(|address| address.is_loopback())
}

/// The places where an issuer's metadata may lie, in the order in which they are tried: OpenID Connect Discovery 1.0 §4
/// appends to the issuer, RFC 8414 §3.1 inserts after the host.
pub(crate) fn metadata(issuer: &str) -> Option<[Uri; 2]> {
    let uri = absolute(issuer)?;
    let (scheme, authority) = (uri.scheme_str()?, uri.authority()?);
    let path = uri.path().trim_end_matches('/');
    let at = |path: String| format!("{scheme}://{authority}{path}").parse().ok();
    Some([
        at(format!("{path}/.well-known/openid-configuration"))?,
        at(format!("/.well-known/oauth-authorization-server{path}"))?,
    ])
}

#[derive(Deserialize)]
struct Metadata {
    issuer: String,
    jwks_uri: String,
}

/// Reads the key set's URL out of a metadata document; one about another issuer is worth nothing (RFC 8414 §3.3).
pub(crate) fn jwks_uri(document: &[u8], issuer: &str, allows_http: bool) -> Result<Uri, String> {
    let metadata = if is_object(document) { serde_json::from_slice(document).ok() } else { None };
    let metadata: Metadata = metadata.ok_or("no metadata with `issuer` and `jwks_uri`")?;
    if metadata.issuer != issuer {
        return Err(format!("the metadata is that of {:?}", metadata.issuer));
    }
    let uri = absolute(&metadata.jwks_uri).filter(|uri| is_safe(uri, allows_http));
    uri.ok_or_else(|| {
        format!(
            "the key set lies at {:?}, which is no https URL, or its port is no number",
            metadata.jwks_uri
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(issuer: &str) -> [String; 2] {
        metadata(issuer).unwrap().map(|uri| uri.to_string())
    }

    #[test]
    fn openid_appends_and_rfc_8414_inserts() {
        let plain = [
            "https://idp.example/.well-known/openid-configuration",
            "https://idp.example/.well-known/oauth-authorization-server",
        ];
        assert_eq!(places("https://idp.example"), plain);
        assert_eq!(places("https://idp.example/"), plain);
        assert_eq!(
            places("https://idp.example:8443/a/b"),
            [
                "https://idp.example:8443/a/b/.well-known/openid-configuration",
                "https://idp.example:8443/.well-known/oauth-authorization-server/a/b",
            ]
        );
    }

    #[test]
    fn only_https_and_loopback_where_allowed() {
        let safe = |url: &str, allows| absolute(url).is_some_and(|uri| is_safe(&uri, allows));
        assert!(safe("https://idp.example/keys", false));
        for url in ["http://127.0.0.1:8080/k", "http://localhost/k", "http://[::1]:1/k", "http://127.9.9.9/"]
        {
            assert!(safe(url, true) && !safe(url, false), "{url}");
        }
        for url in [
            "http://idp.example/k",
            "http://127.0.0.1.example/k",
            "ftp://localhost/",
            "http://10.0.0.1/",
            "/keys",
            "keys",
            "",
            "https:///k",
            "https://a@idp.example/k",
            "https://idp.example/k#f",
            "https://[::1]x/k",
            "https://[::1]x:80/k",
            "https://[::1]80/k",
        ] {
            assert!(!safe(url, true), "{url}");
        }
    }

    #[test]
    fn a_port_is_a_number_that_can_be_connected_to() {
        for port in ["", ":1", ":443", ":8443", ":65535", ":00443"] {
            for host in ["idp.example", "127.0.0.1", "[::1]"] {
                let url = format!("https://{host}{port}/k");
                assert!(absolute(&url).is_some(), "{url}");
                assert!(metadata(&url).is_some(), "{url}");
            }
        }
        for port in [":", ":0", ":84x3", ":99999", ":65536", ":+80", ":-1", ":8 0", ":80:80", ":0x50"] {
            for host in ["idp.example", "127.0.0.1", "[::1]"] {
                let url = format!("https://{host}{port}/k");
                for location in [Location::KeySet(url.clone()), Location::Issuer(url.clone())] {
                    assert!(matches!(location.mistake("i", false), Some(Mistake::Url { .. })), "{url}");
                }
                assert!(metadata(&url).is_none(), "{url}");
                let document = format!(r#"{{"issuer":"https://idp.example","jwks_uri":"{url}"}}"#);
                assert!(jwks_uri(document.as_bytes(), "https://idp.example", false).is_err(), "{url}");
            }
        }
    }

    #[test]
    fn a_document_of_another_issuer_is_discarded() {
        let read = |document: &str| jwks_uri(document.as_bytes(), "https://idp.example", false);
        let good = r#"{"issuer":"https://idp.example","jwks_uri":"https://keys.example/k"}"#;
        assert_eq!(read(good).unwrap(), "https://keys.example/k");
        for document in [
            &good.replace("idp.example\"", "idp.example/\""),
            &good.replace("idp", "evil"),
            &good.replace("https://keys", "http://keys"),
            &good.replace("jwks_uri", "other"),
            r#"["https://idp.example","https://keys.example/k"]"#,
            "[]",
            "",
        ] {
            assert!(read(document).is_err(), "{document}");
        }
    }
}
