//! One page over plain HTTP, in bounded time and space. (TLS is for the mesh or a sidecar.)

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Empty, Limited};
use hyper::client::conn::http1;
use hyper::header::{ACCEPT, AUTHORIZATION, HOST, HeaderValue};
use hyper::{Request, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::pull::Failure;
use super::{Config, Token};

/// A full page of the longest skus has some 100 KiB.
const BODY_BYTES_MAX: usize = 1 << 20;

/// Where a warehouse's system is: `http://host[:port][/path]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Url {
    host: String,
    port: u16,
    path: String,
}

impl FromStr for Url {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let rest = text.strip_prefix("http://").ok_or("it begins with http://")?;
        let (authority, path) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
        if authority.contains('@') {
            return Err("the token is a setting of its own".into());
        }
        if !text.bytes().all(|it| it.is_ascii_graphic()) || text.contains(['?', '#']) {
            return Err("it is host, port and path".into());
        }
        let is_port = |port: &str| !port.is_empty() && !port.contains(']');
        let (host, port) = match authority.rsplit_once(':').filter(|it| is_port(it.1)) {
            Some((host, port)) => (host, port.parse().map_err(|_| "the port is 1 to 65535")?),
            None => (authority, 80),
        };
        if host.is_empty() || port == 0 {
            return Err("it names a host".into());
        }
        let path = path.trim_end_matches('/').to_owned();
        format!("{path}/").parse::<Uri>().map_err(|_| "its path has what a path may not have")?;
        Ok(Self { host: host.to_owned(), port, path })
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "http://{}:{}{}", self.host, self.port, self.path)
    }
}

/// The system, and how it is asked.
pub(super) struct Source {
    url: Url,
    authorization: Option<HeaderValue>,
    timeout: Duration,
}

impl Source {
    pub(super) fn new(config: &Config) -> Self {
        let bearer = |Token(token): &Token| {
            let text = format!("Bearer {token}");
            let mut value = HeaderValue::try_from(text).expect("visible ASCII is a header");
            value.set_sensitive(true);
            value
        };
        let authorization = config.token.as_ref().map(bearer);
        Self { url: config.url.clone(), authorization, timeout: config.timeout }
    }

    /// A page's body.
    pub(super) async fn fetch(&self, warehouse: &str, number: u32) -> Result<Bytes, Failure> {
        let page = timeout(self.timeout, self.get(warehouse, number)).await;
        page.map_err(|_| Failure::Late(self.timeout))?
    }

    async fn get(&self, warehouse: &str, number: u32) -> Result<Bytes, Failure> {
        // A name in brackets is an IPv6 address, which the resolver wants without them.
        let host = self.url.host.trim_start_matches('[').trim_end_matches(']');
        let stream = TcpStream::connect((host, self.url.port)).await?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        // Ends with the connection; what broke it reaches the request that was under way.
        let connection = tokio::spawn(connection);
        let head = sender.send_request(self.request(warehouse, number)).await;
        let (head, body) = head?.into_parts();
        if head.status != StatusCode::OK {
            connection.abort();
            return Err(Failure::Status(head.status.as_u16()));
        }
        let body = Limited::new(body, BODY_BYTES_MAX).collect().await;
        connection.abort();
        match body {
            Ok(body) => Ok(body.to_bytes()),
            Err(error) if error.is::<http_body_util::LengthLimitError>() => {
                Err(Failure::TooLarge(BODY_BYTES_MAX))
            }
            Err(error) => Err(Failure::Body(error.to_string())),
        }
    }

    fn request(&self, warehouse: &str, number: u32) -> Request<Empty<Bytes>> {
        let warehouse = utf8_percent_encode(warehouse, NON_ALPHANUMERIC);
        let path = format!("{}/warehouses/{warehouse}/snapshot?page={number}", self.url.path);
        let mut request = Request::new(Empty::new());
        *request.uri_mut() = path.parse().expect("a checked path and an escaped code");
        let host = format!("{}:{}", self.url.host, self.url.port);
        let headers = request.headers_mut();
        headers.insert(HOST, HeaderValue::try_from(host).expect("visible ASCII is a header"));
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        if let Some(authorization) = &self.authorization {
            headers.insert(AUTHORIZATION, authorization.clone());
        }
        request
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_plain_http_without_secrets() {
        for (text, shown) in [
            ("http://wms", "http://wms:80"),
            ("http://wms:8080/", "http://wms:8080"),
            ("http://10.0.0.1:1/api/v2/", "http://10.0.0.1:1/api/v2"),
            ("http://[::1]:99", "http://[::1]:99"),
            ("http://[::1]", "http://[::1]:80"),
        ] {
            assert_eq!(text.parse::<Url>().unwrap().to_string(), shown);
        }
        for bad in
            ["", "wms", "https://wms", "http://", "http://a@wms", "http://w?x=1", "http://w:0"]
        {
            assert!(bad.parse::<Url>().is_err(), "{bad}");
        }
    }

    /// What passes for an address can be asked.
    #[test]
    fn every_address_makes_a_request() {
        for character in '!'..='~' {
            let Ok(url) = format!("http://wms/a{character}b").parse::<Url>() else {
                assert!("\"#<>?@[\\]^`{|}".contains(character), "{character}");
                continue;
            };
            let source = Source { url, authorization: None, timeout: Duration::from_secs(1) };
            let request = source.request("SZ-1", 1);
            assert!(request.uri().path().starts_with(&format!("/a{character}b/")), "{request:?}");
        }
    }
}
