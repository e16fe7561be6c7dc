//! What is legal about a configuration, and hardly meant.

mod support;

use support::secrets::{by_bearer, users};
use tower_authn::{
    AnyOf, Asked, AuthenticateLayer, Authenticator, Challenge, ConfigurationWarning as Warning, Finding,
    Inspection, Rejection, Scheme as _,
    scheme::{Basic, ClientAddr, ForwardedBy, TrustedProxies},
    throttle::Throttle,
    validator::{AddressWarning, IpAllowlist, Networks},
};

fn warnings(authenticator: impl Authenticator) -> Vec<Warning> {
    AuthenticateLayer::new(authenticator).check()
}

fn by_password() -> impl Authenticator<Identity = &'static str> {
    Basic::new("r").over_tls().validated_by(users())
}

fn without_tls() -> Warning {
    Warning::BasicWithoutTls { realm: "r".into() }
}

fn unthrottled() -> Warning {
    Warning::PasswordsUnthrottled { realm: "r".into() }
}

#[test]
fn a_stack_without_risks_has_no_warnings() {
    assert_eq!(warnings(by_bearer()), []);
    assert_eq!(warnings(by_password().throttled(Throttle::default())), []);
}

#[test]
fn basic_asks_for_tls_and_a_throttle() {
    assert_eq!(warnings(Basic::new("r").validated_by(users())), [without_tls(), unthrottled()]);
    assert_eq!(warnings(by_password()), [unthrottled()]);
    let throttled = Basic::new("r").validated_by(users()).throttled(Throttle::default());
    assert_eq!(warnings(throttled), [without_tls()]);
}

#[test]
fn every_combination_hands_its_parts_through() {
    assert_eq!(warnings(by_bearer().or(by_password())), [unthrottled()]);
    assert_eq!(warnings(by_bearer().and(by_password())), [unthrottled()]);
    assert_eq!(warnings(by_password().optional()), [unthrottled()]);
    assert_eq!(warnings(by_password().map(str::len)), [unthrottled()]);
    assert_eq!(warnings(by_password().require(|_: &&str| true)), [unthrottled()]);
    assert_eq!(warnings(by_password().and_then(async |user| Ok(Some(user)))), [unthrottled()]);
    assert_eq!(warnings(by_password().boxed()), [unthrottled()]);
    assert_eq!(warnings(AnyOf::try_from(vec![by_password().boxed()]).unwrap()), [unthrottled()]);
    assert_eq!(warnings(by_bearer().or(by_password()).throttled(Throttle::default())), []);
}

#[test]
fn the_same_warning_counts_once() {
    assert_eq!(warnings(by_password().or(by_password())), [unthrottled()]);
}

#[test]
fn addresses_that_let_everybody_in_are_warned_of() {
    let everybody: Networks = "0.0.0.0/0".parse().unwrap();
    let list = ClientAddr::new().validated_by(IpAllowlist::new(everybody.clone()));
    assert_eq!(warnings(list), [Warning::Address(AddressWarning::AllowsEverything)]);
    let proxies = || TrustedProxies::networks(everybody.clone(), ForwardedBy::Forwarded);
    let trusting = [Warning::Address(AddressWarning::TrustsEverything)];
    let some = || IpAllowlist::new(Networks::private());
    assert_eq!(warnings(ClientAddr::new().behind(proxies()).validated_by(some())), trusting);
    let throttle = Throttle::default().address_from(ClientAddr::new().behind(proxies()));
    assert_eq!(warnings(by_password().throttled(throttle)), trusting);
}

#[test]
fn addresses_that_are_never_found_are_warned_of() {
    let some = || IpAllowlist::new(Networks::private());
    let behind = |proxies| warnings(ClientAddr::new().behind(proxies).validated_by(some()));
    let hops = |count| TrustedProxies::hops(count, ForwardedBy::Forwarded);
    let nobody = TrustedProxies::networks(Networks::none(), ForwardedBy::Forwarded);
    assert_eq!(behind(nobody), [Warning::Address(AddressWarning::TrustsNobody)]);
    assert_eq!(behind(hops(0)), [Warning::Address(AddressWarning::TrustsNobody)]);
    assert_eq!(behind(hops(33)), [Warning::Address(AddressWarning::TooManyHops)]);
    assert_eq!(behind(hops(32)), []);
}

/// A scheme of an app, which has something to say.
struct Outdated;

impl tower_authn::Scheme for Outdated {
    type Credentials = ();
    fn name(&self) -> &'static str {
        "Outdated"
    }
    fn extract(&self, _: &mut http::request::Parts, _: &Asked) -> Result<Option<()>, Rejection> {
        Ok(None)
    }
    fn challenge(&self, _: Option<&Finding>) -> Option<Challenge> {
        None
    }
    fn inspect(&self, inspection: &mut Inspection) {
        inspection.warn(Warning::Other("the directory is outdated: load it anew".into()));
    }
}

