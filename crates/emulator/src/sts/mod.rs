//! STS: who the caller is. Everybody is the root of the one account.
//!
//! There is no state, so no `state.rs`: credentials are never checked, and no temporary ones are
//! given out.

mod handlers;
mod operations;
mod wire;

use crate::service::{Request, Response, Service};
pub(crate) use operations::OPERATIONS;

pub(crate) use wire::{form_value, query_error};

/// AWS STS.
pub(crate) struct StsService;

#[async_trait::async_trait]
impl Service for StsService {
    async fn call(&self, request: Request) -> Response {
        handlers::answer(request).await
    }

    fn resources(&self) -> u64 {
        0
    }
}
