//! Code that is put into a bucket first, and read from there.

use std::io::{Cursor, Write as _};

use aws_sdk_lambda::Client;
use aws_sdk_lambda::error::SdkError;
use aws_sdk_lambda::operation::create_function::{CreateFunctionError, CreateFunctionOutput};
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::{FunctionCode, Runtime};
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{BucketVersioningStatus, VersioningConfiguration};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};

use crate::common::Running;

const BUCKET: &str = "artifacts";
const KEY: &str = "worker.zip";
/// Largest zip in a request, bytes. // aws-behaviours L7
const MAX_DIRECT: usize = 52_428_800;

/// A zip whose bootstrap is a script of that text, with so many bytes beside it that are not compressed.
fn zip_of(text: &str, more: usize) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default()
        .compression_method(zip::CompressionMethod::Stored)
        .unix_permissions(0o755);
    zip.start_file("bootstrap", options).expect("an entry");
    let script = format!("#!/bin/sh\n# {text}\nexec sleep 600\n");
    zip.write_all(script.as_bytes()).expect("its text");
    if more > 0 {
        zip.start_file("data", options).expect("an entry");
        zip.write_all(&vec![0; more]).expect("its bytes");
    }
    zip.finish().expect("an archive").into_inner()
}

/// What Lambda says of code that is this zip.
fn sha256_of(zip: &[u8]) -> String {
    STANDARD.encode(Sha256::digest(zip))
}

async fn with_bucket() -> Running {
    let running = Running::start().await;
    let made = running.s3().create_bucket().bucket(BUCKET).send().await;
    made.expect("a bucket");
    running
}

/// Puts a zip into the bucket; returns the id of its version, where there are versions.
async fn put(running: &Running, zip: &[u8]) -> Option<String> {
    running
        .s3()
        .put_object()
        .bucket(BUCKET)
        .key(KEY)
        .body(ByteStream::from(zip.to_vec()))
        .send()
        .await
        .expect("put")
        .version_id()
        .map(str::to_owned)
}

async fn keep_versions(running: &Running) {
    let enabled = VersioningConfiguration::builder()
        .status(BucketVersioningStatus::Enabled)
        .build();
    running
        .s3()
        .put_bucket_versioning()
        .bucket(BUCKET)
        .versioning_configuration(enabled)
        .send()
        .await
        .expect("set");
}

fn object(bucket: &str, key: &str) -> FunctionCode {
    FunctionCode::builder()
        .s3_bucket(bucket)
        .s3_key(key)
        .build()
}

async fn create(
    client: &Client,
    code: FunctionCode,
) -> Result<CreateFunctionOutput, SdkError<CreateFunctionError>> {
    client
        .create_function()
        .function_name("worker")
        .runtime(Runtime::Providedal2023)
        .handler("bootstrap")
        .role("arn:aws:iam::000000000000:role/r")
        .code(code)
        .send()
        .await
}

/// Code and message of a refused CreateFunction; there is no function after it.
async fn refused(client: &Client, code: FunctionCode) -> (String, String) {
    let error = create(client, code).await.expect_err("it is refused");
    let there = client.get_function().function_name("worker").send().await;
    assert!(there.is_err(), "nothing was made");
    let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
    (text(error.code()), text(error.message()))
}

