"""DynamoDB by boto3: tables, items, conditions, queries, and the resource API."""

import time
from decimal import Decimal

import pytest
from boto3.dynamodb.conditions import Attr, Key

import support
from support import ACCOUNT, REGION, refused, wait_until
from tables import key, make_table


@pytest.fixture
def table(dynamodb, name):
    return make_table(dynamodb, name)


@pytest.fixture
def orders(emulator, dynamodb, name):
    """The resource API's table, with an index and twelve orders."""
    make_table(dynamodb, name, index=True)
    orders = support.resource("dynamodb", emulator.endpoint).Table(name)
    with orders.batch_writer() as batch:
        for at in range(12):
            status = "open" if at % 3 else "done"
            batch.put_item(
                Item={"customer": "abc"[at % 2], "at": at, "status": status, "total": Decimal(at) / 4}
            )
    return orders


# aws-behaviours D1
def test_a_table_is_made_described_and_deleted(dynamodb, name):
    make_table(dynamodb, name, index=True, Tags=[{"Key": "stack", "Value": "s"}])
    table = dynamodb.describe_table(TableName=name)["Table"]
    arn = f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{name}"
    assert (table["TableArn"], table["TableStatus"], table["ItemCount"]) == (arn, "ACTIVE", 0)
    assert table["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"
    (index,) = table["GlobalSecondaryIndexes"]
    assert (index["IndexName"], index["IndexStatus"], index["IndexArn"]) == (
        "by_status",
        "ACTIVE",
        f"{arn}/index/by_status",
    )
    assert dynamodb.list_tags_of_resource(ResourceArn=arn)["Tags"] == [{"Key": "stack", "Value": "s"}]
    # aws-behaviours D1
    with refused(
        "ResourceInUseException",
        f"Table already exists: {name}",
        400,
        dynamodb.exceptions.ResourceInUseException,
    ):
        make_table(dynamodb, name)
    dynamodb.delete_table(TableName=name)
    dynamodb.get_waiter("table_not_exists").wait(TableName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 10})
    gone = dynamodb.exceptions.ResourceNotFoundException
    with refused(
        "ResourceNotFoundException", f"Requested resource not found: Table: {name} not found", 400, gone
    ):
        dynamodb.describe_table(TableName=name)
    with refused("ResourceNotFoundException", "Requested resource not found", 400, gone):
        dynamodb.get_item(TableName=name, Key=key())


def test_tables_are_listed_in_pages(dynamodb, name):
    names = [make_table(dynamodb, f"{name}-{letter}") for letter in "abc"]
    pages = dynamodb.get_paginator("list_tables").paginate(PaginationConfig={"PageSize": 2})
    sizes, seen = [], []
    for page in pages:
        sizes.append(len(page["TableNames"]))
        seen += page["TableNames"]
    assert max(sizes) == 2 and len(sizes) > 1
    assert [one for one in seen if one in names] == names


def test_tables_have_tags(dynamodb, table):
    arn = dynamodb.describe_table(TableName=table)["Table"]["TableArn"]
    dynamodb.tag_resource(ResourceArn=arn, Tags=[{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}])
    dynamodb.untag_resource(ResourceArn=arn, TagKeys=["a"])
    assert dynamodb.list_tags_of_resource(ResourceArn=arn)["Tags"] == [{"Key": "b", "Value": "2"}]


