use bytes::Bytes;
use http::Response;

use super::{Answer, Html, Plain, ProblemJson, Respond, accept::Format};

/// Draws what the client prefers by its `Accept` (RFC 9110 §12.5.1): a page, a problem document, or plain text.
///
/// Who accepts anything, or nothing of these, gets a problem document; a 401 is never turned into a 406.
///
/// ```
/// use tower_authn::{AuthenticateLayer, Scheme, Tokens, respond::Negotiate, scheme::Bearer};
///
/// // It is the default.
/// let layer: AuthenticateLayer<_, Negotiate> =
///     AuthenticateLayer::new(Bearer::new("api").validated_by(Tokens::<u32>::new()));
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Negotiate;

#[diagnostic::do_not_recommend]
impl<B: From<Bytes>> Respond<B> for Negotiate {
    fn respond(&self, answer: &Answer<'_>) -> Response<B> {
        match answer.asked().format() {
            Format::Problem => ProblemJson.respond(answer),
            Format::Html => Html.respond(answer),
            Format::Plain => Plain.respond(answer),
        }
    }
}
