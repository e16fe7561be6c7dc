//! `examples/ip_allowlist` behind a real nginx: one hop and two, both headers, and a client that forges them.
#![cfg(feature = "axum")]

mod support;

use support::{
    example::{Example, curl},
    nginx::Nginx,
    secrets::PASSWORD,
};

const APPEND: &str = "proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;";
/// The client in front stands for an address elsewhere: nginx says that it comes from there.
const FROM_ELSEWHERE: &str = "proxy_set_header X-Forwarded-For \"$http_x_forwarded_for, 192.0.2.7\";";
const FORWARDED: &str = "proxy_set_header Forwarded \"$http_forwarded, for=192.0.2.7;proto=http\";";

fn example(office: &str, header: &str) -> Example {
    let settings = [
        ("OFFICE", office),
        ("TRUSTED_PROXIES", "127.0.0.1"),
        ("FORWARDED_BY", header),
        ("DEMO_PASSWORD", PASSWORD),
    ];
    Example::start("ip_allowlist", &settings)
}

/// Status and body.
fn ask(port: u16, path: &str, arguments: &[&str]) -> Option<(u16, String)> {
    let url = format!("http://127.0.0.1:{port}{path}");
    let (head, body) = curl(&[arguments, &[&url]].concat())?;
    Some((head[9..12].parse().unwrap(), body))
}

const FORGED: [&str; 4] = ["-H", "X-Forwarded-For: 10.0.0.1", "-H", "Forwarded: for=10.0.0.1"];

#[test]
fn one_hop_a_client_that_forges_the_header_is_seen_as_what_it_is() {
    let example = example("10.0.0.0/8", "x-forwarded-for");
    let Some(nginx) = Nginx::start("one", &example.url, &[FROM_ELSEWHERE]) else { return };
    let Some((status, _)) = ask(nginx.ports[0], "/office", &FORGED) else { return };
    assert_eq!(status, 403);
    let user = format!("demo:{PASSWORD}");
    let with_password = [&["-u", user.as_str()], &FORGED[..]].concat();
    let port = nginx.ports[0];
    assert_eq!(ask(port, "/either", &FORGED).unwrap().0, 401, "asked for the password");
    assert_eq!(ask(port, "/either", &with_password), Some((200, "You come from 192.0.2.7.\n".to_owned())));
    assert_eq!(ask(port, "/both", &with_password).unwrap().0, 403, "the address first");
}

#[test]
fn one_hop_from_the_office() {
    let example = example("192.0.2.0/24", "x-forwarded-for");
    let Some(nginx) = Nginx::start("office", &example.url, &[FROM_ELSEWHERE]) else { return };
    let port = nginx.ports[0];
    let Some(answer) = ask(port, "/office", &FORGED) else { return };
    assert_eq!(answer, (200, "You come from 192.0.2.7.\n".to_owned()));
    assert_eq!(ask(port, "/both", &[]).unwrap().0, 401);
    assert_eq!(ask(port, "/both", &["-u", &format!("demo:{PASSWORD}")]).unwrap().0, 200);
}

#[test]
fn two_hops() {
    let example = example("192.0.2.0/24", "x-forwarded-for");
    let Some(nginx) = Nginx::start("two", &example.url, &[FROM_ELSEWHERE, APPEND]) else { return };
    let Some(answer) = ask(nginx.ports[0], "/office", &FORGED) else { return };
    assert_eq!(answer, (200, "You come from 192.0.2.7.\n".to_owned()));
    // Past the first hop, the second one is the client's peer: the loopback itself is a trusted proxy that names nobody else.
    assert_eq!(ask(nginx.ports[1], "/office", &FORGED).unwrap().0, 403);
    // Garbage in the middle of the chain is no address.
    let garbage = ["-H", "X-Forwarded-For: 192.0.2.7, what"];
    assert_eq!(ask(nginx.ports[1], "/office", &garbage).unwrap().0, 403);
}

#[test]
fn one_hop_by_forwarded() {
    let example = example("192.0.2.0/24", "forwarded");
    let Some(nginx) = Nginx::start("forwarded", &example.url, &[FORWARDED]) else { return };
    let Some(answer) = ask(nginx.ports[0], "/office", &FORGED) else { return };
    assert_eq!(answer, (200, "You come from 192.0.2.7.\n".to_owned()));
    let swallowed = ask(nginx.ports[0], "/office", &["-H", "Forwarded: for=192.0.2.9;host=\""]).unwrap();
    assert_eq!(swallowed.0, 403, "an open quote makes the whole header unreadable");
}

#[test]
fn two_hops_by_forwarded() {
    const APPEND_BY: &str = "proxy_set_header Forwarded \"$http_forwarded, for=$remote_addr\";";
    let example = example("192.0.2.0/24", "forwarded");
    let Some(nginx) = Nginx::start("forwarded-two", &example.url, &[FORWARDED, APPEND_BY]) else { return };
    let Some(answer) = ask(nginx.ports[0], "/office", &FORGED) else { return };
    assert_eq!(answer, (200, "You come from 192.0.2.7.\n".to_owned()));
    let garbage = ask(nginx.ports[1], "/office", &["-H", "Forwarded: for=192.0.2.7, for=_hidden"]).unwrap();
    assert_eq!(garbage.0, 403, "an obfuscated name in the middle of the chain");
}

#[test]
fn ipv6_on_loopback_and_no_proxy() {
    if std::net::TcpListener::bind("[::1]:0").is_err() {
        return support::skipped("IPv6 on loopback");
    }
    let file = std::env::temp_dir().join(format!("tower-authn-office-{}", std::process::id()));
    std::fs::write(&file, "::1 # only this\n").unwrap();
    let example = Example::start_at("[::1]:0", "ip_allowlist", &[("OFFICE", file.to_str().unwrap())]);
    let office = || curl(&["-g", &format!("{}/office", example.url)]);
    let Some((_, body)) = office() else { return };
    assert_eq!(body, "You come from ::1.\n");
    // The list is read again when the file changes; a file with mistakes changes nothing.
    std::fs::write(&file, "not a network").unwrap();
    std::thread::sleep(std::time::Duration::from_millis(1_200));
    assert!(office().unwrap().0.starts_with("HTTP/1.1 200"));
    std::fs::write(&file, "10.0.0.0/8").unwrap();
    let started = std::time::Instant::now();
    while !office().unwrap().0.starts_with("HTTP/1.1 403") {
        assert!(started.elapsed() < std::time::Duration::from_secs(20), "the list is not read again");
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    std::fs::remove_file(file).unwrap();
}
