//! Reading objects: whole, by range, by part, by version, on conditions.

use std::fs::File;
use std::io::SeekFrom;
use std::ops::Range as Span;
use std::os::unix::fs::FileExt;

use bytes::Bytes;
use s3s::dto::{
    ChecksumMode, ETag, ETagCondition, GetObjectInput, GetObjectOutput, HeadObjectInput,
    HeadObjectOutput, Range, StorageClass, StreamingBlob, Timestamp,
};
use s3s::{Body, S3Error, S3Request, S3Result};
use tokio::io::{AsyncReadExt, AsyncSeekExt};
use tokio_util::io::ReaderStream;

use super::handlers::{Core, timestamp};
use super::handlers_object::{checksum_type, encrypted, show_checksum};
use super::handlers_upload::INLINE;
use super::state_errors::{disk, invalid_argument, no_such_key, precondition_failed};
use super::state_objects::Found;
use super::state_rows::Version;
use super::wire::{known_headers, marker_headers};
use crate::error::AwsError;

/// Bytes read from a file at a time.
const PIECE: usize = 256 * 1024;

/// The conditional headers of a read, or of the source of a copy.
pub(super) struct Conditions<'a> {
    pub if_match: Option<&'a ETagCondition>,
    pub if_none_match: Option<&'a ETagCondition>,
    pub if_modified_since: Option<&'a Timestamp>,
    pub if_unmodified_since: Option<&'a Timestamp>,
}

impl Conditions<'_> {
    /// For a read: 412 where the object is not the one wanted, 304 where the client has it.
    fn check(&self, version: &Version) -> Result<(), S3Error> {
        if self.is_other(version) {
            return Err(precondition_failed().into());
        }
        if self.is_known(version) {
            let mut known = S3Error::from(AwsError::new(304, "NotModified", "Not Modified"));
            known.set_headers(known_headers(&version.etag, version.modified_ms));
            return Err(known);
        }
        Ok(())
    }

    /// For the source of a copy every unmet condition is a 412.
    pub(super) fn check_source(&self, version: &Version) -> Result<(), AwsError> {
        if self.is_other(version) || self.is_known(version) {
            return Err(precondition_failed());
        }
        Ok(())
    }

    fn is_other(&self, version: &Version) -> bool {
        match (self.if_match, self.if_unmodified_since) {
            // An entity tag that matches outweighs the date.
            (Some(condition), _) => !has(version, condition),
            (None, Some(date)) => modified(version) > seconds(date),
            (None, None) => false,
        }
    }

    fn is_known(&self, version: &Version) -> bool {
        match (self.if_none_match, self.if_modified_since) {
            (Some(condition), _) => has(version, condition),
            (None, Some(date)) => modified(version) <= seconds(date),
            (None, None) => false,
        }
    }
}

fn has(version: &Version, condition: &ETagCondition) -> bool {
    condition
        .as_etag()
        .is_none_or(|etag| etag.value() == version.etag)
}

/// HTTP dates have seconds, so that is what is compared.
fn modified(version: &Version) -> i64 {
    version.modified_ms.div_euclid(1_000)
}

fn seconds(date: &Timestamp) -> i64 {
    let time: time::OffsetDateTime = date.clone().into();
    time.unix_timestamp()
}

/// What AWS says where a delete marker was found instead of an object.
pub(super) fn marker_error(by_version: bool) -> AwsError {
    if by_version {
        AwsError::new(
            405,
            "MethodNotAllowed",
            "The specified method is not allowed against this resource.",
        )
    } else {
        no_such_key()
    }
}

/// The same with the headers that tell of the marker.
pub(super) fn marker_refusal(found: &Found, by_version: bool) -> S3Error {
    let mut error = S3Error::from(marker_error(by_version));
    error.set_headers(marker_headers(found.version_id().as_deref()));
    error
}

/// The part of an object that is asked for.
struct Slice {
    span: Span<u64>,
    /// `Content-Range`, when it is not the whole object.
    content_range: Option<String>,
}

fn slice(
    version: &Version,
    range: Option<Range>,
    part_number: Option<i32>,
) -> Result<Slice, AwsError> {
    let span = match (range, part_number) {
        (None, None) => {
            return Ok(Slice {
                span: 0..version.size,
                content_range: None,
            });
        }
        (Some(_), Some(_)) => {
            return Err(AwsError::bad_request(
                "InvalidRequest",
                "Cannot specify both Range header and partNumber query parameter",
            ));
        }
        (Some(range), None) => range
            .check(version.size)
            .ok()
            .filter(|span| !span.is_empty())
            .ok_or_else(|| {
                AwsError::new(
                    416,
                    "InvalidRange",
                    "The requested range is not satisfiable",
                )
            })?,
        (None, Some(number)) => part(version, number)?,
    };
    let content_range = (!span.is_empty())
        .then(|| format!("bytes {}-{}/{}", span.start, span.end - 1, version.size));
    Ok(Slice {
        span,
        content_range,
    })
}

