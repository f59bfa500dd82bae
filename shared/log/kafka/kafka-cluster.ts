/** Connections and metadata of one topic for the reader: three raw requests, no client state to go stale. */
import {
  AuthenticationError,
  type Connection,
  type ConnectionOptions,
  ConnectionPool,
  metadataV12,
  parseBroker,
  ResponseError,
  SASLMechanisms,
  type SASLOptions,
} from '@platformatic/kafka';
import type { LogConnection, LogSecurity } from './log-connection.ts';
import { logUnavailable } from './log-unavailable.ts';

const connectTimeoutMs = 2000;
const requestTimeoutMs = 5000;
const kafkaPort = 9092;

export interface TopicMetadata {
  readonly topicId: string;
  readonly partitions: number;
  /** The leader of each partition; partitions without one are missing. */
  readonly leaders: ReadonlyMap<number, Node>;
}

/** A broker's address; one object per broker and metadata. */
export interface Node {
  readonly id: number;
  readonly host: string;
  readonly port: number;
}

export class KafkaCluster {
  readonly #bootstrap: { host: string; port: number }[];
  readonly #topic: string;
  readonly #pool: ConnectionPool;
  #metadata: Promise<TopicMetadata> | undefined;

  constructor({ bootstrapServers, security }: LogConnection, topic: string) {
    this.#bootstrap = bootstrapServers.split(',').map((server) => parseBroker(server.trim(), kafkaPort));
    this.#topic = topic;
    this.#pool = new ConnectionPool('odometer', {
      connectTimeout: connectTimeoutMs,
      requestTimeout: requestTimeoutMs,
      ...(security === undefined ? {} : authenticated(security)),
    });
    // The pool listens to a connection's first error only, and an error without a listener ends the process: after a
    // refused token comes the broker's reset.
    this.#pool.on('connecting', ({ connection }) => connection.on('error', () => undefined));
  }

  connect(node: Node): Promise<Connection> {
    return this.#pool.get(node);
  }

  /** The last known metadata, or what `refresh` fetches. */
  metadata(): Promise<TopicMetadata> {
    return this.#metadata ?? this.refresh();
  }

  refresh(): Promise<TopicMetadata> {
    const metadata = this.#fetch();
    this.#metadata = metadata;
    metadata.catch(() => {
      if (this.#metadata === metadata) this.#metadata = undefined;
    });
    return metadata;
  }

  close(): Promise<void> {
    return this.#pool.close();
  }

  async #fetch(): Promise<TopicMetadata> {
    const connection = await this.#pool.getFirstAvailable(this.#bootstrap);
    const request = metadataV12.api.async(connection, [this.#topic], false, false);
    const { brokers, topics } = await request.catch(partOf<metadataV12.MetadataResponse>);
    const topic = topics[0];
    if (topic === undefined || topic.errorCode !== 0)
      throw logUnavailable(`topic ${this.#topic} is not there: Kafka error ${topic?.errorCode}`);
    const nodes = new Map(brokers.map(({ nodeId, host, port }) => [nodeId, { id: nodeId, host, port }]));
    const leaders = new Map<number, Node>();
    for (const { partitionIndex, leaderId } of topic.partitions) {
      const node = nodes.get(leaderId);
      if (node !== undefined) leaders.set(partitionIndex, node);
    }
    return { topicId: topic.topicId, partitions: topic.partitions.length, leaders };
  }
}

function authenticated({ token }: LogSecurity): Pick<ConnectionOptions, 'tls' | 'sasl'> {
  const sasl: SASLOptions = {
    mechanism: SASLMechanisms.OAUTHBEARER,
    token,
    // A broker that accepts the token answers nothing; any bytes are the reason of a refusal (RFC 7628, 3.2.2).
    authBytesValidator: (words, done) =>
      words.length === 0 ? done(null, words) : done(new AuthenticationError(`the token: ${words}`), words),
  };
  return { tls: {}, sasl };
}

/** The client throws a whole response when one partition of it has an error; the others are still good. */
export function partOf<Response>(error: unknown): Response {
  // The client attaches the parsed response of the request that failed, which `Response` describes.
  if (error instanceof ResponseError && error['response']) return error['response'] as Response;
  throw error;
}
