//! The endpoint behind the proxy, on connections that are kept for the next call.

use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};

use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use hyper::client::conn::http1::{Builder, SendRequest};
use hyper::header::{CONNECTION, HeaderMap, HeaderName};
use hyper::{Request, Response, Version};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// A request or an answer's body, whole.
pub(super) type Body = Full<Bytes>;

/// Where calls go.
pub(super) struct Upstream {
    authority: String,
    idle: Mutex<Vec<SendRequest<Body>>>,
}

impl Upstream {
    /// An endpoint such as `http://127.0.0.1:4566`; nothing has to listen there yet.
    ///
    /// # Panics
    /// When it is not like that.
    pub(super) fn new(url: &str) -> Self {
        let authority = url
            .strip_prefix("http://")
            .map(|rest| rest.trim_end_matches('/'))
            .filter(|authority| authority.contains(':') && !authority.contains('/'));
        let Some(authority) = authority else {
            panic!("not http://host:port: {url}");
        };
        Self {
            authority: authority.to_owned(),
            idle: Mutex::default(),
        }
    }

    /// Host and port.
    pub(super) fn authority(&self) -> &str {
        &self.authority
    }

    fn idle(&self) -> MutexGuard<'_, Vec<SendRequest<Body>>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends a request, once, and reads the whole answer.
    ///
    /// Fails when there is no whole answer. A request is sent again only when not a byte of it was
    /// sent, on a kept connection that turned out to be closed.
    pub(super) async fn forward(&self, request: Request<Body>) -> io::Result<Response<Body>> {
        let (mut head, body) = request.into_parts();
        hop(&mut head.headers);
        head.version = Version::HTTP_11;
        let mut request = Request::from_parts(head, body);
        loop {
            let kept = self.idle().pop();
            let fresh = kept.is_none();
            let mut sender = match kept {
                Some(sender) => sender,
                None => self.connect().await?,
            };
            if sender.ready().await.is_err() && !fresh {
                continue;
            }
            match sender.try_send_request(request).await {
                Ok(answer) => {
                    let (mut head, body) = answer.into_parts();
                    let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
                    hop(&mut head.headers);
                    head.version = Version::HTTP_11;
                    if !sender.is_closed() {
                        self.idle().push(sender);
                    }
                    return Ok(Response::from_parts(head, Full::new(body)));
                }
                Err(mut error) => match error.take_message() {
                    Some(unsent) if !fresh => request = unsent,
                    _ => return Err(io::Error::other(error.into_error())),
                },
            }
        }
    }

    async fn connect(&self) -> io::Result<SendRequest<Body>> {
        let stream = TcpStream::connect(&self.authority).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = Builder::new()
            .preserve_header_case(true)
            .handshake(TokioIo::new(stream))
            .await
            .map_err(io::Error::other)?;
        // What goes wrong on it is told to whoever sends.
        tokio::spawn(async move {
            let _ = connection.await;
        });
        Ok(sender)
    }
}

/// Takes out what is said of one connection and not of the call.
fn hop(headers: &mut HeaderMap) {
    headers.remove(CONNECTION);
    headers.remove(HeaderName::from_static("keep-alive"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_plain_http_with_a_port() {
        for (url, authority) in [
            ("http://127.0.0.1:4566", "127.0.0.1:4566"),
            ("http://localhost:1/", "localhost:1"),
        ] {
            assert_eq!(Upstream::new(url).authority(), authority);
        }
    }

    #[test]
    #[should_panic(expected = "not http://host:port: https://127.0.0.1:1")]
    fn another_is_refused() {
        Upstream::new("https://127.0.0.1:1");
    }
}