def test_every_type_comes_back(dynamodb, table):
    item = {
        **key(),
        "text": {"S": "ü 😀"},
        "empty": {"S": ""},
        "number": {"N": "3.1415926535897932384626433832795028841"},
        "bytes": {"B": b"\x00\xff"},
        "yes": {"BOOL": True},
        "nothing": {"NULL": True},
        "things": {"L": [{"S": "a"}, {"N": "1"}, {"L": []}]},
        "map": {"M": {"inner": {"M": {"deep": {"N": "-0.5"}}}}},
    }
    sets = {"strings": {"SS": ["a", "b"]}, "numbers": {"NS": ["1", "2.5"]}, "binaries": {"BS": [b"a", b"b"]}}
    dynamodb.put_item(TableName=table, Item={**item, **sets})
    got = dynamodb.get_item(TableName=table, Key=key(), ConsistentRead=True)["Item"]
    for name, value in sets.items():
        ((kind, members),) = value.items()
        assert sorted(got.pop(name)[kind]) == members
    assert got == item
    part = dynamodb.get_item(
        TableName=table,
        Key=key(),
        ProjectionExpression="#m.#i.deep, things[1]",
        ExpressionAttributeNames={"#m": "map", "#i": "inner"},
    )["Item"]
    assert part == {"map": {"M": {"inner": {"M": {"deep": {"N": "-0.5"}}}}}, "things": {"L": [{"N": "1"}]}}
    assert "Item" not in dynamodb.get_item(TableName=table, Key=key(at=2))


# aws-behaviours D20
def test_a_write_can_be_conditional(dynamodb, table):
    new = {
        "TableName": table,
        "Item": {**key(), "n": {"N": "1"}},
        "ConditionExpression": "attribute_not_exists(customer)",
    }
    dynamodb.put_item(**new)
    # aws-behaviours D20
    failed = dynamodb.exceptions.ConditionalCheckFailedException
    with refused("ConditionalCheckFailedException", "The conditional request failed", 400, failed) as caught:
        dynamodb.put_item(**new)
    assert "Item" not in caught.value.response
    with refused("ConditionalCheckFailedException", kind=failed) as caught:
        dynamodb.put_item(**new, ReturnValuesOnConditionCheckFailure="ALL_OLD")
    assert caught.value.response["Item"] == {**key(), "n": {"N": "1"}}
    change = {
        "TableName": table,
        "Key": key(),
        "UpdateExpression": "SET n = n + :one",
        "ExpressionAttributeValues": {":one": {"N": "1"}},
    }
    dynamodb.update_item(**change, ConditionExpression="n = :one")
    with refused("ConditionalCheckFailedException", kind=failed):
        dynamodb.update_item(**change, ConditionExpression="n = :one")
    with refused("ConditionalCheckFailedException", kind=failed):
        dynamodb.delete_item(TableName=table, Key=key(), ConditionExpression="attribute_exists(absent)")
    assert dynamodb.get_item(TableName=table, Key=key())["Item"]["n"] == {"N": "2"}
    # An update of what is not there makes it, unless it must be there.
    with refused("ConditionalCheckFailedException", kind=failed):
        dynamodb.update_item(
            **{**change, "Key": key(at=9), "UpdateExpression": "SET n = :one"},
            ConditionExpression="attribute_exists(customer)",
        )
    assert "Item" not in dynamodb.get_item(TableName=table, Key=key(at=9))


def test_update_expressions(emulator, dynamodb, table):
    orders = support.resource("dynamodb", emulator.endpoint).Table(table)
    where = {"customer": "a", "at": 1}
    orders.put_item(Item={**where, "n": 1, "list": ["a"], "tags": {"x"}, "map": {"k": 1}, "gone": True})
    answer = orders.update_item(
        Key=where,
        UpdateExpression="SET n = n - :two, #l = list_append(#l, :b), made = if_not_exists(made, :two), #m.k = :two "
        "REMOVE gone ADD seen :two, tags :tags",
        ExpressionAttributeNames={"#l": "list", "#m": "map"},
        ExpressionAttributeValues={":two": 2, ":b": ["b"], ":tags": {"y"}},
        ReturnValues="ALL_NEW",
    )
    assert answer["Attributes"] == {
        **where,
        "n": -1,
        "list": ["a", "b"],
        "made": 2,
        "map": {"k": 2},
        "seen": 2,
        "tags": {"x", "y"},
    }
    changed = orders.update_item(
        Key=where,
        UpdateExpression="SET n = :v DELETE tags :tags",
        ReturnValues="UPDATED_OLD",
        ExpressionAttributeValues={":v": Decimal("0.5"), ":tags": {"x"}},
    )
    assert changed["Attributes"] == {"n": -1, "tags": {"x", "y"}}
    assert orders.delete_item(Key=where, ReturnValues="ALL_OLD")["Attributes"]["n"] == Decimal("0.5")


