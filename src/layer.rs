//! The layer.

use std::{any::type_name, fmt, sync::Arc};

use http::{Extensions, Uri, request::Parts};
use tower_layer::Layer;

use crate::{
    Authenticate, Authenticator, Challenges, ConfigurationWarning, Inspection, Rejection,
    asked::{Asked, GrpcClients},
    challenge::BasicForScripts,
    draw::{Sent, Undrawn, draw, draw_over, hand_on},
    future::AcceptedHere,
    observe::{Observation, ObservedRequest},
    respond::{Answer, Empty, Negotiate, Respond},
};

/// Authenticates every request to a service, whatever the schemes, and answers all others alike.
///
/// A request with good credentials reaches the service with an [`Authenticated`](crate::Authenticated) identity in its extensions. Any other gets
/// one answer: 401 with the exact challenges (or 400, 403, 429, 503), a body that says what to do, and nothing of why.
///
/// ```
/// use tower_authn::{AuthenticateLayer, Tokens, scheme::Bearer};
///
/// let tokens = Tokens::new();
/// tokens.insert("u8Zq3t-FqX0bPw5n7Rk2Jc9s", "alice")?;
/// let layer = AuthenticateLayer::new(Bearer::new("api").validated_by(tokens));
/// # use tower_authn::Scheme as _;
/// # Ok::<(), tower_authn::validator::WeakToken>(())
/// ```
#[must_use]
pub struct AuthenticateLayer<A, R = Negotiate> {
    authenticator: Arc<A>,
    responder: Arc<R>,
    bare_401: Bare401,
    basic: BasicForScripts,
    grpc: GrpcClients,
    target: Option<TargetFrom>,
    /// Kept from where `A` is known to be an authenticator, so that the layer asks nothing of it to wrap a service.
    inspect: fn(&A) -> Inspection,
    observation: Arc<Observation>,
}

/// Finds a request's target as it was before a router took a prefix off.
type TargetFrom = for<'a> fn(&'a Extensions) -> Option<&'a Uri>;

/// What happens to a 401 of the inner service that has no challenge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Bare401 {
    Completed,
    Left,
}

impl<A: Authenticator> AuthenticateLayer<A> {
    /// Makes a layer that answers as the client [prefers](Negotiate): a page, a problem document or plain text.
    pub fn new(authenticator: A) -> Self {
        Self {
            observation: Arc::new(Observation::of(&authenticator)),
            authenticator: Arc::new(authenticator),
            responder: Arc::new(Negotiate),
            bare_401: Bare401::Completed,
            basic: BasicForScripts::Hidden,
            grpc: GrpcClients::default(),
            target: None,
            inspect: Inspection::of,
        }
    }
}

impl<A, R> AuthenticateLayer<A, R> {
    /// Lets something else draw the answers. It draws the body; status and challenges stay the layer's.
    pub fn respond_with<T>(self, responder: T) -> AuthenticateLayer<A, T> {
        let Self { authenticator, bare_401, basic, grpc, target, inspect, observation, .. } = self;
        AuthenticateLayer {
            authenticator,
            responder: Arc::new(responder),
            bare_401,
            basic,
            grpc,
            target,
            inspect,
            observation,
        }
    }

    /// Leaves a 401 of the inner service as it is, even if it has no challenge. By default the challenges are added,
    /// since a 401 must have one (RFC 9110 §15.5.2).
    pub fn leave_bare_401(self) -> Self {
        Self { bare_401: Bare401::Left, ..self }
    }

    /// Shows scripts the `Basic` challenge, for which browsers open their own prompt. By default a script (by
    /// `Sec-Fetch-Mode` or `X-Requested-With`) gets the other challenges, or `xBasic` if there is no other.
    pub fn show_basic_to_scripts(self) -> Self {
        Self { basic: BasicForScripts::Shown, ..self }
    }

    /// Answers gRPC clients in their own way: a refusal is `grpc-status` 16 (401), 7 (403), 8 (429), 14 (503), 3 (400), 5 (404) or
    /// 13 (500) with a fixed `grpc-message`, beside HTTP status 200 and no body; what says `Retry-After` also says
    /// `grpc-retry-pushback-ms`. Off by default: a gRPC client understands a status of 401, too.
    ///
    /// # Security
    ///
    /// Never set this on a service by whose status a proxy decides, such as nginx's `auth_request`, Envoy's `ext_authz`, Traefik's
    /// `ForwardAuth` or Caddy's `forward_auth`: to such a proxy 200 means that the request is good, and a client could ask for it by
    /// its content type. [`check`](Self::check) warns of it.
    ///
    /// A request counts as one of gRPC if it is a POST over HTTP/2 with the content type `application/grpc`, also with a subtype after
    /// `+` or parameters after `;`. All others get what the responder draws: nothing ([`Empty`]), since tonic's
    /// body cannot be made from bytes, unless [`respond_with`](Self::respond_with) follows.
    ///
    /// ```
    /// use tower_authn::{AuthenticateLayer, Scheme, Tokens, scheme::Bearer};
    ///
    /// let layer = AuthenticateLayer::new(Bearer::new("api").validated_by(Tokens::<u32>::new())).for_grpc();
    /// # let _ = layer;
    /// ```
    pub fn for_grpc(self) -> AuthenticateLayer<A, Empty> {
        let grpc = GrpcClients { grpc: true, ..self.grpc };
        AuthenticateLayer { grpc, ..self.respond_with(Empty) }
    }

