//! Notes whether a request's body was ever asked for.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use axum::body::Body;
use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};

use crate::service::Request;

/// The request, and whether somebody has asked for its body.
pub(super) fn noted(request: Request) -> (Request, Arc<AtomicBool>) {
    let read = Arc::new(AtomicBool::new(false));
    let noting = Arc::clone(&read);
    let request = request.map(|inner| {
        Body::new(Noting {
            inner,
            read: noting,
        })
    });
    (request, read)
}

struct Noting {
    inner: Body,
    read: Arc<AtomicBool>,
}

impl HttpBody for Noting {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        self.read.store(true, Ordering::Relaxed);
        Pin::new(&mut self.inner).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;

    use super::*;

    #[tokio::test]
    async fn a_body_counts_as_read_once_it_was_asked_for() {
        let (request, read) = noted(http::Request::new(Body::from("text")));
        assert!(!read.load(Ordering::Relaxed));
        assert_eq!(request.body().size_hint().exact(), Some(4));
        let body = request.into_body().collect().await.expect("read");
        assert_eq!(body.to_bytes(), "text");
        assert!(read.load(Ordering::Relaxed));
    }
}
