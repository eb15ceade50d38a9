//! What answers at an endpoint: which of the programs that speak LocalStack's protocol, and what that one
//! does differently. Asked once when a target is reached; code asks capabilities, never a name.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::Request;
use hyper_util::rt::TokioIo;
use serde::{Deserialize, Serialize};

use super::Capabilities;

/// Longest wait for one answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// A program that serves AWS's protocols.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Product {
    /// Which one.
    pub name: ProductName,
    /// As it says itself.
    pub version: Option<String>,
}

/// Programs that are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ProductName {
    /// pipectl's own emulator.
    Embedded,
    /// LocalStack.
    LocalStack,
    /// MiniStack.
    MiniStack,
    /// moto's server.
    Moto,
    /// None of these.
    Other,
}

impl std::fmt::Display for Product {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let name = match self.name {
            ProductName::Embedded => "the embedded target",
            ProductName::LocalStack => "LocalStack",
            ProductName::MiniStack => "MiniStack",
            ProductName::Moto => "moto",
            ProductName::Other => "an endpoint that does not say what it is",
        };
        match &self.version {
            Some(version) => write!(f, "{name} {version}"),
            None => f.write_str(name),
        }
    }
}

impl Product {
    /// One that is known by name alone.
    pub fn named(name: ProductName) -> Self {
        Self {
            name,
            version: None,
        }
    }

    /// What it does differently from what a row says.
    pub fn adjust(&self, capabilities: &mut Capabilities) {
        match self.name {
            // Its poller waits a second after each batch, but uses a batching window as a long poll.
            // aws-behaviours §11
            // After an update the poller that was before writes `Disabled` over the state of the new one.
            ProductName::LocalStack => {
                capabilities.window_is_long_poll = true;
                capabilities.mappings_update_in_place = false;
            }
            ProductName::MiniStack | ProductName::Moto => capabilities.message_move_tasks = false,
            ProductName::Embedded | ProductName::Other => {}
        }
    }
}

/// Asks an endpoint what it is. Over TLS, and where nothing tells, it is another one.
pub async fn product(endpoint: &str) -> Product {
    let Some(authority) = endpoint.strip_prefix("http://") else {
        return Product::named(ProductName::Other);
    };
    // Each answers with something else, or an error, to the paths of the others.
    for (path, read) in [
        (
            "/_localstack/info",
            localstack as fn(&[u8]) -> Option<Product>,
        ),
        ("/_ministack/health", ministack),
        ("/moto-api/data.json", moto),
    ] {
        if let Some(product) = get(authority, path).await.as_deref().and_then(read) {
            return product;
        }
    }
    Product::named(ProductName::Other)
}

/// The parts that are used of what they tell.
#[derive(Deserialize)]
struct Told {
    version: Option<String>,
    edition: Option<String>,
}

fn told(name: ProductName, body: &[u8]) -> Option<Product> {
    let told: Told = serde_json::from_slice(body).ok()?;
    // Both tell an edition, and hardly anybody else does.
    told.edition?;
    Some(Product {
        name,
        version: told.version,
    })
}

fn localstack(body: &[u8]) -> Option<Product> {
    told(ProductName::LocalStack, body)
}

fn ministack(body: &[u8]) -> Option<Product> {
    told(ProductName::MiniStack, body)
}

fn moto(body: &[u8]) -> Option<Product> {
    let services: serde_json::Map<String, serde_json::Value> = serde_json::from_slice(body).ok()?;
    let is_moto = services.contains_key("sts") || services.is_empty();
    is_moto.then(|| Product::named(ProductName::Moto))
}

/// The body of a good answer; none otherwise.
async fn get(authority: &str, path: &str) -> Option<Bytes> {
    let host = authority.split('/').next()?;
    let address = if host.rsplit(']').next()?.contains(':') {
        host.to_owned()
    } else {
        format!("{host}:80")
    };
    let work = async {
        let stream = tokio::net::TcpStream::connect(address).await.ok()?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
            .await
            .ok()?;
        let driver = tokio::spawn(connection);
        let request = Request::get(path)
            .header("host", host)
            .body(Empty::<Bytes>::new())
            .ok()?;
        let response = sender.send_request(request).await.ok()?;
        let good = response.status().is_success();
        let body = response.into_body().collect().await.ok()?.to_bytes();
        driver.abort();
        good.then_some(body)
    };
    tokio::time::timeout(PATIENCE, work).await.ok()?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_known_by_its_own_words() {
        let told = br#"{"version": "4.14.0", "edition": "unknown", "is_docker": true}"#;
        let product = localstack(told).expect("LocalStack");
        assert_eq!(product.to_string(), "LocalStack 4.14.0");
        let told = br#"{"services": {}, "edition": "light", "version": "1.5.33"}"#;
        assert_eq!(
            ministack(told).expect("MiniStack").to_string(),
            "MiniStack 1.5.33"
        );
        for other in [&b"{\"services\": {}}"[..], b"<html>", b"[]"] {
            assert_eq!(localstack(other), None);
        }
        assert!(moto(br#"{"sts": {}}"#).is_some() && moto(b"<Error/>").is_none());
    }

    #[tokio::test]
    async fn what_does_not_answer_is_another_one() {
        assert_eq!(product("http://127.0.0.1:9").await.name, ProductName::Other);
        assert_eq!(
            product("https://localhost:1").await.name,
            ProductName::Other
        );
    }

    #[tokio::test]
    async fn a_server_of_another_kind_is_another_one() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a port");
        let endpoint = format!("http://{}", listener.local_addr().expect("an address"));
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
                let mut request = [0; 1024];
                let _ = stream.read(&mut request).await;
                let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 13\r\nconnection: close\r\n\r\n<html></html>";
                let _ = stream.write_all(answer).await;
            }
        });
        assert_eq!(product(&endpoint).await.name, ProductName::Other);
    }
}
