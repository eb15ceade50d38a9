//! Between the gateway's HTTP and s3s: credentials are taken off, framing is taken off, errors and
//! bodies are converted. Everything else of S3's wire format is s3s's.

use std::net::SocketAddr;

use axum::extract::ConnectInfo;
use http::header::{AUTHORIZATION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};
use percent_encoding::percent_decode_str;
use s3s::stream::DynByteStream;
use s3s::{Body, S3Error, S3ErrorCode};
use time::format_description::FormatItem;
use time::macros::format_description;
use time::{Duration, OffsetDateTime, PrimitiveDateTime};
use uuid::Uuid;

use super::state_events::Caller;
use super::wire_chunked::{Trailers, Unchunked, Verified};
use super::wire_tags::take_create_tags;
use crate::config::ACCOUNT;
use crate::error::AwsError;
use crate::service::{Request, Response};

/// The form of `X-Amz-Date`.
const AMZ_DATE: &[FormatItem<'_>] =
    format_description!("[year][month][day]T[hour][minute][second]Z");

impl From<AwsError> for S3Error {
    fn from(error: AwsError) -> Self {
        let code = S3ErrorCode::from_bytes(error.code.as_bytes())
            .unwrap_or_else(|| S3ErrorCode::Custom(error.code.clone().into()));
        let mut converted = Self::with_message(code, error.message);
        if let Ok(status) = StatusCode::from_u16(error.status) {
            converted.set_status_code(status);
        }
        converted
    }
}

/// Who asks; the ids are those of the answer.
pub(super) fn caller(request: &Request) -> Caller {
    let source_ip = request
        .extensions()
        .get::<ConnectInfo<SocketAddr>>()
        .map_or_else(
            || "127.0.0.1".to_owned(),
            |ConnectInfo(address)| address.ip().to_string(),
        );
    let id = Uuid::new_v4().simple().to_string().to_uppercase();
    Caller {
        request_id: id[..16].to_owned(),
        id_2: format!("{id}{}", Uuid::new_v4().simple()),
        source_ip,
    }
}

/// Turns a request into one that s3s takes without an authentication provider.
///
/// Any credentials do, so signatures come off unverified: s3s would refuse what it cannot verify.
/// With them go the chunk signatures, which is why the framing is taken off here as well.
pub(super) async fn incoming(
    request: Request,
    caller: Caller,
    now_ms: i64,
) -> Result<http::Request<Body>, AwsError> {
    let (mut parts, body) = request.into_parts();
    parts.headers.remove(AUTHORIZATION);
    refuse_unsupported(&parts.headers)?;
    strip_presigning(&mut parts, now_ms)?;
    let body = Body::http_body_unsync(body);
    let trailers = Trailers::default();
    let body = plain_body(&mut parts.headers, body, &trailers)?;
    parts.extensions.insert(caller);
    parts.extensions.insert(trailers);
    let mut request = http::Request::from_parts(parts, body);
    take_create_tags(&mut request).await?;
    Ok(request)
}

/// Refuses what no handler would notice: keys of the client's own, KMS, object lock, appending,
/// another account.
fn refuse_unsupported(headers: &HeaderMap) -> Result<(), AwsError> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let kms = text("x-amz-server-side-encryption").is_some_and(|kind| kind.starts_with("aws:"));
    if kms {
        return Err(AwsError::not_implemented("S3", "encryption with KMS"));
    }
    for (name, what) in [
        (
            "x-amz-server-side-encryption-customer-algorithm",
            "encryption with customer keys",
        ),
        ("x-amz-object-lock-mode", "object lock"),
        ("x-amz-object-lock-legal-hold", "object lock"),
        ("x-amz-write-offset-bytes", "appending to objects"),
    ] {
        if headers.contains_key(name) {
            return Err(AwsError::not_implemented("S3", what));
        }
    }
    for name in [
        "x-amz-expected-bucket-owner",
        "x-amz-source-expected-bucket-owner",
    ] {
        if text(name).is_some_and(|account| account != ACCOUNT) {
            return Err(AwsError::new(403, "AccessDenied", "Access Denied"));
        }
    }
    Ok(())
}

