//! `X-Forwarded-For` and `Forwarded` (RFC 7239), as rule 18 has them.

use std::net::{IpAddr, SocketAddr, SocketAddrV4};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Header {
    XForwardedFor,
    Forwarded,
}

/// What a walk comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Walked {
    Client(IpAddr),
    HeaderEnded,
    NoAddress,
    TooLong,
}

const LONGEST: usize = 8 * 1024;
const MOST_PROXIES: usize = 32;
const MOST_PARAMETERS: usize = 16;

/// Walks from the peer back, past proxies; `is_proxy` is asked for an address and its number of
/// hops from here.
pub fn walk(
    header: Header,
    peer: IpAddr,
    lines: &[&[u8]],
    is_proxy: impl Fn(usize, IpAddr) -> bool,
) -> Walked {
    let mut address = peer.to_canonical();
    if !is_proxy(0, address) {
        return Walked::Client(address);
    }
    if lines.iter().map(|line| line.len()).sum::<usize>() > LONGEST {
        return Walked::TooLong;
    }
    let mut named: Vec<Option<IpAddr>> = lines.iter().flat_map(|line| elements(header, line)).collect();
    for hops in 1.. {
        address = match named.pop() {
            None => return Walked::HeaderEnded,
            Some(None) => return Walked::NoAddress,
            Some(Some(address)) => address.to_canonical(),
        };
        if !is_proxy(hops, address) {
            return Walked::Client(address);
        }
        if hops == MOST_PROXIES {
            return Walked::TooLong;
        }
    }
    unreachable!()
}

/// The addresses of one line, and `None` for what is no address.
fn elements(header: Header, line: &[u8]) -> Vec<Option<IpAddr>> {
    let is_text = line.iter().all(|byte| matches!(byte, b' '..=b'~' | b'\t'));
    let text = if is_text { std::str::from_utf8(line).unwrap() } else { "\u{7f}" };
    match header {
        Header::XForwardedFor => {
            let trimmed = text.split(',').map(|entry| entry.trim_matches([' ', '\t']));
            trimmed.map(|entry| entry.parse().ok().or_else(|| node(entry))).collect()
        }
        Header::Forwarded => forwarded(text).unwrap_or_else(|| vec![None]),
    }
}

/// An IPv4 address, or an IPv6 address in brackets, each with or without a port of digits.
fn node(text: &str) -> Option<IpAddr> {
    if text.contains('%') {
        return None; // a zone means something on its own machine only
    }
    let port = text.rsplit_once(':').map(|(_, port)| port).filter(|_| !text.ends_with(']'));
    match port {
        None if text.starts_with('[') => {
            format!("{text}:1").parse::<SocketAddr>().ok().map(|address| address.ip())
        }
        None => text.parse::<std::net::Ipv4Addr>().ok().map(IpAddr::V4),
        Some(port) if !port.bytes().all(|byte| byte.is_ascii_digit()) => None,
        Some(port) => {
            // Zeros may stand before it.
            let digits = port.trim_start_matches('0');
            let number = if digits.is_empty() && !port.is_empty() { "0" } else { digits };
            let text = format!("{}{number}", &text[..text.len() - port.len()]);
            let is_four = text.parse::<SocketAddrV4>().is_ok();
            text.parse::<SocketAddr>()
                .ok()
                .filter(|_| is_four || text.starts_with('['))
                .map(|address| address.ip())
        }
    }
}

/// The elements of a `Forwarded` line; `None`: it is no such line.
fn forwarded(text: &str) -> Option<Vec<Option<IpAddr>>> {
    let mut elements = Vec::new();
    for element in apart(text, ',')? {
        let mut pairs: Vec<(String, String)> = Vec::new();
        for pair in apart(element, ';')? {
            let pair = pair.trim_matches([' ', '\t']);
            if pair.is_empty() {
                continue;
            }
            let (name, value) = pair.split_once('=')?;
            let name = name.to_ascii_lowercase();
            if !is_token(&name) || pairs.iter().any(|(own, _)| *own == name) {
                return None;
            }
            pairs.push((name, plain(value)?));
        }
        if pairs.len() > MOST_PARAMETERS {
            return None;
        }
        if !pairs.is_empty() {
            let address = pairs.iter().find(|(name, _)| name == "for").and_then(|(_, value)| node(value));
            elements.push(address);
        }
    }
    Some(elements)
}

/// The pieces between separators outside quoted strings; `None`: a string has no end.
fn apart(text: &str, separator: char) -> Option<Vec<&str>> {
    let mut cuts = vec![0];
    let mut chars = text.char_indices();
    while let Some((at, char)) = chars.next() {
        if char == separator {
            cuts.extend([at, at + 1]);
        }
        if char == '"' {
            loop {
                match chars.next()?.1 {
                    '"' => break,
                    '\\' => drop(chars.next()?),
                    _ => {}
                }
            }
        }
    }
    cuts.push(text.len());
    Some(cuts.chunks(2).map(|cut| &text[cut[0]..cut[1]]).collect())
}

/// What a token or a quoted string says; an address with a port or brackets too, which some proxies
/// do not quote.
fn plain(value: &str) -> Option<String> {
    let Some(rest) = value.strip_prefix('"') else {
        let is_plain = is_token(value) || node(value).is_some();
        return is_plain.then(|| value.to_owned());
    };
    let quoted = rest.strip_suffix('"')?;
    let (mut plain, mut chars) = (String::new(), quoted.chars());
    while let Some(char) = chars.next() {
        match char {
            '\\' => plain.push(chars.next()?),
            '"' => return None,
            char => plain.push(char),
        }
    }
    Some(plain)
}

/// RFC 9110 §5.6.2.
fn is_token(text: &str) -> bool {
    !text.is_empty()
        && text.chars().all(|char| char.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(char))
}
