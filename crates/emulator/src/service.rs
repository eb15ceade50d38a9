//! What the gateway asks of every service.

use axum::body::Body;

/// An HTTP request whose body streams.
pub type Request = http::Request<Body>;
/// An HTTP response whose body streams.
pub type Response = http::Response<Body>;

/// One AWS service behind the gateway.
#[async_trait::async_trait]
pub trait Service: Send + Sync + 'static {
    /// Answers one request, errors included.
    async fn call(&self, request: Request) -> Response;

    /// How many resources a user made here and has not deleted (buckets, queues, functions,
    /// mappings, tables, log groups): what keeps the emulator from being stopped by `down`.
    fn resources(&self) -> u64;
}
