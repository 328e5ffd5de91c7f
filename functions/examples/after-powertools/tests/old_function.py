"""The function that books orders once each, by Powertools, and what happens to it before the other.

Reads from standard input the bodies of messages that it books, and of messages that it begins and
never ends. Arguments: the endpoint, and one of `book`, `begin`. Writes how many it booked.
"""

import json
import os
import sys

os.environ |= {
    "AWS_LAMBDA_FUNCTION_NAME": "orders",
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_DEFAULT_REGION": "us-east-1",
}

import boto3
from aws_lambda_powertools.utilities.idempotency import (
    DynamoDBPersistenceLayer,
    IdempotencyConfig,
    idempotent_function,
)

endpoint, doing = sys.argv[1:]
client = boto3.client("dynamodb", endpoint_url=endpoint)
table = DynamoDBPersistenceLayer("IdempotencyTable", boto3_client=client)
config = IdempotencyConfig(event_key_jmespath="powertools_json(body).[user, order_id]")
booked = 0


@idempotent_function(data_keyword_argument="record", config=config, persistence_store=table)
def book(record):
    global booked
    booked += 1
    return {"booked": json.loads(record["body"])["order_id"]}


# The name that the module has where Lambda imports it.
book.__wrapped__.__module__ = "old_function"


class Context:
    """As much of Lambda's context as Powertools asks for."""

    @staticmethod
    def get_remaining_time_in_millis():
        return 60_000


def create(name, key):
    client.create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"}],
        KeySchema=[{"AttributeName": key, "KeyType": "HASH"}],
    )


if doing == "book":
    create("IdempotencyTable", "id")
    create("ledger", "pk")
config.register_lambda_context(Context())
for body in json.load(sys.stdin):
    record = {"messageId": "old", "body": body}
    if doing == "book":
        book(record=record)
    else:
        table.configure(config, function_name="old_function.book")
        table.save_inprogress(data=record, remaining_time_in_millis=60_000)
print(booked)
