/** The kafkajs client with what must differ from its defaults; every use of kafkajs starts here. */
import { Kafka, type KafkaConfig, logLevel } from 'kafkajs';
import metadataResponse from 'kafkajs/src/protocol/requests/metadata/v0/response.js';
import { produceTimeoutMs } from '../../limits.ts';
import type { LogConnection, LogSecurity } from './log-connection.ts';

const connectTimeoutMs = 2000;
const leaderNotAvailable = 5;

keepOtherLeadersUsable();
silenceNegativeTimeouts();

/**
 * A kafkajs client that never retries by itself: our callers retry within their own deadlines, and kafkajs
 * forgets partitions that change their leader between two of its own attempts. It logs nothing, because every
 * failure reaches a caller as an error.
 */
export function createKafka({ bootstrapServers, security }: LogConnection, retries = 0): Kafka {
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
 * Node 24 warns on standard error about negative timeouts, and kafkajs 2.2.4 sets one per request
 * (`throttledUntil` starts at -1). They are harmless: Node runs them after 1 ms.
 */
function silenceNegativeTimeouts(): void {
  const { emitWarning } = process;
  process.emitWarning = (...values: unknown[]) => {
    if (values[1] !== 'TimeoutNegativeWarning') Reflect.apply(emitWarning, process, values);
  };
}