/// Turns the answer of s3s into the gateway's, with AWS's request ids.
pub(super) fn outgoing(
    method: &Method,
    response: http::Response<Body>,
    caller: &Caller,
) -> Response {
    let (mut parts, body) = response.into_parts();
    for (name, value) in [
        ("x-amz-request-id", &caller.request_id),
        ("x-amz-id-2", &caller.id_2),
    ] {
        if let Ok(value) = HeaderValue::from_str(value) {
            parts.headers.insert(name, value);
        }
    }
    let empty = *method == Method::HEAD || parts.status == StatusCode::NOT_MODIFIED;
    let body = if empty {
        axum::body::Body::empty()
    } else {
        axum::body::Body::new(body)
    };
    Response::from_parts(parts, body)
}

/// An error outside of any operation.
pub(super) fn refusal(error: AwsError) -> http::Response<Body> {
    let text = error.to_string();
    S3Error::from(error)
        .to_http_response()
        .unwrap_or_else(|_| plain_failure(text))
}

/// What s3s could not even put into XML.
pub(super) fn plain_failure(text: String) -> http::Response<Body> {
    let mut response = http::Response::new(Body::from(text));
    *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
    response
}

/// Headers for an error about a delete marker; they replace s3s's own, content type included.
pub(super) fn marker_headers(version_id: Option<&str>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/xml"));
    headers.insert("x-amz-delete-marker", HeaderValue::from_static("true"));
    if let Some(value) = version_id.and_then(|id| HeaderValue::from_str(id).ok()) {
        headers.insert("x-amz-version-id", value);
    }
    headers
}

