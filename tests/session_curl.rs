//! The example `session`, as curl sees it with a jar of cookies.
#![cfg(all(feature = "axum", feature = "session"))]

mod support;

use std::{path::PathBuf, process::Command};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use sha2::{Digest as _, Sha256};
use support::{
    example::{curl, program},
    folder::Folder,
    secrets::PASSWORD,
    site::{Site, USER},
};

/// The site, and a folder for jars.
struct Visit {
    site: Site,
    folder: Folder,
}

/// One browser's cookies.
struct Jar<'a>(&'a Visit, PathBuf);

const REMOVAL: &str = "set-cookie: session=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0";

impl Visit {
    /// `None` where there is no curl.
    fn start(name: &str, environment: &[(&str, &str)]) -> Option<Self> {
        let (site, folder) = (Site::start(environment), Folder::new(&format!("jars-{name}")));
        curl(&[&site.url("/login")])?;
        Some(Self { site, folder })
    }

    fn jar(&self, name: &str) -> Jar<'_> {
        Jar(self, self.folder.path(name))
    }
}

impl Jar<'_> {
    fn curl(&self, path: &str, arguments: &[&str]) -> (String, String) {
        let (jar, url) = (self.1.to_str().unwrap(), self.0.site.url(path));
        curl(&[&["-b", jar, "-c", jar], arguments, &[&url]].concat()).unwrap()
    }

    fn post(&self, path: &str) -> String {
        self.curl(path, &["-X", "POST"]).0
    }

    fn try_password(&self, password: &str) -> String {
        let password = format!("password={password}");
        self.curl("/login", &["-d", &format!("user={USER}"), "--data-urlencode", &password]).0
    }

    /// Signs in, and returns the cookie.
    fn sign_in(&self) -> String {
        let head = self.try_password(PASSWORD);
        assert!(head.starts_with("HTTP/1.1 303"), "{head}");
        let last = head.lines().rfind(|line| line.starts_with("set-cookie: ")).unwrap();
        last["set-cookie: ".len()..].split(';').next().unwrap().to_owned()
    }

    fn is_signed_in(&self) -> bool {
        self.curl("/api/me", &[]).1 == format!("You are {USER}.\n")
    }
}

/// Whether a cookie signs in, whatever is in a jar.
fn is_live(visit: &Visit, cookie: &str) -> bool {
    visit.site.get("/api/me", cookie).status == 200
}

#[test]
fn a_session_is_signed_in_used_and_signed_out() {
    let Some(visit) = Visit::start("use", &[]) else { return };
    let jar = visit.jar("jar");
    assert!(!jar.is_signed_in());
    let head = jar.try_password(PASSWORD);
    let set_cookie = head.lines().find(|line| line.starts_with("set-cookie: ")).unwrap();
    let (id, attributes) = set_cookie["set-cookie: session=".len()..].split_once(';').unwrap();
    assert_eq!((id.len(), attributes), (43, " Path=/; HttpOnly; SameSite=Lax"));
    assert!(head.contains("\nlocation: /me"), "{head}");
    assert!(jar.is_signed_in());
    let (head, page) = jar.curl("/me", &[]);
    assert!(head.contains("\ncache-control: no-store") && page.contains("You are demo"), "{head}\n{page}");
    assert!(!head.contains("set-cookie"), "{head}");

    let head = jar.post("/logout");
    assert!(head.starts_with("HTTP/1.1 303") && head.contains("\nlocation: /login"), "{head}");
    assert!(head.contains(REMOVAL), "{head}");
    assert!(head.contains("\nclear-site-data: \"cache\", \"storage\""), "{head}");
    assert!(
        !std::fs::read_to_string(visit.folder.path("jar")).unwrap().contains(id),
        "it is still in the jar"
    );
    assert!(!is_live(&visit, &format!("session={id}")));
}

#[test]
fn the_box_lets_the_browser_keep_the_cookie() {
    let site = Site::start(&[("STAY_SECS", "3600")]);
    let form = |stay: &str| {
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.extend_pairs([("user", USER), ("password", PASSWORD)]).finish() + stay
    };
    for (stay, max_age) in [("", ""), ("&stay=", ""), ("&stay=yes", "; Max-Age=3600")] {
        let seen = site.post("/login", "", &form(stay));
        let set_cookie = seen.header("set-cookie").unwrap();
        let (_, attributes) = set_cookie.split_once(';').unwrap();
        assert_eq!(attributes, format!(" Path=/; HttpOnly; SameSite=Lax{max_age}"), "{stay:?}");
    }
}

