//! The example `session` in Chromium.
#![cfg(all(feature = "axum", feature = "session"))]

mod support;

use std::{
    io::{Read as _, Write as _},
    net::TcpListener,
    time::Duration,
};

use serde_json::json;
use support::{
    chromium::{Browser, Prompt},
    secrets::PASSWORD,
    site::{Site, USER},
};

/// A person at the site.
struct Visit {
    browser: Browser,
    site: Site,
}

impl Visit {
    fn start(environment: &[(&str, &str)]) -> Option<Self> {
        Some(Self { browser: Browser::start()?, site: Site::start(environment) })
    }

    /// Signed in, at the page that says so.
    fn signed_in(environment: &[(&str, &str)]) -> Option<Self> {
        let mut visit = Self::start(environment)?;
        visit.open("/");
        visit.send_form(PASSWORD);
        visit.is_at_own_page("/me");
        Some(visit)
    }

    fn open(&mut self, path: &str) {
        self.browser.open(&self.site.url(path), Prompt::Cancel);
    }

    fn send_form(&mut self, password: &str) {
        self.browser.type_into("input[name=user]", USER);
        self.browser.type_into("input[name=password]", password);
        self.click("form[action='/login'] button");
    }

    fn send_form_and_stay(&mut self, password: &str) {
        self.browser.click("input[name=stay]");
        self.send_form(password);
    }

    fn click(&mut self, selector: &str) {
        self.browser.led_by(|browser| browser.click(selector));
    }

    #[track_caller]
    fn is_at_own_page(&mut self, path: &str) {
        assert_eq!(self.browser.path(), path);
        let text = self.browser.text();
        assert!(text.contains("You are demo"), "{text}");
    }

    #[track_caller]
    fn is_at_form(&mut self, path: &str) {
        assert_eq!(self.browser.path(), path);
        let text = self.browser.text();
        assert!(text.contains("Password") && !text.contains("You are"), "{text}");
        assert_eq!(self.browser.prompts, 0, "no native prompt");
    }

    /// What a script on the page is told.
    fn fetch(&mut self) -> serde_json::Value {
        self.browser.evaluate("fetch('/api/me').then(async answer => [answer.status, await answer.text()])")
    }

    fn screenshot(&mut self, name: &str) {
        if let Some(folder) = std::env::var_os("SCREENSHOTS") {
            self.browser.screenshot(&std::path::Path::new(&folder).join(name));
        }
    }
}

#[test]
fn the_form_signs_in_and_a_reload_stays_signed_in() {
    let Some(mut visit) = Visit::start(&[]) else { return };
    visit.open("/");
    visit.is_at_form("/login?next=/me");
    visit.screenshot("form.png");
    visit.send_form(PASSWORD);
    visit.is_at_own_page("/me");
    visit.screenshot("me.png");
    visit.browser.reload();
    visit.is_at_own_page("/me");
    assert_eq!(visit.fetch(), json!([200, "You are demo.\n"]));
}

#[test]
fn scripts_cannot_read_the_cookie() {
    let Some(mut visit) = Visit::signed_in(&[]) else { return };
    assert_eq!(visit.browser.evaluate("document.cookie"), "");
    assert_eq!(visit.browser.evaluate("cookieStore.getAll().then(all => all.length)"), 0);
    visit.browser.evaluate("document.cookie = 'session=mine; Path=/'");
    assert_eq!(visit.browser.evaluate("document.cookie"), "", "nor write over it");
    visit.browser.reload();
    visit.is_at_own_page("/me");
}

#[test]
fn a_wrong_password_shows_the_form_again() {
    let Some(mut visit) = Visit::start(&[]) else { return };
    visit.open("/me?tab=2");
    visit.send_form("guess");
    visit.is_at_form("/login");
    assert_eq!(visit.browser.status(), 401);
    assert!(visit.browser.text().contains("The user name or the password is not right."));
    // The page's policy lets its own style in.
    let color = "getComputedStyle(document.querySelector('[role=alert]')).color";
    assert_eq!(visit.browser.evaluate(color), "rgb(164, 0, 0)");
    visit.screenshot("wrong.png");
    visit.browser.type_into("input[name=password]", PASSWORD); // the name is still there
    visit.click("form[action='/login'] button");
    visit.is_at_own_page("/me?tab=2");
}

#[test]
fn fetch_without_a_session_reads_the_problem() {
    let Some(mut visit) = Visit::start(&[]) else { return };
    visit.open("/login");
    let answer = visit.browser.evaluate(
        "fetch('/api/me').then(async answer => [answer.status, answer.redirected, \
         answer.headers.get('content-type'), answer.headers.get('www-authenticate'), (await answer.json()).kind])",
    );
    let expected = json!([401, false, "application/problem+json", "Session realm=\"site\"", "missing"]);
    assert_eq!(answer, expected);
    visit.is_at_form("/login");
}

#[test]
fn the_back_button_after_the_sign_out_shows_nothing() {
    let Some(mut visit) = Visit::signed_in(&[]) else { return };
    visit.click("form[action='/logout'] button");
    visit.is_at_form("/login");
    visit.browser.go_back();
    visit.browser.wait_for("/login?next=/me");
    visit.is_at_form("/login?next=/me");
    assert_eq!(visit.fetch()[0], 401);
}

