//! What a sink may reach: everything else is refused, and said.

use std::{
    fmt,
    net::{IpAddr, Ipv6Addr},
    path::PathBuf,
    str::FromStr,
};

/// The grants of one plugin. The default grants nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grants {
    /// Servers that it may send HTTP requests to.
    pub http: Vec<Address>,
    /// Servers that it may open TCP connections to.
    pub tcp: Vec<Address>,
    /// Folders that it may open files in.
    pub dirs: Vec<Folder>,
    /// Environment variables that it sees: name and value.
    pub env: Vec<(String, String)>,
    /// The same, but the values never appear in a log or an error.
    pub secrets: Vec<(String, String)>,
}

/// A server: a host name or an IP address, and a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    host: String,
    port: Option<u16>,
}

/// A folder, and the name that the plugin knows it by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Folder {
    /// Where it is.
    pub path: PathBuf,
    /// What the plugin calls it: as the manifest wrote it.
    pub name: String,
    /// Whether the plugin may change what is in it.
    pub write: bool,
}

// === impl Grants ===

impl Grants {
    /// Whether anything beyond this machine's own files can be reached.
    pub(crate) fn network(&self) -> bool {
        !self.http.is_empty() || !self.tcp.is_empty()
    }
}

// === impl Address ===

impl Address {
    /// Whether it means this host, and this port or one of the usual ones.
    pub(crate) fn covers(&self, host: &str, port: u16, usual: &[u16]) -> bool {
        let same_port = match self.port {
            Some(own) => own == port,
            None => usual.contains(&port),
        };
        same_port && self.is_host(host)
    }

    /// Whether it means this host, whatever the port.
    pub(crate) fn is_host(&self, host: &str) -> bool {
        self.host == normal(host)
    }

    /// Its host, in lower case and without brackets.
    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    /// The port, where it names one.
    pub fn port(&self) -> Option<u16> {
        self.port
    }
}

impl FromStr for Address {
    type Err = String;

    /// `host:port`, `host`, `127.0.0.1:80`, `[::1]:80`.
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = |why: &str| Err(format!("`{text}` is no `host:port`: {why}"));
        if text.contains("//") || text.contains('/') {
            return wrong("leave the scheme and the path out");
        }
        if text.contains('*') {
            return wrong("name each host, there are no patterns");
        }
        if text.contains('@') {
            return wrong("a user has no place in it");
        }
        let (host, port) = match text.strip_prefix('[') {
            Some(rest) => match rest.split_once(']') {
                None => return wrong("a bracket is not closed"),
                Some((host, _)) if host.parse::<Ipv6Addr>().is_err() => {
                    return wrong("brackets are for an IPv6 address");
                }
                Some((host, "")) => (host, None),
                Some((host, port)) => match port.strip_prefix(':') {
                    Some(port) => (host, Some(port)),
                    None => return wrong("a port comes after `:`"),
                },
            },
            // An IPv6 address without brackets has no port.
            None if text.parse::<IpAddr>().is_ok() => (text, None),
            None => match text.split_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (text, None),
            },
        };
        let port = match port.map(str::parse::<u16>) {
            None => None,
            Some(Ok(port)) if port > 0 => Some(port),
            Some(_) => return wrong("the port is a number from 1 to 65535"),
        };
        let is_name = |c: char| c.is_alphanumeric() || matches!(c, '-' | '.' | '_');
        if host.is_empty() || !(host.chars().all(is_name) || host.parse::<IpAddr>().is_ok()) {
            return wrong("the host is a name or an IP address");
        }
        Ok(Self {
            host: normal(host),
            port,
        })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host.contains(':') {
            true => write!(f, "[{}]", self.host)?,
            false => f.write_str(&self.host)?,
        }
        match self.port {
            Some(port) => write!(f, ":{port}"),
            None => Ok(()),
        }
    }
}

/// One spelling a host: lower case, no brackets, no dot at the end, addresses as Rust prints them.
fn normal(host: &str) -> String {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    // The dot that ends a full name: `127.0.0.1.` would be looked up.
    let host = host.strip_suffix('.').unwrap_or(host);
    match host.parse::<IpAddr>() {
        Ok(address) => address.to_canonical().to_string(),
        Err(_) => host.to_ascii_lowercase(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_as_they_are_written() {
        for text in [
            "127.0.0.1:8080",
            "example.com:443",
            "example.com",
            "[::1]:80",
            "[::1]",
        ] {
            assert_eq!(text.parse::<Address>().unwrap().to_string(), text);
        }
        let shouted: Address = "EXAMPLE.com.:443".parse().unwrap();
        assert!(shouted.covers("example.COM", 443, &[]));
    }

    #[test]
    fn what_is_no_address_says_why() {
        for (text, why) in [
            ("http://x:80", "leave the scheme"),
            ("x:80/path", "leave the scheme"),
            ("*.x:80", "no patterns"),
            ("x:0", "from 1 to 65535"),
            ("x:http", "from 1 to 65535"),
            ("", "the host is"),
            (":80", "the host is"),
            ("[::1", "not closed"),
            ("u@x:80", "a user"),
            ("[::1]80", "a port comes after"),
            ("[example.com]:80", "an IPv6 address"),
        ] {
            let error = text.parse::<Address>().unwrap_err();
            assert!(error.contains(why), "{text}: {error}");
        }
    }

    #[test]
    fn a_grant_covers_its_host_and_port_only() {
        let one: Address = "127.0.0.1:8080".parse().unwrap();
        assert!(one.covers("127.0.0.1", 8080, &[80]));
        assert!(!one.covers("127.0.0.1", 80, &[80]));
        assert!(!one.covers("127.0.0.2", 8080, &[80]));
        let any: Address = "example.com".parse().unwrap();
        assert!(any.covers("example.com", 443, &[80, 443]));
        assert!(!any.covers("example.com", 8443, &[80, 443]));
        assert!(!any.covers("evil-example.com", 443, &[80, 443]));
        let six: Address = "[::ffff:127.0.0.1]:80".parse().unwrap();
        assert!(six.covers("127.0.0.1", 80, &[]), "the same address, mapped");
    }
}
