//! A provider that never leaves the process: it counts what it is asked, and breaks on demand.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use bytes::Bytes;
use http::{Request, Response};
use serde_json::{Value, json};
use tower_authn::validator::jwt::remote::HttpClient;

use super::mint::{claims_with, in_minutes, part};

/// A key pair with a name.
pub struct Signer {
    id: String,
    pair: Ed25519KeyPair,
}

impl Signer {
    pub fn new(id: &str) -> Self {
        Self { id: id.into(), pair: Ed25519KeyPair::generate().unwrap() }
    }

    pub fn jwk(&self) -> Value {
        json!({ "kty": "OKP", "crv": "Ed25519", "kid": self.id, "x": part(self.pair.public_key()) })
    }

    /// A good token, for ten hours.
    pub fn token(&self) -> String {
        self.sign(&claims_with("exp", json!(in_minutes(600))))
    }

    pub fn sign(&self, claims: &Value) -> String {
        let header = json!({ "alg": "EdDSA", "typ": "at+jwt", "kid": self.id });
        let signed = format!("{}.{}", part(header.to_string()), part(claims.to_string()));
        format!("{signed}.{}", part(self.pair.sign(signed.as_bytes())))
    }
}

/// How the provider answers.
#[derive(Default)]
pub struct State {
    /// `None`: no answer at all.
    pub answers: Option<Vec<(String, Answer)>>,
    pub delay: Duration,
    pub asked: Vec<String>,
    pub in_flight: usize,
    pub most_in_flight: usize,
}

#[derive(Clone)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub body: String,
}

impl Answer {
    pub fn json(body: &Value) -> Self {
        Self { status: 200, headers: Vec::new(), body: body.to_string() }
    }

    pub fn status(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: String::new() }
    }

    pub fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

#[derive(Clone, Default)]
pub struct Provider(Arc<Mutex<State>>);

impl Provider {
    pub fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    /// Answers at these URLs, and 404 elsewhere.
    pub fn answers(&self, answers: &[(&str, Answer)]) {
        self.state().answers =
            Some(answers.iter().map(|(url, answer)| ((*url).into(), answer.clone())).collect());
    }

    /// Answers with the public keys of these signers at `URL`.
    pub fn publishes(&self, signers: &[&Signer]) {
        let keys: Vec<Value> = signers.iter().map(|signer| signer.jwk()).collect();
        self.answers(&[(URL, Answer::json(&json!({ "keys": keys })))]);
    }

    pub fn is_down(&self) {
        self.state().answers = None;
    }

    /// How many requests were made.
    pub fn asked(&self) -> usize {
        self.state().asked.len()
    }

    /// How many copies there are, this one included.
    pub fn copies(&self) -> usize {
        Arc::strong_count(&self.0)
    }
}

pub const URL: &str = "https://idp.example/keys";

impl HttpClient for Provider {
    async fn send(
        &self,
        request: Request<()>,
    ) -> Result<Response<Bytes>, Box<dyn std::error::Error + Send + Sync>> {
        let url = request.uri().to_string();
        let delay = {
            let mut state = self.state();
            state.asked.push(url.clone());
            state.in_flight += 1;
            state.most_in_flight = state.most_in_flight.max(state.in_flight);
            state.delay
        };
        // What is answered is what was published when it was asked.
        let answers = self.state().answers.clone();
        let _leave = Leave(self.clone());
        tokio::time::sleep(delay).await;
        let answers = answers.ok_or("connection refused")?;
        let found = answers.into_iter().find(|(at, _)| *at == url);
        let Answer { status, headers, body } = found.map_or(Answer::status(404), |(_, answer)| answer);
        let asked_for = request.headers().get("if-none-match");
        let is_same =
            headers.iter().any(|(name, value)| *name == "etag" && asked_for.is_some_and(|tag| tag == value));
        let mut response = Response::builder().status(if is_same { 304 } else { status });
        for (name, value) in headers {
            response = response.header(name, value);
        }
        Ok(response.body(if is_same { Bytes::new() } else { body.into() })?)
    }
}

struct Leave(Provider);

impl Drop for Leave {
    fn drop(&mut self) {
        self.0.state().in_flight -= 1;
    }
}
