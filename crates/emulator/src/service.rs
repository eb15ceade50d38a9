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

/// An operation of a service's API: every service has a table of all, which docs/emulator.md is
/// written from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Operation {
    /// AWS's name.
    pub name: &'static str,
    /// How far it is served.
    pub support: Support,
}

impl Operation {
    /// Served as AWS does.
    pub const fn implemented(name: &'static str) -> Self {
        Self {
            name,
            support: Support::Implemented,
        }
    }

    /// Served but for `what`.
    pub const fn partly(name: &'static str, what: &'static str) -> Self {
        Self {
            name,
            support: Support::Partly(what),
        }
    }

    /// Answered with 501.
    pub const fn absent(name: &'static str) -> Self {
        Self {
            name,
            support: Support::NotImplemented,
        }
    }
}

/// How far an operation is served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Support {
    /// It does what AWS does.
    Implemented,
    /// It is served but for this: such requests are refused, or this is stored and not enforced.
    Partly(&'static str),
    /// It answers 501 `NotImplemented` with its name.
    NotImplemented,
}
