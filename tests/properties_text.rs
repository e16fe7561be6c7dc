//! `Accept` and password files, close to good ones: the crate and a second reading find the same.

mod second;
mod support;

use http::{Request, header};
use proptest::{prelude::*, sample::select};
use second::accept::wants_html;
use tower_authn::Asked;

/// Whether both see a preference for a page, and it is the same.
fn agree(lines: &[String]) -> Result<(), TestCaseError> {
    let mut request = Request::get("/");
    for line in lines {
        request = request.header(header::ACCEPT, line);
    }
    let (head, ()) = request.body(()).unwrap().into_parts();
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    prop_assert_eq!(Asked::of(&head).wants_html(), wants_html(&lines), "{:?}", lines);
    Ok(())
}

/// A media range, mostly one of those that count.
fn range() -> impl Strategy<Value = &'static str> {
    prop_oneof![
        3 => select(vec!["text/html", "text/plain", "application/json", "application/problem+json"]),
        2 => select(vec!["text/*", "*/*", "application/*", "TEXT/HTML", "Text/*", "text/Plain"]),
        1 => select(vec![
            "image/png", "text/htm", "text/html5", "text", "*", "*/html", "html", "text/ html", "", "text/html/", "text//html", "*/json",
        ]),
    ]
}

/// A weight, mostly one of few, so that many are equal.
fn quality() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => Just(String::new()),
        3 => select(vec!["1", "0.5", "0.50", "0.500", "0.501", "0", "0.0", "0.000", "1.000", "1."]).prop_map(|q| format!(";q={q}")),
        1 => select(vec!["1.001", "0.5000", "2", "-1", ".5", "", "0,5", "5e-1", "a", "00.5", "0.5.1", "+1", "\"1\""]).prop_map(|q| format!(";q={q}")),
        1 => select(vec![" ; q=0.5", "\t;\tQ=0.4 ", "; Q=0.6"]).prop_map(str::to_owned),
    ]
}

/// What makes a range another one, or stands beside it.
fn parameter() -> impl Strategy<Value = &'static str> {
    select(vec![
        "",
        "",
        ";level=1",
        ";charset=utf-8",
        ";qs=0.1",
        ";x=\"a, text/html;q=1, b\"",
        ";x=\"\\\", text/html, \\\\\"",
        ";x=\",\"",
        ";v=b3",
    ])
}

fn lines(element: impl Strategy<Value = String>) -> impl Strategy<Value = Vec<String>> {
    let separator = select(vec![",", ", ", " ,", ",,", "\t,\t"]);
    let line = prop::collection::vec((element, separator), 0..6).prop_map(|elements| {
        let line: String =
            elements.into_iter().flat_map(|(element, separator)| [element, separator.to_owned()]).collect();
        line.trim_end_matches([',', ' ', '\t']).to_owned()
    });
    prop::collection::vec(line, 0..4)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn accept_with_repeated_ranges_is_read_as_a_second_reading_reads_it(
        lines in lines((range(), quality()).prop_map(|(range, quality)| format!("{range}{quality}"))),
    ) {
        agree(&lines)?;
    }

    #[test]
    fn a_range_with_parameters_of_its_own_is_no_plain_range(
        lines in lines((range(), parameter(), quality(), parameter()).prop_map(|(range, one, quality, other)| format!("{range}{one}{quality}{other}"))),
    ) {
        agree(&lines)?;
    }

    #[test]
    fn what_stands_after_the_first_kib_of_accept_is_not_read(
        lines in lines((range(), quality()).prop_map(|(range, quality)| format!("{range}{quality}"))),
        (at, filler) in (0..3_usize, 900..1_040_usize),
    ) {
        let mut lines = lines;
        // One element of some length, so that the KiB ends in each place of what follows.
        let filler = format!("image/{}", "x".repeat(filler));
        let at = at.min(lines.len());
        lines.insert(at, filler);
        agree(&lines)?;
        agree(&[lines.join(",")])?;
    }
}

// ===== password files =====

#[cfg(all(feature = "passwords", feature = "testing"))]
mod passwords {
    use std::{collections::HashMap, time::SystemTime};

    use proptest::{
        prelude::*,
        sample::{Index, select},
    };
    use tower_authn::{
        Clock,
        validator::passwords::{HashError, Htpasswd, LineProblem, LookUp as _, PasswordHash},
    };

    use super::{
        second::htpasswd::{Line, is_hash, lines},
        support::{folder::Folder, now},
    };