/// Takes the presigning parameters off the query and refuses an expired URL.
fn strip_presigning(parts: &mut Parts, now_ms: i64) -> Result<(), AwsError> {
    let Some(query) = parts.uri.query() else {
        return Ok(());
    };
    let (signing, rest): (Vec<&str>, Vec<&str>) = query.split('&').partition(|pair| {
        let name = pair.split('=').next().unwrap_or_default();
        is_presigning(name)
    });
    // Version 2 names are common words; they sign only together.
    let is_v2 = |pair: &&str| pair.starts_with("Signature=") || pair.starts_with("AWSAccessKeyId=");
    let (v2, rest): (Vec<&str>, Vec<&str>) = if rest.iter().filter(|pair| is_v2(pair)).count() == 2
    {
        rest.into_iter()
            .partition(|pair| is_v2(pair) || pair.starts_with("Expires="))
    } else {
        (Vec::new(), rest)
    };
    if signing.is_empty() && v2.is_empty() {
        return Ok(());
    }
    if let Some(expiry) = expiry(&signing, &v2)?
        && OffsetDateTime::from_unix_timestamp_nanos(i128::from(now_ms) * 1_000_000)
            .is_ok_and(|now| now > expiry)
    {
        return Err(AwsError::new(403, "AccessDenied", "Request has expired"));
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

fn invalid_uri() -> AwsError {
    AwsError::bad_request("InvalidURI", "Couldn't parse the specified URI.")
}

fn is_presigning(name: &str) -> bool {
    [
        "X-Amz-Algorithm",
        "X-Amz-Content-Sha256",
        "X-Amz-Credential",
        "X-Amz-Date",
        "X-Amz-Expires",
        "X-Amz-Security-Token",
        "X-Amz-Signature",
        "X-Amz-SignedHeaders",
    ]
    .iter()
    .any(|known| known.eq_ignore_ascii_case(name))
}

fn expiry(signing: &[&str], v2: &[&str]) -> Result<Option<OffsetDateTime>, AwsError> {
    let value = |pairs: &[&str], wanted: &str| {
        pairs.iter().find_map(|pair| {
            let (name, value) = pair.split_once('=')?;
            name.eq_ignore_ascii_case(wanted)
                .then(|| percent_decode_str(value).decode_utf8_lossy().into_owned())
        })
    };
    let invalid = || {
        AwsError::bad_request(
            "AuthorizationQueryParametersError",
            "The presigned URL's date or expiry is not valid",
        )
    };
    if let Some(expires) = value(v2, "Expires") {
        let seconds = expires.parse().map_err(|_| invalid())?;
        return OffsetDateTime::from_unix_timestamp(seconds)
            .map(Some)
            .map_err(|_| invalid());
    }
    let (Some(date), Some(seconds)) = (
        value(signing, "X-Amz-Date"),
        value(signing, "X-Amz-Expires"),
    ) else {
        return Ok(None);
    };
    let date = PrimitiveDateTime::parse(&date, AMZ_DATE).map_err(|_| invalid())?;
    let seconds: i32 = seconds.parse().map_err(|_| invalid())?;
    Ok(Some(date.assume_utc() + Duration::seconds(seconds.into())))
}

/// Takes the framing off, or checks the payload hash, and makes the headers fit what is left.
fn plain_body(headers: &mut HeaderMap, body: Body, trailers: &Trailers) -> Result<Body, AwsError> {
    let hash = headers
        .remove("x-amz-content-sha256")
        .and_then(|value| value.to_str().map(str::to_owned).ok())
        .unwrap_or_default();
    let (framing, codings): (Vec<&str>, Vec<&str>) = headers
        .get(CONTENT_ENCODING)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
        .split(',')
        .map(str::trim)
        .filter(|coding| !coding.is_empty())
        .partition(|coding| coding.eq_ignore_ascii_case("aws-chunked"));
    if hash.starts_with("STREAMING-") || !framing.is_empty() {
        let kept = codings.join(",");
        let length = headers
            .remove("x-amz-decoded-content-length")
            .and_then(|value| value.to_str().ok()?.parse::<u64>().ok())
            .ok_or_else(missing_length)?;
        headers.remove(CONTENT_ENCODING);
        if let Ok(value) = HeaderValue::from_str(&kept)
            && !kept.is_empty()
        {
            headers.insert(CONTENT_ENCODING, value);
        }
        headers.remove(http::header::TRANSFER_ENCODING);
        headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
        let stream: DynByteStream = Box::pin(Unchunked::new(body, length, trailers.clone()));
        return Ok(Body::from(stream));
    }
    if hash.len() == 64 && hash.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        let stream: DynByteStream = Box::pin(Verified::new(body, hash.to_ascii_lowercase()));
        return Ok(Body::from(stream));
    }
    Ok(body)
}

/// 411 `MissingContentLength`.
pub(super) fn missing_length() -> AwsError {
    AwsError::new(
        411,
        "MissingContentLength",
        "You must provide the Content-Length HTTP header.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn presigning_comes_off_and_expires() {
        let strip = |uri: &str, now_ms: i64| {
            let (mut parts, ()) = http::Request::builder()
                .uri(uri)
                .body(())
                .expect("a request")
                .into_parts();
            strip_presigning(&mut parts, now_ms).map(|()| parts.uri.to_string())
        };
        let signed = "/b/k?versionId=1&X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Date=20231114T221320Z\
            &X-Amz-Expires=60&X-Amz-Signature=ff";
        let then = 1_700_000_000_000;
        assert_eq!(
            strip(signed, then + 60_000),
            Ok("/b/k?versionId=1".to_owned())
        );
        assert!(strip(signed, then + 60_001).is_err_and(|error| error.code == "AccessDenied"));
        let v2 = "/b/k?AWSAccessKeyId=x&Signature=y&Expires=1700000000";
        assert_eq!(strip(v2, then), Ok("/b/k".to_owned()));
        assert!(strip(v2, then + 1).is_err());
        assert_eq!(
            strip("/b?prefix=Expires", 0),
            Ok("/b?prefix=Expires".to_owned())
        );
    }
}
