/** Requests of a history through the use case of ingest as it is shipped, and what their answers must say. */
import { randomBytes } from 'node:crypto';
import { type AcceptOutcome, acceptEvents } from '../../functions/ingest/accept-events.ts';
import { GroupCommit } from '../../functions/ingest/group-commit.ts';
import { PropertySealer } from '../../functions/ingest/seal-properties.ts';
import { type Caller, scopes } from '../../shared/callers/caller.ts';
import { dayMs } from '../../shared/limits.ts';
import type { EventLogWriter } from '../../shared/log/event-log.ts';
import type { Clock } from '../../shared/runtime/clock.ts';
import type { Model } from './model.ts';
import { simulatedDay } from './process.ts';
import type { SentEvent } from './script.ts';

export const caller: Caller = {
  id: 'sim',
  scopes: new Set(scopes),
  organizations: 'all',
  keysRequired: false,
};
export const logPartitions = 5;
const sealer = new PropertySealer(Buffer.alloc(32, 2), Buffer.alloc(16));
const waitMs = 3000;

/** One process of ingest. */
export interface Sender {
  readonly clock: Clock;
  readonly commit: GroupCommit;
}

export function senderOf(
  number: number,
  ports: { readonly log: EventLogWriter; readonly clock: Clock },
): Sender {
  const commit = new GroupCommit({
    ...ports,
    sealer,
    producerId: Buffer.alloc(16, number),
    partitions: logPartitions,
    generation: 1,
    receipts: { seal: (place) => JSON.stringify(place) },
    lingerMs: 5,
    envelopeVersion: 2,
  });
  return { clock: ports.clock, commit };
}

export function sendRequest({ clock, commit }: Sender, events: readonly SentEvent[]): Promise<AcceptOutcome> {
  const items = events.map(({ organization, key, daysAgo, thousandths }, index) => ({
    index,
    organization,
    metric: 'calls',
    quantity: decimalOf(thousandths),
    idempotencyKey: `key-${key}`,
    eventTimeMs: daysAgo === null ? null : (simulatedDay - daysAgo) * dayMs + 3_600_000 * (key % 5),
    // By the key, so that every copy of an event has the same; a third of the keys has none.
    dimensions: key % 3 === 0 ? '' : `{"n":"${key % 4}"}`,
    properties: null,
  }));
  return acceptEvents(
    {
      clock,
      commit: (accepted, deadlineMs) => commit.submit(accepted, deadlineMs),
      makeKey: () => randomBytes(4).toString('hex'),
      digestProperties: (text) => text,
      carriesDimensions: true,
    },
    { caller, items, keyPrefix: null, atomic: false, waitMs, onMade: () => undefined },
  );
}

/** Hands the model what an answer promises; `nowMs` is when the client got it. */
export function judgeAnswer(
  model: Model,
  outcome: AcceptOutcome,
  { events, nowMs }: { readonly events: readonly SentEvent[]; readonly nowMs: number },
): void {
  if (outcome.kind === 'rejected')
    model.fail(`a good request is refused: ${JSON.stringify(outcome.rejected)}`);
  if (outcome.kind !== 'accepted') return;
  if (
    outcome.accepted !== events.length ||
    outcome.receipts.flatMap(({ indexes }) => indexes).length !== events.length
  ) {
    model.fail('an accepted request has other receipts than events');
  }
  for (const { receipt } of outcome.receipts) model.acknowledged(JSON.parse(receipt), nowMs);
}

function decimalOf(thousandths: number): string {
  const fraction = `${thousandths % 1000}`.padStart(3, '0').replace(/0+$/, '');
  const whole = Math.floor(thousandths / 1000);
  return fraction === '' ? `${whole}` : `${whole}.${fraction}`;
}
