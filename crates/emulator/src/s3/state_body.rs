//! Object bodies: one immutable file each, named by a random id, so that a key never becomes a path.
//!
//! A body is written to a temporary file beside its final place, hashed on the way, renamed, and
//! only then named by a row of the database. Whatever no row names is swept when the store opens.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use s3s::crypto::{Checksum as _, Crc32, Crc32c, Crc64Nvme, Md5, Sha1, Sha256};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Marks a body that is still being written.
const TEMPORARY: &str = "tmp-";

/// A checksum algorithm of S3.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Algorithm {
    Crc32,
    Crc32c,
    Crc64Nvme,
    Sha1,
    Sha256,
}

impl Algorithm {
    /// Every algorithm, in the order in which headers are looked at.
    pub(super) const ALL: [Self; 5] = [
        Self::Crc32,
        Self::Crc32c,
        Self::Crc64Nvme,
        Self::Sha1,
        Self::Sha256,
    ];

    /// The name on the wire, e.g. `CRC32`.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Crc32 => "CRC32",
            Self::Crc32c => "CRC32C",
            Self::Crc64Nvme => "CRC64NVME",
            Self::Sha1 => "SHA1",
            Self::Sha256 => "SHA256",
        }
    }

    /// The header (or trailer) that carries the value.
    pub(super) fn header(self) -> &'static str {
        match self {
            Self::Crc32 => "x-amz-checksum-crc32",
            Self::Crc32c => "x-amz-checksum-crc32c",
            Self::Crc64Nvme => "x-amz-checksum-crc64nvme",
            Self::Sha1 => "x-amz-checksum-sha1",
            Self::Sha256 => "x-amz-checksum-sha256",
        }
    }

    /// Reads a name as the SDKs send it.
    pub(super) fn parse(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|algorithm| algorithm.name().eq_ignore_ascii_case(name))
    }
}

/// A running checksum.
pub(super) enum Digest {
    Crc32(Crc32),
    Crc32c(Crc32c),
    Crc64Nvme(Crc64Nvme),
    Sha1(Sha1),
    Sha256(Sha256),
}

impl Digest {
    /// Starts one.
    pub(super) fn new(algorithm: Algorithm) -> Self {
        match algorithm {
            Algorithm::Crc32 => Self::Crc32(Crc32::new()),
            Algorithm::Crc32c => Self::Crc32c(Crc32c::new()),
            Algorithm::Crc64Nvme => Self::Crc64Nvme(Crc64Nvme::new()),
            Algorithm::Sha1 => Self::Sha1(Sha1::new()),
            Algorithm::Sha256 => Self::Sha256(Sha256::new()),
        }
    }

    /// Takes in more bytes.
    pub(super) fn update(&mut self, data: &[u8]) {
        match self {
            Self::Crc32(digest) => digest.update(data),
            Self::Crc32c(digest) => digest.update(data),
            Self::Crc64Nvme(digest) => digest.update(data),
            Self::Sha1(digest) => digest.update(data),
            Self::Sha256(digest) => digest.update(data),
        }
    }

    /// The value in base64, as S3 writes it.
    pub(super) fn finish(self) -> String {
        match self {
            Self::Crc32(digest) => STANDARD.encode(digest.finalize()),
            Self::Crc32c(digest) => STANDARD.encode(digest.finalize()),
            Self::Crc64Nvme(digest) => STANDARD.encode(digest.finalize()),
            Self::Sha1(digest) => STANDARD.encode(digest.finalize()),
            Self::Sha256(digest) => STANDARD.encode(digest.finalize()),
        }
    }
}

/// A checksum that is kept with an object or a part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct StoredChecksum {
    /// How it was computed.
    pub algorithm: Algorithm,
    /// Base64; a composite one ends with `-` and the number of parts.
    pub value: String,
    /// Made of the checksums of the parts instead of the bytes.
    pub composite: bool,
}

/// MD5 of bytes.
pub(super) fn md5(data: &[u8]) -> [u8; 16] {
    let mut digest = Md5::new();
    digest.update(data);
    md5_value(digest)
}

fn md5_value(digest: Md5) -> [u8; 16] {
    let mut value = [0; 16];
    value.copy_from_slice(digest.finalize().as_ref());
    value
}

/// The folder of body files.
#[derive(Debug, Clone)]
pub(super) struct Bodies {
    folder: PathBuf,
}

impl Bodies {
    /// Opens the folder, making it when it is absent.
    pub(super) fn open(folder: PathBuf) -> io::Result<Self> {
        fs::create_dir_all(&folder)?;
        Ok(Self { folder })
    }

    /// Starts a body that is hashed on the way: with `algorithm`, whose value is kept, and with
    /// `also`, whose value is only compared.
    pub(super) fn create(
        &self,
        algorithm: Algorithm,
        also: Option<Algorithm>,
    ) -> io::Result<BodyWriter> {
        let name = Uuid::new_v4().simple().to_string();
        let path = self.folder.join(format!("{TEMPORARY}{name}"));
        let file = File::create_new(&path)?;
        Ok(BodyWriter {
            file,
            leftover: Leftover::new(path),
            target: self.folder.join(&name),
            name,
            size: 0,
            md5: Md5::new(),
            algorithm,
            digest: Digest::new(algorithm),
            also: also.map(|algorithm| (algorithm, Digest::new(algorithm))),
        })
    }

