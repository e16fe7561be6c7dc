//! Stored hashes of every kind, made by other programs, and what is refused when it is read.
#![cfg(feature = "passwords")]

use tower_authn::{
    Reason, Validator as _, Visit,
    scheme::UserPassword,
    validator::passwords::{HashError, PasswordHash, PasswordMap, Passwords, Stored},
};

const PASSWORD: &str = "pass:w\u{f6}rd";
const SALT_AND_HASH: &str = "c2FsdHNhbHRzYWx0c2FsdA$c2FsdHNhbHRzYWx0c2FsdHNhbHQ";

#[tokio::main(flavor = "current_thread")]
async fn signs_in(hash: &PasswordHash, password: &str) -> Result<(), Reason> {
    let users: PasswordMap<()> = [("alice".into(), Stored::new(hash.clone(), ()))].into_iter().collect();
    let result =
        Passwords::new(users).validate(UserPassword::new("alice", password), &mut Visit::outside()).await;
    result.map(Option::unwrap).map_err(|rejection| rejection.reason())
}

#[track_caller]
fn fits(hash: &str, password: &str) {
    let hash = PasswordHash::parse_unsalted(hash).unwrap();
    assert_eq!(signs_in(&hash, password), Ok(()), "{hash:?}");
    for wrong in [&format!("{password}x"), "", &password[..password.len().saturating_sub(1)]] {
        let expected = if wrong == password { Ok(()) } else { Err(Reason::WrongPassword) };
        assert_eq!(signs_in(&hash, wrong), expected, "{hash:?} {wrong:?}");
    }
}

#[track_caller]
fn refused(hash: &str, error: HashError) {
    assert_eq!(hash.parse::<PasswordHash>().unwrap_err(), error, "{hash}");
}

#[test]
fn argon2_of_the_reference_implementation() {
    fits(
        "$argon2id$v=19$m=64,t=1,p=2$c2FsdHNhbHRzYWx0c2FsdA$xFZ84LreXGdZ2tU7yFqOIpXE1g8loWn7U0t4vmTbkUM",
        PASSWORD,
    );
    fits(
        "$argon2i$v=19$m=64,t=1,p=2$c2FsdHNhbHRzYWx0c2FsdA$v/PhifKwVztlqCRUofmgFBzZMyG6kVB3cKjrGiDA6bw",
        PASSWORD,
    );
    fits(
        "$argon2d$v=19$m=64,t=1,p=2$c2FsdHNhbHRzYWx0c2FsdA$wnOrLzBbYvSmeNPZNlHGzkVDVCac3AfD7cZ/ly0HMEI",
        PASSWORD,
    );
    // Before version 19, the version was not written.
    fits(
        "$argon2i$m=64,t=2,p=1$c2FsdHNhbHRzYWx0c2FsdA$dADup847YgmBg3mQgJSVzoTVvKE2NWI2gwRIZdiGDLI",
        PASSWORD,
    );
    fits(
        "$argon2i$v=16$m=64,t=2,p=1$c2FsdHNhbHRzYWx0c2FsdA$dADup847YgmBg3mQgJSVzoTVvKE2NWI2gwRIZdiGDLI",
        PASSWORD,
    );
}

#[test]
fn scrypt_and_pbkdf2_of_openssl() {
    fits(
        "$scrypt$ln=10,r=8,p=1$c2FsdHNhbHRzYWx0c2FsdA$Cbasq0TYCVRufPaiEaAg0DFC7yYQDhgp9k34hIO3Rmw",
        PASSWORD,
    );
    fits(
        "$pbkdf2-sha256$i=1000,l=32$c2FsdHNhbHRzYWx0c2FsdA$YJ3A9EFzT2zz3JvksMe4nN/rVvxfWo3XbUcqDsnP5i0",
        PASSWORD,
    );
    fits(
        "$pbkdf2-sha512$i=1000$c2FsdHNhbHRzYWx0c2FsdA$4aKW2JeDZ3OSySnRQOZhXWV1Of1mtOtfFDa9fo7jwVdownsjSWR0TlXB8R69vjF5CnZnfiAznnfHDj29TYqU3w",
        PASSWORD,
    );
}

