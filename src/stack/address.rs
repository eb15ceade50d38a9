//! The address of an endpoint, taken apart once, in the way in which connections are made.

use std::net::IpAddr;

/// `http://HOST:PORT` or `https://HOST:PORT`; a path may follow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// Without TLS?
    pub is_plain: bool,
    /// Name or number, in lower case, without brackets.
    pub host: String,
    /// Port; that of the scheme where none is written.
    pub port: u16,
    /// As it is used: without a slash at its end.
    pub text: String,
}

impl Address {
    /// Takes a text apart. Names before an `@`, and what may hide a host from a reader, are refused.
    pub fn parse(text: &str) -> Option<Self> {
        if text.contains(['@', '#', '?', '\\', ' ']) {
            return None;
        }
        let uri: http::Uri = text.parse().ok()?;
        let is_plain = match uri.scheme_str()?.to_ascii_lowercase().as_str() {
            "http" => true,
            "https" => false,
            _ => return None,
        };
        let host = uri.host().filter(|host| !host.is_empty())?;
        let scheme = if is_plain { "http" } else { "https" };
        let path = uri.path().trim_end_matches('/');
        let authority = uri.authority()?.as_str().to_ascii_lowercase();
        Some(Self {
            is_plain,
            host: host
                .trim_start_matches('[')
                .trim_end_matches(']')
                .to_ascii_lowercase(),
            port: uri.port_u16().unwrap_or(if is_plain { 80 } else { 443 }),
            text: format!("{scheme}://{authority}{path}"),
        })
    }

    /// Loopback, private and link-local addresses, and names that resolve to this machine by rule.
    pub fn is_local(&self) -> bool {
        if let Ok(address) = self.host.parse::<IpAddr>() {
            return match address {
                IpAddr::V4(v4) => v4.is_loopback() || v4.is_private() || v4.is_link_local(),
                IpAddr::V6(v6) => {
                    v6.is_loopback() || v6.is_unique_local() || v6.is_unicast_link_local()
                }
            };
        }
        let is_or_ends = |name: &str| {
            self.host == name
                || self
                    .host
                    .strip_suffix(name)
                    .is_some_and(|rest| rest.ends_with('.'))
        };
        is_or_ends("localhost") || is_or_ends("localhost.localstack.cloud")
    }
}

impl Address {
    /// Is it this machine, as far as the address tells?
    pub fn is_this_machine(&self) -> bool {
        let number = self.host.parse::<IpAddr>();
        number.map_or_else(|_| self.is_local(), |number| number.is_loopback())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_and_its_private_network_are_local() {
        for endpoint in [
            "http://127.0.0.1:4566",
            "http://localhost:4566/",
            "HTTP://LOCALHOST:4566",
            "http://[::1]:1",
            "http://[fe80::1]:1",
            "https://192.168.1.5",
            "http://s3.localhost.localstack.cloud:4566",
        ] {
            let address = Address::parse(endpoint).expect("an address");
            assert!(address.is_local(), "{endpoint}");
        }
        for endpoint in [
            "http://example.com",
            "https://sqs.us-east-1.amazonaws.com",
            "http://8.8.8.8",
            "http://localhost.example.com",
            "http://notlocalhost",
            "http://evil-localhost.localstack.cloud.example.com",
            "http://xlocalhost.localstack.cloud",
        ] {
            let address = Address::parse(endpoint).expect("an address");
            assert!(!address.is_local(), "{endpoint}");
        }
    }

    #[test]
    fn what_hides_a_host_is_no_address() {
        for text in [
            "http://localhost:4566@example.com",
            "http://[::1]@example.com",
            "http://example.com#.localhost",
            "http://example.com?.localhost",
            "ftp://localhost",
            "localhost:4566",
            "http://",
            "http://local host",
            "",
        ] {
            assert_eq!(Address::parse(text), None, "{text}");
        }
    }

    #[test]
    fn an_address_is_used_without_a_slash_at_its_end() {
        let text = |text: &str| Address::parse(text).expect("an address").text;
        assert_eq!(text("HTTP://Team.Example:1/"), "http://team.example:1");
        assert_eq!(text("https://h/Base/"), "https://h/Base");
        let address = Address::parse("https://h").expect("an address");
        assert_eq!((address.port, address.is_plain), (443, false));
    }
}
