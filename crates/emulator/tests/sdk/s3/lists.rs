//! Listings, page by page.

use aws_sdk_s3::Client;
use aws_sdk_s3::types::BucketVersioningStatus;

use super::{BUCKET, make_bucket, put, version_bucket};
use crate::common::{Running, code};

const KEYS: [&str; 6] = ["a/1", "a/2", "a/3", "b c/1", "z", "ü/1"];

async fn filled() -> (Running, Client) {
    let running = Running::start().await;
    let client = running.s3();
    make_bucket(&client).await;
    for key in KEYS {
        put(&client, key, b"x").await;
    }
    (running, client)
}

#[tokio::test(flavor = "multi_thread")]
async fn version_2_pages_by_tokens() {
    let (_running, client) = filled().await;
    let mut pages = client
        .list_objects_v2()
        .bucket(BUCKET)
        .max_keys(2)
        .into_paginator()
        .send();
    let mut seen = Vec::new();
    while let Some(page) = pages.next().await {
        let page = page.expect("a page");
        assert_eq!(page.key_count(), Some(page.contents().len() as i32));
        assert!(page.contents().len() <= 2);
        seen.extend(
            page.contents()
                .iter()
                .filter_map(|o| o.key().map(str::to_owned)),
        );
    }
    assert_eq!(seen, KEYS);
    let behind = client.list_objects_v2().bucket(BUCKET).start_after("a/2");
    let behind = behind.send().await.expect("listed");
    let behind: Vec<_> = behind.contents().iter().filter_map(|o| o.key()).collect();
    assert_eq!(behind, KEYS[2..]);
    let wrong = client.list_objects_v2().bucket(BUCKET);
    let wrong = wrong.continuation_token("not a token!").send().await;
    assert_eq!(code(wrong), "InvalidArgument");
}

#[tokio::test(flavor = "multi_thread")]
async fn version_2_rolls_up_by_a_delimiter() {
    let (_running, client) = filled().await;
    let mut prefixes = Vec::new();
    let mut keys = Vec::new();
    let mut token = None;
    loop {
        let page = client
            .list_objects_v2()
            .bucket(BUCKET)
            .delimiter("/")
            .max_keys(1)
            .set_continuation_token(token)
            .send()
            .await
            .expect("a page");
        let found = page.common_prefixes().iter();
        prefixes.extend(found.filter_map(|p| p.prefix().map(str::to_owned)));
        keys.extend(
            page.contents()
                .iter()
                .filter_map(|o| o.key().map(str::to_owned)),
        );
        token = page.next_continuation_token().map(str::to_owned);
        assert_eq!(page.is_truncated(), Some(token.is_some()));
        if token.is_none() {
            break;
        }
    }
    assert_eq!(prefixes, ["a/", "b c/", "ü/"]);
    assert_eq!(keys, ["z"]);
    let inside = client.list_objects_v2().bucket(BUCKET).prefix("a/");
    let inside = inside.delimiter("/").send().await.expect("listed");
    assert_eq!(inside.contents().len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn version_1_pages_by_markers() {
    let (_running, client) = filled().await;
    let mut marker = None;
    let mut seen = Vec::new();
    loop {
        let page = client
            .list_objects()
            .bucket(BUCKET)
            .delimiter("/")
            .max_keys(2)
            .set_marker(marker)
            .send()
            .await
            .expect("a page");
        let found = page.common_prefixes().iter();
        seen.extend(found.filter_map(|p| p.prefix().map(str::to_owned)));
        seen.extend(
            page.contents()
                .iter()
                .filter_map(|o| o.key().map(str::to_owned)),
        );
        marker = page.next_marker().map(str::to_owned);
        if page.is_truncated() != Some(true) {
            break;
        }
    }
    seen.sort();
    assert_eq!(seen, ["a/", "b c/", "z", "ü/"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn versions_page_by_key_and_version() {
    let (_running, client) = filled().await;
    version_bucket(&client, BucketVersioningStatus::Enabled).await;
    for _ in 0..2 {
        put(&client, "a/1", b"x").await;
    }
    let deleted = client.delete_object().bucket(BUCKET).key("a/2");
    deleted.send().await.expect("hidden");
    let (mut key, mut version) = (None, None);
    let mut seen = Vec::new();
    let mut markers = Vec::new();
    loop {
        let page = client
            .list_object_versions()
            .bucket(BUCKET)
            .prefix("a/")
            .max_keys(2)
            .set_key_marker(key)
            .set_version_id_marker(version)
            .send()
            .await
            .expect("a page");
        seen.extend(
            page.versions()
                .iter()
                .filter_map(|v| v.key().map(str::to_owned)),
        );
        markers.extend(
            page.delete_markers()
                .iter()
                .filter_map(|m| m.key().map(str::to_owned)),
        );
        key = page.next_key_marker().map(str::to_owned);
        version = page.next_version_id_marker().map(str::to_owned);
        if page.is_truncated() != Some(true) {
            break;
        }
    }
    assert_eq!(seen, ["a/1", "a/1", "a/1", "a/2", "a/3"]);
    assert_eq!(markers, ["a/2"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn unfinished_uploads_page_and_roll_up() {
    let running = Running::start().await;
    let client = running.s3();
    make_bucket(&client).await;
    for key in ["a/1", "a/2", "b", "b"] {
        let begun = client.create_multipart_upload().bucket(BUCKET).key(key);
        begun.send().await.expect("begun");
    }
    let (mut key, mut id) = (None, None);
    let mut seen = Vec::new();
    loop {
        let page = client
            .list_multipart_uploads()
            .bucket(BUCKET)
            .max_uploads(1)
            .set_key_marker(key)
            .set_upload_id_marker(id)
            .send()
            .await
            .expect("a page");
        seen.extend(
            page.uploads()
                .iter()
                .filter_map(|u| u.key().map(str::to_owned)),
        );
        key = page.next_key_marker().map(str::to_owned);
        id = page.next_upload_id_marker().map(str::to_owned);
        if page.is_truncated() != Some(true) {
            break;
        }
    }
    assert_eq!(seen, ["a/1", "a/2", "b", "b"]);
    let rolled = client
        .list_multipart_uploads()
        .bucket(BUCKET)
        .delimiter("/");
    let rolled = rolled.send().await.expect("listed");
    let prefixes: Vec<_> = rolled
        .common_prefixes()
        .iter()
        .filter_map(|p| p.prefix())
        .collect();
    assert_eq!((prefixes, rolled.uploads().len()), (vec!["a/"], 2));
}
