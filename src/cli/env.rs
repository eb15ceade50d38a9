//! `pipectl env`

use std::collections::BTreeMap;

use aws_credential_types::provider::ProvideCredentials as _;

use super::{Ended, Global, session};
use crate::render::{Renderer, human};
use crate::target::{Credentials, TargetError};

/// Print what points the AWS CLI and any SDK at the target: eval "$(pipectl env)"
///
/// Version 1 of the AWS CLI ignores the endpoint for SQS: pass it --endpoint-url "$AWS_ENDPOINT_URL" there.
#[derive(Debug, clap::Args)]
pub struct EnvArgs {}

pub(super) async fn run(global: &Global, _args: EnvArgs, renderer: &Renderer) -> Ended {
    let (stack, row) = session::recorded_row(global)?;
    let target = session::reach(global, &stack, &row, false, renderer).await?;
    let mut variables = BTreeMap::from([
        ("AWS_REGION", target.region().to_owned()),
        ("AWS_DEFAULT_REGION", target.region().to_owned()),
    ]);
    if let Some(endpoint) = target.endpoint() {
        variables.insert("AWS_ENDPOINT_URL", endpoint.to_owned());
    }
    match &row.credentials {
        // They are the endpoint's, or the environment's own: nothing that must not be seen.
        Credentials::Keys { .. } => {
            let keys = target.connection.credentials().provide_credentials().await;
            let keys = keys.map_err(|error| TargetError::NoCredentials {
                target: row.name.to_string(),
                cause: error.to_string(),
            })?;
            variables.insert("AWS_ACCESS_KEY_ID", keys.access_key_id().to_owned());
            variables.insert("AWS_SECRET_ACCESS_KEY", keys.secret_access_key().to_owned());
        }
        // Other tools find what was found here.
        Credentials::Chain { profile } => {
            if let Some(profile) = profile {
                variables.insert("AWS_PROFILE", profile.to_string());
            }
        }
    }
    renderer.data(&variables, || human::exports(&variables));
    Ok(())
}
