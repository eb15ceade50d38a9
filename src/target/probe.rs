//! What answers at an endpoint: which of the programs that speak LocalStack's protocol, and what that one
//! does differently. Asked once when a target is reached; code asks capabilities, never a name.

use std::time::Duration;

use aws_smithy_http_client::Connector;
use aws_smithy_runtime_api::client::http::HttpConnector as _;
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_types::byte_stream::ByteStream;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use super::{Capabilities, connection};

/// Longest wait for one answer. An endpoint that is busy must not be taken for another one: what is chosen for it
/// would be taken back.
const PATIENCE: Duration = Duration::from_secs(10);
/// Clocks that differ by no more than this say the same: they tell whole seconds, and answers take time.
const SAME_TIME: time::Duration = time::Duration::seconds(5);

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
    /// AWS itself.
    Aws,
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
            ProductName::Aws => "AWS",
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
                // Its containers are those of Lambda's base images.
                capabilities.runs_functions_on_amazon_linux = true;
            }
            ProductName::MiniStack | ProductName::Moto => capabilities.message_move_tasks = false,
            // It has neither, whatever row it stands behind.
            ProductName::Embedded => {
                capabilities.roles = false;
                capabilities.templates = false;
            }
            ProductName::Aws | ProductName::Other => {}
        }
    }
}

/// What an endpoint told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Probed {
    /// What it is.
    pub product: Product,
    /// How far its clock is ahead of this machine's, where they differ by more than such clocks do.
    pub clock_ahead: Option<time::Duration>,
}

impl From<Product> for Probed {
    fn from(product: Product) -> Self {
        Self {
            product,
            clock_ahead: None,
        }
    }
}

/// Asks an endpoint what it is; where nothing tells, it is another one.
pub async fn product(endpoint: &str) -> Product {
    ask(&connection::stray_connector(endpoint), endpoint)
        .await
        .product
}

/// As [`product`], by a connector that trusts what it must trust; and asks it for the time.
pub(super) async fn ask(connector: &Connector, endpoint: &str) -> Probed {
    let mut clock_ahead = None;
    // Each answers with something else, or an error, to the paths of the others.
    for (path, read) in [
        (
            "/_localstack/info",
            localstack as fn(&[u8]) -> Option<Product>,
        ),
        ("/_ministack/health", ministack),
        ("/moto-api/data.json", moto),
        ("/_pipectl/health", embedded),
    ] {
        let Some(answer) = get(connector, &format!("{endpoint}{path}")).await else {
            continue;
        };
        clock_ahead = answer.clock_ahead.or(clock_ahead);
        if let Some(product) = answer.good.as_deref().and_then(read) {
            return Probed {
                product,
                clock_ahead,
            };
        }
    }
    Probed {
        product: Product::named(ProductName::Other),
        clock_ahead,
    }
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

fn embedded(body: &[u8]) -> Option<Product> {
    let told: serde_json::Map<String, serde_json::Value> = serde_json::from_slice(body).ok()?;
    told.contains_key("data_dir")
        .then(|| Product::named(ProductName::Embedded))
}

/// One answer.
struct Answer {
    /// The body, of a success.
    good: Option<Bytes>,
    clock_ahead: Option<time::Duration>,
}

async fn get(connector: &Connector, url: &str) -> Option<Answer> {
    let request = HttpRequest::get(url).ok()?;
    let work = async {
        let response = connector.call(request).await.ok()?;
        let good = response.status().is_success();
        let clock_ahead = clock_ahead(&response);
        let body = ByteStream::new(response.into_body()).collect().await.ok()?;
        Some(Answer {
            good: good.then(|| body.into_bytes()),
            clock_ahead,
        })
    };
    tokio::time::timeout(PATIENCE, work).await.ok()?
}

/// How far the clock of whoever sent an answer is ahead, by the answer's date.
pub(super) fn clock_ahead(response: &HttpResponse) -> Option<time::Duration> {
    let date = response.headers().get("date").and_then(read_date)?;
    ahead(date, OffsetDateTime::now_utc())
}

/// The time in a `Date` header: `Thu, 26 Nov 2026 08:47:56 GMT`.
fn read_date(text: &str) -> Option<OffsetDateTime> {
    OffsetDateTime::parse(text, &time::format_description::well_known::Rfc2822).ok()
}

/// How far a clock that says `date` is ahead; none within what seconds and a slow answer explain.
fn ahead(date: OffsetDateTime, now: OffsetDateTime) -> Option<time::Duration> {
    let ahead = date - now;
    (ahead.abs() > SAME_TIME).then_some(ahead)
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

    #[test]
    fn clocks_differ_by_more_than_seconds_and_slow_answers() {
        let date = read_date("Thu, 26 Nov 2026 08:47:56 GMT").expect("a date");
        let at = |seconds: i64| ahead(date, date - time::Duration::seconds(seconds));
        assert_eq!((at(0), at(5), at(-5)), (None, None, None));
        assert_eq!(at(180), Some(time::Duration::minutes(3)));
        assert_eq!(at(-180), Some(time::Duration::minutes(-3)));
        assert_eq!(read_date("yesterday"), None);
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
