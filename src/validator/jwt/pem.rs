//! Public keys in PEM: `PUBLIC KEY` (RFC 5280 §4.1, RFC 8410) and `RSA PUBLIC KEY` (RFC 8017 §A.1.1).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::key::KeyFlaw;

/// A public key, taken out of its DER.
#[derive(Debug, PartialEq)]
pub(crate) enum Public {
    Rsa { modulus: Vec<u8>, exponent: Vec<u8> },
    P256(Vec<u8>),
    P384(Vec<u8>),
    Ed25519(Vec<u8>),
}

const RSA: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01";
const EC: &[u8] = b"\x2a\x86\x48\xce\x3d\x02\x01";
const P256: &[u8] = b"\x2a\x86\x48\xce\x3d\x03\x01\x07";
const P384: &[u8] = b"\x2b\x81\x04\x00\x22";
const ED25519: &[u8] = b"\x2b\x65\x70";

const SEQUENCE: u8 = 0x30;
const OBJECT: u8 = 0x06;
const BITS: u8 = 0x03;
const INTEGER: u8 = 0x02;

/// Reads the first block of a PEM text.
pub(crate) fn public_key(pem: &str) -> Result<Public, KeyFlaw> {
    let (_, block) = pem.split_once("-----BEGIN ").ok_or(KeyFlaw::NotPem)?;
    let (label, block) = block.split_once("-----").ok_or(KeyFlaw::NotPem)?;
    let (body, _) = block.split_once("-----END ").ok_or(KeyFlaw::NotPem)?;
    if label.ends_with("PRIVATE KEY") {
        return Err(KeyFlaw::PrivateKey);
    }
    let body: String = body.split_ascii_whitespace().collect();
    let der = STANDARD.decode(body).map_err(|_| KeyFlaw::NotPem)?;
    match label {
        "PUBLIC KEY" => subject_public_key(&der),
        "RSA PUBLIC KEY" => rsa(&der),
        _ => None,
    }
    .ok_or(KeyFlaw::NotPem)
}

fn subject_public_key(der: &[u8]) -> Option<Public> {
    let (info, &[]) = element(der, SEQUENCE)? else { return None };
    let (algorithm, rest) = element(info, SEQUENCE)?;
    let (bits, &[]) = element(rest, BITS)? else { return None };
    let (&0, key) = bits.split_first()? else { return None };
    let (name, parameters) = element(algorithm, OBJECT)?;
    match name {
        RSA => rsa(key),
        ED25519 => Some(Public::Ed25519(key.to_vec())),
        EC => match element(parameters, OBJECT)? {
            (P256, &[]) => Some(Public::P256(key.to_vec())),
            (P384, &[]) => Some(Public::P384(key.to_vec())),
            _ => None,
        },
        _ => None,
    }
}

/// `RSAPublicKey` of RFC 8017 §A.1.1.
pub(crate) fn rsa(der: &[u8]) -> Option<Public> {
    let (numbers, &[]) = element(der, SEQUENCE)? else { return None };
    let (modulus, rest) = element(numbers, INTEGER)?;
    let (exponent, &[]) = element(rest, INTEGER)? else { return None };
    Some(Public::Rsa { modulus: modulus.to_vec(), exponent: exponent.to_vec() })
}

/// Takes one element off the front: its content, and what follows it.
fn element(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (&found, rest) = der.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        0x81 => (usize::from(*rest.first()?), &rest[1..]),
        0x82 => (usize::from(u16::from_be_bytes([*rest.first()?, *rest.get(1)?])), &rest[2..]),
        _ => return None,
    };
    if found != tag {
        return None;
    }
    rest.split_at_checked(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    // The key of RFC 8410 §10.1.
    const ED: &str = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----\n";

    #[test]
    fn an_ed25519_key_is_read() {
        let Ok(Public::Ed25519(key)) = public_key(ED) else { panic!("not read") };
        assert_eq!((key.len(), key[0], key[31]), (32, 0x19, 0xe1));
        assert!(public_key(&format!("a comment\n{}", ED.replace('\n', "\r\n"))).is_ok());
    }

    #[test]
    fn what_is_no_public_key_is_refused() {
        assert_eq!(public_key(""), Err(KeyFlaw::NotPem));
        assert_eq!(public_key(&ED.replace("PUBLIC", "PRIVATE")), Err(KeyFlaw::PrivateKey));
        assert_eq!(public_key(&ED.replace(" PUBLIC", " RSA PRIVATE")), Err(KeyFlaw::PrivateKey));
        assert_eq!(public_key(&ED.replace("PUBLIC KEY", "CERTIFICATE")), Err(KeyFlaw::NotPem));
        assert_eq!(public_key(&ED.replace("MCow", "MCo?")), Err(KeyFlaw::NotPem));
        assert_eq!(public_key(&ED.replace("MCow", "MCsw")), Err(KeyFlaw::NotPem));
        assert_eq!(
            public_key(ED.trim_end().trim_end_matches("-----END PUBLIC KEY-----")),
            Err(KeyFlaw::NotPem)
        );
    }

    #[test]
    fn a_cut_or_changed_der_never_panics() {
        let der = STANDARD.decode("MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=").unwrap();
        for at in 0..der.len() {
            assert_eq!(subject_public_key(&der[..at]), None);
            for byte in [0, 0x7f, 0x80, 0x81, 0x82, 0xff] {
                let mut changed = der.clone();
                changed[at] = byte;
                let _ = subject_public_key(&changed);
            }
        }
    }
}
