//! A scheme of one's own, beside Bearer: devices that send a number and a code in two headers.
//! `cargo run --example custom_scheme`

mod support;

use std::fmt;

use axum::{Router, routing::get};
use http::{HeaderName, request::Parts};
use tower_authn::{
    Asked, AuthenticateLayer, Authenticated, Authenticator, Challenge, ChallengeError, Finding, Realm,
    Rejection, Scheme, Tokens, Validator as _, Visit, scheme,
    scheme::{ApiKeyValue, Bearer},
};

/// The credentials redact themselves, since they may end up in a log.
struct DeviceCode {
    number: u32,
    code: ApiKeyValue,
}

impl fmt::Debug for DeviceCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DeviceCode({}, ..)", self.number)
    }
}

/// The challenge is rendered once, so a mistake in it is found when the scheme is made.
struct Device {
    challenge: Challenge,
}

impl Device {
    fn new(realm: &Realm) -> Result<Self, ChallengeError> {
        Ok(Self { challenge: Challenge::new("Device").param("realm", realm.as_str()).build()? })
    }
}

impl Scheme for Device {
    type Credentials = DeviceCode;

    fn name(&self) -> &'static str {
        "Device"
    }

    /// None of the two headers: not this scheme. One of them, one twice, or no number: 400.
    fn extract(&self, head: &mut Parts, _: &Asked) -> Result<Option<DeviceCode>, Rejection> {
        let text = |value: &http::HeaderValue| value.to_str().ok().map(str::to_owned);
        let number = scheme::header(head, &HeaderName::from_static("device-number"))?.and_then(text);
        let code = scheme::header(head, &HeaderName::from_static("device-code"))?.and_then(text);
        match (number, code) {
            (None, None) => Ok(None),
            (Some(number), Some(code)) => {
                let number =
                    number.parse().map_err(|error| Rejection::malformed().because(format!("{error}")))?;
                Ok(Some(DeviceCode { number, code: ApiKeyValue::new(code) }))
            }
            _ => Err(Rejection::malformed().because("one of device-number and device-code is missing")),
        }
    }

    fn challenge(&self, _: Option<&Finding>) -> Option<Challenge> {
        Some(self.challenge.clone())
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (code, token) = (support::secret("DEMO_CODE"), support::secret("DEMO_TOKEN"));
    let codes = Tokens::new();
    codes.insert_weak(&code, 7_u32);
    let people = Tokens::new();
    people.insert_weak(&token, "alice".to_owned());

    // A code is good for the device that it was made for, and for no other.
    let by_device = Device::new(&Realm::try_from("devices")?)?.validated_by(move |sent: DeviceCode| {
        let codes = codes.clone();
        async move {
            let made_for = codes.validate(sent.code, &mut Visit::outside()).await?;
            Ok::<_, Rejection>(
                made_for.filter(|number| *number == sent.number).map(|number| format!("device {number}")),
            )
        }
    });
    let either = by_device.or(Bearer::new("devices").validated_by(people));
    let app = Router::new().route("/whoami", get(whoami)).route_layer(AuthenticateLayer::new(either));

    let (listener, url) = support::listen().await?;
    println!(
        "
curl -i {url}/whoami                                                      # 401: Bearer, Device
curl -i -H 'Device-Number: 7' -H 'Device-Code: {code}' {url}/whoami
curl -i -H 'Device-Number: 8' -H 'Device-Code: {code}' {url}/whoami       # 401
curl -i -H 'Device-Number: seven' -H 'Device-Code: {code}' {url}/whoami   # 400
curl -i -H 'Authorization: Bearer {token}' {url}/whoami
"
    );
    axum::serve(listener, app).with_graceful_shutdown(support::ctrl_c()).await?;
    Ok(())
}

async fn whoami(name: Authenticated<String>) -> String {
    format!("You are {}.\n", *name)
}
