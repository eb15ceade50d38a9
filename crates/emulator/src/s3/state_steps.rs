//! The steps of a body's way to the disk. In tests every one of them can fail or be looked at, as
//! when the disk is full or the process dies there; elsewhere they cost nothing.

use std::io;

#[cfg(test)]
use std::sync::{Arc, Mutex, PoisonError};

/// A moment at which the disk may refuse or the process may die.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// The temporary file is made.
    Create,
    /// Bytes are written to it.
    Write,
    /// It is flushed to the disk.
    Flush,
    /// It gets its final name.
    Rename,
    /// The folder that holds the name is flushed.
    FlushFolder,
    /// The row is committed; what it replaced is still there.
    Committed,
    /// A body is opened for reading.
    Read,
}

pub(super) use imp::Steps;

#[cfg(not(test))]
mod imp {
    use super::{Step, io};

    /// Nothing to look on.
    #[derive(Debug, Clone)]
    pub(in crate::s3) struct Steps;

    impl Steps {
        /// Nobody looks on.
        pub(in crate::s3) fn new() -> Self {
            Self
        }

        /// Goes on.
        #[expect(clippy::unused_self, reason = "tests hold a hook here")]
        pub(in crate::s3) fn reach(&self, _step: Step) -> io::Result<()> {
            Ok(())
        }

        /// Goes on.
        #[expect(clippy::unused_self, reason = "tests hold a hook here")]
        pub(in crate::s3) fn pass(&self, _step: Step) {}
    }
}

#[cfg(test)]
mod imp {
    use super::{Arc, Mutex, PoisonError, Step, io};

    type Hook = Box<dyn FnMut(Step) -> io::Result<()> + Send>;

    /// Calls a test's hook at every step.
    #[derive(Clone, Default)]
    pub(in crate::s3) struct Steps(Arc<Mutex<Option<Hook>>>);

    impl std::fmt::Debug for Steps {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("Steps")
        }
    }

    impl Steps {
        /// Nobody looks on yet.
        pub(in crate::s3) fn new() -> Self {
            Self::default()
        }

        /// Asks the hook whether the step succeeds.
        pub(in crate::s3) fn reach(&self, step: Step) -> io::Result<()> {
            match &mut *self.0.lock().unwrap_or_else(PoisonError::into_inner) {
                Some(hook) => hook(step),
                None => Ok(()),
            }
        }

        /// Tells the hook of a step that cannot fail any more.
        pub(in crate::s3) fn pass(&self, step: Step) {
            let _ = self.reach(step);
        }

        /// Calls `hook` from now on.
        pub(in crate::s3) fn hook(
            &self,
            hook: impl FnMut(Step) -> io::Result<()> + Send + 'static,
        ) {
            *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Box::new(hook));
        }

        /// Every step succeeds again.
        pub(in crate::s3) fn unhook(&self) {
            *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
        }

        /// Lets `step` fail with an error of the system, until [`Steps::unhook`].
        pub(in crate::s3) fn fail(&self, step: Step, errno: i32) {
            self.hook(move |reached| {
                if reached == step {
                    return Err(io::Error::from_raw_os_error(errno));
                }
                Ok(())
            });
        }

        /// The steps from now on.
        pub(in crate::s3) fn record(&self) -> Arc<Mutex<Vec<Step>>> {
            let seen = Arc::new(Mutex::new(Vec::new()));
            let into = Arc::clone(&seen);
            self.hook(move |step| {
                into.lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .push(step);
                Ok(())
            });
            seen
        }
    }
}
