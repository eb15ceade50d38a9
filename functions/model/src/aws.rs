//! What both functions need of their surroundings: SDK clients, logging, the time, whether this is
//! the environment's first invocation.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_config::retry::RetryConfig;
use aws_config::{BehaviorVersion, SdkConfig};
use aws_sdk_s3::config::{RequestChecksumCalculation, ResponseChecksumValidation};
use aws_smithy_http_client::Builder;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use tracing::level_filters::LevelFilter;
use tracing_subscriber::fmt::MakeWriter;

/// Configuration from the function's environment. A plain HTTP endpoint loads no root certificates,
/// which would cost most of a cold start.
pub async fn config() -> SdkConfig {
    let client = if endpoint().is_some_and(|endpoint| endpoint.starts_with("http://")) {
        Builder::new().build_http()
    } else {
        Builder::new()
            .tls_provider(Provider::Rustls(CryptoMode::Ring))
            .build_https()
    };
    aws_config::defaults(BehaviorVersion::latest())
        .http_client(client)
        .retry_config(
            // A second, which is the SDK's own first pause, is much of a function's time.
            RetryConfig::standard()
                .with_max_attempts(3)
                .with_initial_backoff(Duration::from_millis(100)),
        )
        .load()
        .await
}

/// An S3 client; by path-style addresses and with checksums only where required when an endpoint is
/// set, because that is what S3 look-alikes understand. // aws-behaviours S20
pub fn s3(config: &SdkConfig) -> aws_sdk_s3::Client {
    let mut builder = aws_sdk_s3::config::Builder::from(config);
    if endpoint().is_some() {
        builder = builder
            .force_path_style(true)
            .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
            .response_checksum_validation(ResponseChecksumValidation::WhenRequired);
    }
    aws_sdk_s3::Client::from_conf(builder.build())
}

fn endpoint() -> Option<String> {
    std::env::var("AWS_ENDPOINT_URL")
        .ok()
        .filter(|url| !url.is_empty())
}

/// Writes logs to standard output, one JSON object a line, whatever the target. Level by
/// `AWS_LAMBDA_LOG_LEVEL`, else INFO. To be called once, first.
pub fn init_logging() {
    let level = level(std::env::var("AWS_LAMBDA_LOG_LEVEL").ok().as_deref());
    let set = tracing::subscriber::set_global_default(subscriber(level, std::io::stdout));
    if let Err(error) = set {
        tracing::warn!(%error, "logging was set up before");
    }
}

/// Lambda's names of levels; FATAL is no level here, so it is ERROR.
fn level(name: Option<&str>) -> LevelFilter {
    let name = name.unwrap_or_default();
    if name.eq_ignore_ascii_case("FATAL") {
        return LevelFilter::ERROR;
    }
    // "off" and numbers parse as well, and an empty name is ERROR: none is a level of Lambda.
    ["TRACE", "DEBUG", "INFO", "WARN", "ERROR"]
        .iter()
        .find(|level| name.eq_ignore_ascii_case(level))
        .and_then(|level| level.parse().ok())
        .unwrap_or(LevelFilter::INFO)
}

fn subscriber<W>(level: LevelFilter, writer: W) -> impl tracing::Subscriber + Send + Sync
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    // The current span is the runtime's and carries the request id.
    tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_current_span(true)
        .with_span_list(false)
        .with_target(false)
        .with_ansi(false)
        .with_max_level(level)
        .with_writer(writer)
        .finish()
}

/// An environment variable that the function cannot do without.
pub fn required(name: &str) -> Result<String, String> {
    std::env::var(name)
        .ok()
        .filter(|value| !value.is_empty())
        .ok_or_else(|| format!("the environment variable {name} is not set"))
}

/// Milliseconds since the Unix epoch by this machine's clock.
pub fn now_ms() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |elapsed| elapsed.as_millis() as i64)
}

/// True for the first call in this process.
pub fn is_cold() -> bool {
    static WARM: AtomicBool = AtomicBool::new(false);
    !WARM.swap(true, Ordering::Relaxed)
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl Write for Written {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().expect("no holder panics").write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn logs_are_json_lines_with_the_fields_at_the_top() {
        let written = Written::default();
        let into = written.clone();
        let subscriber = subscriber(LevelFilter::INFO, move || into.clone());
        tracing::subscriber::with_default(subscriber, || {
            let span = tracing::info_span!("invocation", requestId = "r1");
            let _entered = span.enter();
            tracing::info!(job_id = "j", lines = 3, "a \"quoted\"\nmessage");
            tracing::debug!("below the level");
        });
        let text = String::from_utf8(written.0.lock().expect("no holder panics").clone());
        let text = text.expect("UTF-8");
        assert_eq!(text.lines().count(), 1, "{text}");
        assert!(!text.contains('\u{1b}'));
        let line: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(line["level"], "INFO");
        assert_eq!(line["message"], "a \"quoted\"\nmessage");
        assert_eq!((&line["job_id"], &line["lines"]), (&"j".into(), &3.into()));
        assert_eq!(line["span"]["requestId"], "r1");
        assert!(line["timestamp"].is_string() && line.get("target").is_none());
    }

    #[test]
    fn the_level_is_lambdas_name_or_info() {
        for (name, expected) in [
            (None, LevelFilter::INFO),
            (Some(""), LevelFilter::INFO),
            (Some("loud"), LevelFilter::INFO),
            (Some("0"), LevelFilter::INFO),
            (Some("DEBUG"), LevelFilter::DEBUG),
            (Some("warn"), LevelFilter::WARN),
            (Some("FATAL"), LevelFilter::ERROR),
        ] {
            assert_eq!(level(name), expected, "{name:?}");
        }
    }
}
