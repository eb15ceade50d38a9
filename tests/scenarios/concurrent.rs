//! Several `up`s at once: one end, nothing twice.

use futures::future::join_all;

use super::world::{World, down, end_state, up, whole};

const PIPELINE: &str = include_str!("../../stacks/log-pipeline.yaml");

async fn at_once(count: usize) {
    let world = World::new().await;
    let (text, _) = PIPELINE.split_once("templates:").expect("templates");
    let alone = world.stack(&text.replace("stack: log-pipeline", "stack: alone"));
    let cx = world.context(&alone, world.endpoint(), "one");
    whole(up(&alone, &cx).await).expect("alone");
    let expected = end_state(&alone, &cx).await.expect("an end");

    let stack = world.stack(&text.replace("stack: log-pipeline", "stack: many"));
    // Each has clients, and so connections, of its own.
    let contexts: Vec<_> = (0..count)
        .map(|_| world.context(&stack, world.endpoint(), "one"))
        .collect();
    for round in 0..3 {
        let runs = contexts.iter().map(|cx| up(&stack, cx));
        for outcome in join_all(runs).await {
            whole(outcome).unwrap_or_else(|error| panic!("round {round}: {error}"));
        }
        let end = end_state(&stack, &contexts[0]).await.expect("an end");
        assert_eq!(end, expected, "round {round}");
        let mappings = contexts[0].clients.lambda.list_event_source_mappings();
        let mappings = mappings.function_name("many-worker").send().await;
        assert_eq!(mappings.expect("a list").event_source_mappings().len(), 1);
        if round < 2 {
            // Several at once also take it down.
            for outcome in join_all(contexts.iter().map(|cx| down(&stack, cx))).await {
                whole(outcome).unwrap_or_else(|error| panic!("round {round}, down: {error}"));
            }
        }
    }
}

/// aws-behaviours E1
#[tokio::test(flavor = "multi_thread")]
async fn two_ups_at_once_end_as_one() {
    at_once(2).await;
}

/// aws-behaviours E1
#[tokio::test(flavor = "multi_thread")]
async fn five_ups_at_once_end_as_one() {
    at_once(5).await;
}
