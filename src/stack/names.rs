//! Which names are legal: of the stack, of its resources (judged by the physical names that they
//! become) and of what is inside them.

use super::model::Kind;

/// Longest `-<account>-<region>` that a bucket's name ends with where names are global:
/// twelve digits, and regions like `ap-southeast-1`.
const BUCKET_SUFFIX: usize = 1 + 12 + 1 + 14;

/// Name in the stack of the bucket that pipectl makes for zips that are too large to go along with a call.
/// Short enough for the longest name of a stack.
pub const ZIPS: &str = "zips";

/// What is wrong with a name, and the next step.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct BadName {
    pub(super) message: String,
    pub(super) help: String,
}

pub(super) fn bad(message: impl Into<String>, help: impl Into<String>) -> BadName {
    BadName {
        message: message.into(),
        help: help.into(),
    }
}

/// The stack's name: begins every physical name, so the strictest kind decides.
pub(super) fn stack(name: &str) -> Result<(), BadName> {
    let legal = name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.len() <= 30
        && name
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
    if legal {
        return Ok(());
    }
    Err(bad(
        format!("`{name}` cannot be the name of a stack"),
        "use 1 to 30 of a-z, 0-9 and `-`, beginning with a letter",
    ))
}

/// Name of a resource in the stack file, by the physical name `<stack>-<id>`.
pub(super) fn resource(kind: Kind, stack: &str, id: &str) -> Result<(), BadName> {
    let (legal, longest, alphabet): (fn(char) -> bool, usize, &str) = match kind {
        // aws-behaviours S4
        Kind::Bucket => (
            |c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-',
            63,
            "a-z, 0-9 and `-`",
        ),
        Kind::Queue => (word, 80, WORD),
        Kind::Table => (word, 255, WORD),
        Kind::Template => (
            |c| c.is_ascii_alphanumeric() || c == '-',
            128,
            "letters, digits and `-`",
        ),
        // Functions, and the roles that carry their names.
        _ => (word, 64, WORD),
    };
    let label = kind.label();
    if id.is_empty() {
        return Err(bad(format!("a {label} has no name"), "give it a name"));
    }
    if let Some(character) = id.chars().find(|c| !legal(*c)) {
        return Err(bad(
            format!("`{character}` cannot be in the name of a {label}"),
            format!("use only {alphabet}"),
        ));
    }
    if kind == Kind::Bucket && id == ZIPS {
        return Err(bad(
            format!("`{ZIPS}` is the bucket that pipectl makes for large zips of functions"),
            "use another name",
        ));
    }
    let physical = format!("{stack}-{id}");
    let room = longest
        - if kind == Kind::Bucket {
            BUCKET_SUFFIX
        } else {
            0
        };
    if physical.len() > room {
        let why = if kind == Kind::Bucket {
            format!(
                "{longest} are allowed and AWS needs {BUCKET_SUFFIX} of them for account and region"
            )
        } else {
            format!("{longest} are allowed")
        };
        return Err(bad(
            format!(
                "the {label}'s name `{physical}` has {} characters; {why}",
                physical.len()
            ),
            format!(
                "shorten it or the stack's name by {}",
                physical.len() - room
            ),
        ));
    }
    if kind == Kind::Bucket {
        bucket(&physical)
    } else {
        Ok(())
    }
}

const WORD: &str = "letters, digits, `-` and `_`";

fn word(character: char) -> bool {
    character.is_ascii_alphanumeric() || character == '-' || character == '_'
}

/// What S3 keeps for itself. // aws-behaviours S4
fn bucket(physical: &str) -> Result<(), BadName> {
    for prefix in ["xn--", "sthree-", "amzn-s3-demo-"] {
        if physical.starts_with(prefix) {
            return Err(bad(
                format!(
                    "the bucket's name `{physical}` begins with `{prefix}`, which S3 keeps for itself"
                ),
                "rename the stack",
            ));
        }
    }
    for suffix in ["-s3alias", "--ol-s3", "--x-s3", "--table-s3", "-an"] {
        if physical.ends_with(suffix) {
            return Err(bad(
                format!(
                    "the bucket's name `{physical}` ends with `{suffix}`, which S3 keeps for itself"
                ),
                "rename the bucket",
            ));
        }
    }
    if physical.ends_with('-') {
        return Err(bad(
            format!("the bucket's name `{physical}` ends with `-`"),
            "end it with a letter or digit",
        ));
    }
    Ok(())
}

/// Variables that Lambda sets itself.
const RESERVED_VARIABLES: &[&str] = &[
    "_HANDLER",
    "_X_AMZN_TRACE_ID",
    "AWS_ACCESS_KEY",
    "AWS_ACCESS_KEY_ID",
    "AWS_DEFAULT_REGION",
    "AWS_EXECUTION_ENV",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
    "AWS_LAMBDA_FUNCTION_NAME",
    "AWS_LAMBDA_FUNCTION_VERSION",
    "AWS_LAMBDA_INITIALIZATION_TYPE",
    "AWS_LAMBDA_LOG_FORMAT",
    "AWS_LAMBDA_LOG_GROUP_NAME",
    "AWS_LAMBDA_LOG_LEVEL",
    "AWS_LAMBDA_LOG_STREAM_NAME",
    "AWS_LAMBDA_MAX_CONCURRENCY",
    "AWS_LAMBDA_RUNTIME_API",
    "AWS_REGION",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "LAMBDA_RUNTIME_DIR",
    "LAMBDA_TASK_ROOT",
];