#[test]
fn a_dead_cookie_is_expired_and_a_person_is_led_to_the_form() {
    let Some(visit) = Visit::start("dead", &[]) else { return };
    let jar = visit.jar("jar");
    let cookie = jar.sign_in();
    jar.post("/logout");
    let (head, body) = jar.curl("/api/me", &["-b", &cookie]);
    assert!(head.starts_with("HTTP/1.1 401") && head.contains(REMOVAL), "{head}");
    assert!(head.contains("\nwww-authenticate: Session realm=\"site\""), "{head}");
    assert!(head.contains("\ncontent-type: application/problem+json"), "{head}");
    assert!(!head.contains("clear-site-data"), "only who signs out asks for that: {head}");
    assert!(body.contains(r#""kind":"missing""#) && !body.contains("revoked"), "{body}");
    let (head, _) = jar.curl("/me?tab=2", &["-b", &cookie, "-H", "Accept: text/html"]);
    assert!(
        head.starts_with("HTTP/1.1 302") && head.contains("\nlocation: /login?next=/me%3Ftab%3D2"),
        "{head}"
    );
    assert!(head.contains(REMOVAL), "{head}");
}

#[test]
fn a_doubled_cookie_is_no_session() {
    let Some(visit) = Visit::start("doubled", &[]) else { return };
    let cookie = visit.jar("jar").sign_in();
    for twice in [
        ["-H", &format!("Cookie: {cookie}; {cookie}")].as_slice(),
        &["-H", &format!("Cookie: {cookie}"), "-H", "Cookie: session=planted"],
        &["-H", &format!("Cookie: session=planted; {cookie}")],
    ] {
        let (head, _) = visit.jar("empty").curl("/api/me", twice);
        assert!(head.starts_with("HTTP/1.1 401") && !head.contains("set-cookie"), "{twice:?}\n{head}");
    }
    assert!(is_live(&visit, &cookie), "the session itself lives on");
}

#[test]
fn sign_out_everywhere_ends_the_sessions_in_other_jars() {
    let Some(visit) = Visit::start("everywhere", &[]) else { return };
    let (here, there) = (visit.jar("here"), visit.jar("there"));
    here.sign_in();
    there.sign_in();
    assert!(here.is_signed_in() && there.is_signed_in());
    let head = here.post("/logout-everywhere");
    assert!(head.contains(REMOVAL) && head.contains("\nclear-site-data: "), "{head}");
    assert!(!here.is_signed_in() && !there.is_signed_in());
    there.sign_in();
    assert!(there.is_signed_in(), "the account is not locked");
}

#[test]
fn sign_out_leaves_the_sessions_in_other_jars() {
    let Some(visit) = Visit::start("one", &[]) else { return };
    let (here, there) = (visit.jar("here"), visit.jar("there"));
    here.sign_in();
    there.sign_in();
    here.post("/logout");
    assert!(!here.is_signed_in() && there.is_signed_in());
}

#[test]
fn a_planted_id_never_becomes_a_session() {
    let Some(visit) = Visit::start("planted", &[]) else { return };
    let planted = format!("session={}", "A".repeat(43));
    for (name, planted) in [("well formed", planted.as_str()), ("malformed", "session=me")] {
        let jar = visit.jar(name);
        let jar_line = format!("127.0.0.1\tFALSE\t/\tFALSE\t0\t{}\n", planted.replace('=', "\t"));
        std::fs::write(&jar.1, format!("# Netscape HTTP Cookie File\n{jar_line}")).unwrap();
        let (head, _) = jar.curl("/login", &[]);
        assert!(head.contains(REMOVAL), "{name}: curl sends it, and it is expired\n{head}");
        std::fs::write(&jar.1, format!("# Netscape HTTP Cookie File\n{jar_line}")).unwrap();
        assert_ne!(jar.sign_in(), planted);
        assert!(jar.is_signed_in(), "{name}: what the answer sets comes after what it expires");
        assert!(!is_live(&visit, planted), "{name}");
    }
}

#[test]
fn an_id_from_before_a_sign_in_is_dead_after_it() {
    let Some(visit) = Visit::start("fixation", &[]) else { return };
    let (victim, attacker) = (visit.jar("victim"), visit.jar("attacker"));
    let planted = attacker.sign_in();
    std::fs::copy(&attacker.1, &victim.1).unwrap();
    let own = victim.sign_in();
    assert_ne!(own, planted);
    assert!(!is_live(&visit, &planted) && !attacker.is_signed_in());
    assert!(is_live(&visit, &own) && victim.is_signed_in());
    let again = victim.sign_in();
    assert!(!is_live(&visit, &own) && is_live(&visit, &again));
}

#[test]
fn too_many_wrong_passwords_wait() {
    let Some(visit) = Visit::start("guesses", &[]) else { return };
    let (jar, signed_in) = (visit.jar("jar"), visit.jar("signed-in"));
    signed_in.sign_in();
    for _ in 0..10 {
        let head = jar.try_password("guess");
        assert!(head.starts_with("HTTP/1.1 401"), "{head}");
        assert!(head.contains("\nwww-authenticate: Session realm=\"site\""), "{head}");
        assert!(!head.contains("set-cookie") && !head.contains("location"), "{head}");
    }
    let head = jar.try_password(PASSWORD);
    assert!(head.starts_with("HTTP/1.1 429") && !head.contains("set-cookie"), "{head}");
    let wait = head.lines().find_map(|line| line.strip_prefix("retry-after: ")).unwrap();
    assert!((1..=30).contains(&wait.parse().unwrap()), "{wait}");
    assert!(signed_in.is_signed_in(), "who is signed in stays so");
}

#[test]
fn a_return_target_of_another_site_is_not_followed() {
    let Some(visit) = Visit::start("target", &[]) else { return };
    for (next, location) in [
        ("/api/me?a=b", "/api/me?a=b"),
        ("", "/me"),
        ("//evil.example", "/me"),
        ("/\\evil.example", "/me"),
        ("https://evil.example/", "/me"),
        ("/\r\nset-cookie: a=b", "/me"),
    ] {
        let (password, next) = (format!("password={PASSWORD}"), format!("next={next}"));
        let user = format!("user={USER}");
        let (head, _) = visit
            .jar("jar")
            .curl("/login", &["-d", &user, "--data-urlencode", &password, "--data-urlencode", &next]);
        let sent = head.lines().find_map(|line| line.strip_prefix("location: "));
        assert_eq!(sent, Some(location), "{next:?}");
    }
}

#[test]
fn plain_http_on_an_address_that_others_reach_is_refused() {
    let output = Command::new(program("session")).env("ADDR", "0.0.0.0:0").output().unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success());
    assert!(error.contains("can be reached from others") && error.contains("127.0.0.1"), "{error}");
}

#[test]
fn every_page_says_what_it_may_load_and_stays_in_no_cache() {
    let Some(visit) = Visit::start("headers", &[]) else { return };
    let jar = visit.jar("jar");
    let form = jar.curl("/login", &[]);
    let wrong = jar.curl("/login", &["-d", "user=x&password=y"]);
    jar.sign_in();
    let me = jar.curl("/me", &[]);
    assert!(wrong.0.starts_with("HTTP/1.1 401") && me.0.starts_with("HTTP/1.1 200"));
    for (head, page) in [form, wrong, me] {
        for line in
            ["x-content-type-options: nosniff", "referrer-policy: same-origin", "cache-control: no-store"]
        {
            assert_eq!(head.lines().filter(|known| *known == line).count(), 1, "{line} in {head}");
        }
        let policy = head.lines().find_map(|line| line.strip_prefix("content-security-policy: ")).unwrap();
        let policy: Vec<_> = policy.split("; ").collect();
        for part in ["default-src 'none'", "base-uri 'none'", "form-action 'self'", "frame-ancestors 'none'"]
        {
            assert!(policy.contains(&part), "{part} in {policy:?}");
        }
        assert!(!policy.iter().any(|part| part.contains("unsafe") || part.contains('*')), "{policy:?}");
        // What is in the page is what its policy lets in, and nothing else.
        assert_eq!(page.matches("<style").count(), 1);
        assert!(page.matches("<script").count() <= 1 && !page.contains(" style="));
        for (element, directive) in [("style", "style-src"), ("script", "script-src")] {
            let Some((_, text)) = page.split_once(&format!("<{element}>")) else { continue };
            let (text, _) = text.split_once(&format!("</{element}>")).unwrap();
            let hash = STANDARD.encode(Sha256::digest(text));
            assert!(
                policy.contains(&format!("{directive} 'sha256-{hash}'").as_str()),
                "{element}: {policy:?}"
            );
        }
    }
}
