//! Listings of keys, old and new style, and of versions.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use s3s::dto::{
    ChecksumAlgorithm, ChecksumAlgorithmList, ChecksumType, CommonPrefix, CommonPrefixList,
    DeleteMarkerEntry, ETag, EncodingType, ListObjectVersionsInput, ListObjectVersionsOutput,
    ListObjectsInput, ListObjectsOutput, ListObjectsV2Input, ListObjectsV2Output, Object,
    ObjectStorageClass, ObjectVersion, ObjectVersionStorageClass,
};
use s3s::{S3Request, S3Result};

use super::handlers::{Core, owner, timestamp};
use super::handlers_object::checksum_type;
use super::state_checksum::StoredChecksum;
use super::state_errors::invalid_argument;
use super::state_events::encode_key;
use super::state_list::{Entry, Query, Start};
use super::state_rows::Version;
use crate::error::AwsError;

/// The most that one page holds.
const LARGEST_PAGE: i32 = 1_000;

/// The algorithm of a kept checksum, as lists tell it.
fn algorithms(checksum: Option<&StoredChecksum>) -> Option<ChecksumAlgorithmList> {
    let name = checksum?.algorithm.name();
    Some(vec![ChecksumAlgorithm::from_static(name)])
}

fn kind(checksum: Option<&StoredChecksum>) -> Option<ChecksumType> {
    checksum_type(checksum?.composite)
}

/// How keys are written in an answer: as they are, or URL-encoded, when the client asks because XML
/// cannot carry every character.
#[derive(Clone, Copy)]
pub(super) struct Writing {
    encoded: bool,
}

impl Writing {
    /// As the client asks.
    pub(super) fn new(wanted: Option<&EncodingType>) -> Result<Self, AwsError> {
        match wanted.map(EncodingType::as_str) {
            None => Ok(Self { encoded: false }),
            Some(EncodingType::URL) => Ok(Self { encoded: true }),
            Some(_) => Err(invalid_argument(
                "Invalid Encoding Method specified in Request",
            )),
        }
    }

    /// A key or a part of one.
    pub(super) fn text(self, text: String) -> String {
        if self.encoded {
            // `%20` where AWS writes `+`: every client decodes it, also those that know no `+`.
            encode_key(&text).replace('+', "%20")
        } else {
            text
        }
    }

    /// Rolled-up prefixes.
    pub(super) fn prefixes(self, prefixes: Vec<String>) -> Option<CommonPrefixList> {
        (!prefixes.is_empty()).then(|| {
            prefixes
                .into_iter()
                .map(|prefix| CommonPrefix {
                    prefix: Some(self.text(prefix)),
                })
                .collect()
        })
    }

    fn object(self, entry: Entry, show_owner: bool) -> Object {
        Object {
            checksum_algorithm: algorithms(entry.checksum.as_ref()),
            checksum_type: kind(entry.checksum.as_ref()),
            e_tag: Some(ETag::Strong(entry.etag)),
            key: Some(self.text(entry.key)),
            last_modified: Some(timestamp(entry.modified_ms)),
            owner: show_owner.then(owner),
            size: Some(entry.size as i64),
            storage_class: Some(ObjectStorageClass::from(entry.storage_class)),
            ..Object::default()
        }
    }

    fn version(self, version: Version) -> ObjectVersion {
        ObjectVersion {
            checksum_algorithm: algorithms(version.checksum.as_ref()),
            checksum_type: kind(version.checksum.as_ref()),
            e_tag: Some(ETag::Strong(version.etag)),
            is_latest: Some(version.is_latest),
            key: Some(self.text(version.key)),
            last_modified: Some(timestamp(version.modified_ms)),
            owner: Some(owner()),
            size: Some(version.size as i64),
            storage_class: Some(ObjectVersionStorageClass::from(version.storage_class)),
            version_id: Some(version.version_id),
            ..ObjectVersion::default()
        }
    }

    fn marker(self, version: Version) -> DeleteMarkerEntry {
        DeleteMarkerEntry {
            is_latest: Some(version.is_latest),
            key: Some(self.text(version.key)),
            last_modified: Some(timestamp(version.modified_ms)),
            owner: Some(owner()),
            version_id: Some(version.version_id),
        }
    }
}

/// How many entries a page may have: what is asked for, at most a thousand.
pub(super) fn page_size(wanted: Option<i32>, argument: &str) -> Result<i32, AwsError> {
    let wanted = wanted.unwrap_or(LARGEST_PAGE);
    if wanted < 0 {
        return Err(invalid_argument(format!(
            "Argument {argument} must be an integer between 0 and 2147483647"
        )));
    }
    Ok(wanted.min(LARGEST_PAGE))
}

fn query<'a>(prefix: Option<&'a str>, delimiter: Option<&'a str>, max: i32) -> Query<'a> {
    Query {
        prefix: prefix.unwrap_or_default(),
        delimiter: delimiter.unwrap_or_default(),
        max: max as usize,
    }
}

fn after(marker: Option<&str>) -> Start<'_> {
    match marker {
        None | Some("") => Start::Beginning,
        Some(marker) => Start::After(marker),
    }
}

