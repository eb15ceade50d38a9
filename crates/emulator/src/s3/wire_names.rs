//! Names of buckets: where a request carries them, and which there may be.

use s3s::S3Result;
use s3s::host::{S3Host, VirtualHost};
use s3s::validation::NameValidation;

/// Addressing by host name: `BUCKET.localhost` and `BUCKET.s3.localhost`, with any port. Every
/// other host is path-style.
pub(super) struct Hosts;

impl S3Host for Hosts {
    fn parse_host_header<'a>(&'a self, host: &'a str) -> S3Result<VirtualHost<'a>> {
        let name = host.split(':').next().unwrap_or(host);
        let bucket = name
            .strip_suffix(".localhost")
            .map(|rest| rest.strip_suffix(".s3").unwrap_or(rest))
            .filter(|bucket| *bucket != "s3");
        Ok(match bucket {
            Some(bucket) => VirtualHost::new("localhost").with_bucket(bucket),
            None => VirtualHost::new(host),
        })
    }
}

/// Bucket names as AWS has them (aws-behaviours S4). A name that breaks only the newer rules cannot
/// be made, so it is refused everywhere alike.
pub(super) struct Names;

impl NameValidation for Names {
    fn validate_bucket_name(&self, name: &str) -> bool {
        const PREFIXES: [&str; 3] = ["xn--", "sthree-", "amzn-s3-demo-"];
        const SUFFIXES: [&str; 6] = [
            "-s3alias",
            "--ol-s3",
            ".mrap",
            "--x-s3",
            "--table-s3",
            "-an",
        ];
        s3s::path::check_bucket_name(name)
            && !is_like_an_address(name)
            && !PREFIXES.iter().any(|prefix| name.starts_with(prefix))
            && !SUFFIXES.iter().any(|suffix| name.ends_with(suffix))
    }
}

/// Four numbers between dots, even those that no address has.
fn is_like_an_address(name: &str) -> bool {
    let mut parts = name.split('.');
    let numbers = parts.all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit()));
    numbers && name.split('.').count() == 4
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_name_buckets_only_under_localhost() {
        let bucket = |host: &'static str| {
            let parsed = Hosts.parse_host_header(host).expect("never refused");
            parsed.bucket().map(str::to_owned)
        };
        assert_eq!(bucket("uploads.localhost:4566").as_deref(), Some("uploads"));
        assert_eq!(bucket("a.b.s3.localhost").as_deref(), Some("a.b"));
        assert_eq!(bucket("s3.localhost:4566"), None);
        assert_eq!(bucket("localhost:4566"), None);
        assert_eq!(bucket("emulator.test"), None);
    }

    /// aws-behaviours S4
    #[test]
    fn bucket_names_follow_aws() {
        let longest = "a".repeat(63);
        for good in [
            "abc",
            "log-pipeline-uploads",
            "a.b-c.1",
            "1.2.3",
            "plan-an-1",
            &longest,
        ] {
            assert!(Names.validate_bucket_name(good), "{good}");
        }
        for bad in [
            "ab",
            &"a".repeat(64),
            "Abc",
            "a_b",
            "a b",
            "ab-",
            "abc.",
            ".abc",
            "300.168.0.1",
            "sthree-configurator-abc",
            "abc--ol-s3",
            "abc--table-s3",
            "a..b",
            "-ab",
            "192.168.0.1",
            "xn--abc",
            "sthree-abc",
            "amzn-s3-demo-abc",
            "abc-s3alias",
            "abc--x-s3",
            "abc.mrap",
            "abc-an",
        ] {
            assert!(!Names.validate_bucket_name(bad), "{bad}");
        }
    }
}
