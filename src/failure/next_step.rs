//! What to do next about a call that failed or a resource that is refused.

use crate::plan::Remedy;
use crate::resource::{CallError, Cause, cause};
use crate::target::refused;

/// What to do about a refusal.
pub(super) fn remedy(remedy: Remedy) -> &'static str {
    match remedy {
        Remedy::Adopt => {
            "take it over with --adopt, give it another name in the stack, or remove what is in the way"
        }
        Remedy::LoseData => {
            "delete the data too with --force, or keep it: `retain: true` in the stack"
        }
        Remedy::SaveData => "save the data elsewhere, then let it go with --force",
        Remedy::Release => {
            "take `retain: true` out of the stack first, or give the new one another name"
        }
        Remedy::ReserveLess => {
            "lower `reserved_concurrency`, or ask AWS for more: Service Quotas, Lambda, Concurrent executions"
        }
        Remedy::Rename => "give it another name in the stack, or remove what is in the way",
    }
}

/// What to do about a failed call. Told by its cause, where it has one that passes.
pub(super) fn next_step(error: &CallError) -> &'static str {
    if error.unreachable {
        return "the target does not answer any more: see whether it runs, then run it again";
    }
    if error.is_bad_credentials() {
        return "get new credentials (`aws sso login`; in a Learner Lab: AWS Details), then run it again to continue";
    }
    // aws-behaviours I12
    if refused::is_clock(&error.code, &error.message) {
        return "set this machine's clock: requests are signed with its time";
    }
    // aws-behaviours I13
    if error.is("PermanentRedirect") || error.is("AuthorizationHeaderMalformed") {
        return "it is in another region: name that one with AWS_REGION, or `region` in the profile or in pipectl.yaml";
    }
    if error.is_refusal() {
        return "look at it with `pipectl plan`";
    }
    // aws-behaviours D4
    if error.says("modified multiple times within a fixed interval") {
        return "expiry of a table can be changed once in about half an hour: run it again then";
    }
    // aws-behaviours I1
    if error.says("cannot be assumed by Lambda") {
        return "the role's trust policy must let `lambda.amazonaws.com` take it on: `aws iam get-role --role-name NAME` shows it; for one that was made a moment ago, run it again";
    }
    // aws-behaviours F3
    if error.is("InsufficientCapabilitiesException") {
        return "consent to what the template makes: list the capability that the message names under `capabilities` of the template in the stack";
    }
    // aws-behaviours F4
    if error.says("UPDATE_ROLLBACK_FAILED") {
        return "let CloudFormation end its rollback first: `aws cloudformation continue-update-rollback --stack-name NAME`, with --resources-to-skip for what cannot go back, then run it again";
    }
    // aws-behaviours F5
    if error.says("DELETE_FAILED") {
        return "remove what the message names, or what is in it, then run it again";
    }
    if error.code.contains("AccessDenied") {
        return "these credentials may not do that: ask for the permission that the message names";
    }
    if error.status == Some(501) {
        return "this endpoint does not know the operation: use another endpoint, or leave the setting out";
    }
    match cause(error) {
        Some(Cause::Throttled) => {
            "the service takes fewer calls than are asked of it: run it again later"
        }
        Some(Cause::ServerFault) => {
            "the service failed for longer than is waited for: run it again later"
        }
        Some(Cause::NameKept) => {
            "SQS keeps the name of a deleted queue for 60 s: run it again then"
        }
        Some(_) => "it did not settle in the time that is waited for: run it again",
        None => "mend what the message names, then run it again",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// aws-behaviours F3, F4, F5
    #[test]
    fn what_cloudformation_does_not_go_on_with_is_told_with_the_way_on() {
        let mut error = CallError::local("CreateStack", "Requires capabilities : [CAPABILITY_IAM]");
        error.code = "InsufficientCapabilitiesException".to_owned();
        assert!(next_step(&error).contains("`capabilities`"));
        let stuck = "Stack:s is in UPDATE_ROLLBACK_FAILED state and can not be updated.";
        let mut error = CallError::local("CreateChangeSet", stuck);
        error.code = "ValidationError".to_owned();
        assert!(next_step(&error).contains("continue-update-rollback"));
        let full = "Files (AWS::S3::Bucket): The bucket you tried to delete is not empty";
        let error = CallError::ended_badly("template gone", "DELETE_FAILED", full);
        assert!(next_step(&error).contains("what is in it"));
    }
}
