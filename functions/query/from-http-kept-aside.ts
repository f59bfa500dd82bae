/** From administrators' requests about what is kept aside, and back to the answers. */
import { z } from 'zod';
import { formatDay } from '../../shared/events/calendar.ts';
import { isCanonicalDimensions, noDimensions } from '../../shared/events/dimensions.ts';
import { problem } from '../../shared/http/problem.ts';
import type { HttpAnswer } from '../../shared/http/stack.ts';
import type { KeptConflict, KeptPlace, KeptRecord } from '../../shared/ledger/event-lookup.ts';
import { fromRefusedBytes } from '../../shared/segments/refused-event.ts';
import { limitText } from './from-http-listed-events.ts';
import type { KeptPage } from './list-kept-aside.ts';
import { toHttpTime } from './to-http-fate.ts';

const cursorText = z.string().transform((text, context): KeptPlace => {
  const decoded = Buffer.from(text, 'base64url').toString();
  const [, atUs = '', ...numbers] =
    /^(\d{1,17})\/(\d{1,5})\/(\d{1,9})\/(\d{1,16})\/(-1|\d{1,9})$/.exec(decoded) ?? [];
  const [partition = 0, generation = 0, offset = 0, index = 0] = numbers.map(Number);
  const place = { atUs, partition, generation, offset, index };
  if (atUs !== '' && toHttpCursor(place) === text) return place;
  context.addIssue({ code: 'custom', message: 'must be next_cursor of an earlier answer' });
  return z.NEVER;
});

/** The parameters of a list of what is kept aside. */
export const keptParameters = z.strictObject({ limit: limitText, cursor: cursorText.optional() });

function toHttpCursor({ atUs, partition, generation, offset, index }: KeptPlace): string {
  return Buffer.from([atUs, partition, generation, offset, index].join('/')).toString('base64url');
}

export function toHttpConflicts({ entries, next, unavailable }: KeptPage<KeptConflict>): HttpAnswer {
  const conflicts = entries.map(({ organization, partition, offset, index, day, firstDay, atUs }) => ({
    organization_id: organization,
    partition,
    offset,
    index,
    timestamp_day: formatDay(day),
    first_day: formatDay(firstDay),
    found_at: toTime(atUs),
  }));
  return { status: 200, body: { conflicts, ...toNext(next), unavailable } };
}

export function toHttpQuarantine({ entries, next, unavailable }: KeptPage<KeptRecord>): HttpAnswer {
  return { status: 200, body: { entries: entries.map(toHttpRecord), ...toNext(next), unavailable } };
}

function toNext(next: KeptPlace | null) {
  return next === null ? {} : { next_cursor: toHttpCursor(next) };
}

/** The name of an entry: its place in the log, which is no secret for an administrator. */
const entryText = /^(\d{1,5})-(\d{1,9})-(\d{1,16})-(-1|\d{1,9})$/;

export function fromHttpEntry(text: string) {
  const found = entryText.exec(text);
  if (found === null) return null;
  const [partition = 0, generation = 0, offset = 0, index = 0] = found.slice(1).map(Number);
  return Number.isSafeInteger(offset) ? { partition, generation, offset, index } : null;
}

/** One entry with its bytes, and the body that sends its event again. */
export function toHttpEntry(record: (KeptRecord & { readonly bytes: Buffer }) | null): HttpAnswer {
  if (record === null)
    return { problem: problem(404, 'entry_unknown', 'Nothing of this name is in quarantine.') };
  const event = record.index < 0 ? null : fromRefusedBytes(record.bytes);
  const replay =
    event === null
      ? null
      : {
          organization_id: event.organization,
          metric_name: event.metric,
          quantity: event.quantity,
          idempotency_key: event.idempotencyKey,
          // A stamp is repeated as a timestamp, so that a replay counts once.
          timestamp: toHttpTime(event.eventTimeMs),
          ...toHttpDimensions(event.dimensions),
        };
  const bytes = record.bytes.toString('base64');
  const answer = { ...toHttpRecord(record), bytes, replay, has_properties: event?.sealed ?? false };
  return { status: 200, body: answer };
}

/** None where there are none, or where they are why the event was refused: then nobody would take them. */
function toHttpDimensions(text: string): { readonly dimensions?: Readonly<Record<string, string>> } {
  if (text === noDimensions || !isCanonicalDimensions(text)) return {};
  // That is what canonical dimensions are.
  return { dimensions: JSON.parse(text) as Record<string, string> };
}

function toHttpRecord({ partition, generation, offset, index, code, size, atUs }: KeptRecord) {
  const entry = [partition, generation, offset, index].join('-');
  return { entry, partition, offset, index, code, size, quarantined_at: toTime(atUs) };
}

function toTime(atUs: string): string {
  return toHttpTime(Math.floor(Number(atUs) / 1000));
}
