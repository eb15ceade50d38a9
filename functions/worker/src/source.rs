//! The body of an object as a blocking reader.

use std::io::{Error, ErrorKind, Read};

use aws_sdk_s3::primitives::ByteStream;
use tokio_util::io::SyncIoBridge;

/// Reads a body on a thread that may block. What breaks off in the source is told apart from what the
/// content is at fault for: by [`ErrorKind::ConnectionAborted`].
pub(crate) fn blocking(body: ByteStream) -> impl Read + Send {
    SourceErrors(SyncIoBridge::new(Box::pin(body.into_async_read())))
}

struct SourceErrors<R>(R);

impl<R: Read> Read for SourceErrors<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        self.0
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
        let error = SourceErrors(Cut).read(&mut [0]).expect_err("cut");
        assert_eq!(error.kind(), ErrorKind::ConnectionAborted);
    }

    #[tokio::test]
    async fn a_body_is_read_whole() {
        let mut reader = blocking(ByteStream::from_static(b"abc"));
        let text = tokio::task::spawn_blocking(move || {
            let mut text = String::new();
            reader.read_to_string(&mut text).map(|_| text)
        });
        assert_eq!(text.await.expect("no panic").expect("read"), "abc");
    }
}
