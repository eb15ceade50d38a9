//! Bodies on the way in: the `aws-chunked` framing that SDKs upload with, and the payload hash.
//!
//! Signatures are not verified here, neither of requests nor of chunks (any credentials do), but
//! what guards the bytes is: lengths, the SHA-256 in `x-amz-content-sha256`, trailing checksums.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use futures::Stream;
use http::{HeaderMap, HeaderName, HeaderValue};
use s3s::crypto::{Checksum as _, Sha256};
use s3s::stream::{ByteStream, RemainingLength};
use s3s::{Body, StdError};

use crate::error::AwsError;

/// The longest chunk header or trailer line, bytes.
const LONGEST_LINE: usize = 16 * 1024;

/// Headers that follow the body; there once the body has been read.
#[derive(Clone, Default)]
pub(super) struct Trailers(Arc<Mutex<HeaderMap>>);

impl Trailers {
    /// The value of one trailer.
    pub(super) fn get(&self, name: &str) -> Option<String> {
        let trailers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Some(trailers.get(name)?.to_str().ok()?.to_owned())
    }

    fn insert(&self, name: HeaderName, value: HeaderValue) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(name, value);
    }
}

/// Takes the `aws-chunked` framing off a body.
pub(super) struct Unchunked {
    inner: Body,
    current: Bytes,
    line: Vec<u8>,
    state: State,
    /// Bytes of payload still to come, as `x-amz-decoded-content-length` says.
    remaining: u64,
    trailers: Trailers,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// In the line that says how long the next chunk is.
    Size,
    /// In a chunk with this many bytes to go.
    Data(u64),
    /// Behind a chunk, before its line end.
    DataEnd,
    /// In the trailers.
    Trailer,
    Done,
}

impl Unchunked {
    /// `length`: of the payload, in bytes.
    pub(super) fn new(inner: Body, length: u64, trailers: Trailers) -> Self {
        Self {
            inner,
            current: Bytes::new(),
            line: Vec::new(),
            state: State::Size,
            remaining: length,
            trailers,
        }
    }

    /// Takes bytes up to the next line end; the line without its end once it is complete.
    fn take_line(&mut self) -> Result<Option<String>, AwsError> {
        let end = self.current.iter().position(|&byte| byte == b'\n');
        let part = self.current.split_to(end.unwrap_or(self.current.len()));
        self.line.extend_from_slice(&part);
        if self.line.len() > LONGEST_LINE {
            return Err(malformed("a line is too long"));
        }
        if end.is_none() {
            return Ok(None);
        }
        self.current.advance(1);
        let mut line = std::mem::take(&mut self.line);
        if line.last() == Some(&b'\r') {
            line.pop();
        }
        String::from_utf8(line)
            .map(Some)
            .map_err(|_| malformed("a line is not text"))
    }

    /// Goes on with what is in `current`; a piece of the payload when there is one.
    fn step(&mut self) -> Result<Option<Bytes>, AwsError> {
        match self.state {
            State::Size => {
                if let Some(line) = self.take_line()? {
                    let digits = line.split(';').next().unwrap_or_default().trim();
                    let size = u64::from_str_radix(digits, 16)
                        .map_err(|_| malformed("a chunk does not start with its size"))?;
                    if size > self.remaining {
                        return Err(incomplete());
                    }
                    self.state = if size == 0 {
                        State::Trailer
                    } else {
                        State::Data(size)
                    };
                }
            }
            State::Data(left) => {
                let length = left.min(self.current.len() as u64);
                let piece = self.current.split_to(length as usize);
                self.remaining -= length;
                self.state = if left == length {
                    State::DataEnd
                } else {
                    State::Data(left - length)
                };
                return Ok(Some(piece));
            }
            State::DataEnd => {
                if let Some(line) = self.take_line()? {
                    if !line.is_empty() {
                        return Err(malformed("a chunk is longer than its size"));
                    }
                    self.state = State::Size;
                }
            }
            State::Trailer => {
                if let Some(line) = self.take_line()? {
                    self.take_trailer(&line)?;
                }
            }
            State::Done => self.current.clear(),
        }
        Ok(None)
    }

    fn take_trailer(&mut self, line: &str) -> Result<(), AwsError> {
        if line.is_empty() {
            self.state = State::Done;
            return Ok(());
        }
        let (name, value) = line
            .split_once(':')
            .ok_or_else(|| malformed("a trailer has no colon"))?;
        let name = HeaderName::from_bytes(name.trim().as_bytes())
            .map_err(|_| malformed("a trailer has no valid name"))?;
        let value = HeaderValue::from_str(value.trim())
            .map_err(|_| malformed("a trailer has no valid value"))?;
        self.trailers.insert(name, value);
        Ok(())
    }

