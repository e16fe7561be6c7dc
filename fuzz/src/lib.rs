//! What the targets share: a second reading of what the crate reads, and pieces for the fuzzer to
//! build with.

#[path = "../../tests/properties_jwt/judge.rs"]
pub mod judge;
pub mod remote;
#[path = "../../tests/second/mod.rs"]
pub mod second;

/// What the judge takes from the tests' helpers.
pub mod support {
    use std::{
        pin::pin,
        task::{Context, Poll, Waker},
    };

    /// Runs a future that never waits.
    pub fn now<F: Future>(future: F) -> F::Output {
        match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(output) => output,
            Poll::Pending => panic!("it waits"),
        }
    }
}

/// The byte that announces a piece.
const PIECE: u8 = 1;

/// Writes a piece for each [`PIECE`] and the byte that follows it, and every other byte as it is,
/// so that the fuzzer need not find words of many letters by chance.
pub fn expand(data: &[u8], pieces: &[&str]) -> Vec<u8> {
    let mut expanded = Vec::new();
    let mut bytes = data.iter();
    while let Some(byte) = bytes.next() {
        match (*byte, bytes.as_slice().first()) {
            (PIECE, Some(index)) => {
                bytes.next();
                expanded.extend_from_slice(pieces[usize::from(*index) % pieces.len()].as_bytes());
            }
            (byte, _) => expanded.push(byte),
        }
    }
    expanded
}