#[test]
fn every_kind_of_htpasswd() {
    fits("$apr1$KWhKELiR$gRjlV1IBYo4z2MXqb9H1G/", PASSWORD);
    fits("$5$c.wnuKyQuzSvnL7u$3.6JtQyjnMaZYLgtj8PyB3sfknsN5/OyAhW/rQ42yu0", PASSWORD);
    fits(
        "$6$fPzWfaZMngs9Fdzz$wHo4H4g7Tfszpgt31J.Lxqg7qn5fSFtxRJjIB.F1x8qbdz4xJxHzQubIjM7FA7M6CWf2sOwhjtewqpybk1cI31",
        PASSWORD,
    );
    fits("$5$rounds=1000$aAVdGwZFihXNUbEz$gbxPPbO6vIscNK8b6XbpzT0UR5j0tk9OIvX0fcVAkX1", "x");
    fits(
        "$6$rounds=1000$0ijdUdjRnNmi9xYJ$S9iwr1.TLbXXL/XMuxEn4LlAMh.COa2jfoL7fwez3MuOol9kwUXK2KxZloIvjTSzp02vZzElTzj97wbW5DZHi/",
        "x",
    );
    fits("$2y$05$sAQx.xIcU98/dhb..3wcyemp/S0rl51l4CGiZu6E6ecIgUaO9Bbym", PASSWORD);
    fits("{SHA}NMfTLf4kql4x98PMVl16orqGin0=", PASSWORD);
}

#[test]
fn an_empty_password_is_a_password() {
    fits("$2y$04$gTHS1MnN5eUl8aUr4.EedeoiO5ltvO0N12yDKKvmBEoVA1y0iLB2m", "");
    fits("$apr1$iTSPgALq$Zovw8nasqHAWBHg168/s9/", "");
}

#[test]
fn bcrypt_takes_72_bytes_and_refuses_73() {
    for hash in [
        "$2b$04$LWtvIGOIZRobg9Angx/HguhQUlRietyLkoJhZQYiCj8hs1/OTAeQG",
        "$2a$04$n7yqUHaV/lZbMZNJdyrbhOvsaxNlF0y7.o63.DGI8lLe0zm.sVrx6",
    ] {
        fits(hash, &"a".repeat(72));
    }
}

#[test]
fn absurd_parameters_are_refused_and_not_computed() {
    for kind in ["argon2id", "argon2i", "argon2d"] {
        for costly in [
            "m=262145,t=1,p=1",
            "m=4294967295,t=1,p=1",
            "m=4294967296,t=1,p=1",
            "m=65536,t=17,p=1",
            "m=1024,t=4294967295,p=1",
            "m=1024,t=1,p=17",
        ] {
            refused(&format!("${kind}$v=19${costly}${SALT_AND_HASH}"), HashError::TooCostly);
        }
    }
    for costly in [
        "ln=18,r=9,p=1",
        "ln=19,r=8,p=1",
        "ln=63,r=8,p=1",
        "ln=64,r=8,p=1",
        "ln=300,r=8,p=1",
        "ln=10,r=4294967295,p=1",
        "ln=10,r=8,p=4294967295",
        "ln=1,r=1,p=4294967295",
        "ln=17,r=8,p=9",
    ] {
        refused(&format!("$scrypt${costly}${SALT_AND_HASH}"), HashError::TooCostly);
    }
    for costly in ["i=10000001", "i=4294967295", "i=99999999999999999999"] {
        refused(&format!("$pbkdf2-sha256${costly}${SALT_AND_HASH}"), HashError::TooCostly);
        refused(&format!("$pbkdf2-sha512${costly}${SALT_AND_HASH}"), HashError::TooCostly);
    }
    refused("$2y$18$sAQx.xIcU98/dhb..3wcyemp/S0rl51l4CGiZu6E6ecIgUaO9Bbym", HashError::TooCostly);
    refused("$2y$31$sAQx.xIcU98/dhb..3wcyemp/S0rl51l4CGiZu6E6ecIgUaO9Bbym", HashError::TooCostly);
    refused(
        "$5$rounds=1000001$aAVdGwZFihXNUbEz$gbxPPbO6vIscNK8b6XbpzT0UR5j0tk9OIvX0fcVAkX1",
        HashError::TooCostly,
    );
    refused(
        "$5$rounds=999999999$aAVdGwZFihXNUbEz$gbxPPbO6vIscNK8b6XbpzT0UR5j0tk9OIvX0fcVAkX1",
        HashError::TooCostly,
    );
    let long = "A".repeat(1024 * 1024);
    refused(&format!("$argon2id$v=19$m=64,t=1,p=1${long}${long}"), HashError::TooCostly);
}

