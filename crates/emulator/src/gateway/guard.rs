//! Who may ask: keeps web pages in the user's browser away from the emulator.
//!
//! An emulator runs the code that it is given, so a page must not be able to talk to it: neither
//! by a name that it points at loopback (DNS rebinding: the `Host` header gives it away) nor by
//! posting across origins (the `Origin` header does).

use std::net::IpAddr;

use http::{HeaderMap, Uri, header};

/// Why a request is turned away, as a sentence for the user.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// The `Host` header is not a loopback name or address.
    Host(String),
    /// The `Origin` header is of another site.
    Origin(String),
}

impl Refusal {
    /// The message of the 403.
    pub(super) fn message(&self) -> String {
        match self {
            Self::Host(host) => format!(
                "the embedded target listens on loopback only and does not answer for the host \
                 '{host}'; use 127.0.0.1, localhost or a name under .localhost"
            ),
            Self::Origin(origin) => format!(
                "the embedded target does not answer web pages of '{origin}'; only pages served \
                 from this machine may call it"
            ),
        }
    }
}

/// Checks the head of a request. `loopback_only` says that the listener is bound to loopback.
pub(super) fn check(uri: &Uri, headers: &HeaderMap, loopback_only: bool) -> Result<(), Refusal> {
    let text = |name| {
        headers
            .get(name)
            .map(|value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned())
    };
    let host = text(header::HOST)
        .or_else(|| uri.authority().map(ToString::to_string))
        .unwrap_or_default();
    if loopback_only && !is_loopback(&host) {
        return Err(Refusal::Host(host));
    }
    if let Some(origin) = text(header::ORIGIN) {
        let site = origin.split_once("://").map_or("", |(_, site)| site);
        if !is_loopback(site) && site != host {
            return Err(Refusal::Origin(origin));
        }
    }
    Ok(())
}

/// Is `host` (with or without a port) a loopback address, `localhost` or a name under it?
fn is_loopback(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.rsplit_once(':').map_or(host, |(name, _)| name),
    };
    if let Ok(address) = name.parse::<IpAddr>() {
        return address.to_canonical().is_loopback();
    }
    let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
    name == "localhost" || name.ends_with(".localhost")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(headers: &[(header::HeaderName, &str)], loopback_only: bool) -> Result<(), Refusal> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(name, value.parse().expect("a header value"));
        }
        check(&"/".parse().expect("a URI"), &map, loopback_only)
    }

    #[test]
    fn loopback_names_and_addresses_pass() {
        for host in [
            "127.0.0.1:4566",
            "127.1.2.3",
            "localhost:4566",
            "LOCALHOST",
            "bucket.localhost:80",
            "localhost.",
            "[::1]:4566",
            "[::ffff:127.0.0.1]:1",
        ] {
            assert_eq!(checked(&[(header::HOST, host)], true), Ok(()), "{host}");
        }
    }

    #[test]
    fn other_names_are_refused_on_loopback_only() {
        for host in [
            "evil.example:4566",
            "localhost.evil.example",
            "10.0.0.1",
            "",
        ] {
            assert_eq!(
                checked(&[(header::HOST, host)], true),
                Err(Refusal::Host(host.to_owned())),
                "{host}"
            );
            assert_eq!(checked(&[(header::HOST, host)], false), Ok(()), "{host}");
        }
        assert_eq!(checked(&[], true), Err(Refusal::Host(String::new())));
    }

    #[test]
    fn pages_of_other_sites_are_refused() {
        let host = (header::HOST, "127.0.0.1:4566");
        for (origin, passes) in [
            ("http://localhost:3000", true),
            ("http://127.0.0.1:4566", true),
            ("https://evil.example", false),
            ("null", false),
        ] {
            let checked = checked(&[host.clone(), (header::ORIGIN, origin)], true);
            assert_eq!(checked.is_ok(), passes, "{origin}");
        }
        let wide = (header::HOST, "dev.example:4566");
        assert_eq!(
            checked(&[wide, (header::ORIGIN, "http://dev.example:4566")], false),
            Ok(())
        );
    }
}
