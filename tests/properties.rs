//! Properties that hold for whatever comes.

mod support;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::{HeaderName, HeaderValue, Request, StatusCode, header};
use mediatype::MediaTypeList;
use proptest::{prelude::*, proptest};
use support::{Answered, ask, now, secrets::*};
use tower_authn::{
    Asked, AuthenticateLayer, Authenticator as _, Challenge, Demand, Realm, Rejection, Scheme as _,
    respond::{Redirect, ReturnTo},
    scheme,
    scheme::Bearer,
};

/// Asks with one raw header.
fn ask_raw(name: HeaderName, value: HeaderValue) -> Answered {
    let all = by_bearer().or(by_basic()).or(by_key());
    now(async {
        let layer = AuthenticateLayer::new(all);
        let service = tower::Layer::layer(&layer, tower::service_fn(support::whoami));
        let mut request = support::request(&[]);
        request.headers_mut().insert(name, value);
        support::send(service, request).await
    })
}

fn head(name: HeaderName, value: HeaderValue) -> http::request::Parts {
    Request::get("/").header(name, value).body(()).unwrap().into_parts().0
}

// ===== challenges =====

/// One challenge with these parameters; the middle one is left out if nothing of its text may be sent.
fn has_only(answer: &Answered, names: &[&str; 3]) -> Result<(), TestCaseError> {
    let parsed = http_auth::parse_challenges(answer.challenges()[0]).unwrap();
    prop_assert_eq!(parsed.len(), 1);
    let found: Vec<_> = parsed[0].params.iter().map(|(name, _)| *name).collect();
    prop_assert!(found == names || found == [names[0], names[2]], "{:?}", found);
    Ok(())
}

/// A token (RFC 9110 §5.6.2).
const TOKEN_CHARS: &str = "[A-Za-z0-9!#$%&'*+.^_`|~-]{1,12}";

proptest! {
    /// http-auth is an independent parser. It is known to refuse token68 and obs-text, which no challenge here holds.
    #[test]
    fn any_challenge_that_can_be_built_is_read_back_identically(
        scheme in TOKEN_CHARS,
        params in prop::collection::vec((TOKEN_CHARS, "[ -~]{0,20}"), 1..5),
    ) {
        let built = params.iter().fold(Challenge::new(&scheme), |challenge, (name, value)| challenge.param(name, value)).build();
        let Ok(challenge) = built else {
            // Then it is for one of the documented reasons.
            let lower: Vec<_> = params.iter().map(|(name, _)| name.to_ascii_lowercase()).collect();
            let repeated = lower.iter().enumerate().any(|(index, name)| lower[..index].contains(name));
            let restricted = |name: &str| ["error", "error_description", "error_uri", "scope"].contains(&name);
            let quoted = params.iter().any(|(name, value)| restricted(&name.to_ascii_lowercase()) && value.contains(['"', '\\']));
            prop_assert!(repeated || quoted);
            return Ok(());
        };
        prop_assert_eq!(challenge.scheme(), &scheme);
        let parsed = http_auth::parse_challenges(challenge.as_str()).unwrap();
        prop_assert_eq!(parsed.len(), 1);
        prop_assert_eq!(parsed[0].scheme, &scheme);
        let read: Vec<_> = parsed[0].params.iter().map(|(name, value)| ((*name).to_owned(), value.to_unescaped())).collect();
        prop_assert_eq!(read, params);
        // Joined into one line, as proxies may do it, they still are the same, in whatever order.
        let joined = format!("{challenge}, Other realm=\"r\", {challenge}");
        let joined = http_auth::parse_challenges(&joined).unwrap();
        prop_assert_eq!(joined.iter().map(|one| one.scheme).collect::<Vec<_>>(), [scheme.as_str(), "Other", &scheme]);
        prop_assert_eq!(&joined[0].params, &parsed[0].params);
        prop_assert_eq!(&joined[2].params, &parsed[0].params);
    }

    #[test]
    fn what_cannot_be_sent_cannot_be_built(scheme in ".{0,8}", name in ".{0,8}", value in ".{0,20}") {
        if let Ok(challenge) = Challenge::new(&scheme).param(&name, &value).build() {
            prop_assert!(challenge.as_str().bytes().all(|byte| matches!(byte, b' '..=b'~')));
            prop_assert!(http_auth::parse_challenges(challenge.as_str()).is_ok());
        }
    }

    #[test]
    fn run_time_text_never_breaks_the_header(text in ".{0,40}") {
        let scope = text.clone();
        let refusing = bearer_that(move || Rejection::insufficient_scope(scope.clone()));
        let answer = now(ask(refusing, &[("authorization", "Bearer x")]));
        prop_assert_eq!(answer.status, StatusCode::FORBIDDEN);
        has_only(&answer, &["error", "scope", "realm"])?;

        let refusing = bearer_that(move || Rejection::step_up(Demand::Acr(text.clone().into())));
        let answer = now(ask(refusing, &[("authorization", "Bearer x")]));
        prop_assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
        has_only(&answer, &["error", "acr_values", "realm"])?;
    }

    #[test]
    fn a_realm_that_is_one_is_read_back_and_smuggles_no_parameter(text in ".{0,40}") {
        let Ok(realm) = Realm::try_from(text.as_str()) else { return Ok(()) };
        let answer = now(ask(Bearer::new(realm).validated_by(tokens()), &[]));
        let parsed = http_auth::parse_challenges(answer.challenges()[0]).unwrap();
        prop_assert_eq!(parsed[0].params.len(), 1);
        prop_assert_eq!(parsed[0].params[0].1.to_unescaped(), text);
    }
}

