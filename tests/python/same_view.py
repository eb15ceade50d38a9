"""boto3 must see the bucket and the item that `pipectl results` shows.

Usage: same_view.py RESULTS.json, with the environment of `pipectl env`.
"""

import json
import sys

import boto3
from botocore.config import Config

BUCKET = "log-pipeline-uploads"
TABLE = "log-pipeline-results"


def main(path):
    with open(path, encoding="utf-8") as file:
        results = json.load(file)["data"]["results"]
    assert results, "pipectl shows no result"
    shown = results[0]

    s3 = boto3.client("s3", config=Config(s3={"addressing_style": "path"}))
    keys = [entry["Key"] for entry in s3.list_objects_v2(Bucket=BUCKET)["Contents"]]
    assert shown["key"] in keys, f"{shown['key']} is not among {keys}"

    items = boto3.resource("dynamodb").Table(TABLE).scan()["Items"]
    mine = [item for item in items if item["job_id"] == shown["job_id"]]
    assert len(mine) == 1, f"{len(mine)} items have the job id {shown['job_id']}"
    for field in ("status", "key", "lines", "malformed", "processed_at", "day", "expires_at"):
        assert mine[0][field] == shown[field], f"{field}: {mine[0][field]} and {shown[field]}"
    assert {k: int(v) for k, v in mine[0]["levels"].items()} == shown["levels"], "levels differ"
    week = 7 * 24 * 3600
    processed = boto3.client("dynamodb").describe_time_to_live(TableName=TABLE)
    assert processed["TimeToLiveDescription"]["AttributeName"] == "expires_at"
    assert int(mine[0]["expires_at"]) > week

    sqs = boto3.client("sqs")
    names = [url.rsplit("/", 1)[1] for url in sqs.list_queues()["QueueUrls"]]
    assert "log-pipeline-jobs" in names, names
    functions = [f["FunctionName"] for f in boto3.client("lambda").list_functions()["Functions"]]
    assert functions == ["log-pipeline-trigger", "log-pipeline-worker"], functions
    assert boto3.client("sts").get_caller_identity()["Account"] == "000000000000"
    print(f"boto3 sees {len(keys)} object(s), {len(items)} item(s), the same result {shown['job_id'][:12]}")


if __name__ == "__main__":
    main(sys.argv[1])
