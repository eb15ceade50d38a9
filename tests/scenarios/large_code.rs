//! Code that is too large to go along with a call, and code that is not what was packaged.

use std::io::Write as _;

use pipectl::package::MAX_DIRECT_BYTES;
use pipectl::plan::{Consent, Purpose};

use super::world::{World, down, propose, up, whole};

const STACK: &str = "stack: large
functions: { trigger: { crate: functions/trigger } }
";

/// A zip with a script and, not compressed, so much that the zip is over the limit.
fn large_zip(marker: &str) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let stored = zip::write::SimpleFileOptions::default()
        .compression_method(zip::CompressionMethod::Stored)
        .unix_permissions(0o755);
    zip.start_file("bootstrap", stored).expect("started");
    zip.write_all(format!("#!/bin/sh\n# {marker}\nexit 0\n").as_bytes())
        .expect("written");
    zip.start_file("data", stored).expect("started");
    zip.write_all(&vec![7; MAX_DIRECT_BYTES as usize])
        .expect("written");
    zip.finish().expect("finished").into_inner()
}

/// aws-behaviours L7
#[tokio::test(flavor = "multi_thread")]
async fn large_code_goes_by_a_bucket_that_is_empty_again() {
    let world = World::new().await;
    let stack = world.stack(STACK);
    std::fs::write(world.zip("large"), large_zip("one")).expect("a zip");
    let cx = world.context(&stack, world.endpoint(), "large");
    whole(up(&stack, &cx).await).expect("up");
    let keys = || async {
        let list = cx.clients.s3.list_objects_v2().bucket("large-zips");
        list.send().await.expect("the bucket").key_count()
    };
    assert_eq!(keys().await, Some(0), "Lambda has a copy of its own");
    let function = cx.clients.lambda.get_function_configuration();
    let function = function
        .function_name("large-trigger")
        .send()
        .await
        .expect("the function");
    assert!(function.code_size() > MAX_DIRECT_BYTES as i64);

    let again = propose(&stack, &cx, Purpose::Up, Consent::default())
        .await
        .expect("a plan");
    assert!(again.plan.is_empty(), "{:?}", again.plan);

    std::fs::write(world.zip("large"), large_zip("two")).expect("a zip");
    let cx = world.context(&stack, world.endpoint(), "large");
    let outcome = up(&stack, &cx).await.expect("up");
    assert_eq!(outcome.done.len(), 1, "{:?}", outcome.done);
    let list = cx.clients.s3.list_objects_v2().bucket("large-zips");
    assert_eq!(list.send().await.expect("the bucket").key_count(), Some(0));

    // What somebody else put there is their data; what an interrupted run left is nobody's.
    let s3 = &cx.clients.s3;
    let put = |key: String| s3.put_object().bucket("large-zips").key(key).send();
    put("holiday.zip".to_owned()).await.expect("an object");
    let without = world.context(&stack, world.endpoint(), "one");
    let proposal = propose(&stack, &without, Purpose::Up, Consent::default())
        .await
        .expect("a plan");
    let refusals = &proposal.plan.refusals;
    assert_eq!(refusals.len(), 1, "{refusals:?}");
    let delete = s3.delete_object().bucket("large-zips").key("holiday.zip");
    delete.send().await.expect("deleted");
    put(format!("trigger-{}-7.zip", "0f".repeat(32)))
        .await
        .expect("an object");
    let cx = without;
    whole(up(&stack, &cx).await).expect("the bucket goes when no code needs it");
    assert_eq!(world.resources(), 2, "the function and its log group");

    let cx = world.context(&stack, world.endpoint(), "large");
    whole(up(&stack, &cx).await).expect("up");
    whole(down(&stack, &cx).await).expect("down");
    assert_eq!(world.resources(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn code_that_changed_since_it_was_packaged_is_not_sent() {
    let world = World::new().await;
    let stack = world.stack(STACK);
    let cx = world.context(&stack, world.endpoint(), "one");
    let whole_zip = std::fs::read(world.zip("one")).expect("the zip");
    std::fs::write(world.zip("one"), &whole_zip[..whole_zip.len() / 2]).expect("cut");
    let outcome = up(&stack, &cx).await.expect("a plan");
    let failed = &outcome.failed[0].error;
    assert!(failed.says("run this again"), "{failed}");
    let there = cx
        .clients
        .lambda
        .get_function()
        .function_name("large-trigger")
        .send()
        .await;
    assert!(there.is_err(), "no half of a function");

    std::fs::write(world.zip("one"), whole_zip).expect("mended");
    whole(up(&stack, &cx).await).expect("up");
}
