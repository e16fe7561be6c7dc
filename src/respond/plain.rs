use bytes::Bytes;
use http::{HeaderValue, Response};

use super::{Answer, QUOTE, Respond, with_body};

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
        let sentence = answer.sentence();
        let body = match answer.id() {
            Some(id) => Bytes::from(format!("{sentence}\n{QUOTE} {id}\n")),
            None => Bytes::from_static(sentence.as_bytes()),
        };
        with_body(answer, const { HeaderValue::from_static("text/plain; charset=utf-8") }, body)
    }
}
