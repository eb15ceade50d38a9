//! Remembers of each function and variant from what its artifact was made, so that an unchanged one
//! costs a look at its files. Only a shortcut: without a record, or with one that cannot be read,
//! everything is made anew. One file per artifact, so that several stacks and processes do not meet.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::archive;
use super::inputs::Inputs;
use super::inspect::Content;
use super::marks::Stamp;
use super::variant::Variant;

/// What was asked for. Two alike give the same artifact from the same inputs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    /// How artifacts are made of programs.
    pub recipe: u32,
    /// Manifest of the function's crate; the zip itself where it was made elsewhere.
    pub source: PathBuf,
    /// What it is built for.
    pub variant: Variant,
    /// Cargo's profile.
    pub profile: String,
    /// Manifests of all function crates of the stack: features are resolved for them together.
    pub together: Vec<PathBuf>,
}

/// A zip and what is in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stored {
    /// File name of the zip beside the record, or the path of one that was made elsewhere.
    pub zip: PathBuf,
    /// How that file was when it was made or read.
    pub stamp: Stamp,
    /// SHA-256 of the zip, base64.
    pub sha256: String,
    /// Size of the zip, bytes.
    pub zip_bytes: u64,
    /// Size of everything in it, bytes.
    pub unzipped_bytes: u64,
    /// Size of its program, bytes.
    pub program_bytes: u64,
    /// What its program is.
    pub content: Content,
}

/// What is known of one artifact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// What was asked for.
    pub asked: Asked,
    /// What it was made from; none when that was not settled.
    pub inputs: Option<Inputs>,
    /// The program as built, with its symbols; or the zip that was made elsewhere.
    pub original: PathBuf,
    /// How that file was then.
    pub stamp: Stamp,
    /// SHA-256 of the program as built, hex: a rebuild may touch the file without changing it.
    pub original_sha256: String,
    /// The artifact.
    pub stored: Stored,
}

impl Record {
    /// The record called `name`, if its zip is still there and whole.
    pub fn load(directory: &Path, name: &str) -> Option<Self> {
        let text = std::fs::read(file(directory, name)).ok()?;
        let mut record: Self = serde_json::from_slice(&text).ok()?;
        if record.asked.recipe != archive::RECIPE {
            return None;
        }
        let zip = directory.join(&record.stored.zip);
        let stamp = Stamp::of(&zip).ok()?;
        if stamp != record.stored.stamp {
            // Copied or touched, or not what it was.
            if archive::sha256_of(&zip).ok()? != record.stored.sha256 {
                return None;
            }
            record.stored.stamp = stamp;
        }
        Some(record)
    }

    /// Writes it in one step.
    pub fn save(&self, directory: &Path, name: &str) -> Result<(), (PathBuf, std::io::Error)> {
        let path = file(directory, name);
        serde_json::to_vec(self)
            .map_err(std::io::Error::from)
            .and_then(|text| archive::replace(&path, &text))
            .map_err(|error| (path, error))
    }
}

fn file(directory: &Path, name: &str) -> PathBuf {
    directory.join(format!("{name}.json"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A record in a directory with its zip.
    fn record(directory: &Path) -> Record {
        let zip = directory.join("s.f.host-0123456789ab.zip");
        std::fs::write(&zip, "full").expect("written");
        Record {
            asked: Asked {
                recipe: archive::RECIPE,
                source: PathBuf::from("/w/f/Cargo.toml"),
                variant: Variant::Host,
                profile: "release".to_owned(),
                together: Vec::new(),
            },
            inputs: None,
            original: PathBuf::from("target/release/f"),
            stamp: Stamp::of(&zip).expect("a file"),
            original_sha256: "00".to_owned(),
            stored: Stored {
                stamp: Stamp::of(&zip).expect("a file"),
                sha256: archive::sha256_of(&zip).expect("a file"),
                zip: PathBuf::from("s.f.host-0123456789ab.zip"),
                zip_bytes: 4,
                unzipped_bytes: 3,
                program_bytes: 3,
                content: Content::Script("/bin/sh".to_owned()),
            },
        }
    }

    #[test]
    fn it_comes_back_as_it_was_saved_while_the_zip_is_whole() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let record = record(directory.path());
        record.save(directory.path(), "s.f.host").expect("saved");
        let load = |name| Record::load(directory.path(), name);
        assert_eq!(load("s.f.host"), Some(record.clone()));
        assert_eq!(load("s.f.lambda-arm64"), None, "another variant");

        let zip = directory.path().join(&record.stored.zip);
        std::fs::write(&zip, "FULL").expect("written");
        assert_eq!(load("s.f.host"), None, "damaged at its full length");
        std::fs::write(&zip, "cut").expect("written");
        assert_eq!(load("s.f.host"), None, "half a zip");
        std::fs::write(&zip, "full").expect("written");
        assert!(
            load("s.f.host").is_some(),
            "as it was, though written again"
        );
        std::fs::remove_file(&zip).expect("removed");
        assert_eq!(load("s.f.host"), None, "no zip");
    }

    #[test]
    fn a_damaged_or_older_record_counts_as_none() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let mut record = record(directory.path());
        for text in ["{", "{}"] {
            std::fs::write(file(directory.path(), "f"), text).expect("written");
            assert_eq!(Record::load(directory.path(), "f"), None);
        }
        record.asked.recipe -= 1;
        record.save(directory.path(), "f").expect("saved");
        assert_eq!(Record::load(directory.path(), "f"), None);
    }
}
