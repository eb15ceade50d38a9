"""DynamoDB by boto3: batches, transactions, PartiQL, streams."""

import uuid

import pytest

from support import refused, wait_until
from tables import key, make_table


@pytest.fixture
def table(dynamodb, name):
    return make_table(dynamodb, name)


def item(at=1, customer="a", **fields):
    return {**key(customer, at), **{name: {"N": str(value)} for name, value in fields.items()}}


def put(table, at=1, **fields):
    return {"Put": {"TableName": table, "Item": item(at, **fields)}}


def numbers(dynamodb, table):
    return sorted(int(one["at"]["N"]) for one in dynamodb.scan(TableName=table)["Items"])


def test_a_batch_over_two_tables(dynamodb, table, name):
    other = make_table(dynamodb, f"{name}-other")
    dynamodb.put_item(TableName=other, Item=item(7))
    answer = dynamodb.batch_write_item(
        RequestItems={
            table: [{"PutRequest": {"Item": item(at)}} for at in range(20)],
            other: [{"PutRequest": {"Item": item(1)}}, {"DeleteRequest": {"Key": key(at=7)}}],
        }
    )
    assert answer["UnprocessedItems"] == {}
    assert (numbers(dynamodb, table), numbers(dynamodb, other)) == (list(range(20)), [1])
    got = dynamodb.batch_get_item(
        RequestItems={
            table: {
                "Keys": [key(at=at) for at in (3, 5, 99)],
                "ProjectionExpression": "#a",
                "ExpressionAttributeNames": {"#a": "at"},
            },
            other: {"Keys": [key()], "ConsistentRead": True},
        }
    )
    assert sorted(one["at"]["N"] for one in got["Responses"][table]) == ["3", "5"]
    assert all(set(one) == {"at"} for one in got["Responses"][table])
    assert got["Responses"][other] == [item(1)]
    assert got["UnprocessedKeys"] == {}


def test_batches_are_checked(dynamodb, table):
    too_many = [{"PutRequest": {"Item": item(at)}} for at in range(26)]
    with refused("ValidationException", "Member must have length less than or equal to 25", 400):
        dynamodb.batch_write_item(RequestItems={table: too_many})
    twice = [{"PutRequest": {"Item": item(1)}}, {"DeleteRequest": {"Key": key()}}]
    with refused("ValidationException", "Provided list of item keys contains duplicates", 400):
        dynamodb.batch_write_item(RequestItems={table: twice})
    with refused("ValidationException", "Provided list of item keys contains duplicates", 400):
        dynamodb.batch_get_item(RequestItems={table: {"Keys": [key(), key()]}})
    with refused("ValidationException", "Member must have length less than or equal to 100", 400):
        dynamodb.batch_get_item(RequestItems={table: {"Keys": [key(at=at) for at in range(101)]}})
    with refused("ResourceNotFoundException", "Requested resource not found", 400):
        dynamodb.batch_write_item(RequestItems={f"{table}-absent": twice[:1]})
    assert numbers(dynamodb, table) == []


def test_a_transaction_is_all_or_nothing(dynamodb, table):
    dynamodb.put_item(TableName=table, Item=item(1, n=1))
    dynamodb.put_item(TableName=table, Item=item(2, n=1))
    one = {":one": {"N": "1"}}
    dynamodb.transact_write_items(
        TransactItems=[
            put(table, 3, n=5),
            {
                "Update": {
                    "TableName": table,
                    "Key": key(at=1),
                    "UpdateExpression": "SET n = n + :one",
                    "ExpressionAttributeValues": one,
                }
            },
            {
                "Delete": {
                    "TableName": table,
                    "Key": key(at=2),
                    "ConditionExpression": "n = :one",
                    "ExpressionAttributeValues": one,
                }
            },
            {
                "ConditionCheck": {
                    "TableName": table,
                    "Key": key(at=4),
                    "ConditionExpression": "attribute_not_exists(customer)",
                }
            },
        ]
    )
    assert numbers(dynamodb, table) == [1, 3]
    got = dynamodb.transact_get_items(
        TransactItems=[{"Get": {"TableName": table, "Key": key(at=at)}} for at in (1, 2, 3)]
    )
    assert [one.get("Item") for one in got["Responses"]] == [item(1, n=2), None, item(3, n=5)]


