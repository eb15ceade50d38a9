//! The listener: binds, goes on accepting when descriptors run out, and can cut its connections.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

use super::StartError;

/// Until a connection is accepted again after one could not be: it waits in the meantime.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// As many open files as are asked for at most. Some systems allow a billion, and programs that
/// walk over every descriptor they might have (functions inherit the limit) would never end.
const MOST_OPEN_FILES: u64 = 65_536;

/// Binds the listener; the second value is the endpoint for clients on this machine.
pub(super) async fn bind(address: IpAddr, port: u16) -> Result<(TcpListener, String), StartError> {
    let wanted = SocketAddr::new(address, port);
    let refused = |source: io::Error| match source.kind() {
        io::ErrorKind::AddrInUse => StartError::PortTaken { port },
        _ => StartError::Listen {
            address: wanted,
            source,
        },
    };
    let listener = TcpListener::bind(wanted).await.map_err(refused)?;
    let mut bound = listener.local_addr().map_err(refused)?;
    // "Every address" is nothing that a client can connect to.
    if bound.ip().is_unspecified() {
        bound.set_ip(match bound.ip() {
            IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        });
    }
    Ok((listener, format!("http://{bound}")))
}

/// Lets this process open as many files as it may: every connection, store, object being read and
/// process of a function takes some, and the usual soft limit is 1,024.
pub(super) fn raise_open_files() {
    let limit = getrlimit(Resource::Nofile);
    let most = limit.maximum.unwrap_or(u64::MAX).min(MOST_OPEN_FILES);
    let Some(current) = limit.current.filter(|current| *current < most) else {
        return;
    };
    let raised = Rlimit {
        current: Some(most),
        maximum: limit.maximum,
    };
    match setrlimit(Resource::Nofile, raised) {
        Ok(()) => tracing::debug!(from = current, to = most, "raised the limit of open files"),
        Err(error) => tracing::debug!(current, %error, "the limit of open files stays"),
    }
}

/// Accepts connections that end when `cut` is cancelled.
#[derive(Debug)]
pub(super) struct Listener {
    pub inner: TcpListener,
    pub cut: CancellationToken,
}

impl axum::serve::Listener for Listener {
    type Io = Connection;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Connection, SocketAddr) {
        let mut told = false;
        loop {
            match self.inner.accept().await {
                Ok((stream, address)) => {
                    // Answers are small and clients wait for them: without this, Nagle's algorithm
                    // and delayed acknowledgements together hold some of them for 40 ms.
                    if let Err(error) = stream.set_nodelay(true) {
                        tracing::debug!("TCP_NODELAY: {error}");
                    }
                    return (Connection::new(stream, &self.cut), address);
                }
                // The client has gone again.
                Err(error)
                    if matches!(
                        error.kind(),
                        io::ErrorKind::ConnectionAborted
                            | io::ErrorKind::ConnectionReset
                            | io::ErrorKind::Interrupted
                    ) => {}
                // No descriptors, no memory: the connection stays in the queue, so trying again at
                // once would spin. Said once for each time of trouble.
                Err(error) => {
                    if !std::mem::replace(&mut told, true) {
                        tracing::error!(
                            %error,
                            "no connection can be accepted; new ones wait (`ulimit -n` is the \
                             limit of open files)"
                        );
                    }
                    // It lasts that long, or until the stop.
                    let _ = tokio::time::timeout(ACCEPT_PAUSE, self.cut.cancelled()).await;
                }
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.inner.local_addr()
    }
}

/// A connection that fails when it is cut, whatever it waits for.
pub(super) struct Connection {
    stream: TcpStream,
    cut: Pin<Box<WaitForCancellationFutureOwned>>,
}

impl Connection {
    fn new(stream: TcpStream, cut: &CancellationToken) -> Self {
        Self {
            stream,
            cut: Box::pin(cut.clone().cancelled_owned()),
        }
    }

    /// The stream, while it is not cut.
    fn whole(&mut self, cx: &mut Context<'_>) -> io::Result<Pin<&mut TcpStream>> {
        match self.cut.as_mut().poll(cx) {
            Poll::Ready(()) => Err(io::ErrorKind::ConnectionAborted.into()),
            Poll::Pending => Ok(Pin::new(&mut self.stream)),
        }
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.whole(cx)?.poll_read(cx, buffer)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.whole(cx)?.poll_write(cx, data)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.whole(cx)?.poll_write_vectored(cx, data)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.whole(cx)?.poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.stream).poll_shutdown(cx))?;
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_taken_port_is_named() {
        let localhost = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let (taken, endpoint) = bind(localhost, 0).await.expect("some port");
        let port = taken.local_addr().expect("an address").port();
        assert_eq!(endpoint, format!("http://127.0.0.1:{port}"));
        assert!(matches!(
            bind(localhost, port).await,
            Err(StartError::PortTaken { port: named }) if named == port
        ));
    }

    #[test]
    fn as_many_files_may_be_open_as_the_machine_allows() {
        raise_open_files();
        let limit = getrlimit(Resource::Nofile);
        let most = limit.maximum.unwrap_or(u64::MAX).min(MOST_OPEN_FILES);
        assert!(
            limit.current.is_none_or(|current| current >= most),
            "{limit:?}"
        );
    }
}