#[test]
fn what_an_apps_own_part_says_is_warned_of() {
    let outdated = Outdated.validated_by(async |()| Ok::<_, Rejection>(Some("alice")));
    let expected = Warning::Other("the directory is outdated: load it anew".into());
    assert_eq!(warnings(outdated), [expected]);
}

#[cfg(all(feature = "jwt-aws-lc", feature = "testing"))]
mod jwt {
    use std::time::{Duration, SystemTime};

    use serde_json::json;
    use support::mint::{AUDIENCE, ISSUER};
    use support::provider::{Answer, Provider, Signer, URL};
    use tower_authn::validator::jwt::{Algorithm, Jwt, JwtBuilder, KeyStatus};
    use tower_authn::{Clock, scheme::Bearer};

    use super::*;

    fn issuer() -> String {
        ISSUER.into()
    }

    fn publishing(headers: &[(&'static str, &str)]) -> Provider {
        let provider = Provider::default();
        let keys = Answer::json(&json!({ "keys": [Signer::new("one").jwk()] }));
        let answer = headers.iter().fold(keys, |answer, (name, value)| answer.header(name, value));
        provider.answers(&[(URL, answer)]);
        provider
    }

    fn builder(provider: &Provider) -> JwtBuilder<()> {
        let noon = SystemTime::UNIX_EPOCH + Duration::from_secs(784_116_000); // 6 November 1994, 10:00:00
        let (clock, _) = Clock::manual(noon);
        Jwt::issuer(ISSUER)
            .audience(AUDIENCE)
            .max_age(Duration::from_secs(3600))
            .clock(clock)
            .jwks_uri(URL, provider.clone())
    }

    /// What is warned of once the keys were asked for, and how they are.
    async fn asked(builder: JwtBuilder<()>) -> (Vec<Warning>, Vec<KeyStatus>) {
        let jwt = builder.build().unwrap();
        let _ = tokio::time::timeout(Duration::from_secs(2), jwt.ready()).await;
        (warnings(Bearer::new("r").validated_by(jwt.clone())), jwt.keys())
    }

    #[tokio::test(start_paused = true)]
    async fn keys_in_order_have_a_status_and_no_warning() {
        let (warnings, keys) =
            asked(builder(&publishing(&[("date", "Sun, 06 Nov 1994 09:59:45 GMT")]))).await;
        assert_eq!(warnings, []);
        let [keys] = &keys[..] else { panic!("one issuer") };
        assert_eq!((keys.issuer(), keys.len(), keys.is_ready(), keys.failure()), (ISSUER, 1, true, None));
        assert_eq!((keys.age(), keys.skew()), (Some(Duration::ZERO), Some(Duration::from_secs(15))));
    }

    #[tokio::test(start_paused = true)]
    async fn a_clock_beyond_the_leeway_is_warned_of() {
        let (warnings, _) = asked(builder(&publishing(&[("date", "Sun, 06 Nov 1994 10:01:00 GMT")]))).await;
        let (skew, leeway) = (Duration::from_secs(60), Duration::from_secs(30));
        assert_eq!(warnings, [Warning::ClockSkew { issuer: issuer(), skew, leeway }]);
    }

    #[tokio::test(start_paused = true)]
    async fn an_issuer_that_cannot_be_reached_is_warned_of_once_it_was_tried() {
        let provider = Provider::default();
        let untried = builder(&provider).build().unwrap();
        assert_eq!(warnings(Bearer::new("r").validated_by(untried.clone())), []);
        assert_eq!(provider.asked(), 0, "looking fetches nothing");
        assert!(!untried.keys()[0].is_ready());
        let (warnings, keys) = asked(builder(&provider)).await;
        let failure = "connection refused".to_owned();
        assert_eq!(warnings, [Warning::IssuerUnreachable { issuer: issuer(), failure }]);
        assert_eq!((keys[0].is_ready(), keys[0].failure()), (false, Some("connection refused")));
    }

    #[tokio::test(start_paused = true)]
    async fn an_algorithm_without_a_key_is_warned_of_where_it_was_named() {
        let named = builder(&publishing(&[])).algorithms([Algorithm::EdDSA, Algorithm::RS256]);
        let algorithm = "RS256";
        assert_eq!(asked(named).await.0, [Warning::UnservedAlgorithm { issuer: issuer(), algorithm }]);
    }

    #[test]
    fn tokens_without_a_maximum_age_are_warned_of() {
        let jwt =
            Jwt::<()>::issuer(ISSUER).audience(AUDIENCE).secret(Algorithm::HS256, &[7; 32]).build().unwrap();
        let expected = [Warning::JwtWithoutMaxAge { issuer: issuer() }];
        assert_eq!(warnings(Bearer::new("r").validated_by(jwt)), expected);
    }

    #[cfg(feature = "session")]
    mod all {
        use std::collections::BTreeSet;

        use tower_authn::{scheme::SessionCookie, validator::session::Sessions};

        use super::*;

        /// The names of all warnings, as the source declares them: what may get more variants cannot be matched whole from here.
        fn declared(source: &'static str, declaration: &str) -> BTreeSet<&'static str> {
            let (_, variants) = source.split_once(declaration).unwrap();
            let (variants, _) = variants.split_once("\n}").unwrap();
            let names = variants.lines().map(|line| name(line.trim_start()));
            names.filter(|name| name.starts_with(char::is_uppercase)).collect()
        }

        /// What `Debug` and the source begin with.
        fn name(text: &str) -> &str {
            text.split(|char: char| !char.is_ascii_alphanumeric()).next().unwrap()
        }

        fn by_session(
            cookie: SessionCookie,
            limited: impl Fn(Sessions<String>) -> Sessions<String>,
        ) -> Vec<Warning> {
            let sessions = limited(Sessions::in_memory(&cookie));
            warnings(cookie.validated_by(sessions))
        }

        #[tokio::test(start_paused = true)]
        async fn every_warning_is_provoked_names_its_remedy_and_stands_in_the_manual() {
            let cookie = || SessionCookie::new("web");
            let everybody: Networks = "0.0.0.0/0".parse().unwrap();
            let behind = |proxies| {
                let client = ClientAddr::new().behind(proxies);
                warnings(client.validated_by(IpAllowlist::new(Networks::private())))
            };
            let hops = |count| TrustedProxies::hops(count, ForwardedBy::XForwardedFor);
            let one_day = Duration::from_secs(24 * 3600);
            let bare = Jwt::<()>::issuer(ISSUER).audience(AUDIENCE).secret(Algorithm::HS256, &[7; 32]);
            let provoked = [
                warnings(Basic::new("r").validated_by(users())),
                warnings(Bearer::new("r").validated_by(bare.build().unwrap())),
                asked(builder(&publishing(&[("date", "Sun, 06 Nov 1994 10:01:00 GMT")]))).await.0,
                asked(builder(&publishing(&[])).algorithms([Algorithm::EdDSA, Algorithm::RS256])).await.0,
                asked(builder(&Provider::default())).await.0,
                by_session(cookie().over_plain_http_at("[::1]:80".parse().unwrap()).unwrap(), |web| web),
                by_session(cookie().sent_with_requests_of_other_sites(), |web| web),
                by_session(cookie(), |web| web.idle_limit(one_day)),
                warnings(ClientAddr::new().validated_by(IpAllowlist::new(everybody.clone()))),
                behind(TrustedProxies::networks(everybody, ForwardedBy::Forwarded)),
                behind(hops(0)),
                behind(hops(33)),
                AuthenticateLayer::new(by_bearer()).for_grpc().check(),
                warnings(Outdated.validated_by(async |()| Ok::<_, Rejection>(Some("alice")))),
            ]
            .concat();

            let of_addresses =
                declared(include_str!("../src/validator/networks/warning.rs"), "pub enum AddressWarning {");
            let mut all =
                declared(include_str!("../src/inspect/warning.rs"), "pub enum ConfigurationWarning {");
            assert!(all.remove("Address"), "it stands for those of addresses");
            assert!(!of_addresses.is_empty() && of_addresses.is_disjoint(&all));
            all.extend(&of_addresses);
            let debugged: Vec<_> = provoked.iter().map(|warning| format!("{warning:?}")).collect();
            let names = debugged.iter().map(|text| name(text.strip_prefix("Address(").unwrap_or(text)));
            assert_eq!(names.collect::<BTreeSet<_>>(), all);

            let manual = include_str!("../src/manual/operating.md");
            for (warning, debugged) in provoked.iter().zip(&debugged) {
                assert!(warning.to_string().contains(": "), "{warning}: a remedy behind a colon");
                let row = match warning {
                    Warning::Address(_) => format!("| `{debugged}` |"),
                    _ => format!("| `{}` |", name(debugged)),
                };
                assert!(manual.contains(&row), "{row}");
            }
        }
    }
}

#[test]
fn row_28_answers_for_grpc_are_warned_about_by_the_setting() {
    let layer = || AuthenticateLayer::new(by_bearer());
    let warned = |setting| Warning::AnswersGrpc { setting };
    assert!(layer().check().is_empty());
    assert_eq!(layer().for_grpc().check(), [warned("for_grpc")]);
    assert_eq!(layer().for_grpc().for_grpc_web().check(), [warned("for_grpc"), warned("for_grpc_web")]);
    assert!(warned("for_grpc").to_string().contains("`.for_grpc()`"));
}
