//! Dead letters, and the move tasks that take them back.

use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::{
    ListMessageMoveTasksResultEntry as Task, MessageSystemAttributeName as System,
    QueueAttributeName as Name,
};

use super::{
    ARN, NOW, SECOND, Timed, attributes, bodies, counts, handle, make_queue, receive, redrive,
    send, system,
};
use crate::common::code;

/// A queue with a dead letter queue that so many messages of it are in; their URLs.
async fn with_dead_letters(timed: &Timed, count: usize) -> (String, String) {
    let client = &timed.client;
    let dead = make_queue(client, "jobs-dlq", &[]).await;
    let attributes = [
        (Name::RedrivePolicy, redrive("jobs-dlq", 1)),
        (Name::VisibilityTimeout, "0".to_owned()),
    ];
    let attributes: Vec<(Name, &str)> = attributes
        .iter()
        .map(|(name, value)| (name.clone(), value.as_str()))
        .collect();
    let url = make_queue(client, "jobs", &attributes).await;
    for number in 0..count {
        send(client, &url, &format!("m{number}")).await;
    }
    assert_eq!(receive(client, &url).await.len(), count);
    assert!(receive(client, &url).await.is_empty());
    assert_eq!(counts(client, &dead).await, [&count.to_string(), "0", "0"]);
    (url, dead)
}

/// The newest tasks of the dead letter queue.
async fn tasks(client: &Client) -> Vec<Task> {
    client
        .list_message_move_tasks()
        .source_arn(format!("{ARN}jobs-dlq"))
        .max_results(10)
        .send()
        .await
        .expect("listed")
        .results
        .unwrap_or_default()
}

