//! What is refused, and in which words: permissions, batches, tags, handles.

use serde_json::{Value, json};

use super::handlers_tests::{ARN, Fixture};

#[tokio::test]
async fn permissions_are_statements_of_the_policy() {
    let f = Fixture::new();
    let url = f.make("jobs", json!({})).await;
    let add = |label: &str, accounts: Value, actions: Value| json!({"QueueUrl": url, "Label": label, "AWSAccountIds": accounts, "Actions": actions});
    let account = json!(["111111111111"]);
    let eight = [
        "ChangeMessageVisibility",
        "DeleteMessage",
        "GetQueueAttributes",
        "GetQueueUrl",
        "ListDeadLetterSourceQueues",
        "PurgeQueue",
        "ReceiveMessage",
        "SendMessage",
    ];
    f.clock.advance(5_000);
    f.ok(
        "AddPermission",
        add("readers", account.clone(), json!(&eight[..7])),
    )
    .await;
    for (body, code, message) in [
        (
            add("readers", account.clone(), json!(["SendMessage"])),
            "InvalidParameterValueException",
            "Value readers for parameter Label is invalid. Reason: Already exists.",
        ),
        (
            add("a b", account.clone(), json!(["SendMessage"])),
            "InvalidParameterValueException",
            "Value a b for parameter Label is invalid. Reason: Can only include alphanumeric \
             characters, hyphens, or underscores. 1 to 80 in length",
        ),
        (
            add("x", account.clone(), json!(["RemovePermission"])),
            "InvalidParameterValueException",
            "Value SQS:RemovePermission for parameter ActionName is invalid. \
             Reason: Only the queue owner is allowed to invoke this action.",
        ),
        (
            add("x", account.clone(), json!(["Dance"])),
            "InvalidParameterValueException",
            "Value SQS:Dance for parameter ActionName is invalid. \
             Reason: Please refer to the appropriate WSDL for a list of valid actions.",
        ),
        (
            add("x", account.clone(), json!([])),
            "MissingRequiredParameterException",
            "The request must contain the parameter Actions.",
        ),
        (
            add("x", account.clone(), json!(eight)),
            "OverLimit",
            "8 Actions were found, maximum allowed is 7.",
        ),
        (
            add("x", json!([]), json!(["SendMessage"])),
            "InvalidParameterValueException",
            "Value [] for parameter PrincipalId is invalid. Reason: Unable to verify.",
        ),
        (
            add("x", json!(["someone"]), json!(["SendMessage"])),
            "InvalidParameterValueException",
            "Value [someone] for parameter PrincipalId is invalid. Reason: Unable to verify.",
        ),
    ] {
        let refused = f.call("AddPermission", body).await.expect_err(message);
        assert_eq!(
            (refused.code.as_str(), refused.message.as_str()),
            (code, message)
        );
    }
    let all = f.attributes(&url).await;
    assert_eq!(all["LastModifiedTimestamp"], "1760000005");
    let policy: Value =
        serde_json::from_str(all["Policy"].as_str().expect("a policy")).expect("JSON");
    assert_eq!(policy["Id"], format!("{ARN}jobs/SQSDefaultPolicy"));
    assert_eq!(policy["Statement"].as_array().expect("a list").len(), 1);
    assert_eq!(policy["Statement"][0]["Action"][6], "SQS:ReceiveMessage");

    let remove = |label: &str| json!({"QueueUrl": url, "Label": label});
    let code = f.code("RemovePermission", remove("writers")).await;
    assert_eq!(code, "InvalidParameterValueException");
    f.ok("RemovePermission", remove("readers")).await;
    assert!(f.attributes(&url).await.get("Policy").is_none());
    let none = json!({"QueueUrl": "http://h/000000000000/none", "Label": "x"});
    assert_eq!(f.code("RemovePermission", none).await, "QueueDoesNotExist");
}

#[tokio::test]
async fn refused_entries_count_for_the_size_of_a_batch() {
    let f = Fixture::new();
    let url = f.make("jobs", json!({})).await;
    let half = "x".repeat(524_288);
    let bad = format!("\u{1}{half}");
    let batch = |first: &str, second: &str| {
        json!({"QueueUrl": url, "Entries": [
            {"Id": "a", "MessageBody": first}, {"Id": "b", "MessageBody": second},
        ]})
    };
    let code = f.code("SendMessageBatch", batch(&half, &bad)).await;
    assert_eq!(code, "BatchRequestTooLong");
    let sent = f.ok("SendMessageBatch", batch(&half, &half)).await;
    assert_eq!(sent["Successful"].as_array().expect("a list").len(), 2);
    assert_eq!(f.attributes(&url).await["ApproximateNumberOfMessages"], "2");
}

#[tokio::test]
async fn a_trace_header_is_a_string() {
    let f = Fixture::new();
    let url = f.make("jobs", json!({})).await;
    let send = |name: &str, attribute: Value| json!({"QueueUrl": url, "MessageBody": "x", "MessageSystemAttributes": {name: attribute}});
    for (name, attribute) in [
        (
            "AWSTraceHeader",
            json!({"DataType": "Binary", "BinaryValue": "eA=="}),
        ),
        (
            "AWSTraceHeader",
            json!({"DataType": "Binary", "StringValue": "x"}),
        ),
        (
            "AWSTraceHeader",
            json!({"DataType": "Number", "StringValue": "1"}),
        ),
        (
            "SenderId",
            json!({"DataType": "String", "StringValue": "x"}),
        ),
    ] {
        let code = f.code("SendMessage", send(name, attribute)).await;
        assert_eq!(code, "InvalidParameterValueException", "{name}");
    }
    let trace = json!({"DataType": "String", "StringValue": "Root=1"});
    let sent = f.ok("SendMessage", send("AWSTraceHeader", trace)).await;
    assert!(sent["MD5OfMessageSystemAttributes"].is_string());
}

#[tokio::test]
async fn handles_and_tag_keys_are_refused_in_the_words_of_aws() {
    let f = Fixture::new();
    let url = f.make("jobs", json!({})).await;
    let other = f.make("others", json!({})).await;
    f.ok("SendMessage", json!({"QueueUrl": url, "MessageBody": "x"}))
        .await;
    let received = f.ok("ReceiveMessage", json!({"QueueUrl": url})).await;
    let handle = received["Messages"][0]["ReceiptHandle"]
        .as_str()
        .expect("a handle");
    for (operation, url, handle) in [
        ("DeleteMessage", &url, "nonsense"),
        ("DeleteMessage", &other, handle),
        ("ChangeMessageVisibility", &other, handle),
    ] {
        let body = json!({"QueueUrl": url, "ReceiptHandle": handle, "VisibilityTimeout": 1});
        let refused = f.call(operation, body).await.expect_err("refused");
        assert_eq!(
            refused.message,
            format!("The input receipt handle \"{handle}\" is not a valid receipt handle.")
        );
    }
    let words = "Tag keys must be between 1 and 128 characters in length.";
    for (operation, body) in [
        ("UntagQueue", json!({"QueueUrl": url, "TagKeys": []})),
        ("TagQueue", json!({"QueueUrl": url, "Tags": {"": "x"}})),
    ] {
        let refused = f.call(operation, body).await.expect_err("refused");
        assert_eq!(refused.message, words);
    }
}
