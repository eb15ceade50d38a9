//! Learner Labs of AWS Academy: accounts in which nothing of IAM may be written, and one role is there for
//! everything.

use aws_sdk_iam::error::ProvideErrorMetadata as _;

use super::Target;

/// What the caller's ARN holds in a lab. // aws-behaviours I9
const CALLER: &str = ":assumed-role/voclabs/";
/// The role that every lab has. // aws-behaviours I8
pub const LAB_ROLE: &str = "LabRole";

/// Most invocations at once of one mapping in a lab, which has ten for everything. // aws-behaviours L16
pub const MAX_CONCURRENCY: u32 = 5;

/// Is it a lab's session?
pub(super) fn is_caller(arn: &str) -> bool {
    arn.contains(CALLER)
}

/// ARN of the lab's role; none where there is none. Where it may not be looked at, it is taken to be there.
pub(super) async fn role(target: &Target) -> Option<String> {
    let iam = aws_sdk_iam::Client::new(&target.connection.sdk_config());
    let usual = || {
        let (partition, account) = (target.partition(), &target.account);
        format!("arn:{partition}:iam::{account}:role/{LAB_ROLE}")
    };
    match iam.get_role().role_name(LAB_ROLE).send().await {
        Ok(answer) => Some(answer.role.map_or_else(usual, |role| role.arn)),
        Err(error) if error.code() == Some("NoSuchEntity") => None,
        Err(_) => Some(usual()),
    }
}
