use model::{Outcome, Timings};
use serde_json::json;
use time::macros::datetime;

use super::*;

const BEGUN: OffsetDateTime = datetime!(2026-01-01 10:00 UTC);

/// A look so many seconds after watching began.
fn after(seconds: u64) -> Moment {
    let elapsed = Duration::from_secs(seconds);
    Moment {
        at: BEGUN + elapsed,
        elapsed,
    }
}

fn queue(name: &str, counts: [u64; 3]) -> ResourceStatus {
    let names = ["visible", "in_flight", "delayed"];
    let facts = names.iter().zip(counts);
    ResourceStatus {
        id: LogicalId::new(Kind::Queue, name),
        name: format!("s-{name}"),
        state: "Available".to_owned(),
        facts: facts
            .map(|(name, count)| ((*name).to_owned(), json!(count)))
            .collect(),
        healthy: true,
    }
}

/// A result made so many seconds after watching began.
fn result(job_id: &str, second: i64) -> JobResult {
    JobResult {
        job_id: job_id.to_owned(),
        status: Outcome::Done,
        reason: None,
        bucket: "b".to_owned(),
        key: "k".to_owned(),
        version_id: None,
        etag: None,
        size: 1,
        lines: 1,
        malformed: 0,
        malformed_positions: Vec::new(),
        levels: BTreeMap::new(),
        services: BTreeMap::new(),
        error_rate: 0.0,
        first_timestamp: None,
        last_timestamp: None,
        duration_ms: None,
        top_errors: Vec::new(),
        top_denied_sources: Vec::new(),
        processed_at: model::timestamp(BEGUN + time::Duration::seconds(second)),
        day: "2026-01-01#0".to_owned(),
        expires_at: 0,
        dead_lettered: None,
        receive_count: 1,
        timings: Timings::default(),
    }
}

fn found(resources: Vec<ResourceStatus>, results: Option<Vec<JobResult>>) -> Found {
    Found {
        endpoint: "http://e".to_owned(),
        resources,
        results,
    }
}

/// What one queue does in looks two seconds apart: change per second, and for how long it has not shrunk.
fn flows(counts: &[[u64; 3]]) -> Vec<(Option<f64>, Option<u64>)> {
    let mut watch = Watch::new("embedded");
    let looks = counts.iter().enumerate().map(|(index, counts)| {
        let look = watch.found(
            found(vec![queue("jobs", *counts)], None),
            after(index as u64 * 2),
        );
        let flow = &look.queues[0];
        assert_eq!(flow.messages, counts.iter().sum::<u64>());
        (flow.change_per_s, flow.no_decrease_ms)
    });
    looks.collect()
}

#[test]
fn a_queue_changes_by_what_came_in_less_what_went_out() {
    let flows = flows(&[[0, 0, 0], [10, 0, 5], [6, 4, 5], [2, 2, 0], [0, 0, 0]]);
    let changes: Vec<_> = flows.iter().map(|(change, _)| *change).collect();
    // Received is not yet gone.
    let expected = [None, Some(7.5), Some(0.0), Some(-5.5), Some(-2.0)];
    assert_eq!(changes, expected);
}

#[test]
fn a_queue_has_not_shrunk_since_the_look_that_found_it_so() {
    let flows = flows(&[
        [0, 0, 0],
        [1, 0, 0],
        [0, 1, 0],
        [3, 0, 0],
        [2, 0, 0],
        [2, 0, 0],
        [0, 0, 0],
        [1, 0, 0],
    ]);
    let times: Vec<_> = flows.iter().map(|(_, time)| *time).collect();
    let expected = [
        None,
        Some(0),
        Some(2_000),
        Some(4_000),
        Some(0),
        Some(2_000),
        None,
        Some(0),
    ];
    assert_eq!(times, expected);
}

#[test]
fn what_holds_no_messages_is_no_queue() {
    let mut absent = queue("gone", [0, 0, 0]);
    absent.facts.clear();
    let mut table = queue("t", [7, 0, 0]);
    table.id = LogicalId::new(Kind::Table, "t");
    let look = Watch::new("embedded").found(found(vec![absent, table], None), after(0));
    assert_eq!(look.queues, []);
}

