//! The fault proxy: stands between AWS SDK clients and an endpoint, and lets a chosen call go wrong.
//!
//! Path-style S3 and plain HTTP/1.1 on loopback only. A service may have another upstream than the rest.
//! Bodies are read whole before they go on, so a call is there or it is not; what a fault does not hit goes
//! through as it came, `Host` included.
//!
//! ```no_run
//! use pipectl_testkit::fault::{Fault, FaultKind, FaultProxy};
//!
//! let proxy = FaultProxy::start("http://127.0.0.1:4566");
//! proxy.arm(Fault::new("CreateQueue", FaultKind::CutAfter).nth(2));
//! // … let a client work at `proxy.url()`, then ask what it did:
//! assert!(proxy.calls().iter().any(|call| call.fault.is_some()));
//! ```

mod answer;
mod ledger;
pub(crate) mod operation;
mod proxy;
#[cfg(test)]
mod tests;
mod upstream;

use std::time::Duration;

pub use proxy::FaultProxy;

/// A call that arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// Name of the service in signatures, e.g. `sqs`; empty for a path that is of no service, such as a
    /// health address.
    pub service: String,
    /// Name of the operation, e.g. `CreateQueue`; method and path where it has none.
    pub operation: String,
    /// Which of the calls of this operation it is, from 1, since the start or the last reset.
    pub nth: usize,
    /// The bucket, queue, function, table or log group, as far as the request tells; else empty.
    ///
    /// Of a mapping that its path names it is the UUID, and of a listing by prefix it is the prefix.
    pub resource: String,
    /// Whether it may change something.
    pub writes: bool,
    /// Status of the answer, by the upstream or by a fault. None until it is there, and for ever when
    /// the call was refused, or the upstream gave no answer.
    ///
    /// A call that was cut has the status that its client did not see.
    pub status: Option<u16>,
    /// The fault that hit it.
    pub fault: Option<FaultKind>,
}

/// Something that goes wrong with certain calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Name of the operation, e.g. `CreateQueue`. `lambda:TagResource` is that of one service only, and
    /// `*` is any: `*`, `s3:*`.
    pub operation: String,
    /// First call that is hit, from 1: counted as [`Call::nth`] is, from the start or the last reset and
    /// not from the moment of arming, and over all calls that `operation` and `resource` fit.
    pub nth: usize,
    /// How many calls are hit from there on. `usize::MAX` is all of them.
    pub times: usize,
    /// Only calls on it are hit and counted.
    pub resource: Option<String>,
    /// Only calls that come after one of this operation are hit and counted.
    pub after: Option<String>,
    /// How long after the first call that was hit others still are.
    pub lasts: Option<Duration>,
    /// What happens to them.
    pub kind: FaultKind,
}

/// What happens to a call that is hit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FaultKind {
    /// The connection is closed without an answer, and the upstream never sees the call.
    RefuseBefore,
    /// The upstream gets the call and answers it; then the connection is closed without an answer.
    CutAfter,
    /// The upstream gets the call only after this long.
    Delay(Duration),
    /// An error as AWS shapes it in the protocol of the call, which the upstream never sees.
    Answer {
        /// HTTP status.
        status: u16,
        /// AWS's code, e.g. `ThrottlingException`.
        code: String,
        /// The message.
        message: String,
    },
    /// An answer as it is, which the upstream never sees the call for: a redirect, or a success that tells of
    /// failures.
    Reply {
        /// HTTP status.
        status: u16,
        /// Headers besides those of every answer, names in small letters.
        headers: Vec<(String, String)>,
        /// Body.
        body: String,
    },
}

impl Fault {
    /// Hits the first call of an operation, and no other.
    pub fn new(operation: impl Into<String>, kind: FaultKind) -> Self {
        Self {
            operation: operation.into(),
            nth: 1,
            times: 1,
            resource: None,
            after: None,
            lasts: None,
            kind,
        }
    }

    /// Hits from this call on, counted from 1.
    #[must_use]
    pub fn nth(mut self, nth: usize) -> Self {
        self.nth = nth;
        self
    }

    /// Hits so many calls, one after the other.
    #[must_use]
    pub fn times(mut self, times: usize) -> Self {
        self.times = times;
        self
    }

    /// Hits and counts calls on this resource only.
    #[must_use]
    pub fn on(mut self, resource: impl Into<String>) -> Self {
        self.resource = Some(resource.into());
        self
    }

    /// Hits and counts only calls that come after one of this operation.
    #[must_use]
    pub fn after(mut self, operation: impl Into<String>) -> Self {
        self.after = Some(operation.into());
        self
    }

    /// Hits every call for so long, from the first that is hit.
    #[must_use]
    pub fn lasting(mut self, time: Duration) -> Self {
        self.times = usize::MAX;
        self.lasts = Some(time);
        self
    }

    /// Does it count this call?
    fn counts(&self, call: &Call) -> bool {
        let is = |wanted: &str, found: &str| wanted == "*" || wanted == found;
        let (service, operation) = self
            .operation
            .split_once(':')
            .unwrap_or(("*", &self.operation));
        let on = self.resource.as_deref().unwrap_or("*");
        is(service, &call.service) && is(operation, &call.operation) && is(on, &call.resource)
    }

    /// Does it hit the call that it counts as this one?
    fn hits(&self, which: usize) -> bool {
        which
            .checked_sub(self.nth)
            .is_some_and(|after| after < self.times)
    }
}

impl FaultKind {
    /// An error answer.
    pub fn answer(status: u16, code: impl Into<String>, message: impl Into<String>) -> Self {
        Self::Answer {
            status,
            code: code.into(),
            message: message.into(),
        }
    }

    /// An answer as it is.
    pub fn reply(status: u16, headers: &[(&str, &str)], body: impl Into<String>) -> Self {
        let headers = headers.iter();
        Self::Reply {
            status,
            headers: headers
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
            body: body.into(),
        }
    }

    /// The answer by which a service asks for fewer calls. // aws-behaviours S19, L14, D19
    pub fn throttled(service: &str) -> Self {
        match service {
            "s3" => Self::answer(503, "SlowDown", "Please reduce your request rate."),
            "lambda" => Self::answer(429, "TooManyRequestsException", "Rate exceeded"),
            "sts" => Self::answer(400, "Throttling", "Rate exceeded"),
            _ => Self::answer(400, "ThrottlingException", "Rate exceeded"),
        }
    }

    /// The answer by which a service says that the fault is its own.
    pub fn internal_error(service: &str) -> Self {
        let code = match service {
            "s3" => "InternalError",
            "lambda" => "ServiceException",
            "dynamodb" => "InternalServerError",
            "logs" => "ServiceUnavailableException",
            _ => "InternalFailure",
        };
        let message = "We encountered an internal error. Please try again.";
        Self::answer(500, code, message)
    }
}
