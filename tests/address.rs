//! Client addresses: rule 18, and rows 20 to 22.

mod support;

use std::{
    net::{IpAddr, SocketAddr},
    sync::{Arc, atomic::Ordering},
};

use http::Request;
use proptest::prelude::*;
use support::{Answered, Body, secrets::*, send, whoami};
use tower::{Layer as _, service_fn};
use tower_authn::{
    AuthenticateLayer, Authenticated, Authenticator, Reason, Rejection, RejectionKind, Scheme as _,
    scheme::{ClientAddr, ClientIp, ForwardedBy, PeerAddr, TrustedProxies, WalkEnd},
    validator::{AddressWarning, IpAllowlist, IpAllowlistLayer, Networks},
};

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn networks(text: &str) -> Networks {
    text.parse().unwrap()
}

fn asked(peer: Option<&str>, headers: &[(&str, &str)]) -> Request<Body> {
    let mut request = support::request(headers);
    if let Some(peer) = peer {
        request.extensions_mut().insert(PeerAddr(ip(peer)));
    }
    request
}

fn behind(header: ForwardedBy) -> ClientAddr {
    ClientAddr::new().behind(TrustedProxies::networks(networks("10.0.0.0/8, fd00::/8"), header))
}

/// Whom a request with these lines of the header is believed to come from, by way of the proxy 10.0.0.1.
fn believed(header: ForwardedBy, lines: &[&str]) -> (Option<IpAddr>, WalkEnd) {
    let name = if header == ForwardedBy::Forwarded { "forwarded" } else { "x-forwarded-for" };
    let headers: Vec<_> = lines.iter().map(|line| (name, *line)).collect();
    let walk = behind(header).explain(&asked(Some("10.0.0.1"), &headers).into_parts().0).unwrap();
    (walk.client(), walk.end())
}

#[track_caller]
fn x_forwarded_for(lines: &[&str], client: Option<&str>) {
    assert_eq!(believed(ForwardedBy::XForwardedFor, lines).0, client.map(ip), "{lines:?}");
}

#[track_caller]
fn forwarded(lines: &[&str], client: Option<&str>) {
    assert_eq!(believed(ForwardedBy::Forwarded, lines).0, client.map(ip), "{lines:?}");
}

// ===== rule 18 =====

#[test]
fn rule_18_without_proxies_no_header_is_believed() {
    let headers = [("x-forwarded-for", "6.6.6.6"), ("forwarded", "for=6.6.6.6"), ("x-real-ip", "6.6.6.6")];
    let head = asked(Some("192.0.2.7"), &headers).into_parts().0;
    assert_eq!(ClientAddr::new().of(&head).unwrap().addr(), ip("192.0.2.7"));
    // Nor is it if the peer is no trusted proxy, or if it is another header.
    assert_eq!(behind(ForwardedBy::XForwardedFor).of(&head).unwrap().addr(), ip("192.0.2.7"));
    let head = asked(Some("10.0.0.1"), &[("forwarded", "for=6.6.6.6")]).into_parts().0;
    let walk = behind(ForwardedBy::XForwardedFor).explain(&head).unwrap();
    assert_eq!((walk.client(), walk.end()), (None, WalkEnd::HeaderEnded));
}

#[test]
fn rule_18_the_walk_goes_from_the_right_past_trusted_proxies() {
    x_forwarded_for(&["192.0.2.7"], Some("192.0.2.7"));
    x_forwarded_for(&["6.6.6.6, 192.0.2.7"], Some("192.0.2.7"));
    x_forwarded_for(&["6.6.6.6, 192.0.2.7, 10.0.0.2,10.0.0.3"], Some("192.0.2.7"));
    x_forwarded_for(&["6.6.6.6", "192.0.2.7", "10.0.0.2"], Some("192.0.2.7"));
    x_forwarded_for(&["192.0.2.7, fd00::2"], Some("192.0.2.7"));
    x_forwarded_for(&["192.0.2.7, ::ffff:10.0.0.2"], Some("192.0.2.7"));
    x_forwarded_for(&["::ffff:192.0.2.7"], Some("192.0.2.7"));
    x_forwarded_for(&["192.0.2.7:1234"], Some("192.0.2.7"));
    x_forwarded_for(&["2001:db8::7"], Some("2001:db8::7"));
    x_forwarded_for(&["[2001:db8::7]:443, 10.0.0.2"], Some("2001:db8::7"));
    x_forwarded_for(&["unknown, garbage, 192.0.2.7"], Some("192.0.2.7"));
}

