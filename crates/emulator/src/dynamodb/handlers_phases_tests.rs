//! What a table goes through at AWS: created, deleted, and the wait between changes of its time
//! to live.

use serde_json::{Value, json};

use crate::behaviour::Behaviour;

use super::handlers_tests::{ARN, Fixture, table};
use super::state_phases::Phase;

fn named() -> Value {
    json!({"TableName": "results"})
}

fn ttl(attribute: &str, enabled: bool) -> Value {
    json!({"TableName": "results",
        "TimeToLiveSpecification": {"AttributeName": attribute, "Enabled": enabled}})
}

fn said(code: &str, message: &str) -> (String, String) {
    (code.to_owned(), message.to_owned())
}

fn status(fixture: &Fixture) -> Value {
    fixture.ok("DescribeTable", named())["Table"]["TableStatus"].clone()
}

const BEING_CREATED: &str =
    "Attempt to change a resource which is still in use: Table is being created: results";
const BEING_DELETED: &str =
    "Attempt to change a resource which is still in use: Table is being deleted: results";
const COOLING: &str = "Time to live has been modified multiple times within a fixed interval";

/// aws-behaviours D1, D2, D8, D18
#[test]
fn a_table_is_creating_for_a_while_and_cannot_be_used() {
    let fixture = Fixture::with(Behaviour::AWS);
    let made = fixture.ok("CreateTable", table());
    assert_eq!(made["TableDescription"]["TableStatus"], "CREATING");
    let index = &made["TableDescription"]["GlobalSecondaryIndexes"][0];
    assert_eq!(index["IndexStatus"], "CREATING");
    assert_eq!(status(&fixture), "CREATING");

    // aws-behaviours D1, D2
    let not_found = said("ResourceNotFoundException", "Requested resource not found");
    let key = json!({"job_id": {"S": "a"}});
    let mut one = named();
    one["Key"] = key.clone();
    for operation in ["GetItem", "DeleteItem"] {
        assert_eq!(fixture.refused(operation, one.clone()), not_found);
    }
    for (operation, request) in [
        ("PutItem", json!({"TableName": "results", "Item": key})),
        ("Scan", named()),
        (
            "BatchWriteItem",
            json!({"RequestItems": {"results": [{"PutRequest": {"Item": key}}]}}),
        ),
        (
            "TransactWriteItems",
            json!({"TransactItems": [{"Put": {"TableName": "results", "Item": key}}]}),
        ),
        (
            "ExecuteStatement",
            json!({"Statement": "SELECT * FROM results WHERE job_id = 'a'"}),
        ),
    ] {
        assert_eq!(
            fixture.refused(operation, request),
            not_found,
            "{operation}"
        );
    }
    assert_eq!(
        fixture.refused("UpdateTimeToLive", ttl("at", true)),
        said(
            "ResourceNotFoundException",
            "Requested resource not found: Table: results not found"
        )
    );
    assert_eq!(
        fixture.refused("DescribeTimeToLive", named()),
        said(
            "ValidationException",
            "Cannot describe time to live while table is in CREATING state: Current table state \
             is CREATING"
        )
    );
    let tags = json!({"ResourceArn": ARN, "Tags": [{"Key": "a", "Value": "b"}]});
    for (operation, request) in [
        ("DeleteTable", named()),
        (
            "UpdateTable",
            json!({"TableName": "results", "DeletionProtectionEnabled": true}),
        ),
        ("CreateTable", table()),
        ("TagResource", tags),
    ] {
        assert_eq!(
            fixture.refused(operation, request),
            said("ResourceInUseException", BEING_CREATED),
            "{operation}"
        );
    }

    fixture.clock.advance(Behaviour::AWS.table_creating_ms);
    assert_eq!(status(&fixture), "ACTIVE");
    assert_eq!(
        fixture.refused("CreateTable", table()),
        said("ResourceInUseException", "Table already exists: results")
    );
    fixture.ok("UpdateTimeToLive", ttl("at", true));
    fixture.ok("PutItem", json!({"TableName": "results", "Item": key}));
}

#[test]
fn creating_goes_on_after_a_restart_and_ends_with_another_behaviour() {
    let mut fixture = Fixture::with(Behaviour::AWS);
    fixture.ok("CreateTable", table());
    fixture.reopen(Behaviour::AWS);
    assert_eq!(status(&fixture), "CREATING");
    assert_eq!(
        fixture.refused("Scan", named()).0,
        "ResourceNotFoundException"
    );
    fixture.reopen(Behaviour::INSTANT);
    assert_eq!(status(&fixture), "ACTIVE");
    fixture.ok("Scan", named());
}

#[test]
fn a_create_that_is_refused_leaves_no_phase() {
    let fixture = Fixture::with(Behaviour::AWS);
    let mut wrong = table();
    wrong["BillingMode"] = "NEVER".into();
    assert_eq!(
        fixture.refused("CreateTable", wrong).0,
        "ValidationException"
    );
    let turn = fixture.state.lifecycle.turn();
    assert_eq!(
        turn.phase("results", super::handlers_tests::NOW)
            .expect("read"),
        Phase::Settled
    );
}

