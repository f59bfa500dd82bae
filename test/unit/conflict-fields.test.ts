import { expect, it } from 'vitest';
import { conflictFields } from '../../functions/query/conflict-fields.ts';
import { fingerprintOf } from '../../shared/events/identity.ts';
import type { CountedEvent } from '../../shared/ledger/event-lookup.ts';

const content = {
  ...{ organization: 'org_1', metric: 'calls', quantity: '1', idempotencyKey: 'k' },
  ...{ eventTimeMs: 1_000, undated: false, dimensions: '' },
};

/** An event with these differences, as the log holds it and as it was counted; `digest` is that of its properties. */
function eventWith(different: Partial<typeof content>, digest: string | null = null) {
  const event = { ...content, ...different };
  const fingerprint = fingerprintOf({ ...event, propertiesDigest: digest });
  const place = { partition: 0, offset: 0, index: 0, day: 0, createdAtMs: 0, keyHash: '' };
  const commit = { hash: '', committedAtMs: 0 };
  const counted: CountedEvent = { ...event, fingerprint, sealed: digest !== null, ...place, commit };
  return { logged: { ...event, fingerprint, sealed: digest }, counted };
}

it.each<[Partial<typeof content>, string | null, readonly string[], readonly string[]]>([
  [{ quantity: '2' }, null, ['quantity'], []],
  [{ dimensions: '{"model":"a"}' }, null, ['dimensions'], []],
  [{ dimensions: '{"model":"a"}' }, 'p', ['dimensions'], ['properties']],
  [{ dimensions: '{"model":"a"}', eventTimeMs: 2_000 }, null, ['timestamp', 'dimensions'], []],
  [{}, 'q', ['properties'], []],
])('a conflict that differs by %j names it', (different, digest, fields, undetermined) => {
  const first = eventWith({}, digest === null ? null : 'p').counted;
  const { logged } = eventWith(different, digest);
  expect(conflictFields(logged, first)).toEqual({ different: fields, undetermined });
});
