/** Clients that people have already, unchanged: of OpenMeter and CloudEvents for Node and Python, of OpenTelemetry for Node. */
import { join } from 'node:path';
import { OpenMeter } from '@openmeter/sdk';
import { OTLPMetricExporter as JsonExporter } from '@opentelemetry/exporter-metrics-otlp-http';
import { OTLPMetricExporter as ProtobufExporter } from '@opentelemetry/exporter-metrics-otlp-proto';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { MeterProvider, PeriodicExportingMetricReader } from '@opentelemetry/sdk-metrics';
import { CloudEvent, emitterFor, Mode } from 'cloudevents';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { type Client, createClient } from '../../client/client.ts';
import { runCommand } from '../../localstack/servers/command.ts';
import { loadSecrets } from '../../localstack/servers/secrets.ts';
import { venvPython } from '../../localstack/servers/venv.ts';
import { twinSettings } from '../../localstack/settings.ts';
import { issueToken } from '../../localstack/token-issuer.ts';
import { startTwin, type Twin } from '../harness/twin/twin.ts';

/** OpenMeter's own requirement decides which version of cloudevents it is. */
const packages = ['openmeter==1.0.0b236', 'cloudevents==1.13.0'];
const countedMs = 30_000;

let twin: Twin;
let url: string;
let token: string;
let client: Client;

beforeAll(async () => {
  twin = await startTwin({ environment: { ODOMETER_AUTH: 'required' } });
  url = `http://localhost:${twin.port}`;
  const request = { caller: 'test', scope: 'ingest read', organizations: '*', hours: 1 } as const;
  token = await issueToken(loadSecrets(twin.dataDir)['jwt-secret'], request);
  client = createClient({ url, token });
});
afterAll(async () => {
  await client?.close();
  await twin?.stop();
});

/** What is counted of today, once everything accepted before now is in it. */
async function counted(organization: string) {
  const { metrics } = await client.waitUntilComplete(organization, Date.now(), { timeoutMs: countedMs });
  return metrics;
}

it('U2: the SDK of OpenMeter for Node', async () => {
  const openmeter = new OpenMeter({ baseUrl: url, apiKey: token });
  const event = {
    id: 'node-1',
    source: 'test',
    type: 'tokens',
    subject: 'node-openmeter',
    data: { value: '1.5' },
  };
  await openmeter.events.ingest(event);
  await openmeter.events.ingest(event);
  await openmeter.events.ingest([
    { ...event, id: 'node-2' },
    { type: 'tokens', subject: 'node-openmeter', data: { value: 4 } },
  ]);
  expect(await counted('node-openmeter')).toEqual([
    { metric_name: 'tokens', total_quantity: '7', event_count: 3 },
  ]);
  const refused = openmeter.events.ingest({ ...event, data: {} });
  await expect(refused).rejects.toThrow(/no_event_accepted|No event of the request is valid/);
});

it.each([
  ['structured', Mode.STRUCTURED],
  ['binary', Mode.BINARY],
])('the SDK of CloudEvents for Node, %s', async (name, mode) => {
  const subject = `node-cloudevents-${name}`;
  const headers = { authorization: `Bearer ${token}` };
  const statuses: number[] = [];
  const emit = emitterFor(
    async (message) => {
      // What the binding makes for HTTP: fields of text, and a body of text.
      const fields = { ...headers, ...message.headers } as unknown as Record<string, string>;
      const answer = await fetch(`${url}/api/v1/events`, {
        method: 'POST',
        headers: fields,
        body: message.body as string,
      });
      statuses.push(answer.status);
    },
    { mode },
  );
  for (const id of ['1', '2', '2'])
    await emit(new CloudEvent({ id, source: '/node', type: 'tokens', subject, data: { value: 2 } }));
  expect(statuses).toEqual([204, 204, 204]);
  expect(await counted(subject)).toEqual([{ metric_name: 'tokens', total_quantity: '4', event_count: 2 }]);
});

it.each([
  ['json', JsonExporter],
  ['protobuf', ProtobufExporter],
])('U2, U13: the exporter of OpenTelemetry for Node, %s', async (name, Exporter) => {
  vi.stubEnv('OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE', 'delta');
  const exporter = new Exporter({
    url: `${url}/v1/metrics`,
    headers: { authorization: `Bearer ${token}` },
  });
  const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 3_600_000 });
  const resource = resourceFromAttributes({ 'organization.id': `otlp-${name}` });
  const provider = new MeterProvider({ resource, readers: [reader] });
  const counter = provider.getMeter('app').createCounter('cost');
  for (let round = 0; round < 3; round++) {
    counter.add(0.1, { model: 'm' });
    await provider.forceFlush();
  }
  await provider.shutdown();
  vi.unstubAllEnvs();
  const exact = { metric_name: 'cost', total_quantity: '0.3', event_count: 3 };
  expect(await counted(`otlp-${name}`)).toEqual([exact]);
});

it('U2: the SDKs of OpenMeter and CloudEvents for Python', async () => {
  const { cacheDir } = twinSettings();
  const python = await venvPython({ name: 'openmeter-1.0.0b236', packages, cacheDir, log: () => undefined });
  const sent = await runCommand(python, [join(import.meta.dirname, 'standard_clients.py'), url, token]);
  expect(sent, sent.output).toMatchObject({ ok: true });
  expect(await counted('python-openmeter')).toEqual([
    { metric_name: 'tokens', total_quantity: '4.5', event_count: 3 },
  ]);
  expect(await counted('python-cloudevents')).toEqual([
    { metric_name: 'tokens', total_quantity: '6', event_count: 3 },
  ]);
});