/// aws-behaviours D8, D14
#[test]
fn a_table_is_deleting_for_a_while_and_its_name_is_taken() {
    let mut fixture = Fixture::with(Behaviour::AWS);
    fixture.ok("CreateTable", table());
    fixture.clock.advance(Behaviour::AWS.table_creating_ms);
    let deleted = fixture.ok("DeleteTable", named());
    assert_eq!(deleted["TableDescription"]["TableStatus"], "DELETING");
    assert_eq!(deleted["TableDescription"]["TableArn"], ARN);

    fixture.reopen(Behaviour::AWS);
    assert_eq!(status(&fixture), "DELETING");
    assert_eq!(
        fixture.ok("ListTables", json!({}))["TableNames"],
        json!(["results"])
    );
    // aws-behaviours D14
    for (operation, request) in [
        ("DeleteTable", named()),
        (
            "UpdateTable",
            json!({"TableName": "results", "DeletionProtectionEnabled": true}),
        ),
    ] {
        assert_eq!(
            fixture.refused(operation, request),
            said("ResourceInUseException", BEING_DELETED),
            "{operation}"
        );
    }
    assert_eq!(
        fixture.refused("CreateTable", table()),
        said("ResourceInUseException", "Table already exists: results")
    );
    assert_eq!(
        fixture.refused("Scan", named()),
        said("ResourceNotFoundException", "Requested resource not found")
    );
    assert_eq!(
        fixture.refused("DescribeTimeToLive", named()),
        said(
            "ValidationException",
            "Cannot describe time to live while table is in DELETING state: Current table state \
             is DELETING"
        )
    );

    fixture.clock.advance(Behaviour::AWS.table_deleting_ms);
    assert_eq!(
        fixture.refused("DescribeTable", named()).0,
        "ResourceNotFoundException"
    );
    assert_eq!(fixture.ok("ListTables", json!({}))["TableNames"], json!([]));
    assert_eq!(
        fixture.refused("DeleteTable", named()).0,
        "ResourceNotFoundException"
    );
    fixture.ok("CreateTable", table());
}

#[test]
fn tables_that_go_are_listed_on_the_page_they_belong_on() {
    let fixture = Fixture::with(Behaviour {
        table_creating_ms: 0,
        ..Behaviour::AWS
    });
    for name in ["aaa", "bbb", "ccc", "ddd", "eee"] {
        let mut table = table();
        table["TableName"] = name.into();
        fixture.ok("CreateTable", table);
    }
    for name in ["bbb", "ddd", "eee"] {
        fixture.ok("DeleteTable", json!({"TableName": name}));
    }
    let mut seen = Vec::new();
    let mut request = json!({"Limit": 2});
    loop {
        let page = fixture.ok("ListTables", request);
        let names = page["TableNames"].as_array().expect("names").clone();
        assert!(names.len() <= 2, "{page}");
        seen.extend(names);
        match &page["LastEvaluatedTableName"] {
            Value::Null => break,
            last => request = json!({"Limit": 2, "ExclusiveStartTableName": last}),
        }
    }
    assert_eq!(json!(seen), json!(["aaa", "bbb", "ccc", "ddd", "eee"]));
}

/// aws-behaviours D4, D15
#[test]
fn time_to_live_changes_once_in_a_while() {
    let mut fixture = Fixture::with(Behaviour::AWS);
    fixture.ok("CreateTable", table());
    fixture.clock.advance(Behaviour::AWS.table_creating_ms);
    fixture.ok("UpdateTimeToLive", ttl("at", true));
    // aws-behaviours D4: what is asked for is checked first.
    assert_eq!(
        fixture.refused("UpdateTimeToLive", ttl("at", true)),
        said("ValidationException", "TimeToLive is already enabled")
    );
    assert_eq!(
        fixture.refused("UpdateTimeToLive", ttl("other", true)),
        said(
            "ValidationException",
            "TimeToLive is active on a different AttributeName"
        )
    );
    fixture.reopen(Behaviour::AWS);
    let cooling = said("ValidationException", COOLING);
    assert_eq!(
        fixture.refused("UpdateTimeToLive", ttl("at", false)),
        cooling
    );
    let described = fixture.ok("DescribeTimeToLive", named());
    assert_eq!(
        described["TimeToLiveDescription"],
        json!({"TimeToLiveStatus": "ENABLED", "AttributeName": "at"})
    );

    // A refusal does not begin it anew, a success does.
    fixture.clock.advance(Behaviour::AWS.ttl_cool_down_ms);
    fixture.ok("UpdateTimeToLive", ttl("at", false));
    assert_eq!(
        fixture.refused("UpdateTimeToLive", ttl("at", true)),
        cooling
    );

    // aws-behaviours D15: another table of the same name has nothing to wait for.
    fixture.ok("DeleteTable", named());
    fixture.clock.advance(Behaviour::AWS.table_deleting_ms);
    fixture.ok("CreateTable", table());
    fixture.clock.advance(Behaviour::AWS.table_creating_ms);
    fixture.ok("UpdateTimeToLive", ttl("at", true));
}

#[test]
fn instant_has_none_of_it() {
    let fixture = Fixture::new();
    for _ in 0..2 {
        fixture.ok("CreateTable", table());
        assert_eq!(status(&fixture), "ACTIVE");
        fixture.ok("UpdateTimeToLive", ttl("at", true));
        fixture.ok("UpdateTimeToLive", ttl("at", false));
        fixture.ok("UpdateTimeToLive", ttl("other", true));
        fixture.ok("DeleteTable", named());
        assert_eq!(
            fixture.refused("DescribeTable", named()).0,
            "ResourceNotFoundException"
        );
    }
}
