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
    let region = Some(target.region().to_owned());
    // Whatever is not set is taken away: another target's would go before what is found without it.
    let mut variables = BTreeMap::from([
        ("AWS_REGION", region.clone()),
        ("AWS_DEFAULT_REGION", region),
        ("AWS_ENDPOINT_URL", target.endpoint().map(str::to_owned)),
        ("AWS_ACCESS_KEY_ID", None),
        ("AWS_SECRET_ACCESS_KEY", None),
        ("AWS_SESSION_TOKEN", None),
        ("AWS_PROFILE", None),
    ]);
    match &row.credentials {
        // They are the endpoint's, or the environment's own: nothing that must not be seen.
        Credentials::Keys { .. } => {
            let keys = target.connection.credentials().provide_credentials().await;
            let keys = keys.map_err(|error| TargetError::NoCredentials {
                target: row.name.to_string(),
                cause: error.to_string(),
            })?;
            let token = keys.session_token().map(str::to_owned);
            variables.insert("AWS_ACCESS_KEY_ID", Some(keys.access_key_id().to_owned()));
            variables.insert(
                "AWS_SECRET_ACCESS_KEY",
                Some(keys.secret_access_key().to_owned()),
            );
            variables.insert("AWS_SESSION_TOKEN", token);
        }
        Credentials::Chain {
            profile: Some(profile),
        } => {
            variables.insert("AWS_PROFILE", Some(profile.to_string()));
        }
        // Other tools find what was found here, where it is.
        Credentials::Chain { profile: None } => {
            variables.retain(|name, value| value.is_some() || *name == "AWS_ENDPOINT_URL");
        }
    }
    renderer.data(&variables, || human::exports(&variables));
    Ok(())
}