#[test]
fn a_page_that_the_browser_keeps_whole_is_kept_empty() {
    let Some(mut visit) = Visit::signed_in(&[]) else { return };
    visit.browser.evaluate("dispatchEvent(new PageTransitionEvent('pagehide', {persisted: true}))");
    assert_eq!(visit.browser.text(), "");
}

#[test]
fn sign_out_everywhere_leads_to_the_form() {
    let Some(mut visit) = Visit::signed_in(&[]) else { return };
    let elsewhere = visit.site.sign_in();
    visit.click("form[action='/logout-everywhere'] button");
    visit.is_at_form("/login");
    assert_eq!(visit.site.get("/api/me", &elsewhere).status, 401);
}

#[test]
fn an_expired_session_leads_to_the_form_and_then_to_the_page() {
    let Some(mut visit) = Visit::signed_in(&[("IDLE_SECS", "2")]) else { return };
    std::thread::sleep(Duration::from_millis(2_100));
    visit.open("/me?tab=2&x=%C3%A4%26");
    visit.is_at_form("/login?next=/me%3Ftab%3D2%26x%3D%25C3%25A4%2526");
    visit.send_form(PASSWORD);
    visit.is_at_own_page("/me?tab=2&x=%C3%A4%26");
}

#[test]
fn who_ticks_the_box_is_still_signed_in_when_the_browser_starts_again() {
    let Some(mut visit) = Visit::start(&[]) else { return };
    visit.open("/");
    visit.send_form_and_stay("guess");
    assert_eq!(visit.browser.evaluate("document.querySelector('[name=stay]').checked"), true);
    visit.screenshot("stay.png");
    visit.send_form(PASSWORD);
    visit.is_at_own_page("/me");
    assert_eq!(visit.browser.evaluate("document.cookie"), "");
    visit.browser.restart();
    visit.open("/me");
    visit.is_at_own_page("/me");
    visit.click("form[action='/logout'] button");
    visit.is_at_form("/login");
    visit.browser.restart();
    visit.open("/me");
    visit.is_at_form("/login?next=/me");
}

#[test]
fn who_does_not_is_signed_out_when_the_browser_starts_again() {
    let Some(mut visit) = Visit::signed_in(&[]) else { return };
    visit.browser.restart();
    visit.open("/me");
    visit.is_at_form("/login?next=/me");
}

#[test]
fn who_stays_signed_in_is_asked_again_when_that_is_over() {
    let Some(mut visit) = Visit::start(&[("IDLE_SECS", "1"), ("STAY_SECS", "4")]) else { return };
    visit.open("/");
    visit.send_form_and_stay(PASSWORD);
    std::thread::sleep(Duration::from_millis(1_500));
    visit.open("/me");
    visit.is_at_own_page("/me");
    std::thread::sleep(Duration::from_secs(3));
    visit.open("/me");
    visit.is_at_form("/login?next=/me");
}

#[test]
fn a_sign_out_in_one_tab_is_one_in_the_other() {
    let Some(mut visit) = Visit::signed_in(&[]) else { return };
    let first = visit.browser.open_tab().unwrap();
    visit.open("/me");
    visit.is_at_own_page("/me");
    visit.click("form[action='/logout'] button");
    visit.is_at_form("/login");
    visit.browser.look_at(first);
    visit.browser.reload();
    visit.is_at_form("/login?next=/me");
}

#[test]
fn a_sign_in_in_one_tab_is_one_in_the_other() {
    let Some(mut visit) = Visit::start(&[]) else { return };
    visit.open("/me");
    let first = visit.browser.open_tab().unwrap();
    visit.open("/me?tab=2");
    visit.send_form(PASSWORD);
    visit.is_at_own_page("/me?tab=2");
    visit.browser.look_at(first);
    visit.send_form(PASSWORD);
    visit.is_at_own_page("/me");
    assert_eq!(visit.fetch()[0], 200);
}

/// Another origin, with one page whose form signs out of the site; returns its port.
fn elsewhere(target: &str) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let page = format!("<!doctype html><form method=post action='{target}'><button>A prize</button></form>");
    let answer = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{page}",
        page.len()
    );
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            // A browser also connects just in case.
            let _ = stream.set_read_timeout(Some(Duration::from_secs(1)));
            if stream.read(&mut [0; 4096]).is_ok_and(|length| length > 0) {
                let _ = stream.write_all(answer.as_bytes());
            }
        }
    });
    port
}

#[track_caller]
fn is_refused_from(host: &str) {
    let Some(mut visit) = Visit::signed_in(&[]) else { return };
    let port = elsewhere(&visit.site.url("/logout"));
    visit.browser.open(&format!("http://{host}:{port}/"), Prompt::Cancel);
    visit.click("button");
    assert_eq!(visit.browser.path(), "/logout");
    assert_eq!(visit.browser.status(), 403);
    visit.open("/me");
    visit.is_at_own_page("/me");
}

#[test]
fn a_form_of_another_site_is_refused() {
    is_refused_from("localhost");
}

/// Ports do not tell sites apart: the cookie is sent, whatever its `SameSite`.
#[test]
fn a_form_of_another_origin_of_the_same_site_is_refused() {
    is_refused_from("127.0.0.1");
}