    /// Answers gRPC-Web clients as [`for_grpc`](Self::for_grpc) answers gRPC clients: those that send a POST, over any version of
    /// HTTP, with the content type `application/grpc-web` or `application/grpc-web-text`. Off by default.
    ///
    /// # Security
    ///
    /// Never set this on a service by whose status a proxy decides: as for `for_grpc`, and any client can send such a request.
    ///
    /// ```
    /// use tower_authn::{AuthenticateLayer, Scheme, Tokens, scheme::Bearer};
    ///
    /// let layer = AuthenticateLayer::new(Bearer::new("api").validated_by(Tokens::<u32>::new()))
    ///     .for_grpc()
    ///     .for_grpc_web();
    /// # let _ = layer;
    /// ```
    pub fn for_grpc_web(self) -> AuthenticateLayer<A, Empty> {
        let grpc = GrpcClients { grpc_web: true, ..self.grpc };
        AuthenticateLayer { grpc, ..self.respond_with(Empty) }
    }

    /// Sets where to find the target that the client asked for, where a router took a prefix off: for
    /// [`respond::Redirect`](crate::respond::Redirect), which leads back to it. Without it, or where nothing is found, it is the request's own.
    ///
    /// ```
    /// # use tower_authn::{AuthenticateLayer, Scheme, Tokens, scheme::Bearer};
    /// use axum::extract::OriginalUri;
    ///
    /// # let api = Bearer::new("api").validated_by(Tokens::<u32>::new());
    /// // Inside axum's `nest`; needs axum's feature `original-uri`, which is on by default.
    /// let layer = AuthenticateLayer::new(api)
    ///     .target_from(|extensions| extensions.get::<OriginalUri>().map(|original| &original.0));
    /// # let _ = layer;
    /// ```
    pub fn target_from(self, target: for<'a> fn(&'a Extensions) -> Option<&'a Uri>) -> Self {
        Self { target: Some(target), ..self }
    }

    pub(crate) fn asked(&self, head: &Parts) -> Asked {
        let target = self.target.and_then(|target| target(&head.extensions));
        Asked::of_target(head, target.unwrap_or(&head.uri), self.grpc)
    }

    /// Returns what is legal about the configuration, and hardly meant, as it is now: that an issuer cannot be reached, for
    /// example, is only known once its keys were asked for.
    ///
    /// All of it is logged as well (feature `tracing`), at warn, when the layer first wraps a service. Let a health check ask
    /// again.
    ///
    /// ```
    /// use tower_authn::{AuthenticateLayer, Scheme, Users, scheme::Basic};
    ///
    /// let layer = AuthenticateLayer::new(Basic::new("files").validated_by(Users::<u32>::new()));
    /// for warning in layer.check() {
    ///     eprintln!("{warning}"); // what is wrong, and what to do about it
    /// }
    /// ```
    pub fn check(&self) -> Vec<ConfigurationWarning> {
        self.inspection().into_warnings()
    }

    /// Inspects all parts, those that are only tried out last.
    pub(crate) fn inspection(&self) -> Inspection {
        let mut inspection = (self.inspect)(&self.authenticator);
        if self.grpc.grpc {
            inspection.warn(ConfigurationWarning::AnswersGrpc { setting: "for_grpc" });
        }
        if self.grpc.grpc_web {
            inspection.warn(ConfigurationWarning::AnswersGrpc { setting: "for_grpc_web" });
        }
        if let Some(second_opinion) = &self.observation.second_opinion {
            second_opinion.inspect(&mut inspection);
        }
        inspection
    }
}

// ===== what the service and its future ask of the layer =====

impl<A: Authenticator, R> AuthenticateLayer<A, R> {
    pub(crate) fn authenticator(&self) -> &Arc<A> {
        &self.authenticator
    }

    pub(crate) fn observation(&self) -> &Observation {
        &self.observation
    }

    pub(crate) fn observation_mut(&mut self) -> &mut Observation {
        Arc::make_mut(&mut self.observation)
    }

