//! Tags in CreateBucket, which S3 takes since 2025 and the pinned s3s does not know: they are taken
//! out of the request body here and handed to the handler beside it.

use bytes::Bytes;
use http::header::CONTENT_LENGTH;
use http::{HeaderValue, Method, Request};
use s3s::Body;
use s3s::dto::{TagSet, Tagging};
use s3s::xml::{Deserialize, Deserializer};

use super::state_errors::malformed_xml;
use super::wire_target::Target;
use crate::error::AwsError;

/// Tags of a CreateBucket request.
#[derive(Clone)]
pub(super) struct CreateTags(pub(super) TagSet);

/// Moves the tags of a CreateBucket request into its extensions. Other requests stay as they are.
pub(super) fn take_create_tags(
    request: &mut Request<Body>,
    target: &Target,
) -> Result<(), AwsError> {
    let creates = *request.method() == Method::PUT
        && target.bucket.is_some()
        && target.key.is_none()
        && target.query.iter().all(|(name, _)| name == "x-id");
    let document = request.body().bytes().filter(|_| creates);
    let Some((rest, tags)) = document.and_then(|document| split(&document)) else {
        return Ok(());
    };
    let document = format!("<Tagging><TagSet>{tags}</TagSet></Tagging>");
    let tagging = Tagging::deserialize(&mut Deserializer::new(document.as_bytes()))
        .map_err(|_| malformed_xml())?;
    request.extensions_mut().insert(CreateTags(tagging.tag_set));
    request
        .headers_mut()
        .insert(CONTENT_LENGTH, HeaderValue::from(rest.len()));
    *request.body_mut() = Body::from(Bytes::from(rest));
    Ok(())
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
