//! The examples, as curl sees them.
#![cfg(feature = "axum")]

mod support;

use support::{
    example::{Example, curl},
    secrets::{PASSWORD, TOKEN, basic},
};

const ADMIN: &str = "p0BvVqQ2cWm8sYtLx4Nf7a";

/// The lines of the head that the crate is answerable for.
const CHALLENGED: &str = "HTTP/1.1 401 Unauthorized
content-type: application/problem+json
www-authenticate: Bearer realm=\"quickstart\"
www-authenticate: Basic realm=\"quickstart\", charset=\"UTF-8\"
cache-control: no-store
content-length: ";

fn quickstart() -> Example {
    let secrets = [("DEMO_PASSWORD", PASSWORD), ("DEMO_TOKEN", TOKEN), ("DEMO_ADMIN_TOKEN", ADMIN)];
    Example::start("quickstart", &secrets)
}

#[test]
fn quickstart_answers_curl_as_the_wire_contract_says() {
    let example = quickstart();
    let (url, whoami, admin) =
        (&example.url, format!("{}/whoami", example.url), format!("{}/admin", example.url));
    let Some((head, _)) = curl(&[url]) else { return };
    assert!(head.starts_with("HTTP/1.1 200 OK"), "{head}");

    let (head, body) = curl(&[&whoami]).unwrap();
    assert!(head.starts_with(CHALLENGED), "{head}");
    assert!(body.contains(r#""status":401"#) && body.contains(r#""kind":"missing""#), "{body}");

    let (head_only, nothing) = curl(&["-I", &whoami]).unwrap();
    assert_eq!((head_only, nothing.as_str()), (head, ""), "HEAD: the same headers, no body");

    let (head, page) = curl(&["-H", "Accept: text/html", &whoami]).unwrap();
    assert!(head.contains("content-type: text/html") && page.starts_with("<!doctype html>"), "{head}");

    let user = format!("demo:{PASSWORD}");
    for arguments in [&["-u", &user, &whoami][..], &["--anyauth", "-u", &user, &whoami]] {
        let (head, body) = curl(arguments).unwrap();
        let body = format!("{head}\n\n{body}"); // with --anyauth, curl shows the 401 first
        assert!(body.ends_with("You are demo, by Basic.\n"), "{body}");
    }
    let token = format!("Authorization: Bearer {TOKEN}");
    assert_eq!(curl(&["-H", &token, &whoami]).unwrap().1, "You are demo, by Bearer.\n");

    let (head, body) = curl(&["-H", &token, &admin]).unwrap();
    assert!(head.starts_with(
        "HTTP/1.1 403 Forbidden\ncontent-type: application/problem+json\ncache-control: no-store\n"
    ));
    assert!(!head.contains("www-authenticate") && body.contains("insufficient"), "{head}\n{body}");
    let (_, body) = curl(&["-H", &format!("Authorization: Bearer {ADMIN}"), &admin]).unwrap();
    assert_eq!(body, "Welcome, admin.\n");
}

#[test]
fn hyper_answers_without_axum() {
    let example = Example::start("hyper", &[("DEMO_PASSWORD", PASSWORD), ("DEMO_TOKEN", TOKEN)]);
    let Some((head, body)) = curl(&[&format!("{}/whoami", example.url)]) else { return };
    assert!(head.starts_with(&CHALLENGED.replace("quickstart", "hyper")), "{head}");
    assert!(body.contains("missing"));
    let whoami = curl(&["-u", &format!("demo:{PASSWORD}"), &format!("{}/whoami", example.url)]).unwrap();
    assert_eq!(whoami.1, "You are demo.\n");
    let admin = ["-H", &format!("Authorization: Bearer {TOKEN}"), &format!("{}/admin", example.url)];
    assert!(curl(&admin).unwrap().0.starts_with("HTTP/1.1 403"));
    assert!(curl(&[&format!("{}/nowhere", example.url)]).unwrap().0.starts_with("HTTP/1.1 404"));
    assert!(curl(&[&example.url]).unwrap().0.starts_with("HTTP/1.1 200"));
}

#[test]
fn custom_validator_tells_an_outage_from_a_wrong_token() {
    let revoked = "c29tZSByZXZva2VkIHRva2Vu";
    let tokens = std::env::temp_dir().join(format!("tower-authn-test-{}", std::process::id()));
    let tokens = tokens.to_str().unwrap();
    let secrets = [("DEMO_TOKEN", TOKEN), ("DEMO_REVOKED_TOKEN", revoked), ("TOKENS_FILE", tokens)];
    let example = Example::start("custom_validator", &secrets);
    let url = format!("{}/whoami", example.url);
    let with = |token: &str| curl(&["-H", &format!("Authorization: Bearer {token}"), &url]);
    let Some((_, body)) = with(TOKEN) else { return };
    assert_eq!(body, "You are alice.\n");
    assert_eq!(with(revoked), with("unknown"));
    let file = std::path::PathBuf::from(tokens);
    let away = file.with_extension("away");
    std::fs::rename(&file, &away).unwrap();
    let (head, _) = with(TOKEN).unwrap();
    assert!(head.starts_with("HTTP/1.1 503") && head.contains("retry-after: 5"), "{head}");
    std::fs::rename(&away, &file).unwrap();
    assert_eq!(with(TOKEN).unwrap().1, "You are alice.\n");
    std::fs::remove_file(file).unwrap();
}

#[test]
fn custom_scheme_asks_for_both() {
    let example = Example::start("custom_scheme", &[("DEMO_CODE", TOKEN)]);
    let url = format!("{}/whoami", example.url);
    let Some((head, _)) = curl(&[&url]) else { return };
    assert!(
        head.contains(
            "www-authenticate: Bearer realm=\"devices\"\nwww-authenticate: Device realm=\"devices\""
        )
    );
    let device = |number: &str| {
        curl(&["-H", &format!("Device-Number: {number}"), "-H", &format!("Device-Code: {TOKEN}"), &url])
            .unwrap()
    };
    assert_eq!(device("7").1, "You are device 7.\n");
    assert!(device("8").0.starts_with("HTTP/1.1 401"));
    assert!(device("seven").0.starts_with("HTTP/1.1 400"));
}

#[test]
fn runtime_stack_offers_what_the_list_names() {
    let example =
        Example::start("runtime_stack", &[("STACK", "api-key, basic"), ("DEMO_PASSWORD", PASSWORD)]);
    let url = format!("{}/whoami", example.url);
    let Some((head, _)) = curl(&[&url]) else { return };
    let lines: Vec<_> = head.lines().filter(|line| line.starts_with("www-authenticate")).collect();
    assert_eq!(
        lines,
        [r#"www-authenticate: Basic realm="configured", charset="UTF-8", ApiKey realm="configured""#]
    );
    let authorization = format!("Authorization: {}", basic("demo", PASSWORD));
    assert_eq!(curl(&["-H", &authorization, &url]).unwrap().1, "You are demo by Basic.\n");
}

#[test]
fn row_3_wget_curl_and_urllib_answer_basic_beside_other_schemes() {
    let secrets = [("DEMO_PASSWORD", PASSWORD), ("DEMO_TOKEN", TOKEN), ("DEMO_KEY", ADMIN)];
    for stack in ["basic, api-key", "bearer, api-key, basic", "api-key, basic, bearer"] {
        let example = Example::start("runtime_stack", &[&secrets[..], &[("STACK", stack)]].concat());
        let url = format!("{}/whoami", example.url);
        let user = format!("demo:{PASSWORD}");
        let Some((_, body)) = curl(&["--anyauth", "-u", &user, &url]) else { return };
        assert!(body.ends_with("You are demo by Basic.\n"), "curl, {stack}: {body}");
        let password = format!("--password={PASSWORD}");
        let wget = ["wget", "-qO-", "--tries=1", "--timeout=20", "--user=demo", &password, &url];
        let urllib = ["/usr/bin/python3", "-c", URLLIB, &url, PASSWORD];
        for command in [&wget[..], &urllib] {
            let Ok(output) = std::process::Command::new(command[0]).args(&command[1..]).output() else {
                return support::skipped(command[0]);
            };
            let body = String::from_utf8_lossy(&output.stdout);
            assert_eq!(body, "You are demo by Basic.\n", "{}, {stack}", command[0]);
        }
    }
}

const URLLIB: &str = "
import sys, urllib.request as r
passwords = r.HTTPPasswordMgrWithDefaultRealm()
passwords.add_password(None, sys.argv[1], 'demo', sys.argv[2])
print(r.build_opener(r.HTTPBasicAuthHandler(passwords)).open(sys.argv[1], timeout=20).read().decode(), end='')
";
