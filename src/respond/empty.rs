use http::Response;

use super::{Answer, Respond};

/// Draws nothing: for gRPC servers, whose bodies cannot be made from bytes, and for clients that only look at headers.
///
/// Browsers show a page of their own for an empty 401.
///
/// ```
/// use tower_authn::{AuthenticateLayer, Scheme, Tokens, respond, scheme::Bearer};
///
/// let layer = AuthenticateLayer::new(Bearer::new("api").validated_by(Tokens::<u32>::new()))
///     .respond_with(respond::Empty);
/// # let _ = layer;
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Empty;

#[diagnostic::do_not_recommend]
impl<B: Default> Respond<B> for Empty {
    fn respond(&self, _: &Answer<'_>) -> Response<B> {
        Response::new(B::default())
    }
}
