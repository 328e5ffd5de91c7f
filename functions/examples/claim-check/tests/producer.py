"""Sends orders by Amazon's SQS Extended Client, and says which objects lie in the bucket then.

Arguments: endpoint, queue URL, bucket, and what to do: `send`, or `send-again`.
"""

import json
import sys

import boto3
import sqs_extended_client

endpoint, queue, bucket, doing = sys.argv[1:]
place = {
    "region_name": "us-east-1",
    "aws_access_key_id": "test",
    "aws_secret_access_key": "test",
}
s3 = boto3.client("s3", endpoint_url=endpoint, **place)


def order(name, lines):
    return json.dumps({"id": name, "lines": [{"cents": 1, "text": "ключ" * 8}] * lines})


def send(body, attributes=None, legacy=False):
    sqs = sqs_extended_client.SQSExtendedClientSession(**place).client("sqs", endpoint_url=endpoint)
    sqs.large_payload_support = bucket
    sqs.s3_client = s3
    sqs.use_legacy_attribute = legacy
    sqs.send_message(QueueUrl=queue, MessageBody=body, MessageAttributes=attributes or {})


def named(name):
    return {"S3Key": {"DataType": "String", "StringValue": name}}


large = order("large", 20_000)
assert len(large.encode()) > 1024 * 1024, "more than SQS takes"
send(large, named("large"))
if doing == "send":
    send(order("legacy", 10_000), legacy=True)
    send(order("small", 3))

found = s3.list_objects_v2(Bucket=bucket).get("Contents", [])
print(json.dumps([one["Key"] for one in found]))
