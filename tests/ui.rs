//! What the compiler says to the commonest mistakes.
//!
//! Compilers word errors differently, so the texts are held against one version only: the one that made them. Write them
//! anew with `TRYBUILD=overwrite cargo test --all-features --test ui`. With another compiler the test is skipped with a
//! message; with `CI` set it fails.
//!
//! They also list what the features add, so it takes all of them.
#![cfg(all(feature = "full", feature = "testing"))]

mod support;

const MADE_WITH: &str = "rustc 1.95.";

#[test]
fn the_commonest_mistakes_are_explained() {
    let rustc = std::process::Command::new("rustc").arg("--version").output();
    let version =
        rustc.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    if !version.starts_with(MADE_WITH) {
        return support::skipped(&format!("{MADE_WITH}x (but {})", version.trim_end()));
    }
    trybuild::TestCases::new().compile_fail("tests/ui/*.rs");
}
