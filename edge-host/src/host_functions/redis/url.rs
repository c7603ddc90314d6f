//! Where Redis is, from one URL. What is secret in it is never shown.

use std::{fmt, str::FromStr};

use percent_encoding::percent_decode_str;

const PORT: u16 = 6_379;
const DATABASES_MAX: u32 = 1_024;

/// A server or a cluster:
/// `redis://[user:password@]host[:port][/database]`, `rediss://…` over TLS,
/// `redis-cluster://[user:password@]host[:port],host[:port],…` and `rediss-cluster://…`.
#[derive(Clone, PartialEq, Eq)]
pub struct Url {
    pub(super) topology: Topology,
    pub(super) transport: Transport,
    /// The server, or those of the cluster that are asked for the others.
    pub(super) addresses: Vec<Address>,
    pub(super) username: Option<String>,
    pub(super) password: Option<String>,
    pub(super) database: u32,
}

/// Whether keys have homes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Topology {
    Server,
    Cluster,
}

/// What carries the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Transport {
    Tcp,
    Tls,
}

/// A host and a port.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Address {
    pub(super) host: String,
    pub(super) port: u16,
}

impl Url {
    /// Whether it carries a password.
    pub fn has_password(&self) -> bool {
        self.password.is_some()
    }

    /// Whether it asks for TLS.
    pub fn is_tls(&self) -> bool {
        self.transport == Transport::Tls
    }
}

impl FromStr for Url {
    type Err = String;

    /// What is wrong, without a word of the text itself.
    fn from_str(text: &str) -> Result<Self, String> {
        let (scheme, rest) = text.split_once("://").ok_or("it has no ://")?;
        let (topology, transport) = match scheme {
            "redis" => (Topology::Server, Transport::Tcp),
            "rediss" => (Topology::Server, Transport::Tls),
            "redis-cluster" => (Topology::Cluster, Transport::Tcp),
            "rediss-cluster" => (Topology::Cluster, Transport::Tls),
            _ => return Err("its scheme is none of these".to_owned()),
        };
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (userinfo, hosts) = match authority.rsplit_once('@') {
            Some((userinfo, hosts)) => (Some(userinfo), hosts),
            None => (None, authority),
        };
        let addresses = hosts.split(',').map(Address::from_str).collect::<Result<Vec<_>, _>>()?;
        if topology == Topology::Server && addresses.len() > 1 {
            return Err("several hosts need redis-cluster://".to_owned());
        }
        let database = match (path, topology) {
            ("", _) => 0,
            (_, Topology::Cluster) => return Err("a cluster has no databases".to_owned()),
            (path, Topology::Server) => path
                .parse()
                .ok()
                .filter(|number| *number < DATABASES_MAX)
                .ok_or("what follows the host's / is no database number")?,
        };
        let (username, password) = userinfo.map_or(Ok((None, None)), credentials)?;
        Ok(Self { topology, transport, addresses, username, password, database })
    }
}

fn credentials(userinfo: &str) -> Result<(Option<String>, Option<String>), String> {
    let decode = |text: &str| {
        let decoded = percent_decode_str(text).decode_utf8().map(std::borrow::Cow::into_owned);
        decoded.map_err(|_| "the user or password is not UTF-8".to_owned())
    };
    let (username, password) = userinfo
        .split_once(':')
        .ok_or("before the @ stands user:password, or :password without a user")?;
    let username = if username.is_empty() { None } else { Some(decode(username)?) };
    Ok((username, Some(decode(password)?)))
}

impl FromStr for Address {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (host, port) = match text.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => {
                let port = port.parse().ok().filter(|port| *port != 0);
                (host, port.ok_or("a port is a number from 1 to 65535")?)
            }
            _ => (text, PORT),
        };
        let host = host.strip_prefix('[').and_then(|h| h.strip_suffix(']')).unwrap_or(host);
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:%".contains(&byte);
        if host.is_empty() || host.len() > 253 || !host.bytes().all(fits) {
            return Err("a host is a name or an IP address".to_owned());
        }
        Ok(Self { host: host.to_owned(), port })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, port } = self;
        if host.contains(':') { write!(f, "[{host}]:{port}") } else { write!(f, "{host}:{port}") }
    }
}

/// The URL without its user and password.
impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match (self.topology, self.transport) {
            (Topology::Server, Transport::Tcp) => "redis://",
            (Topology::Server, Transport::Tls) => "rediss://",
            (Topology::Cluster, Transport::Tcp) => "redis-cluster://",
            (Topology::Cluster, Transport::Tls) => "rediss-cluster://",
        })?;
        if self.has_password() {
            f.write_str("hidden@")?;
        }
        for (index, address) in self.addresses.iter().enumerate() {
            write!(f, "{}{address}", if index == 0 { "" } else { "," })?;
        }
        if self.database == 0 { Ok(()) } else { write!(f, "/{}", self.database) }
    }
}

impl fmt::Debug for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_read_and_shown_without_its_secrets() {
        for (text, shown) in [
            ("redis://cache", "redis://cache:6379"),
            ("rediss://u:p%40ss@cache:7000/3", "rediss://hidden@cache:7000/3"),
            ("redis://:secret@[::1]:7000", "redis://hidden@[::1]:7000"),
            ("redis://[fe80::1]", "redis://[fe80::1]:6379"),
            ("redis-cluster://u:p@a:1,b,c:3", "redis-cluster://hidden@a:1,b:6379,c:3"),
        ] {
            let url: Url = text.parse().unwrap();
            assert_eq!(url.to_string(), shown);
            assert_eq!(format!("{url:?}"), shown);
        }
        let url: Url = "rediss://u:p%40s:s@cache".parse().unwrap();
        assert_eq!(url.username.as_deref(), Some("u"));
        assert_eq!(url.password.as_deref(), Some("p@s:s"));
    }

    #[test]
    fn what_is_no_url_is_said_without_repeating_it() {
        for text in [
            "secret.example",
            "http://secret.example",
            "redis://",
            "redis://secret.example:0",
            "redis://secret.example:70000",
            "redis://a,secret.example",
            "redis://a/secret.example",
            "redis-cluster://secret.example/1",
            "redis://secret.example@a",
            "redis://secret.example?x=1",
        ] {
            let said = text.parse::<Url>().expect_err(text);
            assert!(!said.contains("secret.example"), "{text}: {said}");
        }
    }
}
