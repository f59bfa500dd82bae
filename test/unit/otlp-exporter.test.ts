/** The official exporters of OpenTelemetry for Node over a socket; one variable is set, and nothing else. */
import type { AddressInfo } from 'node:net';
import { OTLPMetricExporter as JsonExporter } from '@opentelemetry/exporter-metrics-otlp-http';
import { OTLPMetricExporter as ProtobufExporter } from '@opentelemetry/exporter-metrics-otlp-proto';
import { resourceFromAttributes } from '@opentelemetry/resources';
import {
  MeterProvider,
  PeriodicExportingMetricReader,
  type PushMetricExporter,
} from '@opentelemetry/sdk-metrics';
import { afterEach, expect, it, vi } from 'vitest';
import { build } from '../../functions/ingest/handler.ts';
import { createHttpServer } from '../../localstack/runtime/http-server.ts';
import type { Handler } from '../../localstack/runtime/load-handler.ts';
import { decodeEnvelope, eventsOf as eventsIn } from '../../shared/log/envelope.ts';
import { noMetrics } from '../../shared/runtime/metrics.ts';
import { systemClock } from '../../shared/runtime/process/system-clock.ts';
import { FakeLog } from '../harness/fakes/log.ts';
import { FakeLogger } from '../harness/fakes/logger.ts';

const settings = {
  generation: 1,
  encryptionKey: Buffer.alloc(32, 1),
  lingerMs: 0,
  envelopeVersion: 2 as const,
};
const preference = 'OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE';
/** Deadlines are of no interest here, and their timers would outlive the test. */
const clock = { ...systemClock, sleep: () => new Promise<void>(() => {}) };
const closing: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  vi.unstubAllEnvs();
  for (const close of closing.splice(0).toReversed()) await close();
});

interface Served {
  readonly url: string;
  readonly log: FakeLog;
  readonly answers: readonly unknown[];
}

/** Ingest behind the twin's server; the first `lost` answers are lost after the events are stored. */
async function serve(lost = 0): Promise<Served> {
  const log = new FakeLog();
  const ports = { log, clock, logger: new FakeLogger(), metrics: noMetrics };
  const ingest: unknown = build(settings, ports);
  const answers: unknown[] = [];
  const handler: Handler = async (event, context) => {
    // The twin hands the handler events as API Gateway makes them.
    const answer = await (ingest as Handler)(event, context);
    answers.push(answer);
    return answers.length <= lost ? { statusCode: 503, headers: { 'retry-after': '0' } } : answer;
  };
  const server = createHttpServer({ handlers: new Map([['ingest', handler]]), logger: new FakeLogger() });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closing.push(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  // A server that listens on TCP has such an address.
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1/metrics`, log, answers };
}

function eventsOf(log: FakeLog) {
  return log.appends.flatMap(({ records }) =>
    records.flatMap(({ partition, value }) => {
      const decoded = decodeEnvelope(value, partition);
      return decoded.kind === 'envelope' ? eventsIn(decoded.envelope) : [];
    }),
  );
}

function meterOf(exporter: PushMetricExporter): MeterProvider {
  const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 3_600_000 });
  const resource = resourceFromAttributes({ 'organization.id': 'org_1', 'service.name': 'gateway' });
  const provider = new MeterProvider({ resource, readers: [reader] });
  closing.push(() => provider.shutdown().catch(() => undefined));
  return provider;
}

it.each([
  ['JSON', JsonExporter],
  ['protobuf', ProtobufExporter],
])(
  'U2, U13: %s: counters are counted, the rest is named, and a retry is the same event',
  async (_, Exporter) => {
    vi.stubEnv(preference, 'delta');
    const { url, log, answers } = await serve(1);
    const provider = meterOf(new Exporter({ url }));
    const meter = provider.getMeter('app', '1.0');
    meter.createCounter('calls').add(2 ** 53 - 1, { route: '/a' });
    meter.createCounter('cost').add(0.1, { model: 'm' });
    meter.createHistogram('latency').record(5);
    meter.createGauge('queue').record(3);
    meter.createUpDownCounter('open').add(1);
    await provider.forceFlush();
    const events = eventsOf(log);
    const quantities = events.map(
      ({ metric, quantity, organization }) => `${organization} ${metric} ${quantity}`,
    );
    const once = ['org_1 calls 9007199254740991', 'org_1 cost 0.1'];
    expect(quantities.toSorted()).toEqual([once[0], ...once, once[1]]);
    expect(new Set(events.map(({ idempotencyKey }) => idempotencyKey)).size).toBe(2);
    expect(new Set(events.map(({ fingerprint }) => fingerprint.toString())).size).toBe(2);
    expect(answers).toHaveLength(2);
    expect(answers[1]).toMatchObject({ statusCode: 200 });
    meter.createCounter('calls').add(5, { route: '/a' });
    await provider.forceFlush();
    expect(eventsOf(log).filter(({ quantity }) => quantity === '5')).toHaveLength(1);
  },
);

it('without the variable every counter is refused with a sentence that names it', async () => {
  const { url, log, answers } = await serve();
  const provider = meterOf(new JsonExporter({ url }));
  provider.getMeter('app').createCounter('calls').add(1);
  await provider.forceFlush();
  expect(eventsOf(log)).toEqual([]);
  expect(answers).toMatchObject([{ statusCode: 200, body: expect.stringContaining(`${preference}=delta`) }]);
});
