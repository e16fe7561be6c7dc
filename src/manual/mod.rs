//! The manual: how to choose, place and extend what is here, and what the RFCs ask for.

#[doc = include_str!("choosing.md")]
pub mod choosing {}

#[doc = include_str!("layering.md")]
pub mod layering {}

#[doc = include_str!("addresses.md")]
pub mod addresses {}

#[doc = include_str!("security.md")]
pub mod security {}

#[cfg(feature = "passwords")]
#[doc = include_str!("passwords.md")]
pub mod passwords {}

#[cfg(feature = "session")]
#[doc = include_str!("sessions.md")]
pub mod sessions {}

#[doc = include_str!("csrf.md")]
pub mod csrf {}

#[cfg(any(feature = "jwt-aws-lc", feature = "jwt-rust-crypto"))]
#[doc = include_str!("jwt.md")]
pub mod jwt {}

#[doc = include_str!("operating.md")]
pub mod operating {}

#[doc = include_str!("extending.md")]
pub mod extending {}

#[doc = include_str!("rfcs.md")]
pub mod rfcs {}
