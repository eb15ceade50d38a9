//! S3: buckets, objects with versions, listings, multipart uploads, notifications to functions, and
//! code for functions.
//!
//! ```text
//!   gateway ─► wire (credentials and framing off) ─► s3s (XML, headers, routing) ─► handlers
//!                                                                                     │
//!        function service ◄── bus ◄── events ◄── outbox ◄── one transaction ◄─────── state
//! ```
//!
//! `state*` is what survives a crash and knows no HTTP: rows in SQLite, bodies as files named by
//! random ids. `handlers*` hold one function per operation, by group. `wire*` is what s3s leaves
//! to do. An operation without a handler answers 501 with its name.

mod handlers;
mod handlers_attributes;
mod handlers_bucket;
#[cfg(test)]
mod handlers_checksum_tests;
mod handlers_complete;
#[cfg(test)]
mod handlers_condition_tests;
mod handlers_config;
mod handlers_copy;
mod handlers_events;
#[cfg(test)]
mod handlers_events_tests;
#[cfg(test)]
mod handlers_fault_tests;
mod handlers_list;
mod handlers_multipart;
mod handlers_object;
mod handlers_read;
#[cfg(test)]
mod handlers_tests;
mod handlers_upload;
mod handlers_uploads;
mod operations;
mod state;
mod state_body;
mod state_checksum;
mod state_conditions;
mod state_errors;
mod state_events;
#[cfg(test)]
mod state_fault_tests;
mod state_list;
#[cfg(test)]
mod state_list_tests;
mod state_multipart;
#[cfg(test)]
mod state_multipart_tests;
mod state_objects;
mod state_rows;
mod state_rules;
mod state_schema;
mod state_steps;
#[cfg(test)]
mod state_tests;
mod state_uploads;
#[cfg(test)]
mod test_fixture;
mod wire;
mod wire_absent;
mod wire_chunked;
mod wire_claims;
mod wire_documents;
mod wire_names;
mod wire_presign;
#[cfg(test)]
mod wire_refusal_tests;
mod wire_tags;
mod wire_target;
#[cfg(test)]
mod wire_tests;

use std::fs::File;
use std::sync::Arc;

use s3s::service::S3ServiceBuilder;

use self::handlers::{Api, Core};
use self::handlers_read::marker_error;
use self::state::Store;
use crate::bus::ObjectPort;
use crate::error::AwsError;
use crate::server::{Shared, StartError};
use crate::service::{Request, Response, Service};
pub(crate) use operations::OPERATIONS;

/// The S3 service of one emulator.
pub(crate) struct S3Service {
    core: Arc<Core>,
    wire: s3s::service::S3Service,
}

/// Opens the store under the emulator's data directory and sweeps what a crash left there.
pub(crate) fn open(shared: Arc<Shared>) -> Result<Arc<S3Service>, StartError> {
    let store = Store::open(
        &shared.data_dir.join("s3"),
        Arc::clone(&shared.clock),
        shared.durability,
    )?;
    let core = Arc::new(Core::new(store, shared));
    let mut builder = S3ServiceBuilder::new(Api(Arc::clone(&core)));
    builder.set_host(wire_names::Hosts);
    builder.set_validation(wire_names::Names);
    Ok(Arc::new(S3Service {
        core,
        wire: builder.build(),
    }))
}

impl S3Service {
    /// Hands over the events that an earlier run could not, and keeps on retrying those that the
    /// function service refuses. Called once, inside the runtime, when the bus is connected.
    pub(crate) fn start(&self) {
        match self.core.store.outbox() {
            Ok(left_over) => self.core.deliver(left_over),
            Err(error) => tracing::error!(
                %error,
                "cannot read the S3 events of an earlier run; they are handed over at the next start"
            ),
        }
        tokio::spawn(Arc::clone(&self.core).retry());
    }
}

impl ObjectPort for S3Service {
    fn open(&self, bucket: &str, key: &str, version_id: Option<&str>) -> Result<File, AwsError> {
        let found = self.core.store.find(bucket, key, version_id)?;
        found.file.ok_or_else(|| marker_error(version_id.is_some()))
    }
}

#[async_trait::async_trait]
impl Service for S3Service {
    async fn call(&self, request: Request) -> Response {
        let caller = wire::caller(&request);
        let method = request.method().clone();
        let now_ms = self.core.shared.clock.now_ms();
        let response = match wire::incoming(request, caller.clone(), now_ms).await {
            Ok(request) => self.wire.call(request).await.unwrap_or_else(|error| {
                let error: s3s::StdError = error.into();
                tracing::error!(%error, "s3 could not write its answer");
                wire::plain_failure(error.to_string())
            }),
            Err(error) => wire::refusal(error),
        };
        wire::outgoing(&method, response, &caller)
    }

    fn resources(&self) -> u64 {
        self.core.store.count_buckets().unwrap_or_else(|error| {
            tracing::error!(%error, "cannot count the buckets");
            // Unknown is not none: a store in trouble must not look empty.
            1
        })
    }
}
