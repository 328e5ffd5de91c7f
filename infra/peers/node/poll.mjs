// sqs-consumer: a process that polls the queue until it is killed. The messages of a batch are
// handled side by side, those that were delivered are deleted by one request.

import { IdempotencyConfig, makeIdempotent } from '@aws-lambda-powertools/idempotency';
import { DynamoDBPersistenceLayer } from '@aws-lambda-powertools/idempotency/dynamodb';
import { Consumer } from 'sqs-consumer';

import { deliver } from './deliver.mjs';

// The visibility timeout of the queue, as SQS has it by default: who holds a message holds its row.
const HOLD_MS = 30_000;

const config = new IdempotencyConfig({
  eventKeyJmesPath: 'powertools_json(Body).id',
  throwOnNoIdempotencyKey: true,
  // There is no invocation whose time runs out; without this, the row of a process that was killed
  // would be in progress for an hour.
  lambdaContext: { getRemainingTimeInMillis: () => HOLD_MS },
});
const handleOnce = makeIdempotent((message) => deliver(message.Body), {
  persistenceStore: new DynamoDBPersistenceLayer({
    tableName: process.env.TABLE_NAME,
    keyAttr: 'pk',
  }),
  config,
});

const consumer = Consumer.create({
  queueUrl: process.env.QUEUE_URL,
  batchSize: 10,
  handleMessageBatch: async (messages) => {
    const outcomes = await Promise.allSettled(messages.map((message) => handleOnce(message)));
    for (const { reason } of outcomes.filter(({ status }) => status === 'rejected')) {
      console.error(reason.message);
    }
    return messages.filter((_, index) => outcomes[index].status === 'fulfilled');
  },
});

consumer.on('error', (error) => console.error(error.message));
consumer.on('processing_error', (error) => console.error(error.message));
consumer.start();
