//! Apache password files.

mod error;
mod file;
mod lines;

pub use error::{HtpasswdError, LineProblem};
pub use file::{Htpasswd, HtpasswdFile};