#[test]
fn rule_18_what_is_no_address_on_the_walk_is_refused() {
    let bad = [
        "",
        ",",
        "192.0.2.7,",
        "192.0.2.7,,10.0.0.2",
        "unknown",
        "_hidden",
        "192.0.2",
        "0300.0.2.7",
        "192.0.02.7",
        "3221225991",
        "0xc0000207",
        "192.0.2.7:",
        "192.0.2.7:99999",
        "192.0.2.7:12 34",
        "fe80::1%eth0",
        "[2001:db8::7",
        "2001:db8::7]",
        "\"192.0.2.7\"",
        "192.0.2.7;proto=http",
        "localhost",
        "10.0.0.2 192.0.2.7",
    ];
    for line in bad {
        assert_eq!(believed(ForwardedBy::XForwardedFor, &[line]), (None, WalkEnd::NoAddress), "{line:?}");
    }
    assert_eq!(believed(ForwardedBy::XForwardedFor, &[]), (None, WalkEnd::HeaderEnded));
    assert_eq!(believed(ForwardedBy::XForwardedFor, &["10.0.0.2, 10.0.0.3"]), (None, WalkEnd::HeaderEnded));
    assert_eq!(believed(ForwardedBy::XForwardedFor, &[&",".repeat(8193)]), (None, WalkEnd::TooLong));
    assert_eq!(
        believed(ForwardedBy::XForwardedFor, &[&["10.0.0.2"; 40].join(",")]),
        (None, WalkEnd::TooLong)
    );
}

#[tokio::test]
async fn rule_18_nobody_has_the_unspecified_address() {
    let everybody = "0.0.0.0/0, ::/0";
    let of_everybody = || TrustedProxies::networks(networks(everybody), ForwardedBy::XForwardedFor);
    for nobody in ["0.0.0.0", "::", "::ffff:0.0.0.0", "0:0:0:0:0:0:0:0"] {
        let peer = || asked(Some(nobody), &[("x-forwarded-for", "192.0.2.7")]);
        let hops = TrustedProxies::hops(1, ForwardedBy::XForwardedFor);
        for client in
            [ClientAddr::new(), ClientAddr::new().behind(of_everybody()), ClientAddr::new().behind(hops)]
        {
            let walk = client.explain(&peer().into_parts().0).unwrap();
            assert_eq!((walk.client(), walk.end()), (None, WalkEnd::Unspecified), "{nobody}");
        }
        let refused = answer(office(IpAllowlist::new(networks(everybody))), peer()).await;
        assert_eq!((refused.status.as_u16(), refused.challenges()), (403, vec![]), "{nobody}");
        assert_eq!(refused.extensions.get::<Rejection>().unwrap().reason(), Reason::AddressUnknown);
        let unspecified = (None, WalkEnd::Unspecified);
        for line in [nobody.to_owned(), format!("192.0.2.7, {nobody}"), format!("{nobody}, 10.0.0.2")] {
            assert_eq!(believed(ForwardedBy::XForwardedFor, &[&line]), unspecified, "{line}");
        }
        x_forwarded_for(&[nobody, "192.0.2.7"], Some("192.0.2.7"));
    }
    for line in ["for=0.0.0.0", "for=\"[::]:80\"", "for=192.0.2.7, for=\"[::ffff:0.0.0.0]\""] {
        assert_eq!(believed(ForwardedBy::Forwarded, &[line]), (None, WalkEnd::Unspecified), "{line}");
    }
}

