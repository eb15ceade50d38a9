//! The services of a local target asked over plain HTTP: one call is one request, never a silent
//! second one, so that a test knows what was attempted and what was acknowledged.

use std::io;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use crate::http::{self, Response};

/// The account of local targets.
const ACCOUNT: &str = "000000000000";
/// Names the service as a signature does. Local targets check none, but LocalStack would take some of
/// Lambda's paths for those of buckets without it, and the list of buckets for none of S3.
const OF_LAMBDA: (&str, &str) = (
    "authorization",
    "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/lambda/aws4_request, SignedHeaders=host, \
     Signature=0",
);
const OF_S3: (&str, &str) = (
    "authorization",
    "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, \
     Signature=0",
);

/// Asks one local target.
#[derive(Debug, Clone)]
pub struct Probe {
    endpoint: String,
}

/// A version of an object, as a listing tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// Key.
    pub key: String,
    /// Version id.
    pub version_id: String,
    /// Entity tag without quotes.
    pub etag: String,
    /// Bytes.
    pub size: usize,
    /// Is it the current one of its key?
    pub latest: bool,
}

/// Messages of a queue, as its attributes tell them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Depth {
    /// Messages that a receive would give.
    pub visible: u64,
    /// Messages in flight.
    pub in_flight: u64,
    /// Messages that are delayed.
    pub delayed: u64,
}

impl Depth {
    /// All of them.
    pub fn all(self) -> u64 {
        self.visible + self.in_flight + self.delayed
    }
}

impl Probe {
    /// Asks the endpoint, e.g. `http://127.0.0.1:4566`.
    pub fn new(endpoint: &str) -> Self {
        Self {
            endpoint: endpoint.to_owned(),
        }
    }

    /// The endpoint.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// URL of a queue.
    pub fn queue_url(&self, name: &str) -> String {
        format!("{}/{ACCOUNT}/{name}", self.endpoint)
    }

    /// ARN of a queue.
    pub fn queue_arn(name: &str) -> String {
        format!("arn:aws:sqs:us-east-1:{ACCOUNT}:{name}")
    }

