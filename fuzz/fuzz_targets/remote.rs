//! Any answers of an issuer: metadata, redirects and key sets, and two tokens that are good if the
//! key is there.
#![no_main]

use std::{
    error::Error,
    sync::{Arc, Mutex},
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use http::{Request, Response};
use libfuzzer_sys::fuzz_target;
use tower_authn::{
    BearerToken, Clock, RejectionKind, Validator as _, Visit,
    validator::jwt::{Jwt, StandardClaims, remote::HttpClient},
};
use tower_authn_fuzz::{
    expand,
    remote::{Verdict, is_safe, jwks_uri, verifies},
};

const ISSUER: &str = "https://idp.example";
const KEYS: &str = "https://keys.example:8443/set";

/// The public half of the key of RFC 8037 §A.2, and tokens that the other half signed: with the
/// `kid` `one`, and without.
const KEY: &str = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
const TOKENS: [(Option<&str>, &str); 2] = [
    (
        Some("one"),
        "eyJhbGciOiJFZERTQSIsInR5cCI6ImF0K2p3dCIsImtpZCI6Im9uZSJ9.\
         eyJpc3MiOiJodHRwczovL2lkcC5leGFtcGxlIiwiYXVkIjoib3JkZXJzIiwiZXhwIjoxNzAwMDAwNjAwfQ.\
         Q4QHfDE-OYmCnpXTRxOjm_H5ViyYrWnq7wtXbi9hqXilkxR808R_umJBYa2AezEQRPRXH6u-Jdgv6i9-A-rFBg",
    ),
    (
        None,
        "eyJhbGciOiJFZERTQSIsInR5cCI6ImF0K2p3dCJ9.\
         eyJpc3MiOiJodHRwczovL2lkcC5leGFtcGxlIiwiYXVkIjoib3JkZXJzIiwiZXhwIjoxNzAwMDAwNjAwfQ.\
         pOCaeFUvOVsTLvp5tcAcb2WIyC7wSzVilk2qIiDpxlqLlrnQVchHwAM892N_IIRGNrIyT3eNpR0D_-0BMz9-DA",
    ),
];

const PIECES: &[&str] = &[
    // Whole ones, to begin with.
    r#"{"issuer":"https://idp.example","jwks_uri":"https://keys.example:8443/set"}"#,
    r#"{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"one","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#,
    r#"{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#,
    r#"{"keys":["#,
    r#""kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo""#,
    r#"{"kty":"OKP","crv":"Ed25519","kid":"two","x":"A6EHv_POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg"}"#,
    r#"{"kty":"oct","kid":"one","k":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}"#,
    r#"{"kty":"EC","crv":"P-256","kid":"one","x":"AA","y":"AA"}"#,
    r#"{"kty":"RSA","kid":"one","n":"AA","e":"AQAB"}"#,
    // Members.
    r#""issuer":"#,
    r#""\u0069ssuer":"#,
    r#""jwks_uri":"#,
    r#""keys":"#,
    r#""kid":"one""#,
    r#""kid":"two""#,
    r#""k\u0069d":"\u006fne""#,
    r#""use":"sig""#,
    r#""use":"enc""#,
    r#""use":null"#,
    r#""key_ops":["verify"]"#,
    r#""key_ops":["sign"]"#,
    r#""alg":"EdDSA""#,
    r#""alg":"Ed25519""#,
    r#""alg":"ES256""#,
    r#""x":"#,
    r#""kty":"OKP""#,
    r#""crv":"Ed25519""#,
    r#""y":7"#,
    // Values.
    r#""https://idp.example""#,
    r#""https://idp.example/""#,
    r#""https://keys.example:8443/set""#,
    r#""http://keys.example/set""#,
    r#""https://a@keys.example/set""#,
    r#""https://keys.example/#f""#,
    r#""https:///set""#,
    r#""https://keys.example:99999/""#,
    r#""https://[::1]/k""#,
    "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
    "null",
    "true",
    "1e400",
    "[[",
    "]]",
    "}",
    "{",
    "]}",
    ",",
    // Places to be sent to.
    "https://idp.example",
    "https://keys.example:8443",
    "/next",
    "//evil.example/",
    "https://evil.example/",
    "http://keys.example:8443/",
    "https://keys.example/",
    "https://idp.example:443/",
    "https://keys.example:8443@evil.example/",
    "?a=b",
    "/\\evil.example",
    "next",
];

const STATUSES: [u16; 16] = [200, 200, 200, 200, 200, 200, 301, 302, 303, 307, 308, 304, 404, 500, 204, 300];

/// Between answers, and between a location and a body.
const NEXT: u8 = 0;
const BODY: u8 = 2;

#[derive(Clone)]
struct Answer {
    status: u16,
    location: Option<Vec<u8>>,
    body: Vec<u8>,
}

/// The provider, and what it was asked; the last answer is repeated.
#[derive(Clone)]
struct Provider(Arc<Mutex<(Vec<String>, Vec<Answer>)>>);

impl HttpClient for Provider {
    async fn send(&self, request: Request<()>) -> Result<Response<Bytes>, Box<dyn Error + Send + Sync>> {
        let mut state = self.0.lock().unwrap();
        let (asked, answers) = &mut *state;
        let answer = answers.get(asked.len()).cloned();
        asked.push(request.uri().to_string());
        let answer = answer.ok_or("no answer")?;
        let mut response = Response::new(Bytes::from(answer.body));
        *response.status_mut() = answer.status.try_into()?;
        if let Some(location) = answer.location {
            response.headers_mut().insert("location", location.try_into()?);
        }
        Ok(response)
    }
}

fuzz_target!(|data: &[u8]| {
    let [mode, rest @ ..] = data else { return };
    let answers: Vec<Answer> = rest.split(|byte| *byte == NEXT).take(16).map(answer).collect();
    let is_discovered = mode & 1 == 0;
    let (kid, token) = TOKENS[usize::from(mode >> 1 & 1)];

    let provider = Provider(Arc::new(Mutex::new((Vec::new(), answers.clone()))));
    let at = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
    let builder = Jwt::<StandardClaims>::issuer(ISSUER).audience("orders").clock(Clock::manual(at).0);
    let builder = if is_discovered {
        builder.discover(provider.clone())
    } else {
        builder.jwks_uri(KEYS, provider.clone())
    };
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    let (found, status) = runtime.block_on(async {
        let jwt = builder.build().unwrap();
        // What the first attempt comes to is there before the second begins, a quarter of a second
        // later.
        (jwt.validate(BearerToken::new(token), &mut Visit::outside()).await, jwt.keys().remove(0))
    });
    let asked = provider.0.lock().unwrap().0.clone();

    let mut requests = Requests { answers: &answers, asked: &asked, at: 0 };
    let mut expected = requests.first_attempt(is_discovered, kid);
    // A token that names an unknown key makes the crate look once more: the key may be in a later
    // answer.
    if asked.len() > requests.at {
        assert!(kid.is_some() && expected != Verdict::Yes, "asked for {asked:?}");
        asked.iter().for_each(|url| assert_ne!(is_safe(url), Verdict::No, "{url}"));
        expected = Verdict::Open;
    }
    match &found {
        Ok(token) => {
            assert!(token.is_some() && status.is_ready() && !status.is_empty());
            assert_ne!(expected, Verdict::No, "accepted");
            assert!(answers.iter().any(|answer| verifies(&answer.body, KEY, kid) != Verdict::No));
        }
        Err(rejection) => {
            assert_ne!(expected, Verdict::Yes, "{rejection}");
            // Without keys, or where the last attempt failed, it cannot be said that the token is
            // not good.
            let is_certain = status.is_ready() && status.failure().is_none();
            let kind = if is_certain { RejectionKind::Invalid } else { RejectionKind::Unavailable };
            assert_eq!(rejection.kind(), kind, "{rejection}");
        }
    }
});

fn answer(text: &[u8]) -> Answer {
    let (status, rest) = text.split_first().unwrap_or((&0, &[]));
    let expanded = expand(rest, PIECES);
    let (location, body) = match expanded.iter().position(|byte| *byte == BODY) {
        Some(at) => (Some(expanded[..at].to_vec()), expanded[at + 1..].to_vec()),
        None => (None, expanded),
    };
    Answer { status: STATUSES[usize::from(*status) % STATUSES.len()], location, body }
}

/// The requests of the first attempt, one after the other.
struct Requests<'a> {
    answers: &'a [Answer],
    asked: &'a [String],
    at: usize,
}

