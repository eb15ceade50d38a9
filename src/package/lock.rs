//! One process at a time builds into a target directory and zips what it built: cargo's own lock ends with
//! cargo.

use std::fs::{File, TryLockError};
use std::path::Path;

use super::PackageEvent;
use crate::wait::blocking;

/// Name of the file that is locked, in the target directory.
const FILE: &str = ".pipectl.lock";

/// Waits for the lock of a target directory, and keeps it until this is dropped. None where the file system
/// knows no locks, or the directory cannot be written: then cargo says so.
pub async fn hold(target: &Path, events: &dyn Fn(PackageEvent)) -> Option<File> {
    std::fs::create_dir_all(target).ok()?;
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(target.join(FILE))
        .ok()?;
    match file.try_lock() {
        Ok(()) => Some(file),
        Err(TryLockError::WouldBlock) => {
            events(PackageEvent::Cargo {
                line: "    Blocking waiting for another pipectl that builds here".to_owned(),
            });
            blocking(move || file.lock().map(|()| file)).await.ok()
        }
        Err(TryLockError::Error(_)) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_second_waits_until_the_first_is_done() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let target = directory.path().join("target");
        let first = hold(&target, &|_| ()).await.expect("locked");
        let waits = std::sync::atomic::AtomicBool::new(false);
        let tell = |_| waits.store(true, std::sync::atomic::Ordering::SeqCst);
        let second = hold(&target, &tell);
        tokio::pin!(second);
        let early = futures::poll!(&mut second);
        assert!(early.is_pending() && waits.load(std::sync::atomic::Ordering::SeqCst));
        drop(first);
        assert!(second.await.is_some());
    }
}
