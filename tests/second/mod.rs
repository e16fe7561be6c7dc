//! What the crate reads, read once more: from the RFCs, bit by bit and letter by letter, sharing no
//! code with the crate.
//!
//! The property tests and the fuzz targets hold the crate against it. Speed is of no account here.
#![allow(dead_code, unreachable_pub)] // each test and each target uses a part of it

pub mod accept;
pub mod address;
pub mod base64;
pub mod credentials;
pub mod htpasswd;
pub mod json;
pub mod jwt;
pub mod respell;