#[test]
fn results_that_were_not_known_are_counted_once() {
    let mut watch = Watch::new("embedded");
    let day_before = BEGUN - time::Duration::DAY;
    assert_eq!(watch.results_from(BEGUN), day_before);
    let first = watch.found(found(vec![], Some(vec![result("a", -60)])), after(0));
    assert_eq!((first.new_results, first.results_per_s), (None, None));
    assert_eq!(first.status.last_results[0].age_ms, Some(60_000));

    // Read again from ten seconds before the newest, so the same one may come twice.
    assert_eq!(
        watch.results_from(BEGUN),
        BEGUN - time::Duration::seconds(70)
    );
    let newer = vec![result("c", 3), result("b", 1), result("a", -60)];
    let second = watch.found(found(vec![], Some(newer)), after(4));
    assert_eq!(
        (second.new_results, second.results_per_s),
        (Some(2), Some(0.5))
    );
    let came: Vec<_> = second.came.iter().map(|one| one.job_id.as_str()).collect();
    assert_eq!(came, ["b", "c"], "in the order of time");

    // A job that was done again is a new result, and its old one is no more.
    let again = vec![result("b", 5), result("c", 3)];
    let third = watch.found(found(vec![], Some(again)), after(6));
    assert_eq!(third.new_results, Some(1));
    let last = third.status.last_results.iter();
    let last: Vec<_> = last.map(|last| last.result.job_id.as_str()).collect();
    assert_eq!(last, ["b", "c", "a"]);
}

#[test]
fn no_more_results_are_remembered_than_are_shown_or_read_again() {
    let mut watch = Watch::new("embedded");
    let many = |from: i64| {
        let seconds = (from..from + 100).rev();
        Some(
            seconds
                .map(|second| result(&second.to_string(), second))
                .collect(),
        )
    };
    watch.found(found(vec![], many(0)), after(100));
    let look = watch.found(found(vec![], many(90)), after(190));
    assert_eq!(look.new_results, Some(90));
    assert_eq!(look.status.last_results.len(), LAST_RESULTS);
    // The newest, and those of ten seconds before it.
    assert_eq!(watch.results.map(|known| known.len()), Some(11));
}

#[test]
fn what_comes_back_is_compared_with_nothing() {
    let mut watch = Watch::new("embedded");
    let jobs = |results| found(vec![queue("jobs", [2, 0, 0])], results);
    let well = watch.found(jobs(Some(vec![result("a", 0)])), after(0));
    assert_eq!(well.unwell(), Vec::<String>::new());
    let away = watch.missed("nobody answers".to_owned(), after(2));
    assert_eq!(away.unwell(), ["embedded (cannot be read)"]);
    assert_eq!(away.status.endpoint, "http://e");
    assert!(!StackLook::new("s", BEGUN, vec![well, away]).healthy);
    let back = watch.found(jobs(Some(vec![result("z", 1)])), after(4));
    let flow = &back.queues[0];
    assert_eq!((flow.change_per_s, flow.no_decrease_ms), (None, Some(0)));
    assert_eq!(back.new_results, None);
    assert_eq!(back.status.last_results.len(), 1, "the old one may be gone");
    // Without a table there is nothing to compare the next results with.
    watch.found(jobs(None), after(6));
    let look = watch.found(jobs(Some(vec![result("y", 7)])), after(8));
    assert_eq!((look.new_results, look.results_per_s), (None, None));
}

#[test]
fn a_look_is_json_as_status_is() {
    let mut watch = Watch::new("embedded");
    watch.found(found(vec![queue("jobs", [0, 0, 0])], None), after(0));
    let look = watch.found(found(vec![queue("jobs", [3, 0, 0])], None), after(2));
    let json = serde_json::to_value(StackLook::new("s", BEGUN, vec![look])).expect("JSON");
    assert_eq!(json["at"], "2026-01-01T10:00:00.000Z");
    assert_eq!(json["healthy"], true);
    let target = &json["targets"][0];
    assert_eq!(target["target"], "embedded");
    assert_eq!(target["error"], json!(null));
    assert_eq!(target["resources"][0]["facts"]["visible"], 3);
    let expected = json!({
        "id": "queues.jobs", "messages": 3, "change_per_s": 1.5, "no_decrease_ms": 0,
    });
    assert_eq!(target["queues"][0], expected);
}
