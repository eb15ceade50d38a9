//! The data directory's lock file: who has it, and how the one before left it.

use std::fs::{File, TryLockError};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::Path;

use super::StartError;
use crate::store::LastStop;

/// In the file of a directory whose emulator closed its stores.
const STOPPED: &str = "stopped";
/// Behind the process id while a directory is used for the first time.
const NEW: &str = "new";

/// A data directory that is this process's until the lock is dropped.
#[derive(Debug)]
pub(super) struct Lock {
    file: File,
    /// How the directory was left.
    pub last: LastStop,
}

impl Lock {
    /// Takes the directory, making it when it is absent.
    pub(super) fn take(data_dir: &Path) -> Result<Self, StartError> {
        let fail = |source| StartError::Lock {
            data_dir: data_dir.to_owned(),
            source,
        };
        std::fs::create_dir_all(data_dir).map_err(fail)?;
        let mut file = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(data_dir.join("lock"))
            .map_err(fail)?;
        let locked = file.try_lock();
        // What cannot be read tells of nobody, and of no clean stop.
        let mut text = String::new();
        let read = file.read_to_string(&mut text);
        let mut words = text.split_whitespace();
        match locked {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(StartError::Locked {
                    data_dir: data_dir.to_owned(),
                    pid: words.next().and_then(|pid| pid.parse().ok()),
                });
            }
            Err(TryLockError::Error(source)) => return Err(fail(source)),
        }
        let last = match (read.is_ok(), words.next(), words.next()) {
            (true, None, _) | (true, Some(_), Some(NEW)) => LastStop::Never,
            (true, Some(STOPPED), _) => LastStop::Clean,
            _ => LastStop::Unclean,
        };
        let mut lock = Self { file, last };
        let note = if last == LastStop::Never { NEW } else { "" };
        lock.write(note).map_err(fail)?;
        Ok(lock)
    }

    /// Notes that the stores are open: a stop that is not noted is not clean.
    pub(super) fn serving(&mut self) -> io::Result<()> {
        self.write("")
    }

    /// Notes that the stores are closed.
    pub(super) fn stopped(&mut self) -> io::Result<()> {
        self.replace(&format!("{STOPPED}\n"))
    }

    /// Leaves the directory as it was found: it was only looked at.
    pub(super) fn untouched(mut self) -> io::Result<()> {
        match self.last {
            LastStop::Never => self.replace(""),
            LastStop::Clean => self.stopped(),
            LastStop::Unclean => Ok(()),
        }
    }

    fn write(&mut self, note: &str) -> io::Result<()> {
        self.replace(&format!("{} {note}", std::process::id()))
    }

    fn replace(&mut self, text: &str) -> io::Result<()> {
        self.file.set_len(0)?;
        self.file.seek(SeekFrom::Start(0))?;
        self.file.write_all(text.trim_end().as_bytes())?;
        self.file.write_all(b"\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_data_directory_is_held_by_one_and_names_its_holder() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let held = Lock::take(dir.path()).expect("free");
        match Lock::take(dir.path()) {
            Err(error @ StartError::Locked { pid, .. }) => {
                assert_eq!(pid, Some(std::process::id()));
                assert!(error.to_string().contains(&std::process::id().to_string()));
            }
            other => panic!("expected Locked, got {other:?}"),
        }
        drop(held);
        Lock::take(dir.path()).expect("free again");
    }

    #[test]
    fn it_knows_how_the_directory_was_left() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let take = || Lock::take(dir.path()).expect("free");
        assert_eq!(take().last, LastStop::Never);
        let mut first = take();
        assert_eq!(first.last, LastStop::Never, "it never came to serve");
        first.serving().expect("noted");
        drop(first);
        let mut killed = take();
        assert_eq!(killed.last, LastStop::Unclean);
        killed.serving().expect("noted");
        killed.stopped().expect("noted");
        drop(killed);
        let looked_at = take();
        assert_eq!(looked_at.last, LastStop::Clean);
        looked_at.untouched().expect("noted");
        assert_eq!(take().last, LastStop::Clean);
        assert_eq!(
            take().last,
            LastStop::Unclean,
            "the one before did not stop"
        );
    }
}
