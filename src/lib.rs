//! Composable authentication for Tower.
#![cfg_attr(docsrs, feature(doc_cfg))]

mod asked;
pub mod authenticator;
#[cfg(feature = "axum")]
mod axum;
mod challenge;
mod clock;
mod draw;
mod finding;
mod future;
mod granted;
mod identity;
mod layer;
pub mod manual;
mod realm;
mod reason;
mod rejection;
pub mod respond;
pub mod scheme;
mod service;
mod trace;
pub mod validator;

pub use asked::Asked;
pub use authenticator::{AnyOf, Authenticator, BoxAuthenticator, RequireLayer};
pub use challenge::{Challenge, ChallengeBuilder, ChallengeError, Challenges};
pub use clock::Clock;
#[cfg(any(test, feature = "testing"))]
pub use clock::ManualClock;
pub use finding::{Demand, Finding};
pub use future::ResponseFuture;
pub use granted::{Granted, PassedOver};
pub use identity::Authenticated;
pub use layer::AuthenticateLayer;
pub use realm::{IntoRealm, Realm, RealmError};
pub use reason::Reason;
pub use rejection::{Rejection, RejectionKind};
pub use respond::{Answer, Respond, Unauthorized};
pub use scheme::{BearerToken, Scheme};
pub use service::Authenticate;
pub use validator::{Tokens, Users, Validator, with_state};
