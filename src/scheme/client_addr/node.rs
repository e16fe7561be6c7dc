//! One node of a proxies' header.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::challenge::is_token;

/// The most parameters of one element that are compared with each other; RFC 7239 has four.
const MAX_PARAMETERS: usize = 16;

/// An address with or without a port, IPv6 with or without brackets: what proxies write into `X-Forwarded-For`.
pub(super) fn loose(text: &str) -> Option<IpAddr> {
    text.parse().ok().or_else(|| strict(text))
}

/// A node of RFC 7239 §6 that is an address: IPv4 bare, IPv6 in brackets, each with or without a port.
pub(super) fn strict(text: &str) -> Option<IpAddr> {
    if let Some(rest) = text.strip_prefix('[') {
        let (address, port) = rest.split_once(']')?;
        let is_whole = port.is_empty() || port.strip_prefix(':').is_some_and(is_port);
        return address.parse::<Ipv6Addr>().ok().filter(|_| is_whole).map(IpAddr::V6);
    }
    let (address, port) = text.split_once(':').map_or((text, None), |(address, port)| (address, Some(port)));
    address.parse::<Ipv4Addr>().ok().filter(|_| port.is_none_or(is_port)).map(IpAddr::V4)
}

fn is_port(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit()) && text.parse::<u16>().is_ok()
}

/// The `for` of each element of `Forwarded` (RFC 7239 §4), in order; `None` for an element without one that is an
/// address. A text that is no such list as a whole is none at all: nobody could say where its elements begin.
pub(super) fn forwarded(text: &str) -> Option<Vec<Option<IpAddr>>> {
    let mut rest = text;
    let mut elements = Vec::new();
    let mut element: Option<Option<IpAddr>> = None;
    let mut names: Vec<&str> = Vec::new();
    loop {
        rest = rest.trim_start_matches([' ', '\t']);
        if !rest.is_empty() && !rest.starts_with([',', ';']) {
            let (name, after) = rest.split_once('=')?;
            let (value, after) = value(after)?;
            let is_repeated = names.iter().any(|known| known.eq_ignore_ascii_case(name));
            if !is_token(name) || is_repeated || names.len() == MAX_PARAMETERS {
                return None;
            }
            names.push(name);
            if name.eq_ignore_ascii_case("for") {
                element = Some(strict(&value));
            }
            rest = after.trim_start_matches([' ', '\t']);
        }
        match rest.as_bytes().first() {
            Some(b';') => {}
            None | Some(b',') => {
                // An empty element of a list counts for nothing (RFC 9110 §5.6.1).
                if !names.is_empty() {
                    elements.push(element.take().flatten());
                }
                element = None;
                names.clear();
                if rest.is_empty() {
                    return Some(elements);
                }
            }
            Some(_) => return None,
        }
        rest = &rest[1..];
    }
}

/// A token or a quoted string, and what follows it.
fn value(text: &str) -> Option<(String, &str)> {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find([',', ';', ' ', '\t']).unwrap_or(text.len());
        let token = &text[..end];
        return is_token(token).then(|| (token.to_owned(), &text[end..])).or_else(|| {
            // An IPv4 address with a port has to be quoted; some proxies do not.
            strict(token).map(|_| (token.to_owned(), &text[end..]))
        });
    };
    let mut value = String::new();
    let mut chars = quoted.char_indices();
    while let Some((at, char)) = chars.next() {
        match char {
            '"' => return Some((value, &quoted[at + 1..])),
            '\\' => value.push(chars.next()?.1),
            _ => value.push(char),
        }
    }
    None
}
