//! Routes for the office network only, for the office or credentials, and for both: `cargo run --example ip_allowlist`.
//!
//! `OFFICE` is a file, or a list such as `10.0.0.0/8,192.0.2.7`; a file is read again when it changes. Behind proxies, set
//! `TRUSTED_PROXIES` (a list) and `FORWARDED_BY` (`x-forwarded-for` or `forwarded`).

mod support;

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use axum::{Router, extract::ConnectInfo, routing::get};
use tower_authn::{
    AuthenticateLayer, Authenticated, Authenticator, Scheme, Users,
    scheme::{Basic, ClientAddr, ClientIp, ForwardedBy, TrustedProxies},
    validator::{IpAllowlist, Networks},
};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let office = std::env::var("OFFICE").unwrap_or_else(|_| "127.0.0.0/8, ::1".into());
    let (networks, file) = match read(Path::new(&office)) {
        Ok(networks) => (networks, Some(PathBuf::from(office))),
        Err(_) if !Path::new(&office).exists() => {
            (office.parse::<Networks>().map_err(|error| error.to_string())?, None)
        }
        Err(error) => return Err(error.into()),
    };
    let list = IpAllowlist::new(networks);
    if let Some(file) = file {
        tokio::spawn(reload(file, list.clone()));
    }

    // axum knows the peer by the way the app is served, below.
    let mut client = ClientAddr::new()
        .peer_from(|extensions| extensions.get::<ConnectInfo<SocketAddr>>().map(|peer| peer.0.ip()));
    if let Ok(proxies) = std::env::var("TRUSTED_PROXIES") {
        let header: ForwardedBy =
            std::env::var("FORWARDED_BY").unwrap_or_else(|_| "x-forwarded-for".into()).parse()?;
        client = client.behind(TrustedProxies::networks(
            proxies.parse().map_err(|error: tower_authn::validator::NetworksError| error.to_string())?,
            header,
        ));
    }

    let name = std::env::var("DEMO_USER").unwrap_or_else(|_| "demo".into());
    let password = support::secret("DEMO_PASSWORD");
    let by_password = || Basic::new("office").validated_by(Users::new().with(&name, &password, ()));
    let by_address = || client.clone().validated_by(list.clone());
    let anywhere = || client.clone().validated_by(|client: ClientIp| async move { Ok(Some(client)) });

    let at_office = AuthenticateLayer::new(by_address());
    let either =
        AuthenticateLayer::new(by_address().or(anywhere().and(by_password()).map(|(client, ())| client)));
    let both = AuthenticateLayer::new(by_address().and(by_password()).map(|(client, ())| client));
    let app = Router::new()
        .route("/office", get(whence).layer(at_office))
        .route("/either", get(whence).layer(either))
        .route("/both", get(whence).layer(both));

    let (listener, url) = support::listen().await?;
    println!(
        "
curl -i {url}/office
curl -i {url}/either                        # from elsewhere: 401
curl -i -u '{name}:{password}' {url}/either
curl -i {url}/both                          # 401
curl -i -u '{name}:{password}' {url}/both
"
    );
    let app = app.into_make_service_with_connect_info::<SocketAddr>();
    axum::serve(listener, app).with_graceful_shutdown(support::ctrl_c()).await?;
    Ok(())
}

async fn whence(client: Authenticated<ClientIp>) -> String {
    format!("You come from {}.\n", *client)
}

fn read(file: &Path) -> Result<Networks, String> {
    let text = std::fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?;
    text.parse().map_err(|error| format!("{}: {error}", file.display()))
}

/// Looks every half second. A file with mistakes changes nothing, and is told of once.
async fn reload(file: PathBuf, list: IpAllowlist) {
    let mut known = list.networks();
    let mut told = String::new();
    loop {
        tokio::time::sleep(Duration::from_millis(500)).await;
        match read(&file) {
            Ok(networks) if networks != *known => {
                println!("{} read again: {networks:?}", file.display());
                list.replace(networks);
                known = list.networks();
                told.clear();
            }
            Ok(_) => told.clear(),
            Err(error) if error == told => {}
            Err(error) => {
                println!("the list stays as it was: {error}");
                told = error;
            }
        }
    }
}
