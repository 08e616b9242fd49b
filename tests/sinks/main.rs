//! The first-party sink `http-post` against a real HTTP server, through the whole
//! binary: what arrives, in which order, how often, and what is rejected.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test")]

mod http;
mod server;
