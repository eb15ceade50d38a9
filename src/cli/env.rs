//! `pipectl env`

use std::collections::BTreeMap;

use super::{Ended, Global, session};
use crate::render::{Renderer, human};
use crate::target::Credentials;

/// Print what points the AWS CLI and any SDK at the target: eval "$(pipectl env)"
///
/// Version 1 of the AWS CLI ignores the endpoint for SQS: pass it --endpoint-url "$AWS_ENDPOINT_URL" there.
#[derive(Debug, clap::Args)]
pub struct EnvArgs {}

pub(super) async fn run(global: &Global, _args: EnvArgs, renderer: &Renderer) -> Ended {
    let (stack, row) = session::recorded_row(global)?;
    let target = session::reach(global, &stack, row, false, renderer).await?;
    let Credentials::Fixed { key, secret } = row.credentials;
    let variables = BTreeMap::from([
        ("AWS_ENDPOINT_URL", target.endpoint.clone()),
        ("AWS_REGION", target.region().to_owned()),
        ("AWS_DEFAULT_REGION", target.region().to_owned()),
        ("AWS_ACCESS_KEY_ID", key.to_owned()),
        ("AWS_SECRET_ACCESS_KEY", secret.to_owned()),
    ]);
    renderer.data(&variables, || human::exports(&variables));
    Ok(())
}
