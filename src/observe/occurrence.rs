use std::fmt;

/// Something that happened beside requests, such as keys that were fetched, in a form that every part can make, an app's own too.
///
/// [`Display`](fmt::Display) is one line, for logs. The manual's chapter on [operating](crate::manual::operating) lists the codes.
///
/// ```
/// use tower_authn::observe::{Event, Observe, Occurrence, Severity};
///
/// fn directory_loaded(observer: &impl Observe, entries: usize) {
///     let text = format!("directory loaded: {entries} entries");
///     let occurrence = Occurrence::new("directory_loaded", Severity::Debug, &text);
///     observer.observe(&Event::Happened(&occurrence.with(&[("entries", &entries)])));
/// }
/// # directory_loaded(&|event: &Event<'_>| assert_eq!(event.to_string(), "directory loaded: 7 entries"), 7);
/// ```
#[derive(Clone, Copy)]
pub struct Occurrence<'a> {
    code: &'static str,
    severity: Severity,
    text: &'a dyn fmt::Display,
    fields: &'a [(&'static str, &'a dyn fmt::Display)],
}

/// How loudly something is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Severity {
    /// For whoever looks closely.
    Debug,
    /// Worth a line.
    Info,
    /// Somebody should look at it.
    Warning,
    /// Something is set up wrongly.
    Error,
}

impl<'a> Occurrence<'a> {
    /// Makes one, with a stable code in snake case, and a line of text.
    pub fn new(code: &'static str, severity: Severity, text: &'a dyn fmt::Display) -> Self {
        Self { code, severity, text, fields: &[] }
    }

    /// Sets its fields. No secret, and nothing that a client chose, belongs in one.
    #[must_use]
    pub fn with(self, fields: &'a [(&'static str, &'a dyn fmt::Display)]) -> Self {
        Self { fields, ..self }
    }

    /// Returns the stable code, for example `keys_fetched`.
    pub const fn code(&self) -> &'static str {
        self.code
    }

    /// Returns how loudly it is told.
    pub const fn severity(&self) -> Severity {
        self.severity
    }

    /// Returns a field.
    pub fn field(&self, name: &str) -> Option<&'a dyn fmt::Display> {
        self.fields.iter().find(|(known, _)| *known == name).map(|(_, value)| *value)
    }

    /// Returns the names and values of all fields.
    pub fn fields(&self) -> impl Iterator<Item = (&'static str, &'a dyn fmt::Display)> {
        self.fields.iter().copied()
    }
}

impl fmt::Display for Occurrence<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.text.fmt(f)
    }
}

impl fmt::Debug for Occurrence<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut fields = f.debug_struct("Occurrence");
        fields.field("code", &self.code).field("severity", &self.severity);
        for (name, value) in self.fields() {
            fields.field(name, &format_args!("{value}"));
        }
        fields.finish_non_exhaustive()
    }
}
