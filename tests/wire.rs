//! The rows of the contract with clients: what goes over the wire.

mod support;

use http::StatusCode;
use support::{Answered, ask, secrets::*};
use tower_authn::{Authenticator as _, Scheme as _, scheme::Bearer};

const BASIC: &str = r#"Basic realm="r", charset="UTF-8""#;
const BEARER: &str = r#"Bearer realm="r""#;
const API_KEY: &str = r#"ApiKey realm="r""#;
const INVALID_REQUEST: &str = r#"Bearer error="invalid_request", realm="r""#;
const INVALID_TOKEN: &str = r#"Bearer error="invalid_token", realm="r", error_description="The access token is not valid for this resource""#;

/// Holds the whole head of an answer against what it must be.
#[track_caller]
fn is(answer: &Answered, status: u16, challenges: &[&str]) {
    assert_eq!(answer.status, StatusCode::from_u16(status).unwrap());
    assert_eq!(answer.challenges(), challenges);
    assert_eq!(answer.one("cache-control"), Some("no-store"));
    assert_eq!(answer.one("vary"), None);
    assert!(!answer.body.is_empty(), "a body that is not empty");
    let retries = matches!(status, 429 | 503);
    assert_eq!(answer.one("retry-after").is_some(), retries, "Retry-After goes with 429 and 503");
    let expected = 2 + challenges.len() + usize::from(retries);
    assert_eq!(answer.headers.len(), expected, "no other headers: {:#?}", answer.lines());
}

#[tokio::test]
async fn row_1_no_credentials_basic() {
    is(&ask(by_basic(), &[]).await, 401, &[BASIC]);
}

#[tokio::test]
async fn row_2_no_credentials_bearer() {
    is(&ask(by_bearer(), &[]).await, 401, &[BEARER]);
}

#[tokio::test]
async fn row_2_scope_and_resource_metadata_when_configured() {
    let bearer = Bearer::new("r").scope("read write").unwrap();
    let bearer =
        bearer.resource_metadata("https://api.example/.well-known/oauth-protected-resource").unwrap();
    let challenge = r#"Bearer scope="read write", resource_metadata="https://api.example/.well-known/oauth-protected-resource", realm="r""#;
    is(&ask(bearer.validated_by(tokens()), &[]).await, 401, &[challenge]);
}

#[tokio::test]
async fn row_3_no_credentials_several_schemes_one_line_each_the_most_important_first() {
    let all = by_key().or(by_basic()).or(by_bearer());
    is(&ask(all, &[]).await, 401, &[BEARER, BASIC, API_KEY]);
}

#[tokio::test]
async fn row_6_bearer_that_is_no_token68_is_400() {
    for value in [
        "Bearer",
        "Bearer ",
        "Bearer a b",
        "Bearer a,b",
        "Bearer =",
        "Bearer a=b",
        "Bearer \ta",
        "Bearer\ta",
        "bearer %",
    ] {
        is(&ask(by_bearer(), &[("authorization", value)]).await, 400, &[INVALID_REQUEST]);
    }
}

#[tokio::test]
async fn row_9_a_token_that_is_not_accepted() {
    is(
        &ask(by_bearer().or(by_basic()), &[("authorization", "Bearer nope")]).await,
        401,
        &[INVALID_TOKEN, BASIC],
    );
}
