//! Bodies that are XML or JSON documents, not objects: read whole and held against what the client
//! says of them, which s3s does not do.

use http::request::Parts;
use http::{HeaderMap, Method, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use s3s::Body;

use super::state_checksum::{md5, value};
use super::state_errors::invalid_request;
use super::wire_chunked::Trailers;
use super::wire_claims::Claims;
use super::wire_target::Target;
use crate::error::AwsError;

/// The largest document, bytes: a thousand of the longest keys fit, and ten thousand parts.
const LARGEST: usize = 8 * 1024 * 1024;

/// Reads and checks the body when it is a document; the body of an object or a part stays a stream.
pub(super) async fn checked(
    parts: &Parts,
    target: &Target,
    body: Body,
    trailers: &Trailers,
) -> Result<Body, AwsError> {
    if !is_document(parts, target) {
        return Ok(body);
    }
    let length = parts
        .headers
        .get(header::CONTENT_LENGTH)
        .and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    if length.is_some_and(|length| length > LARGEST) {
        return Err(too_large());
    }
    let bytes = Limited::new(body, LARGEST)
        .collect()
        .await
        .map_err(|error| {
            if error.is::<LengthLimitError>() {
                return too_large();
            }
            super::handlers_upload::fault(error)
        })?
        .to_bytes();
    // The checksum of a completion is that of the object; a copy has no body.
    let of_the_body = !copies(&parts.headers)
        && !(parts.method == Method::POST && (target.has("uploadId") || target.has("uploads")));
    if of_the_body {
        let claims = Claims::read(&parts.headers, trailers.clone())?;
        if target.has("delete") && parts.method == Method::POST && !claims.any() {
            return Err(invalid_request(
                "Missing required header for this request: Content-MD5 OR x-amz-checksum-*",
            ));
        }
        claims.check(md5(&bytes), |algorithm| Some(value(algorithm, &bytes)))?;
    }
    Ok(Body::from(bytes))
}

fn is_document(parts: &Parts, target: &Target) -> bool {
    match parts.method {
        Method::POST => true,
        Method::PUT => target.key.is_none() || target.has("tagging") || copies(&parts.headers),
        _ => false,
    }
}

/// A copy has no body; whatever comes with it is not one either.
fn copies(headers: &HeaderMap) -> bool {
    headers.contains_key("x-amz-copy-source")
}

fn too_large() -> AwsError {
    AwsError::bad_request("MaxMessageLengthExceeded", "Your request was too big.")
}