impl Core {
    pub(super) async fn list_objects(
        &self,
        request: S3Request<ListObjectsInput>,
    ) -> S3Result<ListObjectsOutput> {
        let input = request.input;
        let writing = Writing::new(input.encoding_type.as_ref())?;
        let max = page_size(input.max_keys, "maxKeys")?;
        let delimiter = input.delimiter.filter(|delimiter| !delimiter.is_empty());
        let page = self.store.list(
            &input.bucket,
            &query(input.prefix.as_deref(), delimiter.as_deref(), max),
            &after(input.marker.as_deref()),
        )?;
        Ok(ListObjectsOutput {
            name: Some(input.bucket),
            prefix: Some(writing.text(input.prefix.unwrap_or_default())),
            marker: Some(writing.text(input.marker.unwrap_or_default())),
            max_keys: Some(max),
            is_truncated: Some(page.next.is_some()),
            contents: Some(
                page.entries
                    .into_iter()
                    .map(|entry| writing.object(entry, true))
                    .collect(),
            ),
            common_prefixes: writing.prefixes(page.prefixes),
            // Without a delimiter the last key is the marker, and AWS leaves this out.
            next_marker: page
                .next
                .filter(|_| delimiter.is_some())
                .map(|next| writing.text(next.last)),
            delimiter: delimiter.map(|delimiter| writing.text(delimiter)),
            encoding_type: input.encoding_type,
            ..ListObjectsOutput::default()
        })
    }

    pub(super) async fn list_objects_v2(
        &self,
        request: S3Request<ListObjectsV2Input>,
    ) -> S3Result<ListObjectsV2Output> {
        let input = request.input;
        let writing = Writing::new(input.encoding_type.as_ref())?;
        let max = page_size(input.max_keys, "maxKeys")?;
        let delimiter = input.delimiter.filter(|delimiter| !delimiter.is_empty());
        let start = match &input.continuation_token {
            Some(token) => Start::At(
                URL_SAFE_NO_PAD
                    .decode(token)
                    .ok()
                    .filter(|position| !position.is_empty())
                    .ok_or_else(|| {
                        invalid_argument("The continuation token provided is incorrect")
                    })?,
            ),
            None => after(input.start_after.as_deref()),
        };
        let page = self.store.list(
            &input.bucket,
            &query(input.prefix.as_deref(), delimiter.as_deref(), max),
            &start,
        )?;
        let show_owner = input.fetch_owner == Some(true);
        Ok(ListObjectsV2Output {
            name: Some(input.bucket),
            prefix: Some(writing.text(input.prefix.unwrap_or_default())),
            max_keys: Some(max),
            key_count: Some((page.entries.len() + page.prefixes.len()) as i32),
            is_truncated: Some(page.next.is_some()),
            next_continuation_token: page.next.map(|next| URL_SAFE_NO_PAD.encode(next.position)),
            continuation_token: input.continuation_token,
            contents: Some(
                page.entries
                    .into_iter()
                    .map(|entry| writing.object(entry, show_owner))
                    .collect(),
            ),
            common_prefixes: writing.prefixes(page.prefixes),
            delimiter: delimiter.map(|delimiter| writing.text(delimiter)),
            encoding_type: input.encoding_type,
            start_after: input.start_after.map(|key| writing.text(key)),
            ..ListObjectsV2Output::default()
        })
    }

    pub(super) async fn list_object_versions(
        &self,
        request: S3Request<ListObjectVersionsInput>,
    ) -> S3Result<ListObjectVersionsOutput> {
        let input = request.input;
        let writing = Writing::new(input.encoding_type.as_ref())?;
        let max = page_size(input.max_keys, "maxKeys")?;
        let delimiter = input.delimiter.filter(|delimiter| !delimiter.is_empty());
        let version_marker = input.version_id_marker.filter(|marker| !marker.is_empty());
        let start = after(input.key_marker.as_deref());
        if version_marker.is_some() && start == Start::Beginning {
            return Err(invalid_argument(
                "A version-id marker cannot be specified without a key marker.",
            )
            .into());
        }
        let page = self.store.list_versions(
            &input.bucket,
            &query(input.prefix.as_deref(), delimiter.as_deref(), max),
            &start,
            version_marker.as_deref(),
        )?;
        let (markers, versions): (Vec<_>, Vec<_>) = page
            .entries
            .into_iter()
            .partition(|version| version.delete_marker);
        let list = |versions: Vec<Version>| (!versions.is_empty()).then_some(versions);
        let (next_key, next_version) = page
            .next
            .map(|next| (writing.text(next.last), next.last_version))
            .unzip();
        Ok(ListObjectVersionsOutput {
            common_prefixes: writing.prefixes(page.prefixes),
            delete_markers: list(markers).map(|markers| {
                markers
                    .into_iter()
                    .map(|marker| writing.marker(marker))
                    .collect()
            }),
            versions: list(versions).map(|versions| {
                versions
                    .into_iter()
                    .map(|version| writing.version(version))
                    .collect()
            }),
            delimiter: delimiter.map(|delimiter| writing.text(delimiter)),
            encoding_type: input.encoding_type,
            is_truncated: Some(next_key.is_some()),
            key_marker: Some(writing.text(input.key_marker.unwrap_or_default())),
            version_id_marker: Some(version_marker.unwrap_or_default()),
            max_keys: Some(max),
            name: Some(input.bucket),
            next_key_marker: next_key,
            next_version_id_marker: next_version.flatten(),
            prefix: Some(writing.text(input.prefix.unwrap_or_default())),
            ..ListObjectVersionsOutput::default()
        })
    }
}
