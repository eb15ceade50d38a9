//! Update expressions and what updates return.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue};

use super::{Item, get, item, list, make_table, map, n, put, refusal, s, strings};
use crate::common::{Running, code};

async fn update(client: &Client, expression: &str, values: &[(&str, AttributeValue)]) -> Item {
    let mut update = client
        .update_item()
        .table_name("results")
        .key("job_id", s("a"))
        .update_expression(expression)
        .return_values(ReturnValue::AllNew);
    for (name, value) in values {
        update = update.expression_attribute_values(*name, value.clone());
    }
    let updated = update.send().await.expect(expression);
    updated.attributes.expect("all of it")
}

#[tokio::test(flavor = "multi_thread")]
async fn every_clause_does_its_work() {
    let running = Running::start().await;
    let client = running.dynamodb();
    make_table(&client).await;
    // An update makes what is not there.
    let made = update(&client, "SET line_count = :n", &[(":n", n(1))]).await;
    assert_eq!(made, item([("job_id", s("a")), ("line_count", n(1))]));
    let counted = update(
        &client,
        "SET line_count = line_count + :n, tries = if_not_exists(tries, :zero) + :one",
        &[(":n", n(41)), (":zero", n(0)), (":one", n(1))],
    )
    .await;
    assert_eq!((&counted["line_count"], &counted["tries"]), (&n(42), &n(1)));
    let less = update(
        &client,
        "SET line_count = line_count - :n",
        &[(":n", n(50))],
    )
    .await;
    assert_eq!(less["line_count"], n(-8));

    let grown = update(
        &client,
        "SET tops = list_append(if_not_exists(tops, :none), :more)",
        &[(":none", list([])), (":more", list([s("x"), s("y")]))],
    )
    .await;
    assert_eq!(grown["tops"], list([s("x"), s("y")]));
    let grown = update(
        &client,
        "SET tops = list_append(:first, tops)",
        &[(":first", list([s("w")]))],
    )
    .await;
    assert_eq!(grown["tops"], list([s("w"), s("x"), s("y")]));
    let cut = update(&client, "REMOVE tops[0], tries", &[]).await;
    assert_eq!(cut["tops"], list([s("x"), s("y")]));
    assert!(!cut.contains_key("tries"));
    let set = update(&client, "SET tops[0] = :v, tops[9] = :v", &[(":v", s("z"))]).await;
    assert_eq!(
        set["tops"],
        list([s("z"), s("y"), s("z")]),
        "beyond the end it is appended"
    );

    let added = update(
        &client,
        "ADD seen :n, tags :t",
        &[(":n", n(5)), (":t", strings(&["a", "b"]))],
    )
    .await;
    assert_eq!(added["seen"], n(5));
    let added = update(
        &client,
        "ADD seen :n, tags :t",
        &[(":n", n(-7)), (":t", strings(&["c"]))],
    )
    .await;
    assert_eq!(added["seen"], n(-2));
    assert_eq!(added["tags"], strings(&["a", "b", "c"]));
    let taken = update(&client, "DELETE tags :t", &[(":t", strings(&["a", "zz"]))]).await;
    assert_eq!(taken["tags"], strings(&["b", "c"]));
    let gone = update(&client, "DELETE tags :t", &[(":t", strings(&["b", "c"]))]).await;
    assert!(!gone.contains_key("tags"), "no set is empty");

    let nested = update(&client, "SET byl = :m", &[(":m", map([("errors", n(1))]))]).await;
    assert_eq!(nested["byl"], map([("errors", n(1))]));
    let nested = update(
        &client,
        "SET byl.warn = :n, byl.errors = byl.errors + :n",
        &[(":n", n(2))],
    )
    .await;
    assert_eq!(nested["byl"], map([("errors", n(3)), ("warn", n(2))]));
    let all = update(
        &client,
        "SET line_count = :n REMOVE byl.warn ADD seen :n",
        &[(":n", n(2))],
    )
    .await;
    assert_eq!(
        (&all["line_count"], &all["seen"], &all["byl"]),
        (&n(2), &n(0), &map([("errors", n(3))]))
    );
    // All of it from the item as it was.
    let swapped = update(&client, "SET line_count = seen, seen = line_count", &[]).await;
    assert_eq!((&swapped["line_count"], &swapped["seen"]), (&n(0), &n(2)));
}

