//! Object bodies: one immutable file each, named by a random id, so that a key never becomes a path.
//!
//! A body is written to a temporary file beside its final place, hashed on the way, flushed to the
//! disk where that is promised, renamed, and only then named by a row of the database. Whatever no
//! row names is swept when the store opens.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use s3s::crypto::{Checksum as _, Md5};
use uuid::Uuid;

use super::state_checksum::{Algorithm, Digest, StoredChecksum, md5_value};
use super::state_errors::disk;
use super::state_steps::{Step, Steps};
use crate::config::Durability;
use crate::error::AwsError;

/// Marks a body that is still being written.
const TEMPORARY: &str = "tmp-";

/// The folder of body files.
#[derive(Debug, Clone)]
pub(super) struct Bodies {
    folder: PathBuf,
    durability: Durability,
    /// What a body goes through, for tests to look on.
    pub(super) steps: Steps,
}

/// What was found when the folder was swept.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Swept {
    /// Files that no row named; they are gone.
    pub removed: usize,
    /// Bodies that rows name and that are not there: a damaged store.
    pub missing: usize,
}

impl Bodies {
    /// Opens the folder, making it when it is absent.
    pub(super) fn open(folder: PathBuf, durability: Durability) -> io::Result<Self> {
        fs::create_dir_all(&folder)?;
        if durability == Durability::Power {
            // A folder is only there after a power cut when the one that holds it was flushed, too.
            for folder in folder.ancestors().take(3) {
                flush_folder(folder)?;
            }
        }
        Ok(Self {
            folder,
            durability,
            steps: Steps::new(),
        })
    }

    /// Whether finishing a body waits for the disk.
    pub(super) fn flushes(&self) -> bool {
        self.durability == Durability::Power
    }

    /// Starts a body that is hashed on the way: with `algorithm`, whose value is kept, and with
    /// `also`, whose value is only compared.
    pub(super) fn create(
        &self,
        algorithm: Algorithm,
        also: Option<Algorithm>,
    ) -> Result<BodyWriter, AwsError> {
        let name = Uuid::new_v4().simple().to_string();
        let path = self.folder.join(format!("{TEMPORARY}{name}"));
        let file = self
            .steps
            .reach(Step::Create)
            .and_then(|()| File::create_new(&path))
            .map_err(disk)?;
        Ok(BodyWriter {
            bodies: self.clone(),
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

    /// Opens a body for reading; none when there is no such file.
    pub(super) fn read(&self, name: &str) -> Result<Option<File>, AwsError> {
        let opened = self
            .steps
            .reach(Step::Read)
            .and_then(|()| File::open(self.folder.join(name)));
        match opened {
            Ok(file) => Ok(Some(file)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(disk(error)),
        }
    }

    /// Removes bodies that no row names any more. What cannot be removed now is swept at the next
    /// start.
    pub(super) fn remove<'a>(&self, names: impl IntoIterator<Item = &'a String>) {
        for name in names {
            remove_file(&self.folder.join(name));
        }
    }

    /// Removes every file that `named` does not hold.
    pub(super) fn sweep(&self, named: &HashSet<String>) -> io::Result<Swept> {
        let mut swept = Swept {
            removed: 0,
            missing: named.len(),
        };
        for entry in fs::read_dir(&self.folder)? {
            let entry = entry?;
            let keep = entry
                .file_name()
                .to_str()
                .is_some_and(|name| named.contains(name));
            if keep {
                swept.missing -= 1;
            } else if entry.file_type()?.is_file() {
                fs::remove_file(entry.path())?;
                swept.removed += 1;
            }
        }
        Ok(swept)
    }
}

/// A body being written.
pub(super) struct BodyWriter {
    bodies: Bodies,
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
    pub(super) fn write(&mut self, data: &[u8]) -> Result<(), AwsError> {
        self.bodies
            .steps
            .reach(Step::Write)
            .and_then(|()| self.file.write_all(data))
            .map_err(disk)?;
        self.md5.update(data);
        self.digest.update(data);
        if let Some((_, digest)) = &mut self.also {
            digest.update(data);
        }
        self.size += data.len() as u64;
        Ok(())
    }

    /// Appends everything a reader has.
    pub(super) fn copy(&mut self, mut from: impl Read) -> Result<(), AwsError> {
        let mut buffer = vec![0; 256 * 1024];
        loop {
            match from.read(&mut buffer) {
                Ok(0) => return Ok(()),
                Ok(read) => self.write(&buffer[..read])?,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(disk(error)),
            }
        }
    }

    /// Flushes the file where that is promised, and gives it its final name. It is removed again
    /// unless [`StoredBody::keep`] is called.
    pub(super) fn finish(mut self) -> Result<StoredBody, AwsError> {
        self.settle().map_err(disk)?;
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

    fn settle(&mut self) -> io::Result<()> {
        let steps = &self.bodies.steps;
        if self.bodies.flushes() {
            steps.reach(Step::Flush)?;
            self.file.sync_all()?;
        }
        steps.reach(Step::Rename)?;
        fs::rename(&self.leftover.path, &self.target)?;
        self.leftover.path.clone_from(&self.target);
        if self.bodies.flushes() {
            steps.reach(Step::FlushFolder)?;
            flush_folder(&self.bodies.folder)?;
        }
        Ok(())
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

fn flush_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
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

    fn bodies(dir: &tempfile::TempDir, durability: Durability) -> Bodies {
        Bodies::open(dir.path().join("s3/objects"), durability).expect("opened")
    }

    #[test]
    fn a_body_is_hashed_renamed_and_removed_unless_kept() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let bodies = bodies(&dir, Durability::Process);
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
        let gone = bodies.read(&name).expect("no fault");
        assert!(gone.is_none(), "a body nobody kept is gone");

        let mut writer = bodies.create(Algorithm::Sha256, None).expect("created");
        writer.write(b"abc").expect("written");
        let body = writer.finish().expect("finished");
        let name = body.name.clone();
        body.keep();
        assert!(bodies.read(&name).expect("no fault").is_some());
        drop(
            bodies
                .create(Algorithm::Sha1, Some(Algorithm::Crc32c))
                .expect("created"),
        );
        let kept = bodies.sweep(&HashSet::from([name.clone()])).expect("ok");
        assert_eq!(kept, Swept::default());
        let swept = bodies.sweep(&HashSet::from(["x".to_owned()])).expect("ok");
        let expected = Swept {
            removed: 1,
            missing: 1,
        };
        assert_eq!(swept, expected);
    }

    #[test]
    fn only_where_a_power_cut_must_not_hurt_is_it_flushed() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        for (durability, expected) in [
            (
                Durability::Process,
                &[Step::Create, Step::Write, Step::Rename][..],
            ),
            (
                Durability::Power,
                &[
                    Step::Create,
                    Step::Write,
                    Step::Flush,
                    Step::Rename,
                    Step::FlushFolder,
                ],
            ),
        ] {
            let bodies = bodies(&dir, durability);
            let seen = bodies.steps.record();
            let mut writer = bodies.create(Algorithm::Crc32, None).expect("created");
            writer.write(b"abc").expect("written");
            writer.finish().expect("finished").keep();
            assert_eq!(*seen.lock().expect("no panic"), expected);
        }
    }
}