/// Where a part of a multipart upload lies. Every other object is its own first part.
fn part(version: &Version, number: i32) -> Result<Span<u64>, AwsError> {
    let index = usize::try_from(number - 1)
        .map_err(|_| invalid_argument("Part number must be an integer between 1 and 10000"))?;
    let whole = [version.size];
    let sizes = if version.part_sizes.is_empty() {
        &whole[..]
    } else {
        &version.part_sizes
    };
    let Some(size) = sizes.get(index) else {
        return Err(AwsError::new(
            416,
            "InvalidPartNumber",
            "The requested partnumber is not satisfiable",
        ));
    };
    let start = sizes[..index].iter().sum();
    Ok(start..start + size)
}

async fn content(file: File, span: Span<u64>) -> Result<StreamingBlob, AwsError> {
    let length = span.end - span.start;
    if length <= INLINE as u64 {
        let mut buffer = vec![0; length as usize];
        file.read_exact_at(&mut buffer, span.start).map_err(disk)?;
        return Ok(StreamingBlob::from(Body::from(Bytes::from(buffer))));
    }
    let mut file = tokio::fs::File::from_std(file);
    file.seek(SeekFrom::Start(span.start)).await.map_err(disk)?;
    Ok(StreamingBlob::wrap(ReaderStream::with_capacity(
        file.take(length),
        PIECE,
    )))
}

/// The fields that GetObject and HeadObject answer alike.
macro_rules! answer {
    ($output:ident, $input:expr, $found:expr, $slice:expr) => {{
        let version_id = $found.version_id();
        let version = $found.version;
        let attributes = version.attributes;
        let parts = version.part_sizes.len();
        let mut output = $output {
            accept_ranges: Some("bytes".to_owned()),
            cache_control: attributes.cache_control,
            content_disposition: attributes.content_disposition,
            content_encoding: attributes.content_encoding,
            content_language: attributes.content_language,
            content_length: Some(($slice.span.end - $slice.span.start) as i64),
            content_range: $slice.content_range,
            content_type: Some(
                attributes
                    .content_type
                    .unwrap_or_else(|| "binary/octet-stream".to_owned()),
            ),
            e_tag: Some(ETag::Strong(version.etag)),
            expires: attributes.expires_ms.map(timestamp),
            last_modified: Some(timestamp(version.modified_ms)),
            metadata: (!attributes.metadata.is_empty())
                .then(|| attributes.metadata.into_iter().collect()),
            parts_count: ($input.part_number.is_some() && parts > 0).then_some(parts as i32),
            server_side_encryption: encrypted(),
            storage_class: (version.storage_class != StorageClass::STANDARD)
                .then(|| StorageClass::from(version.storage_class)),
            version_id,
            website_redirect_location: attributes.website_redirect_location,
            ..$output::default()
        };
        let asked = $input
            .checksum_mode
            .as_ref()
            .is_some_and(|mode| mode.as_str() == ChecksumMode::ENABLED);
        // A checksum is of the whole object, so a range has none.
        if let Some(checksum) = version
            .checksum
            .filter(|_| asked && output.content_range.is_none())
        {
            show_checksum!(output, checksum);
            output.checksum_type = checksum_type(checksum.composite);
        }
        output
    }};
}

impl Core {
    pub(super) async fn get_object(
        &self,
        request: S3Request<GetObjectInput>,
    ) -> S3Result<GetObjectOutput> {
        let input = request.input;
        let mut found = self
            .store
            .find(&input.bucket, &input.key, input.version_id.as_deref())?;
        let Some(file) = found.file.take() else {
            return Err(marker_refusal(&found, input.version_id.is_some()));
        };
        Conditions {
            if_match: input.if_match.as_ref(),
            if_none_match: input.if_none_match.as_ref(),
            if_modified_since: input.if_modified_since.as_ref(),
            if_unmodified_since: input.if_unmodified_since.as_ref(),
        }
        .check(&found.version)?;
        let slice = slice(&found.version, input.range, input.part_number)?;
        let body = content(file, slice.span.clone()).await?;
        let tags = found.version.tags.len();
        let mut output = answer!(GetObjectOutput, input, found, slice);
        output.body = Some(body);
        output.tag_count = (tags > 0).then_some(tags as i32);
        Ok(output)
    }

    pub(super) async fn head_object(
        &self,
        request: S3Request<HeadObjectInput>,
    ) -> S3Result<HeadObjectOutput> {
        let input = request.input;
        let found = self
            .store
            .find(&input.bucket, &input.key, input.version_id.as_deref())?;
        if found.version.delete_marker {
            return Err(marker_refusal(&found, input.version_id.is_some()));
        }
        Conditions {
            if_match: input.if_match.as_ref(),
            if_none_match: input.if_none_match.as_ref(),
            if_modified_since: input.if_modified_since.as_ref(),
            if_unmodified_since: input.if_unmodified_since.as_ref(),
        }
        .check(&found.version)?;
        let slice = slice(&found.version, input.range, input.part_number)?;
        Ok(answer!(HeadObjectOutput, input, found, slice))
    }
}
