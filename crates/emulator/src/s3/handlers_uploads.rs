//! Listings of unfinished uploads and of their parts.

use s3s::dto::{
    ChecksumAlgorithm, ETag, Initiator, ListMultipartUploadsInput, ListMultipartUploadsOutput,
    ListPartsInput, ListPartsOutput, MultipartUpload, Part, StorageClass,
};
use s3s::{S3Request, S3Result};

use super::handlers::{Core, owner, timestamp};
use super::handlers_list::{Writing, page_size};
use super::handlers_object::{checksum_type, show_checksum};
use super::state_errors::invalid_argument;
use super::state_list::Query;
use crate::config::ACCOUNT;

fn initiator() -> Initiator {
    Initiator {
        display_name: None,
        id: Some(ACCOUNT.to_owned()),
    }
}

impl Core {
    pub(super) async fn list_parts(
        &self,
        request: S3Request<ListPartsInput>,
    ) -> S3Result<ListPartsOutput> {
        let input = request.input;
        let upload = self
            .store
            .upload(&input.bucket, &input.key, &input.upload_id)?;
        let marker = input.part_number_marker.unwrap_or_default();
        let behind = u32::try_from(marker)
            .map_err(|_| invalid_argument("part-number-marker must not be negative"))?;
        let max = page_size(input.max_parts, "max-parts")?;
        let mut found = self.store.parts(&input.upload_id, behind)?;
        let more = found.len() > max as usize;
        found.truncate(max as usize);
        let last = found.last().map(|part| part.number as i32);
        let parts = found
            .into_iter()
            .map(|part| {
                let mut shown = Part {
                    e_tag: Some(ETag::Strong(part.etag)),
                    last_modified: Some(timestamp(part.modified_ms)),
                    part_number: Some(part.number as i32),
                    size: Some(part.size as i64),
                    ..Part::default()
                };
                if upload.description.asked {
                    show_checksum!(shown, part.checksum);
                }
                shown
            })
            .collect();
        let asked = upload.description.asked;
        Ok(ListPartsOutput {
            bucket: Some(input.bucket),
            key: Some(input.key),
            upload_id: Some(input.upload_id),
            initiator: Some(initiator()),
            owner: Some(owner()),
            storage_class: Some(StorageClass::from(upload.description.storage_class)),
            checksum_algorithm: asked
                .then(|| ChecksumAlgorithm::from_static(upload.description.algorithm.name())),
            checksum_type: checksum_type(upload.description.composite).filter(|_| asked),
            is_truncated: Some(more),
            max_parts: Some(max),
            part_number_marker: Some(marker),
            next_part_number_marker: last.filter(|_| more),
            parts: Some(parts),
            ..ListPartsOutput::default()
        })
    }

    pub(super) async fn list_multipart_uploads(
        &self,
        request: S3Request<ListMultipartUploadsInput>,
    ) -> S3Result<ListMultipartUploadsOutput> {
        let input = request.input;
        let writing = Writing::new(input.encoding_type.as_ref())?;
        let max = page_size(input.max_uploads, "max-uploads")?;
        let delimiter = input.delimiter.filter(|delimiter| !delimiter.is_empty());
        let key_marker = input.key_marker.unwrap_or_default();
        // Without a key the id says nothing.
        let id_marker = input
            .upload_id_marker
            .filter(|id| !id.is_empty() && !key_marker.is_empty());
        let page = self.store.uploads(
            &input.bucket,
            &Query {
                prefix: input.prefix.as_deref().unwrap_or_default(),
                delimiter: delimiter.as_deref().unwrap_or_default(),
                max: max as usize,
            },
            &key_marker,
            id_marker.as_deref(),
        )?;
        let (next_key, next_id) = page.next.unzip();
        let uploads =
            page.uploads
                .into_iter()
                .map(|upload| MultipartUpload {
                    checksum_algorithm: upload.description.asked.then(|| {
                        ChecksumAlgorithm::from_static(upload.description.algorithm.name())
                    }),
                    checksum_type: checksum_type(upload.description.composite)
                        .filter(|_| upload.description.asked),
                    initiated: Some(timestamp(upload.started_ms)),
                    initiator: Some(initiator()),
                    key: Some(writing.text(upload.key)),
                    owner: Some(owner()),
                    storage_class: Some(StorageClass::from(upload.description.storage_class)),
                    upload_id: Some(upload.upload_id),
                })
                .collect();
        Ok(ListMultipartUploadsOutput {
            bucket: Some(input.bucket),
            common_prefixes: writing.prefixes(page.prefixes),
            delimiter: delimiter.map(|delimiter| writing.text(delimiter)),
            encoding_type: input.encoding_type,
            is_truncated: Some(next_key.is_some()),
            key_marker: Some(writing.text(key_marker)),
            upload_id_marker: id_marker,
            max_uploads: Some(max),
            next_key_marker: next_key.map(|key| writing.text(key)),
            next_upload_id_marker: next_id.filter(|id| !id.is_empty()),
            prefix: input.prefix.map(|prefix| writing.text(prefix)),
            uploads: Some(uploads),
            ..ListMultipartUploadsOutput::default()
        })
    }
}
