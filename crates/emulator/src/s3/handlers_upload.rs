//! Taking in a body: streamed to its file while it is hashed, then compared with everything the
//! client said about it. Shared by PutObject and UploadPart.

use bytes::Bytes;
use futures::StreamExt;
use http::header::CONTENT_LENGTH;
use http::{Extensions, HeaderMap};
use s3s::StdError;
use s3s::dto::StreamingBlob;
use s3s::stream::ByteStream;

use super::state_body::{Bodies, BodyWriter, StoredBody};
use super::state_checksum::Algorithm;
use super::wire::missing_length;
use super::wire_chunked::Trailers;
use super::wire_claims::Claims;
use crate::error::AwsError;

/// Bytes collected before they are hashed and written away from the async threads.
const BATCH: usize = 1024 * 1024;
/// Up to here, hashing and writing costs less than a change of thread.
pub(super) const INLINE: usize = 128 * 1024;
/// The largest body of one request, and the largest source of one copy.
pub(super) const LARGEST: u64 = 5 * 1024 * 1024 * 1024;

/// A body on its way in, with what the client says about it.
pub(super) struct Arrival {
    body: Option<StreamingBlob>,
    length: Option<u64>,
    claims: Claims,
}

impl Arrival {
    /// Reads what the headers say. Refuses what cannot be right before a byte is read.
    pub(super) fn new(
        headers: &HeaderMap,
        extensions: &Extensions,
        body: Option<StreamingBlob>,
    ) -> Result<Self, AwsError> {
        let length = headers
            .get(CONTENT_LENGTH)
            .and_then(|value| value.to_str().ok()?.trim().parse().ok());
        let exact = body
            .as_ref()
            .map_or(Some(0), |body| body.remaining_length().exact());
        if length.is_none() && exact.is_none() {
            return Err(missing_length());
        }
        if length.is_some_and(|length| length > LARGEST) {
            return Err(AwsError::bad_request(
                "EntityTooLarge",
                "Your proposed upload exceeds the maximum allowed size",
            ));
        }
        let trailers = extensions.get::<Trailers>().cloned().unwrap_or_default();
        Ok(Self {
            body,
            length,
            claims: Claims::read(headers, trailers)?,
        })
    }

    /// The algorithm of the checksum that comes with the body.
    pub(super) fn algorithm(&self) -> Option<Algorithm> {
        self.claims.algorithm
    }

    /// Stores the body. Its checksum is by `kept`, else by what the client named, else CRC-64/NVME,
    /// which is what S3 computes unasked.
    pub(super) async fn store(
        mut self,
        bodies: &Bodies,
        kept: Option<Algorithm>,
    ) -> Result<StoredBody, AwsError> {
        let claimed = self.claims.algorithm;
        let algorithm = kept.or(claimed).unwrap_or(Algorithm::Crc64Nvme);
        let also = claimed.filter(|also| *also != algorithm);
        let mut writer = bodies.create(algorithm, also)?;
        let mut batch: Vec<Bytes> = Vec::new();
        let mut batched = 0;
        let mut total: u64 = 0;
        if let Some(mut body) = self.body.take() {
            while let Some(piece) = body.next().await {
                let piece = piece.map_err(fault)?;
                batched += piece.len();
                total += piece.len() as u64;
                if self.length.is_some_and(|length| total > length) {
                    return Err(incomplete());
                }
                batch.push(piece);
                if batched >= BATCH {
                    writer = write_elsewhere(writer, std::mem::take(&mut batch)).await?;
                    batched = 0;
                }
            }
        }
        if self.length.is_some_and(|length| total != length) {
            return Err(incomplete());
        }
        let finish = move || {
            for piece in batch {
                writer.write(&piece)?;
            }
            writer.finish()
        };
        let stored = if batched > INLINE || bodies.flushes() {
            blocking(finish).await?
        } else {
            finish()?
        };
        self.claims.check(stored.md5, |algorithm| {
            stored.value(algorithm).map(str::to_owned)
        })?;
        Ok(stored)
    }
}

async fn write_elsewhere(
    mut writer: BodyWriter,
    batch: Vec<Bytes>,
) -> Result<BodyWriter, AwsError> {
    blocking(move || {
        for piece in batch {
            writer.write(&piece)?;
        }
        Ok(writer)
    })
    .await
}

/// Runs what takes time away from the async threads.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, AwsError> + Send + 'static,
) -> Result<T, AwsError> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(AwsError::internal)?
}

fn incomplete() -> AwsError {
    AwsError::bad_request(
        "IncompleteBody",
        "You did not provide the number of bytes specified by the Content-Length HTTP header",
    )
}

/// What went wrong while a body was read: our own refusal, or a client that hung up.
pub(super) fn fault(error: StdError) -> AwsError {
    match error.downcast::<AwsError>() {
        Ok(refusal) => *refusal,
        Err(error) => AwsError::bad_request(
            "IncompleteBody",
            format!("The request body ended early: {error}"),
        ),
    }
}
