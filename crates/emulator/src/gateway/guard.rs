//! Who may ask: keeps web pages in the user's browser away from the emulator.
//!
//! An emulator runs the code that it is given, so a page must not be able to talk to it: neither
//! by a name that it points at loopback (DNS rebinding: the `Host` header gives it away) nor by
//! posting across origins (the `Origin` header does). The port is not compared: a forwarded port
//! (SSH, containers) is another one for the client, and no page can choose a name by it.

use std::net::{Ipv4Addr, Ipv6Addr};

use http::{HeaderMap, HeaderName, Uri, header};

/// Why a request is turned away, as a sentence for the user.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// The `Host` header is not a loopback name or address.
    Host(String),
    /// The `Origin` header is of another site.
    Origin(String),
}

impl Refusal {
    /// The message of the 403, which is logged, too: nothing of a name and password is in it.
    pub(super) fn message(&self) -> String {
        match self {
            Self::Host(host) => format!(
                "the embedded target listens on loopback only and does not answer for the host \
                 '{}'; use 127.0.0.1, localhost or a name under .localhost",
                without_user(host)
            ),
            Self::Origin(origin) => format!(
                "the embedded target does not answer web pages of '{}'; only pages served from \
                 this machine may call it",
                without_user(origin)
            ),
        }
    }
}

fn without_user(text: &str) -> &str {
    text.rsplit_once('@').map_or(text, |(_, host)| host)
}

/// Checks the head of a request. `loopback_only` says that the listener is bound to loopback.
pub(super) fn check(uri: &Uri, headers: &HeaderMap, loopback_only: bool) -> Result<(), Refusal> {
    // A request may name its host in its first line and in several headers; who reads which one
    // differs, so none of them may be a stranger's.
    let named = uri.authority().map(ToString::to_string);
    let hosts: Vec<String> = texts(headers, &header::HOST).chain(named).collect();
    if loopback_only {
        if let Some(stranger) = hosts.iter().find(|host| !is_loopback(host)) {
            return Err(Refusal::Host(stranger.clone()));
        }
        if hosts.is_empty() {
            return Err(Refusal::Host(String::new()));
        }
    }
    for origin in texts(headers, &header::ORIGIN) {
        let site = origin.split_once("://").map_or("", |(_, site)| site);
        let own = !site.is_empty() && hosts.iter().all(|host| host == site) && !hosts.is_empty();
        if !own && !is_loopback(site) {
            return Err(Refusal::Origin(origin));
        }
    }
    Ok(())
}

/// All values of a header.
fn texts<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = String> + 'a {
    headers
        .get_all(name)
        .iter()
        .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
}

/// Is `host` (with or without a port) a loopback address, `localhost` or a name under it? Anything
/// that is not plainly so is not, e.g. what has a user, or more behind an address than a port.
fn is_loopback(host: &str) -> bool {
    let is_port = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if let Some(rest) = host.strip_prefix('[') {
        let Some((address, port)) = rest.split_once(']') else {
            return false;
        };
        let port = port.is_empty() || port.strip_prefix(':').is_some_and(is_port);
        return port
            && address
                .parse::<Ipv6Addr>()
                .is_ok_and(|address| address.to_canonical().is_loopback());
    }
    let name = match host.split_once(':') {
        Some((name, port)) if is_port(port) => name,
        Some(_) => return false,
        None => host,
    };
    if let Ok(address) = name.parse::<Ipv4Addr>() {
        return address.is_loopback();
    }
    let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
    let plain = |label: &str| {
        !label.is_empty()
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    name.split('.').all(plain) && (name == "localhost" || name.ends_with(".localhost"))
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
            "[::1]",
            "127.0.0.1:",
            "a.b.localhost.:1",
            "my_bucket-1.localhost",
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
            // Addresses that a browser reads as loopback or reaches it by, and never sends so.
            "0.0.0.0:4566",
            "[::]:4566",
            "127.1",
            "2130706433",
            "0x7f.0.0.1",
            "127.0.0.1.",
            "::1",
            // More than a host and a port.
            "localhost:80@evil.example",
            "evil.example@localhost",
            "user:pass@127.0.0.1",
            "[::1].evil.example",
            "[::1]@evil.example:80",
            "[::1",
            "[localhost]",
            "127.0.0.1:4566:evil.example",
            "127.0.0.1, evil.example",
            "evil.example/.localhost",
            "evil.example#.localhost",
            ".localhost",
            "localhost..",
            "xlocalhost",
            "::ffff:127.0.0.1",
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
    fn the_first_line_and_every_host_header_count() {
        let check_uri = |uri: &str, hosts: &[&str]| {
            let mut map = HeaderMap::new();
            for host in hosts {
                map.append(header::HOST, host.parse().expect("a header value"));
            }
            check(&uri.parse().expect("a URI"), &map, true)
        };
        let stranger = Err(Refusal::Host("evil.example:80".to_owned()));
        assert_eq!(check_uri("http://127.0.0.1:1/x", &[]), Ok(()));
        assert_eq!(check_uri("http://127.0.0.1:1/x", &["localhost"]), Ok(()));
        assert_eq!(
            check_uri("http://evil.example:80/x", &["127.0.0.1"]),
            stranger
        );
        assert_eq!(
            check_uri("http://127.0.0.1/x", &["evil.example:80"]),
            stranger
        );
        assert_eq!(check_uri("/x", &["127.0.0.1", "evil.example:80"]), stranger);
        let user = check_uri("http://user:hunter2@127.0.0.1/", &["127.0.0.1"]);
        let message = user.expect_err("a user").message();
        assert!(!message.contains("hunter2"), "{message}");
        // The port of the client's side of a tunnel is another one.
        assert_eq!(check_uri("/x", &["127.0.0.1:1"]), Ok(()));
    }

    #[test]
    fn pages_of_other_sites_are_refused() {
        let host = (header::HOST, "127.0.0.1:4566");
        for (origin, passes) in [
            ("http://localhost:3000", true),
            ("http://127.0.0.1:4566", true),
            ("https://evil.example", false),
            ("null", false),
            ("file://", false),
            ("http://[::1]:80", true),
            ("http://127.0.0.1.evil.example", false),
            ("http://localhost@evil.example", false),
            ("chrome-extension://abcdef", false),
            ("", false),
        ] {
            let checked = checked(&[host.clone(), (header::ORIGIN, origin)], true);
            assert_eq!(checked.is_ok(), passes, "{origin}");
        }
        let wide = (header::HOST, "dev.example:4566");
        assert_eq!(
            checked(&[wide, (header::ORIGIN, "http://dev.example:4566")], false),
            Ok(())
        );
        for origin in ["null", "file://", "http://other.example"] {
            let checked = checked(&[(header::ORIGIN, origin)], false);
            assert!(checked.is_err(), "without a host, too: {origin}");
        }
    }
}
