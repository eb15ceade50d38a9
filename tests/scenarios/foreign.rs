//! Other people's things under our names: no run touches them, and `down` leaves every one. Targets whose
//! lists lag behind, or that accept what AWS refuses, end the same.

use aws_sdk_lambda::types::{FunctionCode, Runtime};
use pipectl::plan::{Consent, Losses, Purpose, Remedy};
use pipectl::resource::Context;
use pipectl::target::Capabilities;

use super::world::{World, down, end_state, leftovers, propose, run, under_names, up, whole};

const PIPELINE: &str = include_str!("../../stacks/log-pipeline.yaml");

fn pipeline(name: &str) -> String {
    let (text, _) = PIPELINE.split_once("templates:").expect("templates");
    text.replace("stack: log-pipeline", &format!("stack: {name}"))
}

/// A function as somebody makes it by hand, with the log group that Lambda makes, and a queue that feeds it.
async fn by_hand(world: &World, cx: &Context, stack: &str) {
    let zip = std::fs::read(world.zip("two")).expect("a zip");
    let code = FunctionCode::builder().zip_file(zip.into()).build();
    let lambda = &cx.clients.lambda;
    lambda
        .create_function()
        .function_name(format!("{stack}-worker"))
        .runtime(Runtime::Providedal2023)
        .handler("bootstrap")
        .role("arn:aws:iam::000000000000:role/theirs")
        .code(code)
        .send()
        .await
        .expect("a function");
    let group = cx.clients.logs.create_log_group();
    let name = format!("/aws/lambda/{stack}-worker");
    group.log_group_name(name).send().await.expect("a group");
    let queue = cx.clients.sqs.create_queue();
    let queue = queue.queue_name(format!("{stack}-jobs")).send();
    queue.await.expect("a queue");
    lambda
        .create_event_source_mapping()
        .event_source_arn(format!("arn:aws:sqs:us-east-1:000000000000:{stack}-jobs"))
        .function_name(format!("{stack}-worker"))
        .send()
        .await
        .expect("a mapping");
}

/// What is there of somebody else's, by names, with the setting that `up` would change.
async fn theirs(cx: &Context, stack: &str) -> Vec<String> {
    let mut all = under_names(cx).await;
    let groups = cx.clients.logs.describe_log_groups();
    let groups = groups.log_group_name_prefix(format!("/aws/lambda/{stack}-worker"));
    for group in groups.send().await.expect("a list").log_groups() {
        all.push(format!("{:?}", group.retention_in_days()));
    }
    all.sort();
    all
}

/// aws-behaviours L6, Q2, Q3, C1, C3
#[tokio::test(flavor = "multi_thread")]
async fn what_somebody_made_by_hand_under_our_names_is_left_alone() {
    let world = World::new().await;
    let stack = world.stack(&pipeline("ours"));
    let cx = world.context(&stack, world.endpoint(), "one");
    by_hand(&world, &cx, "ours").await;
    let before = theirs(&cx, "ours").await;
    assert_eq!(before.len(), 5, "{before:?}");

    let proposal = propose(&stack, &cx, Purpose::Up, Consent::default())
        .await
        .expect("a plan");
    let mut refused: Vec<_> = proposal
        .plan
        .refusals
        .iter()
        .map(|refusal| (refusal.id.to_string(), refusal.remedy))
        .collect();
    refused.sort_by(|one, other| one.0.cmp(&other.0));
    let names = [
        "functions.worker",
        "log-groups.worker",
        "mappings.jobs-worker",
        "queues.jobs",
    ];
    assert_eq!(refused, names.map(|name| (name.to_owned(), Remedy::Adopt)));

    whole(down(&stack, &cx).await).expect("there is nothing of ours");
    assert_eq!(theirs(&cx, "ours").await, before, "down touched it");

    let adopt = Consent {
        adopt: true,
        losses: Losses::None,
    };
    whole(run(&stack, &cx, Purpose::Up, adopt).await).expect("adopted");
    end_state(&stack, &cx).await.expect("as wanted");
    whole(down(&stack, &cx).await).expect("down");
    assert_eq!(world.resources(), 0, "what was adopted is ours");
}

