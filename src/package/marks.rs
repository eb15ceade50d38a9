//! Files and directories as they were: what tells without reading whether they are still so, and with
//! reading where that does not tell.

use std::collections::BTreeMap;
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// What identifies a state of a file without reading it. The time of the last change of its entry is part of
/// it: tools that give every file the same date of content do not set that.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stamp {
    /// Size, bytes.
    pub len: u64,
    /// Last change of the content, nanoseconds since the Unix epoch.
    pub modified_ns: u64,
    /// Last change of the entry or the content, nanoseconds since the Unix epoch.
    changed_ns: u64,
    /// Number on its file system.
    inode: u64,
}

impl Stamp {
    /// Looks at the file.
    pub fn of(path: &Path) -> std::io::Result<Self> {
        std::fs::metadata(path).map(|metadata| Self::from(&metadata))
    }
}

impl From<&Metadata> for Stamp {
    fn from(metadata: &Metadata) -> Self {
        let changed = metadata.ctime().unsigned_abs() * 1_000_000_000;
        Self {
            len: metadata.len(),
            modified_ns: nanoseconds(metadata.modified().unwrap_or(UNIX_EPOCH)),
            changed_ns: changed + metadata.ctime_nsec().unsigned_abs(),
            inode: metadata.ino(),
        }
    }
}

/// Since the Unix epoch; 0 for what is before it.
pub fn nanoseconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_nanos() as u64
}

/// A path as it was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mark {
    /// Nothing was there.
    Absent,
    /// A file.
    File {
        /// Its state.
        stamp: Stamp,
        /// SHA-256 of its content, hex.
        sha256: String,
    },
    /// A directory: the names in it, for what appears and disappears.
    Directory {
        /// SHA-256 of its sorted names, hex.
        names: String,
    },
}

impl Mark {
    /// Reads what is there. What cannot be read counts as absent.
    fn of(path: &Path) -> Self {
        let Ok(metadata) = std::fs::metadata(path) else {
            return Self::Absent;
        };
        if metadata.is_dir() {
            return listing(path).map_or(Self::Absent, |names| Self::Directory { names });
        }
        std::fs::read(path).map_or(Self::Absent, |content| Self::File {
            stamp: Stamp::from(&metadata),
            sha256: hex::encode(Sha256::digest(content)),
        })
    }

    /// Was it written at this time or later?
    fn is_newer(&self, ns: u64) -> bool {
        matches!(self, Self::File { stamp, .. } if stamp.modified_ns >= ns)
    }
}

/// Hash of the names in a directory.
fn listing(path: &Path) -> std::io::Result<String> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(path)? {
        names.push(entry?.file_name().into_encoded_bytes());
    }
    names.sort();
    let mut hasher = Sha256::new();
    for name in names {
        hasher.update(name);
        hasher.update([0]);
    }
    Ok(hex::encode(hasher.finalize()))
}

/// Paths as they were.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Marks(BTreeMap<PathBuf, Mark>);

impl Marks {
    /// Marks each of them as it is now.
    pub fn of(paths: impl IntoIterator<Item = PathBuf>) -> Self {
        let marked = paths.into_iter().map(|path| {
            let mark = Mark::of(&path);
            (path, mark)
        });
        Self(marked.collect())
    }

    /// The first path that differs, and were some only touched? Their stamps are renewed.
    pub fn difference(&mut self) -> (Option<PathBuf>, bool) {
        let mut touched = false;
        for (path, mark) in &mut self.0 {
            let unread = match (&*mark, std::fs::metadata(path)) {
                (Mark::Absent, Err(_)) => true,
                (Mark::File { stamp, .. }, Ok(now)) => *stamp == Stamp::from(&now),
                _ => false,
            };
            if unread {
                continue;
            }
            let now = Mark::of(path);
            match (&*mark, &now) {
                (Mark::File { sha256: was, .. }, Mark::File { sha256: is, .. }) if was == is => {
                    *mark = now;
                    touched = true;
                }
                (was, is) if was == is => {}
                _ => return (Some(path.clone()), touched),
            }
        }
        (None, touched)
    }

    /// Is any, besides `exempt`, written at this time or later?
    pub fn any_newer(&self, ns: u64, exempt: Option<&Path>) -> bool {
        let mut others = self.0.iter().filter(|(path, _)| exempt != Some(path));
        others.any(|(_, mark)| mark.is_newer(ns))
    }

    /// The paths.
    pub fn paths(&self) -> impl Iterator<Item = &PathBuf> {
        self.0.keys()
    }

    /// How many files are there.
    pub fn files(&self) -> usize {
        let is_file = |mark: &&Mark| matches!(mark, Mark::File { .. });
        self.0.values().filter(is_file).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_decides_where_stamps_differ() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let file = directory.path().join("a");
        std::fs::write(&file, "one").expect("written");
        let mut marks = Marks::of([file.clone(), directory.path().join("absent")]);
        assert_eq!(marks.difference(), (None, false));
        std::fs::write(&file, "one").expect("written again");
        assert_eq!(marks.difference(), (None, true), "touched");
        assert_eq!(marks.difference(), (None, false), "and taken over");

        // As long, and dated as before: the entry's own time still differs.
        let dated = std::fs::metadata(&file)
            .and_then(|m| m.modified())
            .expect("a time");
        std::fs::write(&file, "two").expect("written");
        std::fs::File::options()
            .write(true)
            .open(&file)
            .and_then(|file| file.set_modified(dated))
            .expect("dated back");
        assert_eq!(marks.difference(), (Some(file), false));
    }

    #[test]
    fn what_appears_in_a_directory_or_in_place_of_nothing_differs() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let inner = directory.path().join("inner");
        std::fs::create_dir(&inner).expect("a directory");
        let mut marks = Marks::of([inner.clone(), directory.path().join("later")]);
        assert_eq!(marks.difference(), (None, false));
        std::fs::write(inner.join("new"), "").expect("written");
        assert_eq!(marks.difference(), (Some(inner.clone()), false));
        std::fs::remove_file(inner.join("new")).expect("removed");
        assert_eq!(marks.difference(), (None, false));
        std::fs::write(directory.path().join("later"), "").expect("written");
        assert_eq!(marks.difference().0, Some(directory.path().join("later")));
    }
}
