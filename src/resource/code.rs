//! The code of a function on its way to the target: with the call itself, or where it is too large for
//! that by way of a bucket that holds it for as long as the call takes.

use aws_sdk_lambda::primitives::Blob;
use aws_sdk_s3::primitives::ByteStream;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};
use tokio::sync::SemaphorePermit;

use super::context::CODE_AT_ONCE;
use super::error::failed;
use super::{CallError, Context, Place, Resolved};
use crate::package::{Artifact, MAX_DIRECT_BYTES};
use crate::stack::model::{Days, Kind, LogicalId};

/// Name in the stack of the bucket that large code goes by. No stack may use it.
pub(super) const BUCKET: &str = crate::stack::ZIPS;
/// What an interrupted `up` left in it goes by itself after this time.
pub(super) const EXPIRE_AFTER: Days = Days(1);

/// Code, ready for a call.
pub(super) enum Code<'c> {
    /// Goes along with the call.
    Direct {
        /// The zip.
        zip: Blob,
        /// Room for it in memory.
        _room: Option<SemaphorePermit<'c>>,
    },
    /// Lies in a bucket. // aws-behaviours L7
    InBucket {
        /// Physical name of the bucket.
        bucket: String,
        /// Key of the zip.
        key: String,
    },
}

/// Logical id of the bucket.
pub(super) fn bucket_id() -> LogicalId {
    LogicalId::new(Kind::Bucket, BUCKET)
}

/// Is the zip too large to go along with a call? // aws-behaviours L7
pub(super) fn needs_bucket(artifact: &Artifact) -> bool {
    artifact.zip_bytes > MAX_DIRECT_BYTES
}

/// Does anything that was packaged need the bucket?
pub(super) fn bucket_is_wanted(place: &Place) -> bool {
    let artifacts = place.artifacts.iter().flat_map(|all| all.values());
    artifacts.into_iter().any(needs_bucket)
}

/// Is this the physical name of the bucket?
pub(super) fn is_bucket(cx: &Context, physical: &str) -> bool {
    cx.place.bucket_in_stack(&cx.stack, physical) == Some(BUCKET)
}

impl Code<'_> {
    /// The zip, where it goes along.
    pub(super) fn zip(&self) -> Option<Blob> {
        match self {
            Self::Direct { zip, .. } => Some(zip.clone()),
            Self::InBucket { .. } => None,
        }
    }

    /// Bucket and key, where it lies in one.
    pub(super) fn place(&self) -> (Option<String>, Option<String>) {
        match self {
            Self::Direct { .. } => (None, None),
            Self::InBucket { bucket, key } => (Some(bucket.clone()), Some(key.clone())),
        }
    }

    /// Takes it out of the bucket again: Lambda keeps a copy of its own.
    pub(super) async fn put_away(self, cx: &Context) -> Result<(), CallError> {
        if let Self::InBucket { bucket, key } = self {
            let s3 = &cx.clients.s3;
            let call = s3.delete_object().bucket(bucket).key(key).send();
            call.await.map_err(failed("DeleteObject"))?;
        }
        Ok(())
    }
}

/// The code of the function `wanted`, exactly as it was packaged.
pub(super) async fn of<'c>(cx: &'c Context, wanted: &Resolved) -> Result<Code<'c>, CallError> {
    let artifact = cx
        .place
        .artifacts
        .as_ref()
        .and_then(|artifacts| artifacts.get(&wanted.id.name))
        .ok_or_else(|| CallError::local("package", format!("{} was not packaged", wanted.id)))?;
    if needs_bucket(artifact) {
        return in_bucket(cx, artifact).await;
    }
    let megabytes = artifact.zip_bytes.div_ceil(1_000_000) as u32;
    // Nobody closes it: there always is one.
    let room = cx
        .code
        .acquire_many(megabytes.clamp(1, CODE_AT_ONCE))
        .await
        .ok();
    let bytes = tokio::fs::read(&artifact.zip)
        .await
        .map_err(|error| unreadable(artifact, &error))?;
    check(artifact, &STANDARD.encode(Sha256::digest(&bytes)))?;
    Ok(Code::Direct {
        zip: Blob::new(bytes),
        _room: room,
    })
}

async fn in_bucket(cx: &Context, artifact: &Artifact) -> Result<Code<'static>, CallError> {
    let path = artifact.zip.clone();
    let digest = tokio::task::spawn_blocking(move || {
        let mut hasher = Hasher(Sha256::new());
        let mut file = std::fs::File::open(path)?;
        std::io::copy(&mut file, &mut hasher)?;
        std::io::Result::Ok(STANDARD.encode(hasher.0.finalize()))
    });
    let digest = match digest.await {
        Ok(digest) => digest.map_err(|error| unreadable(artifact, &error))?,
        Err(panic) => std::panic::resume_unwind(panic.into_panic()),
    };
    check(artifact, &digest)?;
    let bucket = format!("{}{BUCKET}", Place::prefix(&cx.stack));
    let bucket = cx.place.with_bucket_suffix(bucket);
    let key = format!("{}.zip", artifact.function);
    let body = ByteStream::from_path(&artifact.zip)
        .await
        .map_err(|error| CallError::local("package", error.to_string()))?;
    cx.clients
        .s3
        .put_object()
        .bucket(&bucket)
        .key(&key)
        .body(body)
        .send()
        .await
        .map_err(failed("PutObject"))?;
    Ok(Code::InBucket { bucket, key })
}

/// Only what was inspected goes out: a zip that was changed or cut since is refused.
fn check(artifact: &Artifact, digest: &str) -> Result<(), CallError> {
    if digest == artifact.sha256 {
        return Ok(());
    }
    let zip = artifact.zip.display();
    Err(CallError::local(
        "package",
        format!("{zip} is not what was packaged a moment ago: run this again"),
    ))
}

fn unreadable(artifact: &Artifact, error: &std::io::Error) -> CallError {
    let zip = artifact.zip.display();
    CallError::local("package", format!("cannot read {zip}: {error}"))
}

/// Hashes what is written to it.
struct Hasher(Sha256);

impl std::io::Write for Hasher {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
