//! The pipeline as uploaded files show it. What pipectl has commands for but is waited for here is read by calls
//! of root: each look is cheap.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_s3::primitives::ByteStream;
use pipectl_testkit::until;
use serde_json::Value;

use super::calls::{Caller, Calls};
use crate::project::{PATIENCE, Project};

/// A file that comes to a result.
pub const GOOD: &[u8] = include_bytes!("../../../samples/app-100.ndjson");

/// A deployed stack, and a way past pipectl.
pub struct World<'s> {
    pub project: Project<'s>,
    pub calls: Calls,
}

impl World<'_> {
    pub fn say(&self, what: &str) {
        println!("{:<10} {what}", self.project.stage.row.name);
    }

    pub fn physical(&self, name: &str) -> String {
        self.project.physical(name)
    }

    /// Name of a function's role.
    pub fn role(&self, function: &str) -> String {
        format!("{}-us-east-1", self.physical(function))
    }

    pub fn session(&self, function: &str) -> Caller {
        self.calls
            .session(&self.calls.role_arn(&self.role(function)))
    }

    /// URL of a queue.
    pub fn queue(&self, name: &str) -> String {
        self.project.probe().queue_url(&self.physical(name))
    }

    /// One file of every kind comes to its end.
    pub fn every_outcome(&self) {
        for (name, content) in [
            ("good", GOOD),
            ("empty", b"" as &[u8]),
            ("unreadable", b"no record\n"),
        ] {
            self.upload(name, content);
        }
        self.put("logs/wrong.txt", GOOD);
        self.result("good", "done");
        self.result("empty", "rejected");
        self.result_of("logs/wrong.txt", "rejected");
        self.result("unreadable", "failed");
        self.letter("jobs-dlq", "unreadable");
        // The note on the result is another action on the table than writing it.
        until("the failed result names its letter", PATIENCE, || {
            let results = self.results();
            let found = results.get("logs/unreadable.ndjson");
            if found.is_some_and(|(_, noted)| *noted) {
                Ok(())
            } else {
                Err(format!("{results:?}"))
            }
        });
        let sent = self.project.send("samples/app-1000.ndjson");
        assert_eq!(sent["lines"], 1000, "{sent:#}");
    }

    /// Uploads a log file.
    pub fn upload(&self, name: &str, content: &[u8]) {
        self.put(&key(name), content);
    }

    fn put(&self, key: &str, content: &[u8]) {
        let put = self
            .calls
            .root
            .s3
            .put_object()
            .bucket(self.physical("uploads"));
        let body = ByteStream::from(content.to_vec());
        self.calls.expect(put.key(key).body(body).send());
    }

    /// Waits for the result of an uploaded log file.
    pub fn result(&self, name: &str, status: &str) {
        self.result_of(&key(name), status);
    }

    fn result_of(&self, key: &str, status: &str) {
        until(&format!("{key} is {status}"), PATIENCE, || {
            let results = self.results();
            match results.get(key) {
                Some((found, _)) if found == status => Ok(()),
                _ => Err(format!("{results:?}")),
            }
        });
    }

    /// Status by key, and whether a letter is noted.
    fn results(&self) -> BTreeMap<String, (String, bool)> {
        let scan = self.calls.root.dynamodb.scan().consistent_read(true);
        let items = self
            .calls
            .expect(scan.table_name(self.physical("results")).send())
            .items;
        let items = items.unwrap_or_default().into_iter().map(|item| {
            let text = |name: &str| item[name].as_s().expect("a text").clone();
            let noted = item.get("dead_lettered").is_some_and(AttributeValue::is_s);
            (text("key"), (text("status"), noted))
        });
        items.collect()
    }

    /// Waits until a queue has a letter that tells of an uploaded log file, and gives it.
    pub fn letter(&self, queue: &str, name: &str) -> String {
        let (url, key) = (self.queue(queue), key(name));
        until(&format!("a letter of {key} in {queue}"), PATIENCE, || {
            let receive = self.calls.root.sqs.receive_message().queue_url(&url);
            let receive = receive.max_number_of_messages(10).visibility_timeout(0);
            let letters = self
                .calls
                .expect(receive.send())
                .messages
                .unwrap_or_default();
            let bodies: Vec<String> = letters.into_iter().filter_map(|one| one.body).collect();
            let found = bodies.iter().find(|body| body.contains(&key));
            found.cloned().ok_or_else(|| format!("{bodies:?}"))
        })
    }

    /// Waits until the event of an upload has used up its tries because the trigger may not do this.
    pub fn failed_upload(&self, name: &str, action: &str) {
        let letter = self.letter("uploads-dlq", name);
        assert!(is_refusal(&letter, action), "{action}: {letter}");
        let record: Value = serde_json::from_str(&letter).expect("a record");
        assert_eq!(
            record["requestContext"]["approximateInvokeCount"], 3,
            "{record:#}"
        );
    }

    /// Waits until the worker leaves a job to be tried again because it may not do this.
    pub fn tried_again(&self, action: &str) {
        let group = format!("/aws/lambda/{}", self.physical("worker"));
        until(&format!("the worker may not {action}"), PATIENCE, || {
            let lines = self
                .calls
                .root
                .logs
                .filter_log_events()
                .log_group_name(&group);
            let events = self.calls.expect(lines.send()).events.unwrap_or_default();
            let lines: Vec<String> = events.into_iter().filter_map(|one| one.message).collect();
            let refusal =
                |line: &&String| line.contains("to be tried again") && is_refusal(line, action);
            match lines.iter().find(refusal) {
                Some(_) => Ok(()),
                None => Err(lines[lines.len().saturating_sub(5)..].join("\n")),
            }
        });
    }

    /// Sends failed events to the trigger again, as a person does after the cause is mended.
    pub fn redrive_uploads(&self) {
        let told = self
            .project
            .json(&["dlq", "redrive", "--all", "--queue", "uploads-dlq"]);
        assert_eq!(told["data"]["queues"][0]["done"], 1, "{told:#}");
    }

    pub fn purge(&self, queue: &str) {
        let purge = self
            .calls
            .root
            .sqs
            .purge_queue()
            .queue_url(self.queue(queue));
        self.calls.expect(purge.send());
    }
}

fn key(name: &str) -> String {
    format!("logs/{name}.ndjson")
}

fn is_refusal(text: &str, action: &str) -> bool {
    text.contains(&format!("is not authorized to perform: {action} "))
}
