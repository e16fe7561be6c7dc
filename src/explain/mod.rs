//! What a layer would do with a request, step by step, and why.
//!
//! Begin with [`AuthenticateLayer::explain`](crate::AuthenticateLayer::explain). The manual's chapter on
//! [operating](crate::manual::operating) has the rest.

use http::{StatusCode, header, request::Parts};

mod redact;
mod remedy;
mod secrets;
mod text;
mod tree;

pub use text::{RequestHead, RequestHeadError};

use redact::Redactor;

use crate::{
    AuthenticateLayer, Authenticator, Finding, Granted, Rejection, RejectionKind, Visit,
    authenticator::validated, inspect::Extraction, observe::Outcome,
};

/// What a layer would do with a request, and why: what [`AuthenticateLayer::explain`] returns, for developers and operators.
///
/// [`Display`](std::fmt::Display) is a tree to read; with the feature `serde` it serializes, for
/// tools. Reasons and causes are in it, so show it to nobody who may only see the answer.
///
/// # Security
///
/// Nothing of `Authorization`, `Proxy-Authorization`, `Cookie` and whatever else a scheme reads is
/// shown. Where the path, a challenge or an app's own error repeats it (the whole value, the
/// credentials after the scheme's name, a user's name, a password, the value of a cookie),
/// `[redacted]` stands in its place, also if it is percent-encoded there or written by [`Debug`].
/// What is shorter than 3 bytes stays, since every word would hold it; so does what an app's error
/// writes in a form of its own, such as a half of a token.
///
/// However long the secrets are and whatever is in them, the text grows by less than four times,
/// and the work grows with the lengths of both, not with their product.
///
/// ```
/// use tower_authn::{AuthenticateLayer, Scheme, Tokens, explain::RequestHead, observe::Outcome, scheme::Bearer};
///
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let layer = AuthenticateLayer::new(Bearer::new("api").validated_by(Tokens::<u32>::new()));
/// let head: RequestHead = "> GET /whoami HTTP/1.1\n> Host: localhost\n> Authorization: Bearer abc".parse()?;
/// let explanation = layer.explain(&head.into_parts()).await;
///
/// assert_eq!(explanation.outcome(), Outcome::Refused);
/// assert_eq!(explanation.findings()[0].reason, "unknown");
/// assert!(explanation.to_string().contains("401 Unauthorized"));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Explanation {
    request: String,
    steps: Vec<Step>,
    #[cfg_attr(feature = "serde", serde(serialize_with = "outcome"))]
    outcome: Outcome,
    granted_by: Vec<&'static str>,
    findings: Vec<Explained>,
    answer: Option<AnswerHead>,
    remedies: Vec<String>,
}

/// What one scheme found in the request.
///
/// ```
/// # fn show(explanation: &tower_authn::explain::Explanation) {
/// for step in explanation.steps() {
///     println!("{}: {}", step.scheme, step.extracted);
/// }
/// # }
/// ```
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Step {
    /// The scheme's name.
    pub scheme: &'static str,
    /// The realm that its challenges name.
    pub realm: Option<String>,
    /// `nothing`, `credentials`, or `unreadable`.
    pub extracted: &'static str,
    /// Why it is unreadable.
    pub findings: Vec<Explained>,
}

/// One finding, with its private cause.
///
/// ```
/// # fn show(explanation: &tower_authn::explain::Explanation) {
/// for finding in explanation.findings() {
///     println!("{}: {}", finding.reason, finding.remedy);
/// }
/// # }
/// ```
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Explained {
    /// The scheme that found it.
    pub scheme: Option<&'static str>,
    /// The [kind](crate::RejectionKind::as_str).
    pub kind: &'static str,
    /// The [reason](crate::Reason::as_str).
    pub reason: &'static str,
    /// The private cause.
    pub cause: Option<String>,
    /// The issuer, by its name in the configuration.
    pub issuer: Option<String>,
    /// The key, by its name in the key set.
    pub key_id: Option<String>,
    /// The client's address.
    pub client: Option<String>,
    /// What to do about it; see [`Reason::remedy`](crate::Reason::remedy).
    pub remedy: &'static str,
}

/// The answer, as far as the layer makes it: a responder may add headers, and redirect in place of a 401.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
struct AnswerHead {
    status: u16,
    headers: Vec<(String, String)>,
}

