/** What the shard says of a place, by what the log says of it: every cell is decided. */
import { describe, expect, it } from 'vitest';
import { type Fate, findFates } from '../../functions/query/find-fates.ts';
import type { Caller } from '../../shared/callers/caller.ts';
import { OdometerError } from '../../shared/errors.ts';
import { dayOf } from '../../shared/events/calendar.ts';
import { keyHash } from '../../shared/events/identity.ts';
import type { CountedEvent, PlaceState } from '../../shared/ledger/event-lookup.ts';
import type { LogRecord } from '../../shared/log/event-log.ts';
import { Receipts } from '../../shared/log/receipt.ts';
import { envelope, noonMs, sealedEvent } from '../harness/builders/records.ts';

const receipts = new Receipts(Buffer.alloc(32, 3));
const organization = 'org_1';
const partition = 3;
const offset = 10;
const createdAtMs = noonMs;
const commit = { hash: 'c'.repeat(64), committedAtMs: noonMs + 1000 };
const logged = sealedEvent({ organization });
const place = { partition, offset, createdAtMs, organization, firstIndex: 0, count: 1 };
const receipt = `${receipts.seal(place)}.0`;
const unmarked = `${receipts.seal({ ...place, organization: null })}.0`;
const everybody: Caller = {
  ...{ id: 'a', scopes: new Set(['read'] as const), keysRequired: false },
  organizations: 'all',
};
const only = (...organizations: readonly string[]): Caller => {
  return { ...everybody, organizations: new Set(organizations) };
};

const notHere: Extract<PlaceState, { kind: 'not_here' }> = {
  kind: 'not_here',
  commit,
  ofPresentLog: true,
  daysClosed: false,
  closedBefore: null,
};
const first: CountedEvent = {
  ...{ keyHash: keyHash(organization, 'key-1'), fingerprint: logged.fingerprint, organization },
  ...{ metric: 'api_calls', quantity: '1', idempotencyKey: 'key-1', eventTimeMs: noonMs, undated: false },
  ...{
    dimensions: '',
    sealed: false,
    day: dayOf(noonMs),
    partition,
    offset: 5,
    index: 0,
    createdAtMs: noonMs - 5,
  },
  commit: { hash: 'f'.repeat(64), committedAtMs: noonMs + 500 },
};
const conflict: Extract<PlaceState, { kind: 'conflict' }> = {
  kind: 'conflict',
  ...{ commit, organization, keyHash: first.keyHash, firstDay: first.day, ofPresentLog: true },
};
const states: Readonly<Record<string, PlaceState>> = {
  uncommitted: { kind: 'uncommitted' },
  skipped: { kind: 'skipped', commit },
  counted: { kind: 'counted', commit, organization },
  conflict,
  'conflict, of another log': { ...conflict, ofPresentLog: false },
  quarantined: { kind: 'quarantined', commit, code: 'foreign_magic', bytes: null },
  'not here': notHere,
  'not here, of another log': { ...notHere, ofPresentLog: false },
  'not here, days closed': { ...notHere, daysClosed: true, closedBefore: dayOf(noonMs) + 1 },
  'not here, another day closed': { ...notHere, daysClosed: true, closedBefore: dayOf(noonMs) },
};

type Log = 'the event' | 'another record' | 'foreign bytes' | 'not yet' | 'removed' | 'no answer';
const logs: readonly Log[] = [
  'the event',
  'another record',
  'foreign bytes',
  'not yet',
  'removed',
  'no answer',
];

function logOf(log: Log) {
  const fails = new OdometerError('log_unavailable', 'down', { retryable: true });
  const value =
    log === 'foreign bytes'
      ? Buffer.from('not ours')
      : envelope([logged], { partition, createdAtMs: log === 'the event' ? createdAtMs : createdAtMs + 1 });
  const holds = log === 'the event' || log === 'another record' || log === 'foreign bytes';
  const records: readonly LogRecord[] = holds ? [{ offset, value }] : [];
  const start = log === 'removed' ? offset + 1 : 0;
  const bounds = new Map([[partition, { start, end: log === 'not yet' ? offset : offset + 1 }]]);
  return {
    read: () =>
      log === 'no answer' ? Promise.reject(fails) : Promise.resolve(new Map([[partition, records]])),
    bounds: () => (log === 'no answer' ? Promise.reject(fails) : Promise.resolve(bounds)),
  };
}

async function fateOf(state: PlaceState, log: Log, { caller = everybody, text = receipt } = {}) {
  const lookup = { placesOf: async () => [state], countedByKeys: async () => [first] };
  const [found = null] = await findFates({ receipts, lookup, log: logOf(log) }, caller, [text]);
  return found;
}

const always = (fate: Fate['kind']) => logs.map(() => fate);
/** In the order of `logs`. */
const table: Readonly<Record<keyof typeof states, readonly Fate['kind'][]>> = {
  uncommitted: ['in_flight', 'lost', 'lost', 'in_flight', 'lost', 'undetermined'],
  skipped: always('skipped'),
  counted: always('counted'),
  conflict: ['conflict', 'lost', 'lost', 'conflict', 'conflict', 'conflict'],
  'conflict, of another log': always('conflict'),
  quarantined: always('quarantined'),
  'not here': ['duplicate', 'lost', 'lost', 'not_counted', 'not_counted', 'undetermined'],
  'not here, of another log': [
    ...(['duplicate', 'not_counted', 'not_counted', 'not_counted', 'not_counted', 'undetermined'] as const),
  ],
  'not here, days closed': always('closed'),
  'not here, another day closed': ['duplicate', ...always('closed').slice(1)],
};

describe.each(Object.entries(states))('%s', (name, state) => {
  it.each(logs.map((log, i) => [log, table[name]?.[i]] as const))(
    'and in the log %s: %s',
    async (log, kind) => {
      expect((await fateOf(state, log))?.fate.kind).toBe(kind);
    },
  );

  it('U10: is unknown for a caller of other organizations, whatever the log says', async () => {
    for (const log of logs)
      for (const text of [receipt, unmarked])
        expect(await fateOf(state, log, { caller: only('org_2'), text })).toBeNull();
  });

  it('has its organization by the mark of the receipt, whatever the log says', async () => {
    for (const log of logs) {
      const found = await fateOf(state, log, { caller: only('org_2', organization) });
      expect(found?.organization).toBe(organization);
    }
  });
});

it('a duplicate names the event that was counted before it, and nothing that was counted later', async () => {
  expect((await fateOf(notHere, 'the event'))?.fate).toEqual({ kind: 'duplicate', commit, first });
  const later = { ...first, commit: { ...first.commit, committedAtMs: commit.committedAtMs + 1 } };
  const lookup = { placesOf: async () => [notHere], countedByKeys: async () => [later] };
  const [found] = await findFates({ receipts, lookup, log: logOf('the event') }, everybody, [receipt]);
  expect(found?.fate).toEqual({ kind: 'duplicate', commit, first: null });
});

it('what is kept aside of another organization than the receipt is marked with is another event', async () => {
  const state: PlaceState = { ...conflict, organization: 'org_2' };
  expect((await fateOf(state, 'removed', { caller: only(organization) }))?.fate.kind).toBe('lost');
  expect((await fateOf(state, 'removed'))?.fate.kind).toBe('lost');
});
