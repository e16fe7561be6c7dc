//! Any lines of `X-Forwarded-For` and `Forwarded`, walked past proxies that are trusted by their
//! network or number.
#![no_main]

use std::net::IpAddr;

use http::{HeaderValue, Request};
use libfuzzer_sys::fuzz_target;
use tower_authn::{
    scheme::{ClientAddr, ForwardedBy, PeerAddr, TrustedProxies, WalkEnd},
    validator::Networks,
};
use tower_authn_fuzz::{
    expand,
    second::address::{Header, Walked, walk},
};

const PIECES: &[&str] = &[
    "for=",
    "For=",
    "by=",
    "proto=https",
    "host=\"a,b;c\\\"\"",
    "192.0.2.7",
    "10.0.0.2",
    "10.0.0.3",
    "10.255.255.255",
    "11.0.0.0",
    "::ffff:10.0.0.4",
    "::ffff:192.0.2.8",
    "2001:db8::7",
    "fd00::2",
    "[2001:db8::7]",
    "\"[2001:db8::7]:443\"",
    "\"[fd00::3]\"",
    "\"10.0.0.5:80\"",
    "10.0.0.6:80",
    "192.0.2.9:65535",
    "192.0.2.9:65536",
    ":",
    "unknown",
    "_hidden",
    "01.2.3.4",
    "fe80::1%eth0",
    ", ",
    ",",
    ";",
    "\"",
    "\\\"",
    "\\",
    " ",
    "\t",
    "[",
    "]",
    "for=10.0.0.2, ",
    "10.0.0.2, 10.0.0.2, 10.0.0.2, 10.0.0.2, ",
    "a=1;b=2;c=3;d=4;e=5;f=6;g=7;",
    "h=1;i=2;j=3;k=4;l=5;m=6;n=7;o=8;",
    "for=\"[::1]\"",
    "0.0.0.0",
    "[::]:1",
    "\u{e9}",
];

const PEERS: &[&str] = &["10.0.0.1", "::ffff:10.0.0.1", "fd00::1", "192.0.2.1", "2001:db8::1"];

fuzz_target!(|data: &[u8]| {
    let [mode, count, rest @ ..] = data else { return };
    let (header, by, name) = if mode & 1 == 1 {
        (Header::Forwarded, ForwardedBy::Forwarded, "forwarded")
    } else {
        (Header::XForwardedFor, ForwardedBy::XForwardedFor, "x-forwarded-for")
    };
    let peer: IpAddr = PEERS[usize::from(mode >> 2) % PEERS.len()].parse().unwrap();
    let hops = usize::from(*count) % 40;
    let (proxies, is_proxy): (_, Box<dyn Fn(usize, IpAddr) -> bool>) = if mode & 2 == 2 {
        (TrustedProxies::hops(hops, by), Box::new(move |hop, _| hop < hops))
    } else {
        let networks = "10.0.0.0/8, fd00::/8".parse::<Networks>().unwrap();
        (TrustedProxies::networks(networks, by), Box::new(|_, address| is_ours(address)))
    };
    let expanded = expand(rest, PIECES);
    let mut lines: Vec<&[u8]> = expanded.split(|byte| *byte == b'\n').collect();
    if expanded.is_empty() {
        lines.clear();
    }
    let mut request = Request::new(());
    for line in &lines {
        let Ok(value) = HeaderValue::from_bytes(line) else { return };
        request.headers_mut().append(name, value);
    }
    request.extensions_mut().insert(PeerAddr(peer));
    let head = request.into_parts().0;

    let client = ClientAddr::new().behind(proxies);
    let walked = client.explain(&head).unwrap();
    let found = match (walked.client(), walked.end()) {
        (Some(address), WalkEnd::NotAProxy) => Walked::Client(address),
        (None, WalkEnd::HeaderEnded) => Walked::HeaderEnded,
        (None, WalkEnd::NoAddress) => Walked::NoAddress,
        (None, WalkEnd::TooLong) => Walked::TooLong,
        other => panic!("{other:?}"),
    };
    let expected = walk(header, peer, &lines, is_proxy);
    let is_unspecified = matches!(expected, Walked::Client(address) if address.is_unspecified());
    assert!(
        found == expected || is_unspecified && found == Walked::NoAddress,
        "{found:?}, expected {expected:?}"
    );
    assert_eq!(client.of(&head).ok().map(|client| client.addr()), walked.client());
});

fn is_ours(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.octets()[0] == 10,
        IpAddr::V6(address) => address.octets()[0] == 0xfd,
    }
}
