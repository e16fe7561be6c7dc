//! What a JWT costs: instructions (counted by valgrind) and allocations of one request through the whole layer, beside
//! those of the signature alone and of jsonwebtoken's `decode`.
//!
//! `cargo bench --bench jwt --features jwt-aws-lc,jwt-rust-crypto`. Ratios are of one run; budgets stand beside them.

mod support;

use std::convert::Infallible;
use std::future::{Future as _, Ready, ready};
use std::hint::black_box;
use std::pin::pin;
use std::process::Command;
use std::task::{Context, Poll, Waker};
use std::time::SystemTime;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{self, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, ParsedPublicKey};
use aws_lc_rs::{hmac, rsa};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use http::{Request, Response};
use jsonwebtoken::crypto::{CryptoProvider, JwtVerifier, KeyUtils};
use serde::Deserialize;
use serde_json::{Value, json};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use tower::{Layer as _, Service, service_fn};
use tower_authn::validator::jwt::{Jwt, JwtBuilder, Verified};
use tower_authn::{AuthenticateLayer, Authenticated, Scheme as _, respond, scheme::Bearer};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<std::alloc::System> = &INSTRUMENTED_SYSTEM;

const ISSUER: &str = "https://idp.example";
const AUDIENCE: &str = "orders";
const SECRET: &[u8] = b"a secret of 32 bytes, or longer.";
/// So many requests are made beforehand, whatever a run does with them.
const MOST: usize = 101;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    match &arguments[1..] {
        [case, setting] => println!("{case} {}", tokens(setting)),
        [case, setting, count] => run(case, &serde_json::from_str(setting).unwrap(), count.parse().unwrap()),
        _ => report(),
    }
}

// ===== the report =====

struct Cost {
    instructions: u64,
    allocations: usize,
}

fn report() {
    let program = std::env::current_exe().unwrap();
    let measure = |case: &str, setting: &Value| {
        let setting = setting.to_string();
        let counted =
            Command::new(&program).args([case, &setting, &(MOST - 1).to_string()]).output().unwrap();
        assert!(counted.status.success(), "{case}: {}", String::from_utf8_lossy(&counted.stderr));
        let allocations = String::from_utf8(counted.stdout).unwrap().trim().parse().unwrap();
        let instructions = |count: usize| support::collected(&[case, &setting, &count.to_string()]);
        let instructions = (instructions(MOST) - instructions(1)) / (MOST as u64 - 1);
        Cost { instructions, allocations }
    };

    println!("accepted: instructions and allocations of one request through the layer\n");
    println!("             signature alone        layer  ratio  budget  allocations   jsonwebtoken  ratio");
    for (name, budget) in [("HS256", 1.7), ("RS256", 1.05), ("ES256", 1.02), ("EdDSA", 1.04)] {
        let setting = tokens(name);
        let (limit, layer) = (measure("limit", &setting), measure("layer", &setting));
        let decode = measure("decode", &setting);
        #[allow(clippy::cast_precision_loss)]
        let ratio = |cost: &Cost| cost.instructions as f64 / limit.instructions as f64;
        println!(
            "{name:<10} {:>17} {:>12}  {:>5.3}  {budget:>6.3}  {:>8} ≤ 10  {:>12}  {:>5.3}",
            limit.instructions,
            layer.instructions,
            ratio(&layer),
            layer.allocations,
            decode.instructions,
            ratio(&decode),
        );
    }

    println!("\nflat in keys and issuers: EdDSA through the layer\n");
    for (what, keys, issuers) in [("1 key, 1 issuer", 1, 1), ("1000 keys", 1_000, 1), ("100 issuers", 1, 100)]
    {
        let mut setting = tokens("EdDSA");
        setting["keys"] = json!(keys);
        setting["issuers"] = json!(issuers);
        let cost = measure("layer", &setting);
        println!("{what:<18} {:>10} instructions {:>3} allocations", cost.instructions, cost.allocations);
    }

    println!("\nthe rest of the budgets, in instructions through the layer\n");
    for (what, budget) in [
        ("unknown key", 4_000),
        ("algorithm", 4_000),
        ("64 KiB", 2_000),
        ("expired", 10_000),
        ("cached", 3_000),
    ] {
        let mut setting = tokens("ES256");
        match what {
            "unknown key" => setting["token"] = setting["unknown"].clone(),
            "algorithm" => setting["token"] = tokens("HS256")["token"].clone(),
            "64 KiB" => setting["token"] = json!("a".repeat(64 * 1024)),
            "expired" => setting["token"] = setting["expired"].clone(),
            _ => setting["cache"] = json!(1_000),
        }
        let cost = measure(if what == "cached" { "layer" } else { "refused" }, &setting);
        println!("{what:<18} {:>10} ≤ {budget:>6} {:>3} allocations", cost.instructions, cost.allocations);
    }
}

