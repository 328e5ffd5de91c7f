// Powertools for AWS Lambda (TypeScript): a batch processor whose record handler is idempotent. The
// records of a batch are handled side by side.

import { BatchProcessor, EventType, processPartialResponse } from '@aws-lambda-powertools/batch';
import { IdempotencyConfig, makeIdempotent } from '@aws-lambda-powertools/idempotency';
import { DynamoDBPersistenceLayer } from '@aws-lambda-powertools/idempotency/dynamodb';

import { deliver } from './deliver.mjs';

const processor = new BatchProcessor(EventType.SQS);
const persistenceStore = new DynamoDBPersistenceLayer({
  tableName: process.env.TABLE_NAME,
  keyAttr: 'pk',
});
const config = new IdempotencyConfig({
  eventKeyJmesPath: 'powertools_json(body).id',
  throwOnNoIdempotencyKey: true,
});

const recordHandler = makeIdempotent((record) => deliver(record.body), {
  persistenceStore,
  config,
});

export const handler = async (event, context) => {
  config.registerLambdaContext(context);
  return processPartialResponse(event, recordHandler, processor, {
    // A batch that fails whole is answered like any other, not by an error of the invocation.
    throwOnFullBatchFailure: false,
  });
};
