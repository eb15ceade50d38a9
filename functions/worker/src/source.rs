//! The body of an object as a blocking reader.

use std::io::{Error, ErrorKind, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use aws_sdk_s3::primitives::ByteStream;
use tokio_util::io::SyncIoBridge;

/// Ends the reader when it is dropped: a thread cannot be stopped from outside, and one that nobody
/// waits for would read on into the next invocation.
pub(crate) struct Stop(Arc<AtomicBool>);

impl Drop for Stop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Reads a body on a thread that may block. What breaks off in the source is told apart from what the
/// content is at fault for: by [`ErrorKind::ConnectionAborted`].
pub(crate) fn blocking(body: ByteStream) -> (impl Read + Send, Stop) {
    stoppable(SyncIoBridge::new(Box::pin(body.into_async_read())))
}

fn stoppable<R: Read>(reader: R) -> (Source<R>, Stop) {
    let stopped = Arc::new(AtomicBool::new(false));
    let source = Source {
        reader,
        stopped: stopped.clone(),
    };
    (source, Stop(stopped))
}

struct Source<R> {
    reader: R,
    stopped: Arc<AtomicBool>,
}

impl<R: Read> Read for Source<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        if self.stopped.load(Ordering::Relaxed) {
            return Err(Error::new(ErrorKind::ConnectionAborted, "stopped"));
        }
        self.reader
            .read(buffer)
            .map_err(|error| Error::new(ErrorKind::ConnectionAborted, error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_of_the_source_are_marked() {
        struct Cut;
        impl Read for Cut {
            fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
                Err(Error::new(ErrorKind::UnexpectedEof, "cut"))
            }
        }
        let (mut source, _stop) = stoppable(Cut);
        let error = source.read(&mut [0]).expect_err("cut");
        assert_eq!(error.kind(), ErrorKind::ConnectionAborted);
    }

    #[test]
    fn nothing_is_read_for_nobody() {
        let (mut source, stop) = stoppable(std::io::repeat(1));
        assert_eq!(source.read(&mut [0; 4]).expect("read"), 4);
        drop(stop);
        let error = source.read(&mut [0]).expect_err("stopped");
        assert_eq!(error.kind(), ErrorKind::ConnectionAborted);
    }

    #[tokio::test]
    async fn a_body_is_read_whole() {
        let (mut reader, _stop) = blocking(ByteStream::from_static(b"abc"));
        let text = tokio::task::spawn_blocking(move || {
            let mut text = String::new();
            reader.read_to_string(&mut text).map(|_| text)
        });
        assert_eq!(text.await.expect("no panic").expect("read"), "abc");
    }
}
