//! Processes: kept, replaced, ended; their code and their logs; and settings of functions.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_process_serves_until_code_or_configuration_changes() {
    let fixture = Fixture::new();
    fixture.make("f", "events", Value::Null).await;
    let first = fixture.pid("f").await;
    assert_eq!(fixture.pid("f").await, first, "it is warm");
    let path = "/2015-03-31/functions/f";
    let memory = json!({ "MemorySize": 256 });
    fixture
        .ok(Method::PUT, &format!("{path}/configuration"), memory)
        .await;
    let second = fixture.pid("f").await;
    assert_ne!(second, first);
    let code = json!({ "ZipFile": STANDARD.encode(bootstrap("other")) });
    fixture.ok(Method::PUT, &format!("{path}/code"), code).await;
    let third = fixture.pid("f").await;
    assert_ne!(third, second);
    eventually("the old ones are gone", || !lives(first) && !lives(second)).await;
    let code = fixture.dir.path().join("lambda/code");
    eventually("the old code is gone", || {
        std::fs::read_dir(&code).expect("listed").count() == 1
    })
    .await;
    fixture.stop().await;
    assert!(!lives(third));
}

#[tokio::test(flavor = "multi_thread")]
async fn no_process_is_left_after_a_stop_not_even_a_retired_one_at_work() {
    let fixture = Fixture::new();
    fixture.make("f", "events", Value::Null).await;
    let never = fixture.dir.path().join("never");
    let (work, pid) = fixture.keep_busy("f", &never).await;
    let path = "/2015-03-31/functions/f/configuration";
    fixture
        .ok(Method::PUT, path, json!({ "MemorySize": 256 }))
        .await;
    let idle = fixture.pid("f").await;
    assert!(lives(pid) && lives(idle));
    fixture.stop().await;
    assert!(!lives(pid) && !lives(idle));
    let got = work.await.expect("it ends");
    assert_eq!(got.body["errorType"], "Runtime.ExitError");
    assert_eq!(fixture.invoke("f", json!({})).await.status, 503);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_that_goes_away_does_not_keep_the_process_taken() {
    let fixture = Fixture::new();
    fixture.make("f", "events", Value::Null).await;
    fixture.reserve("f", 1).await;
    let file = fixture.dir.path().join("go-on");
    let (work, pid) = fixture.keep_busy("f", &file).await;
    work.abort();
    assert!(work.await.is_err_and(|error| error.is_cancelled()));
    assert_eq!(fixture.invoke("f", json!({})).await.status, 429);
    std::fs::write(&file, "").expect("written");
    eventually("it is done", || fixture.logs.has("REPORT ")).await;
    assert_eq!(fixture.pid("f").await, pid);
    fixture.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_function_at_work_keeps_its_code_and_writes_no_log() {
    let fixture = Fixture::new();
    fixture.make("f", "events", Value::Null).await;
    let file = fixture.dir.path().join("go-on");
    let (work, pid) = fixture.keep_busy("f", &file).await;
    let code = fixture.dir.path().join("lambda/code");
    let directories = || std::fs::read_dir(&code).expect("listed").count();
    fixture
        .ok(Method::DELETE, "/2015-03-31/functions/f", Value::Null)
        .await;
    assert_eq!(directories(), 1, "it is in use");
    std::fs::write(&file, "").expect("written");
    let got = work.await.expect("it ends");
    assert_eq!(got.body["pid"], pid);
    eventually("process and code are gone", || {
        !lives(pid) && directories() == 0
    })
    .await;
    fixture.stop().await;
    assert!(!fixture.logs.has("waited"), "{:?}", fixture.logs.all());
    assert!(!fixture.logs.has("REPORT "), "{:?}", fixture.logs.all());
}

#[tokio::test(flavor = "multi_thread")]
async fn code_that_a_crash_left_behind_is_removed_at_the_next_start() {
    let fixture = Fixture::new();
    fixture.make("f", "events", Value::Null).await;
    let code = fixture.dir.path().join("lambda/code");
    std::fs::create_dir(code.join(".unpacking-x")).expect("made");
    std::fs::create_dir(code.join("unknown")).expect("made");
    let fixture = fixture.reopen().await;
    assert_eq!(std::fs::read_dir(&code).expect("listed").count(), 1);
    fixture.pid("f").await;
    fixture.stop().await;
}

#[tokio::test]
async fn tags_pages_and_what_is_not_served() {
    let fixture = Fixture::new();
    let tags = json!({ "Tags": { "pipectl:stack": "s/1" } });
    for name in ["a", "b", "c"] {
        fixture.make(name, "events", tags.clone()).await;
    }
    let got = fixture
        .ok(Method::GET, "/2015-03-31/functions/a", Value::Null)
        .await;
    assert_eq!(got["Tags"], tags["Tags"]);
    let arn = "arn%3Aaws%3Alambda%3Aus-east-1%3A000000000000%3Afunction%3Aa";
    let path = format!("/2017-03-31/tags/{arn}?tagKeys=pipectl%3Astack&tagKeys=x");
    fixture.ok(Method::DELETE, &path, Value::Null).await;
    let path = format!("/2017-03-31/tags/{arn}");
    let got = fixture.ok(Method::GET, &path, Value::Null).await;
    assert_eq!(got["Tags"], json!({}));

    let list = "/2015-03-31/functions";
    let page = fixture
        .ok(Method::GET, &format!("{list}?MaxItems=2"), Value::Null)
        .await;
    assert_eq!(page["Functions"].as_array().map(Vec::len), Some(2));
    assert_eq!(page["NextMarker"], "b");
    for wrong in ["0", "x", "-1", "10001"] {
        for path in [list, "/2015-03-31/event-source-mappings"] {
            let path = format!("{path}?MaxItems={wrong}");
            let got = fixture.request(Method::GET, &path, &[], Value::Null).await;
            assert_eq!(got.status, 400, "{path}");
        }
    }
    let json_logs = json!({ "LoggingConfig": { "LogFormat": "JSON" } });
    let path = "/2015-03-31/functions/a/configuration";
    let got = fixture.request(Method::PUT, path, &[], json_logs).await;
    assert_eq!(got.status, 501);
    fixture.stop().await;
}

/// aws-behaviours L6
#[tokio::test(flavor = "multi_thread")]
async fn of_two_that_make_the_same_function_one_is_told() {
    let fixture = Fixture::new();
    let body = json!({
        "FunctionName": "f",
        "Runtime": "provided.al2023",
        "Role": "arn:aws:iam::000000000000:role/r",
        "Code": { "ZipFile": STANDARD.encode(bootstrap("f")) },
    });
    let tries = (0..8).map(|_| {
        let (service, body) = (fixture.service.clone(), body.clone());
        tokio::spawn(async move {
            let path = "/2015-03-31/functions";
            request(&service, Method::POST, path, &[], body)
                .await
                .status
        })
    });
    let mut statuses: Vec<u16> = Vec::new();
    for status in tries.collect::<Vec<_>>() {
        statuses.push(status.await.expect("an answer"));
    }
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 409, 409, 409, 409, 409, 409, 409]);
    fixture.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_takes_the_children_of_the_process_with_it() {
    let fixture = Fixture::new();
    fixture.make("f", "events", Value::Null).await;
    let payload = json!({ "do": "child", "crash": true });
    let got = fixture.invoke("f", payload).await;
    assert_eq!(got.body["errorType"], "Runtime.ExitError");
    fixture.stop().await;
    let child = fixture.logs.number_after("child ");
    eventually("it is gone", || !lives(child)).await;
}

#[test]
fn no_process_is_left_when_the_emulator_goes_without_a_stop() {
    let runtime = || tokio::runtime::Runtime::new().expect("a runtime");
    let gone = runtime();
    let pids = gone.block_on(async {
        let fixture = Fixture::new();
        fixture.make("f", "events", Value::Null).await;
        let got = fixture.invoke("f", json!({ "do": "child" })).await;
        eventually("it is told", || fixture.logs.has("child ")).await;
        let pid = got.body["pid"].as_u64().expect("an id");
        [pid, fixture.logs.number_after("child ")]
    });
    assert!(pids.into_iter().all(lives));
    drop(gone);
    runtime().block_on(eventually("both are gone", || !pids.into_iter().any(lives)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_that_is_not_served_is_refused_and_nothing_is_deleted() {
    let fixture = Fixture::new();
    fixture.make("f", "events", Value::Null).await;
    for (method, path) in [
        (Method::DELETE, "functions/f?Qualifier=7"),
        (Method::GET, "functions/f/configuration?Qualifier=prod"),
        (Method::POST, "functions/f/invocations?Qualifier=7"),
    ] {
        let path = format!("/2015-03-31/{path}");
        let got = fixture.request(method, &path, &[], json!({})).await;
        assert_eq!(got.status, 501, "{path}");
    }
    let latest = "/2015-03-31/functions/f?Qualifier=%24LATEST";
    let got = fixture.request(Method::GET, latest, &[], Value::Null).await;
    assert_eq!(got.status, 200);
    fixture.stop().await;
}