impl<A: Authenticator, R> AuthenticateLayer<A, R> {
    /// Explains what this layer would do with a request, by doing it with a copy of its head: it extracts and validates as for
    /// any request, and calls no service, so that what lies inside, such as a [`RequireLayer`](crate::RequireLayer), is not asked. A
    /// captured request is read by [`RequestHead`]; say by [`RequestHead::from_peer`] where it came from, if the stack looks at addresses.
    ///
    /// # Security
    ///
    /// It is a real validation that leaves no trace: throttles turn away as ever and count nothing, no session ends or lives longer
    /// for it. A token that was verified is remembered, a key set may be fetched, and a validator of the app's own does whatever it
    /// does. No decision is told of, counted or logged. Offer it to operators only: whoever may ask could try out passwords.
    pub async fn explain(&self, head: &Parts) -> Explanation {
        let asked = self.asked(head);
        let mut head = head.clone();
        let mut steps = Vec::new();
        self.authenticator().each_part(&mut |part| {
            let realm = part.realm().map(str::to_owned);
            steps.push((part.scheme(), realm, part.extraction(&mut head, &asked)));
        });
        let extracted = self.authenticator().extract(&mut head, &asked);
        let redactor = Redactor::of(&head);
        let mut visit = Visit::trial();
        let result = validated(&**self.authenticator(), extracted, &mut visit).await;
        let steps =
            steps.into_iter().map(|(scheme, realm, extraction)| step(scheme, realm, &extraction, &redactor));
        let request = redactor.redact(&format!("{} {}", head.method, head.uri.path()));
        let explanation = Explanation { request, steps: steps.collect(), ..Explanation::blank() };
        match result {
            Ok(granted) => explanation.accepted(&granted, &visit, &redactor),
            Err(rejection) => explanation.refused(&rejection, &self.draft(&rejection, &asked), &redactor),
        }
    }
}

impl Explanation {
    /// Returns what it comes down to.
    pub const fn outcome(&self) -> Outcome {
        self.outcome
    }

    /// Returns what each scheme found in the request.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// Returns the schemes that grant the identity.
    pub fn granted_by(&self) -> &[&'static str] {
        &self.granted_by
    }

    /// Returns all that was found against the request, or, where it is let in, against other credentials in it.
    pub fn findings(&self) -> &[Explained] {
        &self.findings
    }

    /// Returns the status of the answer; `None` where the request is let in.
    pub fn status(&self) -> Option<StatusCode> {
        StatusCode::from_u16(self.answer.as_ref()?.status).ok()
    }

    /// Returns the headers of the answer that are the layer's, the challenges among them.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &str)> {
        let headers = self.answer.iter().flat_map(|answer| &answer.headers);
        headers.map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Returns what would make the request pass, in sentences for operators.
    pub fn remedies(&self) -> &[String] {
        &self.remedies
    }

    fn blank() -> Self {
        Self {
            request: String::new(),
            steps: Vec::new(),
            outcome: Outcome::Accepted,
            granted_by: Vec::new(),
            findings: Vec::new(),
            answer: None,
            remedies: Vec::new(),
        }
    }

    fn accepted<I>(self, granted: &Granted<I>, visit: &Visit, redactor: &Redactor) -> Self {
        let findings = visit.passed_over().iter().map(|finding| explained(finding, redactor)).collect();
        Self { granted_by: granted.schemes().to_vec(), findings, ..self }
    }

    fn refused(self, rejection: &Rejection, answer: &http::Response<()>, redactor: &Redactor) -> Self {
        let mut remedies: Vec<String> = Vec::new();
        if rejection.kind() == RejectionKind::Missing {
            let schemes: Vec<_> = self.steps.iter().map(|step| step.scheme).collect();
            remedies.push(format!("bring credentials of {}", schemes.join(", or ")));
        }
        for finding in rejection.findings() {
            let scheme = finding.scheme().map(|scheme| format!("{scheme}: ")).unwrap_or_default();
            remedies.push(format!("{scheme}{}", finding.reason().remedy()));
        }
        remedies.dedup();
        let headers = answer.headers().iter().map(|(name, value)| {
            let value = if *name == header::SET_COOKIE {
                redact::cookie(value)
            } else {
                redactor.redact(&String::from_utf8_lossy(value.as_bytes()))
            };
            (name.to_string(), value)
        });
        Self {
            outcome: Outcome::of(rejection.kind()),
            findings: rejection.findings().iter().map(|finding| explained(finding, redactor)).collect(),
            answer: Some(AnswerHead { status: answer.status().as_u16(), headers: headers.collect() }),
            remedies,
            ..self
        }
    }
}

fn step(scheme: &'static str, realm: Option<String>, extraction: &Extraction, redactor: &Redactor) -> Step {
    let (extracted, findings) = match extraction {
        Extraction::Nothing => ("nothing", &[][..]),
        Extraction::Found => ("credentials", &[][..]),
        Extraction::Unreadable(rejection) => ("unreadable", rejection.findings()),
    };
    Step {
        scheme,
        realm,
        extracted,
        findings: findings.iter().map(|finding| explained(finding, redactor)).collect(),
    }
}

fn explained(finding: &Finding, redactor: &Redactor) -> Explained {
    let details = finding.details();
    Explained {
        scheme: finding.scheme(),
        kind: finding.kind().as_str(),
        reason: finding.reason().as_str(),
        cause: finding.cause().map(|cause| redactor.redact(&cause.to_string())),
        issuer: details.issuer().map(str::to_owned),
        key_id: details.key_id().map(str::to_owned),
        client: details.client().map(|client| client.to_string()),
        remedy: finding.reason().remedy(),
    }
}

#[cfg(feature = "serde")]
#[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde calls it")]
fn outcome<S: serde::Serializer>(outcome: &Outcome, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(outcome.as_str())
}
