//! What the examples share: where to listen, when to stop, and secrets that stand in no source.
#![allow(dead_code, unreachable_pub)]

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use tokio::net::TcpListener;

/// Binds `ADDR` (127.0.0.1:3000; port 0 picks a free one), and says where.
pub async fn listen() -> std::io::Result<(TcpListener, String)> {
    let address = std::env::var("ADDR").unwrap_or_else(|_| "127.0.0.1:3000".into());
    let listener = TcpListener::bind(&address)
        .await
        .map_err(|error| std::io::Error::new(error.kind(), format!("ADDR={address}: {error}")))?;
    let url = format!("http://{}", listener.local_addr()?);
    println!("listening on {url}");
    Ok((listener, url))
}

/// Waits for Ctrl-C.
pub async fn ctrl_c() {
    tokio::signal::ctrl_c().await.expect("a handler for Ctrl-C");
}

/// Returns so many seconds, which a variable of the environment may set.
pub fn seconds(variable: &str, default: u64) -> Result<std::time::Duration, String> {
    let seconds = match std::env::var(variable) {
        Ok(text) => text.parse().map_err(|_| format!("{variable}={text} is no number of seconds"))?,
        Err(_) => default,
    };
    Ok(std::time::Duration::from_secs(seconds))
}

/// Returns a variable of the environment, or 144 random bits as text.
pub fn secret(variable: &str) -> String {
    std::env::var(variable).unwrap_or_else(|_| {
        let mut bytes = [0; 18];
        getrandom::fill(&mut bytes).expect("randomness from the operating system");
        URL_SAFE_NO_PAD.encode(bytes)
    })
}
