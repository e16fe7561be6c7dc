//! The example that observes, as an operator with curl and a developer with a browser see it.
#![cfg(all(feature = "axum", feature = "metrics", feature = "tracing"))]

mod support;

use std::io::{Read as _, Write as _};

use support::{
    chromium::{Browser, Prompt},
    example::{Example, curl},
    secrets::{PASSWORD, TOKEN, basic},
};

fn start(debug: &str) -> Example {
    Example::start("observe", &[("DEMO_PASSWORD", PASSWORD), ("DEMO_TOKEN", TOKEN), ("DEBUG_AUTH", debug)])
}

#[test]
fn an_id_from_the_answer_finds_the_cause_in_one_grep() {
    let example = start("");
    let whoami = format!("{}/whoami", example.url);
    let Some((head, body)) = curl(&["-u", "demo:wr0ng-secret", &whoami]) else { return };
    assert!(head.starts_with("HTTP/1.1 401"), "{head}");
    let problem: serde_json::Value = serde_json::from_str(&body).unwrap();
    let id = problem["instance"].as_str().unwrap().rsplit(':').next().unwrap();
    let lines = example.grep(&format!("authn.id={id:?}"));
    let refused: Vec<_> = lines
        .iter()
        .filter(|line| line.contains("authn.outcome=\"refused\"") && !line.contains("report_only"))
        .collect();
    let [line] = &refused[..] else { panic!("one line: {lines:#?}") };
    assert!(line.contains("Basic: wrong_password") && line.contains("client.address=127.0.0.1"), "{line}");
    assert!(!example.grep("401").concat().contains("wr0ng-secret"));
}

#[test]
fn metrics_count_what_happened_and_the_policy_that_is_tried_out() {
    let example = start("");
    let whoami = format!("{}/whoami", example.url);
    let Some((_, body)) = curl(&["-u", &format!("demo:{PASSWORD}"), &whoami]) else { return };
    assert_eq!(body, "You are demo, by Basic.\n");
    curl(&[&whoami]).unwrap();
    let (_, text) = curl(&[&format!("{}/metrics", example.url)]).unwrap();
    assert!(text.contains("# HELP tower_authn_throttle_places Places for"), "{text}");
    for line in [
        r#"tower_authn_decisions_total{scheme="Basic",outcome="accepted",reason="none"} 1"#,
        r#"tower_authn_decisions_total{scheme="none",outcome="refused",reason="missing"} 1"#,
        r#"tower_authn_report_only_total{verdict="would_refuse",outcome="accepted",scheme="none",reason="missing"} 1"#,
        r#"tower_authn_throttle_places{scheme="Basic",realm="observe"} 65536"#,
        "# TYPE tower_authn_decision_duration_seconds histogram",
    ] {
        assert!(text.lines().any(|known| known == line), "{line} in {text}");
    }
    assert!(example.grep("report-only would_refuse").len() == 1);
}

#[test]
fn the_debug_page_is_off_unless_asked_for() {
    let example = start("");
    let Some((head, _)) = curl(&[&format!("{}/debug/auth", example.url)]) else { return };
    assert!(head.starts_with("HTTP/1.1 404"), "{head}");
}

#[test]
fn curl_explains_what_curl_sent() {
    let example = start("1");
    let captured = format!(
        "* Connected\n> GET /whoami HTTP/1.1\n> Authorization: {}\n>\n",
        basic("demo", "wr0ng-secret")
    );
    let debug = format!("{}/debug/auth", example.url);
    let Some((head, tree)) = curl(&["--data-binary", &captured, &debug]) else { return };
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    assert!(
        tree.contains("Basic: wrong_password (invalid)") && tree.contains("answer: 401 Unauthorized"),
        "{tree}"
    );
    assert!(!tree.contains("wr0ng-secret"));
    let (_, error) = curl(&["--data-binary", "nonsense", &debug]).unwrap();
    assert!(error.starts_with("line 1 is no request line"), "{error}");
}

#[test]
fn the_debug_page_is_answered_by_its_own_name_and_to_its_own_form_only() {
    let example = start("1");
    let debug = format!("{}/debug/auth", example.url);
    let own = example.url.strip_prefix("http://").unwrap();
    let port = own.rsplit(':').next().unwrap();
    let status = |arguments: &[&str]| -> Option<String> {
        let (head, body) = curl(&[arguments, &["--data-binary", "GET / HTTP/1.1", &debug]].concat())?;
        let status = head.split(' ').nth(1).unwrap().to_owned();
        assert_eq!(status == "200", body.contains("answer: 401"), "{body}");
        Some(status)
    };
    if status(&[]).is_none() {
        return;
    }
    let header = |name: &str, value: &str| status(&["-H", &format!("{name}: {value}")]).unwrap();
    for host in [own, &format!("localhost:{port}"), "LocalHost", &format!("[::1]:{port}"), "127.9.9.9:1"] {
        assert_eq!(header("Host", host), "200", "{host}");
    }
    for host in [
        "evil.example",
        &format!("evil.example:{port}"),
        &format!("localhost.evil.example:{port}"),
        "127.0.0.1.evil.example",
        "evil@localhost",
        "192.0.2.7",
        "0.0.0.0",
        "localhost, evil.example",
    ] {
        assert_eq!(header("Host", host), "403", "{host}");
    }
    assert_eq!(header("Origin", &example.url), "200");
    for origin in
        ["null", "http://evil.example", &format!("https://{own}"), &format!("http://localhost:{port}"), ""]
    {
        assert_eq!(header("Origin", origin), if origin.is_empty() { "200" } else { "403" }, "{origin}");
    }
    // Neither is the page itself, nor anything said to who has no name or two.
    let (head, body) = curl(&["-H", "Host: evil.example", &debug]).unwrap();
    assert!(head.starts_with("HTTP/1.1 403") && !body.contains("<form"), "{head}{body}");
    for hosts in ["", "Host: localhost\r\nHost: evil.example\r\n", "Host: localhost\r\nHost: localhost\r\n"] {
        let mut stream = std::net::TcpStream::connect(own).unwrap();
        let request = format!("GET /debug/auth HTTP/1.1\r\n{hosts}Connection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 4") && !answer.contains("<form"), "{hosts:?}: {answer}");
    }
}

#[test]
fn a_developer_pastes_a_request_into_the_page_and_reads_why() {
    let Some(mut browser) = Browser::start() else { return };
    let example = start("1");
    browser.open(&format!("{}/debug/auth", example.url), Prompt::Cancel);
    assert_eq!(browser.evaluate("document.title"), "Why was this 401?");
    let captured =
        format!("> GET /whoami HTTP/1.1\n> Host: x\n> Authorization: {}\n", basic("demo", "wr0ng-secret"));
    browser.evaluate(&format!("document.querySelector('textarea').value = {captured:?}"));
    browser.leave_by("document.querySelector('button').click()");
    let tree = browser.evaluate("document.querySelector('pre').innerText");
    let tree = tree.as_str().unwrap();
    assert!(
        tree.contains("Basic: wrong_password (invalid)") && tree.contains("check the password"),
        "{tree}"
    );
    assert!(!browser.text().contains("wr0ng-secret"));
    // The policy lets the page's own style in.
    assert_eq!(browser.evaluate("getComputedStyle(document.querySelector('main')).borderTopWidth"), "1px");
    if let Some(file) = std::env::var_os("SCREENSHOT") {
        browser.screenshot(file.as_ref());
    }
}
