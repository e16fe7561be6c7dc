//! Reads on what a client still sends after it was answered, so that the answer reaches it (feature
//! `drain`).
//!
//! A server that answers a request before it has read the whole body must read the rest or close
//! the connection (RFC 9112 §9.3). hyper closes it. A client that is still sending then sees a
//! broken pipe or a reset in place of the 401 (RFC 9112 §9.6 describes why), and never learns that
//! its token has to be renewed. [`DrainLayer`] reads the rest, and drops it.
//!
//! The manual's chapter on [layering](crate::manual::layering) says who needs it, and what it
//! costs.

mod body;
mod future;
mod layer;
mod rest;
mod service;
mod slot;

pub use body::RequestBody;
pub use future::ResponseFuture;
pub use layer::DrainLayer;
pub use service::Drain;