/// The newest task, once it is what is waited for.
async fn task_when(client: &Client, is_so: impl Fn(&Task) -> bool) -> Task {
    let looking = async {
        loop {
            if let Some(task) = tasks(client).await.into_iter().next().filter(&is_so) {
                return task;
            }
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(20), looking)
        .await
        .expect("in time")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_is_a_dead_letter_after_exactly_max_receives() {
    let timed = Timed::start().await;
    let client = &timed.client;
    let dead = make_queue(client, "jobs-dlq", &[(Name::MessageRetentionPeriod, "120")]).await;
    let policy = redrive("jobs-dlq", 3);
    let url = make_queue(
        client,
        "jobs",
        &[
            (Name::RedrivePolicy, &policy),
            (Name::VisibilityTimeout, "10"),
        ],
    )
    .await;
    let id = send(client, &url, "poison").await;
    let mut first = String::new();
    for count in ["1", "2", "3"] {
        let received = receive(client, &url).await;
        assert_eq!(system(&received[0], System::ApproximateReceiveCount), count);
        if first.is_empty() {
            handle(&received[0]).clone_into(&mut first);
        }
        timed.pass(10);
    }
    assert!(receive(client, &url).await.is_empty());
    assert_eq!(counts(client, &url).await, ["0", "0", "0"]);
    // Handles of where it was mean nothing where it is.
    let delete = client.delete_message().queue_url(&url);
    delete.receipt_handle(first).send().await.expect("ignored");

    let timed = timed.restart().await;
    let client = &timed.client;
    let letter = receive(client, &dead).await.remove(0);
    assert_eq!(letter.message_id(), Some(id.as_str()));
    assert_eq!(system(&letter, System::SentTimestamp), NOW.to_string());
    assert_eq!(
        system(&letter, System::DeadLetterQueueSourceArn),
        format!("{ARN}jobs")
    );
    assert_eq!(system(&letter, System::ApproximateReceiveCount), "4");
    // It expires by the time of its first sending, not of its move.
    timed.pass(89);
    assert_eq!(bodies(&receive(client, &dead).await), ["poison"]);
    timed.pass(1);
    assert_eq!(counts(client, &dead).await, ["0", "0", "0"]);
}

/// aws-behaviours Q14
#[tokio::test(flavor = "multi_thread")]
async fn a_move_task_takes_dead_letters_back_as_new_messages() {
    let timed = Timed::start().await;
    let client = &timed.client;
    let (url, dead) = with_dead_letters(&timed, 3).await;
    timed.pass(7);
    let start = client.start_message_move_task();
    let started = start.source_arn(format!("{ARN}jobs-dlq")).send().await;
    assert!(started.expect("started").task_handle().is_some());
    let task = task_when(client, |task| task.status() == Some("COMPLETED")).await;
    assert_eq!(task.approximate_number_of_messages_moved(), 3);
    assert_eq!(task.approximate_number_of_messages_to_move(), Some(3));
    assert_eq!(task.started_timestamp(), NOW + 7 * SECOND);
    assert_eq!(task.destination_arn(), None);
    assert_eq!(counts(client, &dead).await, ["0", "0", "0"]);
    let back = receive(client, &url).await;
    assert_eq!(bodies(&back), ["m0", "m1", "m2"]);
    for message in &back {
        assert_eq!(system(message, System::ApproximateReceiveCount), "1");
        assert_eq!(
            system(message, System::SentTimestamp),
            (NOW + 7 * SECOND).to_string()
        );
    }

    // To another queue than where they came from.
    assert!(receive(client, &url).await.is_empty());
    let other = make_queue(client, "others", &[]).await;
    client
        .start_message_move_task()
        .source_arn(format!("{ARN}jobs-dlq"))
        .destination_arn(format!("{ARN}others"))
        .send()
        .await
        .expect("started");
    let done = |task: &Task| task.status() == Some("COMPLETED") && task.destination_arn().is_some();
    task_when(client, done).await;
    assert_eq!(counts(client, &other).await, ["3", "0", "0"]);
    assert_eq!(tasks(client).await.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_move_task_keeps_its_rate_over_a_restart_and_can_be_cancelled() {
    let timed = Timed::start().await;
    let (_, dead) = with_dead_letters(&timed, 5).await;
    let start = |client: &Client| {
        client
            .start_message_move_task()
            .source_arn(format!("{ARN}jobs-dlq"))
            .max_number_of_messages_per_second(2)
            .send()
    };
    start(&timed.client).await.expect("started");
    let second = start(&timed.client).await.expect_err("one at a time");
    let second = second.into_service_error();
    assert_eq!(second.meta().code(), Some("InvalidParameterValue"));
    assert_eq!(
        second.meta().message(),
        Some(
            "There is already a task running. Only one active task is allowed for a source \
             queue arn at a given time."
        )
    );
    let moved =
        |wanted: i64| move |task: &Task| task.approximate_number_of_messages_moved() == wanted;
    let task = task_when(&timed.client, moved(2)).await;
    assert_eq!(task.status(), Some("RUNNING"));
    assert_eq!(task.max_number_of_messages_per_second(), Some(2));
    assert_eq!(counts(&timed.client, &dead).await, ["3", "0", "0"]);

    // The next run goes on at once, and then waits for its second again.
    let timed = timed.restart().await;
    let task = task_when(&timed.client, moved(4)).await;
    let cancel = || {
        let request = timed.client.cancel_message_move_task();
        request
            .task_handle(task.task_handle().expect("it runs"))
            .send()
    };
    let cancelled = cancel().await.expect("cancelled");
    assert_eq!(cancelled.approximate_number_of_messages_moved(), 4);
    let task = tasks(&timed.client).await.remove(0);
    assert_eq!(
        (task.status(), task.task_handle()),
        (Some("CANCELLED"), None)
    );
    timed.pass(5);
    assert_eq!(counts(&timed.client, &dead).await, ["1", "0", "0"]);
    assert_eq!(
        code(cancel().await),
        "AWS.SimpleQueueService.UnsupportedOperation"
    );
}

/// aws-behaviours Q14
#[tokio::test(flavor = "multi_thread")]
async fn move_tasks_that_cannot_be_are_refused() {
    let timed = Timed::start().await;
    let client = &timed.client;
    let (url, dead) = with_dead_letters(&timed, 1).await;
    let start = || client.start_message_move_task();
    let source = format!("{ARN}jobs-dlq");
    for (request, wanted, words) in [
        (
            start().source_arn(format!("{ARN}none")),
            "ResourceNotFoundException",
            "The resource that you specified for the SourceArn parameter doesn't exist.",
        ),
        (
            start().source_arn(format!("{ARN}jobs")),
            "InvalidParameterValue",
            "Source queue must be configured as a Dead Letter Queue.",
        ),
        (
            start()
                .source_arn(&source)
                .destination_arn(format!("{ARN}none")),
            "ResourceNotFoundException",
            "The resource that you specified for the DestinationArn parameter doesn't exist.",
        ),
        (
            start().source_arn(&source).destination_arn(&source),
            "InvalidParameterValue",
            "Source queue arn and destination queue arn cannot be the same.",
        ),
    ] {
        let refused = request.send().await.expect_err(words).into_service_error();
        assert_eq!(refused.meta().code(), Some(wanted));
        assert_eq!(refused.meta().message(), Some(words));
    }
    let fast = start()
        .source_arn(&source)
        .max_number_of_messages_per_second(501);
    assert_eq!(code(fast.send().await), "InvalidParameterValue");
    let cancel = client.cancel_message_move_task().task_handle("nonsense");
    assert_eq!(code(cancel.send().await), "InvalidParameterValue");

    // What was sent to the dead letter queue itself came from nowhere.
    send(client, &dead, "direct").await;
    start().source_arn(&source).send().await.expect("started");
    let task = task_when(client, |task| task.status() == Some("FAILED")).await;
    assert_eq!(
        task.failure_reason(),
        Some("CouldNotDetermineMessageSource")
    );
    assert_eq!(task.approximate_number_of_messages_moved(), 1);
    assert_eq!(counts(client, &url).await, ["1", "0", "0"]);
    assert_eq!(bodies(&receive(client, &dead).await), ["direct"]);
    let policy = &attributes(client, &url).await[&Name::RedrivePolicy];
    assert_eq!(*policy, redrive("jobs-dlq", 1));
}
