/** Keeps lines of the flusher's log that hold heads of chains, as they came, one object for each delivery (U12). */
import { createHash } from 'node:crypto';
import { PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import type { CloudWatchLogsEvent } from 'aws-lambda';
import { ENV_HEADS_BUCKET } from '../../shared/contracts/env.ts';
import { dayOf, formatDay } from '../../shared/events/calendar.ts';
import { processEnvironment } from '../../shared/runtime/process/environment.ts';

const s3 = new S3Client({});

/**
 * The bucket gives every object its retention. The key is the content's hash, so that a delivery which is repeated
 * adds a version with the same bytes and no second object.
 */
export async function handler({ awslogs }: CloudWatchLogsEvent): Promise<void> {
  const body = Buffer.from(awslogs.data, 'base64');
  const hash = createHash('sha256').update(body).digest('hex');
  const day = formatDay(dayOf(Date.now()));
  // Object Lock asks for a checksum with every object; the SDK sends one.
  await s3.send(
    new PutObjectCommand({
      Bucket: processEnvironment()[ENV_HEADS_BUCKET],
      Key: `heads/${day}/${hash}.json.gz`,
      Body: body,
    }),
  );
}
