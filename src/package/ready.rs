//! Zips that somebody else made: what is in them, checked as AWS would, before any call.

use std::fs::File;
use std::io::{self, BufReader, Read as _};
use std::path::Path;

use zip::ZipArchive;
use zip::result::ZipError;

use super::archive::{BOOTSTRAP, MAX_UNZIPPED_BYTES, sha256_of};
use super::inspect::Content;

/// What a zip is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ready {
    /// Its `bootstrap`.
    pub content: Content,
    /// SHA-256 of the zip in base64: AWS's `CodeSha256`.
    pub sha256: String,
    /// Size of the zip, bytes.
    pub zip_bytes: u64,
    /// Size of everything in it, bytes.
    pub unzipped_bytes: u64,
    /// Size of its `bootstrap`, bytes.
    pub program_bytes: u64,
}

/// Why a zip is no artifact.
#[derive(Debug)]
pub enum Unready {
    /// It cannot be read.
    Io(io::Error),
    /// It is no zip, or a damaged one: what is wrong, for people.
    Damaged(String),
    /// It has no `bootstrap` at its top level.
    NoBootstrap {
        /// One further down, if there is one.
        deeper: Option<String>,
    },
    /// Its `bootstrap` may not be run by everybody.
    NotExecutable {
        /// Permissions, octal; none where the zip records none.
        mode: Option<u32>,
    },
    /// Unpacked it is larger than Lambda takes.
    TooLarge {
        /// Bytes that were counted until it was too large.
        bytes: u64,
    },
}

impl From<ZipError> for Unready {
    fn from(error: ZipError) -> Self {
        match error {
            ZipError::Io(error) => Self::from(error),
            ZipError::InvalidArchive(what) if what.contains("EOCD") => {
                Self::Damaged("it does not end as a zip does".to_owned())
            }
            ZipError::InvalidArchive(what) => Self::Damaged(what.into_owned()),
            other => Self::Damaged(other.to_string()),
        }
    }
}

impl From<io::Error> for Unready {
    /// Checksums that do not match, data that ends early and methods that Lambda does not know come as
    /// errors of reading.
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::InvalidData
            | io::ErrorKind::InvalidInput
            | io::ErrorKind::UnexpectedEof
            | io::ErrorKind::Unsupported
            | io::ErrorKind::Other => Self::Damaged(error.to_string()),
            _ => Self::Io(error),
        }
    }
}

/// Reads all of a zip.
pub fn read(path: &Path) -> Result<Ready, Unready> {
    let sha256 = sha256_of(path)?;
    let zip_bytes = std::fs::metadata(path)?.len();
    let mut archive = ZipArchive::new(BufReader::new(File::open(path)?))?;
    let mut program = None;
    let mut deeper = None;
    let mut unzipped_bytes = 0;
    for index in 0..archive.len() {
        let mut entry = archive.by_index(index)?;
        let name = entry
            .name()
            .map_err(|error| Unready::Damaged(error.to_string()))?
            .into_owned();
        if entry.enclosed_name().is_none() {
            return Err(Unready::Damaged(format!(
                "the path {name} in it leads out of its directory"
            )));
        }
        // What the header says of the size is not believed.
        let left = MAX_UNZIPPED_BYTES + 1 - unzipped_bytes;
        let mode = entry.unix_mode();
        let mut limited = (&mut entry).take(left);
        if name == BOOTSTRAP {
            let mut bytes = Vec::new();
            unzipped_bytes += limited.read_to_end(&mut bytes)? as u64;
            program = Some((bytes, mode));
        } else {
            unzipped_bytes += io::copy(&mut limited, &mut io::sink())?;
            if name.ends_with("/bootstrap") {
                deeper.get_or_insert(name);
            }
        }
        if unzipped_bytes > MAX_UNZIPPED_BYTES {
            return Err(Unready::TooLarge {
                bytes: unzipped_bytes,
            });
        }
    }
    let Some((bytes, mode)) = program else {
        return Err(Unready::NoBootstrap { deeper });
    };
    // Lambda runs it as another user than the one who owns it.
    if mode.is_none_or(|mode| mode & 0o005 != 0o005) {
        return Err(Unready::NotExecutable {
            mode: mode.map(|mode| mode & 0o7777),
        });
    }
    Ok(Ready {
        content: Content::of(&bytes),
        sha256,
        zip_bytes,
        unzipped_bytes,
        program_bytes: bytes.len() as u64,
    })
}

