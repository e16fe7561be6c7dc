//! Apache password files.

mod error;
mod file;
mod lines;
mod looks;
mod opened;

pub use error::{HtpasswdError, LineProblem};
pub use file::{Htpasswd, HtpasswdFile};
