/** What an import would do: the events meet the rules of ingest itself, over a log that keeps nothing. */
import { randomBytes } from 'node:crypto';
import type { BatchResult, ClientEvent } from '../../client/bodies.ts';
import { type ProblemBody, RequestFailed, rejectedFrom } from '../../client/request-failed.ts';
import { build } from '../../functions/ingest/handler.ts';
import { canonicalDecimal, DecimalSum } from '../../shared/events/decimal.ts';
import type { HttpEvent } from '../../shared/http/stack.ts';
import { dayMs } from '../../shared/limits.ts';
import type { EventLogWriter } from '../../shared/log/event-log.ts';
import type { Logger } from '../../shared/runtime/logger.ts';
import { noMetrics } from '../../shared/runtime/metrics.ts';
import { systemClock } from '../../shared/runtime/process/system-clock.ts';
import { toGatewayEvent } from '../runtime/gateway-event.ts';
import { createContext } from '../runtime/lambda-context.ts';
import { matchRoute } from '../runtime/route-table.ts';

/** What a dry run has seen of the events that would be accepted. */
export interface DryRunReport {
  /** The first ones, as they would be sent. */
  readonly first: readonly ClientEvent[];
  /** By metric; for the first metrics of the file, if it has very many. */
  readonly totals: Readonly<Record<string, { readonly count: number; readonly total: string }>>;
}

const firstEvents = 5;
/** As many as a screen shows. */
const metricsMax = 1000;
const keyBytes = 32;
/** No event is read by anybody, so nothing but the length matters. */
const path = '/api/v1/usage/events/batch';
/** May do everything: what another caller may not is for the server to say. */
const caller = { callerId: 'dry-run', scopes: 'ingest backfill', organizations: '*', keysRequired: 'false' };

const keptNowhere: EventLogWriter = {
  laneOf: () => 0,
  append: async (records) => records.map(({ partition }) => ({ partition, offset: 0 })),
  close: async () => undefined,
};
const silent: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};

export interface DryRun {
  /** In the place of the client's. */
  sendBatch(events: readonly ClientEvent[]): Promise<BatchResult>;
  report(): DryRunReport;
}

export function createDryRun(): DryRun {
  const settings = {
    encryptionKey: randomBytes(keyBytes),
    receiptKey: randomBytes(keyBytes),
    lingerMs: 0,
    envelopeVersion: 2 as const,
  };
  const handler = build(settings, {
    log: keptNowhere,
    clock: systemClock,
    logger: silent,
    metrics: noMetrics,
  });
  const first: ClientEvent[] = [];
  const totals = new Map<string, { count: number; readonly sum: DecimalSum }>();
  const add = (event: ClientEvent): void => {
    if (first.length < firstEvents) first.push(event);
    const total = totals.get(event.metric_name) ?? { count: 0, sum: new DecimalSum() };
    if (totals.size < metricsMax) totals.set(event.metric_name, total);
    total.count++;
    total.sum.add(quantityOf(event));
  };
  return {
    async sendBatch(events) {
      const result = await handler(
        // With an authorizer, because there is a caller.
        requestOf(events) as HttpEvent,
        createContext('ingest', () => performance.now() + dayMs),
      );
      // What ingest answers; the contract tests hold it to that.
      const body = JSON.parse(result.body ?? '') as BatchResult & ProblemBody;
      const rejected = body.rejected ?? rejectedFrom(new RequestFailed('', { problem: body }), events.length);
      if (rejected === null) throw new RequestFailed(body.detail ?? body.title ?? 'The batch was refused.');
      const indexes = new Set(rejected.map(({ index }) => index));
      for (const [index, event] of events.entries()) if (!indexes.has(index)) add(event);
      return { accepted: events.length - indexes.size, rejected, receipts: [] };
    },
    report: () => ({
      first,
      totals: Object.fromEntries(
        [...totals].map(([metric, { count, sum }]) => [metric, { count, total: sum.toString() }]),
      ),
    }),
  };
}

function requestOf(events: readonly ClientEvent[]) {
  const route = matchRoute('POST', path);
  if (route.kind !== 'found') throw new Error('the batch has no route');
  const request = {
    method: 'POST',
    url: path,
    headers: { 'content-type': 'application/json' },
    protocol: 'HTTP/1.1',
    sourceIp: '127.0.0.1',
    body: Buffer.from(JSON.stringify({ events })),
    nowMs: Date.now(),
  };
  return toGatewayEvent(request, route.route, caller);
}

/** A number of a file is written with every digit, as the request has it. */
function quantityOf({ quantity }: ClientEvent): string {
  const text = typeof quantity === 'string' ? quantity : JSON.stringify(quantity);
  const decimal = canonicalDecimal(text);
  return decimal.ok ? decimal.text : '0';
}

export function dryRunLines({ first, totals }: DryRunReport): readonly string[] {
  const events = first.map((event) => `  ${JSON.stringify(event)}`);
  const sums = Object.entries(totals).map(
    ([metric, { count, total }]) => `  ${metric}: ${total} in ${count} events`,
  );
  return [
    'nothing was sent; the first events are',
    ...events,
    'totals of each metric, repeated keys included',
    ...sums,
  ];
}
