/** The HTTP edge on a free port over a log in memory: for tests of the client and the importer. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { build as buildIngest } from '../../../functions/ingest/handler.ts';
import { build as buildQuery } from '../../../functions/query/handler.ts';
import { routes } from '../../../shared/contracts/routes.ts';
import { DecimalSum } from '../../../shared/events/decimal.ts';
import { keyHash } from '../../../shared/events/identity.ts';
import type { HttpHandler } from '../../../shared/http/stack.ts';
import type { SummaryReader } from '../../../shared/ledger/summary.ts';
import { dayMs } from '../../../shared/limits.ts';
import { decodeEnvelope, eventsOf } from '../../../shared/log/envelope.ts';
import { noMetrics } from '../../../shared/runtime/metrics.ts';
import { systemClock } from '../../../shared/runtime/process/system-clock.ts';
import { httpEvent, lambdaContext } from '../builders/handlers.ts';
import { noEvents } from '../fakes/event-ports.ts';
import { FakeLog } from '../fakes/log.ts';
import { FakeLogger } from '../fakes/logger.ts';

/** What a test may do to a request before the handlers see it; null lets it pass. */
type Interference = (request: IncomingMessage, body: string) => 'destroy' | Interfered | null;

interface Interfered {
  readonly statusCode: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

export interface EdgeServer {
  readonly url: string;
  readonly log: FakeLog;
  readonly bodies: string[];
  /** Each request of the rest of the test meets this first. */
  interfere: Interference;
  close(): Promise<void>;
}

export async function startEdgeServer(): Promise<EdgeServer> {
  const log = new FakeLog();
  const ports = { log, clock: systemClock, logger: new FakeLogger(), metrics: noMetrics };
  const config = {
    bootstrapServers: '',
    topic: 'test',
    partitions: 20,
    receiptKey: Buffer.alloc(32, 3),
    encryptionKey: Buffer.alloc(32, 1),
    lingerMs: 1,
    envelopeVersion: 2 as const,
  };
  const handlers: Record<string, HttpHandler> = {
    ingest: buildIngest(config, ports),
    query: buildQuery({
      summaries: { summarize: async (request) => summarize(log, request), ping: async () => {} },
      events: noEvents,
      log: { bounds: async () => new Map() },
      segments: { assertNothingEvicted: async () => {} },
      clock: ports.clock,
      logger: ports.logger,
    }),
  };
  const edge: EdgeServer = { url: '', log, bodies: [], interfere: () => null, close: async () => {} };
  const server = createServer((request, response) => {
    void serve(edge, handlers, request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  return Object.assign(edge, {
    url: `http://127.0.0.1:${port}`,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  });
}

async function serve(
  edge: EdgeServer,
  handlers: Readonly<Record<string, HttpHandler>>,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const body = Buffer.concat(await Array.fromAsync<Buffer>(request)).toString('utf8');
  const interfered = edge.interfere(request, body);
  if (interfered === 'destroy') {
    request.socket.destroy();
    return;
  }
  if (interfered !== null) {
    response.writeHead(interfered.statusCode, interfered.headers).end(interfered.body ?? '');
    return;
  }
  edge.bodies.push(body);
  const url = new URL(request.url ?? '/', 'http://test');
  const route = routes.find(({ path }) => url.pathname.startsWith(path.replace('{organization}', '')));
  const handle = handlers[route?.function ?? 'query'];
  if (handle === undefined) throw new Error('there is no such function');
  const routeKey = url.pathname.endsWith('/batch')
    ? 'POST /api/v1/usage/events/batch'
    : `${request.method} ${route?.path}`;
  const event = httpEvent({
    routeKey,
    body,
    pathParameters: { organization: decodeURIComponent(url.pathname.split('/').at(-1) ?? '') },
    query: Object.fromEntries(url.searchParams),
  });
  const result = await handle(event, lambdaContext());
  response
    .writeHead(result.statusCode ?? 200, { ...result.headers } as Record<string, string>)
    .end(result.body);
}

/** Totals of the log in memory: the first event of each key counts. */
async function summarize(
  log: FakeLog,
  request: Parameters<SummaryReader['summarize']>[0],
): ReturnType<SummaryReader['summarize']> {
  const totals = new Map<string, { sum: DecimalSum; count: number }>();
  const seen = new Set<string>();
  for (const { partition, value } of log.appends.flatMap(({ records }) => records)) {
    const decoded = decodeEnvelope(value, partition);
    if (decoded.kind !== 'envelope') throw new Error('ingest wrote what cannot be read');
    for (const event of eventsOf(decoded.envelope)) {
      const day = Math.floor(event.eventTimeMs / dayMs);
      const identity = `${keyHash(event.organization, event.idempotencyKey)}:${day}`;
      if (event.organization !== request.organization || day < request.startDay || day > request.endDay)
        continue;
      if (seen.has(identity)) continue;
      seen.add(identity);
      const total = totals.get(event.metric) ?? { sum: new DecimalSum(), count: 0 };
      total.sum.add(event.quantity);
      total.count++;
      totals.set(event.metric, total);
    }
  }
  const metrics = [...totals].map(([metric, { sum, count }]) => ({
    metric,
    totalQuantity: sum.toString(),
    eventCount: count,
  }));
  const now = Date.now();
  const freshness = { observedAtMs: now, completeThroughMs: now, inFlight: false, complete: true } as const;
  return { metrics, freshness };
}
