use std::fmt;

use http::request::Parts;

use super::{Brake, Inspection};
use crate::{Asked, Rejection};

/// One scheme with its validator, as [`Authenticator::each_part`](crate::Authenticator::each_part) shows it: the same
/// parts that a request is held against.
///
/// ```
/// use tower_authn::{Authenticator, Scheme, Tokens, scheme::{ApiKey, Bearer}};
///
/// let tokens = Tokens::<u32>::new();
/// let stack = Bearer::new("api").validated_by(tokens.clone()).or(ApiKey::new("keys").validated_by(tokens));
/// let mut seen = Vec::new();
/// stack.each_part(&mut |part| seen.push(format!("{} of {:?}", part.scheme(), part.realm())));
/// assert_eq!(seen, [r#"Bearer of Some("api")"#, r#"ApiKey of Some("keys")"#]);
/// ```
#[derive(Clone, Copy)]
pub struct Part<'a> {
    whole: &'a dyn Whole,
    throttle: Option<&'a dyn Fn(&mut Inspection)>,
}

/// What a part is made of; private, so that only [`ValidatedBy`](crate::authenticator::ValidatedBy) is one.
pub(crate) trait Whole {
    fn scheme(&self) -> &'static str;
    fn realm(&self) -> Option<&str>;
    fn extraction(&self, head: &mut Parts, asked: &Asked) -> Extraction;
    fn inspect(&self, inspection: &mut Inspection);
}

/// What a scheme finds in the head of a request.
///
/// ```
/// use tower_authn::{Asked, Authenticator, Scheme, Tokens, inspect::Extraction, scheme::Bearer};
///
/// let api = Bearer::new("api").validated_by(Tokens::<u32>::new());
/// let (mut head, ()) = http::Request::get("/").body(())?.into_parts();
/// let asked = Asked::of(&head);
/// api.each_part(&mut |part| assert!(matches!(part.extraction(&mut head, &asked), Extraction::Nothing)));
/// # Ok::<(), http::Error>(())
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Extraction {
    /// No credentials of this scheme.
    Nothing,
    /// Credentials, to be validated.
    Found,
    /// Credentials that cannot be read.
    Unreadable(Rejection),
}

impl<'a> Part<'a> {
    pub(crate) fn new(whole: &'a dyn Whole) -> Self {
        Self { whole, throttle: None }
    }

    /// Puts a throttle in front, which is inspected along with the part.
    pub(crate) fn behind<'b>(self, throttle: &'b dyn Fn(&mut Inspection)) -> Part<'b>
    where
        'a: 'b,
    {
        Part { whole: self.whole, throttle: Some(throttle) }
    }

    /// Returns the name of the scheme.
    pub fn scheme(&self) -> &'static str {
        self.whole.scheme()
    }

    /// Returns the realm that the scheme's challenges name, if they do.
    pub fn realm(&self) -> Option<&str> {
        self.whole.realm()
    }

    /// Extracts as a request would be, and drops the credentials. What was read is marked as sensitive.
    pub fn extraction(&self, head: &mut Parts, asked: &Asked) -> Extraction {
        self.whole.extraction(head, asked)
    }

    /// Lets scheme and validator say what is risky about them, and what there is to measure.
    pub fn inspect(&self, inspection: &mut Inspection) {
        let (scheme, brake) = (inspection.scheme, inspection.brake);
        inspection.scheme = self.scheme();
        let realm = std::mem::replace(&mut inspection.realm, self.realm().map(Box::from));
        if let Some(inspect) = self.throttle {
            inspection.brake = Brake::On;
            inspect(inspection);
        }
        self.whole.inspect(inspection);
        (inspection.scheme, inspection.realm, inspection.brake) = (scheme, realm, brake);
    }
}

impl fmt::Debug for Part<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Part")
            .field("scheme", &self.scheme())
            .field("realm", &self.realm())
            .finish_non_exhaustive()
    }
}
