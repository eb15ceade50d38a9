//! Reproducible zips: the same bytes in give the same bytes out, on any day and in any directory, so
//! that AWS's `CodeSha256` tells whether the code changed.

use std::io::{Cursor, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, System, ZipWriter};

/// Name of the program in an artifact, as `provided.*` runtimes want it.
pub const BOOTSTRAP: &str = "bootstrap";

/// Largest zip that goes along with a call, bytes: 45 MB. AWS takes 50 MB that way, but its limit is on
/// the request, in which the zip is base64. // aws-behaviours L7
pub const MAX_DIRECT_BYTES: u64 = 45_000_000;

/// Largest artifact unpacked, bytes. // aws-behaviours L7
pub const MAX_UNZIPPED_BYTES: u64 = 262_144_000;

/// Raised whenever the same program would give another artifact: those at hand are then made anew.
pub const RECIPE: u32 = 2;

/// How hard is tried to make a zip small. Fixed, as another level would be another hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effort {
    /// For a zip that goes to this machine only: most of the gain in a fraction of the time.
    Quick,
    /// For one that travels and is unpacked at each cold start.
    Thorough,
}

impl Effort {
    /// Of deflate.
    fn level(self) -> i64 {
        match self {
            Self::Quick => 6,
            Self::Thorough => 9,
        }
    }
}

/// Permissions of every entry: Lambda refuses a `bootstrap` that others may not run.
const MODE: u32 = 0o755;
/// Hex digits of the hash in a file name.
const PREFIX: usize = 12;
/// How the names of files begin that are being written.
const UNFINISHED: &str = ".unfinished-";
/// Nobody writes a file for as long as this.
const UNFINISHED_AGE: Duration = Duration::from_secs(3_600);

/// A zip in memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Zip {
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// SHA-256 of the bytes.
    pub digest: [u8; 32],
}

impl Zip {
    /// Compresses `entries` (name, content): sorted by name, dated 1980-01-01, mode 0755.
    pub fn new(entries: &[(&str, &[u8])], effort: Effort) -> std::io::Result<Self> {
        let mut entries = entries.to_vec();
        entries.sort_unstable_by_key(|(name, _)| *name);
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Deflated)
            .compression_level(Some(effort.level()))
            .last_modified_time(DateTime::DEFAULT)
            .system(System::Unix)
            .unix_permissions(MODE);
        let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
        for (name, content) in entries {
            writer.start_file(name, options)?;
            writer.write_all(content)?;
        }
        let bytes = writer.finish()?.into_inner();
        let digest = Sha256::digest(&bytes).into();
        Ok(Self { bytes, digest })
    }

    /// AWS's `CodeSha256`: the SHA-256 in base64.
    pub fn code_sha256(&self) -> String {
        STANDARD.encode(self.digest)
    }

    /// File name of this artifact of `name`.
    pub fn file_name(&self, name: &str) -> String {
        let mut prefix = hex::encode(self.digest);
        prefix.truncate(PREFIX);
        format!("{name}-{prefix}.zip")
    }

    /// Puts the zip under `directory` in one step and removes older artifacts of the same `name`, but for
    /// the one `before` this: another process may be sending that. An interrupted write leaves no half a
    /// zip under the final name.
    pub fn store(
        &self,
        directory: &Path,
        name: &str,
        before: Option<&Path>,
    ) -> Result<PathBuf, (PathBuf, std::io::Error)> {
        let file_name = self.file_name(name);
        let path = directory.join(&file_name);
        replace(&path, &self.bytes).map_err(|error| (path.clone(), error))?;
        let found = std::fs::read_dir(directory).map_err(|error| (directory.to_owned(), error))?;
        for entry in found {
            let entry = entry.map_err(|error| (directory.to_owned(), error))?;
            let other = entry.file_name();
            if other
                .to_str()
                .is_some_and(|other| other != file_name && is_artifact(other, name))
                && before != Some(Path::new(&other))
            {
                match std::fs::remove_file(entry.path()) {
                    Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                        return Err((entry.path(), error));
                    }
                    // Gone already: a second process cleans up as well.
                    _ => {}
                }
            }
        }
        Ok(path)
    }
}

/// SHA-256 of a file in base64, read in pieces: AWS's `CodeSha256` of a zip.
pub fn sha256_of(path: &Path) -> std::io::Result<String> {
    let mut hasher = Hashing(Sha256::new());
    std::io::copy(&mut std::fs::File::open(path)?, &mut hasher)?;
    Ok(STANDARD.encode(hasher.0.finalize()))
}

