//! The example `htpasswd` beside nginx on the same file, and asked by curl, requests and httpx.
#![cfg(all(feature = "axum", feature = "passwords"))]

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    path::Path,
    process::Command,
    time::Duration,
};

use support::{
    example::{Example, curl, program},
    folder::Folder,
    htpasswd,
    nginx::Nginx,
    secrets::{basic, basic_of},
};

mod support;

const PASSWORD: &str = "pass:w\u{f6}rd";

fn example(users: &Path, environment: &[(&str, &str)]) -> Example {
    let file = [("FILE", users.to_str().unwrap())];
    Example::start("htpasswd", &[&file, environment].concat())
}

/// The status of `GET /` with an `Authorization` header.
fn status(address: &str, authorization: &str) -> u16 {
    let mut stream = TcpStream::connect(address.trim_start_matches("http://")).unwrap();
    write!(
        stream,
        "GET / HTTP/1.1\r\nHost: x\r\nAuthorization: {authorization}\r\nConnection: close\r\n\r\n"
    )
    .unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let line = String::from_utf8_lossy(&answer[..answer.len().min(12)]).into_owned();
    line.split(' ').nth(1).unwrap_or_else(|| panic!("{line:?}")).parse().unwrap()
}

#[test]
fn nginx_accepts_and_refuses_the_same_for_every_hash() {
    let folder = Folder::new("agreement");
    let users = folder.path("users");
    let exact = "x".repeat(72);
    let passwords = ["", "a", PASSWORD, ":", "with blanks", "exactly sixteen!", &exact];
    for (index, password) in passwords.iter().enumerate() {
        for (kind, switches) in htpasswd::GOOD.iter().enumerate() {
            if !htpasswd::add(&users, &format!("user{kind}-{index}"), password, switches) {
                return;
            }
        }
    }
    htpasswd::add(&users, "zo\u{eb}", PASSWORD, &["-B"]);

    let protected = format!("auth_basic files; auth_basic_user_file {};", users.display());
    let Some(nginx) = Nginx::start("passwords", "127.0.0.1:1", &[&protected, "return 200;"]) else { return };
    let (nginx, ours) = (format!("127.0.0.1:{}", nginx.ports[0]), example(&users, &[]));

    let agree = |authorization: &str, expected: u16, case: &str| {
        let both = (status(&nginx, authorization), status(&ours.url, authorization));
        assert_eq!(both, (expected, expected), "nginx and we, {case}");
    };
    for (index, password) in passwords.iter().enumerate() {
        for (kind, switches) in htpasswd::GOOD.iter().enumerate() {
            let user = format!("user{kind}-{index}");
            agree(&basic(&user, password), 200, &format!("{switches:?} {password:?}"));
            let mut chars = password.chars();
            let shorter = if chars.next_back().is_some() { chars.as_str() } else { "x" };
            agree(&basic(&user, shorter), 401, &format!("{switches:?} {shorter:?}"));
            if password.len() < 72 {
                agree(
                    &basic(&user, &format!("{password}!")),
                    401,
                    &format!("{switches:?} {password:?} and !"),
                );
            }
        }
    }
    agree(&basic("zo\u{eb}", PASSWORD), 200, "non-ASCII user");
    for (authorization, case) in [
        (basic("nobody", PASSWORD), "unknown user"),
        (basic("", ""), "nothing"),
        (basic("USER0-1", "a"), "another case"),
        (basic_of(b"user0-1"), "no colon"),
        ("Basic !".to_owned(), "no base64"),
        ("Bearer x".to_owned(), "another scheme"),
    ] {
        agree(&authorization, 401, case);
    }

    // Here we differ: bcrypt looks at 72 bytes, and nginx takes whatever comes after them.
    let longer = basic("user1-6", &"x".repeat(73));
    assert_eq!((status(&nginx, &longer), status(&ours.url, &longer)), (200, 401));
}

