//! Remembers which binary became which zip, so that an unchanged function is neither read nor zipped
//! again. Only a shortcut: without the index, or with one that cannot be read, everything is made anew.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use super::archive;
use crate::stack::model::Architecture;

/// File name of the index, beside the artifacts.
const FILE: &str = "index.json";

/// What identifies a binary without reading it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stamp {
    /// Absolute path.
    pub path: PathBuf,
    /// Size, bytes.
    pub len: u64,
    /// Last change, nanoseconds since the Unix epoch.
    pub modified_ns: u64,
}

impl Stamp {
    /// Looks at the file.
    pub fn of(path: &Path) -> std::io::Result<Self> {
        let metadata = std::fs::metadata(path)?;
        let modified = metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH);
        Ok(Self {
            path: path.to_owned(),
            len: metadata.len(),
            modified_ns: modified
                .duration_since(UNIX_EPOCH)
                .unwrap_or_default()
                .as_nanos() as u64,
        })
    }
}

/// One function's binary and the zip that it became.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// The binary.
    pub binary: Stamp,
    /// SHA-256 of the binary, hex: a rebuild may touch the file without changing it.
    pub binary_sha256: String,
    /// Instruction set it was checked for.
    pub architecture: Architecture,
    /// File name of the zip.
    pub zip: String,
    /// SHA-256 of the zip, base64.
    pub zip_sha256: String,
    /// Size of the zip, bytes.
    pub zip_bytes: u64,
}

/// The index of one artifact directory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Index {
    recipe: u32,
    artifacts: BTreeMap<String, Entry>,
    #[serde(skip)]
    changed: bool,
}

impl Default for Index {
    fn default() -> Self {
        Self {
            recipe: archive::RECIPE,
            artifacts: BTreeMap::new(),
            changed: false,
        }
    }
}

impl Index {
    /// The index of `directory`; empty when there is none, or one of another recipe or version.
    pub fn load(directory: &Path) -> Self {
        std::fs::read(directory.join(FILE))
            .ok()
            .and_then(|text| serde_json::from_slice::<Self>(&text).ok())
            .filter(|index| index.recipe == archive::RECIPE)
            .unwrap_or_default()
    }

    /// Writes it in one step, if there is anything new in it.
    pub fn save(&self, directory: &Path) -> Result<(), (PathBuf, std::io::Error)> {
        if !self.changed {
            return Ok(());
        }
        let path = directory.join(FILE);
        serde_json::to_vec_pretty(self)
            .map_err(std::io::Error::from)
            .and_then(|text| archive::replace(&path, &text))
            .map_err(|error| (path, error))
    }

    /// What is known of `name`, if its zip is still there at its full size.
    pub fn get(&self, directory: &Path, name: &str, architecture: Architecture) -> Option<&Entry> {
        self.artifacts
            .get(name)
            .filter(|entry| entry.architecture == architecture)
            .filter(|entry| {
                std::fs::metadata(directory.join(&entry.zip))
                    .is_ok_and(|found| found.len() == entry.zip_bytes)
            })
    }

    /// Remembers.
    pub fn insert(&mut self, name: String, entry: Entry) {
        self.changed |= self.artifacts.get(&name) != Some(&entry);
        self.artifacts.insert(name, entry);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry() -> Entry {
        Entry {
            binary: Stamp {
                path: PathBuf::from("target/release/trigger"),
                len: 3,
                modified_ns: 1,
            },
            binary_sha256: "00".to_owned(),
            architecture: Architecture::X86_64,
            zip: "trigger-0123456789ab.zip".to_owned(),
            zip_sha256: "AA==".to_owned(),
            zip_bytes: 4,
        }
    }

    #[test]
    fn it_comes_back_as_it_was_saved_while_the_zip_is_whole() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let mut index = Index::load(directory.path());
        index.insert("trigger".to_owned(), entry());
        index.save(directory.path()).expect("saved");
        let index = Index::load(directory.path());
        let get = |architecture| index.get(directory.path(), "trigger", architecture);

        assert_eq!(get(Architecture::X86_64), None, "no zip");
        let zip = directory.path().join(entry().zip);
        std::fs::write(&zip, "cut").expect("written");
        assert_eq!(get(Architecture::X86_64), None, "half a zip");
        std::fs::write(&zip, "full").expect("written");
        assert_eq!(get(Architecture::X86_64), Some(&entry()));
        assert_eq!(get(Architecture::Arm64), None, "another architecture");
    }

    #[test]
    fn a_damaged_or_foreign_index_counts_as_none() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        for text in ["{", "{}", r#"{"recipe":0,"artifacts":{}}"#] {
            std::fs::write(directory.path().join(FILE), text).expect("written");
            assert_eq!(Index::load(directory.path()), Index::default());
        }
    }
}