#[test]
fn rule_18_forwarded_is_read_as_rfc_7239_has_it() {
    forwarded(&["for=192.0.2.7"], Some("192.0.2.7"));
    forwarded(&["For=\"[2001:db8::7]:4711\""], Some("2001:db8::7"));
    forwarded(&["for=192.0.2.7;proto=http;by=203.0.113.43"], Some("192.0.2.7"));
    forwarded(&["for=6.6.6.6, for=192.0.2.7 , for=10.0.0.2"], Some("192.0.2.7"));
    forwarded(&["for=6.6.6.6", "for=192.0.2.7;host=\"a,b;c\\\"\""], Some("192.0.2.7"));
    forwarded(&["for=\"192.0.2.7:80\""], Some("192.0.2.7"));
    forwarded(&["proto=https;for=192.0.2.7, ,"], Some("192.0.2.7"));
    let bad = [
        "for=unknown",
        "for=_hidden",
        "for=",
        "for",
        "by=192.0.2.7",
        "for=192.0.2.7;for=192.0.2.8",
        "for=2001:db8::7",
        "for=\"192.0.2.7",
        "for=\"2001:db8::7\"",
        "for=192.0.2.7 x",
        "for = 192.0.2.7",
        "=192.0.2.7",
        "for=\"[fe80::1%25eth0]\"",
        // A quote that the client opened swallows what the proxy appended: nobody can say what is whose.
        "for=6.6.6.6;x=\", for=192.0.2.7",
    ];
    for line in bad {
        assert_eq!(believed(ForwardedBy::Forwarded, &[line]).0, None, "{line:?}");
    }
}

#[test]
fn rule_18_an_element_with_many_parameters_is_not_compared_without_end() {
    let parameters =
        |count| (1..count).map(|index| format!("p{index}=x;")).collect::<String>() + "for=192.0.2.7";
    forwarded(&[&parameters(16)], Some("192.0.2.7"));
    forwarded(&[&parameters(17)], None);
    forwarded(&[&[parameters(16), parameters(16)].join(",")], Some("192.0.2.7"));
}

#[test]
fn rule_18_what_an_acceptor_of_the_proxy_protocol_says_goes_first() {
    let client = ClientAddr::new().peer_from(|extensions| extensions.get::<SocketAddr>().map(SocketAddr::ip));
    let mut head = asked(Some("198.51.100.9"), &[]).into_parts().0;
    head.extensions.insert(SocketAddr::from(([10, 0, 0, 1], 4711)));
    assert_eq!(client.of(&head).unwrap().addr(), ip("198.51.100.9"));
    head.extensions.remove::<PeerAddr>();
    assert_eq!(client.of(&head).unwrap().addr(), ip("10.0.0.1"));
}

#[test]
fn rule_18_a_line_that_is_no_text_is_no_address() {
    for (header, name) in
        [(ForwardedBy::XForwardedFor, "x-forwarded-for"), (ForwardedBy::Forwarded, "forwarded")]
    {
        let good = if header == ForwardedBy::Forwarded { "for=192.0.2.7" } else { "192.0.2.7" };
        let mut head = asked(Some("10.0.0.1"), &[(name, good)]).into_parts().0;
        head.headers.append(name, http::HeaderValue::from_bytes(b"\xff").unwrap());
        let walk = behind(header).explain(&head).unwrap();
        assert_eq!((walk.client(), walk.end()), (None, WalkEnd::NoAddress), "{name}");
    }
}

#[test]
fn rule_18_a_unix_socket_counts_as_what_is_chosen() {
    let unix = || behind(ForwardedBy::XForwardedFor).peer_from(|_| Some(ip("10.0.0.1")));
    let head = asked(None, &[("x-forwarded-for", "192.0.2.7")]).into_parts().0;
    assert_eq!(unix().of(&head).unwrap().addr(), ip("192.0.2.7"));
    assert!(behind(ForwardedBy::XForwardedFor).of(&head).is_err(), "nothing is chosen by itself");
}

