//! Conditions on writes: every comparison and function, and what a failure tells.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValuesOnConditionCheckFailure};

use super::{get, item, list, make_table, map, n, put, refusal, s, strings};
use crate::common::{Running, code};

/// Whether the condition holds of the item `a`, which the put then replaces by itself.
async fn holds(client: &Client, condition: &str, values: Vec<(&str, AttributeValue)>) -> bool {
    let kept = get(client, "a").await.expect("the item");
    let mut put = client
        .put_item()
        .table_name("results")
        .set_item(Some(kept))
        .condition_expression(condition);
    if condition.contains("#s") {
        put = put.expression_attribute_names("#s", "state");
    }
    for (name, value) in values {
        put = put.expression_attribute_values(name, value);
    }
    match put.send().await {
        Ok(_) => true,
        Err(error) => {
            let error = error.into_service_error();
            assert!(
                error.is_conditional_check_failed_exception(),
                "{condition}: {error:?}"
            );
            false
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_condition_is_judged() {
    let running = Running::start().await;
    let client = running.dynamodb();
    make_table(&client).await;
    put(
        &client,
        "results",
        item([
            ("job_id", s("a")),
            ("state", s("done")),
            ("line_count", n(100)),
            ("rate", AttributeValue::N("0.25".to_owned())),
            ("raw_bytes", AttributeValue::B(vec![1, 2, 3].into())),
            ("ok", AttributeValue::Bool(true)),
            ("nothing", AttributeValue::Null(true)),
            ("tags", strings(&["x", "y"])),
            ("tops", list([s("first"), n(2)])),
            ("by_level", map([("levels", map([("errors", n(7))]))])),
        ]),
    )
    .await;
    for (condition, values, expected) in [
        ("attribute_not_exists(job_id)", vec![], false),
        ("attribute_exists(job_id)", vec![], true),
        ("attribute_not_exists(absent)", vec![], true),
        ("attribute_exists(by_level.levels.errors)", vec![], true),
        ("attribute_exists(tops[1])", vec![], true),
        ("attribute_exists(tops[2])", vec![], false),
        ("line_count = :v", vec![(":v", n(100))], true),
        (
            "line_count = :v",
            vec![(":v", AttributeValue::N("1E2".to_owned()))],
            true,
        ),
        ("line_count <> :v", vec![(":v", n(100))], false),
        ("absent <> :v", vec![(":v", n(100))], true),
        ("absent = :v", vec![(":v", n(100))], false),
        ("line_count < :v", vec![(":v", n(101))], true),
        ("line_count <= :v", vec![(":v", n(100))], true),
        ("line_count > :v", vec![(":v", n(99))], true),
        ("line_count >= :v", vec![(":v", n(101))], false),
        // As numbers, not as text.
        ("line_count > :v", vec![(":v", n(9))], true),
        // Another type is neither equal nor ordered.
        ("line_count = :v", vec![(":v", s("100"))], false),
        ("line_count < :v", vec![(":v", s("zzz"))], false),
        (
            "rate BETWEEN :a AND :b",
            vec![(":a", n(0)), (":b", n(1))],
            true,
        ),
        (
            "line_count BETWEEN :a AND :b",
            vec![(":a", n(100)), (":b", n(100))],
            true,
        ),
        (
            "line_count BETWEEN :a AND :b",
            vec![(":a", n(101)), (":b", n(200))],
            false,
        ),
        (
            "#s IN (:a, :b)",
            vec![(":a", s("failed")), (":b", s("done"))],
            true,
        ),
        ("#s IN (:a)", vec![(":a", s("failed"))], false),
        ("begins_with(#s, :v)", vec![(":v", s("do"))], true),
        ("begins_with(#s, :v)", vec![(":v", s("DO"))], false),
        (
            "begins_with(raw_bytes, :v)",
            vec![(":v", AttributeValue::B(vec![1, 2].into()))],
            true,
        ),
        ("contains(#s, :v)", vec![(":v", s("on"))], true),
        ("contains(tags, :v)", vec![(":v", s("x"))], true),
        ("contains(tags, :v)", vec![(":v", s("z"))], false),
        ("contains(tops, :v)", vec![(":v", n(2))], true),
        ("size(#s) = :v", vec![(":v", n(4))], true),
        ("size(raw_bytes) = :v", vec![(":v", n(3))], true),
        ("size(tags) = :v", vec![(":v", n(2))], true),
        ("size(tops) > :v", vec![(":v", n(1))], true),
        ("size(by_level) = :v", vec![(":v", n(1))], true),
        ("size(line_count) = :v", vec![(":v", n(3))], false),
        ("attribute_type(line_count, :v)", vec![(":v", s("N"))], true),
        ("attribute_type(tags, :v)", vec![(":v", s("SS"))], true),
        ("attribute_type(nothing, :v)", vec![(":v", s("NULL"))], true),
        ("attribute_type(by_level, :v)", vec![(":v", s("L"))], false),
        ("by_level.levels.errors = :v", vec![(":v", n(7))], true),
        ("tops[0] = :v", vec![(":v", s("first"))], true),
        ("ok = :v", vec![(":v", AttributeValue::Bool(true))], true),
        ("tags = :v", vec![(":v", strings(&["y", "x"]))], true),
        (
            "NOT ok = :v",
            vec![(":v", AttributeValue::Bool(true))],
            false,
        ),
        (
            "attribute_not_exists(job_id) OR #s = :a",
            vec![(":a", s("failed"))],
            false,
        ),
        (
            "attribute_not_exists(job_id) OR #s <> :a",
            vec![(":a", s("failed"))],
            true,
        ),
        (
            "#s = :a AND (line_count > :b OR line_count < :c)",
            vec![(":a", s("done")), (":b", n(100)), (":c", n(101))],
            true,
        ),
        // AND binds tighter than OR.
        (
            "#s = :a OR #s = :b AND line_count = :c",
            vec![(":a", s("done")), (":b", s("done")), (":c", n(0))],
            true,
        ),
    ] {
        let held = holds(&client, condition, values).await;
        assert_eq!(held, expected, "{condition}");
    }
}

/// aws-behaviours D6, D20
#[tokio::test(flavor = "multi_thread")]
async fn the_first_put_wins_and_what_expired_may_be_replaced() {
    let running = Running::start().await;
    let client = running.dynamodb();
    make_table(&client).await;
    let once = |expires_at: i64| {
        client
            .put_item()
            .table_name("results")
            .item("job_id", s("a"))
            .item("expires_at", n(expires_at))
            .condition_expression("attribute_not_exists(job_id) OR expires_at < :now")
            .expression_attribute_values(":now", n(1_000))
            .send()
    };
    once(500).await.expect("new");
    once(2_000).await.expect("the first has expired");
    // aws-behaviours D20
    assert_eq!(
        refusal(once(3_000).await),
        (
            "ConditionalCheckFailedException".to_owned(),
            "The conditional request failed".to_owned()
        )
    );
    assert_eq!(
        get(&client, "a").await.expect("there")["expires_at"],
        n(2_000)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_returns_the_item_when_asked() {
    let running = Running::start().await;
    let client = running.dynamodb();
    make_table(&client).await;
    let kept = item([("job_id", s("a")), ("line_count", n(3))]);
    put(&client, "results", kept.clone()).await;
    let failed = client
        .put_item()
        .table_name("results")
        .item("job_id", s("a"))
        .condition_expression("attribute_not_exists(job_id)")
        .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
        .send()
        .await
        .expect_err("it is there")
        .into_service_error();
    let aws_sdk_dynamodb::operation::put_item::PutItemError::ConditionalCheckFailedException(
        failed,
    ) = failed
    else {
        panic!("{failed:?}");
    };
    assert_eq!(failed.item(), Some(&kept));

    let delete = client
        .delete_item()
        .table_name("results")
        .key("job_id", s("a"))
        .condition_expression("line_count > :n")
        .expression_attribute_values(":n", n(3));
    assert_eq!(code(delete.send().await), "ConditionalCheckFailedException");
    let update = client
        .update_item()
        .table_name("results")
        .key("job_id", s("absent"))
        .update_expression("SET line_count = :n")
        .condition_expression("attribute_exists(job_id)")
        .expression_attribute_values(":n", n(3));
    assert_eq!(code(update.send().await), "ConditionalCheckFailedException");
    assert_eq!(get(&client, "a").await, Some(kept));
    assert_eq!(get(&client, "absent").await, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn conditions_that_cannot_be_read_are_refused() {
    let running = Running::start().await;
    let client = running.dynamodb();
    make_table(&client).await;
    let with = |condition: &str| {
        client
            .put_item()
            .table_name("results")
            .item("job_id", s("a"))
            .condition_expression(condition)
    };
    for (refused, says) in [
        (
            with("state = :v").expression_attribute_values(":v", n(1)),
            "reserved keyword",
        ),
        (with("line_count = :v"), "not defined"),
        (
            with("#x = :v").expression_attribute_values(":v", n(1)),
            "not defined",
        ),
        (with("line_count ="), "Syntax error"),
        (with("nope(line_count)"), "Invalid function name"),
        (
            with("attribute_exists(line_count)").expression_attribute_values(":v", n(1)),
            "unused",
        ),
        (
            with("line_count BETWEEN :a AND :b")
                .expression_attribute_values(":a", n(2))
                .expression_attribute_values(":b", n(1)),
            "BETWEEN",
        ),
        (with(""), "can not be empty"),
    ] {
        let (code, message) = refusal(refused.clone().send().await);
        assert_eq!(code, "ValidationException", "{message}");
        assert!(message.contains(says), "{message}");
    }
    assert_eq!(get(&client, "a").await, None);
}
