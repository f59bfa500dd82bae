/** The kafkajs client with what must differ from its defaults; every use of kafkajs starts here. */
import { Kafka, type KafkaConfig, logLevel } from 'kafkajs';
import RequestQueue from 'kafkajs/src/network/requestQueue/index.js';
import metadataResponse from 'kafkajs/src/protocol/requests/metadata/v0/response.js';
import { produceTimeoutMs } from '../../limits.ts';
import type { LogConnection, LogSecurity } from './log-connection.ts';

const connectTimeoutMs = 2000;
const leaderNotAvailable = 5;
let corrected = false;

/**
 * A kafkajs client that never retries by itself: our callers retry within their own deadlines, and kafkajs
 * forgets partitions that change their leader between two of its own attempts. It logs nothing, because every
 * failure reaches a caller as an error.
 */
export function createKafka({ bootstrapServers, security }: LogConnection, retries = 0): Kafka {
  correctKafkajs();
  return new Kafka({
    clientId: 'odometer',
    brokers: bootstrapServers.split(',').map((server) => server.trim()),
    ...(security === undefined ? {} : authenticated(security)),
    connectionTimeout: connectTimeoutMs,
    requestTimeout: produceTimeoutMs,
    retry: { retries, initialRetryTime: 100, maxRetryTime: 1000 },
    logLevel: logLevel.NOTHING,
  });
}

function authenticated({ token }: LogSecurity): Pick<KafkaConfig, 'ssl' | 'sasl'> {
  const oauthBearerProvider = async () => ({ value: await token() });
  return { ssl: true, sasl: { mechanism: 'oauthbearer', oauthBearerProvider } };
}

/**
 * Corrects what no option of kafkajs 2.2.4, its last release, can be asked for: twice in its own inside, nothing of
 * the process. With the first client, not on import, so that a program that makes no client changes nothing.
 */
function correctKafkajs(): void {
  if (corrected) return;
  corrected = true;
  keepOtherLeadersUsable();
  letIdleConnectionsRest();
}

/**
 * kafkajs refuses all metadata when one partition has no leader, which would stop every other partition too.
 * The leaderless one keeps leader -1 and fails alone.
 */
function keepOtherLeadersUsable(): void {
  const parse = metadataResponse.parse;
  metadataResponse.parse = (data) =>
    parse({
      ...data,
      topicMetadata: data.topicMetadata.map((topic) => ({
        ...topic,
        partitionMetadata: topic.partitionMetadata.map((partition) =>
          partition.partitionErrorCode === leaderNotAvailable
            ? { ...partition, partitionErrorCode: 0, leader: -1 }
            : partition,
        ),
      })),
    });
}

/**
 * A connection without pending requests looks for some every millisecond, by a timer in the past (`throttledUntil`
 * starts at -1), which Node 24 also reports as a TimeoutNegativeWarning. There is nothing to look for: requests are
 * sent when they come, or when another one is answered.
 */
function letIdleConnectionsRest(): void {
  const queue = RequestQueue.prototype;
  const schedule = queue.scheduleCheckPendingRequests;
  queue.scheduleCheckPendingRequests = function (this: RequestQueue) {
    if (this.pending.length > 0 || this.throttledUntil > Date.now()) schedule.call(this);
  };
}