    /// The body has ended.
    fn end(&mut self) -> Result<(), AwsError> {
        // Some clients leave the last line end away.
        if self.state == State::Trailer && !self.line.is_empty() {
            let line = String::from_utf8_lossy(&std::mem::take(&mut self.line)).into_owned();
            self.take_trailer(line.trim_end())?;
        }
        if !matches!(self.state, State::Trailer | State::Done) || self.remaining > 0 {
            return Err(incomplete());
        }
        self.state = State::Done;
        Ok(())
    }
}

fn malformed(what: &str) -> AwsError {
    AwsError::bad_request(
        "InvalidRequest",
        format!("The aws-chunked body is malformed: {what}"),
    )
}

fn incomplete() -> AwsError {
    AwsError::bad_request(
        "IncompleteBody",
        "You did not provide the number of bytes specified by the Content-Length HTTP header",
    )
}

impl Stream for Unchunked {
    type Item = Result<Bytes, StdError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            while !self.current.is_empty() {
                if let Some(piece) = self.step()? {
                    return Poll::Ready(Some(Ok(piece)));
                }
            }
            let Some(bytes) = ready!(Pin::new(&mut self.inner).poll_next(context)?) else {
                self.end()?;
                return Poll::Ready(None);
            };
            self.current = bytes;
        }
    }
}

impl ByteStream for Unchunked {
    fn remaining_length(&self) -> RemainingLength {
        RemainingLength::new_exact(self.remaining as usize)
    }
}

/// Passes a body through and compares its SHA-256 at the end.
pub(super) struct Verified {
    inner: Body,
    digest: Option<Sha256>,
    expected: String,
}

impl Verified {
    /// `expected`: lower-case hex.
    pub(super) fn new(inner: Body, expected: String) -> Self {
        Self {
            inner,
            digest: Some(Sha256::new()),
            expected,
        }
    }
}

impl Stream for Verified {
    type Item = Result<Bytes, StdError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if let Some(bytes) = ready!(Pin::new(&mut self.inner).poll_next(context)?) {
            if let Some(digest) = &mut self.digest {
                digest.update(&bytes);
            }
            return Poll::Ready(Some(Ok(bytes)));
        }
        let computed = self
            .digest
            .take()
            .map(|digest| hex::encode(digest.finalize()));
        if computed.is_some_and(|computed| computed != self.expected) {
            return Poll::Ready(Some(Err(Box::new(AwsError::bad_request(
                "XAmzContentSHA256Mismatch",
                "The provided 'x-amz-content-sha256' header does not match what was computed.",
            )))));
        }
        Poll::Ready(None)
    }
}

impl ByteStream for Verified {
    fn remaining_length(&self) -> RemainingLength {
        self.inner.remaining_length()
    }
}

#[cfg(test)]
mod tests {
    use futures::StreamExt;

    use super::*;

    async fn read(framed: &'static [u8], piece: usize, length: u64) -> Result<Vec<u8>, String> {
        let trailers = Trailers::default();
        let pieces = framed
            .chunks(piece)
            .map(|piece| Ok::<_, std::io::Error>(Bytes::from_static(piece)));
        let body = s3s::dto::StreamingBlob::wrap(futures::stream::iter(pieces.collect::<Vec<_>>()));
        let mut unchunked = Unchunked::new(Body::from(body), length, trailers.clone());
        let mut payload = Vec::new();
        while let Some(bytes) = unchunked.next().await {
            payload.extend(bytes.map_err(|error| error.to_string())?);
        }
        if let Some(value) = trailers.get("x-amz-checksum-crc32") {
            payload.extend(value.as_bytes());
        }
        Ok(payload)
    }

    #[tokio::test]
    async fn chunks_of_any_cut_give_the_payload_and_the_trailers() {
        const FRAMED: &[u8] = b"5\r\nhello\r\n1;chunk-signature=ab\r\n \r\n5\r\nworld\r\n0\r\n\
            x-amz-checksum-crc32:AAAA\r\nx-amz-trailer-signature:ff\r\n\r\n";
        for piece in 1..FRAMED.len() {
            let payload = read(FRAMED, piece, 11).await;
            assert_eq!(payload.as_deref(), Ok(&b"hello worldAAAA"[..]));
        }
        assert_eq!(read(b"0\r\n\r\n", 3, 0).await, Ok(Vec::new()));
        assert_eq!(read(b"0\r\n", 1, 0).await, Ok(Vec::new()));
    }

    #[tokio::test]
    async fn cut_and_malformed_bodies_are_refused() {
        for (framed, length) in [
            (&b"5\r\nhel"[..], 5),
            (b"5\r\nhello\r\n", 5),
            (b"5\r\nhello\r\n0\r\n\r\n", 6),
            (b"5\r\nhello\r\n0\r\n\r\n", 4),
            (b"xyz\r\nhello\r\n0\r\n\r\n", 5),
            (b"5\r\nhelloo\r\n0\r\n\r\n", 5),
        ] {
            assert!(read(framed, 4, length).await.is_err(), "{framed:?}");
        }
    }
}
