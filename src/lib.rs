//! Composable Tower layers that validate credentials, with one uniform 401.
//!
//! ```
//! # #[cfg(feature = "axum")]
//! # mod app {
//! use axum::{Router, routing::get};
//! use tower_authn::{
//!     AuthenticateLayer, Authenticated, Authenticator, Scheme, Tokens, Users,
//!     scheme::{Basic, Bearer},
//! };
//!
//! fn app(token: &str, password: &str) -> Result<Router, Box<dyn std::error::Error>> {
//!     let tokens = Tokens::new();
//!     tokens.insert(token, "alice".to_string())?;
//!     let users = Users::new().with("alice", password, "alice".to_string());
//!
//!     let api = Bearer::new("api").validated_by(tokens).or(Basic::new("api").validated_by(users));
//!     Ok(Router::new().route("/whoami", get(whoami)).route_layer(AuthenticateLayer::new(api)))
//! }
//!
//! async fn whoami(user: Authenticated<String>) -> String {
//!     user.into_inner()
//! }
//! # }
//! ```
//!
//! Without good credentials the client sees
//!
//! ```http
//! HTTP/1.1 401 Unauthorized
//! content-type: application/problem+json
//! www-authenticate: Bearer realm="api"
//! www-authenticate: Basic realm="api", charset="UTF-8"
//! cache-control: no-store
//!
//! {"type":"about:blank","title":"Unauthorized","status":401, … ,"kind":"missing"}
//! ```
//!
//! or a page, if it is a browser; the log gets the reason. The [manual] tells how to choose, where the layer goes, and how to
//! extend what is here.
//!
//! # What there is
//!
//! | | |
//! |---|---|
//! | [`scheme`] | how credentials travel: [`Basic`](scheme::Basic), [`Bearer`](scheme::Bearer), [`ApiKey`](scheme::ApiKey), [`SessionCookie`](scheme::SessionCookie), [`ClientAddr`](scheme::ClientAddr), the trait [`Scheme`] |
//! | [`validator`] | who may come in: [`Tokens`], [`Users`], [`IpAllowlist`](validator::IpAllowlist), async functions, [`with_state`], [`FromService`](validator::FromService), [`jwt`](validator/jwt/index.html) (features `jwt-…`), [`passwords`](validator/passwords/index.html) and [`session`](validator/session/index.html) (features of their names), the trait [`Validator`] |
//! | [`authenticator`] | both together, and what combines them: [`or`](Authenticator::or), [`and`](Authenticator::and), [`optional`](Authenticator::optional), [`map`](Authenticator::map), [`and_then`](Authenticator::and_then), [`require`](Authenticator::require), [`boxed`](Authenticator::boxed), [`AnyOf`] |
//! | [`store`](store/index.html) | where sessions are kept (feature `session`): in memory, in Redis (feature `redis`) |
//! | [`throttle`] | a brake on guessing, for every scheme: [`throttled`](Authenticator::throttled) |
//! | layers | [`AuthenticateLayer`] for every scheme, [`RequireLayer`] for inner routes; [`DrainLayer`](drain/index.html) around both, for clients that are still sending (feature `drain`) |
//! | in a handler | [`Authenticated`], in axum an extractor, also as an `Option` |
//! | turned away | [`Rejection`] with its [`RejectionKind`] for the client, and its [`Finding`]s, [`Reason`]s and causes for the operator; [`PassedOver`] on accepted requests |
//! | what is asked for | [`Challenge`], [`Realm`], [`Demand`] |
//! | [`respond`] | how it is drawn: [`Negotiate`](respond::Negotiate), [`ProblemJson`](respond::ProblemJson), [`Html`](respond::Html), [`Plain`](respond::Plain), [`Empty`](respond::Empty), [`Redirect`](respond::Redirect), closures, the trait [`Respond`]; [`Unauthorized`] where no layer is around |
//! | operating | [`observe`], [`explain`], [`check`](AuthenticateLayer::check) and its [`ConfigurationWarning`]s, [`inspect`]; the [manual](manual::operating) |
//! | time | [`Clock`] |
#![cfg_attr(docsrs, feature(doc_cfg))]
#![cfg_attr(not(test), warn(clippy::unwrap_used, clippy::print_stdout, clippy::print_stderr))]

mod asked;
pub mod authenticator;
#[cfg(feature = "axum")]
mod axum;
mod cache_control;
mod challenge;
mod clock;
mod details;
#[cfg(feature = "drain")]
pub mod drain;
mod draw;
pub mod explain;
mod finding;
mod future;
mod granted;
mod identity;
pub mod inspect;
mod layer;
mod lock;
pub mod manual;
pub mod observe;
mod realm;
mod reason;
mod rejection;
pub mod respond;
pub mod scheme;
mod service;
#[cfg(feature = "session")]
pub mod store;
#[cfg(any(feature = "jwt", feature = "passwords"))]
mod tally;
pub mod throttle;
#[cfg(feature = "tokio")]
mod timer;
pub mod validator;
mod visit;

pub use asked::Asked;
pub use authenticator::{AnyOf, Authenticator, BoxAuthenticator, RequireLayer};
pub use challenge::{Challenge, ChallengeBuilder, ChallengeError, Challenges};
pub use clock::Clock;
#[cfg(any(test, feature = "testing"))]
pub use clock::ManualClock;
pub use details::Details;
pub use finding::{Demand, Finding};
pub use future::ResponseFuture;
pub use granted::{Granted, PassedOver};
pub use identity::Authenticated;
pub use inspect::{ConfigurationWarning, Inspection, Part};
pub use layer::AuthenticateLayer;
pub use observe::Observe;
pub use realm::{IntoRealm, Realm, RealmError};
pub use reason::Reason;
pub use rejection::{Rejection, RejectionKind};
pub use respond::{Answer, Respond, Unauthorized};
pub use scheme::{BearerToken, Scheme};
pub use service::Authenticate;
pub use validator::{Tokens, Users, Validator, with_state};
pub use visit::Visit;

/// Runs the examples of the README.
#[cfg(all(doctest, feature = "axum"))]
#[doc = include_str!("../README.md")]
struct Readme;
