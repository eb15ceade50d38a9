//! Uploading one file: in one request while it is small, in parts with progress when it is large.

use std::path::Path;

use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};
use futures::stream::{StreamExt, TryStreamExt};
use tokio::io::{AsyncReadExt, AsyncSeekExt};

use crate::event::{Event, Sink};
use crate::resource::error::{CallError, failed};
use crate::target::Clients;

/// Larger files go up in parts.
const ONE_REQUEST_BYTES: u64 = 16 * 1024 * 1024;
/// Parts under way at once.
const PARALLEL_PARTS: usize = 4;
/// S3's limit on the number of parts.
const MAX_PARTS: u64 = 10_000;

/// What S3 said of a new object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stored {
    /// Version, in a versioned bucket.
    pub version_id: Option<String>,
    /// ETag, with its quotes.
    pub etag: Option<String>,
}

/// Uploads `file` of `size` bytes as `bucket`/`key`.
pub(super) async fn upload(
    clients: &Clients,
    bucket: &str,
    key: &str,
    file: &Path,
    size: u64,
    sink: &dyn Sink,
) -> Result<Stored, CallError> {
    let label = file.display().to_string();
    if size <= ONE_REQUEST_BYTES {
        let bytes = tokio::fs::read(file)
            .await
            .map_err(|e| unreadable(file, &e))?;
        let answer = clients
            .s3
            .put_object()
            .bucket(bucket)
            .key(key)
            .content_type("application/x-ndjson")
            .body(ByteStream::from(bytes))
            .send()
            .await
            .map_err(failed("PutObject"))?;
        return Ok(Stored {
            version_id: answer.version_id,
            etag: answer.e_tag,
        });
    }
    sink.emit(Event::UploadStarted {
        file: label.clone(),
        bytes: size,
    });
    let started = clients
        .s3
        .create_multipart_upload()
        .bucket(bucket)
        .key(key)
        .content_type("application/x-ndjson")
        .send()
        .await
        .map_err(failed("CreateMultipartUpload"))?;
    let upload_id = started
        .upload_id
        .ok_or_else(|| CallError::missing("CreateMultipartUpload", "UploadId"))?;
    let target = Object {
        clients,
        bucket,
        key,
        upload_id: &upload_id,
    };
    match target.parts(file, size, &label, sink).await {
        Ok(parts) => target.complete(parts).await,
        Err(error) => {
            // Parts that stay would be paid for; the cause is what the user needs to hear.
            if let Err(abort) = target.abort().await {
                tracing::warn!(%abort, "the parts of a failed upload stay in the bucket");
            }
            Err(error)
        }
    }
}

fn unreadable(file: &Path, error: &std::io::Error) -> CallError {
    CallError::local("read", format!("{}: {error}", file.display()))
}

/// An upload in parts.
struct Object<'a> {
    clients: &'a Clients,
    bucket: &'a str,
    key: &'a str,
    upload_id: &'a str,
}

impl Object<'_> {
    async fn parts(
        &self,
        file: &Path,
        size: u64,
        label: &str,
        sink: &dyn Sink,
    ) -> Result<Vec<CompletedPart>, CallError> {
        let part_bytes = ONE_REQUEST_BYTES.max(size.div_ceil(MAX_PARTS));
        let count = size.div_ceil(part_bytes);
        let mut arrived = 0;
        let uploads = futures::stream::iter(0..count).map(|index| async move {
            let from = index * part_bytes;
            let length = part_bytes.min(size - from);
            let bytes = read_part(file, from, length)
                .await
                .map_err(|e| unreadable(file, &e))?;
            let number = index as i32 + 1;
            let answer = self
                .clients
                .s3
                .upload_part()
                .bucket(self.bucket)
                .key(self.key)
                .upload_id(self.upload_id)
                .part_number(number)
                .body(ByteStream::from(bytes))
                .send()
                .await
                .map_err(failed("UploadPart"))?;
            let part = CompletedPart::builder()
                .part_number(number)
                .set_e_tag(answer.e_tag)
                .build();
            Ok::<_, CallError>((part, length))
        });
        uploads
            .buffered(PARALLEL_PARTS)
            .map_ok(|(part, length)| {
                arrived += length;
                sink.emit(Event::UploadProgressed {
                    file: label.to_owned(),
                    bytes: arrived,
                });
                part
            })
            .try_collect()
            .await
    }

    async fn complete(&self, parts: Vec<CompletedPart>) -> Result<Stored, CallError> {
        let answer = self
            .clients
            .s3
            .complete_multipart_upload()
            .bucket(self.bucket)
            .key(self.key)
            .upload_id(self.upload_id)
            .multipart_upload(
                CompletedMultipartUpload::builder()
                    .set_parts(Some(parts))
                    .build(),
            )
            .send()
            .await
            .map_err(failed("CompleteMultipartUpload"))?;
        Ok(Stored {
            version_id: answer.version_id,
            etag: answer.e_tag,
        })
    }

    async fn abort(&self) -> Result<(), CallError> {
        self.clients
            .s3
            .abort_multipart_upload()
            .bucket(self.bucket)
            .key(self.key)
            .upload_id(self.upload_id)
            .send()
            .await
            .map_err(failed("AbortMultipartUpload"))?;
        Ok(())
    }
}

async fn read_part(file: &Path, from: u64, length: u64) -> std::io::Result<Vec<u8>> {
    let mut file = tokio::fs::File::open(file).await?;
    file.seek(std::io::SeekFrom::Start(from)).await?;
    let mut bytes = Vec::with_capacity(length as usize);
    file.take(length).read_to_end(&mut bytes).await?;
    Ok(bytes)
}
