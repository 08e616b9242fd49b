//! Where the requests go.

use azud_plugin::{Error, Result};
use http::{Uri, uri::Scheme};

/// The parts of a URL that a request needs.
#[derive(Debug, PartialEq)]
pub(crate) struct Endpoint {
    pub(crate) https: bool,
    /// Host, and port where the URL has one.
    pub(crate) authority: String,
    pub(crate) path: String,
    /// Host and port: the name for it in errors and grants. A path may be a secret (as
    /// those of webhooks are), so it never appears in a text.
    pub(crate) server: String,
}

// === impl Endpoint ===

impl Endpoint {
    pub(crate) fn parse(url: &str) -> Result<Self> {
        // Not the URL itself, for the same reason.
        let wrong = |why: &str| Error::new(format!("`url` {why}"));
        let uri: Uri = url
            .parse()
            .map_err(|error| wrong(&format!("is no URL: {error}")))?;
        let https = match uri.scheme() {
            Some(scheme) if *scheme == Scheme::HTTPS => true,
            Some(scheme) if *scheme == Scheme::HTTP => false,
            _ => return Err(wrong("must start with http:// or https://")),
        };
        let authority = uri.authority().ok_or_else(|| wrong("has no host"))?;
        if authority.as_str().contains('@') {
            return Err(wrong(
                "has a user in it: grant a secret and use `bearer` or `secret_headers`",
            ));
        }
        if url.contains('#') {
            return Err(wrong("has a fragment, which is never sent: leave `#` out"));
        }
        let host = authority.host();
        if host.is_empty() {
            return Err(wrong("has no host"));
        }
        let port = authority.port_u16().unwrap_or(if https { 443 } else { 80 });
        let path = match uri.path_and_query().map_or("", |path| path.as_str()) {
            path if path.starts_with('/') => path.to_owned(),
            query => format!("/{query}"),
        };
        Ok(Self {
            https,
            authority: authority.as_str().to_owned(),
            path,
            server: format!("{host}:{port}"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_taken_apart() {
        let endpoint = Endpoint::parse("http://127.0.0.1:8080/in?a=1&b=2").unwrap();
        assert_eq!(
            endpoint,
            Endpoint {
                https: false,
                authority: "127.0.0.1:8080".into(),
                path: "/in?a=1&b=2".into(),
                server: "127.0.0.1:8080".into(),
            }
        );
        let endpoint = Endpoint::parse("https://example.com").unwrap();
        assert!(endpoint.https);
        assert_eq!(endpoint.path, "/");
        assert_eq!(endpoint.server, "example.com:443");
        let endpoint = Endpoint::parse("http://[::1]:81?q").unwrap();
        assert_eq!((&*endpoint.path, &*endpoint.server), ("/?q", "[::1]:81"));
    }

    #[test]
    fn what_is_no_url_is_refused_without_showing_it() {
        for (url, why) in [
            ("example.com/x", "`url` is no URL: invalid format"),
            ("/x", "`url` must start with http:// or https://"),
            ("ftp://x/", "`url` must start with http:// or https://"),
            (
                "http://u:p@x/",
                "`url` has a user in it: grant a secret and use `bearer` or `secret_headers`",
            ),
            (
                "http://x/#y",
                "`url` has a fragment, which is never sent: leave `#` out",
            ),
        ] {
            assert_eq!(Endpoint::parse(url).unwrap_err().to_string(), why, "{url}");
        }
    }
}
