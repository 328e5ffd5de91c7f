"""Powertools for AWS Lambda (Python): a batch processor whose record handler is idempotent."""

import os

import urllib3
from aws_lambda_powertools.utilities.batch import (
    BatchProcessor,
    EventType,
    process_partial_response,
)
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.idempotency import (
    DynamoDBPersistenceLayer,
    IdempotencyConfig,
    idempotent_function,
)

TARGET_URL = os.environ["TARGET_URL"]

# A failed delivery fails its record; whoever sent the message decides when it is tried again.
http = urllib3.PoolManager(retries=False, timeout=10.0)
# A batch that fails whole is answered like any other, not by an error of the invocation.
processor = BatchProcessor(EventType.SQS, raise_on_entire_batch_failure=False)
persistence_layer = DynamoDBPersistenceLayer(table_name=os.environ["TABLE_NAME"], key_attr="pk")
config = IdempotencyConfig(
    event_key_jmespath="powertools_json(body).id",
    raise_on_no_idempotency_key=True,
)


@idempotent_function(
    data_keyword_argument="record",
    config=config,
    persistence_store=persistence_layer,
)
def record_handler(record: SQSRecord):
    response = http.request(
        "POST",
        TARGET_URL,
        body=record.body,
        headers={
            "Content-Type": "application/json",
            "Idempotency-Key": record.json_body["id"],
        },
    )
    if not 200 <= response.status < 300:
        raise RuntimeError(f"the target answered {response.status}")


def handler(event, context):
    config.register_lambda_context(context)
    return process_partial_response(
        event=event,
        context=context,
        processor=processor,
        record_handler=record_handler,
    )
