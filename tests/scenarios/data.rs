//! Data in the stores of a stack: what `down` protects, and what it deletes when somebody agrees.

use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_s3::primitives::ByteStream;
use pipectl::plan::{Consent, Losses, Purpose, Remedy};
use pipectl::resource::Context;

use super::world::{World, down, propose, run, under_names, up, whole};

/// An object with two versions, a delete marker, an upload in parts, an item, a message.
pub async fn fill(cx: &Context, stack: &str) {
    let (s3, bucket) = (&cx.clients.s3, format!("{stack}-uploads"));
    for body in ["one", "two"] {
        let put = s3.put_object().bucket(&bucket).key("kept/a");
        put.body(ByteStream::from_static(body.as_bytes()))
            .send()
            .await
            .expect("an object");
    }
    let marker = s3.delete_object().bucket(&bucket).key("kept/gone");
    marker.send().await.expect("a delete marker");
    let upload = s3.create_multipart_upload().bucket(&bucket).key("kept/b");
    upload.send().await.expect("an upload in parts");
    let item = cx
        .clients
        .dynamodb
        .put_item()
        .table_name(format!("{stack}-results"));
    item.item("job_id", AttributeValue::S("j".to_owned()))
        .send()
        .await
        .expect("an item");
    let url = format!(
        "{}/{}/{stack}-jobs-dlq",
        cx.place.target.place(),
        cx.place.target.account
    );
    let send = cx.clients.sqs.send_message().queue_url(url);
    send.message_body("m").send().await.expect("a message");
}

const STORES: &str = "stack: stores
buckets: { uploads: { versioning: true } }
queues: { jobs-dlq: {} }
tables: { results: { partition_key: job_id } }
";

/// aws-behaviours S16
#[tokio::test(flavor = "multi_thread")]
async fn data_is_protected_and_goes_with_consent() {
    let world = World::new().await;
    let stack = world.stack(STORES);
    let cx = world.context(&stack, world.endpoint(), "one");
    whole(up(&stack, &cx).await).expect("up");
    fill(&cx, "stores").await;

    let proposal = propose(&stack, &cx, Purpose::Down, Consent::default())
        .await
        .expect("a plan");
    let refused: Vec<_> = proposal
        .plan
        .refusals
        .iter()
        .map(|refusal| (refusal.id.to_string(), refusal.remedy))
        .collect();
    let all = ["buckets.uploads", "queues.jobs-dlq", "tables.results"];
    assert_eq!(refused, all.map(|id| (id.to_owned(), Remedy::LoseData)));
    assert_eq!(under_names(&cx).await.len(), 3, "nothing was deleted");

    whole(down(&stack, &cx).await).expect("down");
    assert_eq!(world.resources(), 0);
}

/// What comes between the look and the deletion is not lost either.
/// aws-behaviours S16
#[tokio::test(flavor = "multi_thread")]
async fn data_that_comes_after_the_look_is_protected_too() {
    let world = World::new().await;
    let stack = world.stack(STORES);
    let cx = world.context(&stack, world.endpoint(), "one");
    whole(up(&stack, &cx).await).expect("up");
    let proposal = propose(&stack, &cx, Purpose::Down, Consent::default())
        .await
        .expect("a plan");
    assert!(proposal.plan.refusals.is_empty(), "everything is empty");
    fill(&cx, "stores").await;
    let outcome = proposal
        .carry_out(&cx, &super::world::Deaf, &pipectl::apply::Cancel::default())
        .await;
    assert_eq!(outcome.failed.len(), 3, "{outcome:?}");
    assert!(outcome.failed.iter().all(|step| step.error.is_refusal()));
    assert_eq!(under_names(&cx).await.len(), 3);
    whole(down(&stack, &cx).await).expect("down");
}

/// More objects than one page lists or one call deletes.
/// aws-behaviours S16
#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_with_more_than_a_thousand_objects_is_emptied() {
    let world = World::new().await;
    let stack = world.stack(STORES);
    let cx = world.context(&stack, world.endpoint(), "one");
    whole(up(&stack, &cx).await).expect("up");
    let puts = (0..1_234).map(|number| {
        let put = cx.clients.s3.put_object().bucket("stores-uploads");
        put.key(format!("k{number}")).send()
    });
    for put in futures::future::join_all(puts).await {
        put.expect("an object");
    }
    let heard = super::world::Heard::default();
    let consent = Consent {
        adopt: false,
        losses: Losses::Any,
    };
    let proposal = propose(&stack, &cx, Purpose::Down, consent)
        .await
        .expect("a plan");
    let cancel = pipectl::apply::Cancel::default();
    let outcome = proposal.carry_out(&cx, &heard, &cancel).await;
    assert!(outcome.is_whole(), "{outcome:?}");
    let told: Vec<u64> = heard
        .0
        .into_inner()
        .expect("no holder panics")
        .into_iter()
        .filter_map(|event| match event {
            pipectl::event::Event::StepEmptied { objects, .. } => Some(objects),
            _ => None,
        })
        .collect();
    assert_eq!(told, [1_000, 1_234]);
    assert_eq!(world.resources(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_stack_retains_stays_and_is_ours_again() {
    let world = World::new().await;
    let text = STORES.replace("versioning: true", "versioning: true, retain: true");
    let stack = world.stack(&text);
    let cx = world.context(&stack, world.endpoint(), "one");
    whole(up(&stack, &cx).await).expect("up");
    fill(&cx, "stores").await;
    whole(down(&stack, &cx).await).expect("down");
    assert_eq!(under_names(&cx).await, ["buckets.uploads"]);
    whole(up(&stack, &cx).await).expect("up again");
    let consent = Consent {
        adopt: false,
        losses: Losses::Any,
    };
    let stack = world.stack(STORES);
    whole(run(&stack, &cx, Purpose::Down, consent).await).expect("down");
    assert_eq!(world.resources(), 0);
}
