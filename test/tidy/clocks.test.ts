/** A span is measured by the monotonic clock: whoever reads the wall clock stands in this table, with the reason. */
import { expect, it } from 'vitest';
import { readRepository } from './repository.ts';

/** How often a file reads the wall clock, and why each of these reads is a stamp, a date or the end of a token. */
const wallClockReads: Readonly<Record<string, readonly [reads: number, because: string]>> = {
  'client/client.ts': [
    3,
    'stamps events without a timestamp, names today, and compares Retry-After where it is a date',
  ],
  'functions/authorizer/api-key-uses.ts': [1, 'the date of a use'],
  'functions/authorizer/check-api-key.ts': [1, 'an API key ends at a date'],
  'functions/authorizer/verified-tokens.ts': [1, 'a token ends at a date'],
  'functions/flusher/report-shard.ts': [1, 'the age of a record since the stamp of another process'],
  'functions/ingest/accept-events.ts': [
    1,
    'the window of accepted timestamps, and the stamp of undated events',
  ],
  'functions/ingest/group-commit.ts': [1, 'the stamp of an envelope'],
  'functions/keys/create-key.ts': [1, 'the dates of a key'],
  'functions/keys/every-shard.ts': [1, 'the date of a revocation'],
  'functions/keys/handler.ts': [1, 'whether a key has ended by now'],
  'functions/keys/list-keys.ts': [1, 'whether a key has ended by now'],
  'functions/keys/revoke-key.ts': [1, 'the date of a revocation'],
  'functions/keys/rotate-key.ts': [1, 'the dates of a key'],
  'functions/metrics/measure-pipeline.ts': [
    2,
    'the stamp of the answer, and the age of a record as in report-shard',
  ],
  'infra/evidence/keep-heads.ts': [1, 'the day that an object is named after'],
  'localstack/import.ts': [
    2,
    'an instant that the server compares with the stamps of records, and whether the period of a row has ended',
  ],
  'localstack/importing/dry-run.ts': [1, 'the time in the event of a request'],
  'localstack/runtime/http-server.ts': [1, 'the time in the event of a request'],
  'localstack/screen.ts': [1, 'today'],
  'shared/callers/jwt/token-verifier.ts': [1, 'the times in a token are dates'],
  'shared/log/kafka/kafkajs.ts': [
    1,
    "kafkajs measures by the wall clock; this is compared with kafkajs's own figure",
  ],
  'shared/runtime/process/system-clock.ts': [1, 'where the wall clock comes from'],
};

const wallClock = /\bDate\.now\b|\bnew Date\(\)|\b(?!performance\b)\w+\.now\b/g;

it('no file reads the wall clock but for stamps, dates and the end of tokens', () => {
  const files = readRepository().filter(
    ({ path }) =>
      /^(?:client|functions|infra|localstack|migrations|shared)\/.*\.m?ts$/.test(path) ||
      path === 'odometer.ts',
  );
  const reads = files
    .map(({ path, text }) => [path, readsIn(text)] as const)
    .filter(([, count]) => count > 0);
  const allowed = Object.entries(wallClockReads).map(([path, [count]]) => [path, count] as const);
  expect(new Map(reads)).toEqual(new Map(allowed));
});

it('the rule sees what it forbids', () => {
  expect(readsIn('const end = clock.now() + waitMs; if (Date.now() > end) return new Date();')).toBe(3);
  expect(readsIn('const read = systemClock.now;')).toBe(1);
  expect(readsIn('// Date.now() is not read\nperformance.now(); clock.monotonic(); new Date(atMs);')).toBe(0);
});

/** Code, not comments. */
function readsIn(text: string): number {
  return text.replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, '').match(wallClock)?.length ?? 0;
}