    /// Opens a body for reading.
    pub(super) fn read(&self, name: &str) -> io::Result<File> {
        File::open(self.folder.join(name))
    }

    /// Removes bodies that no row names any more. What cannot be removed now is swept at the next
    /// start.
    pub(super) fn remove<'a>(&self, names: impl IntoIterator<Item = &'a String>) {
        for name in names {
            remove_file(&self.folder.join(name));
        }
    }

    /// Removes every file that `named` does not hold; returns how many there were.
    pub(super) fn sweep(&self, named: &HashSet<String>) -> io::Result<usize> {
        let mut swept = 0;
        for entry in fs::read_dir(&self.folder)? {
            let entry = entry?;
            let keep = entry
                .file_name()
                .to_str()
                .is_some_and(|name| named.contains(name));
            if !keep && entry.file_type()?.is_file() {
                fs::remove_file(entry.path())?;
                swept += 1;
            }
        }
        Ok(swept)
    }
}

/// A body being written.
pub(super) struct BodyWriter {
    file: File,
    leftover: Leftover,
    target: PathBuf,
    name: String,
    size: u64,
    md5: Md5,
    algorithm: Algorithm,
    digest: Digest,
    also: Option<(Algorithm, Digest)>,
}

impl BodyWriter {
    /// Appends bytes.
    pub(super) fn write(&mut self, data: &[u8]) -> io::Result<()> {
        self.file.write_all(data)?;
        self.md5.update(data);
        self.digest.update(data);
        if let Some((_, digest)) = &mut self.also {
            digest.update(data);
        }
        self.size += data.len() as u64;
        Ok(())
    }

    /// Appends everything a reader has.
    pub(super) fn copy(&mut self, mut from: impl Read) -> io::Result<()> {
        let mut buffer = vec![0; 256 * 1024];
        loop {
            match from.read(&mut buffer) {
                Ok(0) => return Ok(()),
                Ok(read) => self.write(&buffer[..read])?,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Gives the file its final name. It is removed again unless [`StoredBody::keep`] is called.
    pub(super) fn finish(mut self) -> io::Result<StoredBody> {
        fs::rename(&self.leftover.path, &self.target)?;
        self.leftover.path = self.target;
        Ok(StoredBody {
            name: self.name,
            size: self.size,
            md5: md5_value(self.md5),
            checksum: StoredChecksum {
                algorithm: self.algorithm,
                value: self.digest.finish(),
                composite: false,
            },
            also: self
                .also
                .map(|(algorithm, digest)| (algorithm, digest.finish())),
            leftover: self.leftover,
        })
    }
}

/// A complete body that no row names yet.
pub(super) struct StoredBody {
    /// Name of the file.
    pub name: String,
    /// Bytes.
    pub size: u64,
    /// MD5 of the bytes.
    pub md5: [u8; 16],
    /// Checksum of the bytes.
    pub checksum: StoredChecksum,
    /// A second checksum that was asked for, base64.
    pub also: Option<(Algorithm, String)>,
    leftover: Leftover,
}

impl StoredBody {
    /// The checksum of the bytes by one algorithm, if it was computed.
    pub(super) fn value(&self, algorithm: Algorithm) -> Option<&str> {
        if self.checksum.algorithm == algorithm {
            return Some(&self.checksum.value);
        }
        let also = self.also.as_ref()?;
        (also.0 == algorithm).then_some(also.1.as_str())
    }
}

impl StoredBody {
    /// The row that names the body is committed.
    pub(super) fn keep(mut self) {
        self.leftover.armed = false;
    }
}

/// Removes a file that came to nothing: a client that hung up, a refused write.
struct Leftover {
    path: PathBuf,
    armed: bool,
}

impl Leftover {
    fn new(path: PathBuf) -> Self {
        Self { path, armed: true }
    }
}

impl Drop for Leftover {
    fn drop(&mut self) {
        if self.armed {
            remove_file(&self.path);
        }
    }
}

fn remove_file(path: &Path) {
    match fs::remove_file(path) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => tracing::warn!(
            path = %path.display(), %error,
            "cannot remove an object body; it is swept at the next start"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_hashed_renamed_and_removed_unless_kept() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let bodies = Bodies::open(dir.path().join("objects")).expect("opened");
        let mut writer = bodies.create(Algorithm::Crc32, None).expect("created");
        writer.write(b"12345").expect("written");
        writer.copy(&b"6789"[..]).expect("copied");
        let body = writer.finish().expect("finished");
        assert_eq!(body.size, 9);
        assert_eq!(hex::encode(body.md5), "25f9e794323b453885f5181f1b624d0b");
        // 0xCBF43926, the check value of CRC-32.
        assert_eq!(body.checksum.value, "y/Q5Jg==");
        let name = body.name.clone();
        drop(body);
        assert!(bodies.read(&name).is_err(), "a body nobody kept is gone");

        let mut writer = bodies.create(Algorithm::Sha256, None).expect("created");
        writer.write(b"abc").expect("written");
        let body = writer.finish().expect("finished");
        let name = body.name.clone();
        body.keep();
        assert!(bodies.read(&name).is_ok());
        drop(
            bodies
                .create(Algorithm::Sha1, Some(Algorithm::Crc32c))
                .expect("created"),
        );
        assert_eq!(bodies.sweep(&HashSet::from([name.clone()])).expect("ok"), 0);
        assert_eq!(bodies.sweep(&HashSet::new()).expect("swept"), 1);
    }
}