    /// Draws a rejection of this layer's own authenticator.
    pub(crate) fn reject<B>(
        &self,
        mut rejection: Rejection,
        asked: &Asked,
        request: Option<&mut ObservedRequest>,
    ) -> http::Response<B>
    where
        R: Respond<B>,
    {
        self.observation.identify(&mut rejection, request.as_deref());
        let mut challenges = Challenges::offered(&*self.authenticator, &rejection);
        let mut response = self.draw(&rejection, &mut challenges, asked);
        if let Some(request) = request {
            self.observation.refused(&rejection, Sent::in_response(&response), request);
        }
        response.extensions_mut().insert(rejection);
        response
    }

    /// Draws a rejection from inside, or hands it on to a layer further out, which may have more to say.
    pub(crate) fn reject_inner<B>(
        &self,
        undrawn: Undrawn,
        response: &mut http::Response<B>,
        accepted: &AcceptedHere,
        asked: &Asked,
        request: Option<&ObservedRequest>,
    ) where
        R: Respond<B>,
    {
        let granted = &accepted.granted;
        let Undrawn { rejection, mut offers, is_drawn } = undrawn;
        let mut rejection = rejection.found_by_all(granted.schemes());
        let own = Challenges::offered(&*self.authenticator, &rejection);
        let is_owner = own.own(&rejection);
        let draws = is_owner || !is_drawn && (!accepted.is_inside || own.any() && !rejection.is_filed());
        // The owner knows best what to ask for, be it nothing; any other asks for what is on offer.
        if is_owner || own.any() && (draws || !offers.any()) {
            offers = own;
        }
        if draws {
            self.observation.identify(&mut rejection, request);
            let mut answer = self.draw(&rejection, &mut offers.clone(), asked);
            answer.extensions_mut().insert(rejection.clone());
            draw_over(response, answer);
        }
        let is_drawn = is_drawn || draws;
        let undrawn = Undrawn { rejection: rejection.clone(), offers, is_drawn };
        if !is_drawn {
            let mut challenges = undrawn.offers.clone();
            challenges.fit(&rejection, asked, self.basic);
            hand_on(response, undrawn, &challenges);
        } else if !is_owner {
            response.extensions_mut().insert(undrawn);
        }
        if let Some(request) = request {
            self.observation.hear(&rejection, granted.details(), request);
            self.observation.tell_heard(response, is_owner, request);
        }
    }

    /// Returns what a bare 401 of the inner service lacks.
    pub(crate) fn challenges_for_bare_401(&self, asked: &Asked) -> Challenges {
        match self.bare_401 {
            Bare401::Left => Challenges::default(),
            Bare401::Completed => self.fitting(&Rejection::missing(), asked),
        }
    }

    /// Draws nothing but what the protocol prescribes.
    pub(crate) fn draft(&self, rejection: &Rejection, asked: &Asked) -> http::Response<()> {
        draw(rejection, &self.fitting(rejection, asked), asked, &|_: &Answer<'_>| http::Response::new(()))
    }

    fn fitting(&self, rejection: &Rejection, asked: &Asked) -> Challenges {
        let mut challenges = Challenges::offered(&*self.authenticator, rejection);
        challenges.fit(rejection, asked, self.basic);
        challenges
    }

    fn draw<B>(&self, rejection: &Rejection, challenges: &mut Challenges, asked: &Asked) -> http::Response<B>
    where
        R: Respond<B>,
    {
        challenges.fit(rejection, asked, self.basic);
        draw(rejection, challenges, asked, &*self.responder)
    }
}

// ===== traits =====

impl<S, A, R> Layer<S> for AuthenticateLayer<A, R> {
    type Service = Authenticate<S, A, R>;

    fn layer(&self, inner: S) -> Self::Service {
        let observers = self.observation.observers();
        if observers.are_listening() && self.observation.warns_now() {
            self.check().iter().for_each(|warning| observers.tell_of(&warning.occurrence()));
        }
        Authenticate::new(inner, Arc::new(self.clone()))
    }
}

impl<A, R> Clone for AuthenticateLayer<A, R> {
    fn clone(&self) -> Self {
        Self {
            authenticator: Arc::clone(&self.authenticator),
            responder: Arc::clone(&self.responder),
            observation: Arc::clone(&self.observation),
            ..*self
        }
    }
}

impl<A, R> fmt::Debug for AuthenticateLayer<A, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthenticateLayer")
            .field("authenticator", &type_name::<A>())
            .field("responder", &type_name::<R>())
            .field("bare_401", &self.bare_401)
            .field("basic_for_scripts", &self.basic)
            .field("grpc", &self.grpc)
            .field("observation", &self.observation)
            .finish_non_exhaustive()
    }
}