// ===== credentials =====

/// What is let in: the values that decode to what was issued.
fn was_issued(value: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(value) else { return false };
    let Some((scheme, rest)) = text.split_once(' ') else { return false };
    let rest = rest.trim_start_matches(' ');
    if scheme.eq_ignore_ascii_case("bearer") {
        return rest == TOKEN;
    }
    let good = [format!("alice:{PASSWORD}"), "zo\u{eb}:p\u{e4}ss".to_owned()];
    scheme.eq_ignore_ascii_case("basic")
        && STANDARD.decode(rest).is_ok_and(|decoded| good.iter().any(|good| good.as_bytes() == decoded))
}

/// Values close to good ones: right schemes and secrets, with something of them changed.
fn near_misses() -> impl Strategy<Value = Vec<u8>> {
    let scheme =
        prop::sample::select(vec!["Bearer", "bearer", "Basic", "bASIC", "BasicX", "Bearer\t", "Bear", ""]);
    let space = prop::sample::select(vec![" ", "  ", "", "\t", "="]);
    let (alice, zoe) = (basic("alice", PASSWORD), basic("zo\u{eb}", "p\u{e4}ss"));
    let secret = prop::sample::select(vec![
        TOKEN.to_owned(),
        alice[6..].to_owned(),
        zoe[6..].to_owned(),
        KEY.to_owned(),
    ]);
    let change = prop_oneof![Just(None), (any::<prop::sample::Index>(), any::<u8>()).prop_map(Some),];
    (scheme, space, secret, change, "[ =\t]{0,2}").prop_map(|(scheme, space, secret, change, tail)| {
        let mut value = format!("{scheme}{space}{secret}{tail}").into_bytes();
        if let Some((index, byte)) = change {
            let index = index.index(value.len());
            value[index] = byte;
        }
        value
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn no_authorization_is_let_in_unless_it_decodes_to_what_was_issued(
        value in prop_oneof![prop::collection::vec(any::<u8>(), 0..80), near_misses()],
    ) {
        let Ok(header) = HeaderValue::from_bytes(&value) else { return Ok(()) };
        let answer = ask_raw(header::AUTHORIZATION, header);
        let let_in = answer.status == StatusCode::OK;
        prop_assert_eq!(let_in, was_issued(&value), "{:?}", String::from_utf8_lossy(&value));
        prop_assert!(let_in || matches!(answer.status.as_u16(), 400 | 401));
    }

    #[test]
    fn no_api_key_is_let_in_but_the_one(value in prop_oneof![prop::collection::vec(any::<u8>(), 0..60), Just(KEY.into())]) {
        let Ok(header) = HeaderValue::from_bytes(&value) else { return Ok(()) };
        let answer = ask_raw(HeaderName::from_static("x-api-key"), header);
        prop_assert_eq!(answer.status == StatusCode::OK, value == KEY.as_bytes());
    }

    #[test]
    fn a_cookie_is_found_if_and_only_if_it_occurs_once(
        pairs in prop::collection::vec(("[a-c]{1,2}", "[!-+\\--:<-~]{0,5}"), 0..6),
        noise in "[ -~]{0,10}",
    ) {
        let noise = if noise.contains('=') { String::new() } else { noise };
        let line = pairs.iter().map(|(name, value)| format!("{name}={value}")).chain([noise]).collect::<Vec<_>>().join("; ");
        let mut head = head(header::COOKIE, HeaderValue::try_from(line).unwrap());
        let named: Vec<_> = pairs.iter().filter(|(name, _)| name == "a").collect();
        let expected = if let [(_, value)] = named[..] { Some(value.as_str()) } else { None };
        prop_assert_eq!(scheme::cookie(&mut head, "a"), expected);
    }

    #[test]
    fn no_cookie_header_panics(value in prop::collection::vec(any::<u8>(), 0..80)) {
        let Ok(value) = HeaderValue::from_bytes(&value) else { return Ok(()) };
        let mut head = head(header::COOKIE, value);
        let _ = scheme::cookie(&mut head, "sid");
    }
}

// ===== accept =====

/// What the crate mediatype, with the rules of RFC 9110 §12.5.1 on top, says of a media type: quality and specificity.
fn oracle(accept: &str, wanted: (&str, &str)) -> (u32, u8) {
    let mut best = (0, 0);
    for range in MediaTypeList::new(accept) {
        let range = range.unwrap();
        let suffix = range.suffix.map_or_else(String::new, |suffix| format!("+{suffix}"));
        let subtype = format!("{}{suffix}", range.subty);
        let specificity = match (range.ty.as_str(), subtype.as_str()) {
            ("*", "*") => 1,
            (ty, "*") if ty == wanted.0 => 2,
            (ty, subty) if (ty, subty) == wanted => 3,
            _ => continue,
        };
        let quality = mediatype::ReadParams::get_param(&range, mediatype::Name::new_unchecked("q"));
        let quality = quality.map_or(1.0, |value| value.as_str().parse::<f64>().unwrap());
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        if specificity > best.1 {
            best = ((quality * 1000.0).round() as u32, specificity);
        }
    }
    best
}

proptest! {
    #[test]
    fn accept_is_read_as_an_independent_parser_reads_it(
        ranges in prop::collection::vec(
            (
                prop::sample::select(vec!["text/html", "text/plain", "text/*", "*/*", "application/json", "application/problem+json", "image/png"]),
                prop::option::of(0_u16..=1000),
            ),
            1..5,
        ),
    ) {
        let range = |(name, quality): &(&str, Option<u16>)| match quality {
            Some(quality) => format!("{name};q={}.{:03}", quality / 1000, quality % 1000),
            None => (*name).to_owned(),
        };
        let accept = ranges.iter().map(range).collect::<Vec<_>>().join(", ");
        let of = |ty, subty| oracle(&accept, (ty, subty));
        let html = of("text", "html");
        let data = of("application", "json").max(of("application", "problem+json"));
        let expected = html.0 > 0 && html > data && html >= of("text", "plain");
        let head = head(header::ACCEPT, HeaderValue::try_from(accept.as_str()).unwrap());
        prop_assert_eq!(Asked::of(&head).wants_html(), expected, "{}", accept);
    }

    #[test]
    fn no_accept_header_panics(value in prop::collection::vec(any::<u8>(), 0..60)) {
        let Ok(value) = HeaderValue::from_bytes(&value) else { return Ok(()) };
        let _ = Asked::of(&head(header::ACCEPT, value)).wants_html();
    }
}

// ===== ways back =====

/// What the URL standard, as browsers implement it, makes of a reference on a page of this site.
fn opened(reference: &str) -> url::Url {
    url::Url::parse("https://site.example/login").unwrap().join(reference).unwrap()
}

proptest! {
    #[test]
    fn a_way_back_never_leads_to_another_site(text in r"[/\\.@:?#%a-z0-9\t\r\n \u{a0}\u{3002}\u{ff0f}]{0,16}|/(\PC|\pC){0,8}") {
        if let Ok(next) = text.parse::<ReturnTo>() {
            prop_assert_eq!(next.as_str(), &text);
            prop_assert_eq!(opened(&text).origin(), opened("/").origin());
            prop_assert!(HeaderValue::from_str(&text).is_ok());
        }
    }

    #[test]
    fn a_redirect_leads_to_the_form_and_nowhere_else(target in r"/[!$&-;=?-\[\]_a-z|~%]{0,16}", method in "GET|POST") {
        let Ok(request) = Request::builder().method(&*method).uri(&target).header("accept", "text/html").body(support::Body::default())
        else { return Ok(()) };
        let layer = AuthenticateLayer::new(by_bearer()).respond_with(Redirect::to("/sign-in?a=1#form"));
        let answer = now(support::send(tower::Layer::layer(&layer, tower::service_fn(support::whoami)), request));
        let location = opened(answer.one("location").unwrap());
        prop_assert_eq!((location.origin(), location.path()), (opened("/").origin(), "/sign-in"));
        let fields: Vec<_> = location.query_pairs().collect();
        prop_assert_eq!(&fields[0], &("a".into(), "1".into()));
        match &fields[1..] {
            [] => prop_assert!(method == "POST" || target.parse::<ReturnTo>().is_err(), "{}", target),
            [(name, next)] => prop_assert!(name == "next" && *next == target, "{} for {}", next, target),
            more => prop_assert!(false, "{:?}", more),
        }
    }
}
