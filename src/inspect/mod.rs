//! Looking at the parts of a stack: what is risky about them, and what there is to measure.

use std::time::Duration;

mod part;
mod warning;

pub(crate) use part::Whole;
pub use part::{Extraction, Part};
pub use warning::ConfigurationWarning;

/// What the parts of a stack tell about themselves, when the layer [checks](crate::AuthenticateLayer::check) or
/// measures them. Schemes, validators and stores of one's own add to it by their `inspect`.
///
/// ```
/// use tower_authn::{BearerToken, ConfigurationWarning, Inspection, Rejection, Validator, Visit};
///
/// struct Directory(Vec<String>);
///
/// impl Validator<BearerToken> for Directory {
///     type Identity = usize;
///
///     async fn validate(&self, token: BearerToken, _: &mut Visit) -> Result<Option<usize>, Rejection> {
///         Ok(self.0.iter().position(|known| *known == token.expose()))
///     }
///
///     fn inspect(&self, inspection: &mut Inspection) {
///         inspection.count("my_app_tokens", self.0.len());
///         if self.0.is_empty() {
///             inspection.warn(ConfigurationWarning::Other("the directory is empty: load it".into()));
///         }
///     }
/// }
/// ```
#[derive(Clone, Debug, Default)]
pub struct Inspection {
    warnings: Vec<ConfigurationWarning>,
    measures: Vec<Measure>,
    issuer: Option<Box<str>>,
    scheme: &'static str,
    realm: Option<Box<str>>,
    brake: Brake,
}

/// Whether a throttle is in front of what is inspected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Brake {
    #[default]
    Off,
    On,
}

/// One number that a part gives.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Measure {
    pub(crate) name: &'static str,
    pub(crate) scheme: &'static str,
    pub(crate) realm: Option<Box<str>>,
    pub(crate) issuer: Option<Box<str>>,
    pub(crate) value: Value,
}

#[cfg(feature = "metrics")]
impl Measure {
    /// Whether the other has the same name and labels, of which a recorder keeps one.
    pub(crate) fn takes_place_of(&self, other: &Self) -> bool {
        (self.name, self.scheme, &self.realm, &self.issuer)
            == (other.name, other.scheme, &other.realm, &other.issuer)
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Value {
    Gauge(f64),
    Total(u64),
}

impl Inspection {
    /// Says what is legal and risky. The same warning twice counts once.
    pub fn warn(&mut self, warning: ConfigurationWarning) {
        if !self.warnings.contains(&warning) {
            self.warnings.push(warning);
        }
    }

    /// Gives a number of things that there are now, for the gauge of this name.
    #[expect(clippy::cast_precision_loss, reason = "exact to nine quadrillions")]
    pub fn count(&mut self, name: &'static str, things: usize) {
        self.measure(name, Value::Gauge(things as f64));
    }

    /// Gives a time, in seconds, for the gauge of this name.
    pub fn seconds(&mut self, name: &'static str, time: Duration) {
        self.measure(name, Value::Gauge(time.as_secs_f64()));
    }

    /// Gives a number that only ever grows, for the counter of this name.
    pub fn total(&mut self, name: &'static str, total: u64) {
        self.measure(name, Value::Total(total));
    }

    /// Files under an issuer, by its name in the configuration, what is measured meanwhile.
    pub fn of_issuer(&mut self, issuer: &str, inspect: impl FnOnce(&mut Self)) {
        let before = self.issuer.replace(issuer.into());
        inspect(self);
        self.issuer = before;
    }

    /// Whether a [throttle](crate::throttle) is in front of what is inspected.
    pub fn is_throttled(&self) -> bool {
        self.brake == Brake::On
    }

    fn measure(&mut self, name: &'static str, value: Value) {
        let (scheme, realm, issuer) = (self.scheme, self.realm.clone(), self.issuer.clone());
        self.measures.push(Measure { name, scheme, realm, issuer, value });
    }

    /// Inspects all parts of a stack. A single scheme, validator or store is inspected by its own `inspect`.
    ///
    /// ```
    /// use tower_authn::{Inspection, Scheme, Users, scheme::Basic};
    ///
    /// let stack = Basic::new("files").over_tls().validated_by(Users::<u32>::new());
    /// assert_eq!(Inspection::of(&stack).warnings().len(), 1); // no throttle
    /// ```
    pub fn of(authenticator: &impl crate::Authenticator) -> Self {
        let mut inspection = Self::default();
        authenticator.each_part(&mut |part| part.inspect(&mut inspection));
        inspection
    }

    /// Returns what is legal and risky.
    pub fn warnings(&self) -> &[ConfigurationWarning] {
        &self.warnings
    }

    pub(crate) fn into_warnings(self) -> Vec<ConfigurationWarning> {
        self.warnings
    }

    #[cfg(feature = "metrics")]
    pub(crate) fn measures(&self) -> &[Measure] {
        &self.measures
    }
}
