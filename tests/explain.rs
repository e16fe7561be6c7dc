//! Why a request would be let in or turned away.

mod support;

use std::time::Duration;

use support::secrets::*;
use tower_authn::{
    AuthenticateLayer, Authenticator, Rejection, Scheme as _,
    explain::{Explanation, RequestHead, RequestHeadError},
    observe::Outcome,
    scheme::{Basic, Bearer, ClientAddr, UserPassword},
    throttle::{Quota, Throttle},
    validator::{IpAllowlist, Networks},
};

async fn explained(authenticator: impl Authenticator, text: &str) -> Explanation {
    let head = text.parse::<RequestHead>().unwrap().from_peer([192, 0, 2, 7].into());
    AuthenticateLayer::new(authenticator).explain(&head.into_parts()).await
}

fn curl(headers: &[(&str, &str)]) -> String {
    let lines: Vec<_> = headers.iter().map(|(name, value)| format!("> {name}: {value}\n")).collect();
    format!(
        "* Connected to localhost\n> GET /whoami?q=s3cr3t HTTP/1.1\n{}>\n< HTTP/1.1 401\n",
        lines.concat()
    )
}

#[tokio::test]
async fn a_refusal_is_a_tree_from_what_was_found_to_what_would_pass() {
    let text = curl(&[("Authorization", &basic("alice", "hunter2"))]);
    let explanation = explained(by_bearer().or(by_basic()), &text).await;
    let expected = r#"GET /whoami
├─ Bearer, realm "r": nothing
├─ Basic, realm "r": credentials
├─ refused
│  └─ Basic: wrong_password (invalid)
├─ answer: 401 Unauthorized
│  ├─ www-authenticate: Bearer realm="r"
│  ├─ www-authenticate: Basic realm="r", charset="UTF-8"
│  └─ cache-control: no-store
└─ to pass
   └─ Basic: check the password, or have it reset
"#;
    assert_eq!(explanation.to_string(), expected);
}

#[tokio::test]
async fn an_acceptance_names_who_granted_and_what_was_passed_over() {
    let text = curl(&[("Authorization", &bearer()), ("X-Api-Key", "stale")]);
    let explanation = explained(by_key().or(by_bearer()), &text).await;
    assert_eq!((explanation.outcome(), explanation.status()), (Outcome::Accepted, None));
    assert_eq!(explanation.granted_by(), ["Bearer"]);
    assert_eq!(explanation.findings()[0].reason, "unknown");
    assert!(
        explanation.to_string().contains("let in by Bearer\n   └─ ApiKey: unknown (invalid)"),
        "{explanation}"
    );
    assert!(explained(by_key().optional(), &curl(&[])).await.to_string().contains("let in as nobody"));
}

#[tokio::test]
async fn nothing_sent_asks_for_one_of_the_schemes() {
    let explanation = explained(by_bearer().or(by_key()), &curl(&[])).await;
    assert_eq!(explanation.remedies(), ["bring credentials of Bearer, or ApiKey"]);
    assert_eq!(explanation.status().unwrap(), 401);
}

#[tokio::test]
async fn what_cannot_be_read_is_told_by_scheme() {
    let explanation = explained(by_bearer(), &curl(&[("Authorization", "Bearer a b")])).await;
    let step = &explanation.steps()[0];
    assert_eq!((step.extracted, step.findings[0].reason), ("unreadable", "malformed"));
    assert_eq!(explanation.status().unwrap(), 400);
}

#[tokio::test]
async fn a_cause_that_repeats_a_name_in_latin1_is_redacted() {
    let lookup = async |sent: UserPassword| {
        let cause = format!("no user {}", sent.user());
        Err::<Option<()>, _>(Rejection::invalid().because(std::io::Error::other(cause)))
    };
    let text = curl(&[("Authorization", "Basic QW5kcuk6aHVudGVyMg==")]); // André
    let told = explained(Basic::new("r").or_latin1().validated_by(lookup), &text).await.to_string();
    assert!(told.contains("[redacted]") && !told.contains("Andr"), "{told}");
}

#[tokio::test]
async fn causes_and_addresses_are_told() {
    let list = IpAllowlist::new("10.0.0.0/8".parse::<Networks>().unwrap());
    let explanation = explained(ClientAddr::new().validated_by(list), &curl(&[])).await;
    let finding = &explanation.findings()[0];
    assert_eq!(finding.cause.as_deref(), Some("192.0.2.7 is not on the list"));
    assert_eq!(finding.client.as_deref(), Some("192.0.2.7"));
    assert!(explanation.to_string().contains("cause: 192.0.2.7 is not on the list"));
}

