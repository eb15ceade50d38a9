//! Values: numbers, bytes, empty ones, sizes, names.

use aws_sdk_dynamodb::types::AttributeValue;

use super::{get, item, list, make_table, map, n, put, refusal, s, strings};
use crate::common::{Running, code};

fn number(text: &str) -> AttributeValue {
    AttributeValue::N(text.to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn numbers_keep_38_digits_and_lose_their_zeros() {
    let running = Running::start().await;
    let client = running.dynamodb();
    make_table(&client).await;
    let digits = "1234567890123456789012345678901234567.8";
    for (written, read) in [
        (digits, digits),
        (
            "-0.00000000000000000000000000000000000001",
            "-0.00000000000000000000000000000000000001",
        ),
        ("007", "7"),
        ("1.500", "1.5"),
        ("+3", "3"),
        ("-0", "0"),
        ("1E3", "1000"),
        ("0.1", "0.1"),
        ("9007199254740993", "9007199254740993"),
    ] {
        put(
            &client,
            "results",
            item([("job_id", s("a")), ("x", number(written))]),
        )
        .await;
        assert_eq!(
            get(&client, "a").await.expect("there")["x"],
            number(read),
            "{written}"
        );
    }
    for wrong in [
        "123456789012345678901234567890123456789",
        "1E126",
        "1E-131",
        "x",
        "",
        "NaN",
    ] {
        let refused = client
            .put_item()
            .table_name("results")
            .item("job_id", s("a"))
            .item("x", number(wrong))
            .send()
            .await;
        assert_eq!(code(refused), "ValidationException", "{wrong}");
    }
    let exact = client
        .update_item()
        .table_name("results")
        .key("job_id", s("sum"))
        .update_expression("ADD x :v")
        .expression_attribute_values(":v", number("0.1"));
    exact.clone().send().await.expect("added");
    exact.clone().send().await.expect("added");
    exact.send().await.expect("added");
    assert_eq!(
        get(&client, "sum").await.expect("there")["x"],
        number("0.3"),
        "not a float"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn every_type_comes_back_as_it_went() {
    let running = Running::start().await;
    let client = running.dynamodb();
    make_table(&client).await;
    let bytes = |bytes: &[u8]| AttributeValue::B(bytes.to_vec().into());
    let whole = item([
        ("job_id", s("a")),
        ("bytes", bytes(&[0, 1, 0xff, 0xfe])),
        ("no bytes", bytes(&[])),
        ("text", s("größe \u{1f600} \"quoted\" \\ \u{0}\n")),
        ("no text", s("")),
        ("yes", AttributeValue::Bool(true)),
        ("no", AttributeValue::Bool(false)),
        ("null", AttributeValue::Null(true)),
        ("list", list([s("x"), n(1), list([]), map([])])),
        (
            "map",
            map([
                ("", s("an empty name")),
                ("deep", map([("er", list([n(1)]))])),
            ]),
        ),
        ("strings", strings(&["a", "b"])),
        (
            "numbers",
            AttributeValue::Ns(vec!["1".to_owned(), "2".to_owned()]),
        ),
        (
            "byte sets",
            AttributeValue::Bs(vec![vec![1].into(), vec![2].into()]),
        ),
    ]);
    let mut written = whole.clone();
    // Nested names may not be empty; that one is for the refusals.
    written.insert(
        "map".to_owned(),
        map([("deep", map([("er", list([n(1)]))]))]),
    );
    put(&client, "results", written.clone()).await;
    assert_eq!(get(&client, "a").await, Some(written));
}

#[tokio::test(flavor = "multi_thread")]
async fn empty_and_wrong_values_are_refused_where_aws_refuses_them() {
    let running = Running::start().await;
    let client = running.dynamodb();
    make_table(&client).await;
    let write = || client.put_item().table_name("results");
    for (what, refused) in [
        ("an empty key", write().item("job_id", s(""))),
        ("no key", write().item("x", s("y"))),
        ("a key of another type", write().item("job_id", n(1))),
        (
            "an empty set",
            write().item("job_id", s("a")).item("x", strings(&[])),
        ),
        (
            "a set with a value twice",
            write()
                .item("job_id", s("a"))
                .item("x", strings(&["b", "b"])),
        ),
        (
            "an empty key of an index",
            write()
                .item("job_id", s("a"))
                .item("day", s(""))
                .item("processed_at", n(1)),
        ),
        (
            "a null that is not true",
            write()
                .item("job_id", s("a"))
                .item("x", AttributeValue::Null(false)),
        ),
        ("a long key", write().item("job_id", s(&"k".repeat(2049)))),
    ] {
        let (code, message) = refusal(refused.send().await);
        assert_eq!(code, "ValidationException", "{what}: {message}");
    }
    put(&client, "results", item([("job_id", s(&"k".repeat(2048)))])).await;
    let key = client
        .get_item()
        .table_name("results")
        .key("job_id", s("a"));
    let (code, message) = refusal(key.key("x", s("y")).send().await);
    assert_eq!(
        (code.as_str(), message.as_str()),
        (
            "ValidationException",
            "The provided key element does not match the schema"
        )
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_item_has_400_kilobytes_names_included() {
    let running = Running::start().await;
    let client = running.dynamodb();
    make_table(&client).await;
    let rest = 400 * 1024 - "job_id".len() - "a".len() - "text".len();
    let sized = |bytes: usize| {
        client
            .put_item()
            .table_name("results")
            .item("job_id", s("a"))
            .item("text", s(&"x".repeat(bytes)))
            .send()
    };
    sized(rest).await.expect("just fits");
    assert_eq!(
        refusal(sized(rest + 1).await),
        (
            "ValidationException".to_owned(),
            "Item size has exceeded the maximum allowed size".to_owned()
        )
    );
    let update = client
        .update_item()
        .table_name("results")
        .key("job_id", s("a"))
        .update_expression("SET more = :v")
        .expression_attribute_values(":v", n(1));
    let (code, message) = refusal(update.send().await);
    assert_eq!(code, "ValidationException");
    assert!(message.contains("Item size"), "{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn reserved_and_odd_names_need_a_placeholder() {
    let running = Running::start().await;
    let client = running.dynamodb();
    make_table(&client).await;
    put(
        &client,
        "results",
        item([
            ("job_id", s("a")),
            ("status", s("done")),
            ("a.b", n(1)),
            ("a-b", n(2)),
        ]),
    )
    .await;
    let get = |projection: &str| {
        client
            .get_item()
            .table_name("results")
            .key("job_id", s("a"))
            .projection_expression(projection)
    };
    let (code, message) = refusal(get("status").send().await);
    assert_eq!(code, "ValidationException");
    assert!(message.contains("reserved keyword: status"), "{message}");
    for (name, value) in [("status", s("done")), ("a.b", n(1)), ("a-b", n(2))] {
        let found = get("#x")
            .expression_attribute_names("#x", name)
            .send()
            .await;
        assert_eq!(found.expect("found").item, Some(item([(name, value)])));
    }
}
