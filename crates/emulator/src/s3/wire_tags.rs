//! Tags in CreateBucket, which S3 takes since 2025 and the pinned s3s does not know: they are taken
//! out of the request body here and handed to the handler beside it.

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, HOST};
use http::{HeaderValue, Method, Request};
use http_body_util::BodyExt;
use s3s::Body;
use s3s::dto::{TagSet, Tagging};
use s3s::host::S3Host;
use s3s::xml::{Deserialize, Deserializer};

use super::handlers_config::malformed_xml;
use super::wire_names::Hosts;
use crate::error::AwsError;

/// The largest body of CreateBucket, bytes: fifty tags at their longest fit.
const LARGEST: u64 = 128 * 1024;

/// Tags of a CreateBucket request.
#[derive(Clone)]
pub(super) struct CreateTags(pub(super) TagSet);

/// Moves the tags of a CreateBucket request into its extensions. Other requests stay as they are.
pub(super) async fn take_create_tags(request: &mut Request<Body>) -> Result<(), AwsError> {
    if !is_create_bucket(request) {
        return Ok(());
    }
    let body = std::mem::take(request.body_mut());
    let bytes = body
        .collect()
        .await
        .map_err(|error| match error.downcast::<AwsError>() {
            Ok(refusal) => *refusal,
            Err(error) => AwsError::bad_request("IncompleteBody", error.to_string()),
        })?
        .to_bytes();
    let (rest, tags) = match split(&bytes) {
        Some((rest, tags)) => (Bytes::from(rest), Some(tags)),
        None => (bytes, None),
    };
    if let Some(tags) = tags {
        let document = format!("<Tagging><TagSet>{tags}</TagSet></Tagging>");
        let tagging = Tagging::deserialize(&mut Deserializer::new(document.as_bytes()))
            .map_err(|_| malformed_xml())?;
        request.extensions_mut().insert(CreateTags(tagging.tag_set));
        request
            .headers_mut()
            .insert(CONTENT_LENGTH, HeaderValue::from(rest.len()));
    }
    *request.body_mut() = Body::from(rest);
    Ok(())
}

fn is_create_bucket(request: &Request<Body>) -> bool {
    let text = |name| request.headers().get(name)?.to_str().ok();
    let by_host = text(HOST)
        .and_then(|host| Hosts.parse_host_header(host).ok()?.bucket().map(|_| ()))
        .is_some();
    let path = request.uri().path().trim_matches('/');
    let at_bucket = if by_host {
        path.is_empty()
    } else {
        !path.is_empty() && !path.contains('/')
    };
    let length = text(CONTENT_LENGTH).and_then(|length| length.parse::<u64>().ok());
    *request.method() == Method::PUT
        && at_bucket
        && request.uri().query().is_none_or(str::is_empty)
        && length.is_some_and(|length| (1..=LARGEST).contains(&length))
}

/// The document without its `Tags` element, and what is in it.
fn split(document: &[u8]) -> Option<(String, String)> {
    const OPEN: &str = "<Tags>";
    const CLOSE: &str = "</Tags>";
    let document = std::str::from_utf8(document).ok()?;
    let start = document.find(OPEN)?;
    let end = start + document[start..].find(CLOSE)?;
    let rest = format!("{}{}", &document[..start], &document[end + CLOSE.len()..]);
    Some((rest, document[start + OPEN.len()..end].to_owned()))
}