    /// Any request, as it is.
    pub fn request(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> io::Result<Response> {
        http::request(method, &self.endpoint, path, headers, body)
    }

    /// An operation of SQS.
    pub fn sqs(&self, operation: &str, body: &Value) -> io::Result<Response> {
        self.json(&format!("AmazonSQS.{operation}"), body)
    }

    /// An operation of DynamoDB.
    pub fn dynamodb(&self, operation: &str, body: &Value) -> io::Result<Response> {
        self.json(&format!("DynamoDB_20120810.{operation}"), body)
    }

    /// An operation of CloudWatch Logs.
    pub fn logs(&self, operation: &str, body: &Value) -> io::Result<Response> {
        self.json(&format!("Logs_20140328.{operation}"), body)
    }

    /// An operation of a service that takes a form and answers XML, e.g. `cloudformation`.
    pub fn query(
        &self,
        service: &str,
        action: &str,
        fields: &[(&str, &str)],
    ) -> io::Result<Response> {
        let signature = format!(
            "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/{service}/aws4_request, \
             SignedHeaders=host, Signature=0"
        );
        let headers = [
            ("authorization", signature.as_str()),
            ("content-type", "application/x-www-form-urlencoded"),
        ];
        let mut body = format!("Action={action}");
        for (name, value) in fields {
            let value = utf8_percent_encode(value, NON_ALPHANUMERIC);
            body.push_str(&format!("&{name}={value}"));
        }
        self.request("POST", "/", &headers, body.as_bytes())
    }

    fn json(&self, target: &str, body: &Value) -> io::Result<Response> {
        let headers = [
            ("x-amz-target", target),
            ("content-type", "application/x-amz-json-1.0"),
        ];
        self.request("POST", "/", &headers, body.to_string().as_bytes())
    }

    /// An operation of Lambda's control plane; null is no body.
    pub fn lambda(&self, method: &str, path: &str, body: &Value) -> io::Result<Response> {
        let body = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        self.request(method, path, &[OF_LAMBDA], body.as_bytes())
    }

    /// An asynchronous invocation.
    pub fn invoke_event(&self, function: &str, payload: &Value) -> io::Result<Response> {
        let path = format!("/2015-03-31/functions/{function}/invocations");
        let headers = [OF_LAMBDA, ("x-amz-invocation-type", "Event")];
        self.request("POST", &path, &headers, payload.to_string().as_bytes())
    }

    /// What S3 answers to a request without a body, such as the list of buckets at `/`.
    pub fn s3(&self, path: &str) -> io::Result<Response> {
        self.request("GET", path, &[OF_S3], b"")
    }

    /// Puts an object; the key must need no encoding.
    pub fn put_object(&self, bucket: &str, key: &str, body: &[u8]) -> io::Result<Response> {
        self.request("PUT", &format!("/{bucket}/{key}"), &[], body)
    }

    /// Gets a version of an object.
    pub fn get_version(&self, bucket: &str, version: &Version) -> io::Result<Response> {
        let path = format!("/{bucket}/{}?versionId={}", version.key, version.version_id);
        self.request("GET", &path, &[], b"")
    }

    // What tests look at. These must succeed.

    /// Every version of every object below a prefix; delete markers are none.
    ///
    /// # Panics
    /// When the target does not answer as it should.
    pub fn versions(&self, bucket: &str, prefix: &str) -> Vec<Version> {
        let mut all = Vec::new();
        let mut after = String::new();
        loop {
            let path = format!("/{bucket}?versions&prefix={prefix}{after}");
            let page = expect(self.request("GET", &path, &[], b"")).text();
            all.extend(page.split("<Version>").skip(1).map(version));
            if element(&page, "IsTruncated") != Some("true") {
                return all;
            }
            after = format!(
                "&key-marker={}&version-id-marker={}",
                element(&page, "NextKeyMarker").expect("a marker"),
                element(&page, "NextVersionIdMarker").expect("a marker"),
            );
        }
    }

    /// Every item of a table.
    ///
    /// # Panics
    /// When the target does not answer as it should.
    pub fn scan(&self, table: &str) -> Vec<Value> {
        let mut all = Vec::new();
        let mut request = json!({ "TableName": table, "ConsistentRead": true });
        loop {
            let page = parsed(&expect(self.dynamodb("Scan", &request)));
            all.extend(page["Items"].as_array().into_iter().flatten().cloned());
            if page["LastEvaluatedKey"].is_null() {
                return all;
            }
            request["ExclusiveStartKey"] = page["LastEvaluatedKey"].clone();
        }
    }

    /// How many messages a queue has.
    ///
    /// # Panics
    /// When the target does not answer as it should.
    pub fn depth(&self, queue: &str) -> Depth {
        let request = json!({ "QueueUrl": self.queue_url(queue), "AttributeNames": ["All"] });
        let answer = parsed(&expect(self.sqs("GetQueueAttributes", &request)));
        let number = |name: &str| {
            let text = answer["Attributes"][name].as_str();
            text.and_then(|text| text.parse().ok()).expect("a number")
        };
        Depth {
            visible: number("ApproximateNumberOfMessages"),
            in_flight: number("ApproximateNumberOfMessagesNotVisible"),
            delayed: number("ApproximateNumberOfMessagesDelayed"),
        }
    }

    /// Receives up to ten messages with everything on them, and hides them for so long.
    ///
    /// # Panics
    /// When the target does not answer as it should.
    pub fn receive(&self, queue: &str, visibility_s: u32) -> Vec<Value> {
        let request = json!({
            "QueueUrl": self.queue_url(queue),
            "MaxNumberOfMessages": 10,
            "VisibilityTimeout": visibility_s,
            "MessageSystemAttributeNames": ["All"],
            "MessageAttributeNames": ["All"],
        });
        let answer = parsed(&expect(self.sqs("ReceiveMessage", &request)));
        answer["Messages"].as_array().cloned().unwrap_or_default()
    }

    /// The lines of a function's log that hold `text`; none while there is no log.
    ///
    /// # Panics
    /// When the target does not answer as it should.
    pub fn log_lines(&self, function: &str, text: &str) -> Vec<String> {
        let mut lines = Vec::new();
        let mut request = json!({ "logGroupName": format!("/aws/lambda/{function}") });
        loop {
            let response = self.logs("FilterLogEvents", &request);
            if response
                .as_ref()
                .is_ok_and(|response| response.status == 400)
            {
                return lines;
            }
            let page = parsed(&expect(response));
            let events = page["events"].as_array().into_iter().flatten();
            let messages = events.filter_map(|event| event["message"].as_str());
            lines.extend(
                messages
                    .filter(|line| line.contains(text))
                    .map(str::to_owned),
            );
            if page["nextToken"].is_null() {
                return lines;
            }
            request["nextToken"] = page["nextToken"].clone();
        }
    }
}

/// An answer of success.
///
/// # Panics
/// When it is another, or none.
#[track_caller]
pub fn expect(response: io::Result<Response>) -> Response {
    let response = response.expect("an answer");
    assert!(
        (200..300).contains(&response.status),
        "{}: {}",
        response.status,
        response.text()
    );
    response
}

/// The JSON of an answer.
///
/// # Panics
/// When it is none.
#[track_caller]
pub fn parsed(response: &Response) -> Value {
    response.json().expect("JSON")
}

/// Text of the first element of this name.
pub fn element<'x>(xml: &'x str, name: &str) -> Option<&'x str> {
    let from = xml.find(&format!("<{name}>"))? + name.len() + 2;
    let length = xml[from..].find(&format!("</{name}>"))?;
    Some(&xml[from..from + length])
}

fn version(xml: &str) -> Version {
    let text = |name: &str| element(xml, name).expect("an element").to_owned();
    Version {
        key: text("Key"),
        version_id: text("VersionId"),
        etag: text("ETag").replace("&quot;", "").replace('"', ""),
        size: text("Size").parse().expect("a size"),
        latest: text("IsLatest") == "true",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_read_from_its_xml() {
        let xml = "<Key>logs/a.log</Key><VersionId>v1</VersionId><IsLatest>true</IsLatest>\
                   <ETag>&quot;900150983cd24fb0d6963f7d28e17f72&quot;</ETag><Size>3</Size></Version>";
        let expected = Version {
            key: "logs/a.log".to_owned(),
            version_id: "v1".to_owned(),
            etag: "900150983cd24fb0d6963f7d28e17f72".to_owned(),
            size: 3,
            latest: true,
        };
        assert_eq!(version(xml), expected);
        assert_eq!(element(xml, "NextKeyMarker"), None);
    }
}
