use std::sync::LazyLock;

use bytes::Bytes;
use http::{HeaderValue, Response};

use super::{Answer, Respond, bodies::Bodies, sentence, with_body};
use crate::observe::is_uuid;

/// Draws a problem document (RFC 9457): `type`, `title`, `status`, `detail`, and as an extension `kind`, the stable
/// name of the [kind of rejection](crate::RejectionKind::as_str). A layer that [correlates] adds `instance`, a URN with the
/// id: `urn:uuid:…`, or `urn:request:…` where the id is no UUID.
///
/// [correlates]: crate::AuthenticateLayer::correlate
///
/// ```json
/// {"type":"about:blank","title":"Unauthorized","status":401,"detail":"This needs credentials. …","kind":"missing"}
/// ```
///
/// ```
/// use tower_authn::{AuthenticateLayer, Scheme, Tokens, respond, scheme::Bearer};
///
/// let layer = AuthenticateLayer::new(Bearer::new("api").validated_by(Tokens::<u32>::new()))
///     .respond_with(respond::ProblemJson);
/// # let _ = layer;
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct ProblemJson;

static DOCUMENTS: LazyLock<Bodies> = LazyLock::new(|| {
    Bodies::rendered(|kind, status| {
        // Nothing in these texts needs escaping; a test reads them all back.
        format!(
            r#"{{"type":"about:blank","title":"{title}","status":{code},"detail":"{detail}","kind":"{kind}"}}"#,
            title = status.canonical_reason().unwrap_or_default(),
            code = status.as_u16(),
            detail = sentence(kind),
            kind = kind.as_str(),
        )
    })
});

/// The id needs no escaping: letters, digits, `.`, `_` and `-`.
fn instance(id: &str) -> String {
    let name = if is_uuid(id) { "uuid" } else { "request" };
    format!(r#","instance":"urn:{name}:{id}""#)
}

#[diagnostic::do_not_recommend]
impl<B: From<Bytes>> Respond<B> for ProblemJson {
    fn respond(&self, answer: &Answer<'_>) -> Response<B> {
        with_body(
            answer,
            const { HeaderValue::from_static("application/problem+json") },
            DOCUMENTS.with_id(answer, "}", instance),
        )
    }
}
