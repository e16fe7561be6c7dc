//! One token, from text to claims.

use std::any::type_name;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use serde::de::DeserializeOwned;

use super::backend::LONGEST_SIGNATURE;
use super::compact::{Buffer, Compact, refused};
use super::header::Header;
use super::json::JsonFlaw;
use super::key::LONGEST_ID;
use super::key_set::Found;
use super::registered::{Checked, Registered, Terms};
use super::source::Source;
use super::{Algorithm, Verified};
use crate::{Clock, Details, Reason, Rejection};

/// What all copies of a validator share.
pub(crate) struct Shared {
    pub(crate) issuers: Box<[Trusted]>,
    pub(crate) by_name: HashMap<Box<str>, usize>,
    pub(crate) max_len: usize,
    pub(crate) clock: Clock,
}

/// One issuer, and what it may sign.
pub(crate) struct Trusted {
    pub(crate) terms: Terms,
    pub(crate) name: Arc<str>,
    pub(crate) source: Source,
    /// The algorithms that were configured by name.
    pub(crate) named: Box<[Algorithm]>,
    algorithms: u16,
}

impl Trusted {
    pub(crate) fn new(
        terms: Terms,
        algorithms: &[Algorithm],
        named: Box<[Algorithm]>,
        source: Source,
    ) -> Self {
        let algorithms = algorithms.iter().fold(0, |set, algorithm| set | 1 << *algorithm as u16);
        Self { name: Arc::from(&*terms.issuer), terms, source, named, algorithms }
    }

    fn check_header(&self, algorithm: Algorithm, kind: Option<&str>) -> Result<(), Rejection> {
        if self.algorithms & 1 << algorithm as u16 == 0 {
            return Err(refused(Reason::AlgorithmRefused));
        }
        if self.terms.profile.takes(kind) { Ok(()) } else { Err(refused(Reason::WrongType)) }
    }
}

/// A verified token, and how long that holds.
pub(crate) struct Proven<C> {
    pub(crate) token: Verified<C>,
    issuer: usize,
    until: u64,
    generation: u64,
}

impl<C> Clone for Proven<C> {
    fn clone(&self) -> Self {
        Self { token: self.token.clone(), ..*self }
    }
}

/// What is known of a token that is looked at: of ours, nothing that it says itself.
#[derive(Default)]
struct Seen {
    issuer: Option<usize>,
    key_id: Option<Arc<str>>,
}

/// How far a token came.
pub(crate) enum Verdict<C> {
    Verified(Proven<C>),
    /// Its issuer has no keys now.
    NoKeys {
        issuer: usize,
        rejection: Rejection,
    },
    /// Its issuer may have a key of this name by now.
    UnknownKey {
        issuer: usize,
        id: Box<str>,
    },
}

