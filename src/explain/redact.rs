//! What must not show in an explanation, wherever an app's own error may repeat it.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::{HeaderValue, header, request::Parts};
use zeroize::Zeroizing;

use crate::scheme::from_latin1;

/// The secrets of one request: what schemes have read, and the headers that always hold some.
pub(super) struct Redactor(Vec<Zeroizing<String>>);

/// Shorter ones cannot be told from ordinary words.
const SHORTEST: usize = 3;

const REDACTED: &str = "[redacted]";

impl Redactor {
    /// Collects the values of a head that schemes have looked at.
    pub(super) fn of(head: &Parts) -> Self {
        let secret = [header::AUTHORIZATION, header::PROXY_AUTHORIZATION, header::COOKIE];
        let mut secrets = Vec::new();
        for (name, value) in &head.headers {
            if value.is_sensitive() || secret.contains(name) {
                collect(&String::from_utf8_lossy(value.as_bytes()), &mut secrets);
            }
        }
        secrets.retain(|secret| secret.len() >= SHORTEST);
        // The longest first, lest a part of one stays.
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        Self(secrets)
    }

    pub(super) fn redact(&self, text: &str) -> String {
        self.0.iter().fold(text.to_owned(), |text, secret| text.replace(secret.as_str(), REDACTED))
    }
}

/// A value as it is, its pairs, what follows a scheme's name, and what base64 hides.
fn collect(value: &str, secrets: &mut Vec<Zeroizing<String>>) {
    let mut keep = |text: &str| secrets.push(Zeroizing::new(text.trim().to_owned()));
    keep(value);
    for pair in value.split([';', ',']) {
        keep(pair.split_once('=').map_or("", |(_, value)| value));
    }
    let Some((_, credentials)) = value.split_once(' ') else { return };
    keep(credentials);
    let Ok(decoded) = STANDARD.decode(credentials.trim()).map(Zeroizing::new) else { return };
    // In either charset that `Basic` reads.
    for decoded in [Zeroizing::new(String::from_utf8_lossy(&decoded).into_owned()), from_latin1(&decoded)] {
        keep(&decoded);
        if let Some((user, password)) = decoded.split_once(':') {
            keep(user);
            keep(password);
        }
    }
}

/// A `Set-Cookie` without the cookie's value.
pub(super) fn cookie(value: &HeaderValue) -> String {
    let text = String::from_utf8_lossy(value.as_bytes());
    let (pair, attributes) = text.split_once(';').unwrap_or((&text, ""));
    let name = pair.split('=').next().unwrap_or_default();
    format!("{name}={REDACTED};{attributes}")
}