def test_a_query_of_a_partition(orders):
    mine = Key("customer").eq("a")
    assert [one["at"] for one in orders.query(KeyConditionExpression=mine)["Items"]] == [0, 2, 4, 6, 8, 10]
    back = orders.query(KeyConditionExpression=mine & Key("at").between(3, 8), ScanIndexForward=False)
    assert [one["at"] for one in back["Items"]] == [8, 6, 4]
    filtered = orders.query(
        KeyConditionExpression=mine & Key("at").gt(0), FilterExpression=Attr("status").eq("done")
    )
    assert ([one["at"] for one in filtered["Items"]], filtered["Count"], filtered["ScannedCount"]) == (
        [6],
        1,
        5,
    )
    counted = orders.query(KeyConditionExpression=mine, Select="COUNT")
    assert counted["Count"] == 6 and "Items" not in counted


def test_a_query_on_an_index_in_pages(orders):
    client = orders.meta.client
    pages = list(
        client.get_paginator("query").paginate(
            TableName=orders.name,
            IndexName="by_status",
            KeyConditionExpression=Key("status").eq("open"),
            PaginationConfig={"PageSize": 3},
        )
    )
    assert [[one["at"] for one in page["Items"]] for page in pages if page["Items"]] == [
        [1, 2, 4],
        [5, 7, 8],
        [10, 11],
    ]
    assert set(pages[0]["LastEvaluatedKey"]) == {"customer", "at", "status"}
    # The index follows the items.
    orders.update_item(
        Key={"customer": "b", "at": 1},
        UpdateExpression="SET #s = :d",
        ExpressionAttributeNames={"#s": "status"},
        ExpressionAttributeValues={":d": "done"},
    )
    orders.update_item(
        Key={"customer": "a", "at": 2},
        UpdateExpression="REMOVE #s",
        ExpressionAttributeNames={"#s": "status"},
    )
    found = orders.query(
        IndexName="by_status", KeyConditionExpression=Key("status").eq("open") & Key("at").lt(6)
    )
    assert [one["at"] for one in found["Items"]] == [4, 5]
    with refused("ValidationException", "The table does not have the specified index: no_such", 400):
        orders.query(IndexName="no_such", KeyConditionExpression=Key("status").eq("open"))
    with refused(
        "ValidationException", "Consistent reads are not supported on global secondary indexes", 400
    ):
        orders.query(
            IndexName="by_status", KeyConditionExpression=Key("status").eq("open"), ConsistentRead=True
        )


def test_a_scan_in_pages_and_in_segments(orders):
    pages = list(
        orders.meta.client.get_paginator("scan").paginate(
            TableName=orders.name, PaginationConfig={"PageSize": 5}
        )
    )
    assert sum(page["Count"] for page in pages) == 12 and len(pages) >= 3
    parts = [orders.scan(Segment=number, TotalSegments=3)["Items"] for number in range(3)]
    assert sorted(one["at"] for part in parts for one in part) == list(range(12))
    found = orders.scan(FilterExpression=Attr("total").gte(2) & Attr("status").is_in(["open", "x"]))
    assert (sorted(one["at"] for one in found["Items"]), found["ScannedCount"]) == ([8, 10, 11], 12)


