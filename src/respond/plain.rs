use bytes::Bytes;
use http::Response;

use super::{Answer, Respond, with_body};

/// Draws the answer's sentence as plain text.
///
/// ```
/// use tower_authn::{AuthenticateLayer, Scheme, Tokens, respond, scheme::Bearer};
///
/// let layer = AuthenticateLayer::new(Bearer::new("api").validated_by(Tokens::<u32>::new()))
///     .respond_with(respond::Plain);
/// # let _ = layer;
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Plain;

#[diagnostic::do_not_recommend]
impl<B: From<Bytes>> Respond<B> for Plain {
    fn respond(&self, answer: &Answer<'_>) -> Response<B> {
        with_body(answer, "text/plain; charset=utf-8", Bytes::from_static(answer.sentence().as_bytes()))
    }
}
