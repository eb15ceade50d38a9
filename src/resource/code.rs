//! The code of a function on its way to the target: with the call itself, or where it is too large for
//! that by way of a bucket that holds it for as long as the call takes.

use std::time::Duration;

use aws_sdk_lambda::primitives::Blob;
use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::primitives::ByteStream;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tokio::sync::SemaphorePermit;

use super::context::CODE_AT_ONCE;
use super::error::failed;
use super::{CallError, Context, Place, Resolved};
use crate::package::{Artifact, MAX_DIRECT_BYTES};
use crate::stack::model::{Kind, LogicalId};
use crate::wait::blocking;

/// Name in the stack of the bucket that large code goes by. No stack may use it.
pub(super) const BUCKET: &str = crate::stack::ZIPS;

/// Code, ready for a call.
pub(super) enum Code<'c> {
    /// Goes along with the call.
    Direct {
        /// The zip, until it is taken.
        zip: Option<Blob>,
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
    /// Takes the zip, where it goes along: a copy of it would be as large again.
    pub(super) fn take_zip(&mut self) -> Option<Blob> {
        match self {
            Self::Direct { zip, .. } => zip.take(),
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
    check(artifact).await?;
    Ok(Code::Direct {
        zip: Some(Blob::new(bytes)),
        _room: room,
    })
}

async fn in_bucket(cx: &Context, artifact: &Artifact) -> Result<Code<'static>, CallError> {
    check(artifact).await?;
    let bucket = format!("{}{BUCKET}", Place::prefix(&cx.stack));
    let bucket = cx.place.with_bucket_suffix(bucket);
    let key = key(artifact);
    let body = ByteStream::from_path(&artifact.zip)
        .await
        .map_err(|error| CallError::local("package", error.to_string()))?;
    let timeouts = TimeoutConfig::builder().operation_attempt_timeout(time_for(artifact.zip_bytes));
    cx.clients
        .s3
        .put_object()
        .bucket(&bucket)
        .key(&key)
        .body(body)
        .customize()
        .config_override(aws_sdk_s3::config::Config::builder().timeout_config(timeouts.build()))
        .send()
        .await
        .map_err(failed("PutObject"))?;
    Ok(Code::InBucket { bucket, key })
}

/// Of this content and this process: two that send code at once do not meet.
fn key(artifact: &Artifact) -> String {
    let digest = STANDARD.decode(&artifact.sha256).unwrap_or_default();
    let (function, process) = (&artifact.function, std::process::id());
    format!("{function}-{}-{process}.zip", hex::encode(digest))
}

/// Is that the key of some code?
pub(super) fn is_key(key: &str) -> bool {
    let parts: Vec<&str> = key.rsplitn(3, '-').collect();
    let [process, digest, function] = parts[..] else {
        return false;
    };
    let process = process.strip_suffix(".zip").unwrap_or_default();
    !function.is_empty()
        && digest.len() == 64
        && digest.bytes().all(|byte| byte.is_ascii_hexdigit())
        && !process.is_empty()
        && process.bytes().all(|byte| byte.is_ascii_digit())
}

/// How long an upload may take: a minute, and more as the code is large, for a line of 1 Mbit/s.
fn time_for(bytes: u64) -> Duration {
    Duration::from_secs(60 + bytes / 125_000)
}

/// Only what was inspected goes out: a zip that was changed or cut since is refused. One of ours is
/// removed, so that the next run makes it anew.
async fn check(artifact: &Artifact) -> Result<(), CallError> {
    let looked_at = artifact.clone();
    let whole = blocking(move || looked_at.is_whole()).await;
    if whole.map_err(|error| unreadable(artifact, &error))? {
        return Ok(());
    }
    if !artifact.given {
        // If that fails, so will the next run, with the same words.
        let _ = std::fs::remove_file(&artifact.zip);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_code_are_told_from_all_others() {
        let digest = "ab".repeat(32);
        assert!(is_key(&format!("my-worker-{digest}-123.zip")));
        for other in [
            format!("my-worker-{digest}.zip"),
            format!("{digest}-123.zip"),
            format!("-{digest}-123.zip"),
            format!("my-worker-{digest}-123.tar"),
            format!("my-worker-{}-123.zip", "xy".repeat(32)),
            "photos/holiday.zip".to_owned(),
        ] {
            assert!(!is_key(&other), "{other}");
        }
    }

    #[test]
    fn large_code_may_take_longer() {
        assert_eq!(time_for(0), Duration::from_secs(60));
        assert_eq!(time_for(250_000_000), Duration::from_secs(2_060));
    }
}