    /// Hashes of each kind: a good one, and some at the limits, on either side.
    const BASES: &[&str] = &[
        "$apr1$saltsalt$Ip2Y.PkrMlmiCF2kzQqdU/",
        "$2y$05$WVrs4AUTrVdd.XJZSQ.kbOZoGH0ZeOr.ZP6rzYSC5NPZ4yFZgVVUq",
        "$5$saltstring$5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc8",
        "$6$rounds=5000$saltsalt$saltsaltsaltsaltsaltsaltsaltsaltsaltsaltsaltsaltsaltsaltsaltsaltsaltsaltsaltsaltsaltsa",
        "{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=",
        "$argon2id$v=19$m=65536,t=3,p=4$c2FsdHNhbHQ$c2FsdHNhbHRzYWx0c2FsdA",
        "$argon2i$m=64,t=1,p=1$c2FsdHNhbHQ$c2FsdHNhbHRzYWx0c2FsdA",
        "$scrypt$ln=15,r=8,p=1$c2FsdHNhbHQ$c2FsdHNhbHRzYWx0c2FsdA",
        "$pbkdf2-sha256$i=600000,l=16$c2FsdHNhbHQ$c2FsdHNhbHRzYWx0c2FsdA",
        "$pbkdf2-sha512$i=1000$c2FsdHNhbHQ$c2FsdHNhbHRzYWx0c2FsdA",
        "$apr1$$Ip2Y.PkrMlmiCF2kzQqdU/",
        "$6$$saltsaltsaltsaltsaltsaltsaltsaltsaltsaltsaltsaltsaltsaltsaltsaltsaltsaltsaltsaltsaltsa",
        "$2b$03$WVrs4AUTrVdd.XJZSQ.kbOZoGH0ZeOr.ZP6rzYSC5NPZ4yFZgVVUq",
        "$2a$04$WVrs4AUTrVdd.XJZSQ.kbOZoGH0ZeOr.ZP6rzYSC5NPZ4yFZgVVUq",
        "$2y$17$WVrs4AUTrVdd.XJZSQ.kbOZoGH0ZeOr.ZP6rzYSC5NPZ4yFZgVVUq",
        "$2y$18$WVrs4AUTrVdd.XJZSQ.kbOZoGH0ZeOr.ZP6rzYSC5NPZ4yFZgVVUq",
        "$5$rounds=1000$saltstring$5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc8",
        "$5$rounds=1000001$saltstring$5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc8",
        "$argon2d$v=16$m=262144,t=4,p=16$c2FsdHNhbHQ$c2FsdHNhbHRzYWx0c2FsdA",
        "$argon2d$v=19$m=262145,t=1,p=16$c2FsdHNhbHQ$c2FsdHNhbHRzYWx0c2FsdA",
        "$argon2d$v=19$m=262144,t=5,p=1$c2FsdHNhbHQ$c2FsdHNhbHRzYWx0c2FsdA",
        "$argon2id$v=19$m=128,t=1,p=16$c2FsdHNhbHQ$c2FsdHNhbHRzYWx0c2FsdA",
        "$argon2id$v=19$m=127,t=1,p=16$c2FsdHNhbHQ$c2FsdHNhbHRzYWx0c2FsdA",
        "$argon2id$v=19$m=1024,t=1,p=17$c2FsdHNhbHQ$c2FsdHNhbHRzYWx0c2FsdA",
        "$scrypt$ln=18,r=8,p=4$c2FsdHNhbHQ$c2FsdHNhbHRzYWx0c2FsdA",
        "$scrypt$ln=18,r=8,p=5$c2FsdHNhbHQ$c2FsdHNhbHRzYWx0c2FsdA",
        "$scrypt$ln=1,r=8192,p=1$c2FsdHNhbHQ$c2FsdHNhbHRzYWx0c2FsdA",
        "$scrypt$ln=1,r=8193,p=1$c2FsdHNhbHQ$c2FsdHNhbHRzYWx0c2FsdA",
        "$pbkdf2-sha256$i=10000000,l=17$c2FsdHNhbHQ$c2FsdHNhbHRzYWx0c2FsdA",
        "$pbkdf2-sha256$i=10000001$c2FsdHNhbHQ$c2FsdHNhbHRzYWx0c2FsdA",
        "$pbkdf2-sha256$i=999$c2FsdHNhbHQ$c2FsdHNhbHRzYWx0c2FsdA",
        "$pbkdf2-sha256$i=1000$c2FsdHNhbA$c2FsdHNhbHRzYWx0c2FsdA",
        "$pbkdf2-sha256$i=1000$c2FsdHNhbHQ$c2FsdHNhbHRzYWx0c2Fs",
    ];

