//! Between the gateway's HTTP and s3s: credentials are taken off, framing is taken off, errors and
//! bodies are converted. Everything else of S3's wire format is s3s's.

use std::net::SocketAddr;

use axum::extract::ConnectInfo;
use http::header::{
    AUTHORIZATION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, ETAG, LAST_MODIFIED, RANGE,
};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use s3s::dto::Range;
use s3s::stream::DynByteStream;
use s3s::{Body, S3Error, S3ErrorCode};
use time::format_description::FormatItem;
use time::macros::format_description;
use uuid::Uuid;

use super::state_events::Caller;
use super::wire_chunked::{Trailers, Unchunked, Verified};
use super::wire_presign::strip_presigning;
use super::wire_tags::take_create_tags;
use super::wire_target::Target;
use super::{wire_absent, wire_documents};
use crate::config::ACCOUNT;
use crate::error::AwsError;
use crate::service::{Request, Response};

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
    strip_presigning(&mut parts, now_ms)?;
    let target = Target::of(&parts)?;
    wire_absent::refuse(&parts, &target)?;
    target.check()?;
    refuse_unsupported(&parts.headers)?;
    ignore_odd_range(&mut parts.headers);
    let body = Body::http_body_unsync(body);
    let trailers = Trailers::default();
    let body = plain_body(&mut parts.headers, body, &trailers)?;
    let body = wire_documents::checked(&parts, &target, body, &trailers).await?;
    parts.extensions.insert(caller);
    parts.extensions.insert(trailers);
    let mut request = http::Request::from_parts(parts, body);
    take_create_tags(&mut request, &target)?;
    Ok(request)
}

/// A range that is not well-formed, or is of several parts, is no range to S3: the whole object is
/// the answer.
fn ignore_odd_range(headers: &mut HeaderMap) {
    let range = headers.get(RANGE).and_then(|range| range.to_str().ok());
    if range.is_some_and(|range| Range::parse(range).is_err()) {
        headers.remove(RANGE);
    }
}

/// The form of a date in HTTP.
const HTTP_DATE: &[FormatItem<'_>] = format_description!(
    "[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT"
);
/// The storage classes that a bucket in a region takes.
const STORAGE_CLASSES: [&str; 8] = [
    "DEEP_ARCHIVE",
    "GLACIER",
    "GLACIER_IR",
    "INTELLIGENT_TIERING",
    "ONEZONE_IA",
    "REDUCED_REDUNDANCY",
    "STANDARD",
    "STANDARD_IA",
];
/// The most metadata of the client's own that an object can have, bytes of names and values.
const MOST_METADATA: usize = 2_048;

/// Refuses what no handler would notice: keys of the client's own, KMS, object lock, appending,
/// another account; storage classes that do not exist, metadata that is too large.
fn refuse_unsupported(headers: &HeaderMap) -> Result<(), AwsError> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    match text("x-amz-server-side-encryption") {
        None | Some("AES256") => {}
        Some(kind) if kind.starts_with("aws:") => {
            return Err(AwsError::not_implemented("S3", "encryption with KMS"));
        }
        Some(_) => {
            return Err(AwsError::bad_request(
                "InvalidEncryptionAlgorithmError",
                "The encryption request you specified is not valid. Supported value: AES256.",
            ));
        }
    }
    if text("x-amz-storage-class").is_some_and(|class| !STORAGE_CLASSES.contains(&class)) {
        return Err(AwsError::bad_request(
            "InvalidStorageClass",
            "The storage class you specified is not valid",
        ));
    }
    let metadata: usize = headers
        .iter()
        .filter_map(|(name, value)| {
            let name = name.as_str().strip_prefix("x-amz-meta-")?;
            Some(name.len() + value.len())
        })
        .sum();
    if metadata > MOST_METADATA {
        return Err(AwsError::bad_request(
            "MetadataTooLarge",
            "Your metadata headers exceed the maximum allowed metadata size",
        ));
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

/// 400 `InvalidURI`.
pub(super) fn invalid_uri() -> AwsError {
    AwsError::bad_request("InvalidURI", "Couldn't parse the specified URI.")
}

/// Headers of a 304: what the client already has.
pub(super) fn known_headers(etag: &str, modified_ms: i64) -> HeaderMap {
    let mut headers = HeaderMap::new();
    if let Ok(value) = HeaderValue::from_str(&format!("\"{etag}\"")) {
        headers.insert(ETAG, value);
    }
    let modified = time::OffsetDateTime::from_unix_timestamp(modified_ms.div_euclid(1_000));
    if let Some(value) = modified
        .ok()
        .and_then(|time| time.format(HTTP_DATE).ok())
        .and_then(|text| HeaderValue::from_str(&text).ok())
    {
        headers.insert(LAST_MODIFIED, value);
    }
    headers
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
