//! TLS in front of an endpoint, with a certificate that nobody knows unless told.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::JoinHandle;

use rcgen::{CertifiedKey, KeyPair};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::{
    ClientConfig, ClientConnection, RootCertStore, ServerConfig, StreamOwned,
};

/// A listener that speaks TLS and passes on what is in it. It ends on drop.
#[derive(Debug)]
pub struct TlsFront {
    url: String,
    certificate: String,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl TlsFront {
    /// Starts one for `localhost` in front of `http://ADDRESS:PORT`.
    ///
    /// # Panics
    /// When the endpoint is none, or there is no port.
    pub fn start(upstream: &str) -> Self {
        let address = upstream.trim_start_matches("http://");
        let upstream: SocketAddr = address.parse().expect("an address and a port");
        let made = certificate();
        let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).expect("a key");
        let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .expect("versions of TLS")
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key)
            .expect("a key that fits");
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a port");
        listener.set_nonblocking(true).expect("a listener");
        let port = listener.local_addr().expect("its address").port();
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("a runtime");
            runtime.block_on(async {
                let listener = TcpListener::from_std(listener).expect("a listener");
                let acceptor = TlsAcceptor::from(Arc::new(config));
                tokio::select! {
                    () = serve(&listener, &acceptor, upstream) => {}
                    _ = stopped => {}
                }
            });
        });
        Self {
            url: format!("https://localhost:{port}"),
            certificate: made.cert.pem(),
            stop: Some(stop),
            thread: Some(thread),
        }
    }

    /// Where clients have to send their calls.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The certificate to trust, in PEM form.
    pub fn certificate(&self) -> &str {
        &self.certificate
    }
}

impl Drop for TlsFront {
    fn drop(&mut self) {
        // Neither fails unless the thread is gone.
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// A new certificate for this machine, by name and by address, with its key.
pub(crate) fn certificate() -> CertifiedKey<KeyPair> {
    let names = ["localhost", "127.0.0.1"].map(str::to_owned);
    rcgen::generate_simple_self_signed(names).expect("a certificate")
}

/// A stream in which TLS is spoken with a server that has this certificate, in PEM form.
pub(crate) fn trusting(
    stream: std::net::TcpStream,
    host: &str,
    certificate: &str,
) -> io::Result<StreamOwned<ClientConnection, std::net::TcpStream>> {
    let mut roots = RootCertStore::empty();
    let certificate =
        CertificateDer::from_pem_slice(certificate.as_bytes()).map_err(io::Error::other)?;
    roots.add(certificate).map_err(io::Error::other)?;
    let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let host = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
    let connection = ClientConnection::new(Arc::new(config), host).map_err(io::Error::other)?;
    Ok(StreamOwned::new(connection, stream))
}

async fn serve(listener: &TcpListener, acceptor: &TlsAcceptor, upstream: SocketAddr) {
    loop {
        // One that is gone already; others come.
        let Ok((stream, _)) = listener.accept().await else {
            continue;
        };
        let acceptor = acceptor.clone();
        // It fails whenever one of both ends it, or a client does not trust us.
        tokio::spawn(async move {
            let mut inside = acceptor.accept(stream).await?;
            let mut outside = TcpStream::connect(upstream).await?;
            tokio::io::copy_bidirectional(&mut inside, &mut outside).await
        });
    }
}