/// Keys of one algorithm, and tokens made with them.
fn tokens(name: &str) -> Value {
    let random = SystemRandom::new();
    let part = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    let text = |kid: &str, expires: u64| {
        let header = json!({ "alg": name, "typ": "at+jwt", "kid": kid });
        let claims = json!({
            "iss": ISSUER, "aud": AUDIENCE, "exp": expires, "iat": now, "sub": "5be86359-073c-434b-ad2d-a3932222dabe",
            "client_id": "shop", "scope": "openid profile orders:read", "jti": "2f1acc6c3a604b88aa6e7b4ea8f0ddc1",
        });
        format!("{}.{}", part(header.to_string().as_bytes()), part(claims.to_string().as_bytes()))
    };
    let (key, sign): (Value, Box<dyn Fn(&str) -> Vec<u8>>) = match name {
        "HS256" => {
            let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET);
            (
                json!({ "kty": "oct", "k": part(SECRET) }),
                Box::new(move |text| hmac::sign(&key, text.as_bytes()).as_ref().to_vec()),
            )
        }
        "RS256" => {
            let key = rsa::KeyPair::generate(rsa::KeySize::Rsa2048).unwrap();
            // SEQUENCE { INTEGER n, INTEGER e } of a 2048-bit key: the numbers lie at fixed places.
            let der = key.public_key().as_ref().to_vec();
            let jwk = json!({ "kty": "RSA", "n": part(&der[9..265]), "e": part(&der[267..]) });
            let sign = move |text: &str| {
                let mut made = vec![0; 256];
                key.sign(&signature::RSA_PKCS1_SHA256, &random, text.as_bytes(), &mut made).unwrap();
                made
            };
            (jwk, Box::new(sign))
        }
        "ES256" => {
            let key = EcdsaKeyPair::generate(&signature::ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
            let point = key.public_key().as_ref().to_vec();
            let jwk =
                json!({ "kty": "EC", "crv": "P-256", "x": part(&point[1..33]), "y": part(&point[33..]) });
            (jwk, Box::new(move |text| key.sign(&random, text.as_bytes()).unwrap().as_ref().to_vec()))
        }
        _ => {
            let key = Ed25519KeyPair::generate().unwrap();
            let jwk = json!({ "kty": "OKP", "crv": "Ed25519", "x": part(key.public_key().as_ref()) });
            (jwk, Box::new(move |text| key.sign(text.as_bytes()).as_ref().to_vec()))
        }
    };
    let token = |kid: &str, expires: u64| {
        let text = text(kid, expires);
        format!("{text}.{}", part(&sign(&text)))
    };
    json!({
        "algorithm": name, "key": key, "token": token("k0", now + 3_600), "unknown": token("other", now + 3_600),
        "expired": token("k0", now - 3_600), "keys": 1, "issuers": 1,
    })
}

// ===== one run =====

#[derive(Deserialize)]
struct Claims {
    sub: String,
    client_id: String,
    scope: String,
    exp: u64,
}

type Body = http_body_util::Empty<bytes::Bytes>;

fn run(case: &str, setting: &Value, count: usize) {
    let token = setting["token"].as_str().unwrap();
    match case {
        "limit" => limit(setting, token, count),
        "decode" => decode(setting, token, count),
        "layer" => layer(setting, token, count, 200),
        "refused" => layer(setting, token, count, 401),
        _ => panic!("no such case: {case}"),
    }
}

/// Counts the allocations of one call, on average, after a first one.
fn counted(count: usize, mut call: impl FnMut(usize)) {
    call(0);
    let region = Region::new(ALLOCATOR);
    for n in 1..count {
        call(n);
    }
    println!("{}", region.change().allocations / (count - 1).max(1));
}

fn number(setting: &Value, name: &str) -> usize {
    usize::try_from(setting[name].as_u64().unwrap()).unwrap()
}

fn jwt(setting: &Value) -> Jwt<Claims> {
    let key = |n: usize| {
        let mut key = setting["key"].clone();
        key["kid"] = json!(format!("k{n}"));
        key
    };
    let keys: Vec<Value> = (0..number(setting, "keys")).map(key).collect();
    let set = json!({ "keys": keys }).to_string();
    let trusted = |jwt: JwtBuilder<Claims>| jwt.audience(AUDIENCE).jwk_set(&set);
    let mut builder = trusted(Jwt::<Claims>::issuer(ISSUER));
    for n in 1..number(setting, "issuers") {
        builder = trusted(builder.issuer(format!("https://idp{n}.example")));
    }
    if let Some(tokens) = setting["cache"].as_u64() {
        builder = builder.cache(usize::try_from(tokens).unwrap());
    }
    builder.build().unwrap()
}

fn inner(request: Request<Body>) -> Ready<Result<Response<Body>, Infallible>> {
    if let Ok(Some(token)) = Authenticated::<Verified<Claims>>::of(request.extensions()) {
        black_box((&token.sub, &token.client_id, &token.scope, token.exp));
    }
    // The identity dies here; the rest of the request, made beforehand, is the server's.
    let (mut head, _) = request.into_parts();
    drop(std::mem::take(&mut head.extensions));
    std::mem::forget(head);
    ready(Ok(Response::new(Body::new())))
}

