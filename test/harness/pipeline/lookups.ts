/** The query function over a pipeline that is moved by hand, and receipts as ingest gives them out. */
import { Kafka, logLevel } from 'kafkajs';
import { expect } from 'vitest';
import type { z } from 'zod';
import { eventsSchema, type FateAnswer, fateSchema } from '../../../functions/query/event-schema.ts';
import { build } from '../../../functions/query/handler.ts';
import { oneStatement } from '../../../localstack/servers/postgres-session.ts';
import { OdometerError } from '../../../shared/errors.ts';
import type { SealedEvent } from '../../../shared/events/usage-event.ts';
import type { HttpHandler } from '../../../shared/http/stack.ts';
import { createEventLookup } from '../../../shared/ledger/postgres/event-lookup.ts';
import { createKeptAside } from '../../../shared/ledger/postgres/kept-aside.ts';
import { createReaderPools } from '../../../shared/ledger/postgres/reader-pool.ts';
import type { LogRead } from '../../../shared/log/event-log.ts';
import { Receipts } from '../../../shared/log/receipt.ts';
import { partitionOf, shardOf } from '../../../shared/log/routing.ts';
import { administrator, httpEvent, lambdaContext } from '../builders/handlers.ts';
import { envelope, noonMs, sealedEvent } from '../builders/records.ts';
import { FakeClock } from '../fakes/clock.ts';
import { FakeLogger } from '../fakes/logger.ts';
import { openPipeline, type Pipeline } from './pipeline.ts';

const partitions = 20;
/** The organization that reports. */
export const ours = 'acme';
export const partition = partitionOf(ours, partitions);
export const shard = shardOf(partition);
/** Another organization of the same partition. */
export const neighbour = neighbourName();
export const receipts = new Receipts(Buffer.alloc(32, 3));
/** The hash of a ledger row. */
export const commitName: unknown = expect.stringMatching(/^[0-9a-f]{64}$/);
export const oneReceipt = 'GET /api/v1/receipts/{receipt}';

type EventParts = Omit<Parameters<typeof httpEvent>[0], 'routeKey'>;

function neighbourName(): string {
  for (let i = 0; ; i++) if (partitionOf(`neighbour_${i}`, partitions) === partition) return `neighbour_${i}`;
}

/** An event of ours. */
export function ownEvent(idempotencyKey: string, fields: Partial<SealedEvent> = {}): SealedEvent {
  return sealedEvent({ organization: ours, idempotencyKey, ...fields });
}

/** A caller that may reach these organizations. */
// Same type: as a token names them.
export function callerOf(organizations: string, scopes = 'read') {
  return { ...administrator, organizations, scopes };
}

export async function openLookups(): Promise<Lookups> {
  return new Lookups(await openPipeline());
}

export class Lookups {
  readonly pipeline: Pipeline;
  /** The reads of the log that lookups made. */
  reads: LogRead[] = [];
  logFails = false;
  /** Of the last envelope. */
  createdAtMs = noonMs;
  readonly #handle: HttpHandler;
  readonly #pools: ReturnType<typeof createReaderPools>;

  constructor(pipeline: Pipeline) {
    this.pipeline = pipeline;
    this.#pools = createReaderPools({ urls: pipeline.shards.readerUrls }, 'lookup');
    const log = {
      bounds: () => pipeline.log.bounds(),
      read: (asked: readonly LogRead[]) => this.#read(asked),
    };
    const lookup = createEventLookup({ pools: this.#pools, partitions });
    this.#handle = build({
      summaries: { summarize: () => Promise.reject(new Error('not asked')), ping: async () => {} },
      events: { receipts, lookup, keptAside: createKeptAside(this.#pools), log, partitions },
      log,
      segments: { assertNothingEvicted: async () => {} },
      clock: new FakeClock(),
      logger: new FakeLogger(),
    });
  }

  /** Appends one envelope; the receipts of its events, as ingest gives them out. */
  async accept(...events: readonly SealedEvent[]): Promise<readonly string[]> {
    const createdAtMs = ++this.createdAtMs;
    const offset = await this.pipeline.append(partition, [envelope(events, { partition, createdAtMs })]);
    const [first] = events;
    const only = events.every(({ organization }) => organization === first?.organization);
    const organization = only ? (first?.organization ?? null) : null;
    const place = { partition, offset, createdAtMs, firstIndex: 0, count: events.length };
    return events.map((_, n) => `${receipts.seal({ ...place, organization })}.${n}`);
  }

  async commit(...events: readonly SealedEvent[]): Promise<readonly string[]> {
    const given = await this.accept(...events);
    await this.pipeline.flush();
    return given;
  }

  async call(
    routeKey: string,
    parts: EventParts,
  ): Promise<{ readonly status: number; readonly body: Record<string, unknown> }> {
    const { statusCode = 0, body = '{}' } = await this.#handle(
      httpEvent({ routeKey, ...parts }),
      lambdaContext(),
    );
    // What is in it is compared or parsed.
    return { status: statusCode, body: JSON.parse(body) as Record<string, unknown> };
  }

  /** The answer to a request that succeeds, which has the published form. */
  async ask<Schema extends z.ZodType>(
    schema: Schema,
    routeKey: string,
    parts: EventParts,
  ): Promise<z.output<Schema>> {
    const { status, body } = await this.call(routeKey, parts);
    expect(status, JSON.stringify(body)).toBe(200);
    return schema.parse(body);
  }

  fateOf(receipt: string | undefined, authorizer = administrator): Promise<FateAnswer> {
    return this.ask(fateSchema, oneReceipt, { pathParameters: { receipt: receipt ?? '' }, authorizer });
  }

  listed(query: Record<string, string>) {
    return this.ask(eventsSchema, 'GET /api/v1/usage/events', { query: { organization_id: ours, ...query } });
  }

  /** What retention does: the broker drops whole records below an offset. */
  async dropBelow(offset: number): Promise<void> {
    const { bootstrapServers, topic } = this.pipeline.topic;
    const admin = new Kafka({ brokers: bootstrapServers.split(','), logLevel: logLevel.NOTHING }).admin();
    await admin.connect();
    try {
      // Loads the topic's metadata, which the next call wants.
      await admin.fetchTopicOffsets(topic);
      await admin.deleteTopicRecords({ topic, partitions: [{ partition, offset: String(offset) }] });
    } finally {
      await admin.disconnect();
    }
  }

  asSuperuser(sql: string): Promise<unknown> {
    return oneStatement(this.pipeline.shards.superuserUrls[shard] ?? '', sql);
  }

  async close(): Promise<void> {
    await Promise.all(this.#pools.map((pool) => pool.end()));
    await this.pipeline.close();
  }

  async #read(asked: readonly LogRead[]) {
    if (this.logFails) throw new OdometerError('log_unavailable', 'down', { retryable: true });
    this.reads.push(...asked);
    return this.pipeline.log.read(asked);
  }
}
