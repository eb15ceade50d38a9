//! Queues: attributes, names, tags, permissions, purges, and AWS's waits.

use aws_sdk_sqs::types::QueueAttributeName as Name;

use super::{ARN, Timed, attributes, counts, make_queue, redrive, send};
use crate::common::{Running, code};

#[tokio::test(flavor = "multi_thread")]
async fn attributes_have_defaults_and_ranges_and_are_read_back() {
    let running = Running::start().await;
    let client = running.sqs();
    let url = make_queue(&client, "jobs", &[]).await;
    assert!(url.starts_with(running.emulator.endpoint()), "{url}");
    let all = attributes(&client, &url).await;
    for (name, value) in [
        (Name::VisibilityTimeout, "30"),
        (Name::MessageRetentionPeriod, "345600"),
        (Name::MaximumMessageSize, "1048576"),
        (Name::DelaySeconds, "0"),
        (Name::ReceiveMessageWaitTimeSeconds, "0"),
        (Name::SqsManagedSseEnabled, "true"),
    ] {
        assert_eq!(all[&name], value, "{name}");
    }
    assert_eq!(all[&Name::QueueArn], format!("{ARN}jobs"));
    let set = |name: &Name, value: &str| {
        let request = client.set_queue_attributes().queue_url(&url);
        request.attributes(name.clone(), value).send()
    };
    for (name, taken, refused) in [
        (Name::VisibilityTimeout, ["0", "43200"], ["-1", "43201"]),
        (
            Name::MessageRetentionPeriod,
            ["60", "1209600"],
            ["59", "1209601"],
        ),
        (
            Name::MaximumMessageSize,
            ["1024", "1048576"],
            ["1023", "1048577"],
        ),
        (Name::DelaySeconds, ["0", "900"], ["901", "x"]),
        (
            Name::ReceiveMessageWaitTimeSeconds,
            ["0", "20"],
            ["21", "-1"],
        ),
    ] {
        for value in taken {
            set(&name, value).await.expect(value);
            assert_eq!(attributes(&client, &url).await[&name], value);
        }
        for value in refused {
            let refused = set(&name, value).await.expect_err(value);
            let refused = refused.into_service_error();
            assert!(refused.is_invalid_attribute_value(), "{name}: {refused:?}");
            let words = format!("Invalid value for the parameter {name}.");
            assert_eq!(refused.meta().message(), Some(words.as_str()));
        }
        assert_eq!(attributes(&client, &url).await[&name], taken[1]);
    }
    let unknown = set(&Name::from("Colour"), "red").await;
    let unknown = unknown.expect_err("unknown").into_service_error();
    assert!(unknown.is_invalid_attribute_name(), "{unknown:?}");
}

