//! The quickstart in Chromium.
#![cfg(feature = "axum")]

mod support;

use support::{
    chromium::{Browser, Prompt},
    example::Example,
    secrets::{PASSWORD, TOKEN},
};

fn start() -> Option<(Browser, Example)> {
    let browser = Browser::start()?;
    Some((browser, Example::start("quickstart", &[("DEMO_PASSWORD", PASSWORD), ("DEMO_TOKEN", TOKEN)])))
}

fn good() -> Prompt {
    Prompt::Answer { user: "demo".into(), password: PASSWORD.into() }
}

#[test]
fn a_cancelled_prompt_shows_the_page_that_says_what_to_do() {
    let Some((mut browser, example)) = start() else { return };
    browser.open(&format!("{}/whoami", example.url), Prompt::Cancel);
    assert_eq!(browser.prompts, 1);
    assert_eq!(browser.evaluate("document.title"), "Sign in to see this page");
    let text = browser.text();
    assert!(
        text.contains("401 Unauthorized") && text.contains("Sign in, then open this page again."),
        "{text}"
    );
    // The policy lets the page's own style in: the card has its border.
    assert_eq!(browser.evaluate("getComputedStyle(document.querySelector('main')).borderTopWidth"), "1px");
    if let Some(file) = std::env::var_os("SCREENSHOT") {
        browser.screenshot(file.as_ref());
    }
}

#[test]
fn good_credentials_in_the_prompt_open_the_page_and_another_needs_permission() {
    let Some((mut browser, example)) = start() else { return };
    browser.open(&format!("{}/whoami", example.url), good());
    assert_eq!(browser.text().trim(), "You are demo, by Basic.");
    let prompts = browser.prompts;
    browser.open(&format!("{}/admin", example.url), good());
    assert_eq!(browser.evaluate("document.title"), "You do not have permission");
    assert_eq!(browser.prompts, prompts, "no prompt for what no password can open");
}

#[test]
fn row_26_fetch_opens_no_native_prompt_and_reads_the_problem() {
    let Some((mut browser, example)) = start() else { return };
    browser.open(&example.url, Prompt::Cancel);
    let answer = browser.evaluate(
        "fetch('/whoami').then(async answer => [answer.status, answer.headers.get('www-authenticate'), (await answer.json()).kind])",
    );
    assert_eq!(answer, serde_json::json!([401, r#"Bearer realm="quickstart""#, "missing"]));
    assert_eq!(browser.prompts, 0);
    let signed_in = browser.evaluate(&format!(
        "fetch('/whoami', {{ headers: {{ authorization: 'Bearer {TOKEN}' }} }}).then(answer => answer.text())"
    ));
    assert_eq!(signed_in, "You are demo, by Bearer.\n");
}