#[test]
fn rule_18_a_number_of_hops() {
    let two = || ClientAddr::new().behind(TrustedProxies::hops(2, ForwardedBy::XForwardedFor));
    let of =
        |line: &str| two().of(&asked(Some("203.0.113.1"), &[("x-forwarded-for", line)]).into_parts().0).ok();
    assert_eq!(of("6.6.6.6, 192.0.2.7, 198.51.100.1").map(ClientIp::addr), Some(ip("192.0.2.7")));
    assert_eq!(of("198.51.100.1"), None, "one hop is missing");
}

proptest! {
    /// Whatever the client writes in front, the address is one that a trusted hop vouched for, or none.
    #[test]
    fn no_header_makes_an_address_appear_that_nobody_vouched_for(
        forged in "([ -~]|, ?|;|for=|\"|6\\.6\\.6\\.6|for=6\\.6\\.6\\.6|10\\.0\\.0\\.2){0,12}",
        by_forwarded in any::<bool>(),
    ) {
        let (header, appended) = if by_forwarded {
            (ForwardedBy::Forwarded, "for=192.0.2.7")
        } else {
            (ForwardedBy::XForwardedFor, "192.0.2.7")
        };
        for lines in [vec![format!("{forged}, {appended}")], vec![forged.clone(), appended.to_owned()]] {
            let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
            let (client, _) = believed(header, &lines);
            prop_assert!(client.is_none() || client == Some(ip("192.0.2.7")), "{:?}: {:?}", lines, client);
        }
    }
}

/// The rule in other words: from the last element on, for as long as the address so far is a proxy's.
fn by_the_rule(peer: &str, lines: &[String]) -> Option<IpAddr> {
    let read = |text: &str| {
        let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
        bare.parse().ok().or_else(|| text.parse().ok().map(|address: SocketAddr| address.ip()))
    };
    let mut elements: Vec<&str> = lines.iter().flat_map(|line| line.split(',')).collect();
    let mut address = ip(peer).to_canonical();
    while networks("10.0.0.0/8").contains(address) {
        address = read(elements.pop()?.trim())?.to_canonical();
    }
    Some(address).filter(|address| !address.is_unspecified())
}

proptest! {
    /// Any peer, any lines: proxies, others, mapped addresses, ports and rubbish, in any order.
    #[test]
    fn x_forwarded_for_is_walked_as_the_rule_says(
        peer in prop::sample::select(vec!["10.0.0.1", "::ffff:10.0.0.1", "192.0.2.1", "::"]),
        lines in prop::collection::vec(
            prop::collection::vec(
                prop::sample::select(vec![
                    "10.0.0.2", "10.0.0.3:80", "::ffff:10.0.0.4", "10.0.0.5", "192.0.2.9", " 198.51.100.1 ",
                    "[2001:db8::1]:44", "[2001:db8::1]", "2001:db8::1", "unknown", "", "01.2.3.4", "_x", "\"10.0.0.2\"",
                    "0.0.0.0", "::ffff:0.0.0.0",
                ]),
                1..5,
            )
            .prop_map(|elements| elements.join(",")),
            0..4,
        ),
    ) {
        let headers: Vec<_> = lines.iter().map(|line| ("x-forwarded-for", line.as_str())).collect();
        let head = asked(Some(peer), &headers).into_parts().0;
        let walk = behind(ForwardedBy::XForwardedFor).explain(&head).unwrap();
        prop_assert_eq!(walk.client(), by_the_rule(peer, &lines), "{:?}", lines);
    }
}

// ===== answers =====

fn office(list: IpAllowlist) -> impl Authenticator<Identity = &'static str> {
    ClientAddr::new().validated_by(list).map(|_| "office")
}

