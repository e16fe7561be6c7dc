//! Any lines of `Authorization`, read by `Bearer`, `Basic` and a scheme of one's own.
#![no_main]

use http::{HeaderValue, Request, header::AUTHORIZATION, request::Parts};
use libfuzzer_sys::fuzz_target;
use tower_authn::{
    Asked, Rejection, Scheme as _,
    scheme::{Basic, Bearer, authorization},
};
use tower_authn_fuzz::{
    expand,
    second::{base64, credentials},
};

const PIECES: &[&str] = &[
    "Bearer ",
    "bearer ",
    "Basic ",
    "bASIC ",
    "Token ",
    "Bearer",
    "Basic",
    "Token\t",
    "Bearer\t",
    "Basic\t",
    "  ",
    "=",
    "==",
    "YWxpY2U6b3BlbiBzZXNhbWU=",
    "em/DqzpwYXNz",
    "em/rOnBhc3M=",
    "OnBhc3M=",
    "YWxpY2U6",
    "YWxpY2U=",
    "Og==",
    "YTpiCg==",
    "YTpi/w==",
    "YTp/",
    "AA==",
    "YTpiOmM=",
    "mF_9.B5f-4.1JqM",
    "~+/",
    "\u{e9}",
    "Digest username=\"a\"",
    "Negotiate ",
];

fuzz_target!(|data: &[u8]| {
    let [mode, rest @ ..] = data else { return };
    // Bytes that are credentials of Basic once they are encoded, or the header itself.
    let lines = if mode & 1 == 1 {
        let mut encoded = base64::encode(base64::STANDARD, rest);
        encoded.push_str(["", "==", "="][rest.len() % 3 * 2 % 3]);
        vec![format!("Basic {encoded}").into_bytes()]
    } else {
        expand(rest, PIECES).split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect()
    };
    let max_len = if mode & 2 == 2 { 20 } else { 4096 };
    let mut request = Request::new(());
    let mut kept = Vec::new();
    for line in &lines {
        let Ok(value) = HeaderValue::from_bytes(line) else { return };
        request.headers_mut().append(AUTHORIZATION, value);
        kept.push(&line[..]);
    }
    if mode & 4 == 4 {
        request.headers_mut().remove(AUTHORIZATION);
        kept.clear();
    }
    let head = request.into_parts().0;
    let asked = Asked::of(&head);

    let takes_latin1 = mode & 8 == 8;
    let basic = Basic::new("r").max_len(max_len);
    let basic = if takes_latin1 { basic.or_latin1() } else { basic };
    let found = read(&head, |head| {
        let found = basic.extract(head, &asked)?;
        Ok(found.map(|found| (found.user().to_owned(), found.password().expose().to_owned())))
    });
    assert_eq!(found, credentials::basic(&kept, takes_latin1, max_len));

    let bearer = Bearer::new("r").max_len(max_len);
    let found = read(&head, |head| Ok(bearer.extract(head, &asked)?.map(|token| token.expose().to_owned())));
    assert_eq!(found, credentials::token(&kept, "Bearer", max_len));

    let found = read(&head, |head| Ok(authorization(head, "Token")?.map(|token| token.expose().to_owned())));
    assert_eq!(found, credentials::token(&kept, "Token", 8 * 1024));
});

/// Reads credentials, and sees that nobody will log the header afterwards.
fn read<T>(
    head: &Parts,
    extract: impl Fn(&mut Parts) -> Result<Option<T>, Rejection>,
) -> credentials::Found<T> {
    let mut head = head.clone();
    let found = extract(&mut head).map_err(|rejection| rejection.reason().as_str());
    assert!(head.headers.values().all(HeaderValue::is_sensitive));
    found
}
