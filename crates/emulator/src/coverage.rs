//! What the embedded target serves, as docs/emulator.md tells it: written from the services' own
//! tables.

use std::fmt::Write as _;

use crate::service::{Operation, Support};
use crate::{dynamodb, lambda, logs, s3, sqs, sts};

const HEAD: &str = "# What the embedded target serves\n\n\
Written from the code (`cargo test -p pipectl-emulator coverage` with `UPDATE_DOCS=1` writes it anew); \
do not edit. Operations are those of the service models of botocore 1.44.5. What is not implemented \
answers 501 `NotImplemented` with the operation's name, never a pretended success.\n";

const SERVICES: [(&str, &[Operation]); 6] = [
    ("S3", s3::OPERATIONS),
    ("SQS", sqs::OPERATIONS),
    ("Lambda", lambda::OPERATIONS),
    ("DynamoDB", dynamodb::OPERATIONS),
    ("CloudWatch Logs", logs::OPERATIONS),
    ("STS", sts::OPERATIONS),
];

/// The coverage table of all services, Markdown.
pub fn coverage() -> String {
    let mut text = HEAD.to_owned();
    for (service, operations) in SERVICES {
        let served = operations
            .iter()
            .filter(|operation| operation.support != Support::NotImplemented);
        // Writing to a string does not fail.
        let _ = write!(
            text,
            "\n## {service}: {} of {} operations\n\n| operation | served |\n|---|---|\n",
            served.clone().count(),
            operations.len()
        );
        for operation in served {
            let how = match operation.support {
                Support::Partly(what) => format!("implemented, but: {what}"),
                _ => "implemented".to_owned(),
            };
            let _ = writeln!(text, "| `{}` | {how} |", operation.name);
        }
        let absent: Vec<String> = operations
            .iter()
            .filter(|operation| operation.support == Support::NotImplemented)
            .map(|operation| format!("`{}`", operation.name))
            .collect();
        if !absent.is_empty() {
            let _ = writeln!(text, "\n501: {}", absent.join(", "));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_is_what_the_code_says() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/emulator.md");
        if std::env::var_os("UPDATE_DOCS").is_some() {
            std::fs::write(path, coverage()).expect("written");
        }
        let document = std::fs::read_to_string(path).expect("docs/emulator.md");
        assert!(
            document == coverage(),
            "docs/emulator.md is out of date: UPDATE_DOCS=1 cargo test -p pipectl-emulator coverage"
        );
    }

    #[test]
    fn the_tables_are_sorted_and_name_each_operation_once() {
        for (service, operations) in SERVICES {
            assert!(
                operations.is_sorted_by(|a, b| a.name < b.name),
                "{service} is not sorted"
            );
        }
    }
}