#[cfg(test)]
mod tests {
    use std::io::{Cursor, Write as _};

    use zip::write::{SimpleFileOptions, ZipWriter};

    use super::*;
    use crate::package::archive::{Effort, Zip};

    fn zip_of(entries: &[(&str, u32, &[u8])]) -> Vec<u8> {
        let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
        for (name, mode, bytes) in entries {
            let options = SimpleFileOptions::default().unix_permissions(*mode);
            zip.start_file(*name, options).expect("started");
            zip.write_all(bytes).expect("written");
        }
        zip.finish().expect("finished").into_inner()
    }

    fn look(bytes: &[u8]) -> Result<Ready, Unready> {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = directory.path().join("made.zip");
        std::fs::write(&path, bytes).expect("written");
        read(&path)
    }

    #[test]
    fn our_own_zips_are_read_back() {
        let zip = Zip::new(
            &[(BOOTSTRAP, b"#!/bin/sh\nexec x\n"), ("a.txt", b"text")],
            Effort::Quick,
        )
        .expect("zipped");
        let ready = look(&zip.bytes).expect("an artifact");
        assert_eq!(ready.sha256, zip.code_sha256());
        assert_eq!(ready.content, Content::Script("/bin/sh".to_owned()));
        assert_eq!((ready.program_bytes, ready.unzipped_bytes), (17, 21));
        assert_eq!(ready.zip_bytes, zip.bytes.len() as u64);
    }

    #[test]
    fn what_lambda_would_refuse_is_told_apart() {
        let missing = look(&zip_of(&[
            ("worker/bootstrap", 0o755, b"#!"),
            ("a", 0o644, b""),
        ]));
        assert!(
            matches!(&missing, Err(Unready::NoBootstrap { deeper: Some(name) }) if name == "worker/bootstrap"),
            "{missing:?}"
        );
        let mode = look(&zip_of(&[(BOOTSTRAP, 0o744, b"#!/bin/sh")]));
        assert!(
            matches!(mode, Err(Unready::NotExecutable { mode: Some(0o744) })),
            "{mode:?}"
        );
        for not_a_zip in [b"no zip at all".as_slice(), b""] {
            assert!(matches!(look(not_a_zip), Err(Unready::Damaged(_))));
        }
        let out = look(&zip_of(&[("../bootstrap", 0o755, b"#!")]));
        assert!(
            matches!(&out, Err(Unready::Damaged(why)) if why.contains("../bootstrap")),
            "{out:?}"
        );
    }

    #[test]
    fn every_damaged_byte_of_the_content_is_found() {
        let zip = Zip::new(&[(BOOTSTRAP, &b"#!/bin/sh\n".repeat(50))], Effort::Quick)
            .expect("zipped")
            .bytes;
        let mut damaged = 0;
        for at in 0..zip.len() {
            let mut bytes = zip.clone();
            bytes[at] ^= 0x10;
            match look(&bytes) {
                Err(
                    Unready::Damaged(_)
                    | Unready::NoBootstrap { .. }
                    | Unready::NotExecutable { .. },
                ) => {
                    damaged += 1;
                }
                // Times, comments and flags of the format are not content.
                Ok(ready) => assert_eq!(ready.program_bytes, 500),
                Err(other) => panic!("byte {at}: {other:?}"),
            }
        }
        assert!(damaged > zip.len() / 3, "{damaged} of {}", zip.len());
        for cut in [1, zip.len() / 2, zip.len() - 1] {
            assert!(
                matches!(look(&zip[..cut]), Err(Unready::Damaged(_))),
                "cut at {cut}"
            );
        }
    }

    /// aws-behaviours L7
    #[test]
    fn more_than_lambda_takes_is_refused_without_being_kept() {
        let chunk = vec![0_u8; 64 << 20];
        let entries: Vec<(String, u32, &[u8])> = (0..4)
            .map(|n| (format!("data-{n}"), 0o644, chunk.as_slice()))
            .collect();
        let entries: Vec<(&str, u32, &[u8])> = entries
            .iter()
            .map(|(name, mode, bytes)| (name.as_str(), *mode, *bytes))
            .collect();
        let found = look(&zip_of(&entries));
        assert!(matches!(found, Err(Unready::TooLarge { .. })), "{found:?}");
    }
}