@pytest.mark.parametrize(
    ("item", "text"),
    [
        (
            {"customer": {"S": "a"}},
            "One or more parameter values were invalid: Missing the key at in the item",
        ),
        (
            {**key(), "at": {"S": "1"}},
            "One or more parameter values were invalid: Type mismatch for key at expected: N actual: S",
        ),
        (
            {**key(), "customer": {"S": ""}},
            "One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an empty string value. Key: customer",
        ),
        ({**key(), "n": {"N": "many"}}, "The parameter cannot be converted to a numeric value: many"),
        (
            {**key(), "s": {"SS": []}},
            "One or more parameter values were invalid: An string set  may not be empty",
        ),
        ({**key(), "big": {"S": "x" * 400 * 1024}}, "Item size has exceeded the maximum allowed size"),
    ],
)
def test_bad_items_are_refused(dynamodb, table, item, text):
    with refused("ValidationException", text, 400):
        dynamodb.put_item(TableName=table, Item=item)
    assert dynamodb.scan(TableName=table)["Count"] == 0


def test_bad_expressions_are_refused(dynamodb, table):
    update = {"TableName": table, "Key": key()}
    for expression, text in {
        "SET n = :absent": "Invalid UpdateExpression: An expression attribute value used in expression is not defined; attribute value: :absent",
        "SET #n = :v": "Invalid UpdateExpression: An expression attribute name used in the document path is not defined; attribute name: #n",
        "SET customer = :v": "One or more parameter values were invalid: Cannot update attribute customer. This attribute is part of the key",
        "SET size = :v": "Invalid UpdateExpression: Attribute name is a reserved keyword; reserved keyword: size",
        "SET n :v": "Invalid UpdateExpression: Syntax error",
    }.items():
        with refused("ValidationException", text, 400):
            dynamodb.update_item(
                **update, UpdateExpression=expression, ExpressionAttributeValues={":v": {"N": "1"}}
            )
    with refused("ValidationException", "The provided key element does not match the schema", 400):
        dynamodb.get_item(TableName=table, Key={"customer": {"S": "a"}})


def ttl(dynamodb, table, attribute="expires_at", enabled=True):
    dynamodb.update_time_to_live(
        TableName=table, TimeToLiveSpecification={"AttributeName": attribute, "Enabled": enabled}
    )


# aws-behaviours D3
def test_a_time_to_live_is_set_once(dynamodb, table):
    def described():
        return dynamodb.describe_time_to_live(TableName=table)["TimeToLiveDescription"]

    assert described() == {"TimeToLiveStatus": "DISABLED"}
    ttl(dynamodb, table)
    assert described() == {"TimeToLiveStatus": "ENABLED", "AttributeName": "expires_at"}
    # aws-behaviours D3
    with refused("ValidationException", "TimeToLive is already enabled", 400):
        ttl(dynamodb, table)
    with refused("ValidationException", "TimeToLive is active on a different AttributeName", 400):
        ttl(dynamodb, table, "other")
    ttl(dynamodb, table, enabled=False)
    assert described() == {"TimeToLiveStatus": "DISABLED"}
    with refused("ValidationException", "TimeToLive is already disabled", 400):
        ttl(dynamodb, table, enabled=False)


def test_expired_items_go_and_others_stay(dynamodb, table):
    ttl(dynamodb, table)
    now = int(time.time())
    moments = {1: now - 60, 2: now + 3600, 3: now - 6 * 365 * 24 * 3600}
    for at, moment in moments.items():
        dynamodb.put_item(TableName=table, Item={**key(at=at), "expires_at": {"N": str(moment)}})
    dynamodb.put_item(TableName=table, Item={**key(at=4), "expires_at": {"S": str(now - 60)}})
    wait_until(
        lambda: "Item" not in dynamodb.get_item(TableName=table, Key=key()), "the expired item is gone", 60
    )
    # A moment more than five years ago is taken for a mistake, and a text is no moment.
    left = dynamodb.scan(TableName=table)["Items"]
    assert sorted(one["at"]["N"] for one in left) == ["2", "3", "4"]
