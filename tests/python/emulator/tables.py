"""What tests of tables need."""


def make_table(dynamodb, name, index=False, **settings):
    """A table of orders: `customer` and `at`; with an index `by_status`."""
    definitions = {"customer": "S", "at": "N"}
    if index:
        definitions["status"] = "S"
        settings["GlobalSecondaryIndexes"] = [
            {
                "IndexName": "by_status",
                "KeySchema": [
                    {"AttributeName": "status", "KeyType": "HASH"},
                    {"AttributeName": "at", "KeyType": "RANGE"},
                ],
                "Projection": {"ProjectionType": "ALL"},
            }
        ]
    dynamodb.create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[
            {"AttributeName": "customer", "KeyType": "HASH"},
            {"AttributeName": "at", "KeyType": "RANGE"},
        ],
        AttributeDefinitions=[
            {"AttributeName": key, "AttributeType": kind} for key, kind in definitions.items()
        ],
        **settings,
    )
    dynamodb.get_waiter("table_exists").wait(TableName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 10})
    return name


def key(customer="a", at=1):
    return {"customer": {"S": customer}, "at": {"N": str(at)}}