impl Shared {
    /// Seconds since 1970.
    pub(crate) fn now(&self) -> u64 {
        self.clock.now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO).as_secs()
    }

    /// Verifies a token with the keys at hand; at most one signature.
    ///
    /// Everything before the signature can only refuse. A payload that cannot be read is reported after it, so that the
    /// operator can tell an issuer's mistake from anybody's.
    pub(crate) fn verify<C: DeserializeOwned>(&self, token: &str) -> Result<Verdict<C>, Rejection> {
        let mut seen = Seen::default();
        self.look_at(token, &mut seen).map_err(|rejection| self.file(rejection, seen))
    }

    /// Says whose token was refused, and under which key; with one issuer, a token of another is nobody's.
    #[cold]
    fn file(&self, rejection: Rejection, seen: Seen) -> Rejection {
        let Some(issuer) = seen.issuer.filter(|_| rejection.reason() != Reason::WrongIssuer) else {
            return rejection;
        };
        let details = self.details(issuer);
        rejection.with_details(match seen.key_id {
            Some(id) => details.with_key_id(id),
            None => details,
        })
    }

    pub(crate) fn details(&self, issuer: usize) -> Details {
        Details::new().with_issuer(Arc::clone(&self.issuers[issuer].name))
    }

    fn look_at<C: DeserializeOwned>(&self, token: &str, seen: &mut Seen) -> Result<Verdict<C>, Rejection> {
        if token.len() > self.max_len {
            return Err(refused(Reason::TooLong));
        }
        let parts = Compact::split(token).ok_or_else(|| refused(Reason::Malformed))?;
        let mut payload = Buffer::<2_048>::new();
        let mut claims = None;
        // With one issuer its keys are looked at first, so that an unknown key costs next to nothing.
        let issuer = if self.issuers.len() == 1 {
            0
        } else {
            let read = Claims::read(&mut payload, parts.payload)?;
            let issuer = self.issuer_of(&read)?;
            claims = Some(read);
            issuer
        };
        seen.issuer = Some(issuer);
        let trusted = &self.issuers[issuer];
        let (mut buffer, mut header) = (Buffer::new(), None);
        let keys = match trusted.source.keys() {
            Ok(keys) => keys,
            Err(rejection) => {
                let header = read_header(&mut buffer, parts.header)?;
                trusted.check_header(header.algorithm, header.kind.as_deref())?;
                let rejection = rejection.about(&self.details(issuer));
                return Ok(Verdict::NoKeys { issuer, rejection });
            }
        };
        let recognised = keys.recognise(parts.header);
        let (key, kind) = if let Some((key, kind)) = recognised {
            trusted.check_header(key.algorithm(), kind)?;
            (Ok(key), kind)
        } else {
            let header = header.insert(read_header(&mut buffer, parts.header)?);
            let (id, kind) = (header.id.as_deref(), header.kind.as_deref());
            trusted.check_header(header.algorithm, kind)?;
            match (keys.find(header.algorithm, id), id) {
                (Found::Key(key), _) => (Ok(key), kind),
                (Found::Ambiguous, _) => return Err(refused(Reason::AmbiguousKey)),
                (Found::Unknown, Some(id)) if trusted.source.changes() && id.len() <= LONGEST_ID => {
                    (Err(id), kind)
                }
                (Found::Unknown, _) => return Err(refused(Reason::UnknownKey)),
            }
        };
        if let Ok(key) = key {
            seen.key_id = key.shared_id();
        }
        let claims = match claims {
            Some(claims) => claims,
            None => Claims::read(&mut payload, parts.payload)?,
        };
        let checked = match &claims.registered {
            Ok(registered) => Some(registered.check(&trusted.terms, self.now()).map_err(refused)?),
            Err(_) => None,
        };
        let key = match key {
            Ok(key) => key,
            Err(id) => return Ok(Verdict::UnknownKey { issuer, id: id.into() }),
        };

        let mut signature = Buffer::<LONGEST_SIGNATURE>::new();
        let signature = signature.decode(parts.signature).ok_or_else(|| refused(Reason::Malformed))?;
        if !key.verifies(parts.signed.as_bytes(), signature) {
            return Err(refused(Reason::BadSignature));
        }
        if recognised.is_none() {
            keys.remember(parts.header, key, kind);
        }
        let Checked { expires, until } = match (checked, claims.registered) {
            (Some(checked), _) => checked,
            (None, Err(JsonFlaw::Duplicate)) => return Err(refused(Reason::DuplicateMember)),
            (None, _) => return Err(refused(Reason::BadClaims)),
        };
        let app = serde_json::from_str(claims.json).map_err(|error| unfit::<C>(&error))?;
        let token = Verified::new(app, Arc::clone(&trusted.name), seen.key_id.take(), expires);
        Ok(Verdict::Verified(Proven { token, issuer, until, generation: keys.generation() }))
    }

    /// Whether a token that was verified before still counts: it has not expired, and its issuer's keys are the same.
    pub(crate) fn holds<C>(&self, proven: &Proven<C>) -> bool {
        let keys = self.issuers[proven.issuer].source.keys();
        self.now() < proven.until && keys.is_ok_and(|keys| keys.generation() == proven.generation)
    }

    fn issuer_of(&self, claims: &Claims<'_>) -> Result<usize, Rejection> {
        let registered = match &claims.registered {
            Ok(registered) => registered,
            Err(JsonFlaw::Duplicate) => return Err(refused(Reason::DuplicateMember)),
            Err(JsonFlaw::Malformed) => return Err(refused(Reason::BadClaims)),
        };
        match registered.issuer() {
            Some(name) => self.by_name.get(name).copied().ok_or_else(|| refused(Reason::WrongIssuer)),
            None if registered.has_issuer() => Err(refused(Reason::WrongIssuer)),
            None => Err(refused(Reason::MissingClaim)),
        }
    }
}

fn read_header<'a>(buffer: &'a mut Buffer<512>, part: &str) -> Result<Header<'a>, Rejection> {
    let text = buffer.decode_text(part).ok_or_else(|| refused(Reason::Malformed))?;
    Header::read(text).map_err(refused)
}

/// The payload, and what is looked at in it.
struct Claims<'a> {
    json: &'a str,
    registered: Result<Registered<'a>, JsonFlaw>,
}

impl<'a> Claims<'a> {
    fn read<const N: usize>(buffer: &'a mut Buffer<N>, part: &str) -> Result<Self, Rejection> {
        let bytes = buffer.decode(part).ok_or_else(|| refused(Reason::Malformed))?;
        Ok(match std::str::from_utf8(bytes) {
            Ok(json) => Self { json, registered: Registered::read(json) },
            Err(_) => Self { json: "", registered: Err(JsonFlaw::Malformed) },
        })
    }
}

/// serde's own text would show the value that does not fit.
fn unfit<C>(error: &serde_json::Error) -> Rejection {
    let (column, name) = (error.column(), type_name::<C>());
    refused(Reason::BadClaims).because(format!("the claims are no `{name}`, seen at byte {column}"))
}
