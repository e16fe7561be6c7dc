//! The example `session`, asked over bare sockets: quick enough for a steady load.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    time::Duration,
};

use super::{example::Example, secrets::PASSWORD};

pub const USER: &str = "demo";

/// A running `session`; the user is [`USER`], the password [`PASSWORD`].
pub struct Site(Example);

/// What came back.
#[derive(Debug)]
pub struct Seen {
    pub status: u16,
    pub head: String,
    pub body: String,
}

impl Site {
    pub fn start(environment: &[(&str, &str)]) -> Self {
        let user = [("DEMO_USER", USER), ("DEMO_PASSWORD", PASSWORD)];
        Self(Example::start("session", &[&user, environment].concat()))
    }

    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.0.url)
    }

    /// Asks for a page as a script does.
    pub fn get(&self, path: &str, cookie: &str) -> Seen {
        self.ask("GET", path, &[("Cookie", cookie)], "")
    }

    /// Opens a page as a person does.
    pub fn open(&self, path: &str, cookie: &str) -> Seen {
        self.ask(
            "GET",
            path,
            &[("Cookie", cookie), ("Accept", "text/html"), ("Sec-Fetch-Mode", "navigate")],
            "",
        )
    }

    pub fn post(&self, path: &str, cookie: &str, form: &str) -> Seen {
        self.ask(
            "POST",
            path,
            &[("Cookie", cookie), ("Content-Type", "application/x-www-form-urlencoded")],
            form,
        )
    }

    /// Sends the form to sign in.
    pub fn try_password(&self, password: &str) -> Seen {
        let form = form_urlencoded::Serializer::new(String::new())
            .extend_pairs([("user", USER), ("password", password)])
            .finish();
        self.post("/login", "", &form)
    }

    /// Signs in, and returns the cookie.
    pub fn sign_in(&self) -> String {
        let seen = self.try_password(PASSWORD);
        assert_eq!(seen.status, 303, "{seen:?}");
        seen.cookie().unwrap()
    }

    fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Seen {
        let address = self.0.url.trim_start_matches("http://");
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let headers: String = headers
            .iter()
            .filter(|(_, value)| !value.is_empty())
            .map(|(name, value)| format!("{name}: {value}\r\n"))
            .collect();
        let length = body.len();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: {address}\r\n{headers}Content-Length: {length}\r\nConnection: close\r\n\r\n{body}"
        );
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no head in {answer:?}"));
        let status = head.get(9..12).unwrap_or_default().parse().unwrap_or_else(|_| panic!("{head}"));
        Seen { status, head: head.to_owned(), body: body.to_owned() }
    }
}

impl Seen {
    /// The cookie that it sets, as it is sent back.
    pub fn cookie(&self) -> Option<String> {
        Some(self.header("set-cookie")?.split(';').next()?.to_owned())
    }

    /// The first of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        let of = |line: &'_ str| line.split_once(": ").is_some_and(|(known, _)| known == name);
        self.head.lines().find(|line| of(line)).map(|line| &line[name.len() + 2..])
    }
}