#[tokio::test]
async fn a_cause_is_one_line_and_keeps_its_quotes() {
    let broken = bearer_that(|| Rejection::unavailable().because("the pool's \"main\"\nis down"));
    let explanation = explained(broken, &curl(&[("Authorization", "Bearer x")])).await.to_string();
    assert!(explanation.contains(r#"cause: the pool's "main"\nis down"#), "{explanation}");
}

#[tokio::test]
async fn a_stack_that_looks_at_addresses_wants_to_know_the_peer() {
    let list = IpAllowlist::new("10.0.0.0/8".parse::<Networks>().unwrap());
    let layer = AuthenticateLayer::new(ClientAddr::new().validated_by(list));
    let head = curl(&[]).parse::<RequestHead>().unwrap().into_parts();
    let explanation = layer.explain(&head).await.to_string();
    assert!(explanation.contains("cause: the peer's address is not in the request"), "{explanation}");
}

#[tokio::test]
async fn headers_of_a_rejection_are_told_without_cookie_values() {
    let dead = bearer_that(|| {
        let cookie = "sid=s3cr3t; Path=/; Max-Age=0".parse().unwrap();
        Rejection::unavailable()
            .with_header(http::header::SET_COOKIE, cookie)
            .with_retry_after(Duration::from_secs(7))
    });
    let explanation = explained(dead, &curl(&[("Authorization", "Bearer x")])).await;
    let headers: Vec<_> = explanation.headers().collect();
    assert!(headers.contains(&("set-cookie", "sid=[redacted]; Path=/; Max-Age=0")), "{headers:?}");
    assert!(headers.contains(&("retry-after", "7")), "{headers:?}");
    assert_eq!(explanation.outcome(), Outcome::Unavailable);
}

#[tokio::test]
async fn a_throttle_turns_away_and_counts_nothing() {
    let once = Throttle::default().by_address(Quota::new(1, Duration::from_secs(60)));
    let stack = by_basic().throttled(once.clone().address_from(ClientAddr::new()));
    let layer = AuthenticateLayer::new(stack);
    let text = curl(&[("Authorization", &basic("alice", "hunter2"))]);
    let head = text.parse::<RequestHead>().unwrap().from_peer([192, 0, 2, 7].into()).into_parts();
    for _ in 0..2 {
        assert_eq!(layer.explain(&head).await.status().unwrap(), 401);
    }
    once.attempt([192, 0, 2, 7].into(), None).await.unwrap().failed();
    for _ in 0..2 {
        assert_eq!(layer.explain(&head).await.status().unwrap(), 429);
    }
}

#[tokio::test]
async fn no_secret_shows_even_if_an_apps_error_repeats_it() {
    let echo = |token: tower_authn::BearerToken| async move {
        let text = format!("no such token: {} of {}", token.expose(), "s3cr3t-cookie");
        Err::<Option<&'static str>, _>(Rejection::invalid().because(text))
    };
    let stack = Bearer::new("r").validated_by(echo).or(by_basic()).or(by_key());
    let layer = AuthenticateLayer::new(stack);
    let password = basic("carol", "s3cr3t-password");
    for headers in [
        &[("Authorization", "Bearer s3cr3t-token"), ("Cookie", "theme=dark; sid=s3cr3t-cookie")][..],
        &[("Authorization", &password), ("X-Api-Key", "s3cr3t-key")],
        &[("Authorization", "Bearer s3cr3t token"), ("Proxy-Authorization", "Basic s3cr3t")],
    ] {
        let head = curl(headers).parse::<RequestHead>().unwrap();
        assert!(!format!("{head:?}").contains("s3cr3t"));
        let explanation = layer.explain(&head.into_parts()).await;
        let shown = format!("{explanation} {explanation:?}");
        #[cfg(feature = "serde")]
        let shown = shown + &serde_json::to_string(&explanation).unwrap();
        for secret in ["s3cr3t", "carol", &password[6..]] {
            assert!(!shown.contains(secret), "{secret} in {shown}");
        }
    }
}

/// What is shown of a path by a stack that has read a password, or a cookie.
async fn shown_path(path: &str, headers: &[(&str, &str)]) -> String {
    let text = curl(headers).replacen("/whoami?q=s3cr3t", path, 1);
    let explanation = explained(by_basic(), &text).await.to_string();
    let line = explanation.lines().next().unwrap();
    line.strip_prefix("GET ").unwrap().to_owned()
}

#[tokio::test]
async fn a_secret_in_the_path_is_redacted_in_every_spelling() {
    let password = basic("carol", "p\u{e4}ss/wo+rd");
    let login = &[("Authorization", password.as_str())][..];
    for (path, shown) in [
        ("/users/carol", "/users/[redacted]"),
        ("/users/%63a%72ol", "/users/[redacted]"),
        ("/%2fcarol%2f", "/%2f[redacted]%2f"),
        ("/a/p\u{e4}ss/wo+rd", "/a/[redacted]"),
        ("/a/p%C3%A4ss%2Fwo%2Brd/b", "/a/[redacted]/b"),
        ("/a/p%c3%a4ss/wo%2brd", "/a/[redacted]"),
        ("/carolcarol", "/[redacted][redacted]"),
        ("/c%61ro/%zz%6/%", "/c%61ro/%zz%6/%"),
    ] {
        assert_eq!(shown_path(path, login).await, shown, "{path}");
    }
    let encoded = &password[6..];
    assert_eq!(shown_path(&format!("/{encoded}"), login).await, "/[redacted]");
    assert_eq!(shown_path(&format!("/{}", encoded.replace('=', "%3D")), login).await, "/[redacted]");
    // A secret that itself looks like an escape is no escape.
    assert_eq!(shown_path("/a%41b", &[("Cookie", "id=%41b")]).await, "/a[redacted]");
    assert_eq!(shown_path("/a%41bcd", &[("Cookie", "id=%41bcd; b=Abc")]).await, "/a[redacted]");
}

#[tokio::test]
async fn secrets_that_overlap_are_hidden_together() {
    assert_eq!(shown_path("/abcdefg.", &[("Cookie", "a=abcd; b=cdef; c=efg")]).await, "/[redacted].");
    assert_eq!(shown_path("/abcdef.", &[("Cookie", "a=abc; b=abcdef")]).await, "/[redacted].");
    assert_eq!(shown_path("/xabcd/abcx", &[("Cookie", "a=abc; b=abcx")]).await, "/x[redacted]d/[redacted]");
}

/// Explained by a validator whose error repeats a text.
async fn caused(cause: &str, headers: &[(&str, &str)]) -> String {
    let echo = bearer_that({
        let cause = cause.to_owned();
        move || Rejection::invalid().because(cause.clone())
    });
    let text = curl(&[headers, &[("Authorization", "Bearer x")]].concat());
    explained(echo, &text).await.findings()[0].cause.clone().unwrap()
}

#[tokio::test]
async fn a_cause_that_debug_wrote_is_redacted() {
    let cookie = "id=a\"b\\c'd";
    assert_eq!(
        caused(&format!("no session {:?}", &cookie[3..]), &[("Cookie", cookie)]).await,
        "no session \"[redacted]\""
    );
    assert_eq!(
        caused(&format!("no session {}", &cookie[3..]), &[("Cookie", cookie)]).await,
        "no session [redacted]"
    );
}

#[tokio::test]
async fn what_is_shorter_than_three_bytes_is_taken_for_a_part_of_words() {
    assert_eq!(
        caused("ab abc \u{e9} \u{e9}a", &[("Cookie", "a=ab; b=abc")]).await,
        "ab [redacted] \u{e9} \u{e9}a"
    );
}

#[tokio::test]
async fn what_stands_for_a_secret_is_not_searched_for_more() {
    // Once 447 bytes of this kind made an answer of 270 MB.
    let cookie = (0..30).map(|n| format!("a{n}=red; b{n}=act")).collect::<Vec<_>>().join("; ");
    let headers = [("Cookie", cookie.as_str())];
    assert_eq!(caused("red and act", &headers).await, "[redacted] and [redacted]");
    assert_eq!(caused("[redacted]", &headers).await, "[[redacted][redacted]ed]");
}

#[cfg(feature = "serde")]
#[tokio::test]
async fn tools_get_it_as_json() {
    let explanation = explained(by_bearer(), &curl(&[("Authorization", "Bearer x")])).await;
    let json = serde_json::to_value(&explanation).unwrap();
    assert_eq!(json["outcome"], "refused");
    assert_eq!(json["answer"]["status"], 401);
    assert_eq!(json["findings"][0]["reason"], "unknown");
    assert_eq!(json["steps"][0]["extracted"], "credentials");
}

// ===== the text of a request =====

#[track_caller]
fn reads(text: &str, method: &str, target: &str, headers: usize) {
    let head = text.parse::<RequestHead>().unwrap().into_parts();
    assert_eq!(
        (head.method.as_str(), head.uri.to_string().as_str(), head.headers.len()),
        (method, target, headers)
    );
}

#[track_caller]
fn fails(text: &str, error: RequestHeadError) {
    assert_eq!(text.parse::<RequestHead>().unwrap_err(), error);
    assert!(!error.to_string().contains("s3cr3t"));
}

#[test]
fn a_head_is_read_from_curl_and_from_raw_text() {
    reads(&curl(&[("Host", "localhost:3000"), ("Accept", "*/*")]), "GET", "/whoami?q=s3cr3t", 2);
    reads("POST /a HTTP/1.1\r\nHost: x\r\nX: a:b\r\n\r\nbody: none", "POST", "/a", 2);
    reads("\n\nGET https://a.example/b HTTP/2\n", "GET", "https://a.example/b", 0);
    let twice = "> GET /a HTTP/1.1\n> Host: x\n>\n< HTTP/1.1 401\n> GET /b HTTP/1.1\n> Host: x\n> Authorization: y\n>\n";
    reads(twice, "GET", "/b", 2);
}

#[test]
fn what_is_no_head_is_told_by_its_line_and_not_repeated() {
    fails("", RequestHeadError::Empty);
    fails("* nothing\n>\n", RequestHeadError::Empty);
    fails("s3cr3t", RequestHeadError::RequestLine { line: 1 });
    fails("GET / HTTP/1.1 s3cr3t", RequestHeadError::RequestLine { line: 1 });
    fails("GET / s3cr3t", RequestHeadError::RequestLine { line: 1 });
    fails("GET / HTTP/1.1\nHost: x\ns3cr3t", RequestHeadError::Header { line: 3 });
    fails("* x\n> GET / HTTP/1.1\n> a b: s3cr3t", RequestHeadError::Header { line: 3 });
    fails(&"a".repeat(64 * 1024 + 1), RequestHeadError::TooLong);
    fails(&format!("GET / HTTP/1.1\n{}", "a: b\n".repeat(201)), RequestHeadError::TooManyHeaders);
}

proptest::proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in "(> |[\\PC\r\n :/]|GET |HTTP/1.1){0,60}") {
        let _ = text.parse::<RequestHead>();
    }

    #[test]
    fn an_explanation_is_no_longer_than_a_constant_and_ten_times_what_it_is_made_of(
        pieces in proptest::collection::vec(r"\[redacted\]|red|act|\[re|ted\]|edac|cte|\[|\]|%5[bB]|red%61ct", 0..60),
        secrets in proptest::collection::vec(r"red|act|\[re|ted\]|edac|cte|dact|\[redacted\]|redac?|\]\[re?|%5b", 0..40),
    ) {
        let cause = pieces.concat();
        let cookie = secrets.iter().map(|secret| format!("a={secret}")).collect::<Vec<_>>().join("; ");
        let text = curl(&[("Cookie", &cookie), ("Authorization", "Bearer x")]).replacen("whoami", &cause, 1);
        let refused = bearer_that({
            let cause = cause.clone();
            move || Rejection::invalid().because(cause.clone())
        });
        let explanation = support::now(explained(refused, &text));
        let shown = explanation.to_string();
        // The cause and the path are shown once each.
        proptest::prop_assert!(shown.len() <= 500 + 10 * 2 * cause.len(), "{} bytes of {}", shown.len(), cause.len());
        // Nothing but what stands for them holds them.
        let found = explanation.findings()[0].cause.as_deref().unwrap();
        for secret in secrets {
            proptest::prop_assert!(!found.replace("[redacted]", " ").contains(&secret), "{secret} in {found} of {cause}");
        }
    }

    #[test]
    fn any_credentials_are_explained_without_showing_them(credentials in "[a-zA-Z0-9+/=:._-]{12,60}", name in "Bearer|Basic|ApiKey") {
        let text = curl(&[("Authorization", &format!("{name} {credentials}")), ("X-Api-Key", &credentials)]);
        let explanation = support::now(explained(by_bearer().or(by_basic()).or(by_key()), &text));
        let shown = format!("{explanation} {explanation:?}");
        proptest::prop_assert!(!shown.contains(&credentials));
    }
}