impl Requests<'_> {
    /// Says what becomes of a token by the first attempt.
    fn first_attempt(&mut self, is_discovered: bool, kid: Option<&str>) -> Verdict {
        if !is_discovered {
            return self.key_set(KEYS, kid);
        }
        for place in ["/.well-known/openid-configuration", "/.well-known/oauth-authorization-server"] {
            let Some(answer) = self.get(&format!("{ISSUER}{place}")) else { continue };
            if answer.status != 200 {
                continue;
            }
            match jwks_uri(&answer.body, ISSUER) {
                (Verdict::Yes, Some(url)) => return self.key_set(&url, kid),
                // It is for the crate to decide; what it asks for next says how it did.
                (Verdict::Open, Some(url)) => match self.asked.get(self.at) {
                    Some(next) if are_same(next, &url) => return self.key_set(&url, kid),
                    _ => {}
                },
                (Verdict::Open, None) => {
                    // What follows is not followed.
                    self.at = self.asked.len();
                    return Verdict::Open;
                }
                _ => {}
            }
        }
        Verdict::No
    }

    fn key_set(&mut self, url: &str, kid: Option<&str>) -> Verdict {
        match self.get(url) {
            Some(answer) if answer.status == 200 => verifies(&answer.body, KEY, kid),
            _ => Verdict::No,
        }
    }

    /// The answer to a request; redirects are followed within the origin, three at most.
    fn get(&mut self, url: &str) -> Option<Answer> {
        let mut url = url.to_owned();
        for _ in 0..4 {
            self.expect(&url);
            let answer = self.answers.get(self.at).cloned();
            self.at += 1;
            let answer = answer?;
            // What cannot be sent as a header never comes.
            let location = answer.location.as_deref().map(http::HeaderValue::from_bytes);
            if matches!(location, Some(Err(_))) {
                return None;
            }
            if ![301, 302, 303, 307, 308].contains(&answer.status) {
                return Some(answer);
            }
            url = self.next(&url, answer.location?)?;
        }
        None
    }

    /// Where a redirect leads to, if it stays within the origin.
    fn next(&self, from: &str, location: Vec<u8>) -> Option<String> {
        let location = String::from_utf8(location).ok()?;
        let end = from["https://".len()..].find(['/', '?']).map_or(from.len(), |at| at + "https://".len());
        let origin = &from[..end];
        let to = if location.starts_with('/') && !location.starts_with("//") {
            format!("{origin}{location}")
        } else {
            let rest = location.strip_prefix(origin)?;
            if !(rest.is_empty() || rest.starts_with(['/', '?'])) {
                return None;
            }
            location
        };
        match is_safe(&to) {
            Verdict::Yes => Some(to),
            Verdict::No => None,
            // As the crate decides.
            Verdict::Open => {
                let next = self.asked.get(self.at)?;
                are_same(next, &to).then_some(to)
            }
        }
    }

    /// The crate asked for this URL at this point.
    fn expect(&self, url: &str) {
        let asked = self.asked.get(self.at).unwrap_or_else(|| panic!("{url} was not asked for"));
        assert!(are_same(asked, url), "{asked} was asked for in place of {url}");
        assert_ne!(is_safe(asked), Verdict::No, "{asked}");
    }
}

/// Whether a request is for this URL: an empty path is `/`, and the scheme has no case (RFC 9110
/// §4.2.3).
fn are_same(asked: &str, url: &str) -> bool {
    let mut url = url.to_owned();
    if let Some(scheme) = url.get_mut(.."https".len()) {
        scheme.make_ascii_lowercase();
    }
    *asked == url || *asked == format!("{url}/") || *asked == url.replacen('?', "/?", 1)
}
