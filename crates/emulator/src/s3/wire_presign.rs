//! Presigned URLs: the signing parameters come off the query, an expired URL is refused by the
//! clock, and headers that were signed into the query become headers again.

use http::request::Parts;
use http::{HeaderName, HeaderValue, Uri};
use percent_encoding::percent_decode_str;
use time::format_description::FormatItem;
use time::macros::format_description;
use time::{Duration, OffsetDateTime, PrimitiveDateTime};

use super::wire::invalid_uri;
use crate::error::AwsError;

/// The form of `X-Amz-Date`.
const AMZ_DATE: &[FormatItem<'_>] =
    format_description!("[year][month][day]T[hour][minute][second]Z");
/// The longest life of a presigned URL, seconds: a week.
const LONGEST: i64 = 604_800;
/// How far ahead of us the clock of who signed may be.
const SKEW: Duration = Duration::minutes(15);
/// The parameters that sign together.
const REQUIRED: [&str; 6] = [
    "X-Amz-Algorithm",
    "X-Amz-Credential",
    "X-Amz-Signature",
    "X-Amz-Date",
    "X-Amz-SignedHeaders",
    "X-Amz-Expires",
];
/// Those that may come with them.
const OPTIONAL: [&str; 2] = ["X-Amz-Content-Sha256", "X-Amz-Security-Token"];

/// Takes the presigning parameters off the query and refuses an expired URL.
pub(super) fn strip_presigning(parts: &mut Parts, now_ms: i64) -> Result<(), AwsError> {
    let Some(query) = parts.uri.query().map(str::to_owned) else {
        return Ok(());
    };
    let (signing, rest): (Vec<&str>, Vec<&str>) = query.split('&').partition(|pair| {
        let name = name_of(pair);
        let mut known = REQUIRED.iter().chain(&OPTIONAL);
        known.any(|known| known.eq_ignore_ascii_case(name))
    });
    // Version 2 names are common words; they sign only together.
    let is_v2 = |pair: &&str| ["Signature", "AWSAccessKeyId"].contains(&name_of(pair));
    let (v2, rest): (Vec<&str>, Vec<&str>) = if rest.iter().filter(|pair| is_v2(pair)).count() == 2
    {
        rest.into_iter()
            .partition(|pair| is_v2(pair) || name_of(pair) == "Expires")
    } else {
        (Vec::new(), rest)
    };
    if signing.is_empty() && v2.is_empty() {
        return Ok(());
    }
    let now = OffsetDateTime::from_unix_timestamp_nanos(i128::from(now_ms) * 1_000_000)
        .map_err(AwsError::internal)?;
    if v2.is_empty() {
        check_v4(&signing, now)?;
    } else {
        check_v2(&v2, now)?;
    }
    let (hoisted, rest): (Vec<&str>, Vec<&str>) = rest.into_iter().partition(|pair| {
        let name = name_of(pair).to_ascii_lowercase();
        name.starts_with("x-amz-")
    });
    for pair in hoisted {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let name = HeaderName::from_bytes(name.to_ascii_lowercase().as_bytes());
        let value = HeaderValue::from_bytes(&percent_decode_str(value).collect::<Vec<u8>>());
        let (Ok(name), Ok(value)) = (name, value) else {
            return Err(invalid_uri());
        };
        parts.headers.entry(name).or_insert(value);
    }
    let path = parts.uri.path();
    let stripped = if rest.is_empty() {
        path.to_owned()
    } else {
        format!("{path}?{}", rest.join("&"))
    };
    let mut uri = parts.uri.clone().into_parts();
    uri.path_and_query = Some(stripped.parse().map_err(|_| invalid_uri())?);
    parts.uri = Uri::from_parts(uri).map_err(|_| invalid_uri())?;
    Ok(())
}

fn name_of(pair: &str) -> &str {
    pair.split('=').next().unwrap_or_default()
}

fn value_of(pairs: &[&str], wanted: &str) -> Option<String> {
    pairs.iter().find_map(|pair| {
        let (name, value) = pair.split_once('=')?;
        name.eq_ignore_ascii_case(wanted)
            .then(|| percent_decode_str(value).decode_utf8_lossy().into_owned())
    })
}

fn expired() -> AwsError {
    AwsError::new(403, "AccessDenied", "Request has expired")
}

fn check_v2(pairs: &[&str], now: OffsetDateTime) -> Result<(), AwsError> {
    let denied = |message: &str| AwsError::new(403, "AccessDenied", message);
    let expires = value_of(pairs, "Expires").ok_or_else(|| {
        denied(
            "Query-string authentication requires the Signature, Expires and AWSAccessKeyId \
             parameters",
        )
    })?;
    let expiry = expires
        .parse()
        .ok()
        .and_then(|seconds| OffsetDateTime::from_unix_timestamp(seconds).ok())
        .ok_or_else(|| {
            denied(&format!(
                "Invalid date (should be seconds since epoch): {expires}"
            ))
        })?;
    if now > expiry {
        return Err(expired());
    }
    Ok(())
}

fn check_v4(pairs: &[&str], now: OffsetDateTime) -> Result<(), AwsError> {
    let refused =
        |message: &str| AwsError::bad_request("AuthorizationQueryParametersError", message);
    let mut required = REQUIRED.iter();
    if required.any(|name| value_of(pairs, name).is_none()) {
        return Err(refused(
            "Query-string authentication version 4 requires the X-Amz-Algorithm, X-Amz-Credential, \
             X-Amz-Signature, X-Amz-Date, X-Amz-SignedHeaders, and X-Amz-Expires parameters.",
        ));
    }
    let text = |name| value_of(pairs, name).unwrap_or_default();
    let date = PrimitiveDateTime::parse(&text("X-Amz-Date"), AMZ_DATE)
        .map_err(|_| {
            refused("X-Amz-Date must be in the ISO8601 Long Format \"yyyyMMdd'T'HHmmss'Z'\"")
        })?
        .assume_utc();
    let seconds: i64 = text("X-Amz-Expires")
        .parse()
        .map_err(|_| refused("X-Amz-Expires should be a number"))?;
    if seconds < 0 {
        return Err(refused("X-Amz-Expires must be non-negative"));
    }
    if seconds > LONGEST {
        return Err(refused(
            "X-Amz-Expires must be less than a week (in seconds); that is, the given X-Amz-Expires \
             must be less than 604800 seconds",
        ));
    }
    if now > date + Duration::seconds(seconds) {
        return Err(expired());
    }
    if date > now + SKEW {
        return Err(AwsError::new(
            403,
            "AccessDenied",
            "Request is not valid yet",
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIGNED: &str = "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=k%2F20231114%2F\
        us-east-1%2Fs3%2Faws4_request&X-Amz-SignedHeaders=host&X-Amz-Signature=ff";
    const THEN_MS: i64 = 1_700_000_000_000;

    fn stripped(uri: &str, now_ms: i64) -> Result<Parts, AwsError> {
        let (mut parts, ()) = http::Request::builder()
            .uri(uri)
            .body(())
            .expect("a request")
            .into_parts();
        strip_presigning(&mut parts, now_ms).map(|()| parts)
    }

    fn uri(uri: &str, now_ms: i64) -> Result<String, String> {
        stripped(uri, now_ms)
            .map(|parts| parts.uri.to_string())
            .map_err(|error| error.message)
    }

    #[test]
    fn presigning_comes_off_and_expires() {
        let signed =
            format!("/b/k?versionId=1&{SIGNED}&X-Amz-Date=20231114T221320Z&X-Amz-Expires=60");
        assert_eq!(
            uri(&signed, THEN_MS + 60_000),
            Ok("/b/k?versionId=1".to_owned())
        );
        let late = uri(&signed, THEN_MS + 60_001);
        assert_eq!(late, Err("Request has expired".to_owned()));
        assert!(uri(&signed, THEN_MS - 900_000).is_ok());
        let early = uri(&signed, THEN_MS - 900_001);
        assert_eq!(early, Err("Request is not valid yet".to_owned()));
        let v2 = "/b/k?AWSAccessKeyId=x&Signature=y&Expires=1700000000";
        assert_eq!(uri(v2, THEN_MS), Ok("/b/k".to_owned()));
        assert!(uri(v2, THEN_MS + 1).is_err());
        assert!(uri("/b/k?AWSAccessKeyId=x&Signature=y&Expires=soon", 0).is_err());
        let plain = "/b?prefix=Expires&Expires=1";
        assert_eq!(uri(plain, 0), Ok(plain.to_owned()));
    }

    #[test]
    fn what_cannot_be_right_is_refused_in_awss_words() {
        for (rest, part) in [
            ("X-Amz-Expires=60", "requires the X-Amz-Algorithm"),
            ("X-Amz-Date=today&X-Amz-Expires=60", "ISO8601"),
            ("X-Amz-Date=20231114T221320Z&X-Amz-Expires=x", "a number"),
            (
                "X-Amz-Date=20231114T221320Z&X-Amz-Expires=-1",
                "non-negative",
            ),
            ("X-Amz-Date=20231114T221320Z&X-Amz-Expires=604801", "a week"),
        ] {
            let error = stripped(&format!("/b/k?{SIGNED}&{rest}"), THEN_MS)
                .map(|_| ())
                .expect_err(rest);
            assert_eq!(error.code, "AuthorizationQueryParametersError");
            assert!(error.message.contains(part), "{error}");
        }
    }

    #[test]
    fn headers_that_were_signed_into_the_query_become_headers() {
        let signed = format!(
            "/b/k?{SIGNED}&X-Amz-Date=20231114T221320Z&X-Amz-Expires=60\
             &x-amz-checksum-crc32=NSRBwg%3D%3D&x-id=PutObject"
        );
        let parts = stripped(&signed, THEN_MS).expect("valid");
        assert_eq!(parts.uri, "/b/k?x-id=PutObject");
        assert_eq!(parts.headers["x-amz-checksum-crc32"], "NSRBwg==");
    }
}