#[test]
fn clients_sign_in_with_non_ascii_users_and_passwords() {
    let folder = Folder::new("clients");
    let (users, user) = (folder.path("users"), "zo\u{eb}");
    if !htpasswd::add(&users, user, PASSWORD, &["-B"]) {
        return;
    }
    let example = example(&users, &[]);
    let url = &example.url;
    let Some((head, body)) = curl(&["-u", &format!("{user}:{PASSWORD}"), url]) else { return };
    assert!(head.starts_with("HTTP/1.1 200 OK"), "{head}");
    assert_eq!(body, user);
    let (head, _) = curl(&["-u", &format!("{user}:pass:word"), url]).unwrap();
    assert!(head.starts_with("HTTP/1.1 401 Unauthorized"), "{head}");
    assert!(head.contains(r#"www-authenticate: Basic realm="files", charset="UTF-8""#), "{head}");
    let (head, _) = curl(&[&format!("{url}/open")]).unwrap();
    assert!(head.starts_with("HTTP/1.1 200 OK"), "{head}");

    let python = "/usr/bin/python3";
    let modules = Command::new(python).args(["-c", "import httpx, requests"]).output();
    if !modules.is_ok_and(|output| output.status.success()) {
        return support::skipped("python3-httpx or python3-requests");
    }
    let run = |password: &str| {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/python/clients.py");
        let arguments = [script, url, user, password];
        let output = Command::new(python).args(arguments).env("PYTHONIOENCODING", "utf-8").output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    // requests sends Latin-1, httpx UTF-8.
    assert_eq!(run(PASSWORD), format!("requests 200 {user}\nhttpx 200 {user}\n"));
    let refused = run("wrong");
    assert_eq!(refused.lines().filter(|line| line.contains(" 401 ")).count(), 2, "{refused}");
}

#[test]
fn the_example_remembers_counts_and_reads_a_changed_file() {
    let folder = Folder::new("example");
    let users = folder.path("users");
    if !htpasswd::add(&users, "alice", PASSWORD, &["-B", "-C", "4"]) {
        return;
    }
    let example = example(&users, &[("CACHE", "1")]);
    for _ in 0..5 {
        assert_eq!(status(&example.url, &basic("alice", PASSWORD)), 200);
    }
    let Some((_, stats)) = curl(&[&format!("{}/stats", example.url)]) else { return };
    assert!(stats.contains("hashes: 1,"), "{stats}");

    htpasswd::add(&users, "bob", PASSWORD, &["-B", "-C", "4"]);
    let noticed = (0..100).any(|_| {
        std::thread::sleep(Duration::from_millis(100));
        status(&example.url, &basic("bob", PASSWORD)) == 200
    });
    assert!(noticed);
}

#[test]
fn the_example_slows_down_whoever_guesses() {
    let folder = Folder::new("guesses");
    let users = folder.path("users");
    if !htpasswd::add(&users, "alice", PASSWORD, &["-B", "-C", "4"]) {
        return;
    }
    let example = example(&users, &[("THROTTLE", "1")]);
    assert_eq!(status(&example.url, &basic("alice", PASSWORD)), 200);
    let statuses: Vec<_> = (0..12).map(|_| status(&example.url, &basic("alice", "guess"))).collect();
    assert_eq!(statuses, [401, 401, 401, 401, 401, 401, 401, 401, 401, 401, 429, 429]);
    assert_eq!(status(&example.url, &basic("alice", PASSWORD)), 429);
    assert_eq!(status(&example.url, &basic("nobody", "x")), 401);
    let Some((_, stats)) = curl(&[&format!("{}/stats", example.url)]) else { return };
    assert!(stats.contains("hashes: 12,"), "{stats}");
}

#[test]
fn the_example_names_every_bad_line_and_does_not_start() {
    let folder = Folder::new("bad-lines");
    let users = folder.write("users", "alice:secret\nbob\n");
    let output = Command::new(program("htpasswd")).arg(&users).env("ADDR", "127.0.0.1:0").output().unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success() && error.contains("line 1: ") && error.contains("line 2: "), "{error}");
    assert!(!error.contains("secret"), "{error}");
}
