/**
 * CPU of ingest alone per event: one process, no HTTP, no Kafka; an acknowledging log in memory.
 * Run: node test/bench/ingest-micro.ts [rounds]
 */
import { randomUUID } from 'node:crypto';
import { build } from '../../functions/ingest/handler.ts';
import { noMetrics } from '../../shared/runtime/metrics.ts';
import { systemClock } from '../../shared/runtime/process/system-clock.ts';
import { batchEvent, lambdaContext, usageBody } from '../harness/builders/handlers.ts';
import { FakeLog } from '../harness/fakes/log.ts';
import { FakeLogger } from '../harness/fakes/logger.ts';

const rounds = Number(process.argv[2] ?? 400);
const requestsAtOnce = 8;
const batchEvents = 500;

async function measure(name: string, fieldsOf: (i: number) => Record<string, unknown>): Promise<void> {
  const config = {
    receiptKey: Buffer.alloc(32, 8),
    encryptionKey: Buffer.alloc(32, 7),
    lingerMs: 5,
    envelopeVersion: 2 as const,
  };
  const log = new FakeLog();
  const handle = build(config, { log, clock: systemClock, logger: new FakeLogger(), metrics: noMetrics });
  const timestamp = new Date().toISOString();
  const requests = Array.from({ length: requestsAtOnce }, () =>
    batchEvent(
      Array.from({ length: batchEvents }, (_, i) =>
        usageBody({
          organization_id: `org_${i % 200}`,
          idempotency_key: randomUUID(),
          timestamp,
          ...fieldsOf(i),
        }),
      ),
    ),
  );
  const round = async (): Promise<void> => {
    const results = await Promise.all(requests.map((request) => handle(request, lambdaContext())));
    if (results.some(({ statusCode }) => statusCode !== 202)) throw new Error(results[0]?.body);
    log.clear();
  };
  for (let i = 0; i < rounds / 4; i++) await round();
  const before = process.cpuUsage();
  for (let i = 0; i < rounds; i++) await round();
  const { user, system } = process.cpuUsage(before);
  const microseconds = (user + system) / (rounds * requestsAtOnce * batchEvents);
  process.stdout.write(`${name}: ${microseconds.toFixed(2)} CPU-us per event\n`);
}

const only = process.argv[3] ?? '';
if ('plain'.includes(only)) await measure('plain', (i) => ({ quantity: i + 1 }));
if ('exact'.includes(only)) await measure('exact', (i) => ({ quantity: i + 0.1234567890123457 }));
if ('three properties'.includes(only))
  await measure('three properties', (i) => ({
    quantity: i + 1,
    properties: { region: 'eu', status: 200, cached: false },
  }));
