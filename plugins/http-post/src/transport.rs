//! One request and its answer: what the plugin needs of the outside world.

use std::time::Duration;

use crate::{endpoint::Endpoint, headers::Header};

/// Sends requests. In Azud it is WASI, in tests a script.
pub(crate) trait Transport {
    /// Sends a request and waits for its answer, at most as long as it says.
    fn post(&mut self, request: &Request<'_>) -> Result<Response, Failure>;

    /// A number that no other instance has.
    fn random(&mut self) -> u128;

    /// The time since some moment; it never goes back.
    fn now(&mut self) -> Duration;
}

/// A POST.
#[cfg_attr(
    not(any(target_family = "wasm", test)),
    expect(dead_code, reason = "requests are sent in Azud only")
)]
pub(crate) struct Request<'a> {
    pub(crate) endpoint: &'a Endpoint,
    pub(crate) headers: &'a [Header],
    /// The value of `idempotency-key`.
    pub(crate) key: &'a str,
    pub(crate) body: &'a [u8],
    /// For all of it, from connecting to the end of the answer.
    pub(crate) timeout: Duration,
}

/// An answer.
#[derive(Clone, Debug, Default)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) retry_after: Option<String>,
    pub(crate) date: Option<String>,
    /// As much of it as [`wanted`] says.
    pub(crate) body: Vec<u8>,
    /// Whether the body was longer.
    pub(crate) cut: bool,
}

/// No answer.
#[derive(Clone, Debug)]
#[cfg_attr(
    not(any(target_family = "wasm", test)),
    expect(dead_code, reason = "requests are sent in Azud only")
)]
pub(crate) enum Failure {
    /// The host does not let the plugin reach the server.
    Denied,
    /// It may work later; what happened, after the server's name.
    Later(String),
    /// It will never work; what is wrong with the request.
    Never(String),
}

/// How many bytes of the body of an answer are looked at.
#[cfg_attr(
    not(target_family = "wasm"),
    expect(dead_code, reason = "requests are sent in Azud only")
)]
pub(crate) fn wanted(status: u16) -> usize {
    match status {
        207 => 1 << 20,
        200..300 => 0,
        // Enough to find a secret that is cut off in what is shown.
        _ => 8 << 10,
    }
}

#[cfg(target_family = "wasm")]
pub(crate) use crate::wasi::Wasi as Default;

/// Natively there is no server: tests put their own in its place.
#[cfg(not(target_family = "wasm"))]
pub(crate) struct Default;

#[cfg(not(target_family = "wasm"))]
impl Transport for Default {
    fn post(&mut self, _: &Request<'_>) -> Result<Response, Failure> {
        Err(Failure::Never("requests are sent in Azud only".into()))
    }

    fn random(&mut self) -> u128 {
        0
    }

    fn now(&mut self) -> Duration {
        Duration::ZERO
    }
}