fn list() -> IpAllowlist {
    IpAllowlist::new(networks("10.0.0.0/8"))
}

async fn answer(
    authenticator: impl Authenticator<Identity = &'static str>,
    request: Request<Body>,
) -> Answered {
    send(AuthenticateLayer::new(authenticator).layer(service_fn(whoami)), request).await
}

#[tokio::test]
async fn row_20_an_address_that_is_not_allowed_is_403_or_as_configured() {
    assert_eq!(answer(office(list()), asked(Some("10.1.2.3"), &[])).await.body, "office");
    assert_eq!(answer(office(list()), asked(Some("::ffff:10.1.2.3"), &[])).await.body, "office");
    let refused = answer(office(list()), asked(Some("192.0.2.7"), &[])).await;
    assert_eq!((refused.status.as_u16(), refused.challenges()), (403, vec![]));
    assert_eq!(refused.extensions.get::<Rejection>().unwrap().reason(), Reason::AddressNotAllowed);
    let hidden = answer(office(list().concealed()), asked(Some("192.0.2.7"), &[])).await;
    assert_eq!((hidden.status.as_u16(), hidden.body.as_str()), (404, ""));
    let challenged =
        ClientAddr::new().challenged("office").validated_by(list().challenged()).map(|_| "office");
    let challenged = answer(challenged, asked(Some("192.0.2.7"), &[])).await;
    assert_eq!(
        (challenged.status.as_u16(), challenged.challenges()),
        (401, vec![r#"ClientAddr realm="office""#])
    );
    let nobody = answer(office(IpAllowlist::new(Networks::none())), asked(Some("10.1.2.3"), &[])).await;
    assert_eq!(nobody.status, 403, "an empty list denies all");
}

#[tokio::test]
async fn row_20_an_address_unknown_behind_a_proxy_chain_is_403() {
    let office = behind(ForwardedBy::XForwardedFor).validated_by(list()).map(|_| "office");
    let unknown = answer(office, asked(Some("10.0.0.1"), &[("x-forwarded-for", "unknown")])).await;
    assert_eq!(unknown.status, 403);
    assert_eq!(unknown.extensions.get::<Rejection>().unwrap().reason(), Reason::AddressUnknown);
}

#[tokio::test]
async fn row_20_an_address_unknown_is_answered_as_one_that_is_not_allowed() {
    let too_long = "x".repeat(9_000);
    for unknown in ["unknown", too_long.as_str()] {
        let asked = || asked(Some("10.0.0.1"), &[("x-forwarded-for", unknown)]);
        let client = || behind(ForwardedBy::XForwardedFor);
        let layer = IpAllowlistLayer::new(client(), list().concealed());
        let hidden = send(layer.layer(service_fn(whoami)), asked()).await;
        assert_eq!((hidden.status.as_u16(), hidden.body.as_str()), (404, ""), "{unknown:.9}");
        let office = client().challenged("office").concealed().validated_by(list().concealed());
        assert_eq!(answer(office.map(|_| "office"), asked()).await.status, 404);
        let office = client().challenged("office").validated_by(list().challenged());
        let challenged = answer(office.map(|_| "office"), asked()).await;
        assert_eq!(
            (challenged.status.as_u16(), challenged.challenges()),
            (401, vec![r#"ClientAddr realm="office""#])
        );
    }
}

#[tokio::test]
async fn row_20_the_log_says_who_was_refused_and_why_and_the_client_does_not_see_it() {
    let asked = |line| asked(Some("10.0.0.1"), &[("x-forwarded-for", line)]);
    let office = || behind(ForwardedBy::XForwardedFor).validated_by(list()).map(|_| "office");
    for (line, cause) in [
        ("192.0.2.7", "192.0.2.7 is not on the list"),
        (
            "what, 10.0.0.2",
            "past 2 proxies from 10.0.0.1 to 10.0.0.2, the header has something that is no address",
        ),
    ] {
        let refused = answer(office(), asked(line)).await;
        let log = refused.extensions.get::<Rejection>().unwrap().to_string();
        assert!(log.contains(cause), "{log}");
        assert!(!format!("{:?}{}", refused.headers, refused.body).contains("10.0.0"), "{}", refused.body);
        assert!(!refused.body.contains("192.0.2.7"), "{}", refused.body);
    }
}

#[tokio::test]
async fn row_20_a_missing_peer_is_the_servers_mistake_503() {
    let answer = answer(office(list()), asked(None, &[("x-forwarded-for", "10.0.0.1")])).await;
    assert_eq!(answer.status, 503);
    let rejection = answer.extensions.get::<Rejection>().unwrap();
    assert_eq!(rejection.kind(), RejectionKind::Unavailable);
    assert!(rejection.to_string().contains("ClientAddr::peer_from"), "the remedy: {rejection}");
}

#[tokio::test]
async fn row_21_address_or_credentials() {
    let either = || office(list()).or(by_bearer()).or(by_basic());
    let asked_for = answer(either(), asked(Some("192.0.2.7"), &[])).await;
    assert_eq!(asked_for.challenges(), [r#"Bearer realm="r""#, r#"Basic realm="r", charset="UTF-8""#]);
    assert_eq!(asked_for.status, 401);
    assert_eq!(
        answer(either(), asked(Some("192.0.2.7"), &[("authorization", &bearer())])).await.body,
        "alice"
    );
    assert_eq!(answer(either(), asked(Some("10.0.0.7"), &[])).await.body, "office");
}

#[tokio::test]
async fn row_22_address_and_credentials_and_nothing_is_looked_up_for_a_refused_address() {
    let (counted, looked_up) = counted_bearer();
    let both = Arc::new(AuthenticateLayer::new(office(list()).and(counted).map(|(_, user)| user)));
    let ask = async |peer| {
        send(both.layer(service_fn(whoami)), asked(Some(peer), &[("authorization", "Bearer x")])).await
    };
    assert_eq!((ask("192.0.2.7").await.status.as_u16(), looked_up.load(Ordering::SeqCst)), (403, 0));
    assert_eq!((ask("10.0.0.7").await.body.as_str(), looked_up.load(Ordering::SeqCst)), ("alice", 1));
}

#[tokio::test]
async fn row_22_nothing_is_looked_up_for_an_unknown_address() {
    let (counted, looked_up) = counted_bearer();
    let office = behind(ForwardedBy::XForwardedFor).validated_by(list());
    let headers = [("authorization", "Bearer x"), ("x-forwarded-for", "unknown")];
    let answer = answer(office.and(counted).map(|(_, user)| user), asked(Some("10.0.0.1"), &headers)).await;
    assert_eq!((answer.status.as_u16(), looked_up.load(Ordering::SeqCst)), (403, 0));
}

#[tokio::test]
async fn a_list_is_replaced_while_requests_run() {
    let list = list();
    let service = AuthenticateLayer::new(office(list.clone())).layer(service_fn(whoami));
    assert_eq!(send(service.clone(), asked(Some("192.0.2.7"), &[])).await.status, 403);
    list.replace(networks("192.0.2.0/24"));
    assert_eq!(send(service.clone(), asked(Some("192.0.2.7"), &[])).await.status, 200);
    assert_eq!(send(service, asked(Some("10.0.0.7"), &[])).await.status, 403);
}

// ===== the layer of its own, and warnings =====

#[tokio::test]
async fn the_layer_of_its_own_is_the_same_layer() {
    async fn whence(request: Request<Body>) -> Result<http::Response<Body>, std::convert::Infallible> {
        let client = Authenticated::<ClientIp>::of(request.extensions()).unwrap().unwrap();
        Ok(http::Response::new(Body::from(client.to_string())))
    }
    let layer = IpAllowlistLayer::new(ClientAddr::new(), list());
    let ask = async |peer| send(layer.layer(service_fn(whence)), asked(Some(peer), &[])).await;
    let inside = ask("10.0.0.7").await;
    assert_eq!((inside.body.as_str(), inside.one("cache-control")), ("10.0.0.7", Some("private")));
    assert_eq!(ask("192.0.2.7").await.status, 403);
}

#[test]
fn what_is_hardly_meant_is_warned_of() {
    let proxies = |text| TrustedProxies::networks(networks(text), ForwardedBy::Forwarded).warning();
    assert_eq!(IpAllowlist::new(networks("::/0")).warning(), Some(AddressWarning::AllowsEverything));
    assert_eq!(list().warning(), None);
    assert_eq!(proxies("0.0.0.0/0"), Some(AddressWarning::TrustsEverything));
    assert_eq!(proxies(""), Some(AddressWarning::TrustsNobody));
    assert_eq!(TrustedProxies::hops(0, ForwardedBy::Forwarded).warning(), Some(AddressWarning::TrustsNobody));
    let hops = |count| TrustedProxies::hops(count, ForwardedBy::Forwarded).warning();
    assert_eq!((hops(32), hops(33)), (None, Some(AddressWarning::TooManyHops)));
    assert_eq!(proxies("10.0.0.1"), None);
}

proptest! {
    /// The crate rfc7239 is an independent parser of `Forwarded`.
    #[test]
    fn forwarded_is_read_as_an_independent_parser_reads_it(
        elements in prop::collection::vec(
            (prop::sample::select(vec!["192.0.2.7", "\"[2001:db8::7]\"", "\"[2001:db8::7]:80\"", "\"192.0.2.8:443\"", "unknown", "_x"]), any::<bool>()),
            1..5,
        ),
    ) {
        let line: Vec<_> = elements.iter().map(|(node, proto)| format!("for={node}{}", if *proto { ";proto=https" } else { "" })).collect();
        let line = line.join(", ");
        let last = rfc7239::parse(&line).map(Result::unwrap).next_back().unwrap();
        let expected = match last.forwarded_for.unwrap().name {
            rfc7239::NodeName::Ip(address) => Some(address),
            _ => None,
        };
        prop_assert_eq!(believed(ForwardedBy::Forwarded, &[&line]).0, expected, "{}", line);
    }

    /// Pieces in any order: where both accept, both see the same address.
    #[test]
    fn forwarded_in_pieces_is_read_as_an_independent_parser_reads_it(
        pairs in prop::collection::vec(
            (
                prop::sample::select(vec![
                    "for=192.0.2.7", "For=\"[2001:db8::7]\"", "for=\"192.0.2.7:80\"", "for=192.0.2.8:80", "for=unknown", "for=_x",
                    "by=203.0.113.1", "proto=http", "host=\"a,b;c\"", "host=\"a\\\"b\"", "for=",
                ]),
                prop::sample::select(vec![",", ", ", ";", " , "]),
            ),
            1..5,
        ),
        // Not among the pieces: theirs splits at a comma between two of these, which is quoted (RFC 7239 §4).
        is_left_open in any::<bool>(),
    ) {
        let mut line: String = pairs.iter().flat_map(|(pair, separator)| [*pair, *separator]).collect();
        line.truncate(line.trim_end_matches([',', ';', ' ']).len());
        line.push_str(if is_left_open { ";host=\"" } else { "" });
        let theirs: Result<Vec<_>, _> = rfc7239::parse(&line).collect();
        if let (Some(ours), Ok(theirs)) = (believed(ForwardedBy::Forwarded, &[&line]).0, theirs) {
            let last = theirs.last().and_then(|element| element.forwarded_for.as_ref());
            let is_ours = last.is_some_and(|node| matches!(node.name, rfc7239::NodeName::Ip(address) if address == ours));
            prop_assert!(is_ours, "{}: {}", line, ours);
        }
    }
}