    /// A good hash with some characters inserted, replaced, deleted or doubled, or with another
    /// number in it.
    fn hash() -> impl Strategy<Value = String> {
        let piece = select(vec![
            "",
            "",
            "$",
            "$$",
            ",",
            "=",
            "0",
            "9",
            "4294967296",
            "a",
            "rounds=999$",
            "rounds=1000$",
            "rounds=1000000$",
            "rounds=1000001$",
            "v=16$",
            "v=18$",
            ".",
            "/",
            "+",
            "\u{e9}",
            " ",
            "!",
            "p=1",
            "65537",
            "1048577",
        ]);
        let edit = (any::<Index>(), piece, 0..3_usize);
        (select(BASES), prop_oneof![Just(Vec::new()), prop::collection::vec(edit, 1..3)]).prop_map(
            |(good, edits)| {
                let mut hash: Vec<char> = good.chars().collect();
                for (at, piece, replaced) in edits {
                    let at = at.index(hash.len() + 1);
                    let end = (at + replaced).min(hash.len());
                    hash.splice(at..end, piece.chars());
                }
                hash.into_iter().collect()
            },
        )
    }

    fn line() -> impl Strategy<Value = Vec<u8>> {
        let user =
            select(vec!["alice", "alice", "bob", "zo\u{eb}", " alice", "#alice", "", "$apr1$", "a b", "\t"]);
        let tail = select(vec!["", "", "\r", "\r\r", ":more", "::", " ", "\t", ":\r"]);
        let text = (user, select(vec![":", ":", ":", "", "::", " "]), hash(), tail)
            .prop_map(|(user, colon, hash, tail)| format!("{user}{colon}{hash}{tail}").into_bytes());
        prop_oneof![
            12 => text,
            1 => select(vec![&b""[..], b" \t", b"\r", b"# a:b", b"alice", b"zo\xeb:x", b"\xff", b"# \xff", b"\x0c", b"\x0b"]).prop_map(<[u8]>::to_vec),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4_000))]

        #[test]
        fn a_hash_is_read_if_and_only_if_a_second_reading_takes_it(hash in hash()) {
            prop_assert_eq!(hash.parse::<PasswordHash>().is_ok(), is_hash(&hash, false), "{}", &hash);
            prop_assert_eq!(PasswordHash::parse_unsalted(&hash).is_ok(), is_hash(&hash, true), "{}", &hash);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(500))]

        #[test]
        fn a_password_file_is_read_line_by_line_as_a_second_reading_reads_it(
            file in prop::collection::vec(line(), 0..6),
            takes_unsalted in any::<bool>(),
        ) {
            let folder = Folder::new("second-reading");
            let file = file.join(&b'\n');
            let path = folder.path("users");
            std::fs::write(&path, &file).unwrap();
            // The clock stands, so that the file is read once.
            let opened = Htpasswd::new(path).clock(Clock::manual(SystemTime::now()).0);
            let opened = if takes_unsalted { opened.allow_unsalted() } else { opened }.open();
            let mut users = HashMap::new();
            let mut problems = Vec::new();
            for (index, line) in lines(&file, takes_unsalted).into_iter().enumerate() {
                let number = index + 1;
                match line {
                    Line::Nothing => {}
                    Line::User(user) => match users.get(&user) {
                        Some(first) => problems.push((number, LineProblem::Repeated { first: *first })),
                        None => drop(users.insert(user, number)),
                    },
                    Line::NotText => problems.push((number, LineProblem::NotText)),
                    Line::NoColon => problems.push((number, LineProblem::NoColon)),
                    Line::NoUser => problems.push((number, LineProblem::NoUser)),
                    // Which flaw of the hash it is, the tests of hashes say.
                    Line::BadHash => problems.push((number, LineProblem::Hash(HashError::Malformed))),
                }
            }
            match opened {
                Ok(opened) => {
                    prop_assert!(problems.is_empty(), "{:?}", problems);
                    prop_assert_eq!(opened.len(), users.len());
                    for user in users.keys() {
                        prop_assert!(now(opened.hash_of(user)).unwrap().is_some(), "{}", user);
                    }
                    prop_assert!(now(opened.hash_of("alice ")).unwrap().is_none());
                }
                Err(error) => {
                    let found: Vec<_> = error.problems().iter().map(|(number, problem)| match problem {
                        LineProblem::Hash(_) => (*number, LineProblem::Hash(HashError::Malformed)),
                        problem => (*number, *problem),
                    }).collect();
                    prop_assert_eq!(found, problems);
                }
            }
        }
    }
}