/// Hashes what is written to it.
struct Hashing(Sha256);

impl Write for Hashing {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Is `file` an artifact of exactly this `name`? `a-b-0123….zip` is not one of `a`.
fn is_artifact(file: &str, name: &str) -> bool {
    file.strip_prefix(name)
        .and_then(|rest| rest.strip_prefix('-'))
        .and_then(|rest| rest.strip_suffix(".zip"))
        .is_some_and(|prefix| {
            prefix.len() == PREFIX && prefix.bytes().all(|byte| byte.is_ascii_hexdigit())
        })
}

/// Writes a copy of a zip that has one file more.
pub fn with_file(zip: &Path, copy: &Path, name: &str, bytes: &[u8]) -> std::io::Result<()> {
    std::fs::copy(zip, copy)?;
    let file = std::fs::File::options().read(true).write(true).open(copy)?;
    let mut writer = ZipWriter::new_append(file)?;
    writer.start_file(name, SimpleFileOptions::default().unix_permissions(MODE))?;
    writer.write_all(bytes)?;
    writer.finish()?;
    Ok(())
}

/// Writes a zip of a function whose program has another one before it: that one is its `bootstrap`, and the
/// function's own is `renamed`. `extra` goes beside them.
pub fn behind(
    zip: &Path,
    renamed: &str,
    before: &Path,
    extra: (&str, &[u8]),
    to: &Path,
) -> std::io::Result<()> {
    let mut writer = ZipWriter::new(std::fs::File::create(to)?);
    let mut function = zip::ZipArchive::new(std::fs::File::open(zip)?)?;
    for index in 0..function.len() {
        let entry = function.by_index_raw(index)?;
        if entry.name().is_ok_and(|name| name == BOOTSTRAP) {
            writer.raw_copy_file_rename(entry, renamed)?;
        } else {
            writer.raw_copy_file(entry)?;
        }
    }
    let mut first = zip::ZipArchive::new(std::fs::File::open(before)?)?;
    let program = first.index_for_name(BOOTSTRAP);
    let program = program.ok_or_else(|| std::io::Error::other("no bootstrap in the zip"))?;
    writer.raw_copy_file(first.by_index_raw(program)?)?;
    writer.start_file(extra.0, SimpleFileOptions::default().unix_permissions(MODE))?;
    writer.write_all(extra.1)?;
    writer.finish()?;
    Ok(())
}

/// Writes a file so that readers see the old content or the new one, never a part.
pub fn replace(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let directory = path.parent().unwrap_or(Path::new("."));
    let mut builder = tempfile::Builder::new();
    builder.prefix(UNFINISHED);
    // As any file that somebody writes: readable by whom the umask lets.
    #[cfg(unix)]
    let permissions = std::os::unix::fs::PermissionsExt::from_mode(0o666);
    #[cfg(unix)]
    builder.permissions(permissions);
    let mut temporary = builder.tempfile_in(directory)?;
    temporary.write_all(bytes)?;
    // Some file systems may keep a name before its content.
    temporary.as_file().sync_data()?;
    temporary.persist(path)?;
    Ok(())
}

/// Removes what processes left that were killed while they wrote here.
pub fn sweep(directory: &Path) {
    let Ok(entries) = std::fs::read_dir(directory) else {
        return;
    };
    for entry in entries.flatten() {
        let unfinished = entry.file_name().to_string_lossy().starts_with(UNFINISHED);
        let old = entry
            .metadata()
            .and_then(|metadata| metadata.modified())
            .is_ok_and(|modified| modified.elapsed().is_ok_and(|age| age > UNFINISHED_AGE));
        if unfinished && old {
            // Another process may be faster; and what cannot be removed harms nobody.
            let _ = std::fs::remove_file(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    fn names(directory: &Path) -> Vec<String> {
        let mut names: Vec<String> = std::fs::read_dir(directory)
            .expect("the directory")
            .map(|entry| {
                entry
                    .expect("an entry")
                    .file_name()
                    .to_string_lossy()
                    .into_owned()
            })
            .collect();
        names.sort();
        names
    }

    /// aws-behaviours L10
    #[test]
    fn the_same_binary_gives_the_same_bytes_in_two_directories() {
        let content = b"\x7fELF and the rest".repeat(1000);
        let stored: Vec<Vec<u8>> = (0..2)
            .map(|_| {
                let directory = tempfile::tempdir().expect("a temporary directory");
                let zip = Zip::new(&[(BOOTSTRAP, &content)], Effort::Thorough).expect("zipped");
                let path = zip
                    .store(directory.path(), "trigger", None)
                    .expect("stored");
                std::fs::read(path).expect("read back")
            })
            .collect();
        assert_eq!(stored[0], stored[1]);
        assert!(stored[0].len() < content.len() / 10, "it is compressed");
    }

    /// aws-behaviours L10
    #[test]
    fn entries_are_sorted_executable_and_dated_1980() {
        let zip =
            Zip::new(&[("z.json", b"{}"), (BOOTSTRAP, b"program")], Effort::Quick).expect("zipped");
        assert_eq!(
            zip,
            Zip::new(&[(BOOTSTRAP, b"program"), ("z.json", b"{}")], Effort::Quick).expect("zipped")
        );
        let mut archive = zip::ZipArchive::new(Cursor::new(&zip.bytes)).expect("a zip");
        let mut seen = Vec::new();
        for index in 0..archive.len() {
            let mut file = archive.by_index(index).expect("an entry");
            let mut content = String::new();
            file.read_to_string(&mut content).expect("its content");
            let date = file
                .last_modified()
                .map(|date| (date.year(), date.month(), date.day(), date.hour()));
            seen.push((
                file.name().expect("a name").into_owned(),
                file.unix_mode(),
                date,
                content,
            ));
        }
        let entry = |name: &str, content: &str| {
            (
                name.to_owned(),
                Some(0o100_755),
                Some((1980, 1, 1, 0)),
                content.to_owned(),
            )
        };
        assert_eq!(seen, [entry(BOOTSTRAP, "program"), entry("z.json", "{}")]);
    }

    /// aws-behaviours L10
    #[test]
    fn the_hash_is_that_of_the_file_in_base64() {
        let zip = Zip::new(&[(BOOTSTRAP, b"program")], Effort::Quick).expect("zipped");
        assert_eq!(
            STANDARD.decode(zip.code_sha256()).expect("base64"),
            Sha256::digest(&zip.bytes).to_vec()
        );
        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = zip.store(directory.path(), "a", None).expect("stored");
        assert_eq!(sha256_of(&path).expect("read"), zip.code_sha256());
    }

    #[test]
    fn older_artifacts_of_this_function_go_and_others_stay() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let others = ["a-b-0123456789ab.zip", "a-notes.zip", "a.json"];
        for name in others.iter().chain(&["a-0123456789ab.zip"]) {
            std::fs::write(directory.path().join(name), "x").expect("written");
        }
        let zip = Zip::new(&[(BOOTSTRAP, b"one")], Effort::Quick).expect("zipped");
        let before = "a-aaaaaaaaaaaa.zip";
        std::fs::write(directory.path().join(before), "x").expect("written");
        zip.store(directory.path(), "a", Some(Path::new(before)))
            .expect("stored");
        let mut expected: Vec<String> = others.iter().map(|&name| name.to_owned()).collect();
        expected.extend([zip.file_name("a"), before.to_owned()]);
        expected.sort();
        assert_eq!(names(directory.path()), expected);
    }

    #[test]
    fn what_a_killed_process_left_goes_once_it_is_old() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let file = |name: &str, age: u64| {
            let path = directory.path().join(name);
            let modified = std::time::SystemTime::now() - Duration::from_secs(age);
            std::fs::File::create(&path)
                .and_then(|file| file.set_modified(modified))
                .expect("a file");
        };
        file(".unfinished-old", 7_200);
        file(".unfinished-new", 60);
        file("a-0123456789ab.zip", 7_200);
        sweep(directory.path());
        assert_eq!(
            names(directory.path()),
            [".unfinished-new", "a-0123456789ab.zip"]
        );
    }

    #[test]
    fn a_directory_that_cannot_be_written_is_an_error_with_its_path() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let missing = directory.path().join("missing");
        let zip = Zip::new(&[(BOOTSTRAP, b"one")], Effort::Quick).expect("zipped");
        let (path, error) = zip
            .store(&missing, "a", None)
            .expect_err("there is no directory");
        assert_eq!(path, missing.join(zip.file_name("a")));
        assert_eq!(error.kind(), std::io::ErrorKind::NotFound);
    }
}