fn mistake(message: &str) -> (String, String) {
    (
        "InvalidParameterValueException".to_owned(),
        message.to_owned(),
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_is_made_and_changed_from_objects() {
    let running = with_bucket().await;
    let client = running.lambda();
    let (first, second) = (zip_of("1", 0), zip_of("2", 0));
    put(&running, &first).await;
    let made = create(&client, object(BUCKET, KEY)).await.expect("made");
    assert_eq!(made.code_sha256(), Some(sha256_of(&first).as_str()));
    assert_eq!(made.code_size(), first.len() as i64);
    put(&running, &second).await;
    let changed = client
        .update_function_code()
        .function_name("worker")
        .s3_bucket(BUCKET)
        .s3_key(KEY)
        .send()
        .await
        .expect("changed");
    assert_eq!(changed.code_sha256(), Some(sha256_of(&second).as_str()));
    // The code is the function's own: the bucket may go.
    let s3 = running.s3();
    let deleted = s3.delete_object().bucket(BUCKET).key(KEY).send().await;
    deleted.expect("deleted");
    let running = running.restart().await;
    let got = running.lambda().get_function().function_name("worker");
    let got = got.send().await.expect("there");
    let code_sha256 = got.configuration().and_then(|one| one.code_sha256());
    assert_eq!(code_sha256, Some(sha256_of(&second).as_str()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_of_an_object_is_that_one() {
    let running = with_bucket().await;
    let client = running.lambda();
    keep_versions(&running).await;
    let (first, second) = (zip_of("1", 0), zip_of("2", 0));
    let version = put(&running, &first).await.expect("a version");
    put(&running, &second).await;
    let code = |version: &str| {
        FunctionCode::builder()
            .s3_bucket(BUCKET)
            .s3_key(KEY)
            .s3_object_version(version)
            .build()
    };
    assert_eq!(
        refused(&client, code("none")).await,
        mistake(
            "Error occurred while GetObject. S3 Error Code: NoSuchVersion. S3 Error Message: The specified version does not exist."
        )
    );
    let made = create(&client, code(&version)).await.expect("made");
    assert_eq!(made.code_sha256(), Some(sha256_of(&first).as_str()));
    let changed = client
        .update_function_code()
        .function_name("worker")
        .s3_bucket(BUCKET)
        .s3_key(KEY)
        .send()
        .await
        .expect("changed");
    assert_eq!(changed.code_sha256(), Some(sha256_of(&second).as_str()));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_read_from_s3_is_told_in_the_words_of_both() {
    let running = with_bucket().await;
    let client = running.lambda();
    let no_bucket = mistake(
        "Error occurred while GetObject. S3 Error Code: NoSuchBucket. S3 Error Message: The specified bucket does not exist",
    );
    let no_key = mistake(
        "Error occurred while GetObject. S3 Error Code: NoSuchKey. S3 Error Message: The specified key does not exist.",
    );
    assert_eq!(refused(&client, object("absent", KEY)).await, no_bucket);
    assert_eq!(refused(&client, object(BUCKET, KEY)).await, no_key);
    // An object that was deleted where versions are kept is found as a marker.
    keep_versions(&running).await;
    put(&running, &zip_of("1", 0)).await;
    let s3 = running.s3();
    let deleted = s3.delete_object().bucket(BUCKET).key(KEY).send().await;
    let marker = deleted.expect("hidden").version_id().map(str::to_owned);
    assert_eq!(refused(&client, object(BUCKET, KEY)).await, no_key);
    let code = FunctionCode::builder()
        .s3_bucket(BUCKET)
        .s3_key(KEY)
        .set_s3_object_version(marker);
    let (_, message) = refused(&client, code.build()).await;
    assert!(message.contains("MethodNotAllowed"), "{message}");
    // What is there and no zip is refused as one in the request would be.
    put(&running, b"no zip").await;
    let (code, message) = refused(&client, object(BUCKET, KEY)).await;
    assert_eq!(code, "InvalidParameterValueException");
    assert!(message.starts_with("Could not unzip"), "{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn code_comes_from_one_place_that_is_named_in_full() {
    let running = with_bucket().await;
    let client = running.lambda();
    let zip = zip_of("1", 0);
    put(&running, &zip).await;
    let both = "Please do not provide other FunctionCode parameters when providing a ZipFile.";
    let code = FunctionCode::builder()
        .zip_file(Blob::new(zip.clone()))
        .s3_bucket(BUCKET)
        .s3_key(KEY);
    assert_eq!(refused(&client, code.build()).await, mistake(both));
    let half = "S3 Bucket and Key are required for uploading with S3 parameters.";
    for code in [
        FunctionCode::builder().s3_bucket(BUCKET),
        FunctionCode::builder().s3_key(KEY),
    ] {
        assert_eq!(refused(&client, code.build()).await, mistake(half));
    }
    let code = FunctionCode::builder().build();
    assert_eq!(
        refused(&client, code).await,
        mistake("Please provide a source for function code.")
    );
    let code = FunctionCode::builder().image_uri("registry/image:1");
    assert_eq!(refused(&client, code.build()).await.0, "NotImplemented");
}

/// aws-behaviours L7
#[tokio::test(flavor = "multi_thread")]
async fn a_zip_too_large_for_a_request_is_taken_from_s3() {
    let running = with_bucket().await;
    let client = running.lambda();
    let zip = zip_of("1", MAX_DIRECT);
    assert!(zip.len() > MAX_DIRECT);
    put(&running, &zip).await;
    let code = FunctionCode::builder().zip_file(Blob::new(zip.clone()));
    assert_eq!(
        refused(&client, code.build()).await.0,
        "RequestEntityTooLargeException"
    );
    let made = create(&client, object(BUCKET, KEY)).await.expect("made");
    assert_eq!(made.code_size(), zip.len() as i64);
    assert_eq!(made.code_sha256(), Some(sha256_of(&zip).as_str()));
}
