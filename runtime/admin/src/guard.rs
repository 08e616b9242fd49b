//! Who may ask.
//!
//! On a loopback address every process of this machine may. A page in a browser of this machine
//! must not: it could send requests there, too. So a component has a content type that no form can
//! send (a browser then asks first, and is not answered), an `Origin` is refused, and the `Host`
//! has to be an address, not a name that somebody else's DNS points here ("DNS rebinding").

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::routes::failed;

/// What a request has to bring.
#[derive(Clone, Debug)]
pub(crate) struct Guard {
    token: Option<Arc<str>>,
}

// === impl Guard ===

impl Guard {
    pub(crate) fn new(token: Option<&str>) -> Self {
        Self {
            token: token.map(Arc::from),
        }
    }

    fn refusal(&self, headers: &HeaderMap) -> Option<Response> {
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
        if let Some(token) = &self.token {
            let given = text(header::AUTHORIZATION);
            let given = given.and_then(|given| given.split_once(' '));
            let given = given.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
            let given = given.map(|(_, token)| token.trim_start());
            return match given.is_some_and(|given| is_same(given.as_bytes(), token.as_bytes())) {
                true => None,
                false => Some(failed(
                    StatusCode::UNAUTHORIZED,
                    "this endpoint wants a token: `Authorization: Bearer TOKEN`, with the token that \
                     the pipeline was started with (AZUD_ADMIN_TOKEN)",
                )),
            };
        }
        // Browsers say where a page that asks is from; nobody else does.
        if headers.contains_key(header::ORIGIN) {
            let message = "pages in a browser may not ask this endpoint";
            return Some(failed(StatusCode::FORBIDDEN, message));
        }
        match text(header::HOST).is_some_and(is_address) {
            true => None,
            false => Some(failed(
                StatusCode::FORBIDDEN,
                "ask this endpoint by its address (127.0.0.1, not a name), or start the pipeline \
                 with a token (AZUD_ADMIN_TOKEN)",
            )),
        }
    }
}

/// Refuses who may not ask.
pub(crate) async fn check(State(guard): State<Guard>, request: Request, next: Next) -> Response {
    match guard.refusal(request.headers()) {
        Some(refusal) => refusal.into_response(),
        None => next.run(request).await,
    }
}

/// Whether a `Host` is no name of a DNS.
fn is_address(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(v6) => v6.split(']').next().unwrap_or_default(),
        None => host.rsplit_once(':').map_or(host, |(name, _)| name),
    };
    name.parse::<IpAddr>().is_ok() || name == "localhost"
}

/// Takes as long whichever byte is another one.
fn is_same(left: &[u8], right: &[u8]) -> bool {
    let differs = left.iter().zip(right).fold(0, |all, (a, b)| all | (a ^ b));
    left.len() == right.len() && differs == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_addresses() {
        for host in [
            "127.0.0.1:9464",
            "127.0.0.1",
            "[::1]:9464",
            "[::1]",
            "localhost:1",
        ] {
            assert!(is_address(host), "{host}");
        }
        for host in [
            "evil.example:9464",
            "",
            "127.0.0.1.evil.example",
            "[evil]:1",
        ] {
            assert!(!is_address(host), "{host}");
        }
    }

    #[test]
    fn a_token_is_the_same_or_not() {
        assert!(is_same(b"secret", b"secret"));
        assert!(!is_same(b"secret", b"secre"));
        assert!(!is_same(b"secrex", b"secret"));
    }
}