/// The names of one stack begin as those of the other.
#[tokio::test(flavor = "multi_thread")]
async fn stacks_whose_names_begin_alike_do_not_see_each_other() {
    let world = World::new().await;
    let long = world.stack(&pipeline("log-pipeline"));
    let cx_long = world.context(&long, world.endpoint(), "one");
    whole(up(&long, &cx_long).await).expect("up");
    let before = end_state(&long, &cx_long).await.expect("an end");

    // It would call everything the same: bucket `pipeline-uploads` of `log` is `uploads` of `log-pipeline`.
    let mut text = pipeline("log");
    for name in [
        "uploads-dlq",
        "jobs-dlq",
        "uploads",
        "jobs",
        "results",
        "trigger",
        "worker",
    ] {
        for section in ["buckets", "queues", "tables", "functions"] {
            text = text.replace(
                &format!("{section}.{name}"),
                &format!("{section}.pipeline-{name}"),
            );
        }
        text = text.replace(&format!("\n  {name}:"), &format!("\n  pipeline-{name}:"));
    }
    let text = text.replace("queue: jobs-dlq", "queue: pipeline-jobs-dlq");
    // `uploads-dlq` was renamed by way of `uploads`, too.
    let text = text.replace("pipeline-pipeline-", "pipeline-");
    let short = world.stack(&text);
    let cx_short = world.context(&short, world.endpoint(), "one");
    let consent = Consent {
        adopt: true,
        losses: Losses::Any,
    };
    let refused = run(&short, &cx_short, Purpose::Up, consent).await;
    let error = refused.expect_err("refused");
    assert!(
        error.contains("belongs to the stack `log-pipeline`"),
        "{error}"
    );
    whole(down(&short, &cx_short).await).expect("there is nothing of `log`");

    // And one with other names, all of whose names begin as the other's stack is called.
    let small = world.stack("stack: log\nqueues: { own: {} }\n");
    let cx_small = world.context(&small, world.endpoint(), "one");
    whole(up(&small, &cx_small).await).expect("up");
    assert_eq!(leftovers(&small, &cx_small).await, Vec::<String>::new());
    whole(down(&small, &cx_small).await).expect("down");
    assert_eq!(end_state(&long, &cx_long).await.expect("an end"), before);
    whole(down(&long, &cx_long).await).expect("down");
    assert_eq!(world.resources(), 0);
}

/// A whole life on a target with these capabilities.
async fn life(change: impl FnOnce(&mut Capabilities)) {
    let world = World::with(change).await;
    let stack = world.stack(&pipeline("life"));
    let cx = world.context(&stack, world.endpoint(), "one");
    whole(up(&stack, &cx).await).expect("up");
    end_state(&stack, &cx).await.expect("as wanted");
    let (text, wiring) = pipeline("life").split_once("wiring:").map_or_else(
        || panic!("wiring"),
        |(text, wiring)| (text.to_owned(), wiring.to_owned()),
    );
    // Without the wiring of the bucket, and with another dead letter queue.
    let (_, second) = wiring
        .split_once("\n  - { from: queues")
        .expect("two lines");
    let text =
        format!("{text}wiring:\n  - {{ from: queues{second}").replace("uploads-dlq", "late-dlq");
    let changed = world.stack(&text);
    whole(up(&changed, &cx).await).expect("changed");
    end_state(&changed, &cx).await.expect("as wanted");
    assert_eq!(leftovers(&changed, &cx).await, Vec::<String>::new());
    whole(down(&changed, &cx).await).expect("down");
    assert_eq!(world.resources(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_that_may_lag_behind_lead_to_the_same_end() {
    life(|capabilities| capabilities.current_lists = false).await;
}

/// aws-behaviours E1
#[tokio::test(flavor = "multi_thread")]
async fn a_target_that_may_hold_doubles_is_looked_through() {
    life(|capabilities| capabilities.one_mapping_per_pair = false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn buckets_with_account_and_region_in_their_names_are_found_again() {
    life(|capabilities| capabilities.global_bucket_names = true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn queue_urls_that_are_not_known_beforehand_are_waited_for() {
    life(|capabilities| capabilities.queue_url_from_endpoint = false).await;
}

/// Names that come to the same when they are joined are different things.
#[tokio::test(flavor = "multi_thread")]
async fn wirings_whose_joined_names_are_the_same_are_told_apart() {
    let world = World::new().await;
    let text = |wiring: &str| {
        format!(
            "stack: joined
buckets: {{ a: {{}}, a-b: {{}} }}
queues: {{ a: {{ visibility_timeout: 90s }}, a-b: {{ visibility_timeout: 90s }} }}
functions:
  c: {{ crate: functions/trigger, timeout: 10s }}
  b-c: {{ crate: functions/trigger, timeout: 10s }}
wiring:
{wiring}"
        )
    };
    let both = "  - { from: buckets.a, events: [object-created], to: functions.b-c }
  - { from: buckets.a-b, events: [object-created], to: functions.c }
";
    for (queue, function) in [("a-b", "c"), ("a", "b-c"), ("a-b", "c")] {
        let mapping = format!("  - {{ from: queues.{queue}, to: functions.{function} }}\n");
        let stack = world.stack(&text(&format!("{both}{mapping}")));
        let cx = world.context(&stack, world.endpoint(), "one");
        whole(up(&stack, &cx).await).expect("up");
        end_state(&stack, &cx).await.expect("as wanted");
        let mappings = cx.clients.lambda.list_event_source_mappings().send().await;
        let mappings = mappings.expect("a list");
        let [mapping] = mappings.event_source_mappings() else {
            panic!("{mappings:?}")
        };
        let arn = mapping.function_arn().unwrap_or_default();
        assert!(arn.ends_with(&format!(":joined-{function}")), "{arn}");
        for function in ["joined-c", "joined-b-c"] {
            let policy = cx.clients.lambda.get_policy().function_name(function);
            assert!(policy.send().await.is_ok(), "{function} may be invoked");
        }
    }
    let stack = world.stack(&text("").replace("wiring:\n", ""));
    let cx = world.context(&stack, world.endpoint(), "one");
    whole(up(&stack, &cx).await).expect("up");
    whole(down(&stack, &cx).await).expect("down");
    assert_eq!(world.resources(), 0);
}