#[test]
fn what_protects_nothing_is_refused() {
    refused("$argon2id$v=19$m=64,t=1,p=1$c2FsdHNhbHRzYWx0c2FsdA$c2FsdA", HashError::TooWeak);
    refused("$argon2id$v=19$m=64,t=1,p=1$c2FsdA$c2FsdHNhbHRzYWx0c2FsdHNhbHQ", HashError::TooWeak);
    refused("$argon2id$v=19$m=64,t=1,p=1$$", HashError::TooWeak);
    refused(&format!("$pbkdf2-sha256$i=999${SALT_AND_HASH}"), HashError::TooWeak);
    refused("$5$rounds=999$aAVdGwZFihXNUbEz$gbxPPbO6vIscNK8b6XbpzT0UR5j0tk9OIvX0fcVAkX1", HashError::TooWeak);
    refused("$apr1$$Zovw8nasqHAWBHg168/s9/", HashError::TooWeak);
    refused("r6kIs3xcc.r2U", HashError::DesCrypt);
    refused("secret", HashError::PlainText);
    refused("{SHA}NMfTLf4kql4x98PMVl16orqGin0=", HashError::Unsalted);
}

#[test]
fn what_is_no_hash_is_refused() {
    for kind in [
        "$1$saltsalt$Zovw8nasqHAWBHg168/s9/",
        "$2x$05$sAQx.xIcU98/dhb..3wcyemp/S0rl51l4CGiZu6E6ecIgUaO9Bbym",
        "$y$j9T$x$y",
        "{SSHA}x",
        "$argon2id$v=20$m=64,t=1,p=1$x$y",
        "$$x",
    ] {
        refused(kind, HashError::UnknownKind);
    }
    for malformed in [
        "",
        "$",
        "$argon2id$",
        "$argon2id$v=19$",
        "$argon2id$v=19$m=64,t=1$x$y",
        "$2y$05$short",
        "$2y$5$sAQx.xIcU98/dhb..3wcyemp/S0rl51l4CGiZu6E6ecIgUaO9Bbym",
        "$2y$03$sAQx.xIcU98/dhb..3wcyemp/S0rl51l4CGiZu6E6ecIgUaO9Bbym",
        "$2y$-5$sAQx.xIcU98/dhb..3wcyemp/S0rl51l4CGiZu6E6ecIgUaO9Bbym",
        "$2y$05$\u{e4}AQx.xIcU98/dhb..3wcyemp/S0rl51l4CGiZu6E6ecIgUaO9Bby",
        "$apr1$toolongsalt$Zovw8nasqHAWBHg168/s9/",
        "$apr1$x$Zovw",
        "$apr1$x",
        "$5$x$y",
        "$6$rounds=$x$y",
        "$5$rounds=1000",
        "$scrypt$ln=0,r=8,p=1$x$y",
    ] {
        refused(malformed, HashError::Malformed);
    }
    for list in [
        "t=1,m=64,p=1",
        "m=64,t=1,p=1,p=1",
        "m=64,t=1,p=1,keyid=x",
        "m=064,t=1,p=1",
        "m=+64,t=1,p=1",
        "m=64,t=0,p=1",
        "m=64,t=1,p=0",
        "m=7,t=1,p=1",
        "m= 64,t=1,p=1",
        "m=,t=1,p=1",
    ] {
        refused(&format!("$argon2id$v=19${list}${SALT_AND_HASH}"), HashError::Malformed);
    }
    refused(&format!("$argon2id$v=19$m=64,t=1,p=1${SALT_AND_HASH}$x"), HashError::Malformed);
    refused(&format!("$argon2id$v=19$m=64,t=1,p=1${SALT_AND_HASH}="), HashError::Malformed);
    refused(&format!("$pbkdf2-sha256$i=1000,l=32${SALT_AND_HASH}"), HashError::Malformed);
}

#[test]
fn todays_hash_fits_and_is_not_outdated() {
    let hash = Passwords::hash(PASSWORD).unwrap();
    assert!(!hash.is_outdated());
    assert_ne!(hash.as_str(), Passwords::hash(PASSWORD).unwrap().as_str());
    let read: PasswordHash = hash.as_str().parse().unwrap();
    assert_eq!(read.as_str(), hash.as_str());
    assert_eq!(signs_in(&read, PASSWORD), Ok(()));
    assert_eq!(signs_in(&read, "another"), Err(Reason::WrongPassword));
}

#[test]
fn a_password_that_no_program_hashes_alike_gets_no_hash() {
    assert_eq!(Passwords::hash("with\0nul").unwrap_err(), HashError::PasswordHasNul);
    assert_eq!(Passwords::hash(&"x".repeat(1025)).unwrap_err(), HashError::PasswordTooLong);
    assert!(Passwords::hash(&"x".repeat(1024)).is_ok());
}

#[test]
fn debug_shows_neither_salt_nor_hash() {
    let hash: PasswordHash = "$apr1$KWhKELiR$gRjlV1IBYo4z2MXqb9H1G/".parse().unwrap();
    assert_eq!(
        format!("{hash:?} {:?}", Stored::new(hash.clone(), "alice")),
        "PasswordHash(Apr1) Stored { hash: PasswordHash(Apr1), refused: None, .. }"
    );
}
