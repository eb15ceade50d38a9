//! Taking in a body: streamed to its file while it is hashed, then compared with everything the
//! client said about it. Shared by PutObject and UploadPart.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures::StreamExt;
use http::header::CONTENT_LENGTH;
use http::{Extensions, HeaderMap};
use s3s::StdError;
use s3s::dto::StreamingBlob;
use s3s::stream::ByteStream;

use super::state_body::{Algorithm, Bodies, BodyWriter, StoredBody};
use super::wire::missing_length;
use super::wire_chunked::Trailers;
use crate::error::AwsError;

/// Bytes collected before they are hashed and written away from the async threads.
const BATCH: usize = 1024 * 1024;
/// Up to here, hashing and writing costs less than a change of thread.
pub(super) const INLINE: usize = 128 * 1024;
/// The largest body of one request.
const LARGEST: u64 = 5 * 1024 * 1024 * 1024;

/// A body on its way in, with what the client says about it.
pub(super) struct Arrival {
    body: Option<StreamingBlob>,
    length: Option<u64>,
    /// `Content-MD5`, base64.
    md5: Option<String>,
    /// The checksum algorithm that was named, with a value or without.
    algorithm: Option<Algorithm>,
    /// The value from the headers, base64.
    value: Option<String>,
    trailers: Trailers,
}

impl Arrival {
    /// Reads what the headers say. Refuses what cannot be right before a byte is read.
    pub(super) fn new(
        headers: &HeaderMap,
        extensions: &Extensions,
        body: Option<StreamingBlob>,
    ) -> Result<Self, AwsError> {
        let text = |name: &str| {
            let value = headers.get(name)?.to_str().ok()?;
            Some(value.trim().to_owned())
        };
        let length = text(CONTENT_LENGTH.as_str()).and_then(|value| value.parse().ok());
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
        let mut given = Algorithm::ALL
            .into_iter()
            .filter_map(|algorithm| Some((algorithm, text(algorithm.header())?)));
        let value = given.next();
        if given.next().is_some() {
            return Err(AwsError::bad_request(
                "InvalidRequest",
                "Expecting a single x-amz-checksum- header. Multiple checksum Types are not \
                 allowed.",
            ));
        }
        let announced = text("x-amz-trailer").unwrap_or_default();
        let trailing = announced.split(',').find_map(|name| {
            Algorithm::ALL
                .into_iter()
                .find(|algorithm| algorithm.header().eq_ignore_ascii_case(name.trim()))
        });
        let named = text("x-amz-sdk-checksum-algorithm")
            .or_else(|| text("x-amz-checksum-algorithm"))
            .and_then(|name| Algorithm::parse(&name));
        Ok(Self {
            body,
            length,
            md5: text("content-md5"),
            algorithm: value
                .as_ref()
                .map(|(algorithm, _)| *algorithm)
                .or(trailing)
                .or(named),
            value: value.map(|(_, value)| value),
            trailers: extensions.get::<Trailers>().cloned().unwrap_or_default(),
        })
    }

    /// Stores the body. Its checksum is by `kept`, else by what the client named, else CRC-64/NVME,
    /// which is what S3 computes unasked.
    pub(super) async fn store(
        mut self,
        bodies: &Bodies,
        kept: Option<Algorithm>,
    ) -> Result<StoredBody, AwsError> {
        let algorithm = kept.or(self.algorithm).unwrap_or(Algorithm::Crc64Nvme);
        let also = self.algorithm.filter(|also| *also != algorithm);
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
        if batched > INLINE {
            writer = write_elsewhere(writer, batch).await?;
        } else {
            for piece in batch {
                writer.write(&piece)?;
            }
        }
        let stored = writer.finish()?;
        self.compare(&stored)?;
        Ok(stored)
    }

    fn compare(&self, stored: &StoredBody) -> Result<(), AwsError> {
        if let Some(md5) = &self.md5 {
            let wanted = STANDARD
                .decode(md5)
                .ok()
                .filter(|digest| digest.len() == 16)
                .ok_or_else(|| {
                    AwsError::bad_request(
                        "InvalidDigest",
                        "The Content-MD5 you specified was invalid.",
                    )
                })?;
            if wanted != stored.md5 {
                return Err(AwsError::bad_request(
                    "BadDigest",
                    "The Content-MD5 you specified did not match what we received.",
                ));
            }
        }
        let Some(algorithm) = self.algorithm else {
            return Ok(());
        };
        let wanted = self
            .value
            .clone()
            .or_else(|| self.trailers.get(algorithm.header()));
        if wanted.is_some() && wanted.as_deref() != stored.value(algorithm) {
            return Err(AwsError::bad_request(
                "BadDigest",
                format!(
                    "The {} you specified did not match the calculated checksum.",
                    algorithm.name()
                ),
            ));
        }
        Ok(())
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
fn fault(error: StdError) -> AwsError {
    match error.downcast::<AwsError>() {
        Ok(refusal) => *refusal,
        Err(error) => AwsError::bad_request(
            "IncompleteBody",
            format!("The request body ended early: {error}"),
        ),
    }
}
