use super::*;
use crate::operate::logs::Failures;

const ONE: &str = "1111111111111111111111111111111111111111111111111111111111111abc";
const TWO: &str = "2222222222222222222222222222222222222222222222222222222222222abc";

/// Events as they were recorded, one a line: function, stream, text.
fn events(recorded: &str) -> Vec<LogEvent> {
    let lines = recorded.lines().map(str::trim).filter(|l| !l.is_empty());
    lines
        .zip(0..)
        .map(|(line, at)| {
            let mut parts = line.splitn(3, ' ');
            let mut part = || parts.next().expect("a part");
            let (function, stream) = (part(), part());
            let raw = part().replace("$ONE", ONE).replace("$TWO", TWO);
            LogEvent::new(at, function, stream, &raw)
        })
        .collect()
}

fn told(recorded: &str, wanted: &str) -> Result<Option<(Vec<i64>, JobStory)>, LogsError> {
    let mut story = Story::new(wanted.parse().expect("a prefix"));
    for (position, event) in events(recorded).into_iter().enumerate() {
        story.take(position, event);
    }
    let found = story.finish()?;
    Ok(found.map(|(events, story)| (events.iter().map(|event| event.at).collect(), story)))
}

/// Positions of the lines of the story, and its runs as function and request.
fn story(recorded: &str, wanted: &str) -> (Vec<i64>, Vec<(String, String)>) {
    let (lines, story) = told(recorded, wanted).expect("one job").expect("a job");
    let runs = story.runs.into_iter();
    (
        lines,
        runs.map(|run| (run.function, run.request_id)).collect(),
    )
}

fn run(function: &str, request: &str) -> (String, String) {
    (function.to_owned(), request.to_owned())
}

/// Two files at once: one environment of the trigger after another file's, one batch of the worker for both.
const TWO_FILES: &str = r#"
trigger t1 a line of the environment's init
trigger t1 START RequestId: a Version: $LATEST
trigger t1 {"level":"INFO","message":"sent","job_id":"$TWO","span":{"requestId":"a"}}
worker w1 START RequestId: c Version: $LATEST
trigger t1 END RequestId: a
trigger t1 REPORT RequestId: a	Duration: 1.00 ms
trigger t1 START RequestId: b Version: $LATEST
trigger t1 {"level":"INFO","message":"sent","job_id":"$ONE","span":{"requestId":"b"}}
worker w1 {"level":"INFO","message":"done","job_id":"$TWO","span":{"requestId":"c"}}
worker w1 text of the invocation
trigger t1 {"level":"INFO","message":"late","span":{"requestId":"a"}}
worker w1 {"level":"INFO","message":"done","job_id":"$ONE","span":{"requestId":"c"}}
trigger t1 END RequestId: b
worker w1 END RequestId: c
trigger t1 REPORT RequestId: b	Duration: 1.00 ms
worker w1 REPORT RequestId: c	Duration: 1.00 ms
trigger t1 text between invocations
worker w1 {"level":"INFO","message":"late","span":{"requestId":"c"}}
"#;

#[test]
fn a_story_is_the_jobs_lines_and_those_of_its_invocations() {
    assert_eq!(
        story(TWO_FILES, ONE),
        (
            vec![3, 6, 7, 9, 11, 12, 13, 14, 15, 17],
            vec![run("worker", "c"), run("trigger", "b")]
        )
    );
    assert_eq!(
        story(TWO_FILES, "222222").0,
        [0, 1, 2, 3, 4, 5, 8, 9, 10, 13, 15, 17]
    );
}

/// The process ends in the middle, and the retry of the same event has the same request id.
const CRASH: &str = r#"
worker w1 START RequestId: a Version: $LATEST
worker w1 {"level":"INFO","message":"begun","job_id":"$ONE","span":{"requestId":"a"}}
worker w1 memory allocation of 99 bytes failed
worker w1 RequestId: a Error: Runtime exited with error: signal: aborted
worker w1 END RequestId: a
worker w1 REPORT RequestId: a	Duration: 1.00 ms
worker w2 START RequestId: a Version: $LATEST
worker w2 {"level":"INFO","message":"done","job_id":"$ONE","span":{"requestId":"a"}}
worker w2 REPORT RequestId: a	Duration: 1.00 ms
worker w2 START RequestId: a Version: $LATEST
worker w2 {"level":"INFO","message":"duplicate","job_id":"$ONE","span":{"requestId":"a"}}
"#;

#[test]
fn a_crash_and_its_retries_are_told() {
    let (lines, runs) = story(CRASH, ONE);
    assert_eq!(lines, (0..11).collect::<Vec<_>>());
    assert_eq!(runs, vec![run("worker", "a"); 3]);
    let mut failures = Failures::default();
    let failed = events(CRASH).into_iter().filter(|e| failures.tells(e));
    assert_eq!(failed.map(|e| e.at).collect::<Vec<_>>(), [2, 3]);
}

#[test]
fn lines_without_an_invocation_are_told_when_they_name_the_job() {
    let recorded = "other s working on $ONE now\nother s on $TWO\nother s something else";
    assert_eq!(story(recorded, ONE), (vec![0], vec![]));
    // Where the platform writes nothing, requests alone tell invocations apart.
    let recorded = r#"
        worker w1 {"level":"INFO","message":"x","span":{"requestId":"a"}}
        worker w1 {"level":"INFO","message":"x","span":{"requestId":"b"}}
        worker w1 {"level":"INFO","message":"x","job_id":"$ONE","span":{"requestId":"b"}}
        worker w1 {"level":"INFO","message":"x","span":{"requestId":"c"}}"#;
    assert_eq!(story(recorded, ONE), (vec![1, 2], vec![run("worker", "b")]));
}

#[test]
fn a_prefix_must_fit_one_job() {
    assert_eq!(told(TWO_FILES, "3333333"), Ok(None));
    let both = format!("f s {ONE}\nf s {}", ONE.replace("abc", "abd"));
    let refused = told(&both, &ONE[..6]).expect_err("two jobs");
    assert!(matches!(refused, LogsError::AmbiguousJob { ids, .. } if ids.len() == 2));
    for bad in ["", "12345", "xyzxyz", &"1".repeat(65), "12345 "] {
        assert!(JobPrefix::from_str(bad).is_err(), "{bad}");
    }
    let prefix: JobPrefix = "ABCDEF".parse().expect("a prefix");
    assert_eq!((prefix.as_str(), prefix.is_whole()), ("abcdef", false));
}

#[test]
fn a_job_id_is_a_word_of_64_digits() {
    let text = format!("a {ONE}, {ONE}0 and x{ONE} or {}", ONE.to_uppercase());
    assert_eq!(ids(&text).collect::<Vec<_>>(), [ONE]);
}