fn layer(setting: &Value, token: &str, count: usize, status: u16) {
    let api = Bearer::new("r").validated_by(jwt(setting));
    let mut service = AuthenticateLayer::new(api).respond_with(respond::Empty).layer(service_fn(inner));
    let request =
        || Request::get("/").header("authorization", format!("Bearer {token}")).body(Body::new()).unwrap();
    let mut requests: Vec<_> = (0..MOST).map(|_| Some(request())).collect();
    counted(count, |n| {
        let mut future = pin!(service.call(requests[n].take().unwrap()));
        match future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(Ok(response)) => assert_eq!(response.status(), status),
            _ => panic!("nothing to wait for"),
        }
    });
}

/// The signature alone, with a key that was prepared once.
fn limit(setting: &Value, token: &str, count: usize) {
    let bytes = |name: &str| URL_SAFE_NO_PAD.decode(setting["key"][name].as_str().unwrap()).unwrap();
    let (signed, made) = token.rsplit_once('.').unwrap();
    let made = URL_SAFE_NO_PAD.decode(made).unwrap();
    let public = match setting["algorithm"].as_str().unwrap() {
        "HS256" => {
            let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET);
            return counted(count, |_| hmac::verify(&key, black_box(signed.as_bytes()), &made).unwrap());
        }
        "RS256" => signature::RsaPublicKeyComponents { n: bytes("n"), e: bytes("e") }
            .to_parsed_public_key(&signature::RSA_PKCS1_2048_8192_SHA256),
        "ES256" => ParsedPublicKey::new(
            &signature::ECDSA_P256_SHA256_FIXED,
            [vec![4], bytes("x"), bytes("y")].concat(),
        ),
        _ => ParsedPublicKey::new(&signature::ED25519, bytes("x")),
    };
    let public = public.unwrap();
    counted(count, |_| public.verify_sig(black_box(signed.as_bytes()), &made).unwrap());
}

// ===== jsonwebtoken =====

fn decode(setting: &Value, token: &str, count: usize) {
    AWS_LC.install_default().unwrap();
    let key = |name: &str| setting["key"][name].as_str().unwrap();
    let (algorithm, key) = match setting["algorithm"].as_str().unwrap() {
        "HS256" => (jsonwebtoken::Algorithm::HS256, jsonwebtoken::DecodingKey::from_secret(SECRET)),
        "RS256" => (
            jsonwebtoken::Algorithm::RS256,
            jsonwebtoken::DecodingKey::from_rsa_components(key("n"), key("e")).unwrap(),
        ),
        "ES256" => (
            jsonwebtoken::Algorithm::ES256,
            jsonwebtoken::DecodingKey::from_ec_components(key("x"), key("y")).unwrap(),
        ),
        _ => {
            (jsonwebtoken::Algorithm::EdDSA, jsonwebtoken::DecodingKey::from_ed_components(key("x")).unwrap())
        }
    };
    let mut validation = jsonwebtoken::Validation::new(algorithm);
    validation.set_audience(&[AUDIENCE]);
    validation.set_issuer(&[ISSUER]);
    counted(count, |_| {
        let token = jsonwebtoken::decode::<Claims>(black_box(token), &key, &validation).unwrap();
        black_box((&token.claims.sub, token.claims.exp));
    });
}

/// What jsonwebtoken's own aws-lc backend does: the key is parsed for each call. (Its feature would come along with every
/// example, if a development dependency switched it on.)
static AWS_LC: CryptoProvider = CryptoProvider {
    signer_factory: |_, _| Err(jsonwebtoken::errors::ErrorKind::InvalidAlgorithm.into()),
    verifier_factory: |algorithm, key| Ok(Box::new(AwsLc(*algorithm, key.clone()))),
    key_utils: KeyUtils::new_unimplemented(),
};

struct AwsLc(jsonwebtoken::Algorithm, jsonwebtoken::DecodingKey);

impl jsonwebtoken::signature::Verifier<Vec<u8>> for AwsLc {
    fn verify(&self, signed: &[u8], made: &Vec<u8>) -> Result<(), jsonwebtoken::signature::Error> {
        use jsonwebtoken::DecodingKeyKind::{RsaModulusExponent, SecretOrDer};
        let verified = match (self.0, self.1.kind()) {
            (_, RsaModulusExponent { n, e }) => signature::RsaPublicKeyComponents { n, e }.verify(
                &signature::RSA_PKCS1_2048_8192_SHA256,
                signed,
                made,
            ),
            (jsonwebtoken::Algorithm::HS256, SecretOrDer(secret)) => {
                hmac::verify(&hmac::Key::new(hmac::HMAC_SHA256, secret), signed, made)
            }
            (jsonwebtoken::Algorithm::ES256, SecretOrDer(key)) => {
                signature::UnparsedPublicKey::new(&signature::ECDSA_P256_SHA256_FIXED, key)
                    .verify(signed, made)
            }
            (_, SecretOrDer(key)) => {
                signature::UnparsedPublicKey::new(&signature::ED25519, key).verify(signed, made)
            }
        };
        verified.map_err(|_| jsonwebtoken::signature::Error::new())
    }
}

impl JwtVerifier for AwsLc {
    fn algorithm(&self) -> jsonwebtoken::Algorithm {
        self.0
    }
}