/// Name of an environment variable of a function. // aws-behaviours L8
pub(super) fn variable(name: &str) -> Result<(), BadName> {
    if RESERVED_VARIABLES.contains(&name) {
        return Err(bad(
            format!("`{name}` is set by Lambda itself"),
            "remove it, or give your variable a name of its own",
        ));
    }
    let legal = name.len() >= 2
        && name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if legal {
        return Ok(());
    }
    Err(bad(
        format!("`{name}` cannot be the name of an environment variable"),
        "use at least two letters, digits and `_`, beginning with a letter",
    ))
}

/// Name of an attribute of a table's items.
pub(super) fn attribute(name: &str) -> Result<(), BadName> {
    if (1..=255).contains(&name.len()) {
        return Ok(());
    }
    Err(bad(
        "the name of an attribute has 1 to 255 bytes",
        "shorten it",
    ))
}

/// Name of a table's index.
pub(super) fn index(name: &str) -> Result<(), BadName> {
    if (3..=255).contains(&name.len()) && name.chars().all(|c| word(c) || c == '.') {
        return Ok(());
    }
    Err(bad(
        format!("`{name}` cannot be the name of an index"),
        "use 3 to 255 letters, digits, `-`, `_` and `.`",
    ))
}

/// Name of a template's parameter.
pub(super) fn parameter(name: &str) -> Result<(), BadName> {
    if (1..=255).contains(&name.len()) && name.chars().all(|c| c.is_ascii_alphanumeric()) {
        return Ok(());
    }
    Err(bad(
        format!("`{name}` cannot be the name of a template's parameter"),
        "use 1 to 255 letters and digits",
    ))
}

/// Name of an output or a target.
pub(super) fn plain(name: &str) -> Result<(), BadName> {
    if !name.is_empty() && name.chars().all(word) {
        return Ok(());
    }
    Err(bad(
        format!("`{name}` cannot be a name here"),
        format!("use {WORD}"),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// aws-behaviours S4
    #[test]
    fn names_are_judged_as_the_target_will() {
        let long = |n: usize| "x".repeat(n);
        let cases: &[(Kind, &str, &str, bool)] = &[
            (Kind::Bucket, "pipe", "uploads", true),
            (Kind::Bucket, "pipe", "Uploads", false),
            (Kind::Bucket, "pipe", "up_loads", false),
            (Kind::Bucket, "pipe", "up.loads", false),
            (Kind::Bucket, "pipe", "uploads-", false),
            (Kind::Bucket, "pipe", "files--x-s3", false),
            (Kind::Bucket, "pipe", "an", false),
            (Kind::Bucket, "pipe", "plan", true),
            (Kind::Bucket, "sthree", "configurator", false),
            (Kind::Bucket, "amzn-s3-demo", "b", false),
            (Kind::Bucket, "pipe", "files-s3alias", false),
            (Kind::Bucket, "pipe", "files--ol-s3", false),
            (Kind::Bucket, "pipe", "files--table-s3", false),
            (Kind::Bucket, "pipe", "files.mrap", false),
            (Kind::Bucket, "xn--a", "b", false),
            (Kind::Bucket, "pipe", &long(30), true),
            (Kind::Bucket, "pipe", &long(31), false),
            (Kind::Queue, "pipe", "Jobs_1-dlq", true),
            (Kind::Queue, "pipe", "jobs.fifo", false),
            (Kind::Queue, "pipe", &long(75), true),
            (Kind::Queue, "pipe", &long(76), false),
            (Kind::Function, "pipe", &long(59), true),
            (Kind::Function, "pipe", &long(60), false),
            (Kind::Table, "pipe", &long(250), true),
            (Kind::Table, "pipe", &long(251), false),
            (Kind::Template, "pipe", "alarms_1", false),
            (Kind::Queue, "pipe", "", false),
        ];
        for (kind, stack, id, legal) in cases {
            assert_eq!(
                resource(*kind, stack, id).is_ok(),
                *legal,
                "{kind:?} {stack}-{id}"
            );
        }
    }

    /// aws-behaviours L8
    #[test]
    fn stacks_and_parts_have_rules_too() {
        for (name, legal) in [
            ("a", true),
            ("log-pipeline", true),
            ("1a", false),
            ("A", false),
            ("", false),
        ] {
            assert_eq!(stack(name).is_ok(), legal, "{name}");
        }
        assert!(stack(&"a".repeat(30)).is_ok() && stack(&"a".repeat(31)).is_err());
        for (name, legal) in [
            ("RUST_LOG", true),
            ("A", false),
            ("1A", false),
            ("A-B", false),
            ("AWS_REGION", false),
        ] {
            assert_eq!(variable(name).is_ok(), legal, "{name}");
        }
        assert!(index("by_day").is_ok() && index("by").is_err());
        assert!(parameter("QueueName").is_ok() && parameter("queue_name").is_err());
        assert!(attribute("day").is_ok() && attribute("").is_err());
        assert!(plain("bucket").is_ok() && plain("a b").is_err());
    }
}
