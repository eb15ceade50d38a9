//! How roles and policies that exist outside of a stack are named in it: by ARN, or by name.

use super::names::{BadName, bad};

/// Longest name of a role.
const ROLE_NAME: usize = 64;
/// Longest name of a managed policy.
const POLICY_NAME: usize = 128;
/// Longest path, with the slashes around it.
const PATH: usize = 512;

/// What is named.
struct Named {
    /// For messages: `role`.
    what: &'static str,
    /// Longest name.
    longest: usize,
    /// Account that AWS's own are in.
    of_aws: bool,
}

/// A role: its ARN or its name.
pub(super) fn role(text: &str) -> Result<(), BadName> {
    judge(
        text,
        &Named {
            what: "role",
            longest: ROLE_NAME,
            of_aws: false,
        },
    )
}

/// A managed policy: its ARN or its name.
pub(super) fn policy(text: &str) -> Result<(), BadName> {
    judge(
        text,
        &Named {
            what: "policy",
            longest: POLICY_NAME,
            of_aws: true,
        },
    )
}

fn judge(text: &str, named: &Named) -> Result<(), BadName> {
    if text.starts_with("arn:") {
        return arn(text, named);
    }
    path_and_name(text, text, named)
}

fn arn(text: &str, named: &Named) -> Result<(), BadName> {
    let what = named.what;
    let refuse = |why: &str| {
        Err(bad(
            format!("`{text}` is not the ARN of a {what}: {why}"),
            format!(
                "write it like `arn:aws:iam::123456789012:{what}/NAME`, or only the {what}'s name"
            ),
        ))
    };
    let parts: Vec<&str> = text.splitn(6, ':').collect();
    let [_, partition, service, region, account, resource] = parts[..] else {
        return refuse("it has too few parts");
    };
    let is_partition = partition == "aws"
        || partition
            .strip_prefix("aws-")
            .is_some_and(|rest| rest.chars().all(|c| c.is_ascii_lowercase() || c == '-'));
    if !is_partition {
        return refuse("its partition is none of AWS's");
    }
    if service != "iam" {
        return refuse(&format!("`{service}` is not `iam`"));
    }
    if !region.is_empty() {
        return refuse("IAM has no Regions");
    }
    let is_number = account.len() == 12 && account.chars().all(|c| c.is_ascii_digit());
    let is_account = is_number || (named.of_aws && account == "aws");
    if !is_account {
        return refuse("an account has twelve digits");
    }
    let Some(rest) = resource
        .strip_prefix(what)
        .and_then(|rest| rest.strip_prefix('/'))
    else {
        return refuse(&format!("`{what}/` is missing"));
    };
    path_and_name(text, rest, named)
}

/// `[path/]NAME`, which is all of `text` or the end of it.
fn path_and_name(text: &str, rest: &str, named: &Named) -> Result<(), BadName> {
    let what = named.what;
    let (path, name) = rest.rsplit_once('/').unwrap_or(("", rest));
    let refuse = |message: String, help: String| Err(bad(message, help));
    // Both slashes belong to the path as IAM counts it.
    if path.len() + 2 > PATH || path.starts_with('/') {
        return refuse(
            format!("`{text}` has a path that IAM does not know"),
            format!(
                "begin without a slash, and use at most {PATH} characters before the {what}'s name"
            ),
        );
    }
    if let Some(character) = path.chars().find(|c| !c.is_ascii_graphic()) {
        return refuse(
            format!("`{character}` cannot be in the path of a {what}"),
            "use letters, digits and punctuation, without spaces".to_owned(),
        );
    }
    let legal = |c: char| c.is_ascii_alphanumeric() || "+=,.@_-".contains(c);
    if name.is_empty() {
        return refuse(
            format!("`{text}` does not end with a {what}'s name"),
            format!("write the {what}'s name or its ARN"),
        );
    }
    if let Some(character) = name.chars().find(|c| !legal(*c)) {
        return refuse(
            format!("`{character}` cannot be in the name of a {what}"),
            "use only letters, digits and `+=,.@_-`".to_owned(),
        );
    }
    if name.len() > named.longest {
        return refuse(
            format!(
                "the {what}'s name `{name}` has {} characters; {} are allowed",
                name.len(),
                named.longest
            ),
            format!("write the name of a {what} that exists"),
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_are_named_by_arn_or_name() {
        for text in [
            "LabRole",
            "team/data/Worker+1=2,3.4@5_6-7",
            "arn:aws:iam::123456789012:role/LabRole",
            "arn:aws-us-gov:iam::123456789012:role/team/Worker",
            &"r".repeat(64),
        ] {
            assert_eq!(role(text), Ok(()), "{text}");
        }
        for text in [
            "",
            "team/",
            "/team/Worker",
            "my role",
            "${roles.worker.arn}",
            "arn:aws:iam::123456789012",
            "arn:aws:iam::123456789012:user/LabRole",
            "arn:aws:iam::123456789012:role/",
            "arn:aws:iam::aws:role/LabRole",
            "arn:aws:iam::1234:role/LabRole",
            "arn:aws:iam:us-east-1:123456789012:role/LabRole",
            "arn:aws:sts::123456789012:assumed-role/LabRole/me",
            "arn:minio:iam::123456789012:role/LabRole",
            &"r".repeat(65),
            &format!("{}/Worker", "p".repeat(511)),
            "te am/Worker",
        ] {
            assert!(role(text).is_err(), "{text}");
        }
    }

    #[test]
    fn policies_may_be_those_of_aws() {
        for text in [
            "Boundary",
            "arn:aws:iam::aws:policy/PowerUserAccess",
            "arn:aws:iam::aws:policy/job-function/ViewOnlyAccess",
            "arn:aws:iam::123456789012:policy/Boundary",
            &"p".repeat(128),
        ] {
            assert_eq!(policy(text), Ok(()), "{text}");
        }
        for text in ["arn:aws:iam::123456789012:role/Boundary", &"p".repeat(129)] {
            assert!(policy(text).is_err(), "{text}");
        }
    }
}