def test_a_cancelled_transaction_says_why_for_each(dynamodb, table):
    dynamodb.put_item(TableName=table, Item=item(1, n=1))
    new = {
        "ConditionExpression": "attribute_not_exists(customer)",
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
    }
    items = [put(table, 2), {"Put": {"TableName": table, "Item": item(1, n=9), **new}}, put(table, 3)]
    text = (
        "Transaction cancelled, please refer cancellation reasons for specific reasons "
        "[None, ConditionalCheckFailed, None]"
    )
    kind = dynamodb.exceptions.TransactionCanceledException
    with refused("TransactionCanceledException", text, 400, kind) as caught:
        dynamodb.transact_write_items(TransactItems=items)
    reasons = caught.value.response["CancellationReasons"]
    assert [one["Code"] for one in reasons] == ["None", "ConditionalCheckFailed", "None"]
    assert reasons[1]["Message"] == "The conditional request failed"
    assert reasons[1]["Item"] == item(1, n=1)
    assert "Message" not in reasons[0] and "Item" not in reasons[0]
    assert numbers(dynamodb, table) == [1]
    assert dynamodb.get_item(TableName=table, Key=key())["Item"] == item(1, n=1)


def test_transactions_are_checked(dynamodb, table):
    text = "Transaction request cannot include multiple operations on one item"
    with refused("ValidationException", text, 400):
        dynamodb.transact_write_items(
            TransactItems=[put(table, 1), {"Delete": {"TableName": table, "Key": key()}}]
        )
    with refused("ValidationException", "Member must have length less than or equal to 100", 400):
        dynamodb.transact_write_items(TransactItems=[put(table, at) for at in range(101)])
    assert numbers(dynamodb, table) == []


def test_a_token_makes_a_transaction_happen_once(dynamodb, table):
    dynamodb.put_item(TableName=table, Item=item(1, n=0))
    token = str(uuid.uuid4())
    change = {
        "Update": {
            "TableName": table,
            "Key": key(),
            "UpdateExpression": "ADD n :one",
            "ExpressionAttributeValues": {":one": {"N": "1"}},
        }
    }
    for _ in range(2):
        dynamodb.transact_write_items(TransactItems=[change], ClientRequestToken=token)
    assert dynamodb.get_item(TableName=table, Key=key())["Item"] == item(1, n=1)
    kind = dynamodb.exceptions.IdempotentParameterMismatchException
    with refused("IdempotentParameterMismatchException", status=400, kind=kind):
        dynamodb.transact_write_items(TransactItems=[put(table, 2)], ClientRequestToken=token)
    assert numbers(dynamodb, table) == [1]


def test_partiql(dynamodb, table):
    dynamodb.execute_statement(
        Statement=f"INSERT INTO \"{table}\" VALUE {{'customer': 'a', 'at': 1, 'n': 2}}"
    )
    found = dynamodb.execute_statement(
        Statement=f'SELECT n FROM "{table}" WHERE customer = ? AND "at" = ?',
        Parameters=[{"S": "a"}, {"N": "1"}],
    )
    assert found["Items"] == [{"n": {"N": "2"}}]
    with refused("DuplicateItemException", status=400):
        dynamodb.execute_statement(Statement=f"INSERT INTO \"{table}\" VALUE {{'customer': 'a', 'at': 1}}")


def test_an_index_is_added_later(dynamodb, table):
    dynamodb.put_item(TableName=table, Item={**item(1), "status": {"S": "open"}})
    dynamodb.update_table(
        TableName=table,
        AttributeDefinitions=[{"AttributeName": "status", "AttributeType": "S"}],
        GlobalSecondaryIndexUpdates=[
            {
                "Create": {
                    "IndexName": "by_status",
                    "KeySchema": [{"AttributeName": "status", "KeyType": "HASH"}],
                    "Projection": {"ProjectionType": "KEYS_ONLY"},
                }
            }
        ],
    )

    def active():
        (index,) = dynamodb.describe_table(TableName=table)["Table"]["GlobalSecondaryIndexes"]
        return index["IndexStatus"] == "ACTIVE"

    wait_until(active, "the index is active")
    found = dynamodb.query(
        TableName=table,
        IndexName="by_status",
        KeyConditionExpression="#s = :s",
        ExpressionAttributeNames={"#s": "status"},
        ExpressionAttributeValues={":s": {"S": "open"}},
    )
    assert found["Items"] == [{**item(1), "status": {"S": "open"}}]


def test_what_is_not_served_says_so(dynamodb, table):
    with refused("NotImplemented", "CreateBackup", 501):
        dynamodb.create_backup(TableName=table, BackupName="backup")
