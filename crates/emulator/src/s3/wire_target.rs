//! What a request is aimed at: bucket, key and query, read before s3s does, so that what s3s would
//! misread or refuse without a word is answered here.

use http::header::HOST;
use http::request::Parts;
use percent_encoding::percent_decode_str;
use s3s::host::S3Host;
use s3s::validation::NameValidation;

use super::state_errors::invalid_argument;
use super::wire::invalid_uri;
use super::wire_names::{Hosts, Names};
use crate::error::AwsError;

/// The longest key, bytes.
const LONGEST_KEY: usize = 1_024;

/// What a request is aimed at.
pub(super) struct Target {
    pub bucket: Option<String>,
    pub key: Option<String>,
    /// Names and values of the query, decoded; a name without `=` has an empty value.
    pub query: Vec<(String, String)>,
}

impl Target {
    /// Reads host, path and query.
    pub(super) fn of(parts: &Parts) -> Result<Self, AwsError> {
        let path = decoded(parts.uri.path())?;
        let path = path.strip_prefix('/').ok_or_else(invalid_uri)?;
        let host = parts.headers.get(HOST).and_then(|host| host.to_str().ok());
        let by_host = host
            .and_then(|host| Hosts.parse_host_header(host).ok())
            .and_then(|host| host.bucket().map(str::to_owned));
        let (bucket, key) = if by_host.is_some() {
            (by_host, path)
        } else {
            let (bucket, key) = path.split_once('/').unwrap_or((path, ""));
            ((!bucket.is_empty()).then(|| bucket.to_owned()), key)
        };
        let query = parts
            .uri
            .query()
            .unwrap_or_default()
            .split('&')
            .filter(|pair| !pair.is_empty())
            .map(|pair| {
                let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
                Ok((decoded(name)?, decoded(&value.replace('+', " "))?))
            })
            .collect::<Result<_, AwsError>>()?;
        Ok(Self {
            bucket,
            key: (!key.is_empty()).then(|| key.to_owned()),
            query,
        })
    }

    /// The value of a query parameter.
    pub(super) fn value(&self, name: &str) -> Option<&str> {
        let found = self.query.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }

    /// Is the parameter there, with a value or without?
    pub(super) fn has(&self, name: &str) -> bool {
        self.value(name).is_some()
    }

    /// Refuses names that nothing can have.
    pub(super) fn check(&self) -> Result<(), AwsError> {
        if let Some(bucket) = &self.bucket
            && !Names.validate_bucket_name(bucket)
        {
            // aws-behaviours S4
            return Err(AwsError::bad_request(
                "InvalidBucketName",
                "The specified bucket is not valid.",
            ));
        }
        if let Some(key) = &self.key {
            check_key(key)?;
        }
        if self.key.is_some() && self.value("versionId") == Some("") {
            return Err(invalid_argument("Version id cannot be the empty string"));
        }
        Ok(())
    }
}

/// Refuses a key that is too long.
pub(super) fn check_key(key: &str) -> Result<(), AwsError> {
    if key.len() > LONGEST_KEY {
        return Err(AwsError::bad_request(
            "KeyTooLongError",
            "Your key is too long",
        ));
    }
    Ok(())
}

fn decoded(text: &str) -> Result<String, AwsError> {
    percent_decode_str(text)
        .decode_utf8()
        .map(std::borrow::Cow::into_owned)
        .map_err(|_| invalid_uri())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(uri: &str, host: &str) -> Target {
        let (parts, ()) = http::Request::builder()
            .uri(uri)
            .header(HOST, host)
            .body(())
            .expect("a request")
            .into_parts();
        Target::of(&parts).expect("a target")
    }

    #[test]
    fn path_and_host_name_bucket_and_key() {
        for (uri, host, bucket, key) in [
            ("/", "localhost:1", None, None),
            ("/b", "localhost:1", Some("b"), None),
            ("/b/", "127.0.0.1:1", Some("b"), None),
            ("/b/a%20b/c?x", "127.0.0.1:1", Some("b"), Some("a b/c")),
            ("/b//k", "127.0.0.1:1", Some("b"), Some("/k")),
            ("/b/k", "v.localhost:1", Some("v"), Some("b/k")),
            ("/", "v.s3.localhost", Some("v"), None),
        ] {
            let target = target(uri, host);
            assert_eq!(
                (target.bucket.as_deref(), target.key.as_deref()),
                (bucket, key),
                "{uri} at {host}"
            );
        }
    }

    #[test]
    fn the_query_is_decoded() {
        let target = target("/b?tagging&prefix=a%2Fb+c&versionId=", "localhost");
        assert!(target.has("tagging") && !target.has("tag"));
        assert_eq!(target.value("prefix"), Some("a/b c"));
        assert_eq!(target.value("versionId"), Some(""));
    }
}