/// aws-behaviours Q2, Q3
#[tokio::test(flavor = "multi_thread")]
async fn a_name_means_one_queue_and_lists_have_pages() {
    let running = Running::start().await;
    let client = running.sqs();
    let url = make_queue(&client, "jobs-1", &[(Name::DelaySeconds, "5")]).await;
    let again = make_queue(&client, "jobs-1", &[(Name::DelaySeconds, "5")]).await;
    assert_eq!(again, url);
    let other = client
        .create_queue()
        .queue_name("jobs-1")
        .attributes(Name::DelaySeconds, "6")
        .send()
        .await;
    let refused = other.expect_err("another queue").into_service_error();
    assert!(refused.is_queue_name_exists(), "{refused:?}");
    let bad = client.create_queue().queue_name("a b").send().await;
    assert_eq!(code(bad), "InvalidParameterValue");
    let fifo = client.create_queue().queue_name("jobs.fifo").send().await;
    assert_eq!(code(fifo), "NotImplemented");

    for name in ["jobs-2", "jobs-3", "others"] {
        make_queue(&client, name, &[]).await;
    }
    let pages = client
        .list_queues()
        .queue_name_prefix("jobs-")
        .max_results(2)
        .into_paginator()
        .items()
        .send();
    let urls: Vec<String> = pages.collect::<Result<_, _>>().await.expect("listed");
    let names: Vec<&str> = urls
        .iter()
        .filter_map(|url| url.rsplit('/').next())
        .collect();
    assert_eq!(names, ["jobs-1", "jobs-2", "jobs-3"]);
    let found = client.get_queue_url().queue_name("jobs-1").send().await;
    assert_eq!(found.expect("found").queue_url(), Some(url.as_str()));
    let absent = client.get_queue_url().queue_name("none").send().await;
    let refusal = absent.expect_err("none").into_service_error();
    assert!(refusal.is_queue_does_not_exist(), "{refusal:?}");
    assert_eq!(
        refusal.meta().message(),
        Some("The specified queue does not exist.")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn tags_are_added_changed_and_taken_away() {
    let running = Running::start().await;
    let client = running.sqs();
    let made = client
        .create_queue()
        .queue_name("jobs")
        .tags("stack", "demo")
        .tags("a", "1")
        .send()
        .await
        .expect("made");
    let url = made.queue_url().expect("a URL");
    let tag = client.tag_queue().queue_url(url);
    tag.tags("a", "2")
        .tags("b", "")
        .send()
        .await
        .expect("tagged");
    let untag = client.untag_queue().queue_url(url);
    untag.tag_keys("stack").send().await.expect("untagged");
    let tags = client.list_queue_tags().queue_url(url).send().await;
    let mut tags: Vec<(String, String)> = tags
        .expect("listed")
        .tags
        .expect("some")
        .into_iter()
        .collect();
    tags.sort();
    let expected = [("a", "2"), ("b", "")];
    assert_eq!(
        tags,
        expected.map(|(key, value)| (key.to_owned(), value.to_owned()))
    );
    let mut many = client.tag_queue().queue_url(url);
    for number in 0..51 {
        many = many.tags(format!("k{number}"), "x");
    }
    assert_eq!(code(many.send().await), "InvalidParameterValue");
}

/// aws-behaviours Q1
#[tokio::test(flavor = "multi_thread")]
async fn the_name_of_a_deleted_queue_is_free_after_a_minute() {
    let timed = Timed::start().await;
    let url = make_queue(&timed.client, "jobs", &[]).await;
    let delete = timed.client.delete_queue().queue_url(&url);
    delete.send().await.expect("deleted");
    timed.pass(59);
    let timed = timed.restart().await;
    let create = || timed.client.create_queue().queue_name("jobs").send();
    let refused = create().await.expect_err("too early").into_service_error();
    assert!(refused.is_queue_deleted_recently(), "{refused:?}");
    assert_eq!(
        refused.meta().message(),
        Some(
            "You must wait 60 seconds after deleting a queue before you can create another \
             with the same name."
        )
    );
    timed.pass(1);
    create().await.expect("made");

    // Without AWS's times there is no wait.
    let running = Running::start().await;
    let client = running.sqs();
    for _ in 0..2 {
        let url = make_queue(&client, "jobs", &[]).await;
        let delete = client.delete_queue().queue_url(&url);
        delete.send().await.expect("deleted");
    }
}

/// aws-behaviours Q13
#[tokio::test(flavor = "multi_thread")]
async fn a_purge_takes_everything_and_is_refused_for_a_minute() {
    let timed = Timed::start().await;
    let url = make_queue(&timed.client, "jobs", &[]).await;
    for body in ["in flight", "visible"] {
        send(&timed.client, &url, body).await;
    }
    let late = timed.client.send_message().queue_url(&url);
    let late = late.message_body("delayed").delay_seconds(60);
    late.send().await.expect("sent");
    let receive = timed.client.receive_message().queue_url(&url);
    receive.send().await.expect("received");
    assert_eq!(counts(&timed.client, &url).await, ["1", "1", "1"]);
    let purge = timed.client.purge_queue().queue_url(&url);
    purge.send().await.expect("purged");
    assert_eq!(counts(&timed.client, &url).await, ["0", "0", "0"]);

    timed.pass(59);
    let timed = timed.restart().await;
    let purge = || timed.client.purge_queue().queue_url(&url).send();
    let refused = purge().await.expect_err("too early").into_service_error();
    assert!(refused.is_purge_queue_in_progress(), "{refused:?}");
    assert_eq!(
        refused.meta().message(),
        Some("Only one PurgeQueue operation on jobs is allowed every 60 seconds.")
    );
    timed.pass(1);
    purge().await.expect("purged");
}

/// aws-behaviours Q7, Q8
#[tokio::test(flavor = "multi_thread")]
async fn redrive_policies_are_checked_and_found_from_the_other_side() {
    let running = Running::start().await;
    let client = running.sqs();
    let dead = make_queue(&client, "jobs-dlq", &[]).await;
    let url = make_queue(&client, "jobs", &[]).await;
    let set = |name: Name, value: String| {
        let request = client.set_queue_attributes().queue_url(&url);
        request.attributes(name, value).send()
    };
    for policy in [
        redrive("none", 1),
        redrive("jobs-dlq", 0),
        redrive("jobs-dlq", 1_001),
        "{".to_owned(),
    ] {
        let refused = set(Name::RedrivePolicy, policy).await;
        assert_eq!(code(refused), "InvalidParameterValue");
    }
    let allow = client.set_queue_attributes().queue_url(&dead).attributes(
        Name::RedriveAllowPolicy,
        r#"{"redrivePermission":"denyAll"}"#,
    );
    allow.send().await.expect("denied");
    let refused = set(Name::RedrivePolicy, redrive("jobs-dlq", 3)).await;
    assert_eq!(code(refused), "InvalidParameterValue");
    let allow = client.set_queue_attributes().queue_url(&dead).attributes(
        Name::RedriveAllowPolicy,
        format!(r#"{{"redrivePermission":"byQueue","sourceQueueArns":["{ARN}jobs"]}}"#),
    );
    allow.send().await.expect("allowed");
    set(Name::RedrivePolicy, redrive("jobs-dlq", 3))
        .await
        .expect("set");
    let sources = client
        .list_dead_letter_source_queues()
        .queue_url(&dead)
        .send()
        .await
        .expect("listed");
    assert_eq!(sources.queue_urls(), std::slice::from_ref(&url));
}

#[tokio::test(flavor = "multi_thread")]
async fn permissions_are_written_into_the_policy() {
    let running = Running::start().await;
    let client = running.sqs();
    let url = make_queue(&client, "jobs", &[]).await;
    let add = || {
        client
            .add_permission()
            .queue_url(&url)
            .label("senders")
            .aws_account_ids("111111111111")
            .actions("SendMessage")
            .send()
    };
    add().await.expect("added");
    assert_eq!(code(add().await), "InvalidParameterValue");
    let policy = &attributes(&client, &url).await[&Name::Policy];
    let policy: serde_json::Value = serde_json::from_str(policy).expect("JSON");
    assert_eq!(
        policy["Statement"],
        serde_json::json!([{
            "Sid": "senders", "Effect": "Allow",
            "Principal": {"AWS": "arn:aws:iam::111111111111:root"},
            "Action": "SQS:SendMessage", "Resource": format!("{ARN}jobs"),
        }])
    );
    let remove = || {
        client
            .remove_permission()
            .queue_url(&url)
            .label("senders")
            .send()
    };
    remove().await.expect("removed");
    assert!(!attributes(&client, &url).await.contains_key(&Name::Policy));
    assert_eq!(code(remove().await), "InvalidParameterValue");
}
