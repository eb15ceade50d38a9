//! GetObjectAttributes: what HeadObject tells and, of a multipart upload, its parts.

use s3s::dto::{
    Checksum, ETag, GetObjectAttributesInput, GetObjectAttributesOutput, GetObjectAttributesParts,
    ObjectAttributes, ObjectPart, StorageClass,
};
use s3s::{S3Request, S3Result};

use super::handlers::{Core, timestamp};
use super::handlers_list::page_size;
use super::handlers_object::{checksum_type, show_checksum};
use super::handlers_read::marker_refusal;
use super::state_checksum::StoredChecksum;
use super::state_errors::invalid_argument;
use super::state_rows::Version;
use crate::error::AwsError;

/// The attributes there are.
const KNOWN: [&str; 5] = [
    ObjectAttributes::CHECKSUM,
    ObjectAttributes::ETAG,
    ObjectAttributes::OBJECT_PARTS,
    ObjectAttributes::OBJECT_SIZE,
    ObjectAttributes::STORAGE_CLASS,
];

impl Core {
    pub(super) async fn get_object_attributes(
        &self,
        request: S3Request<GetObjectAttributesInput>,
    ) -> S3Result<GetObjectAttributesOutput> {
        let input = request.input;
        // A client may give them in one header, between commas.
        let wanted: Vec<&str> = input
            .object_attributes
            .iter()
            .flat_map(|list| list.as_str().split(','))
            .map(str::trim)
            .collect();
        if wanted.iter().any(|name| !KNOWN.contains(name)) {
            return Err(invalid_argument("Invalid attribute name specified.").into());
        }
        let wants = |name: &str| wanted.contains(&name);
        let found = self
            .store
            .find(&input.bucket, &input.key, input.version_id.as_deref())?;
        if found.version.delete_marker {
            return Err(marker_refusal(&found, input.version_id.is_some()));
        }
        let version_id = found.version_id();
        let version = found.version;
        let parts = if wants(ObjectAttributes::OBJECT_PARTS) {
            parts(&version, input.max_parts, input.part_number_marker)?
        } else {
            None
        };
        let checksum = version
            .checksum
            .filter(|_| wants(ObjectAttributes::CHECKSUM))
            .map(|stored| {
                let mut shown = Checksum {
                    checksum_type: checksum_type(stored.composite),
                    ..Checksum::default()
                };
                let stored = StoredChecksum {
                    value: bare(&stored).to_owned(),
                    ..stored
                };
                show_checksum!(shown, stored);
                shown
            });
        Ok(GetObjectAttributesOutput {
            checksum,
            e_tag: wants(ObjectAttributes::ETAG).then_some(ETag::Strong(version.etag)),
            last_modified: Some(timestamp(version.modified_ms)),
            object_parts: parts,
            object_size: wants(ObjectAttributes::OBJECT_SIZE).then_some(version.size as i64),
            storage_class: wants(ObjectAttributes::STORAGE_CLASS)
                .then(|| StorageClass::from(version.storage_class)),
            version_id,
            ..GetObjectAttributesOutput::default()
        })
    }
}

/// The number of parts stands behind a composite checksum in every other answer, but not in this.
fn bare(checksum: &StoredChecksum) -> &str {
    checksum.value.split('-').next().unwrap_or_default()
}

/// A page of the parts; they are only listed one by one where they have checksums.
fn parts(
    version: &Version,
    max: Option<i32>,
    marker: Option<i32>,
) -> Result<Option<GetObjectAttributesParts>, AwsError> {
    if version.part_sizes.is_empty() {
        return Ok(None);
    }
    let max = page_size(max, "max-parts")?;
    let marker = marker.unwrap_or_default();
    let behind = usize::try_from(marker)
        .map_err(|_| invalid_argument("part-number-marker must not be negative"))?;
    let mut shown = GetObjectAttributesParts {
        total_parts_count: Some(version.part_sizes.len() as i32),
        ..GetObjectAttributesParts::default()
    };
    let Some(whole) = version
        .checksum
        .as_ref()
        .filter(|_| !version.part_checksums.is_empty())
    else {
        return Ok(Some(shown));
    };
    let parts: Vec<ObjectPart> = version
        .part_sizes
        .iter()
        .zip(&version.part_checksums)
        .enumerate()
        .skip(behind)
        .take(max as usize)
        .map(|(index, (size, value))| {
            let mut part = ObjectPart {
                part_number: Some(index as i32 + 1),
                size: Some(*size as i64),
                ..ObjectPart::default()
            };
            let checksum = StoredChecksum {
                algorithm: whole.algorithm,
                value: value.clone(),
                composite: false,
            };
            show_checksum!(part, checksum);
            part
        })
        .collect();
    let last = behind + parts.len();
    let more = last < version.part_sizes.len();
    shown.is_truncated = Some(more);
    shown.max_parts = Some(max);
    shown.part_number_marker = Some(marker);
    shown.next_part_number_marker = Some(last as i32);
    shown.parts = Some(parts);
    Ok(Some(shown))
}