#[tokio::test(flavor = "multi_thread")]
async fn updates_that_cannot_be_done_change_nothing() {
    let running = Running::start().await;
    let client = running.dynamodb();
    make_table(&client).await;
    let kept = item([("job_id", s("a")), ("title_of", s("t"))]);
    put(&client, "results", kept.clone()).await;
    for (expression, says) in [
        ("SET job_id = :v", "part of the key"),
        ("SET x.y = :v", "document path"),
        ("SET x = absent + :v", "does not exist"),
        ("SET x = title_of + :v", "operand"),
        ("SET x = :v, x = :v", "overlap"),
        ("SET x = :v SET y = :v", "SET"),
        ("ADD title_of :v", "operand"),
        ("PUT x :v", "Syntax error"),
    ] {
        let refused = client
            .update_item()
            .table_name("results")
            .key("job_id", s("a"))
            .update_expression(expression)
            .expression_attribute_values(":v", n(1))
            .send()
            .await;
        let (code, message) = refusal(refused);
        assert_eq!(code, "ValidationException", "{expression}: {message}");
        assert!(message.contains(says), "{expression}: {message}");
    }
    assert_eq!(get(&client, "a").await, Some(kept));
}

#[tokio::test(flavor = "multi_thread")]
async fn writes_return_what_is_asked_for() {
    let running = Running::start().await;
    let client = running.dynamodb();
    make_table(&client).await;
    put(
        &client,
        "results",
        item([("job_id", s("a")), ("x", n(1)), ("y", n(1))]),
    )
    .await;
    let set = async |value: i64, returned: ReturnValue| {
        let updated = client
            .update_item()
            .table_name("results")
            .key("job_id", s("a"))
            .update_expression("SET x = :v")
            .expression_attribute_values(":v", n(value))
            .return_values(returned)
            .send()
            .await;
        updated.expect("updated").attributes
    };
    assert_eq!(set(2, ReturnValue::None).await, None);
    assert_eq!(
        set(3, ReturnValue::AllOld).await,
        Some(item([("job_id", s("a")), ("x", n(2)), ("y", n(1))]))
    );
    assert_eq!(
        set(4, ReturnValue::UpdatedOld).await,
        Some(item([("x", n(3))]))
    );
    assert_eq!(
        set(5, ReturnValue::UpdatedNew).await,
        Some(item([("x", n(5))]))
    );
    assert_eq!(
        set(6, ReturnValue::AllNew).await,
        Some(item([("job_id", s("a")), ("x", n(6)), ("y", n(1))]))
    );
    let replace = client
        .put_item()
        .table_name("results")
        .item("job_id", s("a"));
    let replaced = replace
        .clone()
        .return_values(ReturnValue::AllOld)
        .send()
        .await;
    assert_eq!(
        replaced.expect("put").attributes,
        Some(item([("job_id", s("a")), ("x", n(6)), ("y", n(1))])),
        "a put replaces all of it"
    );
    let refused = replace.return_values(ReturnValue::AllNew).send().await;
    assert_eq!(code(refused), "ValidationException");
    let delete = || {
        client
            .delete_item()
            .table_name("results")
            .key("job_id", s("a"))
            .return_values(ReturnValue::AllOld)
            .send()
    };
    assert_eq!(
        delete().await.expect("deleted").attributes,
        Some(item([("job_id", s("a"))]))
    );
    assert_eq!(delete().await.expect("deleted twice").attributes, None);
}
