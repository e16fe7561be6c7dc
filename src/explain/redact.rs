//! What must not show in an explanation, wherever an app's own error may repeat it.

use std::fmt::Write as _;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::{HeaderValue, header, request::Parts};
use zeroize::Zeroizing;

use super::secrets::Secrets;
use crate::scheme::from_latin1;

/// The secrets of one request: what schemes have read, and the headers that always hold some.
pub(super) struct Redactor(Secrets);

/// Shorter ones, in bytes, cannot be told from parts of ordinary words.
const SHORTEST: usize = 3;

const REDACTED: &str = "[redacted]";

/// The bytes that `Debug` writes for one byte of a text, at most: `\u{7f}`.
const LONGEST_ESCAPE: usize = 6;

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
        Self(Secrets::new(secrets))
    }

    /// Replaces every secret in a text, be it written as it is or percent-encoded.
    ///
    /// Only the text itself is searched, never what is written in a secret's place: `[redacted]`
    /// may hold secrets too, and would grow for ever. Each byte of the text is looked at a bounded
    /// number of times, and what stands for a secret is at most [`REDACTED`] for [`SHORTEST`]
    /// bytes.
    pub(super) fn redact(&self, text: &str) -> String {
        // Where what has to be hidden from a place on ends; the place itself if nothing has to be.
        let mut ends: Vec<usize> = (0..text.len()).collect();
        self.hide(text.as_bytes(), |at| at, &mut ends);
        if text.contains('%') {
            let (decoded, places) = percent_decoded(text);
            self.hide(&decoded, |at| places.get(at).copied().unwrap_or(text.len()), &mut ends);
        }
        let mut redacted = String::with_capacity(text.len());
        let (mut at, mut kept) = (0, 0);
        while at < ends.len() {
            let mut end = ends[at];
            if end == at {
                at += 1;
                continue;
            }
            redacted.push_str(&text[kept..at]);
            redacted.push_str(REDACTED);
            // Secrets that overlap are hidden as one, so that no end of theirs stays.
            while at < end {
                end = end.max(ends[at]);
                at += 1;
            }
            kept = end;
        }
        redacted.push_str(&text[kept..]);
        redacted
    }

    /// Notes where the longest secret that begins at each place ends; `place` says where a byte
    /// stands in the text.
    fn hide(&self, bytes: &[u8], place: impl Fn(usize) -> usize, ends: &mut [usize]) {
        self.0.longest_at_each_place(bytes, |at, length| {
            let end = &mut ends[place(at)];
            *end = (*end).max(place(at + length));
        });
    }
}

/// What a text says with its escapes resolved (RFC 3986 §2.1), and where in the text each byte of
/// it begins.
fn percent_decoded(text: &str) -> (Zeroizing<Vec<u8>>, Vec<usize>) {
    let bytes = text.as_bytes();
    let mut decoded = Zeroizing::new(Vec::with_capacity(bytes.len()));
    let mut places = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        let escaped = match bytes[at..] {
            [b'%', high, low, ..] => digit(high).zip(digit(low)),
            _ => None,
        };
        places.push(at);
        decoded.push(escaped.map_or(bytes[at], |(high, low)| high << 4 | low));
        at += if escaped.is_some() { 3 } else { 1 };
    }
    (decoded, places)
}

/// A value as it is, its pairs, what follows a scheme's name, and what base64 hides; each also as
/// `Debug` writes it.
fn collect(value: &str, secrets: &mut Vec<Zeroizing<String>>) {
    let mut keep = |text: &str| {
        let text = text.trim();
        // With room for all from the start, since a text that grows leaves copies behind that are
        // not wiped.
        let mut written = Zeroizing::new(String::with_capacity(LONGEST_ESCAPE * text.len() + 2));
        if write!(written, "{text:?}").is_ok() && written.len() > text.len() + 2 {
            secrets.push(Zeroizing::new(written[1..written.len() - 1].to_owned()));
        }
        secrets.push(Zeroizing::new(text.to_owned()));
    };
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
